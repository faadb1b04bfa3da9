//! What one may be allowed to do. Every row of every route table names one of these.
//!
//! Roles will be sets of permissions; until there are roles, whoever is signed in holds all of them.

use serde::{Deserialize, Serialize};

/// One thing to be allowed. The names are part of the stored format of API tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Open to everyone: sign in, set up, static files, theme.
    Anyone,
    /// Needs no more than being signed in, as signing out.
    SignedIn,
    /// See counts, banners and events.
    SeeEvents,
    /// Evaluate an event without storing or sending it.
    Preview,
    /// Send events again and cancel that, send records by hand, and have CleverTap validate some.
    Resend,
    /// See and change settings, and test the connection.
    EditSettings,
    /// Make and revoke API tokens.
    ManageTokens,
    /// Have persons deleted at CleverTap and erased here, which can not be undone.
    DeletePersons,
    /// Write rule files into the rules directory, where the process allows that at all.
    WriteRules,
    /// Take a backup, which holds every event and every secret.
    Backup,
}
