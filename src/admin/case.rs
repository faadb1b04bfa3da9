//! A test case of a captured event, without its personal data, for the rules directory.

use super::Admin;
use super::event::EventDetail;
use crate::engine::proof::{CaseOrder, NewCase, NotWritten, write_case};

impl Admin {
    /// A test file with `event` as its one case, by the rules in force. Nothing is stored.
    pub async fn case_of(&self, event: &EventDetail) -> Result<NewCase, NotWritten> {
        let (body, received_at) = (event.body.clone(), event.received_at);
        let (plan, settings) = (self.ground.rules.plan(), self.ground.settings.load());
        let work = move || {
            write_case(&CaseOrder {
                event: &body,
                received_at: Some(received_at.0),
                plan,
                // What the settings set over the rules directory has to stand in the case.
                pack: settings.0.pack.as_deref(),
                options: &settings.0.options,
            })
        };
        tokio::task::spawn_blocking(work).await.unwrap_or(Err(NotWritten::NotFaithful))
    }
}
