//! Record templates: what a rule emits.

use super::call::CallTemplate;
use super::condition::Condition;
use super::data::Data;
use super::expression::Expression;
use super::reader::{Fields, Node};
use super::{Limits, Origin, Scope, shape};
use crate::engine::diagnostic::{Code, Diagnostics, Place, did_you_mean};
use crate::engine::record::{AddressKind, Format, RecordKind, limit};

pub(super) const LIMITS: [(&str, Limits); 2] = [("cut", Limits::Cut), ("pass", Limits::Pass)];

/// One record that a rule emits.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordTemplate {
    /// Profile, event or token, or a call.
    pub kind: RecordKind,
    /// Whom it is addressed to: the first that yields something.
    pub address: Vec<(AddressKind, Origin)>,
    /// The event's name; only of events.
    pub name: Option<Expression>,
    /// Its `ts`: the event's time where none is given, left out where what is given yields nothing. Not of tokens.
    pub ts: Option<Expression>,
    /// What becomes of what is too long.
    pub limits: Limits,
    /// What is called; only of calls, which have no address, name, time and data.
    pub call: Option<CallTemplate>,
    /// What is in its `profileData`, `evtData` or `tokenData`.
    pub data: Data,
    /// How many values it may have.
    pub max_fields: usize,
    /// When it is emitted at all.
    pub when: Option<Condition>,
    /// Where it is written.
    pub place: Place,
}

impl RecordTemplate {
    /// Reads one element of `emit`: a mapping with the single key `profile`, `event`, `token` or `call`.
    pub fn parse(node: &Node<'_>, scope: &Scope<'_>, problems: &mut Diagnostics) -> Option<Self> {
        let outer = node.fields(problems, &shape::record::RECORD)?;
        let kinds = [RecordKind::Profile, RecordKind::Event, RecordKind::Token, RecordKind::Call];
        let found: Vec<_> =
            kinds.into_iter().filter_map(|kind| Some((kind, outer.get(kind.as_str())?))).collect();
        let names = kinds.map(RecordKind::as_str);
        let (said, only) = (outer.found(&names), outer.keys().all(|key| names.contains(&key)));
        outer.finish(problems);
        let [(kind, node)] = found.as_slice() else {
            // An unknown key has been complained of.
            if only {
                let message =
                    format!("expected exactly one of `profile`, `event`, `token` and `call`, {said}");
                node.problem(problems, Code::R105, message, None);
            }
            return None;
        };
        let fields = node.fields(problems, shape::record::of(*kind))?;
        let place = node.key_place();
        if *kind == RecordKind::Call {
            return Self::parse_call(fields, place, scope, problems);
        }
        let address = fields.require(problems, "address").map(|node| parse_address(&node, scope, problems));
        let when = fields.get("when").and_then(|node| Condition::parse(&node, scope, problems));
        let name = match kind {
            RecordKind::Event => fields.require(problems, "name"),
            _ => None,
        };
        let name = name.map(|node| Expression::parse(&node, None, scope, problems));
        let ts = match kind {
            RecordKind::Token => None,
            _ => fields.get("ts"),
        };
        let ts = ts.map(|node| Expression::parse(&node, Some(Format::SecondsOrNumber), scope, problems));
        let limits = fields.get("limits").and_then(|node| node.choice(problems, &LIMITS)).unwrap_or_default();
        let scope = &scope.inside_record(limits);
        let standard = *kind == RecordKind::Profile;
        let data = fields.get("data").map(|node| Data::parse(&node, standard, scope, problems));
        let max_fields = match (fields.get("max_fields"), kind) {
            (Some(node), _) => parse_max_fields(&node, scope, problems),
            (None, RecordKind::Event) => Some(limits.most(limit::EVENT_PROPERTIES)),
            (None, _) => Some(limits.most(limit::PROFILE_FIELDS)),
        };
        fields.finish(problems);
        let data = data.unwrap_or_default();
        let (call, address, max_fields) = (None, address?, max_fields?);
        Some(Self { kind: *kind, address, name, ts, limits, call, data, max_fields, when, place })
    }

    fn parse_call(
        fields: Fields<'_>,
        place: Place,
        scope: &Scope<'_>,
        problems: &mut Diagnostics,
    ) -> Option<Self> {
        let when = fields.get("when").and_then(|node| Condition::parse(&node, scope, problems));
        let (method, args) = (fields.require(problems, "method"), fields.get("args"));
        let call = CallTemplate::parse(method.as_ref(), args.as_ref(), scope, problems);
        fields.finish(problems);
        Some(Self {
            kind: RecordKind::Call,
            address: Vec::new(),
            name: None,
            ts: None,
            limits: Limits::Pass,
            call: Some(call?),
            data: Data::default(),
            max_fields: usize::MAX,
            when,
            place,
        })
    }
}

/// A number, or `{ option: NAME }`.
fn parse_max_fields(node: &Node<'_>, scope: &Scope<'_>, problems: &mut Diagnostics) -> Option<usize> {
    let number = match node.value.as_u64() {
        Some(number) => Some(number),
        None if node.value.is_mapping() => {
            let fields = node.fields(problems, &shape::record::OPTION_OF)?;
            let name = fields.require(problems, "option").and_then(|node| node.text(problems, "an option"));
            let place = node.place();
            fields.finish(problems);
            let name = name?;
            let Some(option) = scope.options.iter().find(|option| option.name == name) else {
                let help = did_you_mean(name, scope.options.iter().map(|option| option.name.as_str()));
                problems.push(Code::R111, Some(place), format!("the pack has no option `{name}`"), help);
                return None;
            };
            option.value.as_u64()
        }
        None => None,
    };
    if number.is_none() {
        node.expected(problems, shape::record::OPTION_OF.what);
    }
    number.and_then(|number| usize::try_from(number).ok())
}

fn parse_address(
    node: &Node<'_>,
    scope: &Scope<'_>,
    problems: &mut Diagnostics,
) -> Vec<(AddressKind, Origin)> {
    let mut address = Vec::new();
    for node in node.list(problems, "a list of `identity` and `objectId`") {
        let Some(fields) = node.fields(problems, &shape::record::ADDRESS) else {
            continue;
        };
        for kind in [AddressKind::Identity, AddressKind::ObjectId] {
            if let Some(node) = fields.get(kind.as_str()) {
                address.extend(Origin::parse(&node, scope, problems).map(|origin| (kind, origin)));
            }
        }
        fields.finish(problems);
    }
    address
}
