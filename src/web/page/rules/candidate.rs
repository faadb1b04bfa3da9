//! A candidate: the rule files as text to edit, judged as the server judges them, and compared with the rules in force over
//! stored events.
//!
//! First thing to know: every file comes back from the browser with the hash of what it was when the page was made, so that
//! a file nobody edited is no edit, whatever happened to it on disk meanwhile.

use super::problem::{Fix, ProblemView};
use crate::admin::diff::{
    DEFAULT_EVENTS, DiffJob, DiffOrder, DiffOutcome, DiffState, Draft, Edits, MOST_EVENTS, SetRefusal,
    SetSource, Side,
};
use crate::admin::event::{Filter, StageFilter};
use crate::admin::rules::Validation;
use crate::admin::{Candidate, PreviewOutcome, is_rule_path};
use crate::engine::Preview;
use crate::engine::RuleFiles;
use crate::engine::event::CallKind;
use crate::engine::hash::ContentHash;
use crate::engine::plan::ENTRY;
use crate::journal::Seq;
use crate::web::error::PageError;
use crate::web::response::{html, html_with, see_other};
use crate::web::shell::{Nav, Shell};
use crate::web::view::{Moment, Prose, ResultView, Shown};
use crate::web::visit::{Answer, Visit};
use actix_web::http::StatusCode;
use askama::Template;
use std::collections::BTreeMap;
use std::time::Duration;

/// A page waits so long for a small comparison, so that most need not be looked at twice.
const PATIENCE: Duration = Duration::from_millis(1500);

#[derive(Template)]
#[template(path = "page/rules_candidate.html")]
struct CandidatePage {
    shell: Shell,
    base: String,
    has_directory: bool,
    files: Vec<FileField>,
    new_path: String,
    new_text: String,
    /// What is to be compared over.
    last: String,
    kind: String,
    event: String,
    state: String,
    after_set: String,
    before_set: String,
    /// What the check said; none before it was asked.
    verdict: Option<VerdictView>,
    /// Why nothing was compared.
    refused: Option<Prose>,
    /// The event that the candidate was run on.
    try_event: String,
    tried: Option<Tried>,
    jobs: Vec<JobLine>,
}

/// The verdict alone, for a page that is there already.
#[derive(Template)]
#[template(path = "part/verdict.html")]
struct VerdictPart {
    verdict: Option<VerdictView>,
    tried: Option<Tried>,
}

/// What a candidate makes of one event.
struct Tried {
    event: String,
    result: ResultView,
}

/// A file to edit.
struct FileField {
    path: String,
    text: String,
    /// The hash of the text that the editing began with.
    was: String,
    is_embedded: bool,
    is_edited: bool,
    is_open: bool,
}

/// What a candidate is worth.
struct VerdictView {
    is_fit: bool,
    words: Prose,
    problems: Vec<ProblemView>,
}

/// A comparison there is.
struct JobLine {
    id: u64,
    about: String,
    state: &'static str,
    created: Moment,
}

/// What was posted.
struct Posted {
    edits: RuleFiles,
    texts: RuleFiles,
    was: BTreeMap<String, String>,
}

impl CandidatePage {
    fn kinds(&self) -> impl Iterator<Item = (&'static str, bool)> {
        CallKind::ALL.into_iter().map(|kind| (kind.as_str(), kind.as_str() == self.kind))
    }

    fn states(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        StageFilter::ALL.into_iter().map(|state| (state.name(), state.label(), state.name() == self.state))
    }
}

/// `GET /rules/candidate`.
pub(in crate::web) async fn show(visit: Visit) -> Answer {
    let page = page(&visit, None).await?;
    html(&page)
}

/// `POST /rules/candidate`: checks, mends one word, or compares.
pub(in crate::web) async fn submit(visit: Visit) -> Answer {
    let draft = visit.admin.rule_draft().await.unwrap_or_else(|_| no_draft());
    let mut posted = Posted::read(&visit);
    if let Some(fix) = visit.form.find("fix").and_then(Fix::parse) {
        posted.mend(&fix);
    }
    let is_compare = visit.form.find("action") == Some("compare") && visit.form.find("fix").is_none();
    let (new_path, new_text) = new_file(&visit);
    if !new_path.is_empty() {
        posted.edits.insert(new_path.clone(), new_text.clone());
    }
    let mut page = page(&visit, Some(&posted)).await?;
    if !new_path.is_empty() && (!is_rule_path(&new_path) || draft.files.contains_key(&new_path)) {
        page.refused = Some(Prose::new(&format!(
            "A new file can not be called `{new_path}`: expected a path as `packs/mine.yaml` or `scripts/mine.rhai` that is not there yet."
        )));
        return html_with(StatusCode::BAD_REQUEST, &page);
    }
    if !is_compare {
        let candidate = Candidate { files: posted.edits, ..Candidate::default() };
        page.verdict = Some(verdict(visit.admin.validate(candidate.clone()).await));
        if visit.form.find("action") == Some("try") {
            match tried(&visit, candidate).await? {
                Ok(tried) => page.tried = tried,
                Err(words) => page.refused = Some(words),
            }
        }
        if visit.wants_fragment() {
            return html(&VerdictPart { verdict: page.verdict, tried: None });
        }
        return html(&page);
    }
    let edits = Edits { files: posted.edits, base: ContentHash::parse(&page.base), ..Edits::default() };
    if edits.files.is_empty() {
        page.refused = Some(Prose::new("Nothing is edited yet. Change a file, or compare two sets below."));
        return html_with(StatusCode::BAD_REQUEST, &page);
    }
    let order = order(&visit, SetSource::Live, SetSource::Edited(edits));
    compare(&visit, order, page).await
}

/// `POST /rules/candidate/sets`: compares two sets that the server knows by name.
pub(in crate::web) async fn sets(visit: Visit) -> Answer {
    let mut page = page(&visit, None).await?;
    let set = |name| SetSource::parse(visit.form.get(name)).ok_or(visit.form.get(name).to_owned());
    match (set("before_set"), set("after_set")) {
        (Ok(before), Ok(after)) => {
            let order = order(&visit, before, after);
            compare(&visit, order, page).await
        }
        (Err(text), _) | (_, Err(text)) => {
            page.refused = Some(Prose::new(&format!(
                "There is no set called `{text}`: expected `live`, `directory`, `built-in`, `git:REF` as `git:main`, or a revision."
            )));
            html_with(StatusCode::BAD_REQUEST, &page)
        }
    }
}

async fn compare(visit: &Visit, order: DiffOrder, mut page: CandidatePage) -> Answer {
    match visit.admin.diff(order, &visit.user()?.to_string()).await? {
        DiffOutcome::Taken(job) => {
            visit.admin.await_diff(&job, PATIENCE).await;
            return Ok(see_other(&format!("/rules/candidate/{}", job.id)));
        }
        DiffOutcome::Refused(Side::After, SetRefusal::Unfit { problems, .. }) => {
            page.verdict = Some(VerdictView {
                is_fit: false,
                words: Prose::new("It can not be compared before these are corrected."),
                problems: ProblemView::all(&problems, ""),
            });
        }
        DiffOutcome::Refused(Side::Before, SetRefusal::Unfit { problems, .. }) => {
            page.verdict = Some(VerdictView {
                is_fit: false,
                words: Prose::new("The set to compare with holds these errors."),
                problems: ProblemView::all(&problems, ""),
            });
        }
        DiffOutcome::Refused(_, SetRefusal::Unreadable(why)) => page.refused = Some(Prose::sentence(&why)),
        DiffOutcome::TooMany(most) => {
            page.refused = Some(Prose::new(&format!(
                "{most} comparisons are under way already. Cancel some, or try again when they have ended."
            )));
        }
    }
    html_with(StatusCode::BAD_REQUEST, &page)
}

/// What the candidate makes of the event that is named; nothing where the candidate holds errors, which the check says.
async fn tried(visit: &Visit, candidate: Candidate) -> Result<Result<Option<Tried>, Prose>, PageError> {
    let name = visit.form.get("try_event").trim().to_owned();
    let no_event = || {
        Prose::new(&format!(
            "There is no event `{name}` to run on: expected an id as `ev_12` of one that is kept."
        ))
    };
    let Some(seq) = Seq::parse(&name) else { return Ok(Err(no_event())) };
    Ok(match visit.admin.preview_stored(seq, candidate).await? {
        None => Err(no_event()),
        Some((event, PreviewOutcome::Previewed(previews))) => {
            let tried = |preview: &Preview| Tried {
                event: name.clone(),
                result: ResultView::new(Shown {
                    event: &event,
                    preview,
                    before: None,
                    wire: &visit.admin.wire(),
                    sources: &[],
                    prefix: "tried-",
                }),
            };
            Ok(previews.first().map(tried))
        }
        Some((_, PreviewOutcome::BadRules(_))) => Ok(None),
        Some((_, PreviewOutcome::Unreadable(error))) => Err(Prose::sentence(&error)),
    })
}

fn order(visit: &Visit, before: SetSource, after: SetSource) -> DiffOrder {
    let form = &visit.form;
    let last = form.get("last").trim().parse().unwrap_or(DEFAULT_EVENTS).clamp(1, MOST_EVENTS);
    let filter = Filter {
        kind: form.filled("type"),
        event: form.filled("event"),
        state: StageFilter::parse(form.get("state")),
        ..Filter::default()
    };
    DiffOrder { before, after, last, filter, values: false }
}

fn verdict(validation: Validation) -> VerdictView {
    match validation {
        Validation::Fit { revision, problems } => VerdictView {
            is_fit: true,
            words: match problems.len() {
                0 => Prose::new(&format!("It could be in force, as revision `{revision}`.")),
                1 => {
                    Prose::new(&format!("It could be in force, as revision `{revision}`; one thing is odd."))
                }
                more => Prose::new(&format!(
                    "It could be in force, as revision `{revision}`; {more} things are odd."
                )),
            },
            problems: ProblemView::all(&problems, ""),
        },
        Validation::Unfit(problems) => VerdictView {
            is_fit: false,
            words: Prose::new("It can not be in force as it is."),
            problems: ProblemView::all(&problems, ""),
        },
        Validation::Unreadable(error) => VerdictView {
            is_fit: false,
            words: Prose::new(&format!("The rules directory can not be read: {error}.")),
            problems: Vec::new(),
        },
    }
}

impl Posted {
    /// A file that differs from what it was when the page was made is an edit.
    fn read(visit: &Visit) -> Self {
        let (mut texts, mut was) = (RuleFiles::new(), BTreeMap::new());
        for (name, value) in visit.form.iter() {
            if let Some(path) = name.strip_prefix("file:") {
                // Browsers post lines with both signs of an end.
                texts.insert(path.to_owned(), value.replace("\r\n", "\n"));
            } else if let Some(path) = name.strip_prefix("was:") {
                was.insert(path.to_owned(), value.to_owned());
            }
        }
        let is_edited =
            |path: &String, text: &String| was.get(path) != Some(&ContentHash::of(text).to_string());
        let edits = texts.iter().filter(|(path, text)| is_edited(path, text) && is_rule_path(path));
        Self { edits: edits.map(|(path, text)| (path.clone(), text.clone())).collect(), texts, was }
    }

    fn mend(&mut self, fix: &Fix) {
        let Some(mended) = self.texts.get(&fix.path).and_then(|text| fix.apply(text)) else { return };
        self.texts.insert(fix.path.clone(), mended.clone());
        self.edits.insert(fix.path.clone(), mended);
    }
}

fn new_file(visit: &Visit) -> (String, String) {
    (visit.form.filled("new_path").unwrap_or_default(), visit.form.get("new_text").replace("\r\n", "\n"))
}

fn no_draft() -> Draft {
    Draft {
        files: RuleFiles::new(),
        embedded: Default::default(),
        base: ContentHash::of(""),
        has_directory: false,
    }
}

async fn page(visit: &Visit, posted: Option<&Posted>) -> Result<CandidatePage, PageError> {
    let draft = visit.admin.rule_draft().await;
    let unreadable = draft.as_ref().err().map(|error| {
        Prose::new(&format!(
            "The rules directory can not be read: {error}. Correct that, then open this page again."
        ))
    });
    let draft = draft.unwrap_or_else(|_| no_draft());
    let (query, form) = (visit.query(), &visit.form);
    let live = format!("packs/{}.yaml", visit.admin.rules_status().plan.pack());
    let asked = query.filled("file").unwrap_or(live.clone());
    // The entry file and the live pack come first: they are what is edited.
    let rank = |path: &str| (path != asked, path != ENTRY, path != live, path.to_owned());
    let field = |(path, text): (&String, &String)| {
        // What the browser has not posted is not known to be edited.
        let shown = posted.and_then(|posted| posted.texts.get(path)).unwrap_or(text);
        let was = posted.and_then(|posted| posted.was.get(path).cloned());
        let is_edited = posted.is_some_and(|posted| posted.edits.contains_key(path));
        FileField {
            path: path.clone(),
            text: shown.clone(),
            was: was.unwrap_or_else(|| ContentHash::of(&text.replace("\r\n", "\n")).to_string()),
            is_embedded: draft.embedded.contains(path),
            is_edited,
            is_open: is_edited || *path == asked,
        }
    };
    let mut files: Vec<FileField> = draft.files.iter().map(field).collect();
    files.sort_by_key(|file| rank(&file.path));
    let now = visit.admin.now();
    let or = |name: &str, otherwise: &str| form.filled(name).unwrap_or_else(|| otherwise.to_owned());
    let (new_path, new_text) = new_file(visit);
    Ok(CandidatePage {
        shell: Shell::of(visit, Nav::Rules),
        // Editing goes on from where it began.
        base: or("base", &draft.base.to_string()),
        has_directory: draft.has_directory,
        files,
        new_path,
        new_text,
        last: or("last", &DEFAULT_EVENTS.to_string()),
        kind: or("type", ""),
        event: or("event", ""),
        state: or("state", ""),
        after_set: or("after_set", &query.filled("after").unwrap_or_else(|| "directory".to_owned())),
        before_set: or("before_set", &query.filled("before").unwrap_or_else(|| "live".to_owned())),
        verdict: None,
        refused: unreadable,
        try_event: or("try_event", ""),
        tried: None,
        jobs: visit.admin.diff_jobs().iter().map(|job| JobLine::of(job, now)).collect(),
    })
}

impl JobLine {
    fn of(job: &DiffJob, now: crate::clock::Millis) -> Self {
        Self {
            id: job.id,
            about: format!("{} → {}", job.order.before.name(), job.order.after.name()),
            state: match job.state() {
                DiffState::Waiting => "waiting",
                DiffState::Running => "under way",
                DiffState::Done(_) => "done",
                DiffState::Cancelled(_) => "cancelled",
                DiffState::Failed(_) => "failed",
            },
            created: Moment::new(job.created_at, now),
        }
    }
}
