//! The connection test: one harmless record with `dryRun=1`, and what CleverTap says to it, in words.

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
