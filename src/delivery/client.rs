//! The HTTP client, the only importer of reqwest: for CleverTap, and for the verbs that ask a running server.
//!
//! It sends one request and hands back what came, capped. Deliberately without retries, redirects and opinions: what an
//! answer of CleverTap's means is read in `answer.rs`.
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

    /// Sends `{"identity":[…]}` or `{"guid":[…]}` once: CleverTap is to forget these profiles.
    async fn delete(&self, account: &Account, body: Bytes) -> Reply;
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
    /// No connection, because the certificate is not one to trust. Nothing was sent.
    Untrusted,
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
            Self::Untrusted => "the certificate is not to be trusted",
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

/// One HTTP request to whoever it names.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// What is asked.
    pub method: CallMethod,
    /// The whole address, `http://…` or `https://…`.
    pub url: String,
    /// Headers beside those of the body.
    pub headers: &'a [(&'static str, &'a str)],
    /// JSON, where there is something to say.
    pub body: Option<Bytes>,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallMethod {
    /// To be told.
    Get,
    /// To have something done.
    Post,
}

/// HTTP/1.1 with kept connections: no retries, no redirects, no opinions.
#[derive(Debug)]
pub struct HttpClient {
    secure: Result<reqwest::Client, String>,
    plain: Result<reqwest::Client, String>,
}

/// An answer whose body is still coming.
#[derive(Debug)]
pub struct Incoming(reqwest::Response);

impl HttpClient {
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
        // Plain HTTP is for something nearby, which needs neither certificates nor a proxy.
        let plain = builder().tls_certs_only([]).no_proxy();
        Self { secure: builder().build().map_err(|e| cause(&e)), plain: plain.build().map_err(|e| cause(&e)) }
    }

    /// Sends one request and waits for the head of its answer.
    pub async fn open(&self, call: Call<'_>) -> Result<Incoming, NoAnswer> {
        let client = if call.url.starts_with("http://") { &self.plain } else { &self.secure };
        let client = client
            .as_ref()
            .map_err(|detail| NoAnswer { kind: NoAnswerKind::Unsendable, detail: detail.clone() })?;
        let mut request = match call.method {
            CallMethod::Get => client.get(call.url),
            CallMethod::Post => client.post(call.url),
        };
        for (name, value) in call.headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = call.body {
            request = request.header(CONTENT_TYPE, "application/json; charset=utf-8").body(body);
        }
        request.send().await.map(Incoming).map_err(|error| no_answer(&error))
    }

    /// Sends one request and reads its answer up to `cap` bytes of body.
    pub async fn send(&self, call: Call<'_>, cap: usize) -> Reply {
        match self.open(call).await {
            Ok(incoming) => Reply::Answer(incoming.read(cap).await),
            Err(none) => Reply::NoAnswer(none),
        }
    }
}

impl Incoming {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// The next part of the body; none at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, NoAnswer> {
        self.0.chunk().await.map_err(|error| no_answer(&error))
    }

    /// The answer with up to `cap` bytes of body.
    pub async fn read(mut self, cap: usize) -> Answer {
        let status = self.status();
        let header = self.0.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = header.and_then(RetryAfter::parse);
        let mut body = BytesMut::new();
        let whole = loop {
            match self.chunk().await {
                Ok(Some(chunk)) if body.len().saturating_add(chunk.len()) > cap => break false,
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        Answer { status, retry_after, body: body.freeze(), whole }
    }
}

/// CleverTap's API.
#[derive(Debug)]
pub struct CleverTap(HttpClient);

impl CleverTap {
    /// A client that waits so long.
    pub fn new(timeouts: Timeouts) -> Self {
        Self(HttpClient::new(timeouts))
    }

    /// Sends `{"d":[…]}` to `/1/upload`.
    pub async fn send(&self, account: &Account, mode: Mode, body: Bytes) -> Reply {
        let path = match mode {
            Mode::Keep => "/1/upload",
            Mode::DryRun => "/1/upload?dryRun=1",
        };
        self.post(account, path, body).await
    }

    async fn post(&self, account: &Account, path: &str, body: Bytes) -> Reply {
        let cap = answer_cap(body.len());
        let headers = [
            ("X-CleverTap-Account-Id", account.id.as_str()),
            ("X-CleverTap-Passcode", account.passcode.expose()),
        ];
        let url = format!("{}{path}", account.base_url);
        self.0.send(Call { method: CallMethod::Post, url, headers: &headers, body: Some(body) }, cap).await
    }
}

#[async_trait]
impl Uploader for CleverTap {
    async fn upload(&self, account: &Account, body: Bytes) -> Reply {
        self.send(account, Mode::Keep, body).await
    }

    async fn delete(&self, account: &Account, body: Bytes) -> Reply {
        self.post(account, "/1/delete/profiles.json", body).await
    }
}

/// How much of an answer is read. Every record may come back in it, with every letter escaped, beside a sentence each;
/// an answer that is cut here would be read as none and everything sent again.
fn answer_cap(body: usize) -> usize {
    const LEAST: usize = 1 << 20;
    LEAST.saturating_add(body.saturating_mul(4))
}

/// What answers an `https` address without TLS.
const NO_TLS: &str = "what answers there speaks no TLS, most likely plain HTTP: write the address with `http://`, or \
                      name the port that speaks `https`";

fn no_answer(error: &reqwest::Error) -> NoAnswer {
    NoAnswer { kind: kind(error), detail: cause(error) }
}

fn kind(error: &reqwest::Error) -> NoAnswerKind {
    if error.is_builder() {
        NoAnswerKind::Unsendable
    } else if matches!(tls_error(error), Some(rustls::Error::InvalidCertificate(_))) {
        NoAnswerKind::Untrusted
    } else if error.is_connect() {
        NoAnswerKind::Connect
    } else if error.is_timeout() {
        NoAnswerKind::Timeout
    } else {
        NoAnswerKind::Cut
    }
}

/// What TLS says went wrong, if it was that. The cause stands inside IO errors, which hide it as a source.
fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(tls);
        }
        cause = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The innermost cause: it names the problem, while the outer ones name the address.
fn cause(error: &reqwest::Error) -> String {
    if let Some(rustls::Error::InvalidMessage(_)) = tls_error(error) {
        return NO_TLS.to_owned();
    }
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match cause.downcast_ref::<reqwest::Error>() {
        Some(_) => "the request failed".to_owned(),
        None => cause.to_string(),
    }
}
