//! Style sheets, scripts and pictures, inside the binary, named by their content so that browsers may keep them for good.

use super::error::PageError;
use super::visit::{Answer, Visit};
use crate::admin::Digest;
use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use include_dir::{Dir, include_dir};
use std::collections::HashMap;
use std::sync::LazyLock;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/static");

/// File name → the start of its content's digest.
static VERSIONS: LazyLock<HashMap<&'static str, String>> = LazyLock::new(|| {
    let version = |file: &'static include_dir::File<'static>| {
        Some((file.path().to_str()?, Digest::of_bytes(file.contents()).short()))
    };
    FILES.files().filter_map(version).collect()
});

/// The address of a file, as `/static/base.css?v=0123456789ab`.
pub(super) fn url(name: &str) -> String {
    let version = VERSIONS.get(name).map_or("", String::as_str);
    format!("/static/{name}?v={version}")
}

/// `GET /static/{file}`.
pub(super) async fn serve(visit: Visit) -> Answer {
    let name = visit.part("file");
    let file = FILES.get_file(name).ok_or(PageError::NotFound)?;
    let version = VERSIONS.get(name).ok_or(PageError::NotFound)?;
    // Without the right version the address may mean another file tomorrow.
    let cache = match visit.query().get("v") == version {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let tag = format!("\"{version}\"");
    let known = visit.request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)) {
        return Ok(HttpResponse::NotModified()
            .insert_header((ETAG, tag))
            .insert_header((CACHE_CONTROL, cache))
            .finish());
    }
    Ok(HttpResponse::Ok()
        .content_type(content_type(name))
        .insert_header((ETAG, tag))
        .insert_header((CACHE_CONTROL, cache))
        .body(file.contents()))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}
