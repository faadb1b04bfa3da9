//! A candidate on its way into the rules directory: what it starts from, the patch, and writing it.

use super::job::DiffJob;
use crate::admin::rules::{ChangedFile, patch, text_changes};
use crate::admin::{Admin, AdminError};
use crate::engine::RuleFiles;
use crate::engine::hash::ContentHash;
use crate::rulebook::{self, WriteError};
use crate::telemetry::event::RulesWritten;
use std::collections::BTreeSet;

/// The files that a candidate starts from: those of the rules directory as they are on disk, over those inside the program.
#[derive(Debug)]
pub struct Draft {
    /// The files.
    pub files: RuleFiles,
    /// Of these the files that are only inside the program: changed, they become files of the directory.
    pub embedded: BTreeSet<String>,
    /// Names the state of the directory.
    pub base: ContentHash,
    /// Whether there is a directory at all.
    pub has_directory: bool,
}

/// What comes of writing a candidate.
#[derive(Debug)]
pub enum WriteOutcome {
    /// It is on disk, and comes into force as any change of the directory does.
    Written(usize),
    /// The process was not started with `--allow-write-rules`.
    NotAllowed,
    /// It is no candidate: nothing was edited.
    NothingToWrite,
    /// It could not be live; a sentence.
    NotFit(String),
    /// The directory refuses; what is there is as it was, unless the words say otherwise.
    Refused(WriteError),
}

impl Admin {
    /// Whether candidates may be written into the rules directory.
    pub fn may_write_rules(&self) -> bool {
        self.ground.write_rules
    }

    /// What a candidate starts from.
    pub async fn rule_draft(&self) -> Result<Draft, String> {
        let directory = self.ground.rules.directory().to_path_buf();
        let read = move || {
            let base = rulebook::directory_hash(&directory).map_err(|error| error.to_string())?;
            let files = rulebook::load_files(&directory).map_err(|error| error.to_string())?;
            let embedded = rulebook::embedded_paths(&directory, &files);
            Ok(Draft { files, embedded, base, has_directory: directory.is_dir() })
        };
        let stopping = |_| Err("the process is stopping; try again in a moment".to_owned());
        tokio::task::spawn_blocking(read).await.unwrap_or_else(stopping)
    }

    /// What a comparison's candidate changes in the rules directory, file by file; and as a patch below it.
    pub async fn candidate_changes(&self, job: &DiffJob) -> Result<(Vec<ChangedFile>, String), AdminError> {
        let Some(edits) = job.edits() else {
            let (before, after) = job.files();
            let (before, after) = (before.clone(), after.clone());
            let work = move || (text_changes(&before, &after), patch(&before, &after));
            return tokio::task::spawn_blocking(work).await.map_err(|_| AdminError::Interrupted);
        };
        let (directory, edited) = (self.ground.rules.directory().to_path_buf(), edits.files.clone());
        let work = move || {
            let all = rulebook::load_files(&directory).unwrap_or_default();
            let embedded = rulebook::embedded_paths(&directory, &all);
            // What is only inside the program is compared with what it says there, and written as a new file.
            let pick = |keep: &dyn Fn(&String) -> bool| -> RuleFiles {
                let named = all.iter().filter(|(path, _)| edited.contains_key(*path) && keep(path));
                named.map(|(path, text)| (path.clone(), text.clone())).collect()
            };
            let (shown, own) = (pick(&|_| true), pick(&|path| !embedded.contains(path)));
            (text_changes(&shown, &edited), patch(&own, &edited))
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| AdminError::Interrupted)
    }

    /// Writes a comparison's candidate into the rules directory, if the files there are still those it started from.
    pub async fn write_candidate(&self, job: &DiffJob) -> Result<WriteOutcome, AdminError> {
        if !self.ground.write_rules {
            return Ok(WriteOutcome::NotAllowed);
        }
        let Some(edits) = job.edits().filter(|edits| !edits.files.is_empty()) else {
            return Ok(WriteOutcome::NothingToWrite);
        };
        let Some(base) = job.base else { return Ok(WriteOutcome::NothingToWrite) };
        if job.plans[1].is_preview_only(job.plans[1].pack()) {
            let pack = job.plans[1].pack();
            return Ok(WriteOutcome::NotFit(format!(
                "the pack `{pack}` makes SDK calls and can not be live"
            )));
        }
        let (directory, files) = (self.ground.rules.directory().to_path_buf(), edits.files.clone());
        let count = files.len();
        let _one_at_a_time = self.writing.lock().await;
        let write = move || rulebook::write_files(&directory, base, &files);
        match tokio::task::spawn_blocking(write).await.map_err(|_| AdminError::Interrupted)? {
            Ok(()) => {
                RulesWritten { files: count, revision: job.revision() }.tell();
                Ok(WriteOutcome::Written(count))
            }
            Err(error) => Ok(WriteOutcome::Refused(error)),
        }
    }
}
