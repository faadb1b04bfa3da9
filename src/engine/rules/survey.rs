//! What reading notes for lints, and running has no use for: which paths stand where, which rules, what is allowed.

use super::allow::Allow;
use super::reader::Extent;
use crate::engine::diagnostic::Place;
use crate::engine::event::Path;
use std::sync::Arc;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Survey {
    /// Every path into an event, and where it is written.
    pub paths: Vec<(Path, Place)>,
    /// Every rule's id, and from where to where it reaches.
    pub rules: Vec<(Arc<str>, Extent)>,
    /// The lints that are silenced, and where.
    pub allows: Vec<Allow>,
}
