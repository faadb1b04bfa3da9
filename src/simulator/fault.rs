//! What goes wrong on request: `--fault KIND[:NAME=VALUE,…]`.

use std::str::FromStr;
use std::time::Duration;

/// What `--fault` takes, for its help.
pub const SYNTAX: &str = "\
KIND[:NAME=VALUE,…], repeatable.
KIND is a status (`429`, `503`, `401`, …), `slow` (`ms=`), `reset` (cut before anything is taken), `cut` (taken, but cut \
before the answer), `torn` (taken, but the answer ends in the middle), `partial` (`share=` of the records answered 555, \
or `code=`), `hang` (no answer until the caller leaves), `trickle` (the answer comes a blank at a time), or 200 with \
something else than an answer: `html` (a page), `empty` (nothing), `huge` (10 MB), `bomb` (10 MB packed by gzip), \
`miscount` (another number of records), `unlisted` (`fail` without saying what); `redirect` (307, `to=ADDRESS`).
Every KIND takes `rate=0..1` (of the requests) and `first=N` (only the first N); a status also `retry_after=SECONDS`.
Examples: `503:rate=0.2`, `reset:first=3`, `slow:ms=500`, `partial:share=0.1`";

/// One thing that goes wrong, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// With which probability a request is hit.
    pub rate: f64,
    /// Only so many requests from the start can be hit; every one when none.
    pub first: Option<u64>,
}

/// What can go wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultKind {
    /// An error answer with CleverTap's words for it. Nothing is taken.
    Status {
        /// 400 to 599.
        status: u16,
        /// Seconds for a `Retry-After` header.
        retry_after: Option<u32>,
    },
    /// The answer comes late.
    Slow(Duration),
    /// The connection is cut before anything is taken.
    Reset,
    /// Everything is taken, and the connection is cut before the answer.
    Cut,
    /// Some good records are not taken and answered with a code.
    Partial {
        /// Which share of the records, 0 to 1.
        share: f64,
        /// The code, 555 where retrying is to help.
        code: u16,
    },
    /// 200 with a page instead of JSON. Nothing is taken.
    Html,
    /// 200 with nothing. Nothing is taken.
    Empty,
    /// Everything is taken, and the answer's body ends in the middle.
    Torn,
    /// No answer until the caller leaves. Nothing is taken.
    Hang,
    /// The head of an answer, and then a blank at a time. Nothing is taken.
    Trickle,
    /// 200 with 10 MB of blanks. Nothing is taken.
    Huge,
    /// 200 with 10 MB of blanks, packed by gzip. Nothing is taken.
    Bomb,
    /// 200 with a count that can not be. Nothing is taken.
    Miscount,
    /// 200 with `fail` and nothing listed. Nothing is taken.
    Unlisted,
    /// 307 to another address. Nothing is taken.
    Redirect(String),
}

/// What is wrong with a `--fault`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// No such kind.
    #[error(
        "expected a status from 400 to 599 or one of `slow`, `reset`, `cut`, `torn`, `partial`, `hang`, `trickle`, `html`, `empty`, `huge`, `bomb`, `miscount`, `unlisted`, `redirect`, found `{0}`"
    )]
    Kind(String),
    /// The kind has no such parameter.
    #[error("`{kind}` takes no parameter `{name}`")]
    Name {
        /// The kind.
        kind: String,
        /// The parameter.
        name: String,
    },
    /// The parameter's value can not be read.
    #[error("expected {expected} for `{name}`, found `{found}`")]
    Value {
        /// The parameter.
        name: String,
        /// What it takes.
        expected: &'static str,
        /// What was given.
        found: String,
    },
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let mut fault = Self { kind: kind(name)?, rate: 1.0, first: None };
        for parameter in rest.split(',').filter(|parameter| !parameter.is_empty()) {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match (key, &mut fault.kind) {
                ("rate", _) => fault.rate = share(key, value)?,
                ("first", _) => fault.first = Some(number(key, value)?),
                ("ms", FaultKind::Slow(delay)) => *delay = Duration::from_millis(number(key, value)?),
                ("to", FaultKind::Redirect(to)) => value.clone_into(to),
                ("share", FaultKind::Partial { share: part, .. }) => *part = share(key, value)?,
                ("code", FaultKind::Partial { code, .. }) => *code = number(key, value)?,
                ("retry_after", FaultKind::Status { retry_after, .. }) => {
                    *retry_after = Some(number(key, value)?)
                }
                _ => return Err(FaultError::Name { kind: name.to_owned(), name: key.to_owned() }),
            }
        }
        Ok(fault)
    }
}

fn kind(name: &str) -> Result<FaultKind, FaultError> {
    Ok(match name {
        "slow" => FaultKind::Slow(Duration::from_secs(1)),
        "reset" => FaultKind::Reset,
        "cut" => FaultKind::Cut,
        "partial" => FaultKind::Partial { share: 0.1, code: 555 },
        "html" => FaultKind::Html,
        "empty" => FaultKind::Empty,
        "torn" => FaultKind::Torn,
        "hang" => FaultKind::Hang,
        "trickle" => FaultKind::Trickle,
        "huge" => FaultKind::Huge,
        "bomb" => FaultKind::Bomb,
        "miscount" => FaultKind::Miscount,
        "unlisted" => FaultKind::Unlisted,
        "redirect" => FaultKind::Redirect("http://127.0.0.1:1/".to_owned()),
        other => match other.parse() {
            Ok(status) if (400..600).contains(&status) => FaultKind::Status { status, retry_after: None },
            _ => return Err(FaultError::Kind(other.to_owned())),
        },
    })
}

fn number<N: FromStr>(name: &str, value: &str) -> Result<N, FaultError> {
    let error =
        |_| FaultError::Value { name: name.to_owned(), expected: "a whole number", found: value.to_owned() };
    value.parse().map_err(error)
}

fn share(name: &str, value: &str) -> Result<f64, FaultError> {
    match value.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err(FaultError::Value {
            name: name.to_owned(),
            expected: "a number from 0 to 1",
            found: value.to_owned(),
        }),
    }
}

/// The faults in force, with what they have done so far.
#[derive(Debug)]
pub(super) struct FaultPlan {
    faults: Vec<(Fault, u64)>,
    random: fastrand::Rng,
}

impl FaultPlan {
    /// These, with randomness from `seed`.
    pub(super) fn new(faults: Vec<Fault>, seed: u64) -> Self {
        let faults = faults.into_iter().map(|fault| (fault, 0)).collect();
        Self { faults, random: fastrand::Rng::with_seed(seed) }
    }

    /// Others from now on.
    pub(super) fn replace(&mut self, faults: Vec<Fault>) {
        self.faults = faults.into_iter().map(|fault| (fault, 0)).collect();
    }

    /// What hits the next request, in the order given.
    pub(super) fn draw(&mut self) -> Vec<FaultKind> {
        let mut hits = Vec::new();
        for (fault, seen) in &mut self.faults {
            let in_time = fault.first.is_none_or(|first| *seen < first);
            *seen += 1;
            if in_time && self.random.f64() < fault.rate {
                hits.push(fault.kind.clone());
            }
        }
        hits
    }

    /// Whether one record of a hit request is among the `share`.
    pub(super) fn hits_record(&mut self, share: f64) -> bool {
        self.random.f64() < share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> FaultKind {
        FaultKind::Status { status, retry_after: None }
    }

    #[test]
    fn faults_are_read_as_the_help_says() {
        let cases = [
            ("503:rate=0.2", Fault { kind: status(503), rate: 0.2, first: None }),
            ("reset:first=3", Fault { kind: FaultKind::Reset, rate: 1.0, first: Some(3) }),
            (
                "slow:ms=500",
                Fault { kind: FaultKind::Slow(Duration::from_millis(500)), rate: 1.0, first: None },
            ),
            (
                "429:retry_after=2,first=1",
                Fault {
                    kind: FaultKind::Status { status: 429, retry_after: Some(2) },
                    rate: 1.0,
                    first: Some(1),
                },
            ),
            (
                "partial:share=0.5,code=515",
                Fault { kind: FaultKind::Partial { share: 0.5, code: 515 }, rate: 1.0, first: None },
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_wrong_fault_says_what_was_expected() {
        let cases = [
            ("slwo", "expected a status from 400 to 599 or one of"),
            ("200", "expected a status from 400 to 599 or one of"),
            ("reset:ms=3", "`reset` takes no parameter `ms`"),
            ("slow:ms=soon", "expected a whole number for `ms`, found `soon`"),
            ("503:rate=2", "expected a number from 0 to 1 for `rate`, found `2`"),
            ("503:rate=NaN", "expected a number from 0 to 1 for `rate`, found `NaN`"),
        ];
        for (text, expected) in cases {
            let error = text.parse::<Fault>().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }

    #[test]
    fn the_first_requests_are_hit_and_no_more() {
        let mut plan = FaultPlan::new(vec!["503:first=2".parse().unwrap()], 1);
        let hits: Vec<usize> = (0..4).map(|_| plan.draw().len()).collect();
        assert_eq!(hits, [1, 1, 0, 0]);
    }

    #[test]
    fn a_rate_hits_about_that_share_and_the_same_seed_the_same_requests() {
        let draw = || {
            let mut plan = FaultPlan::new(vec!["503:rate=0.2".parse().unwrap()], 7);
            (0..10_000).map(|_| plan.draw().len()).collect::<Vec<_>>()
        };
        let hits = draw();
        assert!((1_800..2_200).contains(&hits.iter().sum::<usize>()));
        assert_eq!(hits, draw());
    }
}
