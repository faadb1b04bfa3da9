//! Who changed something: an account, or a program by the name of its token.

use super::{ApiCaller, UserName};
use crate::telemetry::event::AccountName;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who changed something, as it is shown and kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Author(String);

impl AccountName for Author {}

impl From<&UserName> for Author {
    fn from(user: &UserName) -> Self {
        Self(user.as_str().to_owned())
    }
}

impl From<&ApiCaller> for Author {
    /// In words that no account can have as its name.
    fn from(caller: &ApiCaller) -> Self {
        Self(format!("API token {}", caller.name))
    }
}

impl Author {
    /// Nobody known: what was kept before names were.
    pub fn unknown() -> Self {
        Self("somebody".to_owned())
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
