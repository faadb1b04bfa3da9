//! What to do about a reason code, for the codes that CleverTap's answers lead to.
//!
//! Reasons that rules and ingest give carry their remedy in their own sentence. Source of the codes:
//! <https://developer.clevertap.com/docs/api-errors>, read 2026-11.

use crate::delivery::{PauseCode, Rejection};
use crate::engine::explanation::Explanation;
use crate::journal::End;

/// What to do about `code`, a sentence or two; none where the reason itself says it.
pub fn remedy(code: &str) -> Option<&'static str> {
    let row = REMEDIES.iter().find(|(known, _)| *known == code);
    let unlisted = || code.starts_with("clevertap_").then_some(UNLISTED);
    row.map(|(_, remedy)| *remedy).or_else(unlisted)
}

/// What the codes mean with which delivery ends an event.
pub fn explanations() -> impl Iterator<Item = Explanation> {
    let codes = Rejection::every().map(|rejection| {
        let code = rejection.code();
        let happened = match rejection {
            // The last answer differs from event to event; the event's page names it.
            Rejection::RetriesExhausted(_) => "Tapline gave up after the last retry.".to_owned(),
            other => format!("{other}."),
        };
        let remedy = remedy(&code).unwrap_or_default();
        Explanation::new(&code, "reason, given by delivery", [&happened, &rejection.example(), remedy])
    });
    let pauses = PauseCode::ALL
        .into_iter()
        .map(|code| Explanation::new(code.as_str(), "pause of delivery", of_pause(code)));
    let own = [
        Explanation::new("internal_error", "reason, given by delivery", CRASHED),
        Explanation::new(End::SANDBOX, "reason, given by delivery", SANDBOXED),
        Explanation::new(End::LOST, "reason, given by the journal", LOST),
    ];
    codes.chain(own).chain(pauses)
}

fn of_pause(code: PauseCode) -> [&'static str; 3] {
    match code {
        PauseCode::NotConfigured => [
            "Delivery waits, because a setting is missing that it needs to reach CleverTap, or one can not be sent. Events are taken in and kept.",
            "TAPLINE_ACCOUNT_ID without TAPLINE_PASSCODE",
            "Fill in account ID, passcode and region on the Settings page, or give them as variables; delivery goes on by itself.",
        ],
        PauseCode::Unauthorized => [
            "Delivery waits, because CleverTap has refused account ID, passcode or region (401, 403); trying on would lock the account out. Events are taken in and kept.",
            "HTTP 401 for an upload",
            "Correct them on the Settings page, where the connection test helps; any change of the settings lets delivery go on.",
        ],
        PauseCode::Unavailable => [
            "Uploads failed one after another, so delivery tries one event at a time, ever more rarely, until CleverTap takes it. Events are taken in and kept, and none is given up for it, unless it lasts for longer than events are tried.",
            "HTTP 503 for every upload, or nobody at the address",
            "The banner names what happened last and what to look at; delivery goes on by itself once an upload is taken.",
        ],
        PauseCode::RefusesAll => [
            "CleverTap refused the records of one user after another as malformed, even alone, so it is hardly the records. Delivery tries one event at a time, and events are kept.",
            "HTTP 400 for every upload, whatever is in it",
            "Test the connection on the Settings page, compare account ID and region with CleverTap's dashboard, and preview an event to see what the rules make of it.",
        ],
    }
}

const CRASHED: [&str; 3] = [
    "The rules crashed on this event, which is a fault of Tapline's and not of the event.",
    "",
    "Please report it with the event and the rules; the events around it went on.",
];

const SANDBOXED: [&str; 3] = [
    "Sandbox mode was on, so the built-in stand-in took the event's records, and CleverTap got none of them.",
    "an event that came before an account was set",
    "Leave the sandbox, then send the event again; leaving offers that for all of them.",
];

const LOST: [&str; 3] = [
    "The stored bytes of the event are damaged: they are not what was written. It can not be read, and so not be sent.",
    "a disk that gave back other bytes than it was given",
    "Look at the disk; the log names the places. Send the event again from where it came.",
];

const UNLISTED: &str =
    "Look the record below over, and ask CleverTap's support with the upload's time and number.";

const REMEDIES: [(&str, &str); 28] = [
    (End::SANDBOX, "Leave the sandbox, then send it again, and CleverTap gets it."),
    ("clevertap_509", "Send the track call with a name in `event`, or map it to a name by a rule."),
    (
        "clevertap_512",
        "Compare the record below with CleverTap's upload page; a rule of your own may have shaped it wrongly.",
    ),
    ("clevertap_513", "Rename the event in the sender or by a rule; CleverTap raises this one itself."),
    ("clevertap_514", "Send `gender` as `M` or `F`, or leave it out by a rule."),
    (
        "clevertap_515",
        "Correct the e-mail address at its source, or leave it out by a rule; one bad field keeps the whole profile out.",
    ),
    (
        "clevertap_516",
        "Send the phone number with `+` and its country code, or leave it out by a rule; one bad field keeps the whole profile out.",
    ),
    ("clevertap_517", "Send `Employed` as `Y` or `N`, or leave it out by a rule."),
    ("clevertap_518", "Send `Education` as `School`, `College` or `Graduate`, or leave it out by a rule."),
    ("clevertap_519", "Send `Married` as `Y` or `N`, or leave it out by a rule."),
    ("clevertap_520", "Send `Age` as a whole number, or leave it out by a rule."),
    (
        "clevertap_522",
        "Send fewer properties, or set the pack's option for the limit to what your account allows.",
    ),
    ("clevertap_523", "Send a `userId` or an `anonymousId` that CleverTap accepts."),
    ("clevertap_524", "A rule of your own made a record of no known type; run `tapline check`."),
    ("clevertap_525", "Send `timestamp` as ISO 8601; the record's `ts` must be seconds since 1970, above 0."),
    ("clevertap_526", "CleverTap takes letters, digits and `( ) ! : @ $ _ -` in an `anonymousId`."),
    (
        "clevertap_528",
        "Nothing, if that is intended. Else take the event off the discarded ones in CleverTap under Settings, Schema.",
    ),
    ("clevertap_530", "Register the device with an `anonymousId` that CleverTap accepts."),
    ("clevertap_531", "Look at `context.device` of the event; token and type must belong to one device."),
    ("clevertap_532", "Look at `context.device.token` of the event."),
    ("clevertap_533", "Send `context.device.type` or `context.os.name`, so that the kind of token is known."),
    (
        "clevertap_534",
        "An Apple token was sent for an Android device, or the other way round; look at `context.device`.",
    ),
    ("clevertap_535", "Look at `context.device` of the event; token and type must belong to one device."),
    (
        "malformed_request",
        "Compare the record below with CleverTap's upload page; its neighbours were delivered without it.",
    ),
    (
        "deletion_refused",
        "Look the person up in CleverTap by the id below; where it is right, ask CleverTap's support, then ask for the deletion again.",
    ),
    ("record_too_large", "Send less in one event, or leave properties out by a rule."),
    (
        "retries_exhausted",
        "See whether CleverTap is well, and the connection test on the Settings page. Then replay the event.",
    ),
    (
        "unclear_answer",
        "Look the person up in CleverTap before you replay the event, so that it does not arrive twice.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_a_record_can_end_is_explained_with_a_remedy() {
        for explanation in explanations() {
            assert!(!explanation.happened.is_empty() && !explanation.remedy.is_empty(), "{explanation}");
        }
    }

    #[test]
    fn what_clevertap_answers_has_a_remedy() {
        for number in [
            509, 512, 513, 514, 515, 516, 517, 518, 519, 520, 522, 523, 524, 525, 526, 528, 530, 531, 532,
            533, 534, 535,
        ] {
            let remedy = remedy(&format!("clevertap_{number}"));
            assert!(remedy.is_some_and(|words| words != UNLISTED), "{number}");
        }
        assert_eq!(remedy("clevertap_999"), Some(UNLISTED));
        assert_eq!(remedy("missing_user_id"), None);
    }
}
