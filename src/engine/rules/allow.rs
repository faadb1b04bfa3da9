//! `allow: [R602]`: lints that are silenced, in a rule or in a whole file.

use super::reader::{Extent, Node};
use crate::engine::diagnostic::{Code, Diagnostics, Place, Severity, did_you_mean};

/// One silenced lint.
#[derive(Debug, Clone, PartialEq)]
pub struct Allow {
    /// Which.
    pub code: Code,
    /// Where it is written.
    pub place: Place,
    /// Where it is silenced: the rule or the file around it.
    within: Extent,
}

impl Allow {
    /// Reads a list of codes that holds for everything in `around`.
    pub fn parse(node: &Node<'_>, around: &Node<'_>, problems: &mut Diagnostics) -> Vec<Self> {
        let within = around.extent();
        let mut found = Vec::new();
        for node in node.list(problems, "a list of lints, as `[R602]`") {
            let Some(text) = node.text(problems, "a lint's code, as `R602`") else { continue };
            match lints().find(|code| code.as_str() == text) {
                Some(code) => found.push(Self { code, place: node.place(), within: within.clone() }),
                None if Code::ALL.iter().any(|code| code.as_str() == text) => {
                    let message =
                        format!("expected a lint that can be silenced, found `{text}`, which can not");
                    let help = "lints have codes from R601 on; correct what others complain of";
                    node.problem(problems, Code::R106, message, Some(help.into()));
                }
                None => {
                    let codes = lints().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ");
                    let help = did_you_mean(text, lints().map(Code::as_str));
                    let message =
                        format!("expected a lint that can be silenced, one of {codes}; found `{text}`");
                    node.problem(problems, Code::R106, message, help);
                }
            }
        }
        found
    }

    /// Whether a lint is silenced by it.
    pub fn covers(&self, code: Code, place: Option<&Place>) -> bool {
        code == self.code && place.is_some_and(|place| self.within.holds(place))
    }
}

/// Their codes, for the shape of the language.
pub(super) fn codes() -> Vec<&'static str> {
    lints().map(Code::as_str).collect()
}

/// The lints that can be silenced. That an `allow` silences nothing is not among them: leave it out instead.
fn lints() -> impl Iterator<Item = Code> {
    Code::ALL.into_iter().filter(|code| code.severity() == Severity::Warning && *code != Code::R611)
}
