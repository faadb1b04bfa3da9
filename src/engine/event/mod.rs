//! A Segment call: its kind, its members, its time.
//!
//! A call is looked into, never taken apart: [`Call`] is the flat index of its text plus the places of the members that
//! every call may have. Source of the members: <https://segment.com/docs/connections/spec/common/>, read 2026-11.
//! Deliberately no opinion on what a call must have; that is what rules say.

pub mod batch;
pub mod deletion;
pub mod kind;
pub mod owned;
pub mod path;
pub mod scan;
pub mod spec;
pub mod tape;
pub mod text;
pub mod time;

pub use deletion::{Ids, Person};
pub use kind::{CallKind, KindSet};
pub use owned::OwnedJson;
pub use path::Path;
pub use scan::{ScanError, Scanner};
pub use tape::{At, Json, Kind};

/// The members of a call that have a fixed place, found in one pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Member {
    /// `type`
    Type,
    /// `userId`
    UserId,
    /// `anonymousId`
    AnonymousId,
    /// `event`
    Event,
    /// `name`
    Name,
    /// `category`
    Category,
    /// `properties`
    Properties,
    /// `traits`
    Traits,
    /// `context`
    Context,
    /// `integrations`
    Integrations,
    /// `messageId`
    MessageId,
    /// `timestamp`
    Timestamp,
    /// `originalTimestamp`
    OriginalTimestamp,
    /// `sentAt`
    SentAt,
    /// `receivedAt`
    ReceivedAt,
    /// `groupId`
    GroupId,
    /// `previousId`
    PreviousId,
}

const MEMBERS: usize = 17;

impl Member {
    /// The member with this name.
    #[inline]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "type" => Self::Type,
            "userId" => Self::UserId,
            "anonymousId" => Self::AnonymousId,
            "event" => Self::Event,
            "name" => Self::Name,
            "category" => Self::Category,
            "properties" => Self::Properties,
            "traits" => Self::Traits,
            "context" => Self::Context,
            "integrations" => Self::Integrations,
            "messageId" => Self::MessageId,
            "timestamp" => Self::Timestamp,
            "originalTimestamp" => Self::OriginalTimestamp,
            "sentAt" => Self::SentAt,
            "receivedAt" => Self::ReceivedAt,
            "groupId" => Self::GroupId,
            "previousId" => Self::PreviousId,
            _ => return None,
        })
    }

    /// The name in a call.
    pub fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::UserId => "userId",
            Self::AnonymousId => "anonymousId",
            Self::Event => "event",
            Self::Name => "name",
            Self::Category => "category",
            Self::Properties => "properties",
            Self::Traits => "traits",
            Self::Context => "context",
            Self::Integrations => "integrations",
            Self::MessageId => "messageId",
            Self::Timestamp => "timestamp",
            Self::OriginalTimestamp => "originalTimestamp",
            Self::SentAt => "sentAt",
            Self::ReceivedAt => "receivedAt",
            Self::GroupId => "groupId",
            Self::PreviousId => "previousId",
        }
    }
}

/// One call, looked into.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The whole text with its index.
    pub json: Json<'a>,
    /// 0 where a member is absent: the root is no member.
    members: [u32; MEMBERS],
    kind: Option<CallKind>,
}

impl<'a> Call<'a> {
    /// Finds the members of a scanned text. Anything but an object has none.
    #[inline]
    pub fn new(json: Json<'a>) -> Self {
        let mut members = [0; MEMBERS];
        for (key, value) in json.members(At::ROOT) {
            let member = match json.node(key).escaped {
                false => Member::parse(json.content(key)),
                true => Member::parse(&json.decoded(key)),
            };
            if let Some(place) = member.and_then(|member| members.get_mut(member as usize)) {
                *place = value.0;
            }
        }
        let mut call = Self { json, members, kind: None };
        call.kind = call.find_kind();
        call
    }

    /// The value of a member, null or not.
    #[inline]
    pub fn member(&self, member: Member) -> Option<At> {
        match self.members.get(member as usize) {
            Some(0) | None => None,
            Some(&at) => Some(At(at)),
        }
    }

    /// The kind of call, if it names one that Segment has.
    #[inline]
    pub fn kind(&self) -> Option<CallKind> {
        self.kind
    }

    fn find_kind(&self) -> Option<CallKind> {
        let at = self.member(Member::Type)?;
        match self.json.kind(at) {
            Kind::String => CallKind::parse(&self.json.decoded(at)),
            _ => None,
        }
    }
}
