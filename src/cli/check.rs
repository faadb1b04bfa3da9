//! `tapline check`: every problem in every rule file, and everything that is odd, in one run.

use super::Failure;
use crate::engine::diagnostic::{Diagnostics, Place, Severity};
use crate::engine::lint::{RuleSet, lint};
use crate::engine::{Plan, RuleFiles, proof, report};
use crate::rulebook;
use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

/// Check the rule files and show every problem and every lint with its place and its fix.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    rules: super::RulesArgs,
    /// How to show what was found
    #[arg(long, value_enum, default_value_t = Format::Human, env = "TAPLINE_FORMAT")]
    format: Format,
    /// End with 1 where there are warnings only, too
    #[arg(long, env = "TAPLINE_DENY_WARNINGS")]
    deny_warnings: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For reading
    Human,
    /// One JSON object
    Json,
    /// GitHub's workflow commands, shown at the lines in question
    Github,
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

/// Runs the verb. Warnings alone are no failure unless they are denied.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Failure> {
    let files = args.rules.load()?;
    let options = args.rules.options();
    let pack = args.rules.pack.as_deref();
    let plan = args.rules.compile_live(&files);
    let cases = cases(args);
    let embedded = rulebook::embedded_paths(&args.rules.rules, &files);
    // Without a directory it is the program's own rules that are judged.
    let foreign = if args.rules.rules.is_dir() { embedded.clone() } else { BTreeSet::new() };
    // A pack that a flag names is judged as preview judges it.
    let set = RuleSet {
        files: &files,
        pack,
        options: &options,
        live: pack.is_none(),
        cases: cases.as_deref(),
        foreign: &foreign,
    };
    let found = match lint(&set) {
        Ok(warnings) => warnings,
        Err(problems) => problems,
    };
    show(args, &found, &embedded, out)?;
    if let (Format::Human, Ok(plan)) = (args.format, &plan) {
        writeln!(
            out,
            "fine: {} packs, `{}` is {} with {} rules, revision {}",
            plan.packs().len(),
            plan.pack(),
            if plan.is_preview_only(plan.pack()) { "for preview only" } else { "live" },
            plan.rule_count(),
            plan.revision()
        )?;
        write_origins(out, plan, &args.rules.rules, &files)?;
    }
    let (errors, warnings) = (found.count(Severity::Error), found.count(Severity::Warning));
    match (errors, warnings) {
        (0, 0) => Ok(()),
        (0, _) if args.deny_warnings => Err(Failure::NotGood(format!("warnings found: {warnings}"))),
        (0, _) => {
            super::say(&format!("warnings found: {warnings}"));
            Ok(())
        }
        _ => Err(Failure::ShownProblems(errors)),
    }
}

fn show(
    args: &Args,
    found: &Diagnostics,
    embedded: &BTreeSet<String>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let directory = args.rules.rules.to_string_lossy().replace('\\', "/");
    let render = |format| report::render(&without_embedded(found, embedded), format, &directory);
    let text = match args.format {
        Format::Human => found.render(is_colourful()),
        Format::Json => render(report::Format::Json),
        Format::Github => render(report::Format::Github),
        Format::Sarif => render(report::Format::Sarif),
    };
    out.write_all(text.as_bytes())
}

/// What is about a file inside the program has no file that another program could open: the message says where it is.
fn without_embedded(found: &Diagnostics, embedded: &BTreeSet<String>) -> Diagnostics {
    let mut shown = found.clone();
    let is_embedded = |place: &Place| embedded.contains(&*place.file);
    shown.retain(|problem| !problem.place.as_ref().is_some_and(is_embedded));
    for problem in found.iter() {
        if let Some(place) = problem.place.as_ref().filter(|place| is_embedded(place)) {
            let message = format!("{} ({place}, inside the program)", problem.message);
            shown.push(problem.code, None, message, problem.help.clone());
        }
    }
    shown.sort();
    shown
}

/// The cases next to the rules; none where there are none or where they can not be read, which is `tapline test`'s to say.
fn cases(args: &Args) -> Option<Vec<proof::Case>> {
    let directory = &args.rules.rules;
    let tests = rulebook::load_tests(directory).unwrap_or_default();
    let read = |path: &str| rulebook::read_text(directory, path).map_err(|error| error.to_string());
    let mut problems = Diagnostics::default();
    let cases: Vec<_> =
        tests.iter().flat_map(|(file, text)| proof::parse(file, text, &read, &mut problems)).collect();
    (problems.is_empty() && !cases.is_empty()).then_some(cases)
}

/// Which packs are the directory's own, and which are inside the program.
fn write_origins(out: &mut dyn Write, plan: &Plan, directory: &Path, files: &RuleFiles) -> io::Result<()> {
    let embedded = rulebook::embedded_packs(directory, files);
    let own = plan.packs().iter().filter(|pack| !embedded.contains(pack)).cloned().collect::<Vec<_>>();
    for (packs, place) in [(own, directory.display().to_string()), (embedded, "the program".to_owned())] {
        if !packs.is_empty() {
            writeln!(out, "from {place}: {}", packs.join(", "))?;
        }
    }
    Ok(())
}

/// Whether stdout takes colours: a terminal, and nobody has set `NO_COLOR`. Source: <https://no-color.org>.
pub(super) fn is_colourful() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
