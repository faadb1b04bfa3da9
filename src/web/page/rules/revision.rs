//! The sets of rules there were, and two of them side by side.

use super::outcome::FileView;
use super::source_address;
use crate::admin::RuleRevision;
use crate::admin::rules::text_changes;
use crate::clock::Millis;
use crate::engine::hash::ContentHash;
use crate::web::error::PageError;
use crate::web::response::html;
use crate::web::shell::{Nav, Shell};
use crate::web::view::{Moment, Pill};
use crate::web::visit::{Answer, Visit};
use askama::Template;

/// Sets on a page.
const ROWS: usize = 50;

#[derive(Template)]
#[template(path = "page/rules_revisions.html")]
struct RevisionsPage {
    shell: Shell,
    rows: Vec<RevisionView>,
    all: usize,
    /// The place that the next page begins at.
    next: Option<usize>,
}

/// A set, ready to show.
struct RevisionView {
    hash: String,
    short: String,
    pack: String,
    options: Vec<(String, String)>,
    good: bool,
    is_live: bool,
    pill: Pill,
    first: Moment,
    last: Moment,
    /// With their addresses.
    files: Vec<(String, String)>,
    /// What is chosen before anybody chooses: the one in force, and the one before it.
    is_before: bool,
    is_after: bool,
}

#[derive(Template)]
#[template(path = "page/rules_compare.html")]
struct ComparePage {
    shell: Shell,
    before: RevisionView,
    after: RevisionView,
    files: Vec<FileView>,
    /// What changes beside files.
    others: Vec<String>,
}

/// `GET /rules/revisions`.
pub(in crate::web) async fn show(visit: Visit) -> Answer {
    let from: usize = visit.query().get("from").parse().unwrap_or_default();
    let all = visit.admin.rule_revisions().await?;
    let live = visit.admin.rules_status().plan.hash();
    let now = visit.admin.now();
    let rows = all.iter().enumerate().skip(from).take(ROWS);
    let view = |(at, kept): (usize, &RuleRevision)| RevisionView {
        is_before: at == from + 1,
        is_after: at == from,
        ..RevisionView::of(kept, live, now)
    };
    html(&RevisionsPage {
        shell: Shell::of(&visit, Nav::Rules),
        rows: rows.map(view).collect(),
        all: all.len(),
        next: Some(from + ROWS).filter(|next| *next < all.len()),
    })
}

/// `GET /rules/compare?before=HASH&after=HASH`.
pub(in crate::web) async fn compare(visit: Visit) -> Answer {
    let query = visit.query();
    let live = visit.admin.rules_status().plan.hash();
    let now = visit.admin.now();
    let hash = |name| ContentHash::parse(query.get(name)).ok_or(PageError::NotFound);
    let before = visit.admin.kept_revision(hash("before")?).await?.ok_or(PageError::NotFound)?;
    let after = visit.admin.kept_revision(hash("after")?).await?.ok_or(PageError::NotFound)?;
    let (old, new) =
        (visit.admin.rule_files(before.clone()).await?, visit.admin.rule_files(after.clone()).await?);
    let mut others = Vec::new();
    if before.pack != after.pack {
        let name =
            |kept: &RuleRevision| kept.pack.clone().unwrap_or_else(|| "that of the entry file".to_owned());
        others.push(format!("The live pack changes from {} to {}.", name(&before), name(&after)));
    }
    let names =
        before.options.keys().chain(after.options.keys().filter(|name| !before.options.contains_key(*name)));
    let shown = |kept: &RuleRevision, name: &String| {
        kept.options.get(name).map_or_else(|| "nothing".to_owned(), ToString::to_string)
    };
    let changed = names.filter(|name| before.options.get(*name) != after.options.get(*name));
    others.extend(changed.map(|name| {
        format!("The option {name} changes from {} to {}.", shown(&before, name), shown(&after, name))
    }));
    html(&ComparePage {
        shell: Shell::of(&visit, Nav::Rules),
        before: RevisionView::of(&before, live, now),
        after: RevisionView::of(&after, live, now),
        files: text_changes(&old, &new).into_iter().map(FileView::from).collect(),
        others,
    })
}

impl RevisionView {
    fn of(kept: &RuleRevision, live: ContentHash, now: Millis) -> Self {
        let hash = kept.hash.to_string();
        let file = |path: &String| (path.clone(), format!("{}?revision={hash}", source_address(path)));
        Self {
            short: kept.hash.short(),
            pack: kept.pack.clone().unwrap_or_default(),
            options: kept.options.iter().map(|(name, value)| (name.clone(), value.to_string())).collect(),
            good: kept.good,
            is_live: kept.hash == live,
            pill: match kept.good {
                _ if kept.hash == live => Pill { class: "delivered", label: "In force" },
                true => Pill { class: "filtered", label: "Was in force" },
                false => Pill { class: "failed", label: "Refused" },
            },
            first: Moment::new(kept.first_seen, now),
            last: Moment::new(kept.last_seen, now),
            files: kept.files.iter().map(|kept| file(&kept.path)).collect(),
            is_before: false,
            is_after: false,
            hash,
        }
    }
}
