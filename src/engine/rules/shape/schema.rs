//! JSON Schema of rule files, for editors and for programs that write rules.
//!
//! Only words are used that draft-07 and draft 2020-12 have in common, but for where definitions stand.

use super::{Key, Mapping, Shape, Together, case, pack};
use serde_json::{Map, Value, json};

/// A version of JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draft {
    /// <https://json-schema.org/draft/2020-12>.
    Draft202012,
    /// <https://json-schema.org/draft-07>, which more editors know.
    Draft07,
}

impl Draft {
    /// Every draft, by the name that the command line uses.
    pub const ALL: [(&'static str, Self); 2] = [("2020-12", Self::Draft202012), ("07", Self::Draft07)];

    fn uri(self) -> &'static str {
        match self {
            Self::Draft202012 => "https://json-schema.org/draft/2020-12/schema",
            Self::Draft07 => "http://json-schema.org/draft-07/schema#",
        }
    }

    fn definitions(self) -> &'static str {
        match self {
            Self::Draft202012 => "$defs",
            Self::Draft07 => "definitions",
        }
    }
}

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// `tapline.yaml`.
    Entry,
    /// A file in `packs/`.
    Pack,
    /// A file in `tests/`.
    Cases,
}

impl Subject {
    /// Every kind of file.
    pub const ALL: [Self; 3] = [Self::Entry, Self::Pack, Self::Cases];

    /// As the command line and addresses name it.
    pub fn name(self) -> &'static str {
        self.root().name
    }

    /// The kind with this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|subject| subject.name() == name)
    }

    /// The mapping that is the whole file.
    pub fn root(self) -> &'static Mapping {
        match self {
            Self::Entry => &pack::ENTRY,
            Self::Pack => &pack::PACK,
            Self::Cases => &case::CASES,
        }
    }
}

/// The schema of a kind of file.
pub fn schema(subject: Subject, draft: Draft) -> Value {
    let root = subject.root();
    let mut schema = Map::new();
    schema.insert("$schema".into(), draft.uri().into());
    schema.insert("title".into(), format!("Tapline: {}", root.name).into());
    schema.extend(mapping(root, draft));
    let inner = root.all().into_iter().filter(|mapping| mapping.name != root.name);
    let definitions: Map<String, Value> =
        inner.map(|inner| (inner.name.to_owned(), Value::Object(mapping(inner, draft)))).collect();
    schema.insert(draft.definitions().into(), Value::Object(definitions));
    Value::Object(schema)
}

/// The schema as the text of a file.
pub fn render(subject: Subject, draft: Draft) -> String {
    format!("{:#}\n", schema(subject, draft))
}

fn mapping(mapping: &Mapping, draft: Draft) -> Map<String, Value> {
    let mut schema = Map::new();
    schema.insert("description".into(), mapping.doc.into());
    schema.insert("type".into(), "object".into());
    let property = |key: &Key| {
        let mut schema = Map::new();
        schema.insert("description".into(), key.doc.into());
        schema.extend(shape(&key.shape, draft));
        (key.name.to_owned(), Value::Object(schema))
    };
    let properties: Map<String, Value> = mapping.keys.iter().map(property).collect();
    if !properties.is_empty() {
        schema.insert("properties".into(), Value::Object(properties));
    }
    let required: Vec<&str> = mapping.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    if !required.is_empty() {
        schema.insert("required".into(), json!(required));
    }
    let others = mapping.others.as_ref().map_or(Value::Bool(false), |others| shape(others, draft).into());
    schema.insert("additionalProperties".into(), others);
    let together: Vec<Value> = mapping.together.iter().map(combination).collect();
    if !together.is_empty() {
        schema.insert("allOf".into(), Value::Array(together));
    }
    schema
}

fn combination(together: &Together) -> Value {
    let there =
        |keys: &[&str]| -> Vec<Value> { keys.iter().map(|key| json!({ "required": [key] })).collect() };
    match together {
        Together::ExactlyOne(keys) => json!({ "oneOf": there(keys) }),
        Together::AtLeastOne(keys) => json!({ "anyOf": there(keys) }),
        Together::AtMostOne(keys) => {
            let mut choices = there(keys);
            choices.push(json!({ "not": { "anyOf": there(keys) } }));
            json!({ "oneOf": choices })
        }
        Together::Needs(key, other) => {
            json!({ "anyOf": [{ "not": { "required": [key] } }, { "required": [other] }] })
        }
    }
}

fn shape(shape: &Shape, draft: Draft) -> Map<String, Value> {
    let nested = |inner: &Shape| Value::Object(self::shape(inner, draft));
    let schema = match shape {
        Shape::Json => json!({}),
        Shape::Object => json!({ "type": "object" }),
        Shape::Text | Shape::Origin => json!({ "type": "string" }),
        Shape::Pattern(pattern) => json!({ "type": "string", "pattern": pattern }),
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::Number => json!({ "type": "number" }),
        Shape::Count => json!({ "type": "integer", "minimum": 0 }),
        Shape::Exactly(number) => json!({ "const": number }),
        Shape::Scalar => json!({ "type": ["string", "number", "boolean"] }),
        Shape::Choice(words) => json!({ "enum": words() }),
        // The words as they are best written are offered, and all other ways to write them taken.
        Shape::Word(words) => json!({ "anyOf": [
            { "enum": words() },
            { "type": "string", "pattern": in_any_case(&words()) },
        ] }),
        Shape::List(inner) => json!({ "type": "array", "items": nested(inner) }),
        Shape::OneOrMany(inner) => {
            let one = match inner {
                Shape::Either(shapes) => shapes.iter().map(nested).collect(),
                _ => vec![nested(inner)],
            };
            let many = json!({ "type": "array", "items": nested(inner) });
            json!({ "anyOf": one.into_iter().chain([many]).collect::<Vec<_>>() })
        }
        Shape::Either(shapes) => json!({ "anyOf": shapes.iter().map(nested).collect::<Vec<_>>() }),
        Shape::Mapping(mapping) => {
            json!({ "$ref": format!("#/{}/{}", draft.definitions(), mapping().name) })
        }
        Shape::Members(inner) => json!({ "type": "object", "additionalProperties": nested(inner) }),
    };
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

/// A pattern of ECMA 262, which has no switch for case.
fn in_any_case(words: &[&str]) -> String {
    let letter = |letter: char| format!("[{}{}]", letter.to_ascii_lowercase(), letter.to_ascii_uppercase());
    let words: Vec<String> = words.iter().map(|word| word.chars().map(letter).collect()).collect();
    format!("^({})$", words.join("|"))
}
