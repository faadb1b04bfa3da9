//! The pages. Each file holds a page's handler and its askama struct; the template of the same name stands in
//! `templates/page/`.

pub(super) mod again;
pub(super) mod case;
pub(super) mod event;
pub(super) mod events;
pub(super) mod login;
pub(super) mod overview;
pub(super) mod preview;
pub(super) mod resends;
pub(super) mod rules;
pub(super) mod sandbox;
pub(super) mod settings;
pub(super) mod setup;
pub(super) mod start;
pub(super) mod token;
pub(super) mod trial;
