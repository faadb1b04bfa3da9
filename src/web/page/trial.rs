//! Having CleverTap look at what an event becomes: validated only, or, after a page that asks again, sent for real.

use crate::admin::{Digest, TrialOrder, TrialOutcome, TrialReport};
use crate::engine::Preview;
use crate::web::response::html;
use crate::web::shell::{Nav, Shell};
use crate::web::view::{JsonView, Prose};
use crate::web::visit::{Answer, Visit};
use askama::Template;

/// The heading once it was done.
const SENT: &str = "Sent for real";

#[derive(Template)]
#[template(path = "page/trial.html")]
struct TrialPage {
    shell: Shell,
    title: &'static str,
    /// What came of it, or what is asked.
    sentence: Prose,
    /// For the style sheet.
    class: &'static str,
    /// The event that is looked at.
    event: String,
    records: Vec<RecordLine>,
    report: Option<ReportView>,
    /// By which the records shown can be sent; empty where they can not, or were.
    digest: String,
    host: String,
}

/// A record and what CleverTap says of it.
struct RecordLine {
    number: usize,
    json: JsonView,
    /// Empty where CleverTap said nothing of it.
    verdict: Option<(&'static str, &'static str, Prose, String)>,
}

/// How the request went.
struct ReportView {
    address: String,
    status: String,
    words: String,
    took: u128,
}

/// `POST /preview/validate`: never keeps anything at CleverTap.
pub(in crate::web) async fn validate(visit: Visit) -> Answer {
    let (event, who) = (visit.form.get("event").to_owned(), visit.user()?.to_string());
    let (preview, outcome) = visit.admin.try_at_clevertap(&event, None, TrialOrder::Validate, &who).await;
    html(&page(&visit, "Validated with CleverTap", event, &preview, Some(outcome)))
}

/// `POST /preview/send`: first shows what would be sent, and sends it with the digest that the page gave.
pub(in crate::web) async fn send(visit: Visit) -> Answer {
    let (event, who) = (visit.form.get("event").to_owned(), visit.user()?.to_string());
    let shown = visit.form.find("records").and_then(|text| Digest::try_from(text.to_owned()).ok());
    let Some(shown) = shown else {
        let preview = visit.admin.preview_one(&event, None, false);
        return html(&page(&visit, "Send for real?", event, &preview, None));
    };
    let (preview, outcome) = visit.admin.try_at_clevertap(&event, None, TrialOrder::Send(shown), &who).await;
    html(&page(&visit, SENT, event, &preview, Some(outcome)))
}

fn page(
    visit: &Visit,
    title: &'static str,
    event: String,
    preview: &Preview,
    outcome: Option<TrialOutcome>,
) -> TrialPage {
    let digest = visit.admin.records_digest(preview);
    let asks = outcome.is_none() || matches!(outcome, Some(TrialOutcome::Changed));
    let title = match &outcome {
        Some(TrialOutcome::Changed) => "Send for real?",
        Some(TrialOutcome::NothingToSend | TrialOutcome::NotAsked(_)) => "Nothing was sent",
        _ => title,
    };
    let nothing = || match &preview.reason {
        Some(reason) => format!("there is no record to send: {}", reason.message),
        None => "there is no record that could be uploaded".to_owned(),
    };
    let (class, sentence, report) = match outcome {
        _ if digest.is_none() => ("bad", Prose::sentence(&nothing()), None),
        None => (
            "wait",
            Prose::new(
                "These records would be uploaded now, and CleverTap would keep them. Campaigns may start from them. They are \
             stored in no journal here and counted nowhere.",
            ),
            None,
        ),
        Some(TrialOutcome::Changed) => (
            "wait",
            Prose::new(
                "The records are other ones than those you saw, because the rules have changed meanwhile. Nothing was sent.",
            ),
            None,
        ),
        Some(TrialOutcome::NothingToSend) => ("bad", Prose::sentence(&nothing()), None),
        Some(TrialOutcome::NotAsked(error)) => {
            ("bad", Prose::sentence(&format!("CleverTap was not asked: {error}")), None)
        }
        Some(TrialOutcome::Asked(report)) => {
            let refused = report.records.iter().filter(|record| !record.is_taken).count();
            let (class, sentence) = match (report.is_good(), report.records.is_empty()) {
                (true, _) if title == SENT => ("good", "CleverTap took every record.".to_owned()),
                (true, _) => ("good", "CleverTap finds nothing wrong with it.".to_owned()),
                (_, true) => ("bad", format!("CleverTap said nothing of the records: {}.", report.words)),
                _ => ("bad", format!("CleverTap refuses {refused} of {} records.", report.records.len())),
            };
            (class, Prose::new(&sentence), Some(report))
        }
    };
    let record = |(index, json): (usize, &serde_json::value::RawValue)| {
        let verdict = report.as_ref().and_then(|report| report.records.get(index));
        RecordLine {
            number: index + 1,
            json: JsonView::exact(json.get()),
            verdict: verdict.map(|verdict| {
                let (class, label) =
                    if verdict.is_taken { ("delivered", "Taken") } else { ("dead", "Refused") };
                (class, label, Prose::sentence(&verdict.words), verdict.code.clone().unwrap_or_default())
            }),
        }
    };
    TrialPage {
        shell: Shell::of(visit, Nav::Preview),
        title,
        sentence,
        class,
        records: preview.records.iter().map(AsRef::as_ref).enumerate().map(record).collect(),
        digest: digest.filter(|_| asks).map(Digest::to_text).unwrap_or_default(),
        host: visit.admin.wire().base_url,
        report: report.map(ReportView::new),
        event,
    }
}

impl ReportView {
    fn new(report: TrialReport) -> Self {
        let status = report.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        Self { address: report.address, status, words: report.words, took: report.took.as_millis() }
    }
}
