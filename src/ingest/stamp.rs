//! Completing a call: what Segment's own API would have added before anybody else sees it.
//!
//! The sender's bytes stay as they came, numbers and escapes included; what is set here replaces members of that name
//! and stands at the end. `writeKey` is taken out.

use super::incoming::{CallType, Incoming};
use super::shared::Shared;
use crate::clock::Millis;
use crate::engine::event::CallKind;
use crate::engine::event::text::push_escaped;
use crate::engine::event::time::{parse_iso, render_iso};
use std::borrow::Cow;

/// When a request was received, rendered once for all its calls.
#[derive(Debug)]
pub(crate) struct Receipt {
    /// The time.
    pub(crate) at: Millis,
    json: String,
}

impl Receipt {
    /// A receipt of that time.
    pub(crate) fn at(at: Millis) -> Self {
        Self { at, json: format!("\"{}\"", render_iso(at.0)) }
    }
}

/// What is set on a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp<'a> {
    /// When it was received.
    pub(crate) receipt: &'a Receipt,
    /// What it is, where that is not for the call itself to say.
    pub(crate) kind: Option<CallType>,
    /// Its id, where the call has none or not as text.
    pub(crate) message_id: Option<&'a str>,
    /// What its batch says for all.
    pub(crate) shared: &'a Shared<'a>,
}

/// Members to be set, as name and JSON.
type Members<'a> = Vec<(&'static str, Cow<'a, str>)>;

/// The completed call as JSON.
pub(crate) fn render(call: &Incoming<'_>, stamp: &Stamp<'_>) -> Vec<u8> {
    let set = members(call, stamp);
    let raw = call.json.raw(call.at);
    let mut body =
        Vec::with_capacity(raw.len() + set.iter().map(|(_, value)| value.len() + 32).sum::<usize>());
    for (key, value) in call.json.members(call.at) {
        let name = call.json.decoded(key);
        if name != "writeKey" && !set.iter().any(|(replaced, _)| name == *replaced) {
            push_member(&mut body, call.json.raw(key), call.json.raw(value));
        }
    }
    for (name, value) in &set {
        push_named(&mut body, name, value);
    }
    body.push(b'}');
    body
}

/// What can be kept of a call that is too large or too deep to be kept, or is no call at all.
pub(crate) fn render_remains(call: &Incoming<'_>, message_id: &str, receipt: &Receipt) -> Vec<u8> {
    let mut body = Vec::new();
    if let Some(kind) = call.text("type").and_then(|text| CallKind::parse(&text)) {
        push_named(&mut body, "type", &quoted(kind.as_str()));
    }
    push_named(&mut body, "messageId", &quoted(message_id));
    push_named(&mut body, "receivedAt", &receipt.json);
    body.push(b'}');
    body
}

fn members<'a>(call: &Incoming<'a>, stamp: &Stamp<'a>) -> Members<'a> {
    let mut set: Members<'a> = Vec::with_capacity(8);
    if let Some(kind) = stamp.kind
        && call.text("type").as_deref() != Some(kind.as_str())
    {
        set.push(("type", quoted(kind.as_str())));
    }
    if let Some(id) = stamp.message_id {
        set.push(("messageId", quoted(id)));
    }
    for (name, section) in [("context", &stamp.shared.context), ("integrations", &stamp.shared.integrations)]
    {
        if let Some(merged) =
            section.as_ref().and_then(|section| section.merge(&call.json, call.member(name)))
        {
            set.push((name, merged));
        }
    }
    let own_sent_at = call.member("sentAt").map(|value| call.json.raw(value));
    if let (None, Some(sent_at)) = (own_sent_at, stamp.shared.sent_at) {
        set.push(("sentAt", sent_at.into()));
    }
    push_times(&mut set, call, own_sent_at.or(stamp.shared.sent_at), stamp.receipt);
    set.push(("receivedAt", stamp.receipt.json.as_str().into()));
    set
}

/// Corrects the sender's clock: `timestamp = receivedAt − (sentAt − originalTimestamp)`.
/// A call that has `originalTimestamp` has been through this already, at Segment or another ingest.
/// Source: <https://segment.com/docs/connections/spec/common/#timestamps>, read 2026-11.
fn push_times<'a>(set: &mut Members<'a>, call: &Incoming<'a>, sent_at: Option<&str>, receipt: &'a Receipt) {
    if call.member("originalTimestamp").is_some_and(|value| !call.json.is_blank(value)) {
        return;
    }
    let told = call.member("timestamp").filter(|&value| !call.json.is_blank(value));
    let original = told.map_or(receipt.json.as_str(), |value| call.json.raw(value));
    set.push(("originalTimestamp", original.into()));
    let timestamp =
        match (call.text("timestamp").and_then(|text| parse_iso(&text)), sent_at.and_then(parse_quoted)) {
            // It happened when it came, whatever the sender's clock says.
            (None, _) => receipt.json.as_str().into(),
            (Some(told), None) => quoted(&render_iso(told)),
            (Some(told), Some(sent)) => {
                let corrected = sent.checked_sub(told).and_then(|skew| receipt.at.0.checked_sub(skew));
                quoted(&render_iso(corrected.unwrap_or(told)))
            }
        };
    set.push(("timestamp", timestamp));
}

/// The time in a JSON string.
fn parse_quoted(json: &str) -> Option<i64> {
    let inside = json.strip_prefix('"')?.strip_suffix('"')?;
    parse_iso(&crate::engine::event::text::unescape(inside))
}

fn quoted<'a>(text: &str) -> Cow<'a, str> {
    let mut json = Vec::with_capacity(text.len() + 2);
    json.push(b'"');
    push_escaped(&mut json, text);
    json.push(b'"');
    String::from_utf8(json).unwrap_or_default().into()
}

/// Adds a member whose name needs no escapes.
fn push_named(body: &mut Vec<u8>, name: &str, raw_value: &str) {
    body.push(if body.is_empty() { b'{' } else { b',' });
    body.push(b'"');
    body.extend_from_slice(name.as_bytes());
    body.extend_from_slice(b"\":");
    body.extend_from_slice(raw_value.as_bytes());
}

fn push_member(body: &mut Vec<u8>, raw_name: &str, raw_value: &str) {
    body.push(if body.is_empty() { b'{' } else { b',' });
    body.extend_from_slice(raw_name.as_bytes());
    body.push(b':');
    body.extend_from_slice(raw_value.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::{At, Scanner};

    const RECEIVED: Millis = Millis(1_767_225_610_000); // 2026-01-01T00:00:10.000Z

    fn rendered(
        text: &str,
        kind: Option<CallKind>,
        message_id: Option<&str>,
        sent_at: Option<&str>,
    ) -> String {
        let mut scanner = Scanner::default();
        let call = Incoming { json: scanner.scan(text).unwrap(), at: At::ROOT };
        let shared = Shared { sent_at, ..Shared::default() };
        let kind = kind.map(CallType::Kind);
        let stamp = Stamp { receipt: &Receipt::at(RECEIVED), kind, message_id, shared: &shared };
        String::from_utf8(render(&call, &stamp)).unwrap()
    }

    /// `originalTimestamp` and `timestamp` of a call, after the stamp.
    fn times(text: &str, sent_at: Option<&str>) -> (Option<String>, Option<String>) {
        let body: serde_json::Value = serde_json::from_str(&rendered(text, None, None, sent_at)).unwrap();
        let member = |name: &str| body.get(name).map(ToString::to_string);
        (member("originalTimestamp"), member("timestamp"))
    }

    #[test]
    fn the_senders_bytes_stay_and_what_is_set_stands_at_the_end() {
        let text = r#"{ "b" : 1.50e2, "a":"\u00e9\/" ,"writeKey":"k", "receivedAt":1, "originalTimestamp":"x","type":"page"}"#;
        assert_eq!(
            rendered(text, Some(CallKind::Page), None, None),
            r#"{"b":1.50e2,"a":"\u00e9\/","originalTimestamp":"x","type":"page","receivedAt":"2026-01-01T00:00:10.000Z"}"#
        );
        assert_eq!(
            rendered(
                r#"{"originalTimestamp":"x","messageId":5,"type":"page"}"#,
                Some(CallKind::Track),
                Some("a\"b"),
                None
            ),
            r#"{"originalTimestamp":"x","type":"track","messageId":"a\"b","receivedAt":"2026-01-01T00:00:10.000Z"}"#
        );
    }

    #[test]
    fn members_are_found_however_their_names_are_escaped() {
        let text = r#"{"originalTimestamp":"x","\u0077riteKey":"k","received\u0041t":"y"}"#;
        assert_eq!(
            rendered(text, None, None, None),
            r#"{"originalTimestamp":"x","receivedAt":"2026-01-01T00:00:10.000Z"}"#
        );
    }

    #[test]
    fn the_clock_of_the_sender_is_corrected() {
        for (call, sent_at, original, timestamp) in [
            // Three seconds before it was sent, so three before it was received.
            (
                r#"{"timestamp":"2020-01-01T00:00:00.000Z","sentAt":"2020-01-01T00:00:03Z"}"#,
                None,
                "2020-01-01T00:00:00.000Z",
                "2026-01-01T00:00:07.000Z",
            ),
            (
                r#"{"timestamp":"2020-01-01T01:00:00+01:00"}"#,
                Some(r#""2020-01-01T00:00:03Z""#),
                "2020-01-01T01:00:00+01:00",
                "2026-01-01T00:00:07.000Z",
            ),
            // The call's own `sentAt` wins over the batch's.
            (
                r#"{"timestamp":"2020-01-01T00:00:00Z","sentAt":"2020-01-01T00:00:01Z"}"#,
                Some(r#""2020-01-01T00:00:03Z""#),
                "2020-01-01T00:00:00Z",
                "2026-01-01T00:00:09.000Z",
            ),
            (
                r#"{"timestamp":"2020-01-01T00:00:00Z"}"#,
                None,
                "2020-01-01T00:00:00Z",
                "2020-01-01T00:00:00.000Z",
            ),
            (
                r#"{"timestamp":"2020-01-01T00:00:00Z","sentAt":"soon"}"#,
                None,
                "2020-01-01T00:00:00Z",
                "2020-01-01T00:00:00.000Z",
            ),
            (
                r#"{"timestamp":"soon","sentAt":"2020-01-01T00:00:01Z"}"#,
                None,
                "soon",
                "2026-01-01T00:00:10.000Z",
            ),
            (
                r#"{"sentAt":"2020-01-01T00:00:01Z"}"#,
                None,
                "2026-01-01T00:00:10.000Z",
                "2026-01-01T00:00:10.000Z",
            ),
            (
                r#"{"timestamp":null,"originalTimestamp":""}"#,
                None,
                "2026-01-01T00:00:10.000Z",
                "2026-01-01T00:00:10.000Z",
            ),
        ] {
            let quoted = |text: &str| Some(format!("\"{text}\""));
            assert_eq!(times(call, sent_at), (quoted(original), quoted(timestamp)), "{call}");
        }
    }

    #[test]
    fn a_corrected_call_is_left_alone() {
        let call = r#"{"originalTimestamp":"2020-01-01T00:00:00Z","timestamp":"soon","sentAt":"2020-01-01T00:00:01Z"}"#;
        assert_eq!(times(call, None), (Some(r#""2020-01-01T00:00:00Z""#.into()), Some(r#""soon""#.into())));
        assert_eq!(times(r#"{"originalTimestamp":"x"}"#, None), (Some(r#""x""#.into()), None));
    }
}
