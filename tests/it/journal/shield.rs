//! Damage that a start finds before sled does: repaired or said, and never a first start again.

use super::damage::damage;
use super::repair::{assert_all_there, behead, databases, filled};
use super::subject::{START, fill, named, small};
use crate::support::app::TestApp;
use std::fs;
use std::path::Path;
use std::thread;
use tapline::app::{DataDirectory, Repaired, inspect_damage, repair_directory};
use tapline::clock::Millis;
use tapline::journal::backup::Finding;
use tapline::journal::sled::SledJournal;
use tapline::journal::{Journal, Store, Table};

/// What marks the account in the main database.
const ACCOUNT: &[u8] = b"the account of somebody";

fn notices(journal: &dyn Journal) -> Vec<&'static str> {
    journal.notices().iter().map(|notice| notice.code).collect()
}

#[tokio::test]
async fn a_start_repairs_what_sled_would_cut_off_or_refuse_and_nothing_is_lost() {
    for heads in [&["main"][..], &["gen-00000000000000000300"], &["main", "gen-00000000000000000200"]] {
        let directory = tempfile::tempdir().unwrap();
        filled(directory.path()).await;
        heads.iter().for_each(|database| behead(directory.path(), database));
        let before = databases(directory.path());
        {
            let (journal, store) = SledJournal::open(directory.path(), small()).unwrap();
            assert_eq!(notices(&*journal), ["data_repaired"], "{heads:?}");
            assert_eq!((journal.usage().lost_events, store.lost()), (0, Vec::new()));
        }
        let aside = named(directory.path(), "damaged-");
        assert!(databases(&directory.path().join(&aside[0])) == before, "{heads:?}: the original is aside");
        assert_all_there(directory.path(), "repaired by a start").await;
        let (journal, _store) = SledJournal::open(directory.path(), small()).unwrap();
        assert_eq!((notices(&*journal), named(directory.path(), "damaged-").len()), (vec![], 1), "once");
    }
}

#[tokio::test]
async fn looking_at_a_damaged_directory_says_so_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path()).await;
    assert!(inspect_damage(directory.path()).unwrap().is_none(), "whole so far");
    damage(directory.path(), 7);
    let before = databases(directory.path());
    let findings = inspect_damage(directory.path()).unwrap().expect("damage");
    let said: Vec<String> =
        findings.problems.iter().map(|problem| format!("{}: {}", problem.place, problem.what)).collect();
    assert!(
        said.iter().any(|line| line.contains("the database `gen-") && line.contains("--repair")),
        "{said:?}"
    );
    assert!(databases(directory.path()) == before && named(directory.path(), "damaged-").is_empty());
}

/// What `tapline verify --data` says; on a thread of its own, because a verb brings a runtime.
fn problems(directory: &Path) -> Vec<Finding> {
    let inspect = || DataDirectory::open(directory).unwrap().inspect().unwrap().problems;
    thread::scope(|scope| scope.spawn(inspect).join().unwrap())
}

/// A directory with an account and events.
async fn owned(directory: &Path) {
    let (journal, store) = SledJournal::open(directory, small()).unwrap();
    fill(&*journal, 0..50, 10).await;
    store.put(Table::Users, b"jane", Some(ACCOUNT)).unwrap();
}

/// Breaks every copy of the account.
fn break_account(directory: &Path) {
    let path = directory.join("main/db");
    let mut bytes = fs::read(&path).unwrap();
    let places: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(ACCOUNT)).collect();
    assert!(!places.is_empty());
    places.iter().for_each(|at| bytes[at + 4] ^= 1);
    fs::write(&path, bytes).unwrap();
}

#[tokio::test]
async fn where_an_account_was_lost_the_first_start_page_stays_closed_and_readyz_says_why() {
    let by_removal = |directory: &Path| fs::remove_dir_all(directory.join("main")).unwrap();
    for (name, damage) in [("flipped", &break_account as &dyn Fn(&Path)), ("removed", &by_removal)] {
        let data = tempfile::tempdir().unwrap();
        owned(data.path()).await;
        damage(data.path());
        let app = TestApp::builder_in(data).durable().start().await;
        assert!(!app.app.admin.setup_is_open().await.unwrap(), "{name}");
        assert!(!app.data.path().join("setup-token").exists(), "{name}");
        let ready = app.get("/readyz").await;
        assert_eq!(ready.status, 503, "{name}: {}", ready.text());
        for expected in ["data_lost", "the table `users`", "TAPLINE_ADMIN_PASSWORD", "data_repaired"] {
            assert!(ready.text().contains(expected), "{name}: {}", ready.text());
        }
        let data = app.stop().await;
        let problems = problems(data.path());
        let places: Vec<_> = problems.iter().map(|problem| problem.place.as_str()).collect();
        assert_eq!(places, ["the table `users`"], "{name}");
        // With an account there is nothing to be said any more.
        {
            let (_journal, store) = SledJournal::open(data.path(), small()).unwrap();
            store.put(Table::Users, b"jane", Some(ACCOUNT)).unwrap();
            assert_eq!(store.lost(), [], "{name}");
        }
        let app = TestApp::builder_in(data).durable().start().await;
        assert_eq!(app.get("/readyz").await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn an_index_that_says_something_else_than_the_log_is_reported_and_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    {
        let (journal, _store) = SledJournal::open(directory.path(), small()).unwrap();
        fill(&*journal, 0..350, 25).await;
        journal.wait_until_indexed();
    }
    let path = directory.path().join("gen-00000000000000000100/terms");
    let whole = fs::read(&path).unwrap();
    assert_eq!(problems(directory.path()), []);
    let mut bytes = whole.clone();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, &bytes).unwrap();
    for _ in 0..2 {
        let found = problems(directory.path());
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].place.contains("ev_100") && found[0].what.contains("--repair"), "{found:?}");
    }
    assert_eq!(fs::read(&path).unwrap(), bytes, "looking changes nothing");
    let repaired = repair_directory(directory.path()).unwrap();
    let Repaired::Nothing(findings) = repaired else { panic!("the log is whole: {repaired:?}") };
    assert_eq!(findings.problem_count, 1);
    assert_eq!(fs::read(&path).unwrap(), whole);
    assert_eq!(problems(directory.path()), []);
}

#[tokio::test]
async fn a_clean_stop_is_noted_and_a_start_takes_the_note_back() {
    let directory = tempfile::tempdir().unwrap();
    let noted = || directory.path().join("stopped").exists();
    filled(directory.path()).await;
    assert!(noted());
    {
        let (journal, _store) = SledJournal::open(directory.path(), small()).unwrap();
        assert!(!noted());
        journal.close();
        assert!(noted());
    }
    let repaired = SledJournal::repair(directory.path(), Millis(START), &mut |_| {}).unwrap();
    assert!(matches!(repaired, Repaired::Nothing(_)) && noted());
}
