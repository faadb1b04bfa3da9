//! One event with everything known of it.

use super::{Stage, Summary, end_of};
use crate::admin::{Admin, AdminError};
use crate::clock::Millis;
use crate::engine::Preview;
use crate::engine::event::Person;
use crate::journal::{End, Refusal, Replaced, Seq, UploadNote};

/// One event.
#[derive(Debug)]
pub struct EventDetail {
    /// Its place and name.
    pub seq: Seq,
    /// When it was received.
    pub received_at: Millis,
    /// When it was erased at the person's request, if it was. Then `body` holds what may remain, or nothing.
    pub erased_at: Option<Millis>,
    /// How it stands.
    pub stage: Stage,
    /// How it ended, unless it is pending.
    pub end: Option<End>,
    /// Why ingest refused it, if it did.
    pub refusal: Option<Refusal>,
    /// What is kept of the upload that decided it.
    pub upload: Option<UploadNote>,
    /// What it had before it was sent again, if it was, with what is kept of that upload.
    pub again: Option<Again>,
    /// The event as stored.
    pub body: String,
    /// What the live rules make of it, with the trace.
    pub preview: Preview,
    /// The events beside it: the older and the newer one.
    pub neighbours: (Option<Seq>, Option<Seq>),
}

/// What an event had before it was sent again.
#[derive(Debug)]
pub struct Again {
    /// Its first end, and the job that gave it the one it has now.
    pub replaced: Replaced,
    /// What is kept of the upload that led to the first end.
    pub upload: Option<UploadNote>,
}

impl EventDetail {
    /// Whether it asks for a person to be deleted, also once it is erased.
    pub fn is_deletion(&self) -> bool {
        Summary::of(self.body.as_bytes()).kind == Person::TYPE
    }

    /// Whether the live rules are those it was sent with; true while it is pending.
    pub fn rules_are_the_same(&self) -> bool {
        self.end.as_ref().is_none_or(|end| end.revision == self.preview.revision)
    }
}

impl Admin {
    /// Whether the event at a place ended and was dropped, because its time to be kept was over.
    pub fn was_dropped(&self, seq: Seq) -> bool {
        seq < self.ground.journal.kept_from()
    }

    /// The event at a place, if there is one.
    pub async fn event(&self, seq: Seq) -> Result<Option<EventDetail>, AdminError> {
        let journal = &self.ground.journal;
        let Some(block) = journal.block_from(seq).await? else {
            return Ok(None);
        };
        let Some(entry) = block.get(seq) else {
            return Ok(None);
        };
        let ends = journal.ends(&block).await?;
        let end = end_of(&block, &ends, seq).cloned();
        let upload = match end.as_ref().and_then(|end| end.upload) {
            Some(id) => journal.upload(id).await?,
            None => None,
        };
        let index = usize::try_from(seq.0.saturating_sub(block.first.0)).unwrap_or(usize::MAX);
        let again = match journal.replaced(&block).await?.into_iter().nth(index).flatten() {
            Some(replaced) => {
                let upload = match replaced.first.upload {
                    Some(id) => journal.upload(id).await?,
                    None => None,
                };
                Some(Again { replaced, upload })
            }
            None => None,
        };
        let body = String::from_utf8_lossy(&entry.body).into_owned();
        let older =
            journal.block_before(seq).await?.map(|block| Seq(block.end().0.min(seq.0).saturating_sub(1)));
        let newer = Some(seq.next()).filter(|newer| *newer < journal.end());
        Ok(Some(EventDetail {
            seq,
            received_at: entry.received_at,
            erased_at: entry.erased_at,
            stage: Stage::of(entry, end.as_ref()),
            end,
            refusal: entry.refusal.clone(),
            upload,
            again,
            preview: self.preview_one(&body, Some(entry.received_at), true),
            body,
            neighbours: (older, newer),
        }))
    }
}
