//! placeholder
use super::trace::Diagnostics;
use std::collections::BTreeMap;

/// Rule files by path relative to the rules directory, as `packs/segment-cloud.yaml` → text.
pub type RuleFiles = BTreeMap<String, String>;

/// Rules compiled for running. Immutable and shared; its revision names its content.
#[derive(Debug)]
pub struct Plan {}

impl Plan {
    /// Compiles a set of files. `pack` overrides the live pack of `tapline.yaml`; `options` override the pack's.
    /// All problems of all files come back at once.
    pub fn compile(
        _files: &RuleFiles,
        _pack: Option<&str>,
        _options: &BTreeMap<String, serde_json::Value>,
    ) -> Result<Self, Diagnostics> {
        Ok(Self {})
    }

    /// A short hash of everything that went into the plan.
    pub fn revision(&self) -> &str {
        "0000"
    }

    /// The live pack.
    pub fn pack(&self) -> &str {
        "segment-cloud"
    }

    /// The options of the pack, for a settings form, with the values in force.
    pub fn options(&self) -> &[PackOption] {
        &[]
    }

    /// Names of the packs there are.
    pub fn packs(&self) -> &[String] {
        &[]
    }
}

/// One typed option of a pack.
#[derive(Debug, Clone)]
pub struct PackOption {
    /// Name, as in `--option NAME=VALUE`.
    pub name: String,
    /// What it takes.
    pub kind: OptionKind,
    /// The pack's own value.
    pub default: serde_json::Value,
    /// The value in force.
    pub value: serde_json::Value,
    /// What a settings form says.
    pub label: String,
}

/// What a pack option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionKind {
    /// `true` or `false`.
    Boolean,
    /// Text.
    String,
    /// A whole number.
    Integer,
}
