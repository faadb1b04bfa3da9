//! Power loss: whatever was answered is on the disk, when only synced bytes survive.
//!
//! A kill of the process shows nothing of this, because what a process wrote and did not sync outlives it.

use super::load::{Load, Plan};
use super::mount::PowerDisk;
use super::platter::SyncKind;
use crate::journal::subject::named;
use crate::journal::writer::{Losses, Told, Work, Writer, check};
use crate::support::figure;
use crate::support::stand::{Stand, settled};
use fastrand::Rng;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Bytes of the events of one history after another: small ones, large ones, the most a sender may send, and events of
/// several values each.
const SIZES: [usize; 4] = [800, 16_000, 32 << 10, 100_000];

/// How often the power goes in one history.
const CUTS: u64 = 2;

#[test]
fn what_was_answered_before_the_power_went_is_there_when_it_is_back() {
    if let Some(work) = Work::given() {
        return work.go_on();
    }
    let histories = figure::rounds(3, 26);
    let (mut answered, mut settled, mut longest) = (0, 0, Duration::ZERO);
    for history in 0..histories {
        let mut random = Rng::with_seed(history as u64);
        let (mut told, mut left) = (Told::default(), None);
        for cut in 0..CUTS {
            let torn = random.bool();
            let delay = Duration::from_millis(random.u64(20..400));
            let before = told.stored.len();
            let survivors =
                lose_power(&mut told, cut, SIZES[history % SIZES.len()], delay, left.as_ref(), None);
            let survivors = survivors.survivors(torn.then_some(&mut random));
            assert!(told.stored.len() > before, "history {history}, cut {cut}: nothing was answered");
            let opening = Instant::now();
            let losses = check(&survivors.path().join("data"), &told);
            longest = longest.max(opening.elapsed());
            assert_eq!(losses, Losses::default(), "history {history}, cut {cut}, torn: {torn}");
            let repairs = named(&survivors.path().join("data"), "damaged-");
            assert!(repairs.is_empty(), "history {history}, cut {cut}: a torn end is no damage");
            left = Some(survivors);
        }
        answered += told.stored.len();
        settled += told.settled.len();
    }
    assert!(settled > 100, "{settled} events settled");
    figure::fault(figure::Fault {
        name: "power loss, of the journal: only synced bytes survive, or also a random part of the rest",
        rounds: histories * CUTS as usize,
        acknowledged: answered,
        lost: 0,
        twice: None,
        recovery: longest,
        mutation: "leave out `sync_data`, or the sync of directories",
    });
}

/// The mutation of the test above: the same disk, and syncs that are left out.
#[test]
fn without_the_sync_of_data_or_of_names_the_same_power_loss_loses_events() {
    if let Some(work) = Work::given() {
        return work.go_on();
    }
    for ignored in [SyncKind::Data, SyncKind::Names] {
        let mut told = Told::default();
        let disk = lose_power(&mut told, 0, SIZES[0], Duration::from_millis(200), None, Some(ignored));
        let survivors = disk.survivors(None);
        // Whatever is left may also be more than sled can bear.
        let lost = catch_unwind(AssertUnwindSafe(|| check(&survivors.path().join("data"), &told)))
            .map_or(told.stored.len(), |losses| losses.stored.len());
        assert!(lost > 0 && told.stored.len() > 10, "{ignored:?}: {lost} of {} lost", told.stored.len());
    }
}

/// Writes for a while, and takes the power away.
fn lose_power(
    told: &mut Told,
    life: u64,
    size: usize,
    delay: Duration,
    left: Option<&TempDir>,
    ignored: Option<SyncKind>,
) -> PowerDisk {
    let disk = match left {
        Some(left) => PowerDisk::mount_with(left.path(), ignored),
        None => PowerDisk::mount(ignored),
    };
    let mut writer = Writer::start(&disk.data(), life, size, &[]);
    writer.hear(told, delay);
    disk.cut();
    writer.kill(told);
    disk
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_loses_nothing_and_sends_again_only_what_was_in_flight_when_the_power_goes() {
    let rounds = figure::rounds(2, 10);
    let mut random = Rng::with_seed(1);
    let mut stand = Stand::start(&["--fault", "slow:ms=15"]).await;
    let mut load = Load::start(Plan { batch: 10, filler: 600 });
    let (mut left, mut longest): (Option<TempDir>, _) = (None, Duration::ZERO);
    for round in 0..rounds {
        let disk = match &left {
            Some(left) => PowerDisk::mount_with(left.path(), None),
            None => PowerDisk::mount(None),
        };
        stand.move_to(&disk.data());
        let starting = Instant::now();
        let server = stand.serve().await;
        longest = longest.max(starting.elapsed());
        load.go_to(Some(server.address));
        load.answers(300 + 100 * round).await;
        disk.cut();
        load.go_to(None);
        server.kill().await;
        let survivors = disk.survivors(random.bool().then_some(&mut random));
        stand.move_to(&survivors.path().join("data"));
        load.look_at_the_dead(&stand).await;
        left = Some(survivors);
    }
    let server = stand.serve().await;
    load.go_to(Some(server.address));
    load.finish().await;
    settled(&server).await;
    assert_eq!(server.terminate().await.code, Some(0));
    let verdict = load.judge(&stand).await;
    assert_eq!(verdict.lost, 0, "{verdict:?}");
    figure::fault(figure::Fault {
        name: "power loss, of the program under load",
        rounds,
        acknowledged: verdict.acknowledged,
        lost: verdict.lost,
        twice: Some(verdict.twice),
        recovery: longest,
        mutation: "leave out `sync_data`",
    });
}
