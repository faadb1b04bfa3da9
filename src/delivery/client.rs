//! The HTTP client for CleverTap, the only importer of reqwest.
//!
//! It sends one request and hands back what came, capped. Deliberately without retries, redirects and opinions: what an
//! answer means is read in `answer.rs`.
//!
//! First thing to know: neither the passcode nor a body appears in an error. A redirect is an answer like any other,
//! because following it would hand the passcode to whoever sent it.

use super::account::Account;
use super::retry::RetryAfter;
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use std::error::Error;
use std::time::Duration;

/// What sends uploads: CleverTap's API, or a script in tests.
#[async_trait]
pub trait Uploader: Send + Sync + 'static {
    /// Sends `{"d":[…]}` once.
    async fn upload(&self, account: &Account, body: Bytes) -> Reply;
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// An HTTP answer, perhaps cut short.
    Answer(Answer),
    /// None. The request may have arrived all the same, save where the connection was never made.
    NoAnswer(NoAnswer),
}

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The `Retry-After` header, if there was one that can be read.
    pub retry_after: Option<RetryAfter>,
    /// The body, as far as it came and fits.
    pub body: Bytes,
    /// Whether that is the whole body.
    pub whole: bool,
}

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoAnswer {
    /// How far it got.
    pub kind: NoAnswerKind,
    /// What the system said, without address, headers or body.
    pub detail: String,
}

/// How far a request without an answer got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswerKind {
    /// No connection: name, network or TLS.
    Connect,
    /// Nothing in time.
    Timeout,
    /// Cut before an answer.
    Cut,
    /// It could not be sent at all.
    Unsendable,
}

impl NoAnswerKind {
    /// In a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Connect => "no connection",
            Self::Timeout => "no answer in time",
            Self::Cut => "connection cut",
            Self::Unsendable => "could not be sent",
        }
    }
}

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For the request and the whole answer.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(30) }
    }
}

/// Whether CleverTap is to keep what it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    Keep,
    /// It only validates (`dryRun=1`).
    DryRun,
}

/// CleverTap's API over HTTP/1.1 with kept connections.
#[derive(Debug)]
pub struct CleverTap {
    secure: Result<reqwest::Client, String>,
    plain: Result<reqwest::Client, String>,
}

impl CleverTap {
    /// A client. What keeps it from working (as a machine without root certificates) is told by every request that it
    /// concerns.
    pub fn new(timeouts: Timeouts) -> Self {
        // An error says that a provider is installed already, which is all that is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            reqwest::Client::builder()
                .user_agent(concat!("tapline/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(timeouts.connect)
                .timeout(timeouts.total)
                .pool_idle_timeout(Duration::from_secs(60))
                .redirect(reqwest::redirect::Policy::none())
                // A request that may have arrived is sent again by the lane that keeps its order, or not at all.
                .retry(reqwest::retry::never())
                .referer(false)
        };
        // Plain HTTP is for a stand-in nearby, which needs neither certificates nor a proxy.
        let plain = builder().tls_certs_only([]).no_proxy();
        Self { secure: builder().build().map_err(|e| cause(&e)), plain: plain.build().map_err(|e| cause(&e)) }
    }

    /// Sends `{"d":[…]}` to `/1/upload`.
    pub async fn send(&self, account: &Account, mode: Mode, body: Bytes) -> Reply {
        let query = match mode {
            Mode::Keep => "",
            Mode::DryRun => "?dryRun=1",
        };
        let client = if account.base_url.starts_with("http://") { &self.plain } else { &self.secure };
        let client = match client {
            Ok(client) => client,
            Err(detail) => return no_answer(NoAnswerKind::Unsendable, detail.clone()),
        };
        let cap = answer_cap(body.len());
        let request = client
            .post(format!("{}/1/upload{query}", account.base_url))
            .header("X-CleverTap-Account-Id", &account.id)
            .header("X-CleverTap-Passcode", account.passcode.expose())
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .body(body);
        match request.send().await {
            Ok(response) => Reply::Answer(read(response, cap).await),
            Err(error) => no_answer(kind(&error), cause(&error)),
        }
    }
}

#[async_trait]
impl Uploader for CleverTap {
    async fn upload(&self, account: &Account, body: Bytes) -> Reply {
        self.send(account, Mode::Keep, body).await
    }
}

/// How much of an answer is read. Every record may come back in it, with every letter escaped, beside a sentence each;
/// an answer that is cut here would be read as none and everything sent again.
fn answer_cap(body: usize) -> usize {
    const LEAST: usize = 1 << 20;
    LEAST.saturating_add(body.saturating_mul(4))
}

async fn read(mut response: reqwest::Response, cap: usize) -> Answer {
    let status = response.status().as_u16();
    let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = header.and_then(RetryAfter::parse);
    let mut body = BytesMut::new();
    let whole = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len().saturating_add(chunk.len()) > cap => break false,
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    Answer { status, retry_after, body: body.freeze(), whole }
}

fn no_answer(kind: NoAnswerKind, detail: String) -> Reply {
    Reply::NoAnswer(NoAnswer { kind, detail })
}

fn kind(error: &reqwest::Error) -> NoAnswerKind {
    if error.is_builder() {
        NoAnswerKind::Unsendable
    } else if error.is_connect() {
        NoAnswerKind::Connect
    } else if error.is_timeout() {
        NoAnswerKind::Timeout
    } else {
        NoAnswerKind::Cut
    }
}

/// The innermost cause: it names the problem, while the outer ones name the address.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match cause.downcast_ref::<reqwest::Error>() {
        Some(_) => "the request failed".to_owned(),
        None => cause.to_string(),
    }
}
