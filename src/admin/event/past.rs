//! What an event became when it ended, beside what the rules in force make of it today.
//!
//! The records that were sent are not kept; they are made again by the revision of the rules that the event ended with,
//! from the bytes that were stored, which gives the same bytes as long as that revision is kept. What a pack's options
//! were is part of a revision. Which push tokens were left out because they were known already is not known any more.

use super::EventDetail;
use crate::admin::{Admin, AdminError, kept_files, kept_revisions};
use crate::clock::{self, Millis};
use crate::engine::difference::{Comparison, Side, walk};
use crate::engine::event::Scanner;
use crate::engine::{Context, Evaluator, Plan, Preview, preview};
use crate::journal::Store;
use serde::Serialize;
use std::sync::Arc;

/// What an event became by other rules than those in force.
#[derive(Debug)]
pub struct Past {
    /// The revision of the rules it ended with.
    pub revision: String,
    /// What they made of it; none where they are not kept any more.
    pub made: Option<Made>,
}

/// What earlier rules made of an event.
#[derive(Debug)]
pub struct Made {
    /// Everything of it, without a trace.
    pub preview: Preview,
    /// Where its records differ from those that the rules in force make; empty where they do not.
    pub differences: Vec<PastDifference>,
}

/// One place where records differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PastDifference {
    /// The record from 1 and the place in it, as `1.evtData.Amount`.
    pub path: String,
    /// What was there then, as JSON.
    pub then: Option<String>,
    /// What is there now, as JSON.
    pub now: Option<String>,
}

impl Admin {
    /// What `event` was when it ended, if that was by other rules than those in force.
    pub async fn past(&self, event: &EventDetail) -> Result<Option<Past>, AdminError> {
        let ended =
            event.end.as_ref().map(|end| end.revision.clone()).filter(|revision| !revision.is_empty());
        let Some(revision) = ended.filter(|_| !event.rules_are_the_same() && !event.body.is_empty()) else {
            return Ok(None);
        };
        let (body, received_at, wanted) = (event.body.clone(), event.received_at, revision.clone());
        let then = self.stored(move |store| evaluate(store, &wanted, &body, received_at)).await?;
        let made = then.map(|then| Made { differences: differences(&then, &event.preview), preview: then });
        Ok(Some(Past { revision, made }))
    }
}

fn evaluate(
    store: &dyn Store,
    revision: &str,
    body: &str,
    received_at: Millis,
) -> Result<Option<Preview>, AdminError> {
    let kept = kept_revisions(store)?.into_iter().find(|kept| kept.good && kept.hash.short() == revision);
    let Some(kept) = kept else { return Ok(None) };
    let files = kept_files(store, &kept)?;
    let Ok(plan) = Plan::compile(&files, kept.pack.as_deref(), &kept.options) else { return Ok(None) };
    let context = Context { received_at: Some(received_at.0), stopwatch: Some(clock::stopwatch) };
    Ok(Some(preview(&mut Evaluator::new(Arc::new(plan)), body.as_bytes(), &context, false)))
}

/// Where two previews differ: in how they end, then record by record in order.
pub fn differences(then: &Preview, now: &Preview) -> Vec<PastDifference> {
    let mut found = Vec::new();
    let end = |preview: &Preview| match &preview.reason {
        Some(reason) => format!("{} ({})", preview.outcome, reason.code),
        None => preview.outcome.to_owned(),
    };
    if end(then) != end(now) {
        found.push(PastDifference { path: "outcome".to_owned(), then: Some(end(then)), now: Some(end(now)) });
    }
    for index in 0..then.records.len().max(now.records.len()) {
        let (mut one, mut other) = (Scanner::default(), Scanner::default());
        let before = then.records.get(index).and_then(|record| one.scan(record.get()).ok());
        let after = now.records.get(index).and_then(|record| other.scan(record.get()).ok());
        let raw = |side: Option<Side<'_>>| side.map(|side| side.raw().to_owned());
        walk(
            Comparison::default(),
            &(index + 1).to_string(),
            before.map(Side::whole),
            after.map(Side::whole),
            &mut |path, before, after| {
                found.push(PastDifference { path, then: raw(before), now: raw(after) });
            },
        );
    }
    found
}
