//! What stands around every page: navigation, banners, theme and density, the form token.

use super::asset;
use super::cookie::Browser;
use super::route::ROWS;
use super::taste::{Density, Theme};
use super::view::Prose;
use super::visit::Visit;
use crate::admin::{Admin, Session};
use actix_web::HttpRequest;

/// A page of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nav {
    /// `/`
    Overview,
    /// `/events`
    Events,
    /// `/resends`
    Resends,
    /// `/rules`
    Rules,
    /// `/preview`
    Preview,
    /// `/settings`
    Settings,
    /// None of them.
    Elsewhere,
}

/// A link of the navigation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    /// The page, and those below it.
    pub(super) page: Nav,
    pub(super) path: &'static str,
    pub(super) label: &'static str,
    /// A name in `templates/part/icon.html`.
    pub(super) icon: &'static str,
    /// The letter that opens it after `g`; none where it is empty.
    pub(super) key: &'static str,
}

impl Nav {
    /// The links shown, in order.
    pub(super) const LINKS: [Link; 6] = [
        Link { page: Self::Overview, path: "/", label: "Overview", icon: "overview", key: "o" },
        Link { page: Self::Events, path: "/events", label: "Events", icon: "events", key: "e" },
        Link { page: Self::Resends, path: "/resends", label: "Sent again", icon: "resends", key: "a" },
        Link { page: Self::Rules, path: "/rules", label: "Rules", icon: "rules", key: "r" },
        Link { page: Self::Preview, path: "/preview", label: "Preview", icon: "preview", key: "p" },
        Link { page: Self::Settings, path: "/settings", label: "Settings", icon: "settings", key: "s" },
    ];
}

/// Something that keeps the pipeline from running, said on every page until it is over.
#[derive(Debug, Clone)]
pub(super) struct Banner {
    /// `warning` or `error`.
    pub(super) class: &'static str,
    /// A few words.
    pub(super) title: &'static str,
    /// What happened and what to do.
    pub(super) text: Prose,
    /// Long text, as the complaints about rule files, to be shown as it is.
    pub(super) detail: Option<String>,
    /// Where to go.
    pub(super) link: Option<(&'static str, &'static str)>,
}

/// What stands around a page.
#[derive(Debug, Clone)]
pub(super) struct Shell {
    pub(super) nav: Nav,
    /// Who is signed in; none on the pages before that.
    pub(super) user: Option<String>,
    /// For every form of the page.
    pub(super) csrf: String,
    pub(super) theme: Theme,
    pub(super) density: Density,
    /// This page's own address, to come back to.
    pub(super) here: String,
    pub(super) banners: Vec<Banner>,
}

impl Shell {
    /// For a page in the navigation.
    pub(super) fn of(visit: &Visit, nav: Nav) -> Self {
        Self::new(nav, &visit.request, &visit.browser, visit.session.as_ref(), Some(&visit.admin))
    }

    /// For any page. Banners are for those who are signed in.
    pub(super) fn new(
        nav: Nav,
        request: &HttpRequest,
        browser: &Browser,
        session: Option<&Session>,
        admin: Option<&Admin>,
    ) -> Self {
        let here = match request.method().is_safe() {
            true => request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            // Coming back to a form's target is coming back to its page.
            false => request.path().to_owned(),
        };
        Self {
            nav,
            user: session.map(|session| session.user.to_string()),
            csrf: browser.form_token(),
            theme: Theme::of(request),
            density: Density::of(request),
            here,
            banners: admin.filter(|_| session.is_some()).map(banners).unwrap_or_default(),
        }
    }

    /// The links of the navigation.
    pub(super) fn links(&self) -> &'static [Link] {
        &Nav::LINKS
    }

    /// The choices of colours.
    pub(super) fn themes(&self) -> &'static [Theme] {
        &Theme::ALL
    }

    /// The choices of density.
    pub(super) fn densities(&self) -> &'static [Density] {
        &Density::ALL
    }

    /// The page that lists every reason code, for the palette.
    pub(super) fn codes_page(&self) -> Option<&'static str> {
        ROWS.iter().map(|row| row.path).find(|path| *path == "/reasons")
    }

    /// The address of a file of `static/`.
    pub(super) fn asset(&self, name: &str) -> String {
        asset::url(name)
    }
}

fn banners(admin: &Admin) -> Vec<Banner> {
    let overview = admin.overview();
    let mut banners = Vec::new();
    if admin.is_sandbox() {
        banners.push(Banner {
            class: "warning",
            title: "Sandbox",
            text: Prose::new("Records go to the built-in stand-in. CleverTap gets none of them."),
            detail: None,
            link: Some(("/sandbox", "See what it took, or leave it")),
        });
    }
    if let Some(problem) = overview.journal_problem {
        banners.push(Banner {
            class: "error",
            title: "Events are refused",
            text: Prose::new(&format!("The journal can not be written: {problem}. Senders keep their events and try again. Look at the disk, then restart the process.")),
            detail: None,
            link: None,
        });
    }
    if let Some(full) = overview.journal_full {
        banners.push(Banner {
            class: "error",
            title: "Events are refused until there is room",
            text: Prose::new(&format!(
                "Senders are told to come back, delivery goes on, and nothing that was accepted is lost: {full}."
            )),
            detail: None,
            link: None,
        });
    }
    if overview.lost_events > 0 {
        let events = overview.lost_events;
        banners.push(Banner {
            class: "error",
            title: "The stored log is damaged",
            text: Prose::new(&format!(
                "Stored events that can not be read any more: {events}. Those that had not ended are dead letters now, \
                 and all others go on. Look at the disk; the log of the process names the places."
            )),
            detail: None,
            link: Some(("/events?code=lost_to_damage", "See the events")),
        });
    }
    if let Some(problem) = overview.rules_problem {
        banners.push(Banner {
            class: "error",
            title: "The newest rules are not in force",
            text: Prose::new(
                "The last good ones keep running. Correct what is named here; nothing is lost meanwhile.",
            ),
            detail: Some(problem),
            link: None,
        });
    }
    if let Some(pause) = overview.pause {
        banners.push(Banner {
            class: "warning",
            title: "Delivery is paused",
            text: Prose::sentence(&pause.message),
            detail: None,
            link: Some(("/settings", "Open the settings")),
        });
    }
    banners
}
