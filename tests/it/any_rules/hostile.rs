//! Arbitrary events, also such as nobody sends by mistake: deep, huge, odd, with the same key twice.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const NUMBERS: [&str; 10] = [
    "0",
    "-0",
    "1.50",
    "1e999",
    "-1e-999",
    "123456789012345678901234567890",
    "1767323045",
    "1767323045123",
    "0.1e+5",
    "9007199254740993",
];

const TEXTS: [&str; 16] = [
    r#""""#,
    r#"" ""#,
    r#""a""#,
    r#""Order Completed""#,
    r#""user_1""#,
    r#""jane@example.com""#,
    r#""\ud83d""#,
    r#""\ud83d\ude00""#,
    r#""\u0000\u001f""#,
    "\"\u{202e}é😀\"",
    r#""2026-01-02T03:04:05.678Z""#,
    r#""1990-05-17""#,
    r#""+49 151 12345678""#,
    r#""{\"a\":[1,null]}""#,
    r#""true""#,
    r#""12""#,
];

const KEYS: [&str; 16] = [
    "a",
    "a",
    "b",
    "a.b",
    "",
    "list",
    "sku",
    "deep",
    "email",
    "plan name",
    "é",
    "orderID",
    "order_id",
    "MSG-email",
    r"\u0061",
    r#"\"\\"#,
];

/// The text of a value.
fn value() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        select(&NUMBERS[..]).prop_map(str::to_owned),
        select(&TEXTS[..]).prop_map(str::to_owned),
        select(vec!["null", "true", "false", "[]", "{}"]).prop_map(str::to_owned),
        any::<f64>().prop_filter("JSON has no such number", |n| n.is_finite()).prop_map(|n| n.to_string()),
        "\\PC{0,8}".prop_map(|text| serde_json::Value::from(text).to_string()),
        (1_usize..600).prop_map(|length| format!("\"{}\"", "é".repeat(length))),
        (1_usize..100).prop_map(|depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth))),
        (1_usize..60).prop_map(|depth| format!("{}1{}", r#"{"deep":"#.repeat(depth), "}".repeat(depth))),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|elements| format!("[{}]", elements.join(" , "))),
            object(inner),
        ]
    })
    .boxed()
}

fn object(value: impl Strategy<Value = String> + 'static) -> BoxedStrategy<String> {
    let key = prop_oneof![4 => select(&KEYS[..]).prop_map(str::to_owned), 1 => "[a-zA-Z]{1,130}"];
    let member = (key, value).prop_map(|(key, value)| format!("\"{key}\":{value}"));
    vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(","))).boxed()
}

/// The text of an event: mostly a call with all that rules look at, sometimes something else.
pub(crate) fn event() -> impl Strategy<Value = String> {
    let member = |name: &'static str, value: BoxedStrategy<String>| {
        let value = prop_oneof![6 => value, 1 => self::value()];
        proptest::option::weighted(0.8, value.prop_map(move |value| format!("\"{name}\":{value}")))
    };
    let text = |texts: &'static [&'static str]| select(texts).prop_map(|text| format!("\"{text}\"")).boxed();
    let call = (
        member("type", text(&["track", "IDENTIFY", "page", "screen", "group", "alias", "delete", "no"])),
        member("event", text(&["order", "Order Completed", "", "App Launched"])),
        member("userId", text(&["user_1", " ", "u\\ud83d"])),
        member("anonymousId", text(&["device-1", "not a device id!"])),
        member("properties", object(value())),
        member("traits", object(value())),
        member("context", object(value()).prop_map(|device| format!("{{\"device\":{device}}}")).boxed()),
        member(
            "integrations",
            text(&["x"]).prop_map(|_| r#"{"All":false,"CleverTap":{}}"#.to_owned()).boxed(),
        ),
        member("timestamp", text(&["2026-01-02T03:04:05Z", "yesterday"])),
        member("properties", object(value())),
    );
    let call = call.prop_map(|(a, b, c, d, e, f, g, h, i, j)| {
        let members: Vec<String> = [a, b, c, d, e, f, g, h, i, j].into_iter().flatten().collect();
        format!("{{{}}}", members.join(","))
    });
    prop_oneof![8 => call, 1 => value(), 1 => "\\PC{0,20}"]
}
