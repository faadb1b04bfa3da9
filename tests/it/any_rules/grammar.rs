//! Arbitrary valid sets of rules, made from the grammar of the language: every condition, operator, value, form, way to
//! copy and record, nested in each other.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};
use tapline::engine::event::CallKind;
use tapline::engine::record::Format;
use tapline::engine::rules::operator::{Operand, Operator, ValueType};

/// Makes parts of rules.
type Parts = BoxedStrategy<Value>;

/// What may be named where a part of a rule stands.
#[derive(Debug, Clone, Copy)]
struct Scope {
    /// How many of the pack's values are known there.
    values: usize,
    /// Whether `item` means something.
    in_item: bool,
    /// How much deeper it may go.
    depth: u32,
}

impl Scope {
    fn deeper(self) -> Self {
        Self { depth: self.depth.saturating_sub(1), ..self }
    }
}

const PATHS: [&str; 20] = [
    "properties",
    "properties.a",
    "properties.list",
    "properties.list[0]",
    "properties.list[1].sku",
    "properties.\"a.b\"",
    "properties.\"\"",
    "properties.deep.deep.deep",
    "traits",
    "traits.email",
    "traits.\"plan name\"",
    "context.device.token",
    "userId",
    "anonymousId",
    "event",
    "name",
    "timestamp",
    "integrations",
    "unknown[7].é",
    "messageId",
];

const WORDS: [&str; 16] = [
    "",
    " ",
    "a",
    "A",
    "order",
    "Order Completed",
    "12",
    "-1.5e3",
    "é",
    "😀",
    "\u{202e}",
    "*",
    "a*b",
    "true",
    "{",
    "2026-01-02T03:04:05Z",
];

const TARGETS: [&str; 14] = [
    "a",
    "b",
    "Name",
    "Email",
    "Phone",
    "Gender",
    "DOB",
    "Photo",
    "Amount",
    "Items",
    "plan name",
    "é\"\\",
    "",
    "x.y",
];

/// Scripts that make a value; one goes wrong for some events. Those that never end have tests of their own.
const SCRIPTS: [&str; 6] = [
    "event.properties.a",
    "options.most + 1",
    "as_number(event.properties.list)",
    "#{ a: event.traits, b: [1, (), event.event] }",
    "print(event.type); event.properties.deep.deep ?? \"none\"",
    "if type_of(event.properties.a) == \"bool\" { throw \"odd\" } else { 7 }",
];

/// Scripts that change a record.
const CHANGES: [&str; 6] = [
    "record.data.b = event.properties; record.data.remove(\"a\");",
    "if event.properties.a == () { record.drop(); }",
    "if record.type == \"event\" { record.name = record.name + \"!\"; record.ts = (); }",
    "if event.userId == () { fail(\"a_2\", \"nobody\") }",
    "if event.type == \"page\" { filter(\"a_3\", \"a page\") }",
    "record.data[\"plan name\"] = record.data.keys();",
];

const DESTINATIONS: [&str; 2] = ["CleverTap", "CleverTap (Actions)"];

/// The text of a pack called `any`, as YAML in blocks or as JSON, which is YAML too.
pub(crate) fn pack() -> impl Strategy<Value = String> {
    let scope = Scope { values: 2, in_item: false, depth: 3 };
    let value = |values| expression(Scope { values, ..scope });
    let parts =
        (value(0), value(1), vec(rule(scope), 1..5), vec(rule_that_emits(scope), 0..3), any::<bool>());
    parts.prop_map(|(first, second, rules, extras, blocks)| {
        let number = |start: usize, rules: Vec<Value>| -> Vec<Value> {
            let with_id = |(index, mut rule): (usize, Value)| {
                rule["id"] = json!(format!("rule {}", start + index));
                rule
            };
            rules.into_iter().enumerate().map(with_id).collect()
        };
        let count = rules.len();
        let pack = json!({
            "version": 1,
            "pack": "any",
            "options": {
                "switch": { "type": "boolean", "default": true, "label": "Switch" },
                "most": { "type": "integer", "default": 3, "label": "Most" },
                "word": { "type": "string", "default": "a", "label": "Word" },
            },
            "values": { "v0": first, "v1": second },
            "rules": number(0, rules),
            "extras": number(count, extras),
        });
        if blocks { serde_yaml::to_string(&pack).unwrap() } else { pack.to_string() }
    })
}

fn object(members: Vec<(&'static str, Option<Value>)>) -> Value {
    let members = members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(members.collect())
}

fn word() -> Parts {
    select(&WORDS[..]).prop_map(Value::from).boxed()
}

fn words() -> Parts {
    prop_oneof![word(), vec(word(), 0..3).prop_map(Value::from)].boxed()
}

fn literal() -> Parts {
    prop_oneof![
        word(),
        any::<i32>().prop_map(Value::from),
        Just(json!(1.5)),
        any::<bool>().prop_map(Value::from)
    ]
    .boxed()
}

fn origin(scope: Scope) -> Parts {
    let mut origins: Vec<String> = PATHS.iter().map(|path| (*path).to_owned()).collect();
    origins.extend((0..scope.values).map(|number| format!("$v{number}")));
    if scope.in_item {
        origins.extend(["item", "item.sku", "item.list[0]"].map(str::to_owned));
    }
    select(origins).prop_map(Value::from).boxed()
}

fn origins(scope: Scope) -> Parts {
    prop_oneof![origin(scope), vec(origin(scope), 1..4).prop_map(Value::from)].boxed()
}

fn types() -> Parts {
    let names: Vec<&str> = ValueType::ALL.iter().map(|(name, _)| *name).collect();
    prop_oneof![select(names.clone()).prop_map(Value::from), subsequence(names, 1..4).prop_map(Value::from),]
        .boxed()
}

/// What is asked of a value: a value, a list of them, or operators.
fn predicates() -> Parts {
    let operator = select(&Operator::ALL[..]).prop_flat_map(|spec| {
        let operand = match spec.operand {
            Operand::Values => prop_oneof![literal(), vec(literal(), 0..3).prop_map(Value::from)].boxed(),
            Operand::Texts => words(),
            Operand::Number => prop_oneof![any::<i32>().prop_map(Value::from), Just(json!(-0.5))].boxed(),
            Operand::Switch => any::<bool>().prop_map(Value::from).boxed(),
            Operand::Types => types(),
        };
        operand.prop_map(move |operand| (spec.name.to_owned(), operand))
    });
    let operators = (vec(operator, 1..4), of(any::<bool>())).prop_map(|(operators, ignore_case)| {
        let mut members: Map<String, Value> = operators.into_iter().collect();
        members.extend(ignore_case.map(|ignore| ("ignore_case".to_owned(), ignore.into())));
        Value::Object(members)
    });
    prop_oneof![1 => literal(), 1 => vec(literal(), 0..3).prop_map(Value::from), 4 => operators].boxed()
}

fn condition(scope: Scope) -> Parts {
    let kinds = CallKind::ALL.map(CallKind::as_str).to_vec();
    let kind = prop_oneof![
        select(kinds.clone()).prop_map(Value::from),
        subsequence(kinds, 1..3).prop_map(Value::from)
    ];
    let options = subsequence(vec![("switch", json!(false)), ("most", json!(3)), ("word", json!("b"))], 0..3);
    let options = options
        .prop_map(|options| object(options.into_iter().map(|(key, value)| (key, Some(value))).collect()));
    let asked = vec((origin(scope), predicates()), 0..3).prop_map(|asked| {
        let members = asked.into_iter().map(|(path, asked)| (path.as_str().unwrap().to_owned(), asked));
        Value::Object(members.collect())
    });
    let shape = vec((origin(scope), types()), 0..3).prop_map(|shape| {
        let members = shape.into_iter().map(|(path, types)| (path.as_str().unwrap().to_owned(), types));
        Value::Object(members.collect())
    });
    let lines = (
        of(kind),
        proptest::option::weighted(0.2, predicates()),
        of(asked),
        proptest::option::weighted(0.2, origins(scope)),
        proptest::option::weighted(0.2, origins(scope)),
        proptest::option::weighted(0.2, options),
        proptest::option::weighted(0.2, select(&DESTINATIONS[..]).prop_map(Value::from)),
        proptest::option::weighted(0.2, shape),
    );
    let around = if scope.depth == 0 {
        Just((None, None, None)).boxed()
    } else {
        let inner = || vec(condition(scope.deeper()), 0..3).prop_map(Value::from);
        let one = proptest::option::weighted(0.2, condition(scope.deeper()));
        (proptest::option::weighted(0.2, inner()), proptest::option::weighted(0.2, inner()), one).boxed()
    };
    (lines, around)
        .prop_map(|((kind, event, asked, present, missing, option, off, shape), (all, any, not))| {
            object(vec![
                ("type", kind),
                ("event", event),
                ("where", asked),
                ("present", present),
                ("missing", missing),
                ("option", option),
                ("integration_off", off),
                ("shape", shape),
                ("all", all),
                ("any", any),
                ("not", not),
            ])
        })
        .boxed()
}

fn template(scope: Scope) -> Parts {
    let hole =
        (vec(origin(scope), 1..3), of(select(vec!["", "none", "<b>"]))).prop_map(|(paths, default)| {
            // A comma and a bar have a meaning of their own in here, and a quoted key could hold them.
            let paths: Vec<&str> = paths.iter().filter_map(Value::as_str).collect();
            let default = default.map(|default| format!("|{default}")).unwrap_or_default();
            format!("{{{}{default}}}", paths.join(", "))
        });
    let plain = select(vec![" ", "{{", "}}", "App: ", "&"]).prop_map(str::to_owned);
    let text = vec(prop_oneof![hole, plain], 0..4).prop_map(|parts| Value::from(parts.concat()));
    let trim = of(prop_oneof![any::<bool>().prop_map(Value::from), Just(json!("end"))]);
    let escape = of(select(vec!["html", "none"]).prop_map(Value::from));
    (text, trim, escape)
        .prop_map(|(text, trim, escape)| {
            object(vec![("template", Some(text)), ("trim", trim), ("escape", escape)])
        })
        .boxed()
}

fn table() -> Parts {
    let lines = vec((select(&WORDS[..]), word()), 0..4).prop_map(|lines| {
        // The words `table` and so on would be read as the other way to write a table.
        let lines = lines.into_iter().map(|(key, value)| (key.to_owned(), value));
        Value::Object(lines.collect())
    });
    let otherwise = of(prop_oneof![
        select(vec!["drop", "pass"]).prop_map(Value::from),
        word().prop_map(|word| json!({ "value": word })),
    ]);
    let whole = (lines.clone(), otherwise, of(any::<bool>().prop_map(Value::from)));
    let whole = whole.prop_map(|(table, otherwise, match_case)| {
        object(vec![("table", Some(table)), ("otherwise", otherwise), ("match_case", match_case)])
    });
    prop_oneof![lines, whole].boxed()
}

fn constant() -> Parts {
    prop_oneof![literal(), Just(Value::Null), Just(json!({ "a": [1, null] })), Just(json!([]))].boxed()
}

/// One way to make a value, written as a mapping.
fn alternative(scope: Scope) -> Parts {
    let source =
        |key: &'static str, value: Parts| value.prop_map(move |value| object(vec![(key, Some(value))]));
    // A script that goes wrong fails the whole event, so there must not be one everywhere.
    let script = source("script", select(&SCRIPTS[..]).prop_map(Value::from).boxed()).boxed();
    let mut starts = vec![
        (5, source("from", origins(scope)).boxed()),
        (5, source("value", constant()).boxed()),
        (5, template(scope)),
        (1, script),
    ];
    if scope.depth > 0 {
        starts.push((5, source("object", data(scope.deeper())).boxed()));
        let item = data(Scope { in_item: true, ..scope.deeper() });
        let each = (origin(scope), item).prop_map(|(each, item)| json!({ "each": each, "item": item }));
        starts.push((5, each.boxed()));
    }
    let formats: Vec<&str> = Format::ALL.iter().map(|(name, _)| *name).collect();
    let formats = prop_oneof![
        select(formats.clone()).prop_map(Value::from),
        vec(select(formats), 1..3).prop_map(Value::from)
    ];
    let when = if scope.depth > 0 { of(condition(scope.deeper())).boxed() } else { Just(None).boxed() };
    let rest = (
        proptest::option::weighted(0.2, table()),
        of(formats),
        proptest::option::weighted(0.3, constant()),
        when,
    );
    (proptest::strategy::Union::new_weighted(starts), rest)
        .prop_map(|(start, (lookup, formats, default, when))| {
            let mut whole =
                object(vec![("lookup", lookup), ("as", formats), ("default", default), ("when", when)]);
            whole.as_object_mut().unwrap().extend(start.as_object().unwrap().clone());
            whole
        })
        .boxed()
}

fn expression(scope: Scope) -> Parts {
    let one = || prop_oneof![origin(scope), alternative(scope)];
    prop_oneof![one(), vec(one(), 0..3).prop_map(Value::from)].boxed()
}

fn rest(scope: Scope) -> Parts {
    let choice = |names: Vec<&'static str>| of(select(names).prop_map(Value::from));
    let switch = || proptest::option::weighted(0.2, any::<bool>().prop_map(Value::from));
    let keys = vec(select(vec!["a", "a.b", "orderID", "é", "list"]).prop_map(Value::from), 0..3)
        .prop_map(Value::from);
    let patterns =
        vec(select(vec!["MSG-*", "*", "a", "deep"]).prop_map(Value::from), 0..3).prop_map(Value::from);
    let cases = vec!["snake_case", "camel_case", "kebab_case", "title_case", "lower_case", "preserve"];
    let first = (
        origins(scope),
        choice(cases),
        choice(vec!["drop", "flatten", "stringify", "keep"]),
        choice(vec!["drop", "stringify", "keep"]),
        of(keys),
        of(patterns.clone()),
        of(patterns),
    );
    let second =
        (choice(vec!["drop", "keep", "erase"]), choice(vec!["drop", "keep"]), switch(), switch(), switch());
    (first, second)
        .prop_map(
            |(
                (rest, keys, objects, arrays, except, keep, keep_keys),
                (nulls, empty, expand, spread, replaces),
            )| {
                let nested = objects.as_ref().and_then(Value::as_str);
                let expand = expand.filter(|_| matches!(nested, Some("stringify" | "keep")));
                object(vec![
                    ("rest", Some(rest)),
                    ("keys", keys),
                    ("objects", objects),
                    ("arrays", arrays),
                    ("except", except),
                    ("keep", keep),
                    ("keep_keys", keep_keys),
                    ("nulls", nulls),
                    ("empty", empty),
                    ("expand_dots", expand),
                    ("spread", spread),
                    ("replaces", replaces),
                ])
            },
        )
        .boxed()
}

fn merge(scope: Scope) -> Parts {
    let nulls = of(select(vec!["drop", "keep", "erase"]).prop_map(Value::from));
    let whole = (origins(scope), nulls)
        .prop_map(|(rest, nulls)| object(vec![("rest", Some(rest)), ("nulls", nulls)]));
    prop_oneof![origins(scope), whole].boxed()
}

fn data(scope: Scope) -> Parts {
    let field = (select(&TARGETS[..]), expression(scope));
    let fields = vec(field, 0..4);
    (fields, proptest::option::weighted(0.5, rest(scope)), proptest::option::weighted(0.2, merge(scope)))
        .prop_map(|(fields, rest, merge)| {
            let mut members: Map<String, Value> =
                fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
            members.extend(rest.map(|rest| ("*".to_owned(), rest)));
            members.extend(merge.map(|merge| ("**".to_owned(), merge)));
            Value::Object(members)
        })
        .boxed()
}

fn record(scope: Scope) -> Parts {
    // Mostly what can be an id and a name, so that most records come about.
    let id =
        prop_oneof![3 => select(vec!["userId", "anonymousId"]).prop_map(Value::from), 1 => origin(scope)];
    let name = prop_oneof![3 => Just(json!({ "from": "event", "default": "E" })), 1 => expression(scope)];
    let address = (select(vec!["identity", "objectId"]), id)
        .prop_map(|(kind, origin)| object(vec![(kind, Some(origin))]));
    let most = prop_oneof![(0_u64..5).prop_map(Value::from), Just(json!({ "option": "most" }))];
    let parts = (
        select(vec!["profile", "event", "token"]),
        vec(address, 1..4).prop_map(Value::from),
        name,
        proptest::option::weighted(0.2, expression(scope)),
        of(data(scope)),
        proptest::option::weighted(0.2, most),
        of(select(vec!["cut", "pass"]).prop_map(Value::from)),
        proptest::option::weighted(0.2, condition(scope)),
    );
    parts
        .prop_map(|(kind, address, name, ts, data, most, limits, when)| {
            let record = object(vec![
                ("address", Some(address)),
                ("name", Some(name).filter(|_| kind == "event")),
                ("ts", ts.filter(|_| kind != "token")),
                ("data", data),
                ("max_fields", most),
                ("limits", limits),
                ("when", when),
            ]);
            object(vec![(kind, Some(record))])
        })
        .boxed()
}

/// A code and a message; of what fails also who must act.
fn reason(fails: bool) -> Parts {
    let class =
        if fails { of(select(vec!["event", "rules", "configuration"])).boxed() } else { Just(None).boxed() };
    class
        .prop_map(|class| {
            object(vec![
                ("code", Some("a_1".into())),
                ("message", Some("what was wrong".into())),
                ("class", class.map(Value::from)),
            ])
        })
        .boxed()
}

fn requirement(scope: Scope) -> Parts {
    (condition(scope), reason(true))
        .prop_map(|(condition, reason)| {
            let mut whole = condition.as_object().unwrap().clone();
            // Something must be asked for, and what is generated may be empty.
            whole.entry("present").or_insert_with(|| "userId".into());
            whole.extend(reason.as_object().unwrap().clone());
            Value::Object(whole)
        })
        .boxed()
}

fn rule_that_emits(scope: Scope) -> Parts {
    let require = proptest::option::weighted(0.2, vec(requirement(scope), 0..3).prop_map(Value::from));
    let script = proptest::option::weighted(0.1, select(&CHANGES[..]).prop_map(Value::from));
    (proptest::option::weighted(0.5, condition(scope)), require, vec(record(scope), 0..4), script)
        .prop_map(|(when, require, emit, script)| {
            let emit = Some(Value::from(emit));
            object(vec![("when", when), ("require", require), ("emit", emit), ("script", script)])
        })
        .boxed()
}

fn rule(scope: Scope) -> Parts {
    let end = prop_oneof![
        reason(false).prop_map(|reason| ("filter", reason)),
        reason(true).prop_map(|reason| ("fail", reason)),
    ];
    let ends = (condition(scope), end);
    let ends = ends.prop_map(|(when, (end, reason))| object(vec![("when", Some(when)), (end, Some(reason))]));
    prop_oneof![1 => ends, 3 => rule_that_emits(scope)].boxed()
}
