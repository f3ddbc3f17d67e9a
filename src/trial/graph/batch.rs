//! Several requests in one: <https://learn.microsoft.com/graph/json-batching>.
//!
//! At most 20; each has a status of its own, 429 too while the whole is a 200; what hangs on a request that failed
//! fails with 424. The answers' order isn't the requests'.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::desk::Desk;
use super::super::faults::{Fault, RetryAfter};
use super::super::manners::Surface;
use super::super::store::Trouble;
use super::super::tokens::Holder;
use super::super::wire::{Answer, Request, form, member, text_member};
use super::{error, route, trouble};

/// The most requests in one.
const MOST: usize = 20;

/// One request of a batch.
struct Part {
    id: String,
    request: Request,
    after: Vec<String>,
}

/// Answers a batch.
pub(super) fn answer(desk: &Desk<'_>, request: &Request, holder: &Holder) -> Result<Answer, Trouble> {
    let body = request.json().unwrap_or_default();
    let parts = member(&body, "requests").and_then(Value::as_array);
    let parts: Option<Vec<Part>> =
        parts.and_then(|parts| parts.iter().map(|value| part(value, &request.id)).collect());
    let bad = |what: &str| Ok(error(desk, 400, "BadRequest", what));
    let Some(parts) = parts.filter(|parts| !parts.is_empty()) else {
        return bad("Invalid batch payload format.");
    };
    if parts.len() > MOST {
        return bad(&format!("Number of batch request steps exceeds the maximum value of {MOST}."));
    }
    let ids: BTreeSet<String> = parts.iter().map(|part| part.id.to_lowercase()).collect();
    if ids.len() < parts.len() {
        return bad("Request ids must be unique within a batch.");
    }
    let mut statuses: BTreeMap<String, u16> = BTreeMap::new();
    let mut responses = Vec::new();
    for part in &parts {
        let failed = part.after.iter().any(|id| statuses.get(&id.to_lowercase()).is_none_or(|status| *status >= 400));
        let answer = if failed {
            error(desk, 424, "FailedDependency", "The request depended on another request that failed.")
        } else {
            one(desk, &part.request, holder)?
        };
        statuses.insert(part.id.to_lowercase(), answer.status);
        responses.push(shown(&part.id, &answer));
    }
    // "The order of the individual responses ... doesn't necessarily match": who counts on it shows.
    responses.reverse();
    Ok(Answer::json(200, &json!({ "responses": responses })))
}

fn one(desk: &Desk<'_>, request: &Request, holder: &Holder) -> Result<Answer, Trouble> {
    // A part of a batch can't lose its connection: what would break one is an error here.
    let fault = desk.watch.meet(Surface::Graph, request, desk.clock.elapsed());
    let refused = |status| trouble(status, desk.now, &desk.clock.new_guid());
    match fault {
        Some(Fault::Throttle(RetryAfter { seconds, .. })) => {
            Ok(refused(429).with("Retry-After", seconds.to_string()))
        }
        Some(Fault::Unavailable(RetryAfter { seconds, .. })) => {
            Ok(refused(503).with("Retry-After", seconds.to_string()))
        }
        Some(Fault::CloseBefore | Fault::ErrorBefore) => Ok(refused(500)),
        Some(Fault::CloseAfter | Fault::ErrorAfter | Fault::Cut | Fault::NotJson) => {
            route(desk, request, holder)?;
            Ok(refused(504))
        }
        Some(Fault::Slow) | None => route(desk, request, holder),
    }
}

fn part(value: &Value, outer: &str) -> Option<Part> {
    let url = text_member(value, "url")?;
    let (path, query) = url.split_once('?').unwrap_or((&url, ""));
    let headers = member(value, "headers").and_then(Value::as_object).into_iter().flatten();
    let body = member(value, "body").filter(|body| !body.is_null());
    Some(Part {
        id: text_member(value, "id")?,
        request: Request {
            id: outer.to_owned(),
            method: text_member(value, "method")?.to_ascii_uppercase(),
            path: format!("/v1.0/{}", path.trim_start_matches('/')),
            query: form(query),
            headers: headers
                .filter_map(|(name, value)| Some((name.to_ascii_lowercase(), value.as_str()?.to_owned())))
                .collect(),
            body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
        },
        after: member(value, "dependsOn")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|id| id.as_str().map(ToOwned::to_owned))
            .collect(),
    })
}

fn shown(id: &str, answer: &Answer) -> Value {
    let mut headers: BTreeMap<&str, &str> =
        answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    if answer.content_type.is_some() {
        headers.insert("Content-Type", "application/json");
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    json!({ "id": id, "status": answer.status, "headers": headers, "body": body })
}
