//! A set of rules as git has it at some ref, read with the `git` command.
//!
//! Deliberately nothing but reading: no checkout, no index, no network. What the working tree holds does not matter.

use super::{DEEPEST, add_embedded_packs, is_rule_file};
use crate::engine::RuleFiles;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why a ref could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RefError {
    /// There is no git.
    #[error("reading `{reference}` needs the command `git`, which can not be run: {error}")]
    NoGit {
        /// What was to be read.
        reference: String,
        /// What the system said.
        error: io::Error,
    },
    /// The rules directory is in no repository.
    #[error("`{reference}` can not be a git ref, because `{}` is in no git repository", directory.display())]
    NoRepository {
        /// What was to be read.
        reference: String,
        /// Where git was asked.
        directory: PathBuf,
    },
    /// Git does not know it.
    #[error("git knows no `{reference}`{}", within(path.as_deref()))]
    Unknown {
        /// The ref.
        reference: String,
        /// The directory that is not there at that ref, where the ref itself is known.
        path: Option<String>,
    },
    /// It is a file.
    #[error("`{reference}` is no directory; name the one that holds `packs/`, as `main:rules`")]
    NoDirectory {
        /// What was to be read.
        reference: String,
    },
    /// A file can not be taken as it is.
    #[error("`{file}` in `{reference}` {problem}")]
    File {
        /// What was to be read.
        reference: String,
        /// The file, below the rules directory.
        file: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Git failed otherwise.
    #[error("git could not read `{reference}`: {said}")]
    Failed {
        /// What was to be read.
        reference: String,
        /// Git's own words.
        said: String,
    },
}

fn within(path: Option<&str>) -> String {
    match path {
        Some("") => ", or nothing is there".to_owned(),
        Some(path) => format!(" that holds `{path}`; name the rules directory, as `main:rules`"),
        None => String::new(),
    }
}

/// The rule files at `reference`, and beside them the embedded packs, as for a directory: `main`, `HEAD~1`, `v1.2`, where the rules directory is where `rules` is now; or
/// `v1.2:old/rules`, with the directory at that time, from the top of the repository.
pub fn load_ref(reference: &str, rules: &Path) -> Result<RuleFiles, RefError> {
    let git = Git::at(reference, rules);
    let prefix = git.prefix(rules)?;
    let (commit, directory) = match reference.split_once(':') {
        Some((commit, directory)) => (commit, directory.trim_end_matches('/').to_owned()),
        None => (reference, prefix),
    };
    if git.find(&format!("{commit}^{{commit}}"))?.is_none() {
        return Err(RefError::Unknown { reference: commit.to_owned(), path: None });
    }
    let Some(tree) = git.find(&format!("{commit}:{directory}"))? else {
        return Err(RefError::Unknown { reference: commit.to_owned(), path: Some(directory) });
    };
    if git.text(&["cat-file", "-t", &tree])? != "tree" {
        return Err(RefError::NoDirectory { reference: reference.to_owned() });
    }
    let listing = git.bytes(&["ls-tree", "-r", "-z", "--full-tree", &tree])?;
    let mut files = RuleFiles::new();
    for line in listing.split(|byte| *byte == 0) {
        let Some((mode, object, path)) = parse_entry(line) else { continue };
        if !belongs(path) {
            continue;
        }
        let problem =
            |problem| RefError::File { reference: reference.to_owned(), file: path.to_owned(), problem };
        if mode == "120000" {
            return Err(problem("is a link, which can be followed only on disk"));
        }
        let text = String::from_utf8(git.bytes(&["cat-file", "blob", object])?);
        files.insert(path.to_owned(), text.map_err(|_| problem("is not UTF-8"))?);
    }
    add_embedded_packs(&mut files);
    Ok(files)
}

/// `<mode> blob <object>\t<path>`. Source: `man git-ls-tree`, output format.
fn parse_entry(line: &[u8]) -> Option<(&str, &str, &str)> {
    let (head, path) = std::str::from_utf8(line).ok()?.split_once('\t')?;
    let mut words = head.split(' ');
    let (mode, kind, object) = (words.next()?, words.next()?, words.next()?);
    (kind == "blob").then_some((mode, object, path))
}

/// Whether a file is one of a set, by its path: the same as are read from a directory.
fn belongs(path: &str) -> bool {
    let hidden = path.split('/').any(|part| part.starts_with('.'));
    is_rule_file(path) && !hidden && !path.starts_with("tests/") && path.matches('/').count() <= DEEPEST
}

/// The command, run in one directory.
struct Git<'a> {
    reference: &'a str,
    directory: PathBuf,
}

impl<'a> Git<'a> {
    /// Asks where the rules are, or would be: in the nearest directory that exists.
    fn at(reference: &'a str, rules: &Path) -> Self {
        let exists = rules.ancestors().find(|directory| directory.is_dir());
        let directory = exists.map_or_else(|| PathBuf::from("."), Path::to_path_buf);
        Self { reference, directory }
    }

    /// Where the rules directory is, from the top of the repository.
    fn prefix(&self, rules: &Path) -> Result<String, RefError> {
        let output = self.run(&["rev-parse", "--show-prefix"])?;
        if !output.status.success() {
            let (reference, directory) = (self.reference.to_owned(), self.directory.clone());
            return Err(RefError::NoRepository { reference, directory });
        }
        let above = String::from_utf8_lossy(&output.stdout);
        let below = rules.strip_prefix(&self.directory).unwrap_or(rules);
        let below = below.strip_prefix(".").unwrap_or(below).to_string_lossy();
        Ok(format!("{}{below}", above.trim_end_matches('\n')).trim_end_matches('/').to_owned())
    }

    /// The object that a name stands for.
    fn find(&self, name: &str) -> Result<Option<String>, RefError> {
        let output = self.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", name])?;
        let object = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok((output.status.success() && !object.is_empty()).then_some(object))
    }

    fn text(&self, arguments: &[&str]) -> Result<String, RefError> {
        Ok(String::from_utf8_lossy(&self.bytes(arguments)?).trim().to_owned())
    }

    fn bytes(&self, arguments: &[&str]) -> Result<Vec<u8>, RefError> {
        let output = self.run(arguments)?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(RefError::Failed {
                reference: self.reference.to_owned(),
                said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            }),
        }
    }

    fn run(&self, arguments: &[&str]) -> Result<std::process::Output, RefError> {
        let output = Command::new("git").current_dir(&self.directory).args(arguments).output();
        output.map_err(|error| RefError::NoGit { reference: self.reference.to_owned(), error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_of_a_ref_is_what_is_read_of_a_directory() {
        for (path, belongs_to_it) in [
            ("tapline.yaml", true),
            ("packs/a.yml", true),
            ("a/b/c/d.yaml", true),
            ("a/b/c/d/e.yaml", false),
            ("tests/a.yaml", false),
            ("packs/tests/a.yaml", true),
            ("packs/.a.yaml", false),
            (".git/a.yaml", false),
            ("README.md", false),
        ] {
            assert_eq!(belongs(path), belongs_to_it, "{path}");
        }
    }

    #[test]
    fn a_line_of_a_tree_is_taken_apart() {
        let line = b"100644 blob 3b18e512dba79e4c8300dd08aeb37f8e728b8dad\tpacks/a b.yaml";
        let object = "3b18e512dba79e4c8300dd08aeb37f8e728b8dad";
        assert_eq!(parse_entry(line), Some(("100644", object, "packs/a b.yaml")));
        assert_eq!(parse_entry(b"160000 commit 3b18\tmodule"), None);
        assert_eq!(parse_entry(b""), None);
    }
}
