//! Objects that rules write: named values in order, then the rest, then a merge over both.
//!
//! A record's data is one, and so is an `object` inside it and each `item` of a list.

use super::expression::Expression;
use super::reader::Node;
use super::rest::Rest;
use super::{NameId, Scope, shape};
use crate::engine::diagnostic::{Diagnostics, Place};
use crate::engine::event::text::push_escaped;
use crate::engine::record::{StandardField, limit};
use std::sync::Arc;

/// One object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Data {
    /// The named values, in order.
    pub fields: Vec<Field>,
    /// What is copied beside them.
    pub rest: Option<Rest>,
    /// What is copied over both, untouched.
    pub merge: Option<Rest>,
}

/// One named value.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The key in the record.
    pub target: Arc<str>,
    /// The key's number.
    pub name: NameId,
    /// The key as it is written: `"Name":`.
    pub rendered: Box<[u8]>,
    /// How the value is made.
    pub value: Expression,
    /// Most bytes of its text.
    pub most: usize,
    /// CleverTap's own field, if it is one.
    pub standard: Option<StandardField>,
    /// Where its key is written.
    pub place: Place,
}

impl Data {
    /// Reads a mapping of keys and values; `"*"` copies the rest, `"**"` merges. With `standard`, keys of CleverTap's own
    /// fields take their forms.
    pub fn parse(node: &Node<'_>, standard: bool, scope: &Scope<'_>, problems: &mut Diagnostics) -> Self {
        let mut data = Self::default();
        let Some(fields) = node.fields(problems, &shape::value::DATA) else { return data };
        for (target, node) in fields.others() {
            data.fields.push(parse_field(target, node, standard, scope, problems));
        }
        data.rest = fields.get("*").and_then(|node| Rest::parse(&node, scope, problems));
        data.merge = fields.get("**").and_then(|node| Rest::parse_merge(&node, scope, problems));
        data
    }
}

fn parse_field(
    target: &str,
    node: &Node<'_>,
    standard: bool,
    scope: &Scope<'_>,
    problems: &mut Diagnostics,
) -> Field {
    let standard = if standard { StandardField::find(target) } else { None };
    let value = Expression::parse(node, standard.map(|field| field.format), scope, problems);
    let mut rendered = b"\"".to_vec();
    push_escaped(&mut rendered, target);
    rendered.extend_from_slice(b"\":");
    let (name, rendered) = (scope.name(target), rendered.into());
    let most = scope.limits.most(limit::VALUE_BYTES);
    Field { target: target.into(), name, rendered, value, most, standard, place: node.key_place() }
}
