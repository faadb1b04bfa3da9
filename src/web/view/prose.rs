//! Sentences with code in them.

/// A sentence, taken apart at its backticks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::web) struct Prose {
    /// Runs of text, and whether each is code.
    pub(in crate::web) runs: Vec<(bool, String)>,
    /// The sentence as it was, for places that only hold text.
    pub(in crate::web) plain: String,
}

impl Prose {
    /// Takes `text` as it is.
    pub(in crate::web) fn new(text: &str) -> Self {
        let pieces: Vec<&str> = text.split('`').collect();
        // A backtick without its fellow is only a backtick.
        let runs = match pieces.len() % 2 {
            1 => pieces.iter().enumerate().map(|(index, run)| (index % 2 == 1, (*run).to_owned())).collect(),
            _ => vec![(false, text.to_owned())],
        };
        Self { runs, plain: text.replace('`', "") }
    }

    /// Makes a sentence of an error's text: those begin small and end without a full stop.
    pub(in crate::web) fn sentence(text: &str) -> Self {
        let mut chars = text.chars();
        let first: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
        let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
        Self::new(&format!("{first}{}{stop}", chars.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_backticks_is_code() {
        let prose = Prose::sentence("expected `event` to be a name; see `type`");
        let code: Vec<&str> = prose.runs.iter().filter(|run| run.0).map(|run| run.1.as_str()).collect();
        assert_eq!(code, ["event", "type"]);
        assert_eq!(prose.plain, "Expected event to be a name; see type.");
        assert_eq!(Prose::new("a ` b").runs, [(false, "a ` b".to_owned())]);
        assert_eq!(Prose::sentence("Done.").plain, "Done.");
    }
}
