//! Signing in and out.

use crate::admin::LoginOutcome;
use crate::web::cookie::{signed_in, signed_out};
use crate::web::error::PageError;
use crate::web::response::{html, html_with, local_path, see_other};
use crate::web::shell::{Nav, Shell};
use crate::web::visit::{Answer, Visit};
use actix_web::http::StatusCode;
use askama::Template;

#[derive(Template)]
#[template(path = "page/login.html")]
struct LoginPage {
    shell: Shell,
    /// Where to go afterwards.
    next: String,
    name: String,
    refused: bool,
}

/// `GET /login`.
pub(in crate::web) async fn show(visit: Visit) -> Answer {
    if visit.admin.setup_is_open().await? {
        return Ok(see_other("/setup"));
    }
    let next = local_path(visit.query().get("next")).to_owned();
    if visit.session.is_some() {
        return Ok(see_other(&next));
    }
    html(&LoginPage { shell: Shell::of(&visit, Nav::Elsewhere), next, name: String::new(), refused: false })
}

/// `POST /login`.
pub(in crate::web) async fn submit(visit: Visit) -> Answer {
    let name = visit.form.get("name");
    let password = visit.form.get("password");
    let next = local_path(visit.form.get("next")).to_owned();
    match visit.admin.log_in(name, password, visit.address(), visit.browser.session.as_ref()).await? {
        LoginOutcome::SignedIn(cookie, _) => {
            let mut response = see_other(&next);
            response.add_cookie(&signed_in(&cookie, visit.is_tls())).ok();
            Ok(response)
        }
        LoginOutcome::Refused => {
            let shell = Shell::of(&visit, Nav::Elsewhere);
            html_with(
                StatusCode::UNAUTHORIZED,
                &LoginPage { shell, next, name: name.to_owned(), refused: true },
            )
        }
        LoginOutcome::SlowDown(wait) => Err(PageError::SlowDown(wait)),
    }
}

/// `POST /logout`.
pub(in crate::web) async fn leave(visit: Visit) -> Answer {
    if let Some(cookie) = &visit.browser.session {
        visit.admin.end_session(cookie).await?;
    }
    let mut response = see_other("/login");
    response.add_cookie(&signed_out(visit.is_tls())).ok();
    Ok(response)
}
