//! Saving and testing: what was typed becomes settings, or the form comes back with everything still in it.

use super::{Extra, StaleRow, StaleView, page};
use crate::admin::{Difference, Field, FieldProblem, Input, Revision, SaveOutcome, SecretInput};
use crate::settings::{Region, Secret};
use crate::web::form::Form;
use crate::web::response::{html_with, see_other};
use crate::web::view::Moment;
use crate::web::visit::{Answer, Visit};
use actix_web::http::StatusCode;
use std::collections::BTreeMap;

/// `POST /settings`: saves, or with `action=test` asks CleverTap what it thinks of what is typed.
pub(in crate::web) async fn submit(visit: Visit) -> Answer {
    let user = visit.user()?;
    let drafts = visit.admin.handed_over(&user, visit.form.get("draft"));
    let mut input = input_of(&visit, &drafts);
    if visit.form.get("action") == "region" {
        return read_region(&visit, &input).await;
    }
    if let Some(problem) = input.read_dashboard() {
        let region = input.texts.get(&Field::Region).cloned().unwrap_or_default();
        let stored = Field::AccountId.shown(&visit.admin.settings_view().await?.stored);
        let form = visit.form.with("region", &region).with("account_id", &stored);
        let extra = Extra { problems: as_pairs(vec![problem]), ..Extra::default() };
        return come_back(&visit, &form, &input, extra, StatusCode::UNPROCESSABLE_ENTITY).await;
    }
    if visit.form.get("action") == "test" {
        let mut extra = Extra::default();
        match visit.admin.check_connection(&input).await? {
            Ok(check) => extra.check = Some(check),
            Err(problems) => extra.problems = as_pairs(problems),
        }
        let status =
            if extra.problems.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        return come_back(&visit, &visit.form, &input, extra, status).await;
    }
    let seen = Revision(visit.form.get("revision").parse().unwrap_or_default());
    match visit.admin.save_settings(&(&user).into(), seen, &input).await? {
        SaveOutcome::Saved(_) => Ok(see_other("/settings?done=saved")),
        SaveOutcome::Invalid(problems) => {
            let extra = Extra { problems: as_pairs(problems), ..Extra::default() };
            come_back(&visit, &visit.form, &input, extra, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        SaveOutcome::Stale { revision, saved, differences } => {
            let now = visit.admin.now();
            let by = saved.map(|by| format!("{} saved {}", by.user, Moment::new(by.at, now).ago));
            let by = by.unwrap_or_else(|| "Somebody saved".to_owned());
            let row = |difference: Difference| stale_row(&visit, difference);
            let stale = Some(StaleView { by, rows: differences.into_iter().map(row).collect() });
            let extra = Extra { stale, revision: Some(revision), ..Extra::default() };
            come_back(&visit, &visit.form, &input, extra, StatusCode::CONFLICT).await
        }
    }
}

/// What was touched is likely meant; what was not is likely only as it was when the form was opened.
fn stale_row(visit: &Visit, difference: Difference) -> StaleRow {
    let Difference { field, label, theirs, yours } = difference;
    let was = visit.form.find(&format!("was.{field}"));
    let is_touched = was.is_none_or(|was| visit.form.find(&field) != Some(was));
    StaleRow { name: format!("side.{field}"), label, theirs, yours, takes_yours: is_touched }
}

/// Reads the region from the dashboard's address into the form. Saves nothing.
async fn read_region(visit: &Visit, input: &Input) -> Answer {
    let typed = visit.form.get("dashboard");
    let mut extra = Extra::default();
    let Some(region) = Region::of_dashboard(typed) else {
        let problem = "Expected the address of CleverTap's dashboard after signing in, as \
                       https://in1.dashboard.clevertap.com/…; that names the region.";
        extra.problems = vec![("dashboard".to_owned(), problem.to_owned())];
        return come_back(visit, &visit.form, input, extra, StatusCode::UNPROCESSABLE_ENTITY).await;
    };
    extra.notice = format!("The region is {}. Save to put it in force.", region.label());
    let form = visit.form.with("region", region.as_str());
    come_back(visit, &form, input, extra, StatusCode::OK).await
}

/// The form again as `form` has it. Typed secrets wait on this side, so that they need not be typed twice nor travel back.
async fn come_back(
    visit: &Visit,
    form: &Form,
    input: &Input,
    mut extra: Extra,
    status: StatusCode,
) -> Answer {
    let typed: BTreeMap<String, Secret> = input
        .secrets
        .iter()
        .filter_map(|(field, input)| match input {
            SecretInput::Replace(secret) => Some((field.name().to_owned(), secret.clone())),
            SecretInput::Keep | SecretInput::Remove => None,
        })
        .collect();
    if !typed.is_empty() {
        extra.kept = Field::ALL.into_iter().filter(|field| typed.contains_key(field.name())).collect();
        extra.draft = visit.admin.hand_over(&visit.user()?, typed)?;
    }
    if extra.revision.is_none() {
        // The form keeps saying which version it was made from.
        extra.revision = Some(Revision(visit.form.get("revision").parse().unwrap_or_default()));
    }
    let view = visit.admin.settings_view().await?;
    html_with(status, &page(visit, view, Some(form), extra).await?)
}

fn input_of(visit: &Visit, drafts: &BTreeMap<String, Secret>) -> Input {
    let form = &visit.form;
    let mut input = Input::default();
    for field in Field::ALL {
        let name = field.name();
        if !field.is_secret() {
            if let Some(text) = form.find(name) {
                input.texts.insert(field, text.to_owned());
            }
            continue;
        }
        let typed = Secret::parse(form.get(name)).or_else(|| drafts.get(name).cloned());
        let secret = match typed {
            _ if form.get(&format!("remove.{name}")) == "yes" => SecretInput::Remove,
            Some(secret) => SecretInput::Replace(secret),
            None => SecretInput::Keep,
        };
        input.secrets.insert(field, secret);
    }
    for (name, value) in form.iter() {
        if let Some(option) = name.strip_prefix("option.") {
            input.options.insert(option.to_owned(), value.to_owned());
        }
    }
    for (name, side) in form.iter() {
        // Chosen after a conflict: what is stored stays.
        if let Some(field) = name.strip_prefix("side.").filter(|_| side == "theirs") {
            input.leave(field);
        }
    }
    input
}

fn as_pairs(problems: Vec<FieldProblem>) -> Vec<(String, String)> {
    problems.into_iter().map(|problem| (problem.field, problem.message)).collect()
}
