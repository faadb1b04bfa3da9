//! The first start: whoever shows the token makes the first account. Afterwards there is no such page.

use crate::admin::{ClaimOutcome, Password, UserName};
use crate::web::cookie::signed_in;
use crate::web::error::PageError;
use crate::web::response::{html, html_with, see_other};
use crate::web::shell::{Nav, Shell};
use crate::web::view::Prose;
use crate::web::visit::{Answer, Visit};
use actix_web::http::StatusCode;
use askama::Template;

#[derive(Template)]
#[template(path = "page/setup.html")]
struct SetupPage {
    shell: Shell,
    name: String,
    token_problem: String,
    name_problem: String,
    password_problem: String,
}

/// `GET /setup`.
pub(in crate::web) async fn show(visit: Visit) -> Answer {
    if !visit.admin.setup_is_open().await? {
        return Err(PageError::NotFound);
    }
    html(&SetupPage {
        shell: Shell::of(&visit, Nav::Elsewhere),
        name: "admin".to_owned(),
        token_problem: String::new(),
        name_problem: String::new(),
        password_problem: String::new(),
    })
}

/// `POST /setup`.
pub(in crate::web) async fn claim(visit: Visit) -> Answer {
    if !visit.admin.setup_is_open().await? {
        return Err(PageError::NotFound);
    }
    let form = &visit.form;
    let name = UserName::parse(form.get("name"));
    let password = match form.get("password") == form.get("password_again") {
        true => Password::parse(form.get("password")).map_err(|problem| problem.to_string()),
        false => Err("the two passwords differ".to_owned()),
    };
    let mut token_problem = String::new();
    if let (Ok(name), Ok(password)) = (&name, &password) {
        match visit.admin.claim(form.get("token"), name.clone(), password, visit.address()).await? {
            ClaimOutcome::Claimed(cookie, _) => {
                let mut response = see_other("/start");
                response.add_cookie(&signed_in(&cookie, visit.is_tls())).ok();
                return Ok(response);
            }
            ClaimOutcome::Closed => return Err(PageError::NotFound),
            ClaimOutcome::SlowDown(wait) => return Err(PageError::SlowDown(wait)),
            ClaimOutcome::WrongToken => {
                token_problem = "This is not the token, or it is older than a day. Restarting the process makes a new one.".to_owned();
            }
        }
    }
    let in_words = |problem: &String| Prose::sentence(problem).plain;
    let page = SetupPage {
        shell: Shell::of(&visit, Nav::Elsewhere),
        name: form.get("name").to_owned(),
        token_problem,
        name_problem: name.as_ref().err().map(in_words).unwrap_or_default(),
        password_problem: password.as_ref().err().map(in_words).unwrap_or_default(),
    };
    html_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
}
