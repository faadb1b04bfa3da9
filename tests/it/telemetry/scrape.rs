//! A reader of OpenMetrics' text format that takes nothing on trust.
//! Source: <https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md>, read 2026-11.

use std::collections::{BTreeMap, BTreeSet};

/// Everything one scrape showed.
#[derive(Debug, Default)]
pub(super) struct Scrape {
    /// By the name of the family, without `_total` and the like.
    pub(super) families: BTreeMap<String, Family>,
}

/// One family.
#[derive(Debug, Default)]
pub(super) struct Family {
    pub(super) kind: String,
    pub(super) help: String,
    pub(super) samples: Vec<Sample>,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: Vec<(String, String)>,
    pub(super) value: f64,
}

impl Scrape {
    /// Reads a whole exposition; says what breaks the rules.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let body = text.strip_suffix("# EOF\n").ok_or("expected `# EOF` at the end")?;
        let (mut scrape, mut current) = (Self::default(), String::new());
        let mut seen = BTreeSet::new();
        for line in body.lines() {
            if let Some(described) = line.strip_prefix("# ") {
                let mut words = described.splitn(3, ' ');
                let (what, name, rest) =
                    (words.next().unwrap_or(""), words.next().unwrap_or(""), words.next().unwrap_or(""));
                if current != name && !seen.insert(name.to_owned()) {
                    return Err(format!("`{name}` is described twice"));
                }
                current = name.to_owned();
                let family = scrape.families.entry(current.clone()).or_default();
                match what {
                    "HELP" => family.help = rest.to_owned(),
                    "TYPE" => family.kind = rest.to_owned(),
                    other => return Err(format!("`{other}` in `{line}`")),
                }
                continue;
            }
            let sample = Sample::parse(line)?;
            let family = scrape.families.get_mut(&current).ok_or(format!("`{line}` is not described"))?;
            let suffixes: &[&str] = match family.kind.as_str() {
                "counter" => &["_total"],
                "gauge" => &[""],
                "info" => &["_info"],
                "histogram" => &["_bucket", "_count", "_sum"],
                other => return Err(format!("the type `{other}` of `{current}`")),
            };
            let suffix = sample.name.strip_prefix(&current).unwrap_or("?");
            if !suffixes.contains(&suffix) {
                return Err(format!("`{}` in the {} `{current}`", sample.name, family.kind));
            }
            if family.samples.iter().any(|s| (&s.name, &s.labels) == (&sample.name, &sample.labels)) {
                return Err(format!("`{line}` stands twice"));
            }
            family.samples.push(sample);
        }
        Ok(scrape)
    }

    /// The sum of all series of a family whose labels hold `labels`.
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let family = self.families.get(name).unwrap_or_else(|| panic!("a family `{name}`"));
        let holds = |sample: &&Sample| {
            labels.iter().all(|(key, value)| sample.labels.iter().any(|(k, v)| k == key && v == value))
        };
        family.samples.iter().filter(holds).map(|sample| sample.value).sum::<f64>() as u64
    }

    /// Every series, without its value.
    pub(super) fn series(&self) -> BTreeSet<String> {
        let samples = self.families.values().flat_map(|family| &family.samples);
        samples.map(|sample| format!("{}{:?}", sample.name, sample.labels)).collect()
    }
}

impl Sample {
    fn parse(line: &str) -> Result<Self, String> {
        let wrong = || format!("`{line}` is no sample");
        let (head, value) = line.rsplit_once(' ').ok_or_else(wrong)?;
        let value = value.parse().map_err(|_| wrong())?;
        let (name, mut rest) = match head.split_once('{') {
            Some((name, rest)) => (name, rest.strip_suffix('}').ok_or_else(wrong)?),
            None => (head, ""),
        };
        let mut labels = Vec::new();
        while !rest.is_empty() {
            let (key, after) = rest.split_once("=\"").ok_or_else(wrong)?;
            let (label, after) = after.split_once('"').ok_or_else(wrong)?;
            if !is_name(key) || label.contains('\\') {
                return Err(wrong());
            }
            labels.push((key.to_owned(), label.to_owned()));
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        if !is_name(name) {
            return Err(wrong());
        }
        Ok(Self { name: name.to_owned(), labels, value })
    }
}

/// Lower snake case.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
