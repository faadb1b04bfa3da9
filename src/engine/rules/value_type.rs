//! The types of values, as rules name them.

use crate::engine::event::Kind;

/// A type of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// Text.
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// An object.
    Object,
    /// An array.
    Array,
    /// Null.
    Nothing,
}

impl ValueType {
    /// Every type, by the name rules use.
    pub const ALL: [(&'static str, Self); 6] = [
        ("text", Self::Text),
        ("number", Self::Number),
        ("boolean", Self::Boolean),
        ("object", Self::Object),
        ("array", Self::Array),
        ("nothing", Self::Nothing),
    ];

    /// Whether a kind of value is of this type.
    pub fn holds(self, kind: Kind) -> bool {
        match self {
            Self::Text => kind == Kind::String,
            Self::Number => kind == Kind::Number,
            Self::Boolean => matches!(kind, Kind::True | Kind::False),
            Self::Object => kind == Kind::Object,
            Self::Array => kind == Kind::Array,
            Self::Nothing => kind == Kind::Null,
        }
    }
}
