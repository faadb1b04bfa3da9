//! Flags that choose the rules, the same for every verb that uses them.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Which rules, which pack, with which options.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Rules")]
pub struct RuleArgs {
    /// The rules directory; where it does not exist, the rules inside the program are used
    #[arg(long, env = "TAPLINE_RULES", value_name = "DIR", default_value = "./rules")]
    pub rules: PathBuf,
    /// The pack to use instead of the one `tapline.yaml` names
    #[arg(long, env = "TAPLINE_PACK", value_name = "NAME")]
    pub pack: Option<String>,
    /// Set an option of the pack; may be given several times (in the variable, separated by `;`)
    #[arg(long = "option", env = "TAPLINE_OPTION", value_name = "KEY=VALUE", value_delimiter = ';', value_parser = parse_option)]
    pub option: Vec<(String, Value)>,
}

impl RuleArgs {
    /// The options by name; of several with one name the last counts.
    pub fn options(&self) -> BTreeMap<String, Value> {
        self.option.iter().cloned().collect()
    }
}

/// `true`, `false` and whole numbers are what they look like; everything else is text.
fn parse_option(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.trim().is_empty())
        .ok_or_else(|| format!("expected KEY=VALUE, as `require_both_ids=false`, found `{text}`"))?;
    let value = match (value, value.parse::<i64>()) {
        ("true", _) => Value::Bool(true),
        ("false", _) => Value::Bool(false),
        (_, Ok(number)) => Value::from(number),
        (text, Err(_)) => Value::from(text),
    };
    Ok((name.trim().to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_a_boolean_a_number_or_text() {
        for (text, value) in [
            ("a=true", Value::Bool(true)),
            ("a=-5", Value::from(-5)),
            ("a=", Value::from("")),
            ("a=b=c", Value::from("b=c")),
            ("a=True", Value::from("True")),
        ] {
            assert_eq!(parse_option(text), Ok(("a".to_owned(), value)), "{text}");
        }
        assert!(parse_option("a").is_err());
        assert!(parse_option("=b").is_err());
    }
}
