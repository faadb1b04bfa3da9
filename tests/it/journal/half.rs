//! Backup, restore and repair by the real program, which dies inside: the original stays, and nothing half-made is taken
//! for whole.

use super::repair::{ENDED, EVENTS, assert_all_there, behead, databases, filled};
use super::subject::named;
use crate::support::copy::copy;
use crate::support::figure;
use crate::support::process::Process;
use std::path::Path;
use std::time::{Duration, Instant};
use tapline::point::CommitPoint;

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The points of one of the three, and how often each is passed at which to die.
fn deaths(of: &str) -> Vec<String> {
    let points = CommitPoint::ALL.iter().map(|point| point.name()).filter(|name| name.starts_with(of));
    let is_passed_often = |name: &str| name.ends_with("-part") || name.contains("-moved-");
    let deaths = |name: &'static str| {
        let times: &[u64] = if is_passed_often(name) { &[1, 2] } else { &[1] };
        times.iter().map(move |times| format!("{name}:{times}"))
    };
    points.flat_map(deaths).collect()
}

/// Runs the program, which must die.
async fn dies(arguments: &[&str], at: &str) {
    let ended = Process::run(arguments, &[("TAPLINE_ABORT_AT", at)]).await;
    assert_eq!(ended.code, None, "{at} was never passed: {ended:?}");
}

fn figure(name: &str, rounds: usize, longest: Duration) {
    let acknowledged = rounds * EVENTS as usize;
    figure::fault(figure::Fault {
        name,
        rounds,
        acknowledged,
        lost: 0,
        twice: None,
        recovery: longest,
        mutation: "not tried",
    });
}

#[tokio::test]
async fn a_death_inside_a_backup_leaves_no_file_by_its_name_or_a_whole_one() {
    let (mut longest, deaths) = (Duration::ZERO, deaths("backup-"));
    assert!(deaths.len() >= 3, "{deaths:?}");
    for at in &deaths {
        let place = tempfile::tempdir().unwrap();
        let data = place.path().join("data");
        filled(&data).await;
        let file = place.path().join("b.backup");
        dies(&["backup", "--data", path(&data), "--to", path(&file)], at).await;
        let starting = Instant::now();
        if file.exists() {
            let whole = Process::run(&["verify", path(&file)], &[]).await;
            assert_eq!(whole.code, Some(0), "{at}: {whole:?}");
            std::fs::remove_file(&file).unwrap();
        }
        let again = Process::run(&["backup", "--data", path(&data), "--to", path(&file)], &[]).await;
        let expected = format!("holds {EVENTS} events, {ENDED} ends");
        assert!(again.code == Some(0) && again.stderr.contains(&expected), "{at}: {again:?}");
        longest = longest.max(starting.elapsed());
        assert_eq!(named(place.path(), "b.backup"), ["b.backup"], "{at}: nothing else is left");
        assert_all_there(&data, at).await;
    }
    figure("death inside `tapline backup`", deaths.len(), longest);
}

#[tokio::test]
async fn a_death_inside_a_restore_leaves_what_nobody_opens_until_it_is_restored_again() {
    let place = tempfile::tempdir().unwrap();
    let (data, file) = (place.path().join("data"), place.path().join("b.backup"));
    filled(&data).await;
    let made = Process::run(&["backup", "--data", path(&data), "--to", path(&file)], &[]).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let bytes = std::fs::read(&file).unwrap();
    let (mut longest, deaths) = (Duration::ZERO, deaths("restore-"));
    assert!(deaths.len() >= 4, "{deaths:?}");
    for at in &deaths {
        let place = tempfile::tempdir().unwrap();
        let new = place.path().join("new");
        let restore = ["restore", path(&file), "--data", path(&new)];
        dies(&restore, at).await;
        let other = place.path().join("other.backup");
        for verb in [&["verify"][..], &["verify", "--repair"], &["backup", "--to", path(&other)]] {
            let refused = Process::run(&[verb, &["--data", path(&new)]].concat(), &[]).await;
            assert_eq!(refused.code, Some(2), "{at}: {refused:?}");
        }
        let starting = Instant::now();
        let again = Process::run(&restore, &[]).await;
        assert_eq!(again.code, Some(0), "{at}: {again:?}");
        longest = longest.max(starting.elapsed());
        assert_eq!(std::fs::read(&file).unwrap(), bytes, "{at}: the backup is as it was");
        assert_all_there(&new, at).await;
    }
    figure("death inside `tapline restore`", deaths.len(), longest);
}

#[tokio::test]
async fn a_death_inside_a_repair_or_a_start_that_repairs_keeps_the_original() {
    let original = tempfile::tempdir().unwrap();
    filled(original.path()).await;
    behead(original.path(), "main");
    behead(original.path(), "gen-00000000000000000100");
    let before = databases(original.path());
    let (mut longest, mut rounds) = (Duration::ZERO, 0);
    for at in deaths("repair-") {
        for asked in [true, false] {
            let place = tempfile::tempdir().unwrap();
            let (data, file) = (place.path().join("data"), place.path().join("b.backup"));
            copy(original.path(), &data);
            let arguments: &[&str] = match asked {
                true => &["verify", "--repair", "--data", path(&data)],
                // Whatever opens the directory repairs it first.
                false => &["backup", "--data", path(&data), "--to", path(&file)],
            };
            dies(arguments, &at).await;
            if named(&data, "damaged-").is_empty() {
                assert!(databases(&data) == before, "{at}: the original is as it was");
            }
            let starting = Instant::now();
            assert_all_there(&data, &at).await;
            longest = longest.max(starting.elapsed());
            let aside = named(&data, "damaged-");
            assert_eq!(aside.len(), 1, "{at}");
            assert!(databases(&data.join(&aside[0])) == before, "{at}: the original is aside");
            let left = [named(&data, "repair"), named(&data, "arriving")].concat();
            assert_eq!(left, Vec::<String>::new(), "{at}");
            rounds += 1;
        }
    }
    assert!(rounds >= 12, "{rounds}");
    figure("death inside a repair, asked for or by a start", rounds, longest);
}
