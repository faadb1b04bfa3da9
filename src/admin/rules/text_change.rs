//! What differs between two sets of files, as text: for people line by line, for `git apply` as a patch.

use crate::engine::RuleFiles;
use serde::Serialize;
use similar::{ChangeTag, TextDiff};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

/// Two texts that have little in common are compared for so long and no longer; the result is right, and may be longer.
const LONGEST: Duration = Duration::from_secs(2);

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    /// Its path below the rules directory.
    pub path: String,
    /// What happens to it.
    pub fate: FileFate,
    /// The stretches that differ, each with a few lines around it.
    pub hunks: Vec<Vec<ChangedLine>>,
    /// Lines that are new.
    pub added: usize,
    /// Lines that are gone.
    pub removed: usize,
}

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFate {
    /// It is there and was not.
    Added,
    /// It is gone.
    Removed,
    /// It has another text.
    Changed,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedLine {
    /// What happens to it.
    pub fate: LineFate,
    /// Its number before, from 1; none where it is new.
    pub before: Option<usize>,
    /// Its number after.
    pub after: Option<usize>,
    /// Its text, without its end.
    pub text: String,
}

/// What happens to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineFate {
    /// It stays.
    Same,
    /// It is new.
    Added,
    /// It is gone.
    Removed,
}

/// The files that differ, in order of path.
pub fn text_changes(before: &RuleFiles, after: &RuleFiles) -> Vec<ChangedFile> {
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differs = paths.into_iter().filter(|path| before.get(*path) != after.get(*path));
    differs.map(|path| changed(path, before.get(path), after.get(path))).collect()
}

/// The same as a unified difference that `git apply` takes, with paths below the rules directory.
pub fn patch(before: &RuleFiles, after: &RuleFiles) -> String {
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut patch = String::new();
    for path in paths.into_iter().filter(|path| before.get(*path) != after.get(*path)) {
        let (old, new) = (before.get(path), after.get(path));
        let (old_lines, new_lines) = (lines(old), lines(new));
        // A write into memory does not fail.
        let _ = writeln!(patch, "diff --git a/{path} b/{path}");
        let mode = match (old, new) {
            (None, _) => "new file mode 100644\n",
            (_, None) => "deleted file mode 100644\n",
            _ => "",
        };
        patch.push_str(mode);
        let name = |side: &str, text: Option<&String>| match text {
            Some(_) => format!("{side}/{path}"),
            None => "/dev/null".to_owned(),
        };
        let difference = compare(&old_lines, &new_lines);
        let _ = write!(patch, "{}", difference.unified_diff().header(&name("a", old), &name("b", new)));
    }
    patch
}

/// Lines as git counts them, each with its end.
fn lines(text: Option<&String>) -> Vec<&str> {
    text.map(|text| text.split_inclusive('\n').collect()).unwrap_or_default()
}

fn compare<'l, 't>(before: &'l [&'t str], after: &'l [&'t str]) -> TextDiff<'l, 'l, str>
where
    't: 'l,
{
    TextDiff::configure().newline_terminated(true).timeout(LONGEST).diff_slices(before, after)
}

fn changed(path: &str, before: Option<&String>, after: Option<&String>) -> ChangedFile {
    let (old, new) = (lines(before), lines(after));
    let difference = compare(&old, &new);
    let mut hunks = Vec::new();
    let (mut added, mut removed) = (0, 0);
    for operations in difference.grouped_ops(3) {
        let changes = operations.iter().flat_map(|operation| difference.iter_changes(operation));
        let line = |change: similar::Change<&str>| ChangedLine {
            fate: match change.tag() {
                ChangeTag::Equal => LineFate::Same,
                ChangeTag::Insert => LineFate::Added,
                ChangeTag::Delete => LineFate::Removed,
            },
            before: change.old_index().map(|index| index + 1),
            after: change.new_index().map(|index| index + 1),
            text: change.value().trim_end_matches(['\n', '\r']).to_owned(),
        };
        let hunk: Vec<ChangedLine> = changes.map(line).collect();
        added += hunk.iter().filter(|line| line.fate == LineFate::Added).count();
        removed += hunk.iter().filter(|line| line.fate == LineFate::Removed).count();
        hunks.push(hunk);
    }
    let fate = match (before, after) {
        (None, _) => FileFate::Added,
        (_, None) => FileFate::Removed,
        _ => FileFate::Changed,
    };
    ChangedFile { path: path.to_owned(), fate, hunks, added, removed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> RuleFiles {
        list.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn every_file_that_differs_is_shown_with_the_lines_that_do() {
        let before = files(&[("a", "1\n2\n3\n"), ("b", "x"), ("same", "s")]);
        let after = files(&[("a", "1\ntwo\n3\n"), ("c", "y\n"), ("same", "s")]);
        let changes = text_changes(&before, &after);
        let shown: Vec<_> =
            changes.iter().map(|file| (file.path.as_str(), file.fate, file.added, file.removed)).collect();
        let expected =
            [("a", FileFate::Changed, 1, 1), ("b", FileFate::Removed, 0, 1), ("c", FileFate::Added, 1, 0)];
        assert_eq!(shown, expected);
        let lines: Vec<_> =
            changes[0].hunks[0].iter().map(|line| (line.before, line.after, line.text.as_str())).collect();
        let expected =
            [(Some(1), Some(1), "1"), (Some(2), None, "2"), (None, Some(2), "two"), (Some(3), Some(3), "3")];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_patch_says_what_git_needs_to_know() {
        let patch =
            patch(&files(&[("a", "1\n2"), ("b", "x\n")]), &files(&[("a", "1\nzwei\n"), ("c", "y\n")]));
        let expected = "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n 1\n-2\n\\ No newline at end of file\n+zwei\n\
                        diff --git a/b b/b\ndeleted file mode 100644\n--- a/b\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n\
                        diff --git a/c b/c\nnew file mode 100644\n--- /dev/null\n+++ b/c\n@@ -0,0 +1 @@\n+y\n";
        assert_eq!(patch, expected);
    }
}
