//! The words of arbitrary rules: paths, texts, keys, scripts.

pub(super) const PATHS: [&str; 21] = [
    "traits.~planName",
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

pub(super) const WORDS: [&str; 16] = [
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

pub(super) const TARGETS: [&str; 14] = [
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
pub(super) const SCRIPTS: [&str; 6] = [
    "event.properties.a",
    "options.most + 1",
    "as_number(event.properties.list)",
    "#{ a: event.traits, b: [1, (), event.event] }",
    "print(event.type); event.properties.deep.deep ?? \"none\"",
    "if type_of(event.properties.a) == \"bool\" { throw \"odd\" } else { 7 }",
];

/// Scripts that change a record.
pub(super) const CHANGES: [&str; 6] = [
    "record.data.b = event.properties; record.data.remove(\"a\");",
    "if event.properties.a == () { record.drop(); }",
    "if record.type == \"event\" { record.name = record.name + \"!\"; record.ts = (); }",
    "if event.userId == () { fail(\"a_2\", \"nobody\") }",
    "if event.type == \"page\" { filter(\"a_3\", \"a page\") }",
    "record.data[\"plan name\"] = record.data.keys();",
];

pub(super) const DESTINATIONS: [&str; 2] = ["CleverTap", "CleverTap (Actions)"];
