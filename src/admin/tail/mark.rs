//! How far a tail has told: what a client shows to go on without gap.

use crate::journal::Seq;
use std::fmt;

/// Events before `next` have been told; of those from `open_from` on, some ends may still have to be.
///
/// Written `ev_121`, or `ev_121~ev_80` where the two differ: characters that an address takes as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub(in crate::admin) next: Seq,
    pub(in crate::admin) open_from: Seq,
}

impl Mark {
    /// Everything before `next` has been told, with its end as far as that was known to whoever shows events from
    /// `open_from` on.
    pub(in crate::admin) fn new(next: Seq, open_from: Seq) -> Self {
        Self { next, open_from: open_from.min(next) }
    }

    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once('~') {
            None => Seq::parse(text).map(|next| Self { next, open_from: next }),
            Some((next, open_from)) => {
                let (next, open_from) = (Seq::parse(next)?, Seq::parse(open_from)?);
                // One mark has one name.
                (open_from < next).then_some(Self { next, open_from })
            }
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.next)?;
        if self.open_from < self.next { write!(f, "~{}", self.open_from) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_reads_as_it_is_written_and_has_one_name() {
        for text in ["ev_0", "ev_121", "ev_121~ev_80"] {
            assert_eq!(Mark::parse(text).map(|mark| mark.to_string()).as_deref(), Some(text));
        }
        for text in ["", "121", "ev_1~", "ev_1~ev_1", "ev_1~ev_2", "ev_2~ev_1~ev_0", "~ev_1", "ev_01"] {
            assert_eq!(Mark::parse(text), None, "{text}");
        }
        assert_eq!(Mark::new(Seq(3), Seq(7)).to_string(), "ev_3");
    }
}
