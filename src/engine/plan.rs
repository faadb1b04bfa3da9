//! Plans: rule files compiled for running.
//!
//! Compiling never stops at the first problem, and a set with a problem yields no plan.

use super::diagnostic::{Code, Diagnostics, did_you_mean};
use super::evaluate::Outcome;
use super::hash::ContentHash;
use super::reason::{OwnReason, Reason};
use super::record::RecordKind;
use super::rules::NameId;
use super::rules::layer::Layer;
use super::rules::option::Given;
use super::rules::pack::{Pack, check_version};
use super::rules::reader::Node;
use super::rules::rule::Action;
use super::rules::shape;
use super::rules::source::Source;
use super::script::{Runner, is_script};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

pub use super::rules::option::{OptionKind, PackOption};

/// Rule files by path below the rules directory, as `packs/segment-cloud.yaml` → text.
pub type RuleFiles = BTreeMap<String, String>;

/// The entry file.
pub const ENTRY: &str = "tapline.yaml";

/// Rules compiled for running. Immutable and shared; its revision names its content.
#[derive(Debug)]
pub struct Plan {
    pub(super) pack: Pack,
    packs: Vec<String>,
    hash: ContentHash,
    revision: String,
    preview_only: Vec<String>,
    record_names: [NameId; 4],
    /// What reading found that keeps nothing from going live.
    pub(super) notices: Diagnostics,
}

impl Plan {
    /// Compiles a set of files. `pack` overrides the live pack of `tapline.yaml`; `options` override the pack's.
    /// All problems of all files come back at once.
    pub fn compile(
        files: &RuleFiles,
        pack: Option<&str>,
        options: &BTreeMap<String, Value>,
    ) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::default();
        let plan = compile(files, pack, options, &mut problems);
        Self::judge(plan, problems)
    }

    /// A plan unless there are errors; what else was found goes along with it.
    fn judge(plan: Option<Self>, mut problems: Diagnostics) -> Result<Self, Diagnostics> {
        problems.sort();
        match plan {
            Some(plan) if !problems.has_errors() => Ok(Self { notices: problems, ..plan }),
            _ => Err(problems),
        }
    }

    /// As [`Plan::compile`], for events that are to be sent. A pack that makes SDK calls is refused: there is no device
    /// here to make them.
    pub fn compile_live(
        files: &RuleFiles,
        pack: Option<&str>,
        options: &BTreeMap<String, Value>,
    ) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::default();
        let plan = compile(files, pack, options, &mut problems);
        if let Some(plan) = &plan
            && let Some(place) = plan.pack.first_call()
        {
            let message = format!(
                "expected records that can be sent, found an SDK call in the live pack `{}`",
                plan.pack()
            );
            let help = "device mode is for `tapline preview --pack`, `tapline test` and the preview page; \
                        let another pack be live";
            problems.push(Code::R310, Some(place.clone()), message, Some(help.into()));
        }
        Self::judge(plan, problems)
    }

    /// The first twelve digits of [`Self::hash`], for people.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// A hash of everything that went into the plan: the files, the live pack and the values of its options.
    pub fn hash(&self) -> ContentHash {
        self.hash
    }

    /// The live pack's name.
    pub fn pack(&self) -> &str {
        &self.pack.name
    }

    /// The live pack's options with the values in force.
    pub fn options(&self) -> &[PackOption] {
        &self.pack.options
    }

    /// Names of the packs there are.
    pub fn packs(&self) -> &[String] {
        &self.packs
    }

    /// The id of the last rule before the first that makes records: those in front say which calls are not for CleverTap.
    pub fn last_guard(&self) -> Option<&str> {
        let guards = self.pack.rules.iter().take_while(|rule| !matches!(rule.action, Action::Emit(_)));
        guards.last().map(|rule| &*rule.id)
    }

    /// Whether a pack makes SDK calls, so that it can be previewed and not be live.
    pub fn is_preview_only(&self, pack: &str) -> bool {
        self.preview_only.iter().any(|name| name == pack)
    }

    /// How many rules the live pack has.
    pub fn rule_count(&self) -> usize {
        self.pack.rules.len() + self.pack.extras.len()
    }

    /// Runs the plan's scripts; none where it has none.
    pub(super) fn runner(&self) -> Option<Runner> {
        let options = self.pack.options.iter().map(|option| (option.name.as_str(), &option.value));
        (self.pack.scripts.scripts > 0).then(|| Runner::new(options, &self.pack.scripts))
    }

    /// The reasons that rules give, each with the rule's id and place.
    pub fn reasons(&self) -> impl Iterator<Item = (&str, String, &Reason)> {
        self.pack.rules.iter().chain(&self.pack.extras).flat_map(|rule| {
            let own = match &rule.action {
                Action::Filter(reason) | Action::Fail(reason) => Some((&rule.place, reason)),
                Action::Emit(_) => None,
            };
            let required = rule.require.iter().map(|requirement| (&requirement.place, &requirement.reason));
            own.into_iter().chain(required).map(|(place, reason)| (&*rule.id, place.to_string(), reason))
        })
    }

    /// The number under which a kind of record is named in warnings.
    pub(super) fn kind_name(&self, kind: RecordKind) -> Option<NameId> {
        let [profile, event, token, call] = self.record_names;
        Some(match kind {
            RecordKind::Profile => profile,
            RecordKind::Event => event,
            RecordKind::Token => token,
            RecordKind::Call => call,
        })
    }

    pub(super) fn no_rule(&self) -> Outcome {
        let message = format!("no rule of the pack `{}` applies to this call", self.pack());
        Outcome::Filtered(OwnReason::NoRule.because(message))
    }

    pub(super) fn no_record(&self) -> Outcome {
        let message = "the rule that applies made no record; the warnings say what was missing";
        Outcome::Failed(OwnReason::NoRecord.because(message))
    }
}

fn compile(
    files: &RuleFiles,
    pack: Option<&str>,
    options: &BTreeMap<String, Value>,
    problems: &mut Diagnostics,
) -> Option<Plan> {
    let entry_source = files.get(ENTRY).and_then(|text| Source::parse(ENTRY, text, problems));
    let entry = entry_source.as_ref().map(|source| parse_entry(source, problems)).unwrap_or_default();
    let live = pack.map(str::to_owned).or(entry.pack.clone()).unwrap_or_else(|| "segment-cloud".to_owned());
    // Options and local rules of the entry file are about the pack it names, and read with it also where another is live.
    let named = entry.pack.clone().unwrap_or_else(|| live.clone());
    let nothing = Layer::default();
    let (mut packs, mut preview_only) = (Vec::new(), Vec::new());
    let mut chosen = None;
    for (file, text) in files {
        let Some(name) = pack_name(file).map(str::to_owned) else { continue };
        let is_live = name == live;
        packs.push(name.clone());
        let Some(source) = Source::parse(file, text, problems) else { continue };
        let is_named = name == named;
        let mut given = if is_named { entry.options.clone() } else { BTreeMap::new() };
        if is_live {
            given.extend(options.iter().map(|(name, value)| (name.clone(), (value.clone(), None))));
        }
        let layer = if is_named { &entry.layer } else { &nothing };
        let pack = Pack::parse(&source, &given, layer, files, problems);
        if pack.as_ref().is_some_and(|pack| pack.first_call().is_some()) {
            preview_only.push(name);
        }
        if is_live {
            chosen = pack;
        }
    }
    if !packs.contains(&named) {
        check_alone(&entry.layer, &named, files, problems);
    }
    if !packs.contains(&live) {
        let help = did_you_mean(&live, packs.iter().map(String::as_str))
            .unwrap_or_else(|| format!("there are: {}", packs.join(", ")));
        // Where a flag or the settings name the pack, no file is to blame.
        let place = entry.place.filter(|_| entry.pack.as_ref() == Some(&live));
        problems.push(Code::R110, place, format!("there is no pack `{live}`"), Some(help));
    }
    let mut pack = chosen?;
    let record_names = [RecordKind::Profile, RecordKind::Event, RecordKind::Token, RecordKind::Call];
    let record_names = record_names.map(|kind| {
        let key: Arc<str> = kind.as_str().into();
        let at = pack.names.iter().position(|name| *name == key).unwrap_or_else(|| {
            pack.names.push(key);
            pack.names.len() - 1
        });
        NameId(at as u32)
    });
    let hash = hash(files, &live, &pack.options);
    let notices = Diagnostics::default();
    Some(Plan { pack, packs, hash, revision: hash.short(), preview_only, record_names, notices })
}

/// Complains of local rules whose pack is not to be had, as far as that can be done without it.
fn check_alone(layer: &Layer<'_>, name: &str, files: &RuleFiles, problems: &mut Diagnostics) {
    let text = format!("version: 1\npack: {}\nrules: []\n", Value::from(name));
    let mut found = Diagnostics::default();
    if let Some(source) = Source::parse("", &text, &mut found) {
        Pack::parse(&source, &BTreeMap::new(), layer, files, &mut found);
    }
    let needs_pack = [Code::R108, Code::R111, Code::R112, Code::R202];
    found.retain(|problem| {
        let is_here = problem.place.as_ref().is_some_and(|place| !place.file.is_empty());
        is_here && !needs_pack.contains(&problem.code)
    });
    problems.append(found);
}

/// The name of the pack in a file, that of the file; none for a file that holds no pack.
pub fn pack_name(file: &str) -> Option<&str> {
    let name = file.strip_prefix("packs/").filter(|name| !is_script(name))?;
    Some(name.strip_suffix(".yaml").or(name.strip_suffix(".yml")).unwrap_or(name))
}

#[derive(Default)]
struct Entry<'a> {
    pack: Option<String>,
    options: Given,
    layer: Layer<'a>,
    place: Option<super::diagnostic::Place>,
}

fn parse_entry<'a>(source: &'a Source, problems: &mut Diagnostics) -> Entry<'a> {
    let mut entry = Entry::default();
    let Some(fields) = Node::root(source).fields(problems, &shape::pack::ENTRY) else { return entry };
    check_version(&fields, problems);
    if let Some(node) = fields.require(problems, "pack") {
        entry.place = Some(node.place());
        entry.pack = node.text(problems, "the live pack's name").map(str::to_owned);
    }
    if let Some(node) = fields.get("options") {
        for (name, node) in node.members(problems, "the pack's options and their values") {
            match serde_json::to_value(node.value) {
                Ok(value) => drop(entry.options.insert(name.to_owned(), (value, Some(node.key_place())))),
                Err(_) => node.expected(problems, "a value that JSON has"),
            }
        }
    }
    entry.layer = Layer::parse(&fields, problems);
    fields.finish(problems);
    entry
}

fn hash(files: &RuleFiles, live: &str, options: &[PackOption]) -> ContentHash {
    let values: Vec<String> = options.iter().map(|option| option.value.to_string()).collect();
    let files = files.iter().flat_map(|(file, text)| [file.as_str(), text.as_str()]);
    let options =
        options.iter().zip(&values).flat_map(|(option, value)| [option.name.as_str(), value.as_str()]);
    ContentHash::of_parts(["rules", live].into_iter().chain(options).chain(["files"]).chain(files))
}
