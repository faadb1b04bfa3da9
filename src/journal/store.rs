//! Small durable tables: settings, users, sessions, tokens, revisions of rules. A write is durable when it returns.
//!
//! Deliberately no queries: a table is a sorted map of bytes.

use super::JournalError;

/// The tables there are. A table's name is part of the stored format: never reuse one for another purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// `settings` → the settings as JSON.
    Settings,
    /// User name → account as JSON.
    Users,
    /// SHA-256 of the session cookie → session as JSON.
    Sessions,
    /// SHA-256 of an API token → its description as JSON.
    ApiTokens,
    /// objectId → the push token last sent for it.
    PushTokens,
    /// `setup` → hash of the first-start token, until it is claimed.
    Setup,
    /// Hash of a set of rules → which files it has, as JSON.
    RuleRevisions,
    /// Hash of a rule file and the number of a part, two bytes → that part of its text.
    RuleFiles,
    /// Number of a job that sends again, eight bytes → the job as JSON; the same and `e` → the edited event.
    Resends,
    /// Place of a deletion, eight bytes → 1, until the events of its person are erased; `key` → what hashes persons.
    Erasures,
    /// Place of an event, eight bytes → the attempts to send it as JSON, where there was more than one.
    Attempts,
    /// Hash of a set of rules → how often each of its rules took effect, as JSON.
    RuleHits,
    /// Public name of a write key or webhook secret → the key as JSON.
    Keys,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 13] = [
        Self::Settings,
        Self::Users,
        Self::Sessions,
        Self::ApiTokens,
        Self::PushTokens,
        Self::Setup,
        Self::RuleRevisions,
        Self::RuleFiles,
        Self::Resends,
        Self::Erasures,
        Self::Attempts,
        Self::RuleHits,
        Self::Keys,
    ];

    /// The stored name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Users => "users",
            Self::Sessions => "sessions",
            Self::ApiTokens => "api_tokens",
            Self::PushTokens => "push_tokens",
            Self::Setup => "setup",
            Self::RuleRevisions => "rule_revisions",
            Self::RuleFiles => "rule_files",
            Self::Resends => "resends",
            Self::Erasures => "erasures",
            Self::Attempts => "attempts",
            Self::RuleHits => "rule_hits",
            Self::Keys => "keys",
        }
    }
}

/// Keys and their values.
pub type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// A set of [`Table`]s. Calls block for a disk write at most; from async code, go through `tokio::task::spawn_blocking`.
pub trait Store: Send + Sync + 'static {
    /// The value under `key`.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError>;

    /// Sets `key` to `value`, or removes it.
    fn put(&self, table: Table, key: &[u8], value: Option<&[u8]>) -> Result<(), JournalError>;

    /// Sets several keys of one table in one durable write.
    fn put_all(&self, table: Table, pairs: &[(Vec<u8>, Option<Vec<u8>>)]) -> Result<(), JournalError>;

    /// Sets `key` only if it still holds `expected`; says whether it did.
    fn swap(
        &self,
        table: Table,
        key: &[u8],
        expected: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<bool, JournalError>;

    /// Tables that never become empty again once they hold a row, and that held one and are empty: damage took it.
    fn lost(&self) -> Vec<Table> {
        Vec::new()
    }

    /// All pairs, by key.
    fn list(&self, table: Table) -> Result<Rows, JournalError>;
}
