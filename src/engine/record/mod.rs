//! placeholder
/// What kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordKind {
    /// A user's profile.
    Profile,
    /// Something a user did.
    Event,
    /// A push token of a device.
    Token,
}

/// Whom a record is addressed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Address<'a> {
    /// CleverTap's Identity, the userId.
    Identity(&'a str),
    /// CleverTap's objectId, the anonymousId.
    ObjectId(&'a str),
}
