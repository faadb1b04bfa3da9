//! How somebody likes the console: light or dark, airy or tight. Kept in cookies and set by the server on the page's root,
//! so that the first thing drawn is right already.

use super::cookie::is_tls;
use super::response::{local_path, see_other};
use super::visit::{Answer, Visit};
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::{HttpRequest, HttpResponse};

const THEME: &str = "tapline_theme";
const DENSITY: &str = "tapline_density";

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

    /// The name in the cookie, the form, the style sheet and of its icon.
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

    /// What the browser may paint before the style sheet is there, as `<meta name="color-scheme">` says it.
    pub(super) fn scheme(self) -> &'static str {
        match self {
            Self::System => "light dark",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.name() == name)
    }

    /// The browser's choice.
    pub(super) fn of(request: &HttpRequest) -> Self {
        request.cookie(THEME).and_then(|cookie| Self::parse(cookie.value())).unwrap_or(Self::System)
    }
}

/// How much room rows and fields take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Density {
    /// Room to breathe.
    Comfortable,
    /// More rows in sight.
    Compact,
}

impl Density {
    /// Every one, in the order shown.
    pub(super) const ALL: [Self; 2] = [Self::Comfortable, Self::Compact];

    /// The name in the cookie, the form and the style sheet.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Comfortable => "comfortable",
            Self::Compact => "compact",
        }
    }

    /// The word shown.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Comfortable => "Comfortable",
            Self::Compact => "Compact",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|density| density.name() == name)
    }

    /// The browser's choice.
    pub(super) fn of(request: &HttpRequest) -> Self {
        request.cookie(DENSITY).and_then(|cookie| Self::parse(cookie.value())).unwrap_or(Self::Comfortable)
    }
}

/// `POST /theme`.
pub(super) async fn choose_theme(visit: Visit) -> Answer {
    let theme = Theme::parse(visit.form.get("theme")).unwrap_or(Theme::System);
    Ok(keep(&visit, THEME, theme.name()))
}

/// `POST /density`.
pub(super) async fn choose_density(visit: Visit) -> Answer {
    let density = Density::parse(visit.form.get("density")).unwrap_or(Density::Comfortable);
    Ok(keep(&visit, DENSITY, density.name()))
}

/// Keeps a choice for a year and goes back to where it was made.
fn keep(visit: &Visit, name: &'static str, value: &'static str) -> HttpResponse {
    let cookie = Cookie::build(name, value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(is_tls(&visit.request))
        .max_age(Duration::days(365))
        .finish();
    let mut response = see_other(local_path(visit.form.get("back")));
    // A cookie made of constants is always a good header.
    response.add_cookie(&cookie).ok();
    response
}
