//! `tapline init`: a rules directory to start from, with the comments that explain it.
//!
//! It holds only what is one's own: the packs stay inside the program, so that they stay as current as the program is.

use super::{Failure, say};
use crate::engine::diagnostic::did_you_mean;
use crate::engine::plan::{self, Plan};
use crate::engine::rules::shape::{self, Draft, Subject};
use crate::rulebook;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Write a rules directory to start from: an entry with a first rule, a case for it, and how to go on.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to; it may exist, and nothing in it is overwritten
    #[arg(value_name = "DIR", default_value = "./rules", env = "TAPLINE_RULES")]
    directory: PathBuf,
    /// The pack to stand on
    #[arg(long, value_name = "NAME", default_value = "segment-cloud", env = "TAPLINE_PACK")]
    pack: String,
}

/// Runs the verb. Names of the files written go to stdout, what to do next to stderr.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Failure> {
    let files = files(&args.pack)?;
    let there: Vec<String> = files
        .iter()
        .map(|(name, _)| args.directory.join(name))
        .filter(|path| fs::symlink_metadata(path).is_ok())
        .map(|path| format!("\n  {}", path.display()))
        .collect();
    if !there.is_empty() {
        return Err(Failure::CouldNotRun(format!(
            "expected to overwrite nothing, found:{}\nname another directory, or move these away",
            there.concat()
        )));
    }
    for (name, text) in &files {
        let path = args.directory.join(name);
        write(&path, text).map_err(|error| {
            Failure::CouldNotRun(format!("`{}` can not be written: {error}", path.display()))
        })?;
        writeln!(out, "{}", path.display())?;
    }
    out.flush()?;
    let directory = args.directory.display();
    say(&format!(
        "\nNext:\n  tapline check --rules {directory}\n  tapline test --rules {directory}\n  tapline preview --rules {directory} --trace event.json\n\nThen change {}: every line of it is explained there.",
        args.directory.join("tapline.yaml").display()
    ));
    Ok(())
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    fs::File::create_new(path)?.write_all(text.as_bytes())
}

/// The files with their paths below the directory.
fn files(pack: &str) -> Result<Vec<(String, String)>, Failure> {
    let embedded = rulebook::embedded_files();
    let packs: Vec<&str> = embedded.keys().filter_map(|file| plan::pack_name(file)).collect();
    if !packs.contains(&pack) {
        let help = did_you_mean(pack, packs.iter().copied())
            .unwrap_or_else(|| format!("there are: {}", packs.join(", ")));
        return Err(Failure::CouldNotRun(format!("there is no pack `{pack}`; {help}")));
    }
    // The pack that a directory stands on is the one that goes live.
    let plan = Plan::compile_live(&embedded, Some(pack), &BTreeMap::new()).map_err(Failure::FoundProblems)?;
    let place = plan.last_guard().map(|id| format!("  #   after: {id}\n")).unwrap_or_default();
    let fill = |text: &str| {
        let text = text.replace("PACK", pack).replace("# OPTIONS\n", &options(&plan));
        text.replace("  #   after: GUARD\n", &place)
    };
    let mut files: Vec<(String, String)> = vec![
        ("tapline.yaml".into(), fill(include_str!("tapline.yaml"))),
        ("tests/local.yaml".into(), fill(include_str!("local.yaml"))),
        ("README.md".into(), fill(include_str!("README.md"))),
    ];
    // Beside the rules, so that editors need neither a server nor the network.
    files.extend(
        Subject::ALL.map(|subject| {
            (format!("schema/{}.json", subject.name()), shape::render(subject, Draft::Draft07))
        }),
    );
    Ok(files)
}

/// The pack's options as a commented block, each with what it does and its default.
fn options(plan: &Plan) -> String {
    if plan.options().is_empty() {
        return "# This pack has no options.\n".to_owned();
    }
    let mut text = String::from("# options:\n");
    for option in plan.options() {
        text.push_str(&format!("#   # {}\n#   {}: {}\n", option.label, option.name, option.default));
    }
    text
}
