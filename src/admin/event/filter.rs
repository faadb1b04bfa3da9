//! Which events a list shows.

use super::{Stage, Summary, Who};
use crate::clock::Millis;
use crate::journal::{End, Entry, Query, Standing, State, Term};
use serde::{Deserialize, Serialize};

/// A stage to filter by; *Failed* is both failed on ingest and failed in the mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageFilter {
    /// [`Stage::Delivered`].
    Delivered,
    /// [`Stage::Filtered`].
    Filtered,
    /// [`Stage::FailedOnIngest`] and [`Stage::Failed`].
    Failed,
    /// [`Stage::Dead`].
    Dead,
    /// [`Stage::Pending`].
    Pending,
}

impl StageFilter {
    /// Every one, in the order shown.
    pub const ALL: [Self; 5] = [Self::Delivered, Self::Filtered, Self::Failed, Self::Pending, Self::Dead];

    /// Reads the name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }

    /// The name in addresses.
    pub fn name(self) -> &'static str {
        self.stage().name()
    }

    /// The words shown.
    pub fn label(self) -> &'static str {
        self.stage().label()
    }

    fn stage(self) -> Stage {
        match self {
            Self::Delivered => Stage::Delivered,
            Self::Filtered => Stage::Filtered,
            Self::Failed => Stage::Failed,
            Self::Dead => Stage::Dead,
            Self::Pending => Stage::Pending,
        }
    }
}

/// All of what is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// How the event stands.
    pub state: Option<StageFilter>,
    /// Its type, whatever the case.
    pub kind: Option<String>,
    /// Its whole name, whatever the case.
    pub event: Option<String>,
    /// A part of its name, whatever the case.
    pub name: Option<String>,
    /// Its `userId` or `anonymousId`, whole.
    pub user: Option<String>,
    /// Its reason code, whole.
    pub code: Option<String>,
    /// A part of its JSON, whatever the case.
    pub text: Option<String>,
    /// Received at this time or later.
    pub from: Option<Millis>,
    /// Received before this time.
    pub to: Option<Millis>,
}

impl Filter {
    /// Whether it lets everything through.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it lets this event through.
    pub(in crate::admin) fn holds(&self, entry: &Entry, end: Option<&End>) -> bool {
        self.is_empty() || self.admit_end(entry, end) && self.admit_entry(entry).is_some()
    }

    /// What an index can answer of it; each event that is found has still to be admitted.
    pub fn query(&self) -> Query {
        let standing = self.state.map(|state| match state {
            StageFilter::Delivered => Standing::Ended(State::Delivered),
            StageFilter::Filtered => Standing::Ended(State::Filtered),
            StageFilter::Failed => Standing::Ended(State::Failed),
            StageFilter::Dead => Standing::Ended(State::Dead),
            StageFilter::Pending => Standing::Pending,
        });
        let kind = self.kind.as_deref().map(Term::kind);
        let name = self.event.as_deref().map(Term::name);
        let user = self.user.as_deref().map(Term::user);
        let terms = [kind, name, user].into_iter().flatten().collect();
        Query { terms, standing, code: self.code.clone(), from: self.from, to: self.to }
    }

    /// Whether it may let an event through that has no end yet.
    pub(super) fn shows_pending(&self) -> bool {
        self.code.is_none() && self.state.is_none_or(|state| state == StageFilter::Pending)
    }

    /// Whether it lets an event with this end through, as far as the end decides.
    pub(in crate::admin) fn admit_end(&self, entry: &Entry, end: Option<&End>) -> bool {
        let state = self.state.is_none_or(|state| state.name() == Stage::of(entry, end).name());
        state && self.code.as_ref().is_none_or(|code| reason_code(entry, end) == Some(code))
    }

    /// Whether it lets an event through, as far as its end does not decide; if so, with its summary.
    pub(in crate::admin) fn admit_entry(&self, entry: &Entry) -> Option<Summary> {
        let since = self.from.is_none_or(|from| entry.received_at >= from);
        if !since || self.to.is_some_and(|to| entry.received_at >= to) {
            return None;
        }
        if let Some(text) = &self.text
            && !contains(&String::from_utf8_lossy(&entry.body), text)
        {
            return None;
        }
        let summary = Summary::of(&entry.body);
        let kind = self.kind.as_ref().is_none_or(|kind| summary.kind == kind.to_lowercase());
        let event =
            self.event.as_ref().is_none_or(|event| summary.name.to_lowercase() == event.to_lowercase());
        let name = self.name.as_ref().is_none_or(|name| contains(&summary.name, name));
        let user = self.user.as_ref().is_none_or(|user| {
            matches!(&summary.who, Who::User(id) if id == user) || summary.anonymous_id == *user
        });
        (kind && event && name && user).then_some(summary)
    }
}

/// Why the event ended as it did: the code its end holds, else the one ingest gave it.
pub(super) fn reason_code<'a>(entry: &'a Entry, end: Option<&'a End>) -> Option<&'a String> {
    end.and_then(|end| end.code.as_ref()).or(entry.refusal.as_ref().map(|refusal| &refusal.code))
}

/// Also finds what JSON wrote as `\u…`, by looking at the text without escapes too.
fn contains(text: &str, part: &str) -> bool {
    let part = part.to_lowercase();
    if text.to_lowercase().contains(&part) {
        return true;
    }
    text.contains('\\')
        && serde_json::from_str::<serde_json::Value>(text)
            .is_ok_and(|value| value.to_string().to_lowercase().contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_holds_for_what_it_says() {
        let body =
            r#"{"type":"track","event":"Order Completed","userId":"u1","anonymousId":"a1","x":"\u00fcber"}"#;
        let body = body.as_bytes().to_vec().into();
        let entry = Entry { received_at: Millis(0), refusal: None, is_lost: false, erased_at: None, body };
        let filter = |change: fn(&mut Filter)| {
            let mut filter = Filter::default();
            change(&mut filter);
            filter.admit_entry(&entry).is_some() && filter.admit_end(&entry, None)
        };
        assert!(filter(|_| ()));
        assert!(filter(|f| f.state = Some(StageFilter::Pending)));
        assert!(!filter(|f| f.state = Some(StageFilter::Delivered)));
        assert!(filter(|f| f.kind = Some("TRACK".to_owned())));
        assert!(filter(|f| f.name = Some("order c".to_owned())));
        assert!(!filter(|f| f.name = Some("refund".to_owned())));
        assert!(filter(|f| f.event = Some("ORDER completed".to_owned())));
        assert!(!filter(|f| f.event = Some("order".to_owned())));
        assert!(filter(|f| f.from = Some(Millis(0))) && !filter(|f| f.from = Some(Millis(1))));
        assert!(filter(|f| f.to = Some(Millis(1))) && !filter(|f| f.to = Some(Millis(0))));
        assert!(filter(|f| f.user = Some("u1".to_owned())) && filter(|f| f.user = Some("a1".to_owned())));
        assert!(!filter(|f| f.user = Some("u".to_owned())));
        assert!(filter(|f| f.text = Some("ÜBER".to_owned())));
        assert!(!filter(|f| f.code = Some("missing_user_id".to_owned())));
    }
}
