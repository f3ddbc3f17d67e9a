//! `/healthz` and `/metrics`: what monitors ask for.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State as Given;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use devicedrop_core::shown::shown;

use super::record::Record;
use super::server::Site;

/// The form in which Prometheus takes figures.
const FIGURES: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// `/healthz`: 200, or 503 and why. Waits for no other question, and for no disk.
pub(super) async fn health(Given(site): Given<Arc<Site>>) -> Response {
    let health = site.record.health();
    if health.ok {
        return (StatusCode::OK, "healthy\n").into_response();
    }
    let mut text = String::new();
    for reason in &health.reasons {
        if writeln!(text, "{}", shown(reason)).is_err() {
            break;
        }
    }
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

/// `/metrics`: all figures.
pub(super) async fn metrics(Given(site): Given<Arc<Site>>) -> Response {
    match site.ask(Record::metrics).await {
        Ok(text) => ([(CONTENT_TYPE, FIGURES)], text).into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", shown(&why.to_string()))).into_response(),
    }
}
