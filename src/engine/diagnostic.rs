//! One type for every complaint about rule files: stable code, place, what was expected and found, and the fix.
//!
//! Problems are collected, never thrown: whoever compiles rules gets all of them at once.
//! The first thing to know: a code, once released, keeps its meaning for ever; new problems get new numbers.

use super::excerpt::{self, Excerpt};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What kind of problem. Ranges: `R1xx` YAML and shape, `R2xx` conditions, `R3xx` mapping,
/// `R4xx` cases next to rules, `R5xx` scripts, `R6xx` lints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// The file is not YAML.
    R101,
    /// A key stands twice in one mapping.
    R102,
    /// A key that means nothing here.
    R103,
    /// A value of another type than expected.
    R104,
    /// A required key is absent.
    R105,
    /// A value that is not one of the possible ones.
    R106,
    /// Two rules share an id.
    R107,
    /// There is no rule with the id that a local rule names.
    R108,
    /// There is no such pack.
    R110,
    /// There is no such pack option.
    R111,
    /// A pack option's value has the wrong type.
    R112,
    /// A path that can not be read.
    R201,
    /// A `$name` that `values` does not define.
    R202,
    /// A rule without anything to do, or with two things.
    R301,
    /// The live pack makes SDK calls.
    R310,
    /// Two cases of a file share a name.
    R401,
    /// A case without an event, or with two.
    R402,
    /// The file with a case's event can not be read.
    R403,
    /// A case that expects nothing, or what can not be together.
    R404,
    /// A script that can not be read.
    R501,
    /// There is no such script file.
    R502,
    /// A script calls a function that there is not.
    R503,
    /// A script uses what scripts may not.
    R504,
    /// A script names a variable that there is not.
    R505,
    /// A rule that no event reaches, because those before it decide all of its events.
    R601,
    /// Two rules that make records share some events, and only their order decides between them.
    R602,
    /// A condition that always holds, or never.
    R603,
    /// An event's name that only CleverTap itself may give.
    R604,
    /// A name that is nearly one of CleverTap's own.
    R605,
    /// Two lines of a record that write the same key.
    R606,
    /// A path that leads nowhere in such a call.
    R607,
    /// A rule that no case next to the rules reaches.
    R608,
    /// A secret, or something about a person, in a rule file.
    R609,
    /// A key by its old name.
    R610,
    /// An `allow` that silences nothing.
    R611,
}

impl Code {
    /// Every code, in order.
    pub const ALL: [Self; 35] = [
        Self::R101,
        Self::R102,
        Self::R103,
        Self::R104,
        Self::R105,
        Self::R106,
        Self::R107,
        Self::R108,
        Self::R110,
        Self::R111,
        Self::R112,
        Self::R201,
        Self::R202,
        Self::R301,
        Self::R310,
        Self::R401,
        Self::R402,
        Self::R403,
        Self::R404,
        Self::R501,
        Self::R502,
        Self::R503,
        Self::R504,
        Self::R505,
        Self::R601,
        Self::R602,
        Self::R603,
        Self::R604,
        Self::R605,
        Self::R606,
        Self::R607,
        Self::R608,
        Self::R609,
        Self::R610,
        Self::R611,
    ];

    /// As shown, `R101`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::R101 => "R101",
            Self::R102 => "R102",
            Self::R103 => "R103",
            Self::R104 => "R104",
            Self::R105 => "R105",
            Self::R106 => "R106",
            Self::R107 => "R107",
            Self::R108 => "R108",
            Self::R110 => "R110",
            Self::R111 => "R111",
            Self::R112 => "R112",
            Self::R201 => "R201",
            Self::R202 => "R202",
            Self::R301 => "R301",
            Self::R310 => "R310",
            Self::R401 => "R401",
            Self::R402 => "R402",
            Self::R403 => "R403",
            Self::R404 => "R404",
            Self::R501 => "R501",
            Self::R502 => "R502",
            Self::R503 => "R503",
            Self::R504 => "R504",
            Self::R505 => "R505",
            Self::R601 => "R601",
            Self::R602 => "R602",
            Self::R603 => "R603",
            Self::R604 => "R604",
            Self::R605 => "R605",
            Self::R606 => "R606",
            Self::R607 => "R607",
            Self::R608 => "R608",
            Self::R609 => "R609",
            Self::R610 => "R610",
            Self::R611 => "R611",
        }
    }
}

impl Code {
    /// How grave it is: lints are warnings, everything else keeps a set from going live.
    pub fn severity(self) -> Severity {
        match self.as_str().starts_with("R6") {
            true => Severity::Warning,
            false => Severity::Error,
        }
    }
}

/// How grave a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A set with one never goes live.
    Error,
    /// A lint: it is said, and nothing else follows from it.
    Warning,
}

impl Severity {
    /// As shown, `error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A stretch of a rule file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Path below the rules directory.
    pub file: Arc<str>,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// The first byte of the stretch.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind.
    pub code: Code,
    /// What was expected and what was found.
    pub message: String,
    /// Where; none when it is about no file, as an option on the command line.
    pub place: Option<Place>,
    /// What to do about it.
    pub help: Option<String>,
}

/// All problems of a set of files: errors first, each kind in order of file and place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    /// Texts of the files, for showing the lines in question.
    sources: BTreeMap<Arc<str>, Arc<str>>,
}

impl Diagnostics {
    /// Remembers a file's text.
    pub fn add_source(&mut self, file: Arc<str>, text: Arc<str>) {
        self.sources.insert(file, text);
    }

    /// Adds a problem. What looks like a secret in its words is masked.
    pub fn push(
        &mut self,
        code: Code,
        place: Option<Place>,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        let (message, help) = (excerpt::mask(&message.into()), help.map(|help| excerpt::mask(&help)));
        self.list.push(Diagnostic { code, message, place, help });
    }

    /// Adds what was found elsewhere, with the texts it is about.
    pub fn append(&mut self, other: Self) {
        self.list.extend(other.list);
        self.sources.extend(other.sources);
    }

    /// Whether one of them keeps the set from going live.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|problem| problem.code.severity() == Severity::Error)
    }

    /// How many there are of a gravity.
    pub fn count(&self, severity: Severity) -> usize {
        self.list.iter().filter(|problem| problem.code.severity() == severity).count()
    }

    /// Keeps those for which `keep` holds.
    pub fn retain(&mut self, keep: impl FnMut(&Diagnostic) -> bool) {
        self.list.retain(keep);
    }

    /// The text of a file, where it is known.
    pub fn source(&self, file: &str) -> Option<&str> {
        self.sources.get(file).map(|text| &**text)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The problems.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// Puts errors first, each kind in order of file and place, and drops exact repetitions.
    pub fn sort(&mut self) {
        self.list.sort_by(|a, b| {
            let gravity = a.code.severity().cmp(&b.code.severity());
            gravity.then_with(|| a.place.cmp(&b.place)).then_with(|| a.code.cmp(&b.code))
        });
        self.list.dedup();
    }

    /// Everything for a person: the line, a caret under the whole key, the help. Secrets in the lines are masked.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut text = String::new();
        let excerpts: BTreeMap<&str, Excerpt> = self.excerpts().collect();
        for problem in &self.list {
            let level = match problem.code.severity() {
                Severity::Error => Level::ERROR,
                Severity::Warning => Level::WARNING,
            };
            let title = level.primary_title(problem.message.as_str()).id(problem.code.as_str());
            let mut group = match problem.place.as_ref().and_then(|p| Some((p, excerpts.get(&*p.file)?))) {
                Some((place, excerpt)) => title.element(
                    Snippet::source(excerpt.text())
                        .path(place.file.as_ref())
                        .annotation(AnnotationKind::Primary.span(excerpt.span(place))),
                ),
                None => Group::with_title(title),
            };
            if let Some(help) = &problem.help {
                group = group.element(Level::HELP.message(help.as_str()));
            }
            text.push_str(&renderer.render(&[group]));
            text.push_str("\n\n");
        }
        text
    }

    /// The files that problems are about, as they may be shown.
    fn excerpts(&self) -> impl Iterator<Item = (&str, Excerpt)> {
        let about =
            self.sources.iter().filter(|(file, _)| self.places().any(|(_, place)| place.file == **file));
        about.map(|(file, source)| {
            let here = self.places().filter(move |(code, place)| *code == Code::R609 && place.file == *file);
            (&**file, Excerpt::new(source, here.map(|(_, place)| place.start..place.end)))
        })
    }

    fn places(&self) -> impl Iterator<Item = (Code, &Place)> {
        self.list.iter().filter_map(|problem| Some((problem.code, problem.place.as_ref()?)))
    }
}

impl fmt::Display for Diagnostics {
    /// One line a problem.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.list.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            if let Some(place) = &problem.place {
                write!(f, "{place}: ")?;
            }
            write!(f, "{}: {}", problem.code, problem.message)?;
            if let Some(help) = &problem.help {
                write!(f, " ({help})")?;
            }
        }
        Ok(())
    }
}

/// What other tools call what rules call otherwise: the word found, the word meant.
const ELSEWHERE: [(&str, &str); 22] = [
    ("equals", "is"),
    ("eq", "is"),
    ("in", "is"),
    ("isin", "is"),
    ("ne", "is_not"),
    ("notin", "is_not"),
    ("prefix", "starts_with"),
    ("suffix", "ends_with"),
    ("regex", "matches"),
    ("pattern", "matches"),
    ("gt", "above"),
    ("gte", "at_least"),
    ("lt", "below"),
    ("lte", "at_most"),
    ("exists", "present"),
    ("exclude", "except"),
    ("omit", "except"),
    ("keycase", "keys"),
    ("nested", "objects"),
    ("string", "text"),
    ("list", "array"),
    ("integer", "number"),
];

/// The candidate that a person most likely meant, if one is close: case, blanks and `_` do not count, and at most a third
/// of the letters differ; else one that begins with what was found, or has another name elsewhere.
pub fn did_you_mean<'a>(found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    const SHORTEST_START: usize = 3;
    let fold = |text: &str| text.replace(['_', '-', ' '], "").to_lowercase();
    let wanted = fold(found);
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let close = candidates
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &fold(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().max(found.chars().count()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| *candidate);
    let begun = || {
        let long = wanted.chars().count() >= SHORTEST_START;
        candidates.iter().copied().find(|candidate| long && fold(candidate).starts_with(&wanted))
    };
    let elsewhere = || {
        let meant = ELSEWHERE.iter().filter(|(word, _)| *word == wanted).map(|(_, meant)| *meant);
        meant.into_iter().find(|meant| candidates.contains(meant))
    };
    let meant = close.filter(|close| fold(close) == wanted).or_else(elsewhere).or(close).or_else(begun);
    meant.map(|candidate| format!("did you mean `{candidate}`?"))
}
