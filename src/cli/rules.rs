//! The flags that say which rules are meant, the same for every verb.

use super::Failure;
use crate::engine::{Diagnostics, Plan, RuleFiles};
use crate::rulebook;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where rules are looked for where nobody says where.
const DEFAULT: &str = "./rules";
/// Names the rules inside the binary, also where there is a directory `rules`.
const BUILT_IN: &str = "built-in";

/// Which rules.
#[derive(Debug, Clone, clap::Args)]
pub struct RulesArgs {
    /// The rules directory, over the packs inside the binary; `built-in` for these alone
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

    /// Reads and compiles the rules, to see what they make of events.
    pub fn compile(&self) -> Result<Plan, Failure> {
        let compile = |files| Plan::compile(files, self.pack.as_deref(), &self.options());
        compile(&self.load()?).map_err(Failure::FoundProblems)
    }

    /// Compiles rules that have been read, as those that are to be live. A pack that is named by a flag is judged as
    /// preview judges it, because one that makes SDK calls is for preview only.
    pub fn compile_live(&self, files: &RuleFiles) -> Result<Plan, Diagnostics> {
        let compile = if self.pack.is_some() { Plan::compile } else { Plan::compile_live };
        compile(files, self.pack.as_deref(), &self.options())
    }

    /// Refuses a directory that somebody names and that is not there: with a slip of the pen the rules inside the binary
    /// would stand in, and everything would look fine.
    pub fn check_directory(&self) -> Result<(), Failure> {
        let is_default = self.rules == Path::new(DEFAULT) || self.rules == Path::new(BUILT_IN);
        if self.rules.is_dir() || is_default && !self.rules.exists() {
            return Ok(());
        }
        let found = if self.rules.exists() { "something else" } else { "nothing" };
        Err(Failure::CouldNotRun(format!(
            "expected a rules directory at `{}`, found {found}; `tapline init` makes one, and `--rules {BUILT_IN}` \
             means the rules inside the binary",
            self.rules.display()
        )))
    }

    /// Reads the rule files.
    pub fn load(&self) -> Result<RuleFiles, Failure> {
        self.check_directory()?;
        rulebook::load_files(&self.rules).map_err(|error| {
            Failure::CouldNotRun(format!(
                "the rules directory `{}` can not be read: {error}",
                self.rules.display()
            ))
        })
    }
}
