//! A wall clock that jumps, both ways, while events arrive and uploads are tried again.

use crate::support::app::TestApp;
use crate::support::figure;
use std::time::{Duration, Instant};
use tapline::journal::Counts;
use tapline::simulator::{Options, Simulator};

const HOUR: i64 = 3_600_000;
/// From the time at the start to a moment of 1970, and ten years ahead.
const TO_1970: i64 = -1_767_225_000_000;
const TEN_YEARS: i64 = 10 * 365 * 24 * HOUR;

/// Events after each jump.
const EVENTS: usize = 60;

/// Longer than retries take here, far shorter than any jump.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_holds_nothing_up_and_lets_nothing_expire() {
    // Some uploads fail, so that some wait for their next attempt while the clock jumps.
    let options = Options { faults: vec!["503:rate=0.15".parse().unwrap()], ..Options::default() };
    let clevertap = Simulator::start("127.0.0.1:0".parse().unwrap(), options).await.unwrap();
    let app = TestApp::builder()
        .durable()
        .variable("TAPLINE_ACCOUNT_ID", "account_1")
        .variable("TAPLINE_PASSCODE", "passcode_1")
        .variable("TAPLINE_CLEVERTAP_URL", &clevertap.base_url())
        .start()
        .await;
    let jumps = [0, 2 * HOUR, -2 * HOUR, TEN_YEARS, -TEN_YEARS, TO_1970, -TO_1970, TO_1970 - TEN_YEARS];
    let mut longest = Duration::ZERO;
    for (round, jump) in jumps.into_iter().enumerate() {
        assert_eq!(app.post("/v1/batch", batch(2 * round)).await.status, 200);
        // What was just taken is in the lanes, on its way, or waits for another attempt.
        app.clock.advance(jump);
        let jumped = Instant::now();
        assert_eq!(app.post("/v1/batch", batch(2 * round + 1)).await.status, 200);
        // Repetitions of what came right before a jump of hours are recognised over it.
        if jump.abs() < 24 * HOUR {
            assert_eq!(app.post("/v1/batch", batch(2 * round)).await.status, 200);
        }
        let waited = tokio::time::timeout(PATIENCE, app.settled()).await;
        assert!(waited.is_ok(), "after a jump of {jump} ms: {:?}", app.app.journal.counts());
        longest = longest.max(jumped.elapsed());
        assert_eq!(app.get("/readyz").await.status, 200);
    }
    let taken = 2 * EVENTS * jumps.len();
    let counts = app.app.journal.counts();
    let delivered = taken as u64;
    assert_eq!(counts, Counts { accepted: delivered, delivered, ..Counts::default() });
    assert_eq!(clevertap.received().len(), taken, "something arrived twice");
    // Nothing spins while there is nothing to do.
    let before = processor_time();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let used = processor_time() - before;
    assert!(used < Duration::from_millis(300), "{used:?} of a core in a second of nothing to do");
    app.stop().await;
    clevertap.stop().await;
    figure::fault(figure::Fault {
        name: "a clock that jumps: ±2 h, +10 years, 1970, and back",
        rounds: jumps.len(),
        acknowledged: taken,
        lost: 0,
        twice: Some(0),
        recovery: longest,
        mutation: "forget repetitions when the clock goes back",
    });
}

fn batch(number: usize) -> String {
    let calls: Vec<_> = (number * EVENTS..(number + 1) * EVENTS)
        .map(|step| {
            serde_json::json!({"type": "track", "event": "Step Taken", "messageId": format!("message_{step}"),
                "timestamp": "2026-01-01T00:00:00Z", "userId": format!("user_{}", step % 20), "anonymousId": "device-1", "properties": {"step": step}})
        })
        .collect();
    serde_json::json!({ "batch": calls }).to_string()
}

/// Time that this process had the processor, all threads together.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<u64>().unwrap();
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}
