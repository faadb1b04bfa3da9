//! Persons who are mentioned in stored jobs: by what a job selects, and by an edited event.
//!
//! Jobs are stored as JSON by whoever makes them. This room knows of that no more than that `selection` says what a job is
//! about, so whatever members come, no id stays. Deliberately nothing is left out of a selection: a job that asked for one
//! person's events would ask for everybody's.
//!
//! First thing to know: what stands in an id's place is nobody's id.

use crate::engine::event::{Ids, Person, Scanner};
use crate::journal::{JournalError, Store, Table};
use serde_json::Value;

/// What stands where an id stood.
const ERASED: &str = "(erased)";

/// Takes the ids of these persons out of every stored job, and their edited events away. Blocks for the disk.
pub(super) fn take_out(store: &dyn Store, people: &[&Person]) -> Result<(), JournalError> {
    for (key, row) in store.list(Table::Resends)? {
        let after = match key.len() {
            // The number of a job.
            8 => match without(&row, people) {
                Some(after) => Some(after),
                None => continue,
            },
            _ if is_of(&row, people) => None,
            _ => continue,
        };
        // One that moved on meanwhile is looked at again.
        let mut before = row;
        let mut after = after;
        while !store.swap(Table::Resends, &key, Some(&before), after.as_deref())? {
            let Some(now) = store.get(Table::Resends, &key)? else { break };
            if after.is_some() {
                let Some(newer) = without(&now, people) else { break };
                after = Some(newer);
            }
            before = now;
        }
    }
    Ok(())
}

/// A job without them; none where it mentions none.
fn without(job: &[u8], people: &[&Person]) -> Option<Vec<u8>> {
    let mut job: Value = serde_json::from_slice(job).ok()?;
    let selection = job.get_mut("selection")?;
    let before = selection.clone();
    blank(selection, people);
    if *selection == before { None } else { serde_json::to_vec(&job).ok() }
}

fn blank(value: &mut Value, people: &[&Person]) {
    match value {
        Value::String(text) if people.iter().any(|person| mentions(text, person.id())) => {
            ERASED.clone_into(text);
        }
        Value::Array(values) => values.iter_mut().for_each(|value| blank(value, people)),
        Value::Object(members) => members.values_mut().for_each(|value| blank(value, people)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether the id stands in the text, and not as a part of another word.
fn mentions(text: &str, id: &str) -> bool {
    let is_word = |edge: Option<char>| edge.is_some_and(char::is_alphanumeric);
    text.match_indices(id).any(|(at, found)| {
        let (before, after) = (text.get(..at), text.get(at + found.len()..));
        !is_word(before.and_then(|text| text.chars().next_back()))
            && !is_word(after.and_then(|text| text.chars().next()))
    })
}

fn is_of(event: &[u8], people: &[&Person]) -> bool {
    let ids = Ids::of_event(event, &mut Scanner::default());
    people.iter().any(|person| person.owns(&ids))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::memory::MemoryStore;
    use serde_json::json;

    #[test]
    fn no_job_names_a_person_who_was_erased_and_none_asks_for_more_than_before() {
        let store = MemoryStore::default();
        let job = |filter: Value| json!({"version": 1, "selection": {"matching": {"states": ["dead"], "filter": filter}}, "id": 1});
        let filters = [
            (json!({"user": "user_1", "code": null}), json!({"user": "(erased)", "code": null})),
            (json!({"text": "\"id\":\"user_1\""}), json!({"text": "(erased)"})),
            (json!({"user": "user_12"}), json!({"user": "user_12"})),
        ];
        for (key, (filter, _)) in filters.iter().enumerate() {
            let row = job(filter.clone()).to_string();
            store.put(Table::Resends, &(key as u64).to_be_bytes(), Some(row.as_bytes())).unwrap();
        }
        let edited = |user: &str| json!({"type": "track", "event": "x", "userId": user}).to_string();
        store.put(Table::Resends, b"00000000e", Some(edited("user_1").as_bytes())).unwrap();
        store.put(Table::Resends, b"00000001e", Some(edited("user_2").as_bytes())).unwrap();
        take_out(&store, &[&Person::User("user_1".to_owned())]).unwrap();
        for (key, (_, expected)) in filters.into_iter().enumerate() {
            let row = store.get(Table::Resends, &(key as u64).to_be_bytes()).unwrap().unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&row).unwrap(), job(expected));
        }
        assert_eq!(store.get(Table::Resends, b"00000000e").unwrap(), None);
        assert!(store.get(Table::Resends, b"00000001e").unwrap().is_some());
    }
}
