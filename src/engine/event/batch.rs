//! Texts that hold several events: an array, `{"batch":[…]}`, NDJSON, or just one.

use super::{At, Kind, Scanner};

/// The events of a text, each as received. Text that is none of the known forms is one event, for the engine to
/// complain of.
pub fn split(text: &str) -> Vec<&str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut scanner = Scanner::default();
    if let Ok(json) = scanner.scan(text) {
        let list = match json.kind(At::ROOT) {
            Kind::Array => Some(At::ROOT),
            _ => json.get(At::ROOT, "batch").filter(|at| json.kind(*at) == Kind::Array),
        };
        return match list {
            Some(list) => json.elements(list).filter_map(|at| text.get(json.range(at))).collect(),
            None => vec![text.trim()],
        };
    }
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    // Broken JSON over several lines is one broken event, not many.
    let ndjson = lines.len() > 1 && lines.iter().any(|line| scanner.scan(line).is_ok());
    if ndjson { lines } else { vec![text.trim()] }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn every_form_gives_its_events_as_received() {
        for (text, events) in [
            (" {\"a\": 1} ", vec!["{\"a\": 1}"]),
            ("[{\"a\":1}, 2]", vec!["{\"a\":1}", "2"]),
            ("{\"batch\":[{\"a\":1},{}]}", vec!["{\"a\":1}", "{}"]),
            ("{\"batch\":5}", vec!["{\"batch\":5}"]),
            ("{\"a\":1}\n\n{\"b\":\n", vec!["{\"a\":1}", "{\"b\":"]),
            ("[]", vec![]),
            ("{\n\"a\" 1}", vec!["{\n\"a\" 1}"]),
            ("", vec![""]),
        ] {
            assert_eq!(split(text), events, "{text:?}");
        }
    }
}
