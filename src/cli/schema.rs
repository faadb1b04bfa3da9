//! `tapline schema`: the shape of rule files as JSON Schema.

use super::Failure;
use crate::engine::rules::shape::{self, Draft, Subject};
use clap::builder::PossibleValuesParser;
use std::io::Write;

/// Print the JSON Schema of rule files, for editors and for programs that write rules.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The version of JSON Schema; more editors know draft 07
    #[arg(long, env = "TAPLINE_DRAFT", default_value = "2020-12", value_parser = PossibleValuesParser::new(Draft::ALL.map(|(name, _)| name)))]
    draft: String,
    /// The kind of file: `tapline.yaml`, a pack, or cases
    #[arg(long = "for", value_name = "FILE", env = "TAPLINE_FOR", default_value = "entry", value_parser = PossibleValuesParser::new(Subject::ALL.map(Subject::name)))]
    subject: String,
}

/// Runs the verb.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Failure> {
    let draft = Draft::ALL.iter().find(|(name, _)| *name == args.draft).map(|(_, draft)| *draft);
    let (Some(draft), Some(subject)) = (draft, Subject::find(&args.subject)) else {
        return Err(Failure::CouldNotRun(format!("there is no schema for `{}`", args.subject)));
    };
    write!(out, "{}", shape::render(subject, draft))?;
    Ok(())
}
