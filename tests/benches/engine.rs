//! How fast the engine maps, beside a hand-written mapping of the same events as yardstick.
//!
//! The yardstick is what a good engineer would write by hand for exactly these two kinds of call: `serde_json` with typed
//! structs, borrowed raw values, a streaming visitor and remembered keys. It has no rules, no limits, no warnings.
//! Both run in turn in one process; ratios are to be quoted, not single figures.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a bench fails by panicking")]

mod yardstick;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use tapline::engine::{Context, Evaluator, Plan, RuleFiles};

const ROUNDS: usize = 40;
const PASSES: usize = 20;

/// A rule's script as people write them: one condition, three fields written, a nested place read.
const SCRIPT: &str = r#"
    script: |
      if event.event != () && event.properties.price != () {
        record.data.source = "server";
        record.data.os = event.context.os.name;
        record.data.doubled = as_number(event.properties.price) * 2;
      }
"#;

fn main() {
    let plan = Arc::new(plan(""));
    println!(
        "{:<10} {:>8} {:>14} {:>14} {:>10} {:>14}",
        "events", "bytes", "yardstick ns", "engine ns", "ratio", "events/s"
    );
    for (name, text) in [
        ("track", include_str!("../fixtures/track.ndjson")),
        ("identify", include_str!("../fixtures/identify.ndjson")),
    ] {
        let events: Vec<&[u8]> = text.lines().map(str::as_bytes).collect();
        let mut hand = yardstick::Mapper::default();
        let mut engine = Evaluator::new(plan.clone());
        let (mut hand_times, mut engine_times) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            hand_times.push(time(&events, |event| hand.map(event).len()));
            engine_times.push(time(&events, |event| {
                let evaluation = engine.evaluate(event, &Context::default());
                evaluation.records().map(|record| record.json.len()).sum()
            }));
        }
        let (hand, engine) = (median(hand_times), median(engine_times));
        let bytes = events.iter().map(|event| event.len()).sum::<usize>() / events.len();
        println!(
            "{name:<10} {bytes:>8} {hand:>14.0} {engine:>14.0} {:>10.2} {:>14.0}",
            hand / engine,
            1e9 / engine
        );
    }
    cost_of_a_script(&plan);
}

/// How much longer an event takes whose rule has a script.
fn cost_of_a_script(plain: &Arc<Plan>) {
    let events: Vec<&[u8]> = include_str!("../fixtures/track.ndjson").lines().map(str::as_bytes).collect();
    let scripted = Arc::new(self::plan(SCRIPT));
    let [mut without, mut with] = [plain, &scripted].map(|plan| (Evaluator::new(plan.clone()), Vec::new()));
    for _ in 0..ROUNDS {
        for (engine, times) in [&mut without, &mut with] {
            times.push(time(&events, |event| {
                let evaluation = engine.evaluate(event, &Context::default());
                evaluation.records().map(|record| record.json.len()).sum()
            }));
        }
    }
    let (without, with) = (median(without.1), median(with.1));
    println!("a rule's script: {:.0} ns more an event ({with:.0} in place of {without:.0})", with - without);
}

/// The default pack, with `script` behind its rule for track.
fn plan(script: &str) -> Plan {
    let pack = include_str!("../../rules/packs/segment-cloud.yaml");
    let (before, after) = pack.split_once("\n  - id: page\n").unwrap();
    let files: RuleFiles = [
        ("tapline.yaml", include_str!("../../rules/tapline.yaml").to_owned()),
        ("packs/segment-cloud.yaml", format!("{before}{script}\n  - id: page\n{after}")),
    ]
    .map(|(file, text)| (file.to_owned(), text))
    .into();
    match Plan::compile(&files, None, &Default::default()) {
        Ok(plan) => plan,
        Err(problems) => panic!("{problems}"),
    }
}

/// Nanoseconds an event.
fn time(events: &[&[u8]], mut map: impl FnMut(&[u8]) -> usize) -> f64 {
    let start = Instant::now();
    let mut written = 0;
    for _ in 0..PASSES {
        for event in events {
            written += map(black_box(event));
        }
    }
    black_box(written);
    start.elapsed().as_nanos() as f64 / (PASSES * events.len()) as f64
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
