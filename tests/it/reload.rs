//! Rules that change on disk while the program runs.

use std::fs;
use std::path::Path;
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
