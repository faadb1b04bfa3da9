//! What delivery needs beside the file: a mapping by one plan, a store that remembers nothing, dry runs.

use crate::clock::{self, Millis};
use crate::delivery::{Account, Answer, CleverTap, Mapped, Mapping, Mode, Reply, Uploader};
use crate::engine::{Context, Evaluator, Plan};
use crate::journal::store::Rows;
use crate::journal::{JournalError, Store, Table};
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;

/// Maps by the same plan from beginning to end, as `tapline transform` does.
pub(super) struct PlanMapping {
    revision: Arc<str>,
    evaluator: Evaluator,
    context: Context,
}

impl PlanMapping {
    /// By `plan`; `now` is when events were received that do not say so themselves.
    pub(super) fn new(plan: Arc<Plan>, now: Option<i64>) -> Self {
        let context = Context { received_at: now, stopwatch: Some(clock::stopwatch) };
        Self { revision: plan.revision().into(), evaluator: Evaluator::new(plan), context }
    }
}

impl Mapping for PlanMapping {
    fn refresh(&mut self) -> Arc<str> {
        self.revision.clone()
    }

    /// Nothing in a file says when it was received, so the second argument holds nothing.
    fn map(&mut self, event: &[u8], _: Millis) -> Mapped {
        Mapped::by(&mut self.evaluator, event, &self.context)
    }
}

/// Remembers nothing: which push tokens were sent is known for the run only, and for a bounded number of devices. A file
/// of any size takes the same memory so, and a token that is sent once more changes nothing at CleverTap.
#[derive(Debug)]
pub(super) struct Forgetful;

impl Store for Forgetful {
    fn get(&self, _: Table, _: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        Ok(None)
    }

    fn put(&self, _: Table, _: &[u8], _: Option<&[u8]>) -> Result<(), JournalError> {
        Ok(())
    }

    fn put_all(&self, _: Table, _: &[(Vec<u8>, Option<Vec<u8>>)]) -> Result<(), JournalError> {
        Ok(())
    }

    fn swap(
        &self,
        _: Table,
        _: &[u8],
        expected: Option<&[u8]>,
        _: Option<&[u8]>,
    ) -> Result<bool, JournalError> {
        Ok(expected.is_none())
    }

    fn list(&self, _: Table) -> Result<Rows, JournalError> {
        Ok(Rows::new())
    }
}

/// Has CleverTap validate and keep nothing.
#[derive(Debug)]
pub(super) struct DryRun(pub(super) CleverTap);

#[async_trait]
impl Uploader for DryRun {
    async fn upload(&self, account: &Account, body: Bytes) -> Reply {
        self.0.send(account, Mode::DryRun, body).await
    }

    /// Asks nobody: CleverTap has no dry run of a deletion.
    async fn delete(&self, _: &Account, _: Bytes) -> Reply {
        let body = Bytes::from_static(br#"{"status":"success"}"#);
        Reply::Answer(Answer { status: 200, retry_after: None, body, whole: true })
    }
}
