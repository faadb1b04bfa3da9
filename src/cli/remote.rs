//! A running server, asked through its API: for the verbs that must not open the data directory themselves.
//!
//! Deliberately thin: one request, one answer, no retries. What the server complains of is shown as it says it.
//!
//! First thing to know: the token comes from `TAPLINE_API_TOKEN` and from nowhere else, because arguments are seen by
//! every user of a machine.

use super::Failure;
use crate::delivery::{Call, CallMethod, HttpClient, Incoming, NoAnswer, NoAnswerKind, Timeouts};
use crate::settings::Secret;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io;
use std::time::Duration;

/// What is read of an answer that is kept whole.
const ANSWER_MOST: usize = 16 << 20;
/// How long a connection may take, TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take by default; the server's own longest wait is far below.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which server.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct RemoteArgs {
    /// The running server to ask; its API token is read from TAPLINE_API_TOKEN
    #[arg(long, env = "TAPLINE_SERVER", value_name = "URL", default_value = "http://127.0.0.1:8080", value_parser = parse_server)]
    pub(super) server: String,
}

impl RemoteArgs {
    /// Ready to ask, with the usual patience.
    pub(super) fn connect(&self) -> Result<Remote, Failure> {
        self.connect_for(PATIENCE)
    }

    /// Ready to ask; no answer may take longer than `patience`, its body included.
    pub(super) fn connect_for(&self, patience: Duration) -> Result<Remote, Failure> {
        let token = std::env::var("TAPLINE_API_TOKEN").ok().and_then(|text| Secret::parse(&text));
        let token = token.ok_or_else(|| {
            Failure::CouldNotRun(
                "the server asks for a token: set TAPLINE_API_TOKEN to one made on its Settings page, or to the \
                 TAPLINE_API_TOKEN it was started with"
                    .to_owned(),
            )
        })?;
        Ok(Remote {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            client: HttpClient::new(Timeouts { connect: CONNECT, total: patience }),
            server: self.server.clone(),
            authorization: format!("Bearer {}", token.expose()),
            names: &[],
        })
    }
}

/// A server that can be asked. Calls block.
pub(super) struct Remote {
    runtime: tokio::runtime::Runtime,
    client: HttpClient,
    server: String,
    authorization: String,
    names: &'static [(&'static str, &'static str)],
}

impl Remote {
    /// What members of a request are called on the command line: their pointers, and the flags they come from.
    pub(super) fn naming(self, names: &'static [(&'static str, &'static str)]) -> Self {
        Self { names, ..self }
    }

    /// `GET` of a path, as `/api/v1/rules`; its answer read as JSON.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let mut answer = Vec::new();
        self.stream(path, |part| collect(&mut answer, part))?;
        self.read(&answer)
    }

    /// `POST` of JSON to a path; its answer read as JSON.
    pub(super) fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).map_err(io::Error::from)?;
        let mut answer = Vec::new();
        self.ask(CallMethod::Post, path, Some(body.into()), &mut |part| collect(&mut answer, part))?;
        self.read(&answer)
    }

    /// `GET` of a path; every part of its body is handed to `take` as it comes.
    pub(super) fn stream(
        &self,
        path: &str,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Failure> {
        self.ask(CallMethod::Get, path, None, &mut take)
    }

    fn read<T: DeserializeOwned>(&self, answer: &[u8]) -> Result<T, Failure> {
        serde_json::from_slice(answer).map_err(|_| self.not_understood())
    }

    /// For an answer that is JSON, and not what was expected.
    pub(super) fn not_understood(&self) -> Failure {
        Failure::CouldNotRun(format!(
            "{} answered with something that this version does not understand; is it another version?",
            self.server
        ))
    }

    fn ask(
        &self,
        method: CallMethod,
        path: &str,
        body: Option<Bytes>,
        take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let headers = [("Authorization", self.authorization.as_str()), ("Accept", "application/json")];
        let call = Call { method, url: format!("{}{path}", self.server), headers: &headers, body };
        self.runtime.block_on(async {
            let mut incoming = self.client.open(call).await.map_err(|none| self.unreachable(&none))?;
            if !(200..=299).contains(&incoming.status()) {
                return Err(self.refused(incoming).await);
            }
            while let Some(part) = incoming.chunk().await.map_err(|none| self.unreachable(&none))? {
                take(&part)?;
            }
            Ok(())
        })
    }

    fn unreachable(&self, none: &NoAnswer) -> Failure {
        let advice = match none.kind {
            NoAnswerKind::Connect => "is `tapline serve` running there? Name another with --server",
            NoAnswerKind::Untrusted => "check --server, its certificate and this machine's root certificates",
            NoAnswerKind::Timeout | NoAnswerKind::Cut => "look at its log, then try again",
            NoAnswerKind::Unsendable => "check --server and TAPLINE_API_TOKEN",
        };
        Failure::CouldNotRun(format!("{}: {} ({}); {advice}", self.server, none.kind.words(), none.detail))
    }

    async fn refused(&self, incoming: Incoming) -> Failure {
        let answer = incoming.read(ANSWER_MOST).await;
        let status = answer.status;
        match (status, serde_json::from_slice::<ProblemDoc>(&answer.body)) {
            (401, Ok(_)) => Failure::CouldNotRun(format!(
                "{} does not know this token (401); compare TAPLINE_API_TOKEN with its Settings page",
                self.server
            )),
            (_, Ok(problem)) => {
                Failure::CouldNotRun(format!("{} says: {}", self.server, problem.words(self.names)))
            }
            (_, Err(_)) => Failure::CouldNotRun(format!(
                "{} answered `{status}`, but not as Tapline does; check --server",
                self.server
            )),
        }
    }
}

/// Keeps an answer whole, as long as it is one of ours.
fn collect(answer: &mut Vec<u8>, part: &[u8]) -> io::Result<()> {
    answer.extend_from_slice(part);
    match answer.len() {
        0..=ANSWER_MOST => Ok(()),
        _ => Err(io::Error::other(format!("the server's answer has more than {ANSWER_MOST} bytes"))),
    }
}

/// `application/problem+json`, as far as it is shown.
#[derive(Debug, Deserialize)]
struct ProblemDoc {
    title: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    errors: Vec<ErrorDoc>,
}

#[derive(Debug, Deserialize)]
struct ErrorDoc {
    #[serde(default)]
    pointer: String,
    #[serde(default)]
    detail: String,
}

impl ProblemDoc {
    fn words(&self, names: &[(&str, &str)]) -> String {
        let mut words = self.title.clone();
        if self.errors.is_empty() && !self.detail.is_empty() {
            words.push_str(": ");
            words.push_str(&self.detail);
        }
        for ErrorDoc { pointer, detail } in &self.errors {
            words.push_str("\n  ");
            // An element of a list is called as its list is.
            let is_named = |name: &str| {
                pointer.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            let name =
                names.iter().find(|(name, _)| is_named(name)).map_or(pointer.as_str(), |(_, flag)| flag);
            if !name.is_empty() {
                words.push_str(&format!("{name}: "));
            }
            words.push_str(detail);
        }
        words
    }
}

/// Scheme and host, as a person types it.
pub(super) fn parse_server(text: &str) -> Result<String, String> {
    let server = text.trim().trim_end_matches('/');
    let rest = server.strip_prefix("http://").or_else(|| server.strip_prefix("https://"));
    match rest {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']) => Ok(server.to_owned()),
        _ => Err("expected `http://HOST:PORT` or `https://HOST`, without a path".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_scheme_and_host() {
        assert_eq!(parse_server("http://127.0.0.1:8080/"), Ok("http://127.0.0.1:8080".to_owned()));
        assert_eq!(
            parse_server(" https://tapline.example.com "),
            Ok("https://tapline.example.com".to_owned())
        );
        for wrong in ["", "127.0.0.1:8080", "http://", "http://a/b", "ftp://a", "http://user@host"] {
            assert!(parse_server(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_complaint_of_the_server_is_shown_with_its_place() {
        let doc = r#"{"title":"The request is not valid","detail":"2 problems; see `errors`","status":400,
            "errors":[{"pointer":"/userIds/1","detail":"expected text, found a number"},{"detail":"nothing else"}]}"#;
        let problem: ProblemDoc = serde_json::from_str(doc).unwrap();
        assert_eq!(
            problem.words(&[]),
            "The request is not valid\n  /userIds/1: expected text, found a number\n  nothing else"
        );
        assert_eq!(
            problem.words(&[("/user", "--user"), ("/userIds", "USER")]),
            "The request is not valid\n  USER: expected text, found a number\n  nothing else"
        );
    }
}
