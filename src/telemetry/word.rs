//! Words out of fixed lists: the only text that may become the label of a metric.

/// A type whose values are known when the program is built, each with a stable name.
pub trait Listed: Copy + 'static {
    /// Every value.
    const LIST: &'static [Self];

    /// The stable name, in lower snake case.
    fn word(self) -> &'static str;
}

/// The name of a [`Listed`] value. There is no other way to make one, so nothing a sender sent can become one, and the
/// number of series is bounded by the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Word(&'static str);

impl Word {
    /// The name of `value`.
    pub fn of(value: impl Listed) -> Self {
        Self(value.word())
    }

    /// The name.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}
