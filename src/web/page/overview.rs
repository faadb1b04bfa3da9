//! The first page: how the pipeline stands, in words and numbers.

use crate::admin::event::Filter;
use crate::admin::{Overview, Share};
use crate::web::response::html;
use crate::web::shell::{Nav, Shell};
use crate::web::view::RowView;
use crate::web::visit::{Answer, Visit};
use askama::Template;

/// Events shown here; the rest is on the events page.
const LATEST: usize = 8;

#[derive(Template)]
#[template(path = "page/overview.html")]
struct OverviewPage {
    shell: Shell,
    overview: Overview,
    stages: Vec<StageView>,
    latest: Vec<RowView>,
    origin: String,
}

/// One number with its name.
struct StageView {
    class: &'static str,
    label: &'static str,
    number: String,
    share: String,
    says: &'static str,
    link: &'static str,
}

/// `GET /`.
pub(in crate::web) async fn show(visit: Visit) -> Answer {
    let overview = visit.admin.overview();
    let list = visit.admin.events(&Filter::default(), None).await?;
    let now = visit.admin.now();
    let latest = list.rows.into_iter().take(LATEST).map(|row| RowView::new(row, now)).collect();
    let stages = stages(&overview);
    html(&OverviewPage {
        shell: Shell::of(&visit, Nav::Overview),
        overview,
        stages,
        latest,
        origin: visit.origin(),
    })
}

fn stages(overview: &Overview) -> Vec<StageView> {
    let counts = overview.counts;
    let stage = |class, label, part, says, link| StageView {
        class,
        label,
        number: grouped(part),
        share: percent(Share { part, whole: counts.accepted }),
        says,
        link,
    };
    vec![
        StageView {
            class: "received",
            label: "Received",
            number: grouped(counts.accepted),
            share: String::new(),
            says: "stored for good, repetitions not counted",
            link: "/events",
        },
        stage(
            "filtered",
            "Filtered at destination",
            counts.filtered,
            "kept back by a rule",
            "/events?state=filtered",
        ),
        stage("failed", "Failed", counts.failed, "could not become a record", "/events?state=failed"),
        stage("pending", "Pending", counts.pending, "on their way", "/events?state=pending"),
        stage("delivered", "Delivered", counts.delivered, "taken by CleverTap", "/events?state=delivered"),
        stage(
            "dead",
            "Dead letter",
            counts.dead,
            "refused for good, or tried too long",
            "/events?state=dead",
        ),
    ]
}

/// Digits in groups of three, with the narrow space that does not break.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

fn percent(share: Share) -> String {
    let per_mille = share.per_mille();
    match share.whole {
        0 => String::new(),
        _ => format!("{}.{} %", per_mille / 10, per_mille % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_shares_rounded() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(percent(Share { part: 1, whole: 3 }), "33.3 %");
        assert_eq!(percent(Share { part: 0, whole: 0 }), "");
    }
}
