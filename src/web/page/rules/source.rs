//! One rule file: its text in colours, a line each to link to, its rules, and what is wrong with it where it is wrong.

use super::problem::ProblemView;
use super::{row_id, source_address};
use crate::admin::rules::{SetName, SourceFile, SourceHome};
use crate::engine::hash::ContentHash;
use crate::web::error::PageError;
use crate::web::response::html;
use crate::web::shell::{Nav, Shell};
use crate::web::view::{Token, highlight};
use crate::web::visit::{Answer, Visit};
use askama::Template;

#[derive(Template)]
#[template(path = "page/rules_source.html")]
struct SourcePage {
    shell: Shell,
    path: String,
    /// Where it is and which set it is of, a sentence.
    about: String,
    lines: Vec<LineView>,
    problems: Vec<ProblemView>,
    /// The other files of the set, with their addresses.
    files: Vec<(String, String)>,
    /// Whether it can be edited as a candidate.
    can_edit: bool,
    edit: String,
}

/// A line.
struct LineView {
    number: usize,
    tokens: Vec<Token>,
    /// The rule in force whose id stands here, and where it is listed.
    rule: Option<(String, String)>,
    problems: Vec<ProblemView>,
}

/// `GET /rules/source/{file}`: in force; with `?set=newest` as it was read last; with `?revision=HASH` as it was then.
pub(in crate::web) async fn show(visit: Visit) -> Answer {
    let (path, query) = (visit.part("file").to_owned(), visit.query());
    let (set, suffix) = match (query.filled("revision"), query.get("set")) {
        (Some(hash), _) => {
            let set = SetName::Kept(ContentHash::parse(&hash).ok_or(PageError::NotFound)?);
            (set, format!("?revision={hash}"))
        }
        (None, "newest") => (SetName::Newest, "?set=newest".to_owned()),
        _ => (SetName::Live, String::new()),
    };
    let source = visit.admin.rule_source(set, &path).await?.ok_or(PageError::NotFound)?;
    let files = source.files.iter().map(|file| (file.clone(), format!("{}{suffix}", source_address(file))));
    html(&SourcePage {
        shell: Shell::of(&visit, Nav::Rules),
        about: about(&source),
        lines: lines(
            &source,
            &visit.admin.rules_status().plan.rule_ids().map(str::to_owned).collect::<Vec<_>>(),
        ),
        problems: ProblemView::all(&source.problems, &suffix),
        files: files.collect(),
        can_edit: !matches!(set, SetName::Kept(_)),
        edit: format!("/rules/candidate?file={}", crate::web::dispatch::encode(&path)),
        path,
    })
}

fn about(source: &SourceFile) -> String {
    let home = match source.home {
        SourceHome::Directory => "In the rules directory",
        SourceHome::Program => {
            "Inside the program; a file of this name in the rules directory takes its place"
        }
        SourceHome::Kept => "As it was kept",
    };
    match &source.revision {
        Some(revision) => format!("{home}. Rules revision {revision}."),
        None => format!("{home}. This set was refused; the one before it is in force."),
    }
}

fn lines(source: &SourceFile, ids: &[String]) -> Vec<LineView> {
    let line = |(index, tokens): (usize, Vec<Token>)| {
        let number = index + 1;
        let here = |line: u32| line as usize == number;
        let rule = source.rules.iter().find(|(line, _)| here(*line)).map(|(_, id)| {
            let place = ids.iter().position(|known| known == id).unwrap_or_default();
            (id.clone(), format!("/rules#{}", row_id(id, place + 1)))
        });
        let problems = source.problems.iter().filter(|problem| problem.line.is_some_and(here));
        let problems = problems.map(|problem| ProblemView::of(problem, "")).collect();
        LineView { number, tokens, rule, problems }
    };
    highlight(&source.path, &source.text).into_iter().enumerate().map(line).collect()
}
