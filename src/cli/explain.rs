//! `tapline explain`: what a code means, by example, and what to do about it.

use super::Failure;
use crate::admin;
use crate::engine::diagnostic::{Diagnostics, did_you_mean};
use crate::engine::explanation::{self, Explanation};
use crate::engine::proof;
use crate::ingest;
use crate::rulebook;
use std::io::Write;

/// Explain a code: of `tapline check` (R103), of a warning (nested_dropped), or of a reason (missing_user_id).
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    rules: super::RulesArgs,
    /// The code
    code: String,
}

/// Runs the verb.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Failure> {
    let (known, problem) = every_explanation(&args.rules);
    let mut found = known.iter().filter(|known| known.code.eq_ignore_ascii_case(&args.code)).peekable();
    if found.peek().is_none() {
        let help = did_you_mean(&args.code, known.iter().map(|known| known.code.as_str()))
            .unwrap_or_else(|| "codes look like `R103`, `nested_dropped` or `missing_user_id`".to_owned());
        let hidden = match problem {
            Some(_) => {
                "; the reasons that rules give are not known, because the rules can not be used (`tapline check`)"
            }
            None => "",
        };
        return Err(Failure::CouldNotRun(format!("there is no code `{}`; {help}{hidden}", args.code)));
    }
    for (index, explanation) in found.enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        write!(out, "{explanation}")?;
    }
    Ok(())
}

/// What every room says of its codes. A code may stand for the same in several rooms.
/// Rules that can not be used are no reason to keep the rest back: whoever corrects them asks for just that.
fn every_explanation(rules: &super::RulesArgs) -> (Vec<Explanation>, Option<Failure>) {
    let mut known: Vec<Explanation> = explanation::every().collect();
    let problem = match of_rules(rules) {
        Ok(of_rules) => {
            known.extend(of_rules);
            None
        }
        Err(problem) => Some(problem),
    };
    known.extend(ingest::explanations());
    known.extend(admin::explanations());
    (known, problem)
}

/// The reasons that rules give. Their message says what happened and what to do; the cases next to them are the examples.
fn of_rules(rules: &super::RulesArgs) -> Result<Vec<Explanation>, Failure> {
    let plan = rules.compile()?;
    let tests = rulebook::load_tests(&rules.rules).unwrap_or_default();
    let read = |path: &str| rulebook::read_text(&rules.rules, path).map_err(|error| error.to_string());
    let parse =
        |(file, text): (&String, &String)| proof::parse(file, text, &read, &mut Diagnostics::default());
    let cases: Vec<_> = tests.iter().flat_map(parse).collect();
    let explain = |(rule, place, reason): (&str, String, &crate::engine::Reason)| {
        // A case without a pack is about the live one.
        let mut own = cases.iter().filter(|case| case.pack.as_deref().is_none_or(|pack| pack == plan.pack()));
        let case = own.find(|case| case.expect.reason.as_deref() == Some(&*reason.code));
        Explanation {
            code: reason.code.to_string(),
            kind: format!("reason, given by the rule {rule} of the pack {} ({place})", plan.pack()),
            happened: reason.message.to_string(),
            example: case.map(|case| case.event.trim().to_owned()).unwrap_or_default(),
            remedy:
                "Do what the reason says, or change the rule; `tapline preview --trace` shows why it applied."
                    .into(),
        }
    };
    Ok(plan.reasons().map(explain).collect())
}
