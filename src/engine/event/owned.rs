//! A scanned text with its index that owns both, for those who can not borrow: scripts.
//!
//! Copying an event with its index costs two copies of memory, a small part of what scanning it again would.

use super::scan::{ScanError, Scanner};
use super::tape::{Json, Node};

/// A text and its index. Looked into through [`OwnedJson::json`], as every scanned text.
#[derive(Debug, Clone, Default)]
pub struct OwnedJson {
    text: String,
    nodes: Vec<Node>,
}

impl OwnedJson {
    /// Scans a text.
    ///
    /// # Errors
    /// The text is not one JSON value.
    pub fn parse(text: &str) -> Result<Self, ScanError> {
        let mut scanner = Scanner::default();
        let mut owned = Self::default();
        owned.copy(scanner.scan(text)?);
        Ok(owned)
    }

    /// Becomes a copy of a scanned text; memory is used again.
    pub fn copy(&mut self, json: Json<'_>) {
        self.text.clear();
        self.text.push_str(json.text);
        self.nodes.clear();
        self.nodes.extend_from_slice(json.nodes);
    }

    /// The text and its index.
    pub fn json(&self) -> Json<'_> {
        Json { text: &self.text, nodes: &self.nodes }
    }
}
