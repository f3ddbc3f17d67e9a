//! The files that go with the pages: in the program, none from elsewhere.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use devicedrop_core::device::Sha256;
use sha2::Digest;

/// The stylesheet.
pub(super) const STYLE: File = File { content_type: "text/css; charset=utf-8", text: include_str!("style.css") };
/// The script.
pub(super) const SCRIPT: File =
    File { content_type: "text/javascript; charset=utf-8", text: include_str!("script.js") };
/// The sign beside the page's title.
pub(super) const ICON: File = File { content_type: "image/svg+xml", text: include_str!("icon.svg") };

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct File {
    content_type: &'static str,
    text: &'static str,
}

impl File {
    /// The file, or that a browser has it already.
    pub(super) fn answer(self, asked: &HeaderMap) -> Response {
        let digest = Sha256::from_bytes(sha2::Sha256::digest(self.text).into()).to_string();
        let tag = format!("\"{}\"", digest.get(..16).unwrap_or_default());
        let known = asked.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
        let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { self.text.into_response() };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(ETAG, tag);
        }
        response
    }
}
