//! The few things of an event that a list shows.

use crate::journal::Facets;

/// Whose event it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The `userId`.
    User(String),
    /// Only an `anonymousId`.
    Anonymous(String),
    /// Neither.
    Nobody,
}

/// What a list shows of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// `track`, `identify`, …, in lower case; empty where there is none.
    pub kind: String,
    /// The event's name, or a page's or screen's.
    pub name: String,
    /// Whose.
    pub who: Who,
    /// The `anonymousId`, also where there is a `userId`.
    pub anonymous_id: String,
}

impl Summary {
    /// Reads an event's JSON. What is not an event has an empty summary.
    pub fn of(body: &[u8]) -> Self {
        let Facets { kind, name, user_id, anonymous_id } = Facets::of(body);
        let anonymous_id = anonymous_id.into_owned();
        let who = match (user_id.is_empty(), anonymous_id.is_empty()) {
            (false, _) => Who::User(user_id.into_owned()),
            (true, false) => Who::Anonymous(anonymous_id.clone()),
            (true, true) => Who::Nobody,
        };
        Self { kind: kind.to_lowercase(), name: name.into_owned(), who, anonymous_id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_takes_what_is_there() {
        let of = |body: &str| Summary::of(body.as_bytes());
        let track = of(r#"{"type":"Track","event":"Bo\u0061t","userId":7,"anonymousId":"a1","name":"x"}"#);
        assert_eq!((track.kind.as_str(), track.name.as_str()), ("track", "Boat"));
        assert_eq!((track.who, track.anonymous_id.as_str()), (Who::User("7".to_owned()), "a1"));
        let page = of(r#"{"type":"page","name":"Home","anonymousId":"a1","userId":null}"#);
        assert_eq!((page.name.as_str(), page.who), ("Home", Who::Anonymous("a1".to_owned())));
        for odd in ["[]", "", "{", r#"{"type":[],"userId":{}}"#] {
            assert_eq!(of(odd).who, Who::Nobody, "{odd}");
        }
    }
}
