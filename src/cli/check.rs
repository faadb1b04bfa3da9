//! `tapline check`: every problem in every rule file, in one run.

use super::Failure;
use crate::engine::{Plan, RuleFiles};
use crate::rulebook;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

/// Check the rule files and show every problem with its place and its fix.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    rules: super::RulesArgs,
}

/// Runs the verb.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Failure> {
    let files = args.rules.load()?;
    let plan = match args.rules.compile_live(&files) {
        Ok(plan) => plan,
        Err(problems) => {
            write!(out, "{}", problems.render(is_colourful()))?;
            return Err(Failure::ShownProblems(problems.len()));
        }
    };
    writeln!(
        out,
        "fine: {} packs, `{}` is {} with {} rules, revision {}",
        plan.packs().len(),
        plan.pack(),
        if plan.is_preview_only(plan.pack()) { "for preview only" } else { "live" },
        plan.rule_count(),
        plan.revision()
    )?;
    write_origins(out, &plan, &args.rules.rules, &files)?;
    Ok(())
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
