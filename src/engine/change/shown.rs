//! How values appear in a report: by their kind, or as they are.

use super::Policy;
use crate::engine::difference::Side;
use crate::engine::event::Kind;
use crate::engine::event::text::cut_chars;

/// Characters of a value that are shown.
const VALUE_MOST: usize = 200;

/// `text(12)`, `number`, `object(3)`; or the JSON itself where the policy shows values.
pub(super) fn shown(policy: Policy, side: Side<'_>) -> String {
    if policy.values {
        return cut(side.raw(), VALUE_MOST);
    }
    let json = side.json;
    match side.kind() {
        Kind::Object => format!("object({})", json.members(side.at).count()),
        Kind::Array => format!("array({})", json.elements(side.at).count()),
        Kind::Key | Kind::String => format!("text({})", json.decoded(side.at).chars().count()),
        Kind::Number => "number".to_owned(),
        Kind::True | Kind::False => "boolean".to_owned(),
        Kind::Null => "null".to_owned(),
    }
}

/// At most `most` characters, and a sign where there were more.
pub(super) fn cut(text: &str, most: usize) -> String {
    let kept = cut_chars(text, most);
    let more = if kept.len() < text.len() { "…" } else { "" };
    format!("{kept}{more}")
}
