//! The lines of the rules that took effect on an event, as they are in force.
//!
//! Read from the revisions that are kept and not from the rules directory, because what stands there may be another set
//! by now, or a bad one.

use crate::admin::{Admin, AdminError, RuleRevision, decode, kept_files};
use crate::engine::Preview;
use crate::engine::trace::{RuleTrace, Verdict};
use crate::journal::{Store, Table};

/// More lines than a rule that anybody can read has.
const MOST_LINES: usize = 120;

/// A rule as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSource {
    /// The rule's id.
    pub id: String,
    /// The file.
    pub file: String,
    /// The number of the first line, from 1.
    pub first: usize,
    /// The lines.
    pub lines: Vec<String>,
}

/// `file:line:col`, taken apart.
pub fn place_of(place: &str) -> Option<(&str, usize)> {
    let (rest, _) = place.rsplit_once(':')?;
    let (file, line) = rest.rsplit_once(':')?;
    Some((file, line.parse().ok()?))
}

impl Admin {
    /// The rules that took effect on a previewed event, as they are written; nothing where the rules that made it are not
    /// those in force.
    pub async fn rule_sources(&self, preview: &Preview) -> Result<Vec<RuleSource>, AdminError> {
        let plan = self.ground.rules.plan();
        let Some(trace) = preview.trace.as_ref().filter(|_| plan.revision() == preview.revision) else {
            return Ok(Vec::new());
        };
        let rule = |rule: &RuleTrace| {
            let (file, line) = place_of(&rule.place)?;
            Some((rule.id.clone(), file.to_owned(), line, rule.verdict == Verdict::Matched))
        };
        let rules: Vec<_> = trace.rules.iter().filter_map(rule).collect();
        let hash = plan.hash();
        self.stored(move |store| sources(store, hash.as_bytes(), &rules)).await
    }
}

fn sources(
    store: &dyn Store,
    hash: &[u8],
    rules: &[(String, String, usize, bool)],
) -> Result<Vec<RuleSource>, AdminError> {
    let Some(kept) = store.get(Table::RuleRevisions, hash)? else { return Ok(Vec::new()) };
    let mut kept: RuleRevision = decode("revision of rules", &kept)?;
    let matched = || rules.iter().filter(|(.., matched)| *matched);
    kept.files.retain(|kept| matched().any(|(_, file, ..)| *file == kept.path));
    let files = kept_files(store, &kept)?;
    let source = |(id, file, first, _): &(String, String, usize, bool)| {
        let text = files.get(file)?;
        let others = rules.iter().filter(|(_, other, line, _)| other == file && line > first);
        let end = others.map(|(_, _, line, _)| *line).min().unwrap_or(usize::MAX);
        let most = end.saturating_sub(*first).min(MOST_LINES);
        let lines = text.lines().skip(first.saturating_sub(1)).take(most);
        let mut lines: Vec<String> = lines.map(str::to_owned).collect();
        // Sections of the file that follow the last rule begin without an indentation.
        let own =
            lines.iter().skip(1).take_while(|line| line.is_empty() || line.starts_with([' ', '#'])).count();
        lines.truncate(own + 1);
        let is_aside = |line: &String| line.trim().is_empty() || line.trim_start().starts_with('#');
        while lines.last().is_some_and(is_aside) {
            lines.pop();
        }
        Some(RuleSource { id: id.clone(), file: file.clone(), first: *first, lines })
    };
    Ok(matched().filter_map(source).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_taken_apart_from_its_end() {
        assert_eq!(place_of("packs/a:b.yaml:12:7"), Some(("packs/a:b.yaml", 12)));
        assert_eq!(place_of("nothing"), None);
        assert_eq!(place_of("a:b:c"), None);
    }
}
