//! `tapline check`: every problem in every rule file, and everything that is odd, in one run.

use super::Failure;
use crate::engine::diagnostic::{Diagnostics, Severity};
use crate::engine::lint::{RuleSet, lint};
use crate::engine::{Plan, RuleFiles, proof, report};
use crate::rulebook;
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
    // A pack that a flag names is judged as preview judges it.
    let set =
        RuleSet { files: &files, pack, options: &options, live: pack.is_none(), cases: cases.as_deref() };
    let found = match lint(&set) {
        Ok(warnings) => warnings,
        Err(problems) => problems,
    };
    show(args, &found, out)?;
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

fn show(args: &Args, found: &Diagnostics, out: &mut dyn Write) -> std::io::Result<()> {
    let directory = args.rules.rules.to_string_lossy().replace('\\', "/");
    let text = match args.format {
        Format::Human => found.render(is_colourful()),
        Format::Json => report::render(found, report::Format::Json, &directory),
        Format::Github => report::render(found, report::Format::Github, &directory),
        Format::Sarif => report::render(found, report::Format::Sarif, &directory),
    };
    out.write_all(text.as_bytes())
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
