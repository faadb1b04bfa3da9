//! The connection test: one harmless record with `dryRun=1`, and what CleverTap says to it, in words.

use super::{FieldProblem, Input, Stored};
use crate::admin::{Admin, AdminError};

/// What the test found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Whether uploads would be taken.
    pub good: bool,
    /// The finding, a sentence.
    pub verdict: String,
    /// What to do, a sentence; none when it is good.
    pub remedy: Option<String>,
}

impl Admin {
    /// Asks CleverTap what it thinks of the settings with `input` laid over them. Saves nothing.
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
        let missing = settings.missing_for_delivery();
        if !missing.is_empty() {
            return Ok(Ok(Check {
                good: false,
                verdict: format!("The {} is missing.", missing.join(" and the ")),
                remedy: Some("Fill it in, then test again.".to_owned()),
            }));
        }
        Ok(Ok(Check { good: true, verdict: String::new(), remedy: None }))
    }
}
