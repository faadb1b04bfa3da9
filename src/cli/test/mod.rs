//! `tapline test`: the cases next to the rules.

mod report;

use super::Failure;
use crate::engine::diagnostic::Diagnostics;
use crate::engine::layout;
use crate::engine::proof::{self, Case, Coverage, Proof};
use crate::engine::report as problem_report;
use crate::engine::{Evaluator, Plan, RuleFiles};
use crate::rulebook;
use report::Format;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

/// Run the cases next to the rules (`tests/*.yaml` in the rules directory) and say what they cover.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    rules: super::RulesArgs,
    /// Only cases whose name holds this text
    filter: Option<String>,
    /// Write what the events become into the files as what is expected from now on
    #[arg(long, env = "TAPLINE_ACCEPT")]
    accept: bool,
    /// How much of the rules and of the fields must be covered
    #[arg(long, value_name = "PERCENT", env = "TAPLINE_MIN_COVERAGE", value_parser = clap::value_parser!(u8).range(0..=100))]
    min_coverage: Option<u8>,
    /// How to show the result
    #[arg(long, value_enum, default_value_t = Format::Human, env = "TAPLINE_FORMAT")]
    format: Format,
}

/// A case that was run.
struct Ran {
    case: Case,
    proof: Proof,
    accepted: bool,
    /// Why it was not accepted although it was asked for.
    refusal: Option<String>,
}

impl Ran {
    fn is_fine(&self) -> bool {
        self.accepted || self.proof.differences.is_empty()
    }
}

/// Everything that was found out.
struct Report {
    cases: Vec<Ran>,
    coverage: Coverage,
    min_coverage: Option<u8>,
}

impl Report {
    fn failed(&self) -> usize {
        self.cases.iter().filter(|ran| !ran.is_fine()).count()
    }

    fn is_covered(&self) -> bool {
        let least = self.coverage.rules().percent.min(self.coverage.fields().percent);
        self.min_coverage.is_none_or(|wanted| least >= wanted)
    }
}

/// Runs the verb. Cases that fail and too little coverage are found problems.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Failure> {
    args.rules.check_directory()?;
    let directory = &args.rules.rules;
    let files = load(args, rulebook::load_files)?;
    let tests = load(args, rulebook::load_tests)?;
    if tests.is_empty() {
        let place = directory.join("tests");
        return Err(Failure::CouldNotRun(format!(
            "there are no cases: no `*.yaml` in `{}`",
            place.display()
        )));
    }
    if args.accept && !directory.is_dir() {
        let message = "the cases inside the binary can not be rewritten; name a directory with --rules";
        return Err(Failure::CouldNotRun(message.into()));
    }
    let mut problems = Diagnostics::default();
    let read = |path: &str| rulebook::read_text(directory, path).map_err(|error| error.to_string());
    let mut cases: Vec<Case> = Vec::new();
    for (file, text) in &tests {
        cases.extend(proof::parse(file, text, &read, &mut problems));
    }
    let mut plans = Plans { args, files: &files, known: BTreeMap::new() };
    let live = match plans.plan(None, &BTreeMap::new()) {
        Ok(live) => live,
        Err(more) => return show(args, out, &more),
    };
    cases.retain(|case| args.filter.as_ref().is_none_or(|text| case.name.contains(text.as_str())));
    if let (true, true, Some(text)) = (cases.is_empty(), problems.is_empty(), &args.filter) {
        return Err(Failure::CouldNotRun(format!("no case has `{text}` in its name")));
    }
    let mut coverage = Coverage::default();
    coverage.expect(&live);
    let mut ran = Vec::with_capacity(cases.len());
    for case in cases {
        match plans.plan(case.pack.as_deref(), &case.options) {
            Ok(plan) => {
                coverage.expect(&plan);
                let proof = proof::prove(&case, &mut Evaluator::new(plan));
                proof.result.trace.iter().for_each(|trace| coverage.reach(trace));
                ran.push(Ran { case, proof, accepted: false, refusal: None });
            }
            // The rules are fine by themselves: what is wrong is what this case asks of them.
            Err(wrong) => wrong.iter().for_each(|problem| {
                let place = Some(case.setup_place.clone());
                problems.push(problem.code, place, problem.message.clone(), problem.help.clone());
            }),
        }
    }
    if !problems.is_empty() {
        return show(args, out, &problems);
    }
    // Packs inside the binary have been proved with it; in a directory, what is one's own counts.
    coverage.retain(|file| !directory.is_dir() || directory.join(file).exists());
    if args.accept {
        accept(args, &tests, &mut ran, &read)?;
    }
    let report = Report { cases: ran, coverage, min_coverage: args.min_coverage };
    report::write(out, &report, args.format)?;
    match (report.failed(), report.is_covered()) {
        (0, true) => Ok(()),
        (0, false) => Err(Failure::NotGood(format!(
            "the cases cover too little: expected {} % of rules and of fields",
            args.min_coverage.unwrap_or_default()
        ))),
        (failed, _) => Err(Failure::NotGood(format!("cases failed: {failed}"))),
    }
}

fn load(args: &Args, load: fn(&std::path::Path) -> std::io::Result<RuleFiles>) -> Result<RuleFiles, Failure> {
    let directory = &args.rules.rules;
    load(directory).map_err(|error| {
        Failure::CouldNotRun(format!(
            "the rules directory `{}` can not be read: {error}",
            directory.display()
        ))
    })
}

/// Problems go to stdout whatever the format, as those that `check` finds.
/// Shows why no case was run: to people the lines in question; programs get what they asked for on stdout, and people
/// who look at their log get the rest on stderr.
fn show(args: &Args, out: &mut dyn Write, problems: &Diagnostics) -> Result<(), Failure> {
    let mut problems = problems.clone();
    problems.sort();
    let directory = args.rules.rules.to_string_lossy().replace('\\', "/");
    match args.format {
        Format::Human => write!(out, "{}", problems.render(super::check::is_colourful()))?,
        Format::Json => {
            write!(out, "{}", problem_report::render(&problems, problem_report::Format::Json, &directory))?;
        }
        Format::Junit => {
            report::write_refusal(out, &problems)?;
            super::say(problems.render(false).trim_end());
        }
    }
    Err(Failure::ShownProblems(problems.len()))
}

/// Plans by pack and options, each compiled once.
struct Plans<'a> {
    args: &'a Args,
    files: &'a RuleFiles,
    known: BTreeMap<(Option<String>, String), Arc<Plan>>,
}

impl Plans<'_> {
    /// The plan with a case's pack and options over those of the command line.
    fn plan(
        &mut self,
        pack: Option<&str>,
        options: &BTreeMap<String, serde_json::Value>,
    ) -> Result<Arc<Plan>, Diagnostics> {
        let rules = &self.args.rules;
        let other_pack = pack.is_some() && pack != rules.pack.as_deref();
        // Options on the command line are about the pack that is live there.
        let mut all = if other_pack { BTreeMap::new() } else { rules.options() };
        all.extend(options.iter().map(|(name, value)| (name.clone(), value.clone())));
        let pack = pack.or(rules.pack.as_deref());
        let key = (pack.map(str::to_owned), serde_json::json!(all).to_string());
        if let Some(plan) = self.known.get(&key) {
            return Ok(plan.clone());
        }
        let plan = Arc::new(Plan::compile(self.files, pack, &all)?);
        self.known.insert(key, plan.clone());
        Ok(plan)
    }
}

/// Rewrites the files of the cases that failed.
fn accept(
    args: &Args,
    tests: &RuleFiles,
    ran: &mut [Ran],
    read: &dyn Fn(&str) -> Result<String, String>,
) -> Result<(), Failure> {
    for (file, text) in tests {
        let is_wanted = |ran: &Ran| !ran.is_fine() && *ran.case.place.file == **file;
        let results: Vec<_> =
            ran.iter().filter(|ran| is_wanted(ran)).map(|ran| (&ran.case, &ran.proof.result)).collect();
        if results.is_empty() {
            continue;
        }
        let refusal = match proof::accept(file, text, &results, read) {
            Ok(new) => {
                let path = args.rules.rules.join(file);
                let new = keep_layout(file, text, new);
                std::fs::write(&path, new).map_err(|error| {
                    Failure::CouldNotRun(format!("can not write `{}`: {error}", path.display()))
                })?;
                None
            }
            Err(error) => Some(error.to_string()),
        };
        for ran in ran.iter_mut().filter(|ran| is_wanted(ran)) {
            ran.accepted = refusal.is_none();
            ran.refusal.clone_from(&refusal);
        }
    }
    Ok(())
}

/// What was in canonical layout stays so; of any other file all other lines stay as they are.
fn keep_layout(file: &str, old: &str, new: String) -> String {
    let was_laid_out = layout::lay_out(file, old).is_ok_and(|laid_out| laid_out == old);
    if was_laid_out { layout::lay_out(file, &new).unwrap_or(new) } else { new }
}
