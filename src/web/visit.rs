//! One request, checked: who it is, and what was posted. What every page is called with.

use super::cookie::{self, Browser};
use super::error::PageError;
use super::form::Form;
use crate::admin::{Admin, Session, UserName};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use std::net::IpAddr;

/// What a page gives back.
pub(super) type Answer = Result<HttpResponse, PageError>;

/// One request to one page. Exists only after session, permission and form token have been checked.
pub(super) struct Visit {
    /// The request, without its body.
    pub(super) request: HttpRequest,
    /// The use cases.
    pub(super) admin: Data<Admin>,
    /// The browser, known by a cookie.
    pub(super) browser: Browser,
    /// Who is signed in, if anyone.
    pub(super) session: Option<Session>,
    /// What was posted; empty for `GET`.
    pub(super) form: Form,
}

impl Visit {
    /// The account that is signed in.
    pub(super) fn user(&self) -> Result<UserName, PageError> {
        self.session.as_ref().map(|session| session.user.clone()).ok_or(PageError::Forbidden)
    }

    /// A part of the path.
    pub(super) fn part(&self, name: &str) -> &str {
        self.request.match_info().get(name).unwrap_or_default()
    }

    /// The query, decoded.
    pub(super) fn query(&self) -> Form {
        Form::decode(self.request.query_string())
    }

    /// Whether only the result is wanted, to be put into a page that is there already.
    pub(super) fn wants_fragment(&self) -> bool {
        self.request.headers().contains_key("x-tapline-fragment")
    }

    /// The other end of the connection. A proxy in between hides who is behind it; headers are not believed.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.request.peer_addr().map(|address| address.ip())
    }

    /// Whether the browser speaks TLS, to us or to a proxy in front. Whoever lies about it only breaks his own cookies.
    pub(super) fn is_tls(&self) -> bool {
        cookie::is_tls(&self.request)
    }

    /// Scheme and host as the browser knows them, for commands to copy.
    pub(super) fn origin(&self) -> String {
        let info = self.request.connection_info();
        format!("{}://{}", info.scheme(), info.host())
    }
}
