//! Preview of pasted events: what would be sent, and why. Stores nothing and sends nothing.

use crate::web::response::html;
use crate::web::shell::{Nav, Shell};
use crate::web::view::{Prose, ResultView, Shown};
use crate::web::visit::{Answer, Visit};
use askama::Template;

/// Results shown in full; a page of more would be of no use.
const SHOWN: usize = 20;

/// What stands in the field before anything was pasted.
const EXAMPLE: &str = r#"{
  "type": "track",
  "event": "Order Completed",
  "userId": "user_1",
  "anonymousId": "507f191e810c19729de860ea",
  "messageId": "preview-1",
  "timestamp": "2026-11-23T10:15:00.000Z",
  "properties": {
    "order_id": "order_42",
    "total": 49.9,
    "currency": "EUR",
    "couponCode": "SPRING",
    "products": [
      { "sku": "sku_1", "name": "Cotton shirt", "price": 19.95, "quantity": 2 }
    ]
  }
}"#;

#[derive(Template)]
#[template(path = "page/preview.html")]
struct PreviewPage {
    shell: Shell,
    text: String,
    packs: Packs,
    results: Results,
}

/// Which rules may be tried, and which are.
struct Packs {
    all: Vec<String>,
    live: String,
    /// The one to try; empty where it is the one in force.
    chosen: String,
}

impl Packs {
    fn of(visit: &Visit) -> Self {
        let (all, live) = visit.admin.packs();
        let chosen = visit.form.filled("pack").filter(|pack| *pack != live).unwrap_or_default();
        Self { all, live, chosen }
    }
}

/// The results alone, for a page that is there already.
#[derive(Template)]
#[template(path = "part/results.html")]
struct ResultsPart {
    results: Results,
}

/// The results of everything that was pasted.
#[derive(Default)]
struct Results {
    /// Why there are none, where there are none.
    problem: Option<Prose>,
    shown: Vec<One>,
    /// How many events there were in all.
    count: usize,
    /// How many of them end how.
    mapped: usize,
    filtered: usize,
    failed: usize,
}

/// One event and its result.
struct One {
    number: usize,
    result: ResultView,
}

/// `GET /preview`.
pub(in crate::web) async fn show(visit: Visit) -> Answer {
    let packs = Packs::of(&visit);
    let results = evaluate(&visit, EXAMPLE, &packs).await;
    html(&PreviewPage { shell: Shell::of(&visit, Nav::Preview), text: EXAMPLE.to_owned(), packs, results })
}

/// `POST /preview`.
pub(in crate::web) async fn submit(visit: Visit) -> Answer {
    let text = visit.form.get("event").to_owned();
    let packs = Packs::of(&visit);
    let results = evaluate(&visit, &text, &packs).await;
    if visit.wants_fragment() {
        return html(&ResultsPart { results });
    }
    html(&PreviewPage { shell: Shell::of(&visit, Nav::Preview), text, packs, results })
}

async fn evaluate(visit: &Visit, text: &str, packs: &Packs) -> Results {
    let pack = (!packs.chosen.is_empty()).then(|| packs.chosen.clone());
    let samples = match visit.admin.preview_text(text.to_owned(), pack, SHOWN).await {
        Ok(samples) => samples,
        Err(problem) => return Results { problem: Some(Prose::sentence(&problem)), ..Results::default() },
    };
    let ended = |outcome| samples.iter().filter(|sample| sample.preview.outcome == outcome).count();
    let (wire, only) = (visit.admin.wire(), samples.len() == 1);
    let mut shown = Vec::new();
    for (index, sample) in samples.iter().take(SHOWN).enumerate() {
        let number = index + 1;
        // Ids name one thing on a page.
        let prefix = if only { String::new() } else { format!("e{number}-") };
        let sources = match only {
            true => visit.admin.rule_sources(&sample.preview).await.unwrap_or_default(),
            false => Vec::new(),
        };
        let result = ResultView::new(Shown {
            event: &sample.event,
            preview: &sample.preview,
            before: None,
            wire: &wire,
            sources: &sources,
            prefix: &prefix,
        });
        shown.push(One { number, result });
    }
    Results {
        problem: None,
        count: samples.len(),
        mapped: ended("mapped"),
        filtered: ended("filtered"),
        failed: ended("failed"),
        shown,
    }
}
