//! How values are made, and the objects they stand in.

use super::Shape::{self, *};
use super::condition::CONDITION;
use super::{Key, Mapping, Together, words};
use crate::engine::record::Format;
use crate::engine::rules::expression;
use crate::engine::rules::rest::{self, KeyCase};

/// A value: a path, a mapping, or a list of which the first that yields something counts.
pub const EXPRESSION: Shape = OneOrMany(&Either(&[Origin, Mapping(|| &VALUE)]));

/// A value written as a mapping.
pub static VALUE: Mapping = Mapping {
    name: "value",
    what: "a value",
    doc: "How a value is made: from something, then looked up, then brought into a form.",
    keys: &[
        Key::may(
            "from",
            OneOrMany(&Origin),
            "A path, or several of which the first that holds something counts.",
        ),
        Key::may(
            "template",
            Text,
            "Text with paths in braces, as `{traits.first, traits.firstName} {traits.last|}`; a comma tries the next, a bar gives a default.",
        ),
        Key::may("value", Json, "Always the same value."),
        Key::may("script", SCRIPT_KEY, "What a script in Rhai makes."),
        Key::may("object", Mapping(|| &DATA), "An object of named values."),
        Key::may("each", Origin, "A list of objects, each rewritten by `item`."),
        Key::may(
            "item",
            Mapping(|| &DATA),
            "What becomes of each element of `each`; inside, `item.price` is a place in the element.",
        ),
        Key::may(
            "lookup",
            Either(&[Mapping(|| &LOOKUP), Mapping(|| &TABLE)]),
            "A table of texts in which the value is looked up.",
        ),
        Key::may(
            "as",
            OneOrMany(&Choice(|| words(&Format::ALL))),
            "A form, or several one after another. What can not be brought into it is left out with a warning.",
        ),
        Key::may(
            "nulls",
            Choice(|| words(&rest::BLANKS)),
            "Whether null counts as something; beside `from`.",
        ),
        Key::may(
            "empty",
            Choice(|| words(&rest::BLANKS)),
            "Whether empty text counts as something; beside `from`.",
        ),
        Key::may("default", Json, "What stands in where nothing else yields anything."),
        Key::may("when", Mapping(|| &CONDITION), "When it is tried at all."),
        Key::may(
            "trim",
            Either(&[Boolean, Choice(|| vec!["end"])]),
            "Whether blanks around a template's text are removed, or only those at its end.",
        ),
        Key::may(
            "escape",
            Choice(|| words(&expression::ESCAPES)),
            "Whether what is put into a template is escaped for HTML.",
        ),
    ],
    others: None,
    together: &[
        Together::ExactlyOne(&["from", "template", "value", "script", "object", "each"]),
        Together::Needs("each", "item"),
        Together::Needs("nulls", "from"),
        Together::Needs("empty", "from"),
    ],
};

/// A script where it is, or the file that holds it.
pub(super) const SCRIPT_KEY: Shape = Either(&[Text, Mapping(|| &SCRIPT)]);

/// A script in a file of its own.
pub static SCRIPT: Mapping = Mapping {
    name: "script",
    what: "a script, or `{ file: scripts/NAME.rhai }`",
    doc: "A script in a file of its own.",
    keys: &[Key::must("file", Text, "The file, below the rules directory, as `scripts/NAME.rhai`.")],
    others: None,
    together: &[],
};

/// A table without further ado.
pub static TABLE: Mapping = Mapping {
    name: "table",
    what: "a table of texts, as `{ ios: apns }`",
    doc: "What is found, in any case, and what it becomes. What is not in it yields nothing.",
    keys: &[],
    others: Some(Text),
    together: &[],
};

/// A table with how to use it.
pub static LOOKUP: Mapping = Mapping {
    name: "lookup",
    what: "a table",
    doc: "A table, and how it is used.",
    keys: &[
        Key::must("table", Members(&Text), "What is found, and what it becomes."),
        Key::may(
            "otherwise",
            Either(&[Choice(|| words(&expression::MISSES)), Mapping(|| &OTHERWISE)]),
            "What becomes of a value that is not in the table: `drop`, `pass`, or a value that stands in.",
        ),
        Key::may("match_case", Boolean, "Whether case counts."),
    ],
    others: None,
    together: &[],
};

/// What stands in for a value that a table does not hold.
pub static OTHERWISE: Mapping = Mapping {
    name: "otherwise",
    what: "`drop`, `pass` or `{ value: TEXT }`",
    doc: "What stands in for a value that is not in the table.",
    keys: &[Key::must("value", Text, "The text that stands in.")],
    others: None,
    together: &[],
};

/// Named values, the rest, and a merge over both.
pub static DATA: Mapping = Mapping {
    name: "data",
    what: "keys and how to make their values",
    doc: "Keys and how to make their values, written in this order.",
    keys: &[
        Key::may(
            "*",
            Mapping(|| &REST),
            "Copies every member whose key in the record no other line has written; `except` leaves members out by their own keys.",
        ),
        Key::may(
            "**",
            Either(&[OneOrMany(&Origin), Mapping(|| &MERGE)]),
            "Merges an object over everything, untouched.",
        ),
    ],
    others: Some(EXPRESSION),
    together: &[],
};

/// How the rest is copied.
pub static REST: Mapping = Mapping {
    name: "rest",
    what: "how to copy the rest, as `{ rest: properties, keys: snake_case }`",
    doc: "Copies every member of an object whose key in the record no other line has written.",
    keys: &[
        REST_OF,
        Key::may("keys", Choice(|| words(&KeyCase::ALL)), "What keys become."),
        Key::may("objects", Choice(|| words(&rest::OBJECTS)), "What becomes of objects."),
        Key::may("arrays", Choice(|| words(&rest::ARRAYS)), "What becomes of arrays."),
        Key::may("except", OneOrMany(&Text), "Keys left out, exactly as received."),
        Key::may(
            "keep",
            OneOrMany(&Text),
            "Keys copied untouched with all they hold; `MSG-*` means all that start so.",
        ),
        Key::may(
            "keep_keys",
            OneOrMany(&Text),
            "Keys whose name stays while the value is treated as all others.",
        ),
        Key::may(
            "moved",
            Members(&Text),
            "Keys that a named value takes over, as `{ name: Name }`: left out where that value has been written.",
        ),
        Key::may("moments", Boolean, "Whether text that is an ISO date becomes its moment in UTC."),
        NULLS,
        Key::may("empty", Choice(|| words(&rest::BLANKS)), "Whether empty text is copied."),
        Key::may("replaces", Boolean, "Whether what is copied replaces what is there."),
        Key::may(
            "expand_dots",
            Boolean,
            "Whether the key `a.b` becomes `b` inside `a`; beside `objects: stringify` or `keep`.",
        ),
        Key::may(
            "spread",
            Boolean,
            "Whether text and arrays are copied too, by the numbers of their characters and elements.",
        ),
    ],
    others: None,
    together: &[],
};

/// A merge that says what becomes of null.
pub static MERGE: Mapping = Mapping {
    name: "merge",
    what: "objects, or `{ rest: traits.more, nulls: erase }`",
    doc: "Merges objects over everything, untouched.",
    keys: &[REST_OF, NULLS],
    others: None,
    together: &[],
};

const REST_OF: Key = Key::must("rest", OneOrMany(&Origin), "The object, or several in order of precedence.");
const NULLS: Key = Key::may(
    "nulls",
    Choice(|| words(&rest::NULLS)),
    "What becomes of null; `erase` also takes out what stands under that key.",
);
