//! The upload as it goes on the wire: request, body, and the same as a command.

use crate::admin::Wire;
use crate::engine::Preview;

/// One upload of everything an event became.
#[derive(Debug, Clone)]
pub(in crate::web) struct WireView {
    /// The request's head, with the passcode as a variable.
    pub(in crate::web) head: String,
    /// The body, byte for byte.
    pub(in crate::web) body: String,
    /// How many bytes that is.
    pub(in crate::web) bytes: usize,
    /// The same as a shell command that has it validated only.
    pub(in crate::web) curl: String,
}

impl WireView {
    /// None without records.
    pub(in crate::web) fn new(preview: &Preview, wire: &Wire) -> Option<Self> {
        if preview.records.is_empty() {
            return None;
        }
        let records: Vec<&str> = preview.records.iter().map(|record| record.get()).collect();
        let body = format!("{{\"d\":[{}]}}", records.join(","));
        let account = wire.account_id.as_deref().unwrap_or("$CLEVERTAP_ACCOUNT_ID");
        let (host, path) = wire.host_and_path();
        let head = format!(
            "POST {path}/1/upload HTTP/1.1\nHost: {host}\nX-CleverTap-Account-Id: {account}\n\
             X-CleverTap-Passcode: $CLEVERTAP_PASSCODE\nContent-Type: application/json; charset=utf-8\n\
             Content-Length: {}",
            body.len()
        );
        let curl = format!(
            "curl \"{}/1/upload?dryRun=1\" \\\n  -H \"X-CleverTap-Account-Id: {account}\" \\\n  \
             -H \"X-CleverTap-Passcode: $CLEVERTAP_PASSCODE\" \\\n  \
             -H 'Content-Type: application/json; charset=utf-8' \\\n  --data-binary '{}'",
            wire.base_url,
            body.replace('\'', r"'\''")
        );
        Some(Self { head, bytes: body.len(), body, curl })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Context, Evaluator, Plan, preview};
    use std::sync::Arc;

    #[test]
    fn the_command_holds_the_account_and_the_host_and_never_the_passcode() {
        let text = include_str!("../../../rules/packs/segment-cloud.yaml").to_owned();
        let files = [("packs/segment-cloud.yaml".to_owned(), text)].into();
        let plan = Plan::compile(&files, Some("segment-cloud"), &Default::default()).unwrap();
        let event = r#"{"type":"track","event":"it's","userId":"u","anonymousId":"a1"}"#;
        let preview =
            preview(&mut Evaluator::new(Arc::new(plan)), event.as_bytes(), &Context::default(), false);
        let mut wire = Wire { base_url: "https://eu1.api.clevertap.com".to_owned(), account_id: None };
        let view = WireView::new(&preview, &wire).unwrap();
        assert!(
            view.head.contains("Host: eu1.api.clevertap.com\nX-CleverTap-Account-Id: $CLEVERTAP_ACCOUNT_ID")
        );
        assert!(view.curl.contains(r"it'\''s") && view.curl.contains("dryRun=1"), "{}", view.curl);
        assert_eq!(view.bytes, view.body.len());
        wire.account_id = Some("TEST-1".to_owned());
        let view = WireView::new(&preview, &wire).unwrap();
        assert!(
            view.curl.contains("X-CleverTap-Account-Id: TEST-1") && view.curl.contains("$CLEVERTAP_PASSCODE")
        );
    }
}
