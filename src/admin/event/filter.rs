//! Which events a list shows.

use super::{Stage, Summary, Who};
use crate::journal::{End, Entry};

/// A stage to filter by; *Failed* is both failed on ingest and failed in the mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// How the event stands.
    pub state: Option<StageFilter>,
    /// Its type, whatever the case.
    pub kind: Option<String>,
    /// A part of its name, whatever the case.
    pub name: Option<String>,
    /// Its `userId` or `anonymousId`, whole.
    pub user: Option<String>,
    /// Its reason code, whole.
    pub code: Option<String>,
    /// A part of its JSON, whatever the case.
    pub text: Option<String>,
}

impl Filter {
    /// Whether it lets everything through.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it lets this event through; if so, with its summary.
    pub(super) fn admit(&self, entry: &Entry, end: Option<&End>) -> Option<Summary> {
        if let Some(state) = self.state
            && state.name() != Stage::of(entry, end).name()
        {
            return None;
        }
        if let Some(code) = &self.code
            && reason_code(entry, end) != Some(code)
        {
            return None;
        }
        if let Some(text) = &self.text
            && !contains(&String::from_utf8_lossy(&entry.body), text)
        {
            return None;
        }
        let summary = Summary::of(&entry.body);
        let kind = self.kind.as_ref().is_none_or(|kind| summary.kind == kind.to_lowercase());
        let name = self.name.as_ref().is_none_or(|name| contains(&summary.name, name));
        let user = self.user.as_ref().is_none_or(|user| {
            matches!(&summary.who, Who::User(id) if id == user) || summary.anonymous_id == *user
        });
        (kind && name && user).then_some(summary)
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
    use crate::clock::Millis;

    #[test]
    fn a_filter_holds_for_what_it_says() {
        let body =
            r#"{"type":"track","event":"Order Completed","userId":"u1","anonymousId":"a1","x":"\u00fcber"}"#;
        let body = body.as_bytes().to_vec().into();
        let entry = Entry { received_at: Millis(0), refusal: None, is_lost: false, erased_at: None, body };
        let filter = |change: fn(&mut Filter)| {
            let mut filter = Filter::default();
            change(&mut filter);
            filter.admit(&entry, None).is_some()
        };
        assert!(filter(|_| ()));
        assert!(filter(|f| f.state = Some(StageFilter::Pending)));
        assert!(!filter(|f| f.state = Some(StageFilter::Delivered)));
        assert!(filter(|f| f.kind = Some("TRACK".to_owned())));
        assert!(filter(|f| f.name = Some("order c".to_owned())));
        assert!(!filter(|f| f.name = Some("refund".to_owned())));
        assert!(filter(|f| f.user = Some("u1".to_owned())) && filter(|f| f.user = Some("a1".to_owned())));
        assert!(!filter(|f| f.user = Some("u".to_owned())));
        assert!(filter(|f| f.text = Some("ÜBER".to_owned())));
        assert!(!filter(|f| f.code = Some("missing_user_id".to_owned())));
    }
}
