//! Copying the rest: every member of an object whose key in the record no other line has written.

use super::reader::{Fields, Node};
use super::{Limits, NameId, Origin, Scope, shape};
use crate::engine::diagnostic::{Code, Diagnostics, Place};

/// How the members of objects are copied.
#[derive(Debug, Clone, PartialEq)]
pub struct Rest {
    /// Its number in the pack.
    pub id: u16,
    /// The objects, in order of precedence.
    pub sources: Vec<Origin>,
    /// What keys become.
    pub keys: KeyCase,
    /// What becomes of objects.
    pub objects: Nested,
    /// What becomes of arrays.
    pub arrays: Nested,
    /// Keys left out, exactly as received.
    pub except: Vec<String>,
    /// Keys whose members are copied untouched, key and value.
    pub keep: Vec<Pattern>,
    /// Keys that are copied as received, while their values are treated as all others.
    pub keep_keys: Vec<Pattern>,
    /// Keys that a named value takes over: left out where that value has been written.
    pub moved: Vec<(String, NameId)>,
    /// Whether text that is an ISO date becomes its moment in UTC.
    pub moments: bool,
    /// Whether null is copied.
    pub nulls: Blank,
    /// Whether empty text is copied.
    pub empty: Blank,
    /// Whether what it copies replaces what is there; else what is there stays.
    pub replaces: bool,
    /// Whether a key that holds dots is taken for a path: `a.b` becomes `b` inside `a`.
    pub expand_dots: bool,
    /// Whether text and arrays are copied too, by the numbers of their characters and elements.
    pub spread: bool,
    /// What becomes of what is too long.
    pub limits: Limits,
    /// Where it is written.
    pub place: Place,
}

/// What keys become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyCase {
    /// `orderID` becomes `order_id`.
    Snake,
    /// `order_id` becomes `orderId`.
    Camel,
    /// `orderID` becomes `order-id`.
    Kebab,
    /// `orderID` becomes `Order Id`.
    Title,
    /// `orderID` becomes `orderid`.
    Lower,
    /// As received.
    Preserve,
}

impl KeyCase {
    /// Every case, by the name rules use.
    pub const ALL: [(&'static str, Self); 6] = [
        ("snake_case", Self::Snake),
        ("camel_case", Self::Camel),
        ("kebab_case", Self::Kebab),
        ("title_case", Self::Title),
        ("lower_case", Self::Lower),
        ("preserve", Self::Preserve),
    ];

    /// The name rules use.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, case)| *case == self).map_or("", |(name, _)| name)
    }
}

/// What becomes of null or of empty text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blank {
    /// It is left out.
    Drop,
    /// It stays.
    Keep,
    /// It is left out, and so is what stands under its key already; only of null.
    Erase,
}

/// What becomes of a nested value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nested {
    /// It is left out, with a warning.
    Drop,
    /// Its members are copied, with the path joined by `_` as their key.
    Flatten,
    /// It becomes its JSON text, as `JSON.stringify` writes it.
    Stringify,
    /// It stays as it is.
    Keep,
}

/// A key, or with `*` at its end all keys that start so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Whether a key is meant.
    pub fn matches(&self, key: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(start) => key.starts_with(start),
            None => self.0 == key,
        }
    }
}

pub(super) const BLANKS: [(&str, Blank); 2] = [("drop", Blank::Drop), ("keep", Blank::Keep)];
pub(super) const NULLS: [(&str, Blank); 3] =
    [("drop", Blank::Drop), ("keep", Blank::Keep), ("erase", Blank::Erase)];
pub(super) const OBJECTS: [(&str, Nested); 4] = [
    ("drop", Nested::Drop),
    ("flatten", Nested::Flatten),
    ("stringify", Nested::Stringify),
    ("keep", Nested::Keep),
];
pub(super) const ARRAYS: [(&str, Nested); 3] =
    [("drop", Nested::Drop), ("stringify", Nested::Stringify), ("keep", Nested::Keep)];

impl Rest {
    /// Reads the value of `"*"`.
    pub fn parse(node: &Node<'_>, scope: &Scope<'_>, problems: &mut Diagnostics) -> Option<Self> {
        let fields = node.fields(problems, &shape::value::REST)?;
        let sources = fields
            .require(problems, "rest")
            .map(|node| Origin::parse_list(&node, scope, problems))
            .unwrap_or_default();
        Some(Self::parse_manner(fields, sources, scope, problems))
    }

    /// Reads the value of `"**"`: objects whose members are copied untouched over what is there. Written as
    /// `{ rest: …, nulls: … }` it also says what becomes of null.
    pub fn parse_merge(node: &Node<'_>, scope: &Scope<'_>, problems: &mut Diagnostics) -> Option<Self> {
        let (sources, nulls) = match node.value.is_mapping() {
            false => (Origin::parse_list(node, scope, problems), None),
            true => {
                let fields = node.fields(problems, &shape::value::MERGE)?;
                let sources = fields.require(problems, "rest");
                let nulls = fields.get("nulls").and_then(|node| node.choice(problems, &NULLS));
                fields.finish(problems);
                (sources.map(|node| Origin::parse_list(&node, scope, problems)).unwrap_or_default(), nulls)
            }
        };
        Some(Self {
            id: scope.next_rest(),
            sources,
            keys: KeyCase::Preserve,
            objects: Nested::Keep,
            arrays: Nested::Keep,
            except: Vec::new(),
            keep: Vec::new(),
            keep_keys: Vec::new(),
            moved: Vec::new(),
            moments: false,
            nulls: nulls.unwrap_or(Blank::Keep),
            empty: Blank::Keep,
            replaces: true,
            expand_dots: false,
            spread: false,
            limits: scope.limits,
            place: node.key_place(),
        })
    }

    fn parse_manner(
        fields: Fields<'_>,
        sources: Vec<Origin>,
        scope: &Scope<'_>,
        problems: &mut Diagnostics,
    ) -> Self {
        let keys = fields.get("keys").and_then(|node| node.choice(problems, &KeyCase::ALL));
        let objects = fields.get("objects").and_then(|node| node.choice(problems, &OBJECTS));
        let arrays = fields.get("arrays").and_then(|node| node.choice(problems, &ARRAYS));
        let except = fields.get("except").map(|node| node.texts(problems, "a key"));
        let patterns = |key: &'static str, problems: &mut Diagnostics| -> Vec<Pattern> {
            let texts = fields.get(key).map(|node| node.texts(problems, "a key, or `PREFIX*`"));
            texts.unwrap_or_default().into_iter().map(Pattern).collect()
        };
        let keep = patterns("keep", problems);
        let keep_keys = patterns("keep_keys", problems);
        let moved = fields.get("moved").map(|node| parse_moved(&node, scope, problems));
        let moments = fields.get("moments").and_then(|node| node.boolean(problems));
        let nulls = fields.get("nulls").and_then(|node| node.choice(problems, &NULLS));
        let empty = fields.get("empty").and_then(|node| node.choice(problems, &BLANKS));
        let replaces = fields.get("replaces").and_then(|node| node.boolean(problems));
        let expand = fields.get("expand_dots");
        let expand_dots = expand.as_ref().and_then(|node| node.boolean(problems)).unwrap_or(false);
        let nested = matches!(objects, Some(Nested::Stringify | Nested::Keep));
        if let (Some(node), true, false) = (&expand, expand_dots, nested) {
            let message = "expected `objects: stringify` or `objects: keep` beside `expand_dots`";
            node.problem(problems, Code::R301, message, Some("expanding makes objects".into()));
        }
        let spread = fields.get("spread").and_then(|node| node.boolean(problems));
        let place = fields.node.key_place();
        fields.finish(problems);
        Self {
            id: scope.next_rest(),
            sources,
            keys: keys.unwrap_or(KeyCase::Preserve),
            objects: objects.unwrap_or(Nested::Drop),
            arrays: arrays.unwrap_or(Nested::Drop),
            except: except.unwrap_or_default(),
            keep,
            keep_keys,
            moved: moved.unwrap_or_default(),
            moments: moments.unwrap_or(false),
            nulls: nulls.unwrap_or(Blank::Drop),
            empty: empty.unwrap_or(Blank::Drop),
            replaces: replaces.unwrap_or(false),
            expand_dots,
            spread: spread.unwrap_or(false),
            limits: scope.limits,
            place,
        }
    }
}

/// Keys of the object, each with the named value that takes it over: `{ name: Name }`.
fn parse_moved(node: &Node<'_>, scope: &Scope<'_>, problems: &mut Diagnostics) -> Vec<(String, NameId)> {
    let members = node.members(problems, "keys and the named values they become, as `{ name: Name }`");
    let name = |(key, node): (&str, Node<'_>)| {
        let target = node.text(problems, "a named value's key")?;
        Some((key.to_owned(), scope.name(target)))
    };
    members.into_iter().filter_map(name).collect()
}
