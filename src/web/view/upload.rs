//! How an event ended and what CleverTap answered, in words.

use super::{Pill, Prose};
use crate::admin::event::{Again, EventDetail, Stage};
use crate::admin::remedy;

/// How an event ended.
#[derive(Debug, Clone)]
pub(in crate::web) struct EndView {
    /// A sentence.
    pub(in crate::web) sentence: Prose,
    /// The reason's code; empty where there is none.
    pub(in crate::web) code: String,
    /// What to do, where something is to be done.
    pub(in crate::web) remedy: Option<Prose>,
    /// Where in the request ingest found the problem; empty unless it did.
    pub(in crate::web) pointer: String,
}

impl EndView {
    /// The end of `event`.
    pub(in crate::web) fn of(event: &EventDetail) -> Self {
        let end = event.end.as_ref();
        let (code, message) = match &event.refusal {
            Some(refusal) => (Some(refusal.code.clone()), Some(refusal.message.clone())),
            None => (end.and_then(|end| end.code.clone()), end.and_then(|end| end.message.clone())),
        };
        let sentence = message.map(|message| Prose::sentence(&message)).unwrap_or_else(|| {
            Prose::new(match event.stage {
                Stage::Delivered if event.is_deletion() => {
                    "CleverTap took the request to delete the person; it does so within a day."
                }
                Stage::Delivered => "CleverTap took every record of this event.",
                Stage::Pending => "It is stored and waits to be delivered. Nothing is lost while it waits.",
                Stage::Filtered => "A rule keeps it from being sent.",
                Stage::FailedOnIngest | Stage::Failed => "It could not become a record.",
                Stage::Dead => "It could not be delivered.",
            })
        });
        Self {
            sentence,
            remedy: code.as_deref().and_then(remedy).map(Prose::new),
            code: code.unwrap_or_default(),
            pointer: event.refusal.as_ref().map(|refusal| refusal.pointer.clone()).unwrap_or_default(),
        }
    }
}

/// What an event had before it was sent again.
#[derive(Debug, Clone)]
pub(in crate::web) struct AgainView {
    /// The job that sent it again.
    pub(in crate::web) job: u64,
    /// The rules revision it was sent with then.
    pub(in crate::web) revision: String,
    /// How it stood before.
    pub(in crate::web) pill: Pill,
    /// Why, if there was a reason.
    pub(in crate::web) sentence: Option<Prose>,
    pub(in crate::web) code: String,
    /// The rules revision of its first end.
    pub(in crate::web) first_revision: String,
}

impl AgainView {
    /// What `event` had before, if it was sent again.
    pub(in crate::web) fn of(event: &EventDetail) -> Option<Self> {
        let Again { replaced, .. } = event.again.as_ref()?;
        let first = &replaced.first;
        Some(Self {
            job: replaced.by.0,
            revision: event.end.as_ref().map(|end| end.revision.clone()).unwrap_or_default(),
            pill: Stage::from(first.state).into(),
            sentence: first.message.as_deref().map(Prose::sentence),
            code: first.code.clone().unwrap_or_default(),
            first_revision: first.revision.clone(),
        })
    }
}
