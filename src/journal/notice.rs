//! What an operator has to know of the journal although it works.

/// One thing to be told for as long as the process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Stable, as `data_repaired`.
    pub code: &'static str,
    /// What happened and what to do, as a sentence without its stop.
    pub message: String,
}
