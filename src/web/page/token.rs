//! API tokens, a section of the settings page.

use crate::web::response::see_other;
use crate::web::visit::{Answer, Visit};

/// `POST /settings/tokens`: makes one, which the page then shows once.
pub(in crate::web) async fn create(visit: Visit) -> Answer {
    let number = visit.admin.create_api_token(&visit.user()?, visit.form.get("name")).await?;
    Ok(see_other(&format!("/settings?new={number}#tokens")))
}

/// `POST /settings/tokens/revoke`.
pub(in crate::web) async fn revoke(visit: Visit) -> Answer {
    visit.admin.revoke_api_token(visit.form.get("id")).await?;
    Ok(see_other("/settings?done=revoked#tokens"))
}
