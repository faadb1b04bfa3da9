//! Whole files of rules: packs, and the entry.

use super::Shape::{self, *};
use super::rule::{LOCAL_RULE, RULE};
use super::value::EXPRESSION;
use super::{Key, Mapping, words};
use crate::engine::rules::allow;
use crate::engine::rules::option::OptionKind;

/// A pack.
pub static PACK: Mapping = Mapping {
    name: "pack",
    what: "a pack with `version`, `pack` and `rules`",
    doc: "A pack: options, values and rules that together are one mapping from Segment calls to CleverTap records.",
    keys: &[
        VERSION,
        Key::must("pack", Text, "The pack's name, that of its file."),
        Key::may("title", Text, "What people call it."),
        ALLOW,
        Key::may(
            "options",
            Members(&Mapping(|| &OPTION)),
            "What may be set, on the Settings page, in `tapline.yaml` or with `--option`.",
        ),
        Key::may(
            "values",
            VALUES,
            "Values that several places need, made once for each call, and used as `$name`.",
        ),
        Key::must("rules", List(&Mapping(|| &RULE)), "The rules, in order. The first that applies decides."),
        Key::may(
            "extras",
            List(&Mapping(|| &RULE)),
            "Rules that each add records to any call that was mapped.",
        ),
    ],
    others: None,
    together: &[],
};

/// The entry file.
pub static ENTRY: Mapping = Mapping {
    name: "entry",
    what: "`version` and `pack`",
    doc: "The entry: which pack is live, its options, and local rules over it.",
    keys: &[
        VERSION,
        Key::must("pack", Text, "The live pack's name."),
        Key::may(
            "options",
            Members(&Json),
            "Values of the pack's options. Settings and `--option` win over them.",
        ),
        ALLOW,
        Key::may("disable", OneOrMany(&Text), "Ids of the pack's rules that are switched off."),
        Key::may("values", VALUES, "More values, which may use the pack's."),
        Key::may(
            "rules",
            List(&Mapping(|| &LOCAL_RULE)),
            "Local rules. Where nothing else is said they come before all of the pack's.",
        ),
        Key::may(
            "extras",
            List(&Mapping(|| &LOCAL_RULE)),
            "Local rules that each add records to any call that was mapped.",
        ),
    ],
    others: None,
    together: &[],
};

/// The version of the language that a file is written in.
pub(super) const VERSION: Key = Key::must("version", Exactly(1), "The version of the language.");
/// The lints that can be silenced.
pub(super) const ALLOWED: Shape = List(&Choice(allow::codes));
const ALLOW: Key = Key::may("allow", ALLOWED, "Lints that are silenced in this file.");
const VALUES: Shape = Members(&EXPRESSION);

/// An option of a pack.
pub static OPTION: Mapping = Mapping {
    name: "option",
    what: "a mapping with `type`, `default` and `label`",
    doc: "An option of the pack.",
    keys: &[
        Key::must("type", Choice(|| words(&OptionKind::ALL)), "What it takes."),
        Key::must("default", Scalar, "Its value where nothing else is said."),
        Key::must("label", Text, "What the Settings page says."),
    ],
    others: None,
    together: &[],
};
