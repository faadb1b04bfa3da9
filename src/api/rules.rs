//! `GET /v1/rules`: what is in force, rule by rule. `POST /v1/validate`: what candidate rules are worth, as `tapline check` says it.

use super::call::Call;
use super::member::Members;
use super::{Problem, answer};
use crate::admin::RuleRevision;
use crate::admin::rules::{Hits, RuleRow, Validation};
use crate::clock::Millis;
use crate::engine::listing::ActionNote;
use crate::engine::report;
use crate::telemetry::Cause;
use crate::telemetry::event::{RequestFailed, Unanswered};
use actix_web::HttpResponse;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

/// The members of a request to validate.
const KNOWN: [&str; 3] = ["pack", "options", "rules"];
/// The revisions that are listed; all that are kept are the console's.
const LISTED: usize = 50;

#[derive(Serialize)]
struct RulesDoc {
    pack: String,
    revision: String,
    /// SHA-256 of all that went into it.
    hash: String,
    options: Map<String, Value>,
    packs: Vec<String>,
    newest_is_live: bool,
    /// Why the newest set is not in force.
    problem: Option<ProblemDoc>,
    /// When this revision was read first.
    since: Option<String>,
    /// The last time rules were read.
    last_read: Option<LastReadDoc>,
    /// Names the files in the rules directory as they are now; none where they can not be read.
    base: Option<String>,
    /// Events that were evaluated for delivery with this revision.
    events: u64,
    /// The rules in the order they are asked, then those that add records.
    rules: Vec<RuleDoc>,
    /// What is odd about the set.
    warnings: Vec<report::Problem>,
    /// The sets that were read, the one seen last first.
    revisions: Vec<RevisionDoc>,
}

#[derive(Serialize)]
struct LastReadDoc {
    at: String,
    good: bool,
}

#[derive(Serialize)]
struct RuleDoc {
    id: String,
    file: String,
    line: u32,
    column: u32,
    /// Whether it only adds records to calls that another rule maps.
    extra: bool,
    /// Whether a local file has put it among the pack's.
    local: bool,
    /// What must hold, in words; nothing where it applies to every call.
    when: Vec<String>,
    then: ActionNote,
    script: bool,
    #[serde(flatten)]
    hits: HitsDoc,
    /// The same of rules with this id in earlier revisions.
    earlier: HitsDoc,
    warnings: Vec<report::Problem>,
}

#[derive(Serialize)]
struct HitsDoc {
    hits: u64,
    errors: u64,
    first_hit: Option<String>,
    last_hit: Option<String>,
}

#[derive(Serialize)]
struct ProblemDoc {
    message: String,
    problems: Vec<report::Problem>,
}

#[derive(Serialize)]
struct RevisionDoc {
    revision: String,
    hash: String,
    pack: Option<String>,
    good: bool,
    first_seen: String,
    last_seen: String,
}

#[derive(Serialize)]
struct ValidationDoc {
    valid: bool,
    /// The revision it would be; none where it could not be in force.
    revision: Option<String>,
    problems: Vec<report::Problem>,
}

/// Handles `GET /v1/rules`.
pub(super) async fn show(call: Call) -> Result<HttpResponse, Problem> {
    let list = call.admin.rule_list().await?;
    let (plan, problem) = (list.plan, list.problem);
    let revisions = call.admin.rule_revisions().await?;
    let base = call.admin.rule_draft().await.ok().map(|draft| draft.base.to_string());
    let options = plan.options().iter().map(|option| (option.name.clone(), option.value.clone()));
    answer::json(&RulesDoc {
        pack: plan.pack().to_owned(),
        revision: plan.revision().to_owned(),
        hash: plan.hash().to_string(),
        options: options.collect(),
        packs: plan.packs().to_vec(),
        newest_is_live: problem.is_none(),
        problem: problem.map(|problem| ProblemDoc { message: problem.message, problems: problem.problems }),
        since: list.since.map(moment),
        last_read: list.last_read.map(|read| LastReadDoc { at: moment(read.at), good: read.good }),
        base,
        events: list.events,
        rules: list.rows.into_iter().map(rule).collect(),
        warnings: list.lints.to_vec(),
        revisions: revisions.iter().take(LISTED).map(revision).collect(),
    })
}

/// Handles `POST /v1/validate`. A candidate that is no good is a good answer: the request asked for just that.
pub(super) async fn validate(call: Call) -> Result<HttpResponse, Problem> {
    let mut members = Members::parse(&call.body)?;
    let candidate = members.candidate();
    members.finish(&KNOWN)?;
    match call.admin.validate(candidate).await {
        Validation::Fit { revision, problems } => {
            answer::json(&ValidationDoc { valid: true, revision: Some(revision), problems })
        }
        Validation::Unfit(problems) => {
            answer::json(&ValidationDoc { valid: false, revision: None, problems })
        }
        Validation::Unreadable(error) => {
            RequestFailed { what: Unanswered::Rules, route: None, error: Cause::told(&error) }.tell();
            Err(Problem::Failed)
        }
    }
}

fn rule(row: RuleRow) -> RuleDoc {
    let note = row.note;
    RuleDoc {
        id: note.id,
        file: note.place.file.to_string(),
        line: note.place.line,
        column: note.place.column,
        extra: note.is_extra,
        local: row.is_local,
        when: note.when,
        then: note.action,
        script: note.has_script,
        hits: hits(&row.hits),
        earlier: hits(&row.before),
        warnings: row.lints,
    }
}

fn hits(hits: &Hits) -> HitsDoc {
    let Hits { hits, errors, first, last } = *hits;
    HitsDoc { hits, errors, first_hit: first.map(moment), last_hit: last.map(moment) }
}

fn revision(kept: &RuleRevision) -> RevisionDoc {
    RevisionDoc {
        revision: kept.hash.short(),
        hash: kept.hash.to_string(),
        pack: kept.pack.clone(),
        good: kept.good,
        first_seen: moment(kept.first_seen),
        last_seen: moment(kept.last_seen),
    }
}

/// RFC 3339, in UTC.
fn moment(at: Millis) -> String {
    Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}
