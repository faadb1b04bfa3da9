//! A mapping written by hand for track and identify, with nothing configurable.

use heck::ToSnakeCase;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::fmt;

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(rename = "userId", borrow)]
    user_id: &'a RawValue,
    #[serde(rename = "anonymousId", borrow)]
    anonymous_id: &'a RawValue,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    timestamp: &'a str,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
    #[serde(borrow)]
    traits: Option<&'a RawValue>,
}

/// Maps events; keeps what it learnt of keys.
#[derive(Default)]
pub struct Mapper {
    keys: HashMap<Box<str>, Box<[u8]>, foldhash::fast::RandomState>,
    out: Vec<u8>,
}

impl Mapper {
    /// The record of one event.
    pub fn map(&mut self, event: &[u8]) -> &[u8] {
        self.out.clear();
        let call: Call<'_> = serde_json::from_slice(event).unwrap();
        let seconds = call.timestamp.parse::<jiff::Timestamp>().unwrap().as_second();
        let out = &mut self.out;
        match call.kind {
            "track" => {
                out.extend_from_slice(b"{\"type\":\"event\",\"identity\":");
                out.extend_from_slice(call.user_id.get().as_bytes());
                out.extend_from_slice(b",\"evtName\":");
                out.extend_from_slice(call.event.unwrap().get().as_bytes());
                out.extend_from_slice(b",\"evtData\":{");
                copy(call.properties.unwrap().get(), &mut self.keys, out, false);
                out.extend_from_slice(b"},\"ts\":");
                out.extend_from_slice(itoa::Buffer::new().format(seconds).as_bytes());
            }
            _ => {
                out.extend_from_slice(b"{\"type\":\"profile\",\"objectId\":");
                out.extend_from_slice(call.anonymous_id.get().as_bytes());
                out.extend_from_slice(b",\"ts\":");
                out.extend_from_slice(itoa::Buffer::new().format(seconds).as_bytes());
                out.extend_from_slice(b",\"profileData\":{\"identity\":");
                out.extend_from_slice(call.user_id.get().as_bytes());
                out.push(b',');
                copy(call.traits.unwrap().get(), &mut self.keys, out, true);
                out.push(b'}');
            }
        }
        out.push(b'}');
        out
    }
}

type Keys = HashMap<Box<str>, Box<[u8]>, foldhash::fast::RandomState>;

fn copy(object: &str, keys: &mut Keys, out: &mut Vec<u8>, profile: bool) {
    let mut members = serde_json::Deserializer::from_str(object);
    members.deserialize_map(Copy { keys, out, profile }).unwrap();
    if out.last() == Some(&b',') {
        out.pop();
    }
}

struct Copy<'m> {
    keys: &'m mut Keys,
    out: &'m mut Vec<u8>,
    profile: bool,
}

impl<'de> Visitor<'de> for Copy<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some((key, value)) = members.next_entry::<&str, &RawValue>()? {
            let value = value.get();
            match value.as_bytes()[0] {
                b'{' if self.profile => {
                    let nested: HashMap<&str, &RawValue> = serde_json::from_str(value).unwrap();
                    for (inner, value) in nested {
                        write_key(self.keys, &format!("{key}_{inner}"), self.out);
                        self.out.extend_from_slice(value.get().as_bytes());
                        self.out.push(b',');
                    }
                }
                b'{' | b'[' | b'n' => {}
                _ => {
                    let standard: Option<&[u8]> = match key {
                        "email" => Some(b"\"Email\":"),
                        "phone" => Some(b"\"Phone\":"),
                        "gender" => Some(b"\"Gender\":"),
                        "avatar" => Some(b"\"Photo\":"),
                        "birthday" => Some(b"\"DOB\":"),
                        _ => None,
                    };
                    match standard.filter(|_| self.profile) {
                        Some(rendered) if key == "birthday" => {
                            self.out.extend_from_slice(rendered);
                            let date: jiff::civil::Date = value.trim_matches('"').parse().unwrap();
                            let days = date.since(jiff::civil::date(1970, 1, 1)).unwrap().get_days();
                            self.out.extend_from_slice(b"\"$D_");
                            let seconds = i64::from(days) * 86_400;
                            self.out.extend_from_slice(itoa::Buffer::new().format(seconds).as_bytes());
                            self.out.push(b'"');
                        }
                        Some(rendered) => {
                            self.out.extend_from_slice(rendered);
                            self.out.extend_from_slice(value.as_bytes());
                        }
                        None => {
                            write_key(self.keys, key, self.out);
                            self.out.extend_from_slice(value.as_bytes());
                        }
                    }
                    self.out.push(b',');
                }
            }
        }
        Ok(())
    }
}

fn write_key(keys: &mut Keys, key: &str, out: &mut Vec<u8>) {
    if !keys.contains_key(key) {
        let rendered = format!("\"{}\":", key.to_snake_case()).into_bytes();
        keys.insert(key.into(), rendered.into());
    }
    out.extend_from_slice(&keys[key]);
}
