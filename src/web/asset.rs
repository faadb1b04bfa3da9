//! Style sheets, scripts and pictures, inside the binary, at addresses that change with their content, so that browsers may
//! keep them for good.
//!
//! First thing to know: the address of a file is `/static/<version>/<path>`, and the version is that of all files together.
//! A script so imports its neighbours by their plain relative names and gets those of its own version.

use super::error::PageError;
use super::visit::{Answer, Visit};
use crate::admin::Digest;
use actix_web::HttpResponse;
use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, IF_NONE_MATCH, VARY,
};
use actix_web::web::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use include_dir::{Dir, include_dir};
use std::collections::HashMap;
use std::io::Write;
use std::sync::{LazyLock, OnceLock};

/// The row of the table that `serve` answers.
pub(super) const PATH: &str = "/static/{file:.*}";

static FOLDER: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/static");

/// Path below `static/`, with `/` → the file.
static FILES: LazyLock<HashMap<&'static str, Asset>> = LazyLock::new(|| {
    let mut files = HashMap::new();
    collect(&FOLDER, &mut files);
    files
});

/// The start of the digest of every path and content.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut named: Vec<String> =
        FILES.iter().map(|(path, asset)| format!("{path} {}", asset.short)).collect();
    named.sort_unstable();
    Digest::of(&named.join("\n")).short()
});

/// A file and, once somebody has asked for it, the same in gzip.
struct Asset {
    plain: &'static [u8],
    /// The start of its digest.
    short: String,
    gzip: OnceLock<Option<Bytes>>,
}

impl Asset {
    /// The file in gzip, where that is shorter.
    fn gzip(&self) -> Option<Bytes> {
        let compress = || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(self.plain).ok()?;
            encoder.finish().ok().filter(|gzip| gzip.len() < self.plain.len()).map(Bytes::from)
        };
        self.gzip.get_or_init(compress).clone()
    }
}

fn collect(folder: &'static Dir<'static>, files: &mut HashMap<&'static str, Asset>) {
    for file in folder.files() {
        if let Some(path) = file.path().to_str() {
            let plain = file.contents();
            let short = Digest::of_bytes(plain).short();
            files.insert(path, Asset { plain, short, gzip: OnceLock::new() });
        }
    }
    folder.dirs().for_each(|below| collect(below, files));
}

/// The address of a file, as `/static/0123456789ab/base.css`.
pub(super) fn url(path: &str) -> String {
    format!("/static/{}/{path}", *VERSION)
}

/// `GET /static/{version}/{path}`. A page that was opened before an update asks for a version that is gone, and gets
/// today's file; so does whoever leaves the version out.
pub(super) async fn serve(visit: Visit) -> Answer {
    let whole = visit.part("file");
    let (asset, path, is_versioned) = match (FILES.get(whole), whole.split_once('/')) {
        (Some(asset), _) => (asset, whole, false),
        (None, Some((version, path))) => {
            (FILES.get(path).ok_or(PageError::NotFound)?, path, version == *VERSION)
        }
        (None, None) => return Err(PageError::NotFound),
    };
    // Without the right version the address may mean another file tomorrow.
    let cache = if is_versioned { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = visit.request.headers();
    let gzip = if takes_gzip(headers) { asset.gzip() } else { None };
    let coding = if gzip.is_some() { "-gzip" } else { "" };
    let tag = format!("\"{}{coding}\"", asset.short);
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known =
        known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag));
    let mut answer = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer
        .insert_header((ETAG, tag))
        .insert_header((CACHE_CONTROL, cache))
        .insert_header((VARY, ACCEPT_ENCODING.as_str()));
    if is_known {
        return Ok(answer.finish());
    }
    answer.insert_header((CONTENT_TYPE, content_type(path)));
    Ok(match gzip {
        Some(gzip) => answer.insert_header((CONTENT_ENCODING, "gzip")).body(gzip),
        None => answer.body(asset.plain),
    })
}

/// Whether gzip is named and not refused by a weight of nought.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|one| {
        let (coding, weight) = one.split_once(';').unwrap_or((one, ""));
        let weight = weight.trim().trim_start_matches("q=");
        coding.trim().eq_ignore_ascii_case("gzip") && weight.parse() != Ok(0.0)
    })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
