//! `/api/v1/...`: the contract's views as JSON, for programs. Their keys are the views' columns, and so are the filters.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State as Given;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::record::{Ask, Rows, Table, Unanswered};
use super::server::{Site, Visit};

/// Rows of an answer where nothing else is asked for.
const ROWS: usize = 100;

/// More rows don't come at a time.
const ROWS_MAX: usize = 1_000;

/// The tables, each with its last part of the address.
const TABLES: [(Table, &str); 5] = [
    (Table::Submissions, "submissions"),
    (Table::Registrations, "registrations"),
    (Table::Attempts, "attempts"),
    (Table::Transitions, "transitions"),
    (Table::Devices, "devices"),
];

/// `/api/v1/{table}`.
pub(super) async fn table(Given(site): Given<Arc<Site>>, Extension(visit): Extension<Visit>) -> Response {
    let name = visit.path.rsplit('/').next().unwrap_or_default();
    let Some((table, _)) = TABLES.into_iter().find(|(_, known)| *known == name) else {
        let known = TABLES.map(|(_, name)| name).join(", ");
        return refused(StatusCode::NOT_FOUND, &format!("there is no table {name:?}; there are: {known}, events"));
    };
    let limit = match visit.query.get("limit").map(str::parse) {
        None => ROWS,
        Some(Ok(limit)) if (1..=ROWS_MAX).contains(&limit) => limit,
        Some(_) => return refused(StatusCode::BAD_REQUEST, &format!("limit is a number from 1 to {ROWS_MAX}")),
    };
    let after = visit.query.get("after").map(str::to_owned);
    let filters = visit.query.pairs().filter(|(name, _)| !matches!(*name, "limit" | "after"));
    let filters = filters.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let ask = Ask { table, filters, after, limit };
    match site.ask(move |record| record.table(&ask)).await {
        Ok(rows) => answer(StatusCode::OK, &told(rows)),
        Err(why @ Unanswered::Refused(_)) => refused(StatusCode::BAD_REQUEST, &why.to_string()),
        Err(why @ (Unanswered::TooLong(_) | Unanswered::Failed(_))) => {
            refused(StatusCode::SERVICE_UNAVAILABLE, &why.to_string())
        }
    }
}

fn told(Rows { columns, rows, next }: Rows) -> Value {
    let rows: Vec<Value> = rows
        .into_iter()
        .map(|row| columns.iter().map(|column| (*column).to_owned()).zip(row).collect::<Map<_, _>>().into())
        .collect();
    json!({ "rows": rows, "next": next })
}

fn refused(status: StatusCode, why: &str) -> Response {
    answer(status, &json!({ "error": why }))
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, body.to_string()).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
