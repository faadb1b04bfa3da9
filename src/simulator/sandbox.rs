//! The stand-in inside the server, for who has no account yet: the same checks and answers, without a socket.
//!
//! Deliberately no port: whoever else is on the machine would reach it, and read what it took. Nothing goes wrong here
//! but what is wrong with a record. What was taken is kept in memory, the newest records only, until the process ends.

use super::{Options, State, answer, profile, upload};
use serde_json::Value;

/// Records that are kept to be looked at.
const KEEP: usize = 500;

/// The stand-in. One for a process.
#[derive(Debug)]
pub struct Sandbox(State);

impl Default for Sandbox {
    fn default() -> Self {
        Self(State::new(Options { keep: KEEP, ..Options::default() }))
    }
}

impl Sandbox {
    /// Takes `{"d":[…]}`; gives the HTTP status and the body that CleverTap would answer with.
    pub fn upload(&self, body: &[u8]) -> (u16, String) {
        self.0.count(|tally| tally.uploads += 1);
        match upload::judge(body, false, &[], &self.0) {
            Some(verdict) => (200, answer::render(&verdict)),
            None => (400, answer::render(&answer::failure(400, answer::words(400)))),
        }
    }

    /// How many records were taken since the start.
    pub fn count(&self) -> usize {
        self.0.intake().count()
    }

    /// The newest records, the last one first, as they arrived.
    pub fn newest(&self, most: usize) -> Vec<String> {
        let intake = self.0.intake();
        let mut newest: Vec<String> = intake.kept().map(|record| record.get().to_owned()).collect();
        newest.reverse();
        newest.truncate(most);
        newest
    }

    /// The people that it knows, each as CleverTap's profile API shows one, whoever was heard of last first.
    pub fn people(&self, most: usize) -> Vec<Value> {
        let mut people = profile::everybody(&self.0.intake());
        people.truncate(most);
        people
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = r#"{"type":"profile","objectId":"anon_1","profileData":{"identity":"user_1","Name":"Jane","Email":"jane@example.com"}}"#;
    const ORDER: &str =
        r#"{"type":"event","identity":"user_1","evtName":"Charged","evtData":{"Amount":49.9}}"#;
    const OTHER: &str = r#"{"type":"event","identity":"user_2","evtName":"Seen","evtData":{}}"#;

    fn upload(sandbox: &Sandbox, records: &[&str]) -> (u16, Value) {
        let (status, body) = sandbox.upload(format!("{{\"d\":[{}]}}", records.join(",")).as_bytes());
        (status, serde_json::from_str(&body).unwrap())
    }

    #[test]
    fn it_answers_as_the_stand_in_on_a_socket_does() {
        let sandbox = Sandbox::default();
        let (status, answer) = upload(&sandbox, &[PROFILE, r#"{"type":"event","evtName":"a"}"#]);
        assert_eq!((status, &answer["status"], &answer["processed"]), (200, &"partial".into(), &1.into()));
        assert_eq!(answer["unprocessed"][0]["code"], 523);
        assert_eq!(sandbox.upload(b"nonsense").0, 400);
        assert_eq!(sandbox.count(), 1);
    }

    #[test]
    fn people_are_put_together_from_all_records_that_name_them() {
        let sandbox = Sandbox::default();
        upload(&sandbox, &[ORDER, OTHER, PROFILE]);
        let people = sandbox.people(10);
        assert_eq!(people.len(), 2);
        assert_eq!(people[0]["names"], serde_json::json!(["anon_1", "user_1"]), "heard of last");
        assert_eq!(
            (&people[0]["name"], &people[0]["events"]["Charged"]["count"]),
            (&"Jane".into(), &1.into())
        );
        assert_eq!(people[1]["names"], serde_json::json!(["user_2"]));
        assert_eq!(sandbox.newest(1), [PROFILE]);
        assert_eq!(sandbox.people(1).len(), 1);
    }

    #[test]
    fn memory_is_bounded_and_the_count_goes_on() {
        let sandbox = Sandbox::default();
        for _ in 0..3 {
            upload(&sandbox, &vec![ORDER; 300]);
        }
        assert_eq!((sandbox.count(), sandbox.newest(1000).len()), (900, KEEP));
    }
}
