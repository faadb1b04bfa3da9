//! Explanations of ingest's codes: what happened, an example, what to do.

use super::code::Code;
use crate::engine::explanation::Explanation;

/// What every code of the tracking API means.
pub fn explanations() -> impl Iterator<Item = Explanation> {
    Code::ALL.iter().map(|code| {
        let kind = format!("answer of the tracking API, HTTP {}", code.status());
        Explanation::new(code.as_str(), &kind, texts(*code))
    })
}

fn texts(code: Code) -> [&'static str; 3] {
    match code {
        Code::Accepted => [
            "Everything in the request is stored durably.",
            "POST /v1/track {\"userId\":\"u1\",\"event\":\"Seen\"}",
            "Nothing.",
        ],
        Code::InvalidJson => [
            "The body is not JSON, or not even UTF-8.",
            "{\"type\":\"track\"",
            "Correct the sender; the message names the place.",
        ],
        Code::InvalidGzip => [
            "The body says that it is gzip, and is not.",
            "Content-Encoding: gzip, and a body of plain JSON",
            "Leave the header out, or compress the body.",
        ],
        Code::BodyIncomplete => [
            "The sender went away before the whole body had come.",
            "Content-Length: 900, and 300 bytes",
            "Let the sender try again; look at time limits of proxies in between.",
        ],
        Code::NotAnObject => {
            ["A call is not a JSON object.", "{\"batch\":[\"track\"]}", "Send each call as an object."]
        }
        Code::MissingBatch => [
            "The body of a batch has no array `batch`.",
            "POST /v1/batch {\"calls\":[]}",
            "Put the calls into `batch`.",
        ],
        Code::InvalidType => [
            "A member is of another JSON type than Segment's specification says.",
            "{\"userId\":\"u1\",\"properties\":\"none\"}",
            "Correct the member that the pointer names.",
        ],
        Code::UnknownType => [
            "`type` is not one of Segment's calls.",
            "{\"type\":\"trcak\",\"userId\":\"u1\"}",
            "Send identify, track, page, screen, group or alias.",
        ],
        Code::DeletionNotHere => [
            "A deletion came where a write key is all that is asked for; pages show that key to anybody, and a deletion can not be undone.",
            "POST /v1/batch {\"batch\":[{\"type\":\"delete\",\"userId\":\"u1\"}]}",
            "Set a webhook secret on the Settings page and in Segment, so that the deletions it sends to /v1/webhooks/segment are signed; or send it to /api/v1/deletions with an API token, or run `tapline delete`.",
        ],
        Code::NoUserAnonId => [
            "The call has neither a userId nor an anonymousId, so nobody could say whom it is about.",
            "{\"type\":\"track\",\"event\":\"Seen\"}",
            "Send at least one of them.",
        ],
        Code::MissingEventName => [
            "A track call does not say what happened.",
            "{\"type\":\"track\",\"userId\":\"u1\"}",
            "Send the name in `event`.",
        ],
        Code::MessageIdTooLong => [
            "The `messageId` is longer than the 100 characters Segment allows.",
            "{\"messageId\":\"more than 100 characters …\"}",
            "Send a shorter one, or none.",
        ],
        Code::TooDeep => [
            "Objects and arrays nest too deep.",
            "{\"properties\":{\"a\":{\"a\":{\"a\":\"…\"}}}}",
            "Flatten the call; CleverTap would take none of the depth.",
        ],
        Code::NoWriteKeySet => [
            "No write key is set yet, so that no sender can be known.",
            "the first call before Settings were filled in",
            "Open Settings, or set TAPLINE_WRITE_KEY.",
        ],
        Code::MissingWriteKey => [
            "The request shows no write key.",
            "a call without the header Authorization; an array to `/v1/webhooks/segment` with a signature only, which \
             covers its first call and no other",
            "Send the write key as the user of Basic authentication, or as `writeKey` in the body.",
        ],
        Code::WrongWriteKey => [
            "The request shows another write key than the one in Settings.",
            "a key of another environment",
            "Copy the write key from Settings into the sender.",
        ],
        Code::MissingSignature => [
            "A webhook secret is set, so calls to `/v1/webhooks/segment` must be signed, and this one is not.",
            "POST /v1/webhooks/segment without the header X-Signature",
            "Enter the webhook secret as the shared secret of the Webhooks destination in Segment, or remove it from \
             Settings to go by the write key alone.",
        ],
        Code::WrongSignature => [
            "`X-Signature` is not the HMAC-SHA1, in hex, of the body as it came (of an array: of its first call) and \
             the webhook secret.",
            "another shared secret in Segment, or a proxy that writes JSON anew",
            "Compare the two secrets; then look for whatever changes the body on its way.",
        ],
        Code::NotFound => {
            ["There is no such path.", "POST /v1/trck", "Send to `/v1/batch` or to one of Segment's calls."]
        }
        Code::MethodNotAllowed => ["The path takes POST only.", "GET /v1/track", "Send a POST."],
        Code::BodyTimeout => [
            "The body came too slowly.",
            "300 bytes in ten seconds",
            "Let the sender try again, with smaller batches on a slow line.",
        ],
        Code::EventTooLarge => [
            "One call is over the limit of 32 KB, as Segment has it.",
            "{\"properties\":{\"html\":\"a whole page …\"}}",
            "Send less in one call, or raise the limit on the command line of `tapline serve`.",
        ],
        Code::BatchTooLarge => [
            "A batch is over the limit of 500 KB, as Segment has it.",
            "POST /v1/batch with 800 KB",
            "Send smaller batches, or raise the limit on the command line of `tapline serve`.",
        ],
        Code::InflatedTooLarge => [
            "The body inflates to more than the limit.",
            "a small gzip body that holds a very long text",
            "Send smaller batches.",
        ],
        Code::SharedPartsTooLarge => [
            "A batch's shared context and integrations, repeated for each of its calls, are over the limit.",
            "{\"context\":{\"…\":\"20 KB\"},\"batch\":[\"… 2000 calls …\"]}",
            "Send smaller batches, or put less into the shared parts.",
        ],
        Code::TooManyEvents => [
            "A batch holds more calls than the limit: 2500 as Segment's API has it, 4000 from its webhook.",
            "{\"batch\":[\"… 3000 calls …\"]}",
            "Send smaller batches.",
        ],
        Code::UnsupportedEncoding => [
            "The body is compressed with something other than gzip.",
            "Content-Encoding: br",
            "Compress with gzip, or not at all.",
        ],
        Code::Overloaded => [
            "Too many bytes are under way at this moment.",
            "many large batches at once",
            "Nothing, where the sender tries again after `Retry-After`, as Segment's libraries do; else send less at once.",
        ],
        Code::JournalFull => [
            "The journal is at its bound, because CleverTap has not taken anything for long or the disk is small.",
            "days without a connection to CleverTap",
            "See the Overview page for why delivery stands still; senders keep their events and try again.",
        ],
        Code::JournalBroken => [
            "The journal can not write any more, so nothing can be promised.",
            "the disk is full or failed",
            "Look at the log and the disk, then start Tapline again; nothing that was accepted is lost.",
        ],
    }
}
