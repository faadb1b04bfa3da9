//! A CleverTap record: its kinds, whom it is addressed to, its standard fields, its limits.
//!
//! Facts about the wire, each with its source. Deliberately no rules: which event becomes which record is not known here.

pub mod field;
pub mod format;
pub mod limit;
pub mod restricted;

pub use field::StandardField;
pub use format::Format;

/// What kind of record.
/// Source: <https://developer.clevertap.com/docs/upload-events-api>, read 2026-11.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordKind {
    /// A user's profile.
    Profile,
    /// Something a user did.
    Event,
    /// A push token of a device.
    Token,
    /// A call that a device-mode wrapper makes to CleverTap's SDK. Shown, never uploaded.
    Call,
}

impl RecordKind {
    /// The value of a record's `type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Event => "event",
            Self::Token => "token",
            Self::Call => "call",
        }
    }

    /// The member that holds a record's data.
    pub fn data_key(self) -> &'static str {
        match self {
            Self::Profile => "profileData",
            Self::Event => "evtData",
            Self::Token => "tokenData",
            Self::Call => "args",
        }
    }
}

/// Whom a record is addressed to: exactly one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address<'a> {
    /// CleverTap's Identity, the userId.
    Identity(std::borrow::Cow<'a, str>),
    /// CleverTap's objectId, the anonymousId.
    ObjectId(std::borrow::Cow<'a, str>),
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressKind {
    /// `identity`
    Identity,
    /// `objectId`
    ObjectId,
}

impl AddressKind {
    /// The member's name in a record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::ObjectId => "objectId",
        }
    }
}
