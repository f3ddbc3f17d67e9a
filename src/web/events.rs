//! What happens, as it happens: server-sent events, for whoever has the page open.
//!
//! One task looks at the record when the daemon says that something may have changed, and only while somebody listens.
//! An event tells counts and the submissions that moved; whoever wants more asks for the page again.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::record::{Record, Sign, Submission, SubmissionFilter, Unanswered};
use super::server::Site;
use super::table::Feed;

/// Changes that follow each other within this time are told together.
const GATHER: Duration = Duration::from_millis(400);

/// A comment goes out so often, so that whoever stands between doesn't take silence for an end.
const BREATH: Duration = Duration::from_secs(20);

/// Submissions whose progress is told: the newest.
const SUBMISSIONS: usize = 50;

/// Tells those who listen.
pub(super) struct Hub {
    record: Arc<dyn Record>,
    told: watch::Sender<Arc<Told>>,
    came: Notify,
}

/// What was told last.
#[derive(Debug, Default)]
struct Told {
    sign: Sign,
    text: String,
    submissions: Vec<Submission>,
}

impl Hub {
    pub(super) fn new(record: Arc<dyn Record>) -> Self {
        Self { record, told: watch::Sender::new(Arc::default()), came: Notify::new() }
    }

    /// Looks and tells until the daemon stops.
    pub(super) async fn run(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            // Made before the look: what rings while it is under way isn't missed.
            let changed = self.record.changed();
            if self.told.receiver_count() > 0 {
                self.look().await;
            }
            tokio::select! {
                () = changed => {}
                () = self.came.notified() => {}
                () = stop.cancelled() => break,
            }
            drop(tokio::time::timeout(GATHER, stop.cancelled()).await);
        }
    }

    async fn look(self: &Arc<Self>) {
        let (hub, before) = (Arc::clone(self), Arc::clone(&self.told.borrow()));
        match crate::blocking::run(move || told(&*hub.record, &before)).await {
            Ok(Ok(Some(told))) => drop(self.told.send_replace(Arc::new(told))),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => tracing::debug!(error = %error, "what changed can't be told to the web page"),
            Err(error) => tracing::error!(error = %error, "a part of the web page broke down"),
        }
    }
}

/// What is to be told now, if that is something new.
fn told(record: &dyn Record, before: &Told) -> Result<Option<Told>, Unanswered> {
    let sign = record.sign()?;
    if sign == before.sign {
        return Ok(None);
    }
    let counts = record.counts(None)?;
    let submissions = record.submissions(&SubmissionFilter::default(), None, SUBMISSIONS)?;
    let moved: Vec<Value> = submissions
        .iter()
        .filter(|now| !before.submissions.contains(now))
        .map(|now| {
            json!({
                "submission_id": now.submission.to_string(), "customer": now.customer.as_str(), "file": now.file,
                "rows": now.rows, "pending": now.pending, "ready": now.ready, "failed": now.failed,
                "already": now.already,
            })
        })
        .collect();
    let data = json!({
        "counts": {
            "registration_pending": counts.pending, "registration_failed": counts.failed,
            "ready_for_user": counts.ready, "active": counts.active, "inactive": counts.inactive,
        },
        "submissions": moved,
    });
    // The number is the record's own: a browser that comes back says which one it heard last, and is told anew anyway.
    let text = format!("id: {}\nevent: change\ndata: {data}\n\n", sign.entries);
    Ok(Some(Told { sign, text, submissions }))
}

/// `/api/v1/events`.
pub(super) async fn stream(State(site): State<Arc<Site>>) -> Response {
    let Some(place) = site.lasting_place() else {
        let told = "too many pages are open already; this one isn't told of changes\n";
        return (StatusCode::SERVICE_UNAVAILABLE, told).into_response();
    };
    let mut heard = site.hub.told.subscribe();
    heard.mark_changed();
    site.hub.came.notify_one();
    let stop = site.stop.clone();
    let body = Feed::body(async move |pieces| {
        let _place = place;
        let mut piece = String::from("retry: 2000\n\n");
        loop {
            if !piece.is_empty() {
                pieces.send(piece).await?;
            }
            piece = tokio::select! {
                changed = heard.changed() => match changed {
                    Ok(()) => heard.borrow_and_update().text.clone(),
                    Err(_) => return Ok(()),
                },
                () = stop.cancelled() => return Ok(()),
                () = pause(BREATH) => ":\n\n".to_owned(),
            };
        }
    });
    let mut response = body.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}

async fn pause(time: Duration) {
    drop(tokio::time::timeout(time, std::future::pending::<()>()).await);
}
