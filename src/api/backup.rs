//! `GET /v1/backup`: everything the server holds, as one stream. What is accepted meanwhile is not in it.
//!
//! First thing to know: the answer begins before all of it was read, so an error later cuts it, and only a backup with
//! its trailer is one.

use super::Problem;
use super::call::Call;
use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_DISPOSITION;
use futures_util::stream::poll_fn;

/// Handles the call.
pub(super) async fn show(call: Call) -> Result<HttpResponse, Problem> {
    let mut parts = call.admin.backup().await?;
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"tapline.backup\""))
        .streaming(poll_fn(move |context| parts.poll_recv(context))))
}
