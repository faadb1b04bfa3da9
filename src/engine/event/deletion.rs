//! A deletion: Segment's seventh kind of call, `{"type":"delete","userId":"…"}`, by which a person is forgotten.
//!
//! It is no [`CallKind`](super::CallKind): rules map the six kinds, and a deletion is not mapped. Segment forwards it for
//! its Segment & Destination regulations (<https://segment.com/docs/privacy/user-deletion-and-suppression/>, read
//! 2026-11), always by `userId`.
//!
//! First thing to know: it is about exactly one of the two ids. A `userId` is CleverTap's Identity; an `anonymousId` is
//! the objectId that records were sent with, and CleverTap takes that as `guid`, its own id of a profile. An `anonymousId`
//! that CleverTap's objectId rules refuse was never sent, so there is nothing there to delete. An id that CleverTap's SDK
//! made for itself (with a prefix as `__`) is another one, which no Segment call tells; the profile it belongs to is
//! deleted by its Identity.

use super::text::push_escaped;
use super::{At, Call, Json, Kind, Member, Scanner};
use crate::engine::record::format::is_object_id;

/// Who is to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Person {
    /// By `userId`.
    User(String),
    /// By `anonymousId`, where there is no `userId`.
    Anonymous(String),
}

/// The ids that tell whose an event is; text or the digits of a number, none where blank.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ids {
    /// `userId`
    pub user: Option<String>,
    /// `anonymousId`
    pub anonymous: Option<String>,
    /// `previousId` of an alias: an earlier `userId` or `anonymousId` of the same person.
    pub previous: Option<String>,
}

impl Person {
    /// The value of `type`.
    pub const TYPE: &str = "delete";

    /// Reads an event; none where it is another call or names nobody.
    pub fn of_deletion(event: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(event).ok()?;
        // Nearly every event is none, and this costs far less than looking into it.
        if !text.contains("\"delete\"") {
            return None;
        }
        let mut scanner = Scanner::default();
        let call = Call::new(scanner.scan(text).ok()?);
        let kind = call.member(Member::Type)?;
        if call.json.kind(kind) != Kind::String || call.json.decoded(kind) != Self::TYPE {
            return None;
        }
        let ids = Ids::of(&call);
        ids.user.map(Self::User).or(ids.anonymous.map(Self::Anonymous))
    }

    /// The id itself.
    pub fn id(&self) -> &str {
        let (Self::User(id) | Self::Anonymous(id)) = self;
        id
    }

    /// The member of CleverTap's delete call that names such persons. One call takes one of the two.
    /// Source: <https://developer.clevertap.com/docs/delete-profile-api>, read 2026-07.
    pub fn key(&self) -> &'static str {
        match self {
            Self::User(_) => "identity",
            Self::Anonymous(_) => "guid",
        }
    }

    /// Whether CleverTap can know the person by this id.
    pub fn is_sendable(&self) -> bool {
        match self {
            Self::User(_) => true,
            Self::Anonymous(id) => is_object_id(id),
        }
    }

    /// Whether an event with these ids is this person's.
    pub fn owns(&self, ids: &Ids) -> bool {
        let is = |id: &Option<String>| id.as_deref() == Some(self.id());
        match self {
            Self::User(_) => is(&ids.user) || is(&ids.previous),
            Self::Anonymous(_) => is(&ids.anonymous) || is(&ids.previous),
        }
    }

    /// The body of CleverTap's delete call for persons of one key: `{"identity":["…"]}`.
    pub fn render_call<'a>(people: impl Iterator<Item = &'a Self>) -> Vec<u8> {
        let mut body = Vec::new();
        for person in people {
            if body.is_empty() {
                body.extend_from_slice(format!("{{\"{}\":[\"", person.key()).as_bytes());
            } else {
                body.extend_from_slice(b",\"");
            }
            push_escaped(&mut body, person.id());
            body.push(b'"');
        }
        body.extend_from_slice(b"]}");
        body
    }

    /// The event that asks for this deletion, as the journal keeps it. `at` is a time in RFC 3339.
    pub fn render_event(&self, message_id: &str, at: &str) -> Vec<u8> {
        let name = match self {
            Self::User(_) => Member::UserId,
            Self::Anonymous(_) => Member::AnonymousId,
        };
        let mut body = format!("{{\"type\":\"{}\",\"{}\":\"", Self::TYPE, name.name()).into_bytes();
        push_escaped(&mut body, self.id());
        body.extend_from_slice(b"\",\"messageId\":\"");
        push_escaped(&mut body, message_id);
        body.extend_from_slice(
            format!("\",\"originalTimestamp\":\"{at}\",\"timestamp\":\"{at}\",\"receivedAt\":\"{at}\"}}")
                .as_bytes(),
        );
        body
    }
}

impl Ids {
    /// The ids of a call.
    pub fn of(call: &Call<'_>) -> Self {
        let id = |member| call.member(member).and_then(|at| id(&call.json, at));
        Self {
            user: id(Member::UserId),
            anonymous: id(Member::AnonymousId),
            previous: id(Member::PreviousId),
        }
    }

    /// The ids of an event as JSON; what can not be read has none.
    pub fn of_event(event: &[u8], scanner: &mut Scanner) -> Self {
        let json = std::str::from_utf8(event).ok().and_then(|text| scanner.scan(text).ok());
        json.map_or_else(Self::default, |json| Self::of(&Call::new(json)))
    }
}

fn id(json: &Json<'_>, at: At) -> Option<String> {
    let usable = matches!(json.kind(at), Kind::String | Kind::Number);
    let text = usable.then(|| json.decoded(at))?;
    (!text.trim().is_empty()).then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(event: &str) -> Option<Person> {
        Person::of_deletion(event.as_bytes())
    }

    #[test]
    fn a_deletion_is_told_from_every_other_call() {
        let user = |id: &str| Some(Person::User(id.to_owned()));
        assert_eq!(of(r#"{"type":"delete","userId":"user_1","anonymousId":"a"}"#), user("user_1"));
        assert_eq!(of(r#"{"userId":7,"type":"delete"}"#), user("7"));
        let anonymous = Some(Person::Anonymous("a\"1".to_owned()));
        assert_eq!(of(r#"{"type":"delete","userId":" ","anonymousId":"a\"1"}"#), anonymous);
        for other in [
            r#"{"type":"track","event":"x","userId":"u","properties":{"type":"delete"}}"#,
            r#"{"type":["delete"],"userId":"u"}"#,
            r#"{"type":"delete"}"#,
            r#"{"type":"delete","userId":{}}"#,
            "\"delete\"",
            "",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn a_call_names_persons_of_one_kind() {
        let people = [Person::User("u\"1".to_owned()), Person::User("ü".to_owned())];
        assert_eq!(Person::render_call(people.iter()), r#"{"identity":["u\"1","ü"]}"#.as_bytes());
        let one = Person::Anonymous("a1".to_owned());
        assert_eq!(Person::render_call([&one].into_iter()), br#"{"guid":["a1"]}"#);
        assert!(one.is_sendable() && !Person::Anonymous("a b".to_owned()).is_sendable());
    }

    #[test]
    fn an_event_is_owned_by_any_id_of_the_person() {
        let mut scanner = Scanner::default();
        let mut owns =
            |person: &Person, event: &str| person.owns(&Ids::of_event(event.as_bytes(), &mut scanner));
        let user = Person::User("7".to_owned());
        assert!(owns(&user, r#"{"userId":7}"#) && owns(&user, r#"{"userId":"8","previousId":"7"}"#));
        assert!(!owns(&user, r#"{"anonymousId":"7"}"#) && !owns(&user, "{") && !owns(&user, "{}"));
        let anonymous = Person::Anonymous("a".to_owned());
        assert!(owns(&anonymous, r#"{"userId":"8","anonymousId":"a"}"#));
        assert!(!owns(&anonymous, r#"{"userId":"a"}"#));
    }

    #[test]
    fn what_is_written_as_an_event_is_read_back() {
        for person in [Person::User("a\"\u{e9}\\".to_owned()), Person::Anonymous("x".to_owned())] {
            let event = person.render_event("m", "2026-01-01T00:00:10.000Z");
            assert_eq!(Person::of_deletion(&event), Some(person));
        }
    }
}
