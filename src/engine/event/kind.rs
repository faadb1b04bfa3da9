//! The kinds of call Segment has.

/// A kind of call. Source: <https://segment.com/docs/connections/spec/>, read 2026-11.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum CallKind {
    /// Who a user is.
    Identify,
    /// What a user did.
    Track,
    /// A page was seen.
    Page,
    /// A screen was seen.
    Screen,
    /// What group a user is in.
    Group,
    /// Two ids are one user.
    Alias,
}

impl CallKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Identify, Self::Track, Self::Page, Self::Screen, Self::Group, Self::Alias];

    /// Reads a kind, ignoring case.
    #[inline]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| text.eq_ignore_ascii_case(kind.as_str()))
    }

    /// The name in a call.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identify => "identify",
            Self::Track => "track",
            Self::Page => "page",
            Self::Screen => "screen",
            Self::Group => "group",
            Self::Alias => "alias",
        }
    }
}

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KindSet(u8);

impl KindSet {
    /// The set with one more kind.
    #[must_use]
    pub fn with(self, kind: CallKind) -> Self {
        Self(self.0 | 1 << kind as u8)
    }

    /// Whether a kind is in it.
    #[inline]
    pub fn holds(self, kind: CallKind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }
}
