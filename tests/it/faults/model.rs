//! Any order of calls, repetitions, answers, waits, changes of rules, stops, crashes and sweeps, over the real journal and
//! the real delivery, against a model that knows what must hold.
//!
//! The clock is tokio's own, paused, so that hours of retries pass in no time. A crash here is a disk that takes nothing
//! from some sync on, and a process that ends; what a power loss does beyond that is shown elsewhere.

/// The stand-in for CleverTap that knows what may be sent.
mod peer;
/// The journal, delivery and model under test.
mod world;

use crate::support::figure::{self, Fault};
use peer::Answer;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::cell::Cell;
use std::time::Duration;
use world::World;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Op {
    /// Calls come, in one request.
    Ingest(Vec<Call>),
    /// An earlier call comes again.
    Repeat(usize),
    /// This is how CleverTap answers the next uploads; after them it takes everything.
    Answers(Vec<Answer>),
    /// Seconds go by.
    Pass(u16),
    /// Everything is delivered that can be.
    Idle,
    /// Other rules are in force.
    Reload,
    /// What ended is dropped from the journal as far as whole parts of it did.
    Sweep,
    /// A stop as a signal asks for it, and another start.
    Restart,
    /// After so many more syncs the disk takes nothing while calls come; then another start.
    Crash(u8, Vec<Call>),
}

/// A call that comes.
#[derive(Debug, Clone, Copy)]
struct Call {
    user: u8,
    kind: Kind,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One record.
    One,
    /// Two records.
    Two,
    /// A record that CleverTap refuses for good.
    Bad,
    /// A rule filters it.
    Filtered,
    /// The rules fail it.
    Failed,
    /// Ingest refused it.
    Refused,
}

fn call() -> impl Strategy<Value = Call> {
    let kind = prop_oneof![
        6 => Just(Kind::One),
        2 => Just(Kind::Two),
        1 => Just(Kind::Bad),
        1 => Just(Kind::Filtered),
        1 => Just(Kind::Failed),
        1 => Just(Kind::Refused),
    ];
    (0..6_u8, kind).prop_map(|(user, kind)| Call { user, kind })
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    prop::collection::vec(call(), 1..12)
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        3 => Just(Answer::Take),
        2 => any::<u8>().prop_map(Answer::Later),
        2 => Just(Answer::Cut),
        1 => Just(Answer::Status(503)),
        1 => Just(Answer::Status(429)),
        1 => Just(Answer::Page),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => calls().prop_map(Op::Ingest),
        2 => any::<usize>().prop_map(Op::Repeat),
        4 => prop::collection::vec(answer(), 1..6).prop_map(Op::Answers),
        3 => (0..400_u16).prop_map(Op::Pass),
        2 => Just(Op::Idle),
        2 => Just(Op::Reload),
        1 => Just(Op::Sweep),
        1 => Just(Op::Restart),
        2 => (0..6_u8, calls()).prop_map(|(syncs, calls)| Op::Crash(syncs, calls)),
    ]
}

#[test]
fn whatever_happens_in_whatever_order_the_promises_hold() {
    let cases = figure::rounds(250, 10_000);
    let config = ProptestConfig {
        cases: u32::try_from(cases).unwrap(),
        failure_persistence: None,
        max_shrink_iters: 500,
        ..ProptestConfig::default()
    };
    let (accepted, twice, crashes) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let outcome = TestRunner::new(config).run(&prop::collection::vec(op(), 1..20), |ops| {
        crashes.set(crashes.get() + ops.iter().filter(|op| matches!(op, Op::Crash(..))).count());
        let (one_accepted, one_twice) = run(ops);
        accepted.set(accepted.get() + one_accepted);
        twice.set(twice.get() + one_twice);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    assert!(
        accepted.get() > cases * 5 && twice.get() > 0 && crashes.get() > cases / 4,
        "too little happened"
    );
    figure::fault(Fault {
        name: "any order of calls, answers, waits, reloads, stops, crashes and sweeps, against a model",
        rounds: cases,
        acknowledged: accepted.get(),
        lost: 0,
        twice: Some(twice.get()),
        recovery: Duration::ZERO,
        mutation: "an upload that was not answered counts as taken",
    });
}

/// Runs one case on a clock of its own; gives how many events were accepted, and how many records came twice.
fn run(ops: Vec<Op>) -> (usize, usize) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut world = World::new().await;
        for op in ops {
            match op {
                Op::Ingest(calls) => world.ingest(&calls).await,
                Op::Repeat(which) => world.repeat(which).await,
                Op::Answers(answers) => world.peer.answer_by(answers),
                Op::Pass(seconds) => tokio::time::sleep(Duration::from_secs(seconds.into())).await,
                Op::Idle => world.idle().await,
                Op::Reload => world.reload(),
                Op::Sweep => world.sweep().await,
                Op::Restart => world.restart().await,
                Op::Crash(syncs, calls) => world.crash(syncs, &calls).await,
            }
            world.check().await;
        }
        world.finish().await
    })
}
