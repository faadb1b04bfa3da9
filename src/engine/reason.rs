//! Why an event did not become records: a stable code and a sentence.
//!
//! Most reasons are a rule's own; the engine has a few of its own, [`OwnReason`].

use serde::Serialize;
use std::sync::Arc;

/// A stable code and the sentence that goes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// As `missing_user_id`.
    pub code: Arc<str>,
    /// What was expected, what was found, what to do.
    pub message: Arc<str>,
    /// Who must act, where a rule that fails events says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
}

/// Who must act so that such events can be sent. Says nothing of trying again: what failed here fails again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Whoever sends the event: it lacks something, or holds what it should not.
    Event,
    /// Whoever keeps the rules.
    Rules,
    /// Whoever configures Tapline: an option or a setting does not allow it.
    Configuration,
}

impl Class {
    /// Every class, by the name rules use.
    pub const ALL: [(&'static str, Self); 3] =
        [("event", Self::Event), ("rules", Self::Rules), ("configuration", Self::Configuration)];
}

impl Class {
    /// As shown, `event`.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, class)| *class == self).map_or("", |(name, _)| name)
    }
}

impl Reason {
    /// A reason that does not say who must act.
    pub fn new(code: impl Into<Arc<str>>, message: impl Into<Arc<str>>) -> Self {
        Self { code: code.into(), message: message.into(), class: None }
    }

    /// Whether text may be a code: small letters, digits and `_`.
    pub fn is_code(text: &str) -> bool {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    }
}

/// The reasons that the engine itself gives. The codes are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OwnReason {
    /// What was handed in is no JSON.
    InvalidJson,
    /// The JSON is no object.
    InvalidEvent,
    /// A rule gives a `ts` that is no time.
    InvalidTs,
    /// No rule applies to the call.
    NoRule,
    /// The rule that applies made no record.
    NoRecord,
    /// A script went wrong.
    ScriptFailed,
    /// A script hit a limit.
    ScriptLimit,
}

impl OwnReason {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::InvalidJson,
        Self::InvalidEvent,
        Self::InvalidTs,
        Self::NoRule,
        Self::NoRecord,
        Self::ScriptFailed,
        Self::ScriptLimit,
    ];

    /// As shown, `no_rule`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::InvalidEvent => "invalid_event",
            Self::InvalidTs => "invalid_ts",
            Self::NoRule => "no_rule",
            Self::NoRecord => "no_record",
            Self::ScriptFailed => "script_failed",
            Self::ScriptLimit => "script_limit",
        }
    }

    /// The reason with its sentence.
    pub fn because(self, message: impl Into<Arc<str>>) -> Reason {
        Reason::new(self.as_str(), message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_must_act_is_shown_where_it_is_known_and_by_the_name_that_rules_use() {
        let reason = Reason::new("a", "m");
        assert_eq!(serde_json::to_string(&reason).unwrap(), r#"{"code":"a","message":"m"}"#);
        for (name, class) in Class::ALL {
            let json = serde_json::to_string(&Reason { class: Some(class), ..reason.clone() }).unwrap();
            assert_eq!(json, format!(r#"{{"code":"a","message":"m","class":"{name}"}}"#));
            assert_eq!(class.as_str(), name);
        }
    }
}
