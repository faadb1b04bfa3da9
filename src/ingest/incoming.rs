//! One call as it came: its id, its kind, and what is wrong with it.
//!
//! Only what makes a call unusable for everybody is looked at here. Whether a rule can use it is the rules' business.

use super::code::{Code, Complaint};
use super::limit::MESSAGE_ID_CHARS;
use crate::engine::event::{At, CallKind, Json, Kind, Person};
use std::borrow::Cow;

/// A JSON value that should be a call, inside an indexed body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Incoming<'a> {
    /// The indexed body.
    pub(crate) json: Json<'a>,
    /// Where the call stands in it.
    pub(crate) at: At,
}

/// What a path says of the type of its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    /// It names the kind, which wins over a call's own `type`.
    Kind(CallKind),
    /// Each call says its own.
    Own {
        /// Whether persons may be deleted here.
        deletes: bool,
    },
}

/// What a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallType {
    /// One of the six that rules map.
    Kind(CallKind),
    /// `delete`: a person is to be forgotten.
    Deletion,
}

impl CallType {
    /// The value of `type`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Kind(kind) => kind.as_str(),
            Self::Deletion => Person::TYPE,
        }
    }
}

/// What tells a call from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MessageId<'a> {
    /// As the specification wants it.
    Text(Cow<'a, str>),
    /// A number, as written; it counts as the text of its digits.
    Number(&'a str),
    /// Not sent, null, or blank: one is made up.
    Absent,
}

impl<'a> Incoming<'a> {
    /// A member that is sent and not null. Of several with one name the last counts.
    pub(crate) fn member(&self, name: &str) -> Option<At> {
        self.json.get(self.at, name).filter(|&value| self.json.kind(value) != Kind::Null)
    }

    /// A member that is text, decoded.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        let value = self.member(name)?;
        (self.json.kind(value) == Kind::String).then(|| self.json.decoded(value))
    }

    /// The call's id, whether or not it is acceptable.
    pub(crate) fn message_id(&self) -> MessageId<'a> {
        let Some(value) = self.member("messageId") else { return MessageId::Absent };
        match self.json.kind(value) {
            Kind::String => {
                let text = self.json.decoded(value);
                if text.trim().is_empty() { MessageId::Absent } else { MessageId::Text(text) }
            }
            Kind::Number => MessageId::Number(self.json.raw(value)),
            _ => MessageId::Absent,
        }
    }

    /// Whether this can be taken as a call, and as which. `given` is what its path says of its type.
    /// The complaint's pointer starts at the call.
    pub(crate) fn check(&self, given: Given) -> Result<CallType, Complaint> {
        if self.json.kind(self.at) != Kind::Object {
            let message =
                format!("expected a call as a JSON object, found {}", self.json.kind(self.at).noun());
            return Err(Complaint::new(Code::NotAnObject, message));
        }
        let kind = match given {
            Given::Kind(kind) => CallType::Kind(kind),
            Given::Own { deletes } => self.kind(deletes)?,
        };
        self.check_ids()?;
        self.check_message_id()?;
        self.check_sections()?;
        if kind == CallType::Kind(CallKind::Track) {
            self.check_event_name()?;
        }
        Ok(kind)
    }

    fn kind(&self, deletes: bool) -> Result<CallType, Complaint> {
        const EXPECTED: &str =
            "expected `type` to be `identify`, `track`, `page`, `screen`, `group` or `alias`, found";
        let complaint = |code, found: &str| Complaint::new(code, format!("{EXPECTED} {found}")).at("/type");
        let Some(value) = self.member("type") else { return Err(complaint(Code::UnknownType, "none")) };
        if self.json.kind(value) != Kind::String {
            return Err(complaint(Code::InvalidType, self.json.kind(value).noun()));
        }
        let text = self.json.decoded(value);
        if text.eq_ignore_ascii_case(Person::TYPE) {
            let message = "expected a deletion signed by Segment at `/v1/webhooks/segment`, for which a webhook \
                           secret must be set, or at `/api/v1/deletions` with an API token; a write key alone, which \
                           pages show to anybody, deletes nobody";
            let refused = || Complaint::new(Code::DeletionNotHere, message).at("/type");
            return if deletes { Ok(CallType::Deletion) } else { Err(refused()) };
        }
        let kind = CallKind::parse(&text).map(CallType::Kind);
        kind.ok_or_else(|| complaint(Code::UnknownType, &shown_word(&text)))
    }

    fn check_ids(&self) -> Result<(), Complaint> {
        let mut known = false;
        for name in ["userId", "anonymousId"] {
            let Some(value) = self.member(name) else { continue };
            known |= match self.json.kind(value) {
                Kind::String => !self.json.decoded(value).trim().is_empty(),
                Kind::Number => true,
                other => return Err(wrong_type(name, "text or a number", other)),
            };
        }
        if known {
            return Ok(());
        }
        let message = "expected `userId` or `anonymousId`, found neither; send at least one of them";
        Err(Complaint::new(Code::NoUserAnonId, message).at("/userId"))
    }

    fn check_message_id(&self) -> Result<(), Complaint> {
        if let Some(value) = self.member("messageId")
            && !matches!(self.json.kind(value), Kind::String | Kind::Number)
        {
            return Err(wrong_type("messageId", "text", self.json.kind(value)));
        }
        let length = match self.message_id() {
            MessageId::Text(text) => text.chars().count(),
            MessageId::Number(digits) => digits.len(),
            MessageId::Absent => 0,
        };
        if length <= MESSAGE_ID_CHARS {
            return Ok(());
        }
        let message =
            format!("expected `messageId` to have at most {MESSAGE_ID_CHARS} characters, found {length}");
        Err(Complaint::new(Code::MessageIdTooLong, message).at("/messageId"))
    }

    fn check_sections(&self) -> Result<(), Complaint> {
        for name in ["context", "integrations", "properties", "traits"] {
            if let Some(value) = self.member(name)
                && !is_section(&self.json, value)
            {
                return Err(wrong_type(name, "an object", self.json.kind(value)));
            }
        }
        Ok(())
    }

    fn check_event_name(&self) -> Result<(), Complaint> {
        let missing = || {
            let message = "expected `event` to name what the user did, as `Order Completed`, found none";
            Complaint::new(Code::MissingEventName, message).at("/event")
        };
        let value = self.member("event").ok_or_else(missing)?;
        match self.json.kind(value) {
            Kind::String if self.json.decoded(value).trim().is_empty() => Err(missing()),
            Kind::String => Ok(()),
            other => Err(wrong_type("event", "text", other)),
        }
    }
}

/// Whether a value is an object, or the empty array that PHP writes for an empty object.
pub(crate) fn is_section(json: &Json<'_>, value: At) -> bool {
    match json.kind(value) {
        Kind::Object => true,
        Kind::Array => json.elements(value).next().is_none(),
        _ => false,
    }
}

/// The complaint about a member of the wrong JSON type.
pub(crate) fn wrong_type(name: &str, expected: &str, found: Kind) -> Complaint {
    let message = format!("expected `{name}` to be {expected}, found {}", found.noun());
    Complaint::new(Code::InvalidType, message).at(format!("/{name}"))
}

/// A word that is short and plain enough to be shown; anything else may hold what must not reach a log.
fn shown_word(text: &str) -> Cow<'_, str> {
    let plain =
        text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_alphabetic() || b"_-".contains(&byte));
    if plain && !text.is_empty() { format!("`{text}`").into() } else { "another word".into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::Scanner;

    fn complaint(text: &str, given: Option<CallKind>) -> Option<(&'static str, String)> {
        let mut scanner = Scanner::default();
        let call = Incoming { json: scanner.scan(text).unwrap(), at: At::ROOT };
        let given = given.map_or(Given::Own { deletes: false }, Given::Kind);
        call.check(given).err().map(|complaint| (complaint.code.as_str(), complaint.pointer))
    }

    #[test]
    fn what_a_call_must_have_is_complained_about_by_place() {
        for (text, code, pointer) in [
            ("5", "not_an_object", ""),
            ("[]", "not_an_object", ""),
            (r#"{"userId":"u"}"#, "unknown_type", "/type"),
            (r#"{"type":null,"userId":"u"}"#, "unknown_type", "/type"),
            (r#"{"type":"trak","userId":"u"}"#, "unknown_type", "/type"),
            (r#"{"type":7,"userId":"u"}"#, "invalid_type", "/type"),
            (r#"{"type":"Delete","userId":"u"}"#, "deletion_not_here", "/type"),
            (r#"{"type":"page"}"#, "no_user_anon_id", "/userId"),
            (r#"{"type":"page","userId":"","anonymousId":" "}"#, "no_user_anon_id", "/userId"),
            (r#"{"type":"page","userId":null}"#, "no_user_anon_id", "/userId"),
            (r#"{"type":"page","userId":{}}"#, "invalid_type", "/userId"),
            (r#"{"type":"page","userId":"u","anonymousId":true}"#, "invalid_type", "/anonymousId"),
            (r#"{"type":"page","userId":"u","messageId":[]}"#, "invalid_type", "/messageId"),
            (r#"{"type":"page","userId":"u","context":"c"}"#, "invalid_type", "/context"),
            (r#"{"type":"page","userId":"u","integrations":[1]}"#, "invalid_type", "/integrations"),
            (r#"{"type":"page","userId":"u","properties":5}"#, "invalid_type", "/properties"),
            (r#"{"type":"identify","userId":"u","traits":"t"}"#, "invalid_type", "/traits"),
            (r#"{"type":"track","userId":"u"}"#, "missing_event_name", "/event"),
            (r#"{"type":"track","userId":"u","event":"\t"}"#, "missing_event_name", "/event"),
            (r#"{"type":"track","userId":"u","event":5}"#, "invalid_type", "/event"),
        ] {
            assert_eq!(complaint(text, None), Some((code, pointer.to_owned())), "{text}");
        }
    }

    #[test]
    fn what_senders_get_away_with_at_segment_is_taken() {
        for text in [
            r#"{"type":"Track","userId":5,"event":"e"}"#,
            r#"{"type":"page","anonymousId":"a","properties":[],"context":null}"#,
            r#"{"type":"alias","userId":"u"}"#,
            r#"{"type":"group","userId":"u","messageId":5}"#,
            r#"{"type":"screen","userId":"\ud800"}"#,
            r#"{"type":"track","event":"e","userId":"","userId":"u"}"#,
        ] {
            assert_eq!(complaint(text, None), None, "{text}");
        }
        assert_eq!(complaint(r#"{"type":7,"userId":"u"}"#, Some(CallKind::Page)), None);
    }

    #[test]
    fn a_message_id_may_have_a_hundred_characters_and_not_one_more() {
        let with_id = |count| format!(r#"{{"userId":"u","messageId":"{}"}}"#, "é".repeat(count));
        assert_eq!(complaint(&with_id(100), Some(CallKind::Page)), None);
        let refused = Some(("message_id_too_long", "/messageId".to_owned()));
        assert_eq!(complaint(&with_id(101), Some(CallKind::Page)), refused);
    }

    #[test]
    fn only_plain_words_of_the_sender_are_shown() {
        assert_eq!(shown_word("trak"), "`trak`");
        for hidden in ["", "jane@example.com", "a b", &"x".repeat(33)] {
            assert_eq!(shown_word(hidden), "another word");
        }
    }
}
