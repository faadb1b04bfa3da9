//! The flags that say which rules are meant, the same for every verb.

use super::Failure;
use crate::engine::{Diagnostics, Plan, RuleFiles};
use crate::rulebook;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Which rules.
#[derive(Debug, Clone, clap::Args)]
pub struct RulesArgs {
    /// The rules directory, over the packs inside the binary
    #[arg(long, value_name = "DIR", default_value = "./rules", env = "TAPLINE_RULES")]
    pub rules: PathBuf,
    /// The live pack, instead of the one that `tapline.yaml` names
    #[arg(long, value_name = "NAME", env = "TAPLINE_PACK")]
    pub pack: Option<String>,
    /// An option of the pack, as `require_both_ids=false`; repeatable
    #[arg(long = "option", value_name = "KEY=VALUE", env = "TAPLINE_OPTION", value_delimiter = ',', value_parser = parse_option)]
    pub options: Vec<(String, String)>,
}

fn parse_option(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("expected KEY=VALUE, found `{text}`"))?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

impl RulesArgs {
    /// The options as the engine takes them.
    pub fn options(&self) -> BTreeMap<String, Value> {
        self.options.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect()
    }

    /// Reads and compiles the rules.
    pub fn compile(&self) -> Result<Plan, Failure> {
        self.compile_files(&self.load()?).map_err(Failure::FoundProblems)
    }

    /// Compiles rules that have been read.
    pub fn compile_files(&self, files: &RuleFiles) -> Result<Plan, Diagnostics> {
        Plan::compile(files, self.pack.as_deref(), &self.options())
    }

    /// Reads the rule files.
    pub fn load(&self) -> Result<RuleFiles, Failure> {
        rulebook::load_files(&self.rules).map_err(|error| {
            Failure::CouldNotRun(format!(
                "the rules directory `{}` can not be read: {error}",
                self.rules.display()
            ))
        })
    }
}
