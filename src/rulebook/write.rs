//! Writing rule files into the rules directory, each at once and only over what the writer has seen.
//!
//! First thing to know: several files are several renames. That never puts half a set in force, because the watch takes a
//! change only after two looks in a row that agree, and a set that does not compile never.

use super::{DEEPEST, LONGEST, is_rule_file, read_directory};
use crate::engine::RuleFiles;
use crate::engine::hash::ContentHash;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why files were not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// There is no directory to write to.
    #[error("there is no rules directory at `{}`; make one with `tapline init`", .0.display())]
    NoDirectory(PathBuf),
    /// Somebody else has changed the files.
    #[error(
        "the files in the rules directory are not those the candidate started from; open the editor again and bring the change over"
    )]
    Changed,
    /// The name can not be that of a rule file.
    #[error(
        "`{0}` can not be written: expected a path below the rules directory that ends in `.yaml`, `.yml` or `.rhai`, without hidden parts and outside `tests/`"
    )]
    BadPath(String),
    /// The place is a link, as in a mounted volume, which is changed where it comes from.
    #[error("`{0}` is a link, or below one, and is to be changed where it leads; take the patch instead")]
    Link(String),
    /// The disk refuses.
    #[error("`{path}` can not be written: {error}; {written} of the files before it are written")]
    Disk {
        /// Which.
        path: String,
        /// What the system said.
        error: io::Error,
        /// How many were written before.
        written: usize,
    },
}

/// A hash of the names and texts of the directory's own files, those inside the program left out.
pub fn directory_hash(directory: &Path) -> io::Result<ContentHash> {
    let mut files = RuleFiles::new();
    if directory.is_dir() {
        read_directory(directory, "", &mut files)?;
    }
    Ok(ContentHash::of_parts(files.iter().flat_map(|(file, text)| [file.as_str(), text.as_str()])))
}

/// Whether a rule file of the directory may have this path, with `/` between its parts.
pub fn is_rule_path(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let sound = |part: &&str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.contains(['\\', ':'])
            && !part.chars().any(char::is_control)
    };
    is_rule_file(path)
        && parts.len() <= DEEPEST + 1
        && parts.iter().all(sound)
        && parts.first() != Some(&"tests")
}

/// Writes `files`, if the directory still is as `base` says. Waits for the disk.
pub fn write_files(directory: &Path, base: ContentHash, files: &RuleFiles) -> Result<(), WriteError> {
    if !directory.is_dir() {
        return Err(WriteError::NoDirectory(directory.to_owned()));
    }
    for (path, text) in files {
        if !is_rule_path(path) || text.len() as u64 > LONGEST {
            return Err(WriteError::BadPath(path.clone()));
        }
        let mut below = directory.to_owned();
        for part in path.split('/') {
            below.push(part);
            if fs::symlink_metadata(&below).is_ok_and(|found| found.is_symlink()) {
                return Err(WriteError::Link(path.clone()));
            }
        }
    }
    let disk = |path: &str, written| {
        let path = path.to_owned();
        move |error| WriteError::Disk { path, error, written }
    };
    if directory_hash(directory).map_err(disk(".", 0))? != base {
        return Err(WriteError::Changed);
    }
    for (written, (path, text)) in files.iter().enumerate() {
        put(&directory.join(path), text).map_err(disk(path, written))?;
    }
    Ok(())
}

/// Puts a text in the place of a file at once, and on the disk. Permissions stay.
fn put(path: &Path, text: &str) -> io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // The watch over the rules directory looks at no file that begins with a dot.
    let beside = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let written = (|| {
        let mut file = File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        if let Ok(found) = fs::metadata(path) {
            fs::set_permissions(&beside, found.permissions())?;
        }
        file.sync_all()?;
        fs::rename(&beside, path)?;
        File::open(parent)?.sync_all()
    })();
    if written.is_err() {
        // What could not be put in its place is not left lying about.
        let _ = fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_that_is_read_again_is_written() {
        for (path, is_good) in [
            ("tapline.yaml", true),
            ("packs/a.yml", true),
            ("scripts/a.rhai", true),
            ("a/b/c/d.yaml", true),
            ("a/b/c/d/e.yaml", false),
            ("../a.yaml", false),
            ("packs/../../a.yaml", false),
            ("/etc/a.yaml", false),
            ("packs//a.yaml", false),
            (".git/a.yaml", false),
            ("packs/.a.yaml", false),
            ("tests/a.yaml", false),
            ("packs/a.txt", false),
            ("packs/a\n.yaml", false),
            ("C:\\a.yaml", false),
            ("", false),
        ] {
            assert_eq!(is_rule_path(path), is_good, "{path:?}");
        }
    }
}
