//! Rules that change on disk while the program runs.

use crate::support::app::TestApp;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use tapline::admin::{RevisionArchive, RuleRevision, kept_files, kept_revisions};
use tapline::clock::{FixedClock, Millis};
use tapline::engine::Plan;
use tapline::journal::memory::MemoryStore;
use tapline::rulebook::{LiveRules, Look, RulesWatch};
use tapline::settings::Settings;

const PACK: &str =
    "version: 1\npack: segment-cloud\nrules:\n  - id: all\n    filter: { code: CODE, message: m }\n";

fn pack(code: &str) -> String {
    PACK.replace("CODE", code)
}

struct Watched {
    directory: tempfile::TempDir,
    rules: LiveRules,
    watch: RulesWatch,
}

fn watched() -> Watched {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("packs")).unwrap();
    fs::write(directory.path().join("packs/segment-cloud.yaml"), pack("first")).unwrap();
    let rules = LiveRules::open(directory.path().to_owned(), &Settings::default()).unwrap();
    let watch = RulesWatch::start(&rules);
    Watched { directory, rules, watch }
}

impl Watched {
    fn look(&mut self) -> Look {
        self.watch.look(&self.rules, &Settings::default())
    }

    fn file(&self) -> std::path::PathBuf {
        self.directory.path().join("packs/segment-cloud.yaml")
    }

    /// Looks until nothing changes any more, and says how many reloads that took.
    fn settle(&mut self) -> usize {
        let mut reloads = 0;
        for _ in 0..5 {
            reloads += usize::from(matches!(self.look(), Look::Reloaded | Look::Refused));
        }
        assert_eq!(self.look(), Look::Same);
        reloads
    }
}

/// Every way a file can get its new content leads to one reload.
#[test]
fn a_save_a_rename_a_swapped_link_and_many_files_lead_to_exactly_one_reload_each() {
    let mut watched = watched();
    assert_eq!(watched.settle(), 0);
    let mut revision = watched.rules.plan().revision().to_owned();
    let ways: [fn(&Path, &Path); 4] = [
        |_, file| fs::write(file, pack("saved")).unwrap(),
        |root, file| {
            fs::write(root.join("new.tmp"), pack("renamed")).unwrap();
            fs::rename(root.join("new.tmp"), file).unwrap();
        },
        |root, file| {
            fs::create_dir(root.join("..data")).unwrap();
            fs::write(root.join("..data/pack.yaml"), pack("linked")).unwrap();
            fs::remove_file(file).unwrap();
            std::os::unix::fs::symlink("../..data/pack.yaml", file).unwrap();
        },
        |root, _| {
            fs::write(root.join("tapline.yaml"), "version: 1\npack: segment-cloud\n").unwrap();
            for i in 0..20 {
                let text = pack("more").replace("segment-cloud", &format!("pack{i}"));
                fs::write(root.join(format!("packs/pack{i}.yaml")), text).unwrap();
            }
        },
    ];
    for change in ways {
        change(watched.directory.path(), &watched.file());
        assert_eq!(watched.settle(), 1);
        assert!(watched.rules.problem().is_none());
        let now = watched.rules.plan().revision().to_owned();
        assert_ne!(std::mem::replace(&mut revision, now.clone()), now);
    }
}

#[test]
fn a_set_that_is_still_being_written_is_not_taken() {
    let mut watched = watched();
    for step in ["version: 1\n", "version: 1\npack: segment-cloud\n"] {
        fs::write(watched.file(), step).unwrap();
        assert_eq!(watched.look(), Look::Changing);
    }
    fs::write(watched.file(), pack("whole")).unwrap();
    assert_eq!(watched.look(), Look::Changing);
    assert_eq!(watched.look(), Look::Reloaded);
    assert_eq!(watched.look(), Look::Same);
}

#[test]
fn a_bad_set_leaves_the_last_good_one_in_force_until_it_is_mended() {
    let mut watched = watched();
    let good = watched.rules.plan().revision().to_owned();
    fs::write(watched.file(), "version: 1\npack: segment-cloud\nrulez: []\n").unwrap();
    assert_eq!((watched.look(), watched.look()), (Look::Changing, Look::Refused));
    assert_eq!(watched.rules.plan().revision(), good);
    assert!(watched.rules.problem().unwrap().to_string().contains("packs/segment-cloud.yaml:3:1: R103"));
    fs::write(watched.file(), pack("first")).unwrap();
    assert_eq!(watched.settle(), 1);
    assert!(watched.rules.problem().is_none());
    assert_eq!(watched.rules.plan().revision(), good);
}

#[test]
fn a_directory_that_goes_leaves_its_rules_in_force_until_it_comes_back() {
    let mut watched = watched();
    let good = watched.rules.plan().revision().to_owned();
    let aside = watched.directory.path().with_extension("aside");
    fs::rename(watched.directory.path(), &aside).unwrap();
    assert_eq!(watched.settle(), 1);
    assert!(watched.rules.problem().unwrap().to_string().contains("can not be read"));
    assert_eq!(watched.rules.plan().revision(), good, "the embedded rules must not take over");
    fs::rename(&aside, watched.directory.path()).unwrap();
    assert_eq!(watched.settle(), 1);
    assert!(watched.rules.problem().is_none());
}

#[test]
fn a_directory_that_appears_takes_over_from_the_embedded_rules() {
    let directory = tempfile::tempdir().unwrap();
    let rules = directory.path().join("rules");
    let live = LiveRules::open(rules.clone(), &Settings::default()).unwrap();
    let mut watch = RulesWatch::start(&live);
    fs::create_dir_all(rules.join("packs")).unwrap();
    fs::write(rules.join("packs/segment-cloud.yaml"), pack("own")).unwrap();
    let looks = [(); 3].map(|()| watch.look(&live, &Settings::default()));
    assert_eq!(looks, [Look::Changing, Look::Reloaded, Look::Same]);
    assert_eq!(live.plan().rule_count(), 1);
}

#[test]
fn an_editors_lock_and_a_link_that_leads_back_up_are_no_reason_to_refuse() {
    let mut watched = watched();
    let packs = watched.directory.path().join("packs");
    std::os::unix::fs::symlink("nobody@nowhere", packs.join(".#segment-cloud.yaml")).unwrap();
    fs::write(packs.join(".segment-cloud.yaml.swp.yaml"), "half: [").unwrap();
    assert_eq!(watched.settle(), 0);
    for name in ["up", "again"] {
        std::os::unix::fs::symlink("..", packs.join(name)).unwrap();
    }
    // The same pack is found under other paths; what counts is that looking ends.
    assert!(tapline::rulebook::load_files(watched.directory.path()).unwrap().len() < 100);
}

#[test]
fn a_pack_may_end_in_yml() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("packs")).unwrap();
    fs::write(directory.path().join("packs/segment-cloud.yml"), pack("short")).unwrap();
    let live = LiveRules::open(directory.path().to_owned(), &Settings::default()).unwrap();
    assert_eq!(live.plan().rule_count(), 1);
    assert_eq!(live.plan().packs().iter().filter(|pack| *pack == "segment-cloud").count(), 1);
}

/// A store with everything that was read of a directory, and the rules that read it.
fn kept(directory: &Path) -> (Arc<MemoryStore>, LiveRules) {
    let store = Arc::new(MemoryStore::new());
    let archive = RevisionArchive::new(store.clone(), Arc::new(FixedClock::at(Millis(1))));
    let rules = LiveRules::open_kept(directory.to_owned(), &Settings::default(), Arc::new(archive)).unwrap();
    (store, rules)
}

#[test]
fn every_set_that_was_read_is_kept_by_its_content_and_bad_ones_are_marked() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("packs/segment-cloud.yaml");
    fs::create_dir(directory.path().join("packs")).unwrap();
    fs::write(&file, pack("first")).unwrap();
    let (store, rules) = kept(directory.path());
    let first = rules.plan().hash();
    for text in [pack("second"), "version: 1\nrulez: []\n".to_owned(), pack("first")] {
        fs::write(&file, text).unwrap();
        rules.reload(&Settings::default());
    }
    let revisions = kept_revisions(&*store).unwrap();
    assert_eq!(revisions.len(), 3, "what comes back is not kept twice");
    assert_eq!(revisions.iter().filter(|revision| revision.good).count(), 2);
    let has_pack =
        |revision: &RuleRevision| revision.files.iter().any(|file| file.path == "packs/segment-cloud.yaml");
    assert!(revisions.iter().all(has_pack));
    let kept = revisions.iter().find(|revision| revision.hash == first).unwrap();
    assert_eq!(kept.hash.short(), rules.plan().revision());
    // What is kept is enough to make the same plan again.
    let files = kept_files(&*store, kept).unwrap();
    let again = Plan::compile(&files, kept.pack.as_deref(), &kept.options).unwrap();
    assert_eq!(again.hash(), first);
    let bad = revisions.iter().find(|revision| !revision.good).unwrap();
    assert!(kept_files(&*store, bad).unwrap()["packs/segment-cloud.yaml"].contains("rulez"));
}

#[test]
fn another_option_is_another_revision() {
    let directory = tempfile::tempdir().unwrap();
    let (store, rules) = kept(&directory.path().join("none"));
    let mut settings = Settings::default();
    settings.options.insert("require_both_ids".to_owned(), false.into());
    rules.reload(&settings);
    let revisions = kept_revisions(&*store).unwrap();
    let options: Vec<_> = revisions.iter().map(|revision| &revision.options["require_both_ids"]).collect();
    assert_eq!(options.len(), 2);
    assert!(options.contains(&&true.into()) && options.contains(&&false.into()), "{options:?}");
}

#[tokio::test]
async fn a_server_keeps_what_it_starts_with_and_what_it_reads_later() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("packs/segment-cloud.yaml");
    fs::create_dir(directory.path().join("packs")).unwrap();
    fs::write(&file, pack("first")).unwrap();
    let app = TestApp::builder().rules(directory.path()).start().await;
    let first = app.app.admin.rule_revisions().await.unwrap();
    assert_eq!(first.len(), 1);
    fs::write(&file, pack("second")).unwrap();
    app.app.rules.reload(&Settings::default());
    let revisions = app.app.admin.rule_revisions().await.unwrap();
    assert_eq!(revisions.len(), 2);
    let files = app.app.admin.rule_files(first[0].clone()).await.unwrap();
    assert_eq!(files["packs/segment-cloud.yaml"], pack("first"));
}
