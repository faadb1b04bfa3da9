//! Problems as SARIF 2.1.0, with what each code means.
//!
//! Source: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html>, and what code scanning reads of it:
//! <https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning>,
//! both read 2026-11.

use super::Problem;
use crate::engine::diagnostic::Code;
use crate::engine::explanation::{self, Explanation};
use serde_json::{Value, json};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

pub(super) fn render(problems: &[Problem]) -> String {
    let texts: Vec<Explanation> = explanation::every().collect();
    let rules: Vec<Value> = Code::ALL.iter().map(|code| rule(*code, &texts)).collect();
    let results: Vec<Value> = problems.iter().map(result).collect();
    let driver = json!({ "name": "tapline", "semanticVersion": env!("CARGO_PKG_VERSION"), "rules": rules });
    let run = json!({ "tool": { "driver": driver }, "columnKind": "unicodeCodePoints", "results": results });
    let mut text = json!({ "$schema": SCHEMA, "version": "2.1.0", "runs": [run] }).to_string();
    text.push('\n');
    text
}

fn rule(code: Code, texts: &[Explanation]) -> Value {
    let text = texts.iter().find(|text| text.code == code.as_str());
    let (happened, example, remedy) = text
        .map_or(("", "", ""), |text| (text.happened.as_str(), text.example.as_str(), text.remedy.as_str()));
    json!({
        "id": code.as_str(),
        "shortDescription": { "text": happened },
        "fullDescription": { "text": format!("{happened} {remedy}") },
        "help": {
            "text": format!("{happened}\n\nFor example:\n\n{example}\n\nWhat to do: {remedy}"),
            "markdown": format!("{happened}\n\nFor example:\n\n```yaml\n{example}\n```\n\nWhat to do: {remedy}"),
        },
        "defaultConfiguration": { "level": code.severity().as_str() },
    })
}

fn result(problem: &Problem) -> Value {
    let help = problem.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
    let place = problem.file.as_ref().map(|file| {
        let region = json!({
            "startLine": problem.line,
            "startColumn": problem.column,
            "endLine": problem.end_line.or(problem.line),
            "endColumn": problem.end_column.or(problem.column),
        });
        json!({ "physicalLocation": { "artifactLocation": { "uri": uri(file) }, "region": region } })
    });
    json!({
        "ruleId": problem.code,
        "ruleIndex": Code::ALL.iter().position(|code| code.as_str() == problem.code),
        "level": problem.severity,
        "message": { "text": format!("{}{help}", problem.message) },
        "locations": place.into_iter().collect::<Vec<_>>(),
    })
}

/// A path as the reference of a URI. Source: <https://www.rfc-editor.org/rfc/rfc3986>, sections 2 and 3.3, read 2026-11.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(byte as char)
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_path_becomes_a_reference() {
        assert_eq!(super::uri("my rules/ä.yaml"), "my%20rules/%C3%A4.yaml");
    }
}
