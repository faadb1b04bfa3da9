//! Light, dark, or as the system says. Set by the server on the page's root, so that nothing flashes.

use super::cookie::is_tls;
use super::response::{local_path, see_other};
use super::visit::{Answer, Visit};
use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};

const NAME: &str = "tapline_theme";

/// A choice of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Theme {
    /// What the browser prefers.
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// Every one, in the order shown.
    pub(super) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// The name in the cookie, the form and the style sheet.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The word shown.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::System => "System",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.name() == name)
    }

    /// The browser's choice.
    pub(super) fn of(request: &HttpRequest) -> Self {
        request.cookie(NAME).and_then(|cookie| Self::parse(cookie.value())).unwrap_or(Self::System)
    }
}

/// `POST /theme`: keeps the choice for a year and goes back to where it was made.
pub(super) async fn choose(visit: Visit) -> Answer {
    let theme = Theme::parse(visit.form.get("theme")).unwrap_or(Theme::System);
    let cookie = Cookie::build(NAME, theme.name())
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(is_tls(&visit.request))
        .max_age(Duration::days(365))
        .finish();
    let mut response = see_other(local_path(visit.form.get("back")));
    // A cookie made of constants is always a good header.
    response.add_cookie(&cookie).ok();
    Ok(response)
}
