//! Call templates: what a device-mode wrapper has CleverTap's SDK do.
//!
//! A call has a method and arguments, and neither address nor time: the SDK knows whom it speaks of.
//! Deliberately nothing is cut, because the SDK does that itself; and a call is only shown, never sent.

use super::data::Field;
use super::expression::Expression;
use super::reader::Node;
use super::{Limits, Scope};
use crate::engine::diagnostic::{Code, Diagnostics, Place};
use std::sync::Arc;

/// One call of CleverTap's SDK.
#[derive(Debug, Clone, PartialEq)]
pub struct CallTemplate {
    /// The method, as `onUserLogin.push`.
    pub method: Arc<str>,
    /// Its arguments, in order, named `args[0]` and so on. One that yields nothing is passed as null.
    pub args: Vec<Field>,
}

impl CallTemplate {
    /// Reads `method` and `args`.
    pub fn parse(
        method: Option<&Node<'_>>,
        args: Option<&Node<'_>>,
        scope: &Scope<'_>,
        problems: &mut Diagnostics,
    ) -> Option<Self> {
        let scope = scope.inside_record(Limits::Pass);
        let nodes = args.map(|node| node.list(problems, "a list of arguments")).unwrap_or_default();
        let args = nodes.iter().enumerate().map(|(at, node)| parse_argument(at, node, &scope, problems));
        let args = args.collect();
        let node = method?;
        let method = node.text(problems, "a method of the SDK, as `onUserLogin`")?;
        let is_name = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
        if !method.split('.').all(is_name) {
            let message = format!("expected a method such as `event.push`, found `{method}`");
            node.problem(problems, Code::R106, message, None);
            return None;
        }
        Some(Self { method: method.into(), args })
    }

    /// The values it passes, with their places: its arguments, and of objects what they are made of.
    pub fn fields(&self) -> Vec<(&Place, &str)> {
        let mut found = Vec::new();
        self.args.iter().for_each(|argument| argument.leaves(&mut found));
        found
    }
}

fn parse_argument(at: usize, node: &Node<'_>, scope: &Scope<'_>, problems: &mut Diagnostics) -> Field {
    let target = format!("args[{at}]");
    Field {
        name: scope.name(&target),
        target: target.into(),
        rendered: Box::default(),
        value: Expression::parse(node, None, scope, problems),
        most: usize::MAX,
        standard: None,
        place: node.place(),
    }
}
