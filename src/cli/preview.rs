//! `tapline preview`: what events become, without sending anything.

use super::Failure;
use crate::clock;
use crate::engine::event::{batch, time};
use crate::engine::{Context, Evaluator, Plan, Preview, preview};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// Show what events become: outcome, records and warnings, and with --trace why.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    rules: super::RulesArgs,
    /// One event, an array of events, `{"batch":[…]}` or NDJSON; `-` is standard input
    #[arg(default_value = "-")]
    file: PathBuf,
    /// How to show the result
    #[arg(long, value_enum, default_value_t = Format::Human, env = "TAPLINE_FORMAT")]
    format: Format,
    /// Also show why: every rule and condition, and where each field came from
    #[arg(long, env = "TAPLINE_TRACE")]
    trace: bool,
    /// When the events were received, where they do not say so themselves (RFC 3339)
    #[arg(long, value_name = "TIME", env = "TAPLINE_NOW", value_parser = parse_time)]
    now: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For reading
    Human,
    /// One line of JSON an event, in order
    Json,
}

/// Reads a time, for people.
pub(super) fn parse_time(text: &str) -> Result<i64, String> {
    time::parse_iso(text)
        .ok_or_else(|| format!("expected a time like `2026-01-31T12:00:00Z`, found `{text}`"))
}

/// Runs the verb. Found problems are for `check`; an event that is not mapped is no failure of this verb.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Failure> {
    let plan = Arc::new(args.rules.compile()?);
    let text = read(&args.file)?;
    let mut evaluator = Evaluator::new(plan.clone());
    let context = Context { received_at: args.now, stopwatch: Some(clock::stopwatch) };
    for event in batch::split(&text) {
        let result = preview(&mut evaluator, event.as_bytes(), &context, args.trace);
        match args.format {
            Format::Json => {
                serde_json::to_writer(&mut *out, &result).map_err(std::io::Error::from)?;
                out.write_all(b"\n")?;
            }
            Format::Human => human::write(out, &plan, &result)?,
        }
    }
    Ok(())
}

fn read(file: &std::path::Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let outcome = match file.to_str() {
        Some("-") => std::io::stdin().lock().read_to_end(&mut bytes).map(drop),
        _ => std::fs::read(file).map(|read| bytes = read),
    };
    outcome.map_err(|error| Failure::CouldNotRun(format!("can not read `{}`: {error}", file.display())))?;
    // What is not UTF-8 reaches the engine as text that is no JSON either, and is complained of there.
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

mod human {
    use super::{Plan, Preview, Write};
    use crate::engine::trace::{ConditionTrace, Trace, Verdict};

    pub(super) fn write(out: &mut dyn Write, plan: &Plan, result: &Preview) -> std::io::Result<()> {
        match &result.reason {
            None => writeln!(out, "{} by the pack {}", result.outcome, plan.pack())?,
            Some(reason) => writeln!(out, "{}: {}: {}", result.outcome, reason.code, reason.message)?,
        }
        for record in &result.records {
            let pretty = serde_json::from_str::<serde_json::Value>(record.get())
                .and_then(|value| serde_json::to_string_pretty(&value));
            writeln!(out, "{}", pretty.unwrap_or_else(|_| record.get().to_owned()))?;
        }
        for warning in &result.warnings {
            writeln!(out, "warning: {}: {}: {}", warning.code, warning.path, warning.message)?;
        }
        if let Some(trace) = &result.trace {
            write_trace(out, trace)?;
        }
        writeln!(out)
    }

    fn write_trace(out: &mut dyn Write, trace: &Trace) -> std::io::Result<()> {
        writeln!(out, "rules:")?;
        for rule in &trace.rules {
            let verdict = match rule.verdict {
                Verdict::Matched => "matched".to_owned(),
                Verdict::NotMatched => "not matched".to_owned(),
                Verdict::NotReached => "not reached".to_owned(),
                Verdict::Disabled => "disabled".to_owned(),
                Verdict::Shadowed => {
                    format!("shadowed by {}", rule.shadowed_by.as_deref().unwrap_or_default())
                }
            };
            writeln!(out, "  {} ({}): {verdict}", rule.id, rule.place)?;
            write_condition(out, &rule.condition, 2)?;
            rule.requires.iter().try_for_each(|required| write_condition(out, required, 2))?;
        }
        for record in &trace.records {
            writeln!(out, "{:?} record by {}:", record.kind, record.rule)?;
            for field in &record.fields {
                let steps = field.transforms.join(", ");
                writeln!(
                    out,
                    "  {} = {} ← {} ({}) {steps}",
                    field.target, field.value, field.from, field.place
                )?;
            }
        }
        for dropped in &trace.dropped {
            writeln!(out, "left out: {}: {}", dropped.path, dropped.reason)?;
        }
        for print in &trace.prints {
            writeln!(out, "printed: {} ({})", print.text, print.place)?;
        }
        Ok(())
    }

    fn write_condition(out: &mut dyn Write, condition: &ConditionTrace, depth: usize) -> std::io::Result<()> {
        let mark = if condition.holds { "yes" } else { "no" };
        let actual = if condition.actual.is_empty() {
            String::new()
        } else {
            format!(" (found {})", condition.actual)
        };
        writeln!(out, "{}{mark}: {}{actual}", "  ".repeat(depth), condition.text)?;
        condition.inner.iter().try_for_each(|inner| write_condition(out, inner, depth + 1))
    }
}
