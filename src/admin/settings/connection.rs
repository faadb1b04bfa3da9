//! The connection test: does CleverTap let us in with what is typed, before it is saved?

use super::stored::Stored;
use super::{FieldProblem, Input};
use crate::admin::{Admin, AdminError};
use crate::delivery::test_connection;

/// What the test found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Whether uploads would be taken.
    pub good: bool,
    /// The finding and, where it is not good, what to do. One or two sentences.
    pub verdict: String,
}

impl Admin {
    /// Asks CleverTap what it thinks of the settings with `input` laid over them. Saves nothing, and stores nothing there.
    pub async fn check_connection(
        &self,
        input: &Input,
    ) -> Result<Result<Check, Vec<FieldProblem>>, AdminError> {
        let (stored, _) = self.stored(Stored::load).await?;
        let plan = self.ground.rules.plan();
        let wanted = match input.apply(&stored.settings, plan.options(), &self.ground.environment) {
            Ok(wanted) => wanted,
            Err(problems) => return Ok(Err(problems)),
        };
        let (settings, _) = self.ground.environment.overlay(&wanted);
        let found = test_connection(&settings, &self.ground.slots).await;
        Ok(Ok(Check { good: found.is_authorised(), verdict: found.to_string() }))
    }
}
