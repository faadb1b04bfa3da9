//! The program dies at a named point between two steps, while it takes events and delivers them.

use super::load::{Load, Plan};
use crate::support::figure;
use crate::support::stand::{Stand, settled};
use std::time::{Duration, Instant};
use tapline::point::CommitPoint;

/// The points of the program's own work; `tests/it/journal/point.rs` goes through all of the journal's.
const POINTS: [CommitPoint; 13] = [
    CommitPoint::BlockBegun,
    CommitPoint::BlockWritten,
    CommitPoint::LogFlushed,
    CommitPoint::EventsSynced,
    CommitPoint::EventsAnswered,
    CommitPoint::UploadBegun,
    CommitPoint::UploadAnswered,
    CommitPoint::EndsBegun,
    CommitPoint::MainWritten,
    CommitPoint::EndsSynced,
    CommitPoint::EndsAnswered,
    CommitPoint::UploadSettled,
    CommitPoint::TokensKept,
];

/// How long a server may take to come to a point.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_at_any_named_point_loses_nothing_and_sends_again_only_what_was_in_flight() {
    let times: &[u64] = if figure::rounds(0, 1) == 0 { &[12] } else { &[7, 12, 20, 33] };
    let stand = Stand::start(&["--fault", "slow:ms=15"]).await;
    let mut load = Load::start(Plan { batch: 10, filler: 100 });
    let (mut deaths, mut longest) = (0, Duration::ZERO);
    for point in POINTS {
        for times in times {
            let at = format!("{}:{times}", point.name());
            let starting = Instant::now();
            let mut server = stand.serve_with(&[("TAPLINE_ABORT_AT", &at)]).await;
            longest = longest.max(starting.elapsed());
            load.go_to(Some(server.address));
            let reached = async {
                while !server.has_ended() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            assert!(tokio::time::timeout(PATIENCE, reached).await.is_ok(), "{at} was never passed");
            load.go_to(None);
            let ended = server.ended().await;
            assert_eq!(ended.code, None, "{at}: {}", ended.stderr);
            load.look_at_the_dead(&stand).await;
            deaths += 1;
        }
    }
    let server = stand.serve().await;
    load.go_to(Some(server.address));
    load.finish().await;
    settled(&server).await;
    assert_eq!(server.terminate().await.code, Some(0));
    let verdict = load.judge(&stand).await;
    assert_eq!(verdict.lost, 0, "{verdict:?}");
    assert!(verdict.twice > 0, "no death met an upload in flight");
    figure::fault(figure::Fault {
        name: "death at each named point, of the program",
        rounds: deaths,
        acknowledged: verdict.acknowledged,
        lost: verdict.lost,
        twice: Some(verdict.twice),
        recovery: longest,
        mutation: "answer before the sync",
    });
}
