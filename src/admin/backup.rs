//! Backups of a running server, part by part.
//!
//! First thing to know: whoever takes the parts decides the pace, and nothing is dropped from the journal meanwhile, so
//! one who takes nothing for long is let go.

use super::{Admin, AdminError};
use crate::journal::backup::{BackupError, Writer};
use bytes::Bytes;
use std::io;
use std::time::Duration;
use tokio::sync::mpsc;

/// Parts that are ready before they are taken.
const AHEAD: usize = 2;
/// How long the one who takes may take nothing.
const PATIENCE: Duration = Duration::from_secs(60);

impl Admin {
    /// Begins a backup. An error among its parts is the last of them, and what came before is no backup then.
    pub async fn backup(&self) -> Result<mpsc::Receiver<io::Result<Bytes>>, AdminError> {
        let source = self.ground.journal.snapshot(self.now()).await?;
        let (parts, taken) = mpsc::channel(AHEAD);
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || {
            let mut writer = Writer::new(source);
            while let Some(part) = writer.next_part().transpose() {
                let is_last = part.is_err();
                let part = part.map(Bytes::from).map_err(as_io);
                let sent = runtime.block_on(async { tokio::time::timeout(PATIENCE, parts.send(part)).await });
                if is_last || !matches!(sent, Ok(Ok(()))) {
                    break;
                }
            }
        });
        Ok(taken)
    }
}

fn as_io(error: BackupError) -> io::Error {
    io::Error::other(error)
}
