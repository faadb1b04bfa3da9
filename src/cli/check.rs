//! `tapline check`: every problem in every rule file, in one run.

use super::Failure;
use crate::rulebook;
use std::io::{IsTerminal, Write};

/// Check the rule files and show every problem with its place and its fix.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    rules: super::RulesArgs,
}

/// Runs the verb.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Failure> {
    let plan = match args.rules.compile() {
        Ok(plan) => plan,
        Err(Failure::FoundProblems(problems)) => {
            write!(out, "{}", problems.render(is_colourful()))?;
            return Err(Failure::ShownProblems(problems.len()));
        }
        Err(other) => return Err(other),
    };
    writeln!(
        out,
        "fine: {} packs, `{}` is live with {} rules, revision {}",
        plan.packs().len(),
        plan.pack(),
        plan.rule_count(),
        plan.revision()
    )?;
    let directory = &args.rules.rules;
    let embedded = rulebook::embedded_packs(directory, &args.rules.load()?);
    let own: Vec<&str> = plan
        .packs()
        .iter()
        .map(String::as_str)
        .filter(|pack| !embedded.iter().any(|name| name == pack))
        .collect();
    for (names, place) in
        [(own.join(", "), directory.display().to_string()), (embedded.join(", "), "the program".into())]
    {
        if !names.is_empty() {
            writeln!(out, "from {place}: {names}")?;
        }
    }
    Ok(())
}

/// Whether stdout takes colours: a terminal, and nobody has set `NO_COLOR`. Source: <https://no-color.org>.
pub(super) fn is_colourful() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
