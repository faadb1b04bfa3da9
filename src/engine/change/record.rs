//! What differs between the records of one event before and after.
//!
//! Records are paired by type and name, so that a record that is added does not make all that follow it look changed.

use super::Policy;
use super::report::{Change, ChangeKind, RulePlace};
use super::shown::{cut, shown};
use crate::engine::difference::{Comparison, Side, member, walk};
use crate::engine::event::{Json, Kind, Scanner};
use crate::engine::preview::Preview;
use crate::engine::reason::Reason;
use crate::engine::trace::Trace;

/// How many differences of one event are listed.
const MOST_CHANGES: usize = 50;

/// Characters of names and paths that are kept; they come from events.
const NAME_MOST: usize = 200;

/// The differences of one event.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) list: Vec<Change>,
    /// Whether there are more than are listed.
    pub(super) more: bool,
}

/// Looks for the differences between two previews with traces.
pub(super) struct Finder<'p> {
    policy: Policy,
    before: &'p Preview,
    after: &'p Preview,
    found: Changes,
}

/// Where a record stands, and what it is called.
struct Known<'a> {
    index: usize,
    side: Side<'a>,
    kind: String,
    name: Option<String>,
}

impl<'a> Known<'a> {
    fn of(index: usize, json: Json<'a>) -> Self {
        let side = Side::whole(json);
        let text = |key| {
            let at = side.get(key).filter(|found| found.kind() == Kind::String)?;
            Some(cut(&json.decoded(at.at), NAME_MOST))
        };
        Self {
            index,
            side,
            kind: text("type").unwrap_or_default(),
            name: text("evtName").or_else(|| text("method")),
        }
    }
}

impl<'p> Finder<'p> {
    pub(super) fn new(policy: Policy, before: &'p Preview, after: &'p Preview) -> Self {
        Self { policy, before, after, found: Changes::default() }
    }

    /// Compares the records.
    pub(super) fn records(&mut self) {
        let (mut one, mut other) = (Scanners::default(), Scanners::default());
        let (before, after) = (one.scan(self.before), other.scan(self.after));
        let mut taken = vec![false; after.len()];
        let mut furthest = None;
        let pairs = pair(&before, &after, &mut taken);
        for (left, right) in before.iter().zip(pairs) {
            let Some(right) = right.and_then(|index| after.get(index)) else {
                self.push(left, String::new(), Some((left, left.side)), None);
                continue;
            };
            if furthest.is_some_and(|furthest| right.index < furthest) {
                let change =
                    self.change(left, String::new(), Some((left, left.side)), Some((right, right.side)));
                self.add(Change { kind: ChangeKind::Moved, before: None, after: None, ..change });
            }
            furthest = furthest.max(Some(right.index));
            let mut differences = Vec::new();
            let whole = (Some(left.side), Some(right.side));
            walk(Comparison::default(), "", whole.0, whole.1, &mut |path, before, after| {
                differences.push((path, before, after));
            });
            for (path, before, after) in differences {
                let (before, after) = (before.map(|side| (left, side)), after.map(|side| (right, side)));
                self.push(left, path, before, after);
            }
        }
        for right in after.iter().filter(|right| !taken.get(right.index).is_some_and(|taken| *taken)) {
            self.push(right, String::new(), None, Some((right, right.side)));
        }
    }

    /// Compares what the reasons say beside their codes, where these are the same.
    pub(super) fn reasons(&mut self) {
        let (Some(before), Some(after)) = (&self.before.reason, &self.after.reason) else { return };
        if before.code != after.code {
            return;
        }
        let text = |message: &str| {
            let json = serde_json::Value::from(message).to_string();
            let mut scanner = Scanner::default();
            scanner.scan(&json).ok().map(|json| shown(self.policy, Side::whole(json)))
        };
        let message = (text(&before.message), text(&after.message));
        let class = |reason: &Reason| reason.class.map(|class| class.as_str().to_owned());
        let class = (class(before), class(after));
        let parts =
            [("message", before.message != after.message, message), ("class", class.0 != class.1, class)];
        for (path, differs, (before, after)) in parts {
            if differs {
                self.add(Change {
                    record: "reason".to_owned(),
                    name: None,
                    path: path.to_owned(),
                    kind: ChangeKind::Changed,
                    rule_before: None,
                    rule_after: None,
                    before,
                    after,
                });
            }
        }
    }

    pub(super) fn finish(mut self) -> Changes {
        let more = self.found.list.len() > MOST_CHANGES;
        self.found.list.truncate(MOST_CHANGES);
        self.found.more |= more;
        self.found
    }

    fn push(
        &mut self,
        record: &Known<'_>,
        path: String,
        before: Option<(&Known<'_>, Side<'_>)>,
        after: Option<(&Known<'_>, Side<'_>)>,
    ) {
        let change = self.change(record, path, before, after);
        self.add(change);
    }

    /// Notes a difference, unless the same was noted of another element of a list.
    fn add(&mut self, change: Change) {
        let key =
            |change: &Change| (change.record.clone(), change.name.clone(), change.path.clone(), change.kind);
        let wanted = key(&change);
        if self.found.list.len() <= MOST_CHANGES && !self.found.list.iter().any(|known| key(known) == wanted)
        {
            self.found.list.push(change);
        }
    }

    fn change(
        &self,
        record: &Known<'_>,
        path: String,
        before: Option<(&Known<'_>, Side<'_>)>,
        after: Option<(&Known<'_>, Side<'_>)>,
    ) -> Change {
        let kind = match (before, after) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
            (Some((_, one)), Some((_, other))) if is_same_type(one.kind(), other.kind()) => {
                ChangeKind::Changed
            }
            _ => ChangeKind::TypeChanged,
        };
        let rule = |preview: &Preview, side: Option<(&Known<'_>, Side<'_>)>| {
            let (known, _) = side?;
            rule_of(preview.trace.as_ref()?, known.index, &path)
        };
        let value = |side: Option<(&Known<'_>, Side<'_>)>| side.map(|(_, side)| shown(self.policy, side));
        Change {
            record: record.kind.clone(),
            name: record.name.clone(),
            kind,
            rule_before: rule(self.before, before),
            rule_after: rule(self.after, after),
            before: value(before),
            after: value(after),
            path: cut(&without_indexes(&path), NAME_MOST),
        }
    }
}

/// One scanner a record, because all are looked into at once.
#[derive(Default)]
struct Scanners(Vec<Scanner>);

impl Scanners {
    fn scan<'a>(&'a mut self, preview: &'a Preview) -> Vec<Known<'a>> {
        self.0.resize_with(preview.records.len(), Scanner::default);
        let scanned = self.0.iter_mut().zip(&preview.records).enumerate();
        scanned
            .filter_map(|(index, (scanner, record))| Some(Known::of(index, scanner.scan(record.get()).ok()?)))
            .collect()
    }
}

/// For each record before its counterpart after: the first of the same type and name, else of the same type.
fn pair(before: &[Known<'_>], after: &[Known<'_>], taken: &mut [bool]) -> Vec<Option<usize>> {
    let mut pairs = vec![None; before.len()];
    for by_name in [true, false] {
        for (left, pair) in before.iter().zip(&mut pairs).filter(|(_, pair)| pair.is_none()) {
            let fits = |right: &&Known<'_>| {
                right.kind == left.kind
                    && (!by_name || right.name == left.name)
                    && taken.get(right.index) == Some(&false)
            };
            let Some(right) = after.iter().find(fits) else { continue };
            if let Some(taken) = taken.get_mut(right.index) {
                *taken = true;
            }
            *pair = Some(right.index);
        }
    }
    pairs
}

fn is_same_type(one: Kind, other: Kind) -> bool {
    let is_boolean = |kind| matches!(kind, Kind::True | Kind::False);
    one == other || is_boolean(one) && is_boolean(other)
}

/// The rule that made a record, at the line of the field that holds `path` where that is known.
fn rule_of(trace: &Trace, index: usize, path: &str) -> Option<RulePlace> {
    let record = trace.records.get(index)?;
    let own = || trace.rules.iter().find(|rule| rule.id == record.rule).map(|rule| rule.place.clone());
    let container = path.split_once('.').map(|(container, _)| container);
    let holds = |target: &str| {
        let field = member(container.unwrap_or_default(), target);
        let rest = path.strip_prefix(field.as_str());
        container.is_some() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let field =
        record.fields.iter().filter(|field| holds(&field.target)).max_by_key(|field| field.target.len());
    let place = field.map(|field| field.place.clone()).or_else(own)?;
    Some(RulePlace { id: record.rule.clone(), place })
}

/// `Items[3].sku` as `Items[].sku`: where in a list something stands is nothing that rules say.
fn without_indexes(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let (mut in_quotes, mut escaped, mut in_index) = (false, false, false);
    for c in path.chars() {
        match c {
            '"' if !escaped => in_quotes = !in_quotes,
            '[' if !in_quotes => in_index = true,
            ']' if in_index => in_index = false,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        if !(in_index && c.is_ascii_digit()) {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_left_out_of_paths_and_keys_stay() {
        for (path, without) in [
            ("evtData.Items[12].sku", "evtData.Items[].sku"),
            (r#"a."b[1]".c[0][1]"#, r#"a."b[1]".c[][]"#),
            (r#"a."b\"[1]".c"#, r#"a."b\"[1]".c"#),
        ] {
            assert_eq!(without_indexes(path), without);
        }
    }
}
