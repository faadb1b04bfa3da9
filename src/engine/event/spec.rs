//! Which members Segment's calls have, by type of call.
//!
//! Source: <https://segment.com/docs/connections/spec/common/> and the page of each type below
//! <https://segment.com/docs/connections/spec/>, read 2026-11.

use super::CallKind::{self, Alias, Group, Identify, Page, Screen, Track};

const EVERY: &[CallKind] = &CallKind::ALL;

/// Members at the root, and the types of call that have them.
const ROOTS: [(&str, &[CallKind]); 23] = [
    ("type", EVERY),
    ("messageId", EVERY),
    ("anonymousId", EVERY),
    ("userId", EVERY),
    ("timestamp", EVERY),
    ("originalTimestamp", EVERY),
    ("sentAt", EVERY),
    ("receivedAt", EVERY),
    ("context", EVERY),
    ("integrations", EVERY),
    ("version", EVERY),
    ("channel", EVERY),
    ("writeKey", EVERY),
    ("projectId", EVERY),
    ("metadata", EVERY),
    ("_metadata", EVERY),
    ("event", &[Track]),
    ("name", &[Page, Screen]),
    ("category", &[Page, Screen]),
    ("properties", &[Track, Page, Screen]),
    ("traits", &[Identify, Group]),
    ("groupId", &[Group]),
    ("previousId", &[Alias]),
];

/// Members of `context` and of what stands in it.
const MEMBERS: [(&str, &[&str]); 9] = [
    (
        "context",
        &[
            "active",
            "app",
            "campaign",
            "channel",
            "device",
            "groupId",
            "ip",
            "library",
            "locale",
            "location",
            "network",
            "os",
            "page",
            "personas",
            "protocols",
            "referrer",
            "screen",
            "timezone",
            "traits",
            "userAgent",
            "userAgentData",
            "sessionId",
            "externalIds",
        ],
    ),
    ("context.app", &["name", "version", "build", "namespace"]),
    ("context.campaign", &["name", "source", "medium", "term", "content", "id"]),
    (
        "context.device",
        &[
            "id",
            "advertisingId",
            "adTrackingEnabled",
            "manufacturer",
            "model",
            "name",
            "type",
            "version",
            "token",
        ],
    ),
    ("context.library", &["name", "version"]),
    ("context.network", &["bluetooth", "carrier", "cellular", "wifi"]),
    ("context.os", &["name", "version"]),
    ("context.page", &["path", "referrer", "search", "title", "url"]),
    ("context.screen", &["density", "height", "width"]),
];

/// The types of call that have a member at the root; none where no call has it.
pub fn holders(root: &str) -> Option<&'static [CallKind]> {
    ROOTS.iter().find(|(name, _)| *name == root).map(|(_, kinds)| *kinds)
}

/// Every member at the root.
pub fn roots() -> impl Iterator<Item = &'static str> {
    ROOTS.iter().map(|(name, _)| *name)
}

/// The members of an object, where the specification lists them.
pub fn members(path: &str) -> Option<&'static [&'static str]> {
    MEMBERS.iter().find(|(name, _)| *name == path).map(|(_, members)| *members)
}
