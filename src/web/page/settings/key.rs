//! Write keys and webhook secrets, two sections of the settings page: made (shown once), listed, revoked.

use super::{Extra, page};
use crate::admin::{KeyView, NewKey};
use crate::clock::Millis;
use crate::settings::{KeyKind, Secret};
use crate::web::error::PageError;
use crate::web::response::{html_with, see_other};
use crate::web::view::{Moment, Prose};
use crate::web::visit::{Answer, Visit};
use actix_web::http::StatusCode;

/// One kind of key.
pub(super) struct KeySection {
    /// The name in addresses and of the section.
    pub(super) name: &'static str,
    /// `Write keys`.
    pub(super) title: &'static str,
    /// `write key`.
    pub(super) label: &'static str,
    /// What they are for.
    pub(super) says: &'static str,
    /// What to type where senders have one already.
    pub(super) hint: &'static str,
    /// The variable that sets one, which then counts alone; empty where none does.
    pub(super) variable: &'static str,
    pub(super) rows: Vec<KeyRow>,
    /// One that was made just now, to be shown once; empty where none was.
    pub(super) fresh: String,
    /// What is wrong with what was typed, a sentence; empty where nothing is.
    pub(super) problem: String,
    /// The name that was typed.
    pub(super) typed_name: String,
}

/// One key.
pub(super) struct KeyRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) ending: Option<String>,
    /// When it was made and by whom; none for a variable's.
    pub(super) made: Option<(Moment, String)>,
    pub(super) used: Option<Moment>,
    pub(super) in_force: bool,
}

/// What was typed and can not be made.
pub(super) struct Refused {
    kind: KeyKind,
    problem: String,
    name: String,
}

impl KeySection {
    /// The section of `kind`, with what came of typing.
    pub(super) async fn new(
        visit: &Visit,
        kind: KeyKind,
        fresh: String,
        refused: Option<&Refused>,
    ) -> Result<Self, PageError> {
        let now = visit.admin.now();
        let refused = refused.filter(|refused| refused.kind == kind);
        let (title, says, hint) = match kind {
            KeyKind::WriteKey => (
                "Write keys",
                "What Segment or an SDK shows to be let in; one for each source tells them apart. Without any, nothing is taken in.",
                "To take over a key that senders have already, type it here. Else one is made.",
            ),
            KeyKind::WebhookSecret => (
                "Webhook secrets",
                "The shared secret of a Webhooks destination in Segment. While there is one, only calls that Segment signed with it are taken there.",
                "To take over the one that is set in Segment already, type it here. Else one is made.",
            ),
        };
        Ok(Self {
            name: kind.name(),
            title,
            label: kind.label(),
            says,
            hint,
            variable: if visit.admin.key_is_given(kind) { kind.variable() } else { "" },
            rows: visit.admin.keys(kind).await?.into_iter().map(|key| KeyRow::new(key, now)).collect(),
            fresh,
            problem: refused.map(|refused| refused.problem.clone()).unwrap_or_default(),
            typed_name: refused.map(|refused| refused.name.clone()).unwrap_or_default(),
        })
    }

    /// Whether a key more lets senders in: not while a variable sets one.
    pub(super) fn is_open(&self) -> bool {
        self.variable.is_empty()
    }
}

impl KeyRow {
    fn new(key: KeyView, now: Millis) -> Self {
        Self {
            id: key.id,
            name: key.name,
            ending: key.ending,
            made: key.made.map(|made| (Moment::new(made.at, now), made.user.to_string())),
            used: key.used_at.map(|at| Moment::new(at, now)),
            in_force: key.in_force,
        }
    }
}

/// `POST /settings/keys/{kind}`: makes one, which the page then shows once.
pub(in crate::web) async fn create(visit: Visit) -> Answer {
    let (kind, form) = (kind(&visit)?, &visit.form);
    let new = NewKey {
        name: form.get("name").to_owned(),
        secret: Secret::parse(form.get("key")),
        successor_of: form.filled("successor_of"),
    };
    match visit.admin.create_key_for_page(&visit.user()?, kind, new).await? {
        Ok(number) if form.get("next") == "/start" => Ok(see_other(&format!("/start?new={number}#source"))),
        Ok(number) => Ok(see_other(&format!("/settings?new={number}#{}", kind.name()))),
        Err(problem) => {
            let problem = Prose::sentence(&problem.to_string()).plain;
            let refused = Some(Refused { kind, problem, name: form.get("name").to_owned() });
            let view = visit.admin.settings_view().await?;
            let extra = Extra { refused, ..Extra::default() };
            html_with(StatusCode::UNPROCESSABLE_ENTITY, &page(&visit, view, None, extra).await?)
        }
    }
}

/// `POST /settings/keys/{kind}/revoke`.
pub(in crate::web) async fn revoke(visit: Visit) -> Answer {
    let kind = kind(&visit)?;
    visit.admin.revoke_key(&(&visit.user()?).into(), kind, visit.form.get("id")).await?;
    Ok(see_other(&format!("/settings?done=key-revoked#{}", kind.name())))
}

fn kind(visit: &Visit) -> Result<KeyKind, PageError> {
    let name = visit.part("kind");
    KeyKind::ALL.into_iter().find(|kind| kind.name() == name).ok_or(PageError::NotFound)
}
