//! `/submissions`: every file that was taken, the newest first, and how far its rows are.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State as Given;
use axum::http::StatusCode;
use axum::response::Response;
use devicedrop_core::ids::{CustomerKey, SubmissionId};
use devicedrop_core::locale::Locale;
use devicedrop_core::shown::shown;
use maud::{Markup, html};

use super::super::record::{Submission, SubmissionFilter};
use super::super::server::{Site, Visit};
use super::super::table::{self, Feed};
use super::super::words::{number, say};
use super::frame::{At, frame, text, time};
use super::{answer, unanswered};

/// Submissions on a page.
const SUBMISSIONS: usize = 50;

/// Submissions that a download asks for at a time.
const AT_A_TIME: usize = 500;

fn filter(visit: &Visit) -> SubmissionFilter {
    SubmissionFilter { customer: visit.query.get("customer").and_then(|key| CustomerKey::parse(key).ok()) }
}

/// `/submissions`.
pub(in crate::web) async fn page(Given(site): Given<Arc<Site>>, Extension(visit): Extension<Visit>) -> Response {
    let filter = filter(&visit);
    let before: Option<SubmissionId> = visit.query.get("before").and_then(|id| id.parse().ok());
    let asked = filter.clone();
    let found = site.ask(move |record| {
        Ok((record.submissions(&asked, before, SUBMISSIONS + 1)?, record.customers()?, record.drop_root()))
    });
    match found.await {
        Ok((found, customers, root)) => {
            answer(StatusCode::OK, submissions(&visit, &filter, &found, &customers, &root))
        }
        Err(why) => unanswered(&visit, &why),
    }
}

/// `/submissions.csv`.
pub(in crate::web) async fn download(Given(site): Given<Arc<Site>>, Extension(visit): Extension<Visit>) -> Response {
    let Some(place) = site.lasting_place() else { return super::busy(&visit) };
    let (filter, l) = (filter(&visit), visit.locale);
    let body = Feed::body(async move |pieces| {
        let _place = place;
        let mut piece = table::begin(&headings(l));
        let mut before = None;
        loop {
            pieces.send(piece).await?;
            let asked = filter.clone();
            let found = site.ask(move |record| record.submissions(&asked, before, AT_A_TIME)).await?;
            let Some(last) = found.last() else { return Ok(()) };
            before = Some(last.submission);
            piece = table::lines(found.iter().map(cells));
        }
    });
    table::download("submissions", body)
}

fn headings(l: Locale) -> [&'static str; 13] {
    [
        say(l, "Received (UTC)", "Ontvangen (UTC)"),
        say(l, "Customer", "Klant"),
        say(l, "File", "Bestand"),
        say(l, "Order ID", "Order-id"),
        say(l, "Purchase ID", "Aankoop-id"),
        say(l, "Rows", "Rijen"),
        say(l, "Pending", "In behandeling"),
        say(l, "Ready", "Klaar"),
        say(l, "Failed", "Mislukt"),
        say(l, "Rejected because", "Afgewezen omdat"),
        say(l, "Completed (UTC)", "Voltooid (UTC)"),
        "SHA-256",
        say(l, "Submission ID", "Inzending-id"),
    ]
}

fn cells(one: &Submission) -> Vec<String> {
    let some = |text: &Option<String>| text.clone().unwrap_or_default();
    vec![
        one.received_at.map(|at| at.to_string()).unwrap_or_default(),
        one.customer.to_string(),
        one.file.clone(),
        some(&one.order_id),
        some(&one.purchase_id),
        one.rows.to_string(),
        one.pending.to_string(),
        one.ready.to_string(),
        one.failed.to_string(),
        some(&one.rejection),
        one.completed_at.map(|at| at.to_string()).unwrap_or_default(),
        some(&one.sha256),
        one.submission.to_string(),
    ]
}

fn submissions(
    visit: &Visit,
    filter: &SubmissionFilter,
    found: &[Submission],
    customers: &[CustomerKey],
    root: &str,
) -> Markup {
    let l = visit.locale;
    let title = say(l, "Submissions", "Inzendingen");
    let last = found.get(SUBMISSIONS - 1).filter(|_| found.len() > SUBMISSIONS).map(|one| one.submission.to_string());
    let main = html! {
        h1 { (title) }
        form.filters method="get" action="/submissions" data-live="true" {
            @if customers.len() > 1 || filter.customer.is_some() {
                div.field {
                    label for="customer" { (say(l, "Customer", "Klant")) }
                    select #customer name="customer" {
                        option value="" { (say(l, "All", "Alle")) }
                        @for key in customers {
                            option value=(key.as_str()) selected[filter.customer.as_ref() == Some(key)] {
                                (shown(key.as_str()).to_string())
                            }
                        }
                    }
                }
            }
            div.acts {
                @if customers.len() > 1 || filter.customer.is_some() {
                    button type="submit" { (say(l, "Filter", "Filteren")) }
                }
                @if filter.customer.is_some() { a href="/submissions" { (say(l, "Clear", "Wissen")) } }
                a.download href=(visit.query.without(&["before"]).on("/submissions.csv")) download { "CSV" }
            }
        }
        @if found.is_empty() {
            div.empty {
                h2 { (say(l, "No submissions", "Geen inzendingen")) }
                p {
                    (say(l, "Drop a CSV into a customer's folder in", "Zet een CSV in de map van een klant in"))
                    " " code { (shown(root).to_string()) } "."
                }
            }
        } @else {
            div.scroll { (list(l, found.iter().take(SUBMISSIONS))) }
            nav.pager aria-label=(say(l, "Further submissions", "Verdere inzendingen")) {
                @if visit.query.get("before").is_some() {
                    a href=(visit.query.without(&["before"]).on("/submissions")) { (say(l, "Newest", "Nieuwste")) }
                }
                @if let Some(last) = last {
                    a rel="next" href=(visit.query.with("before", Some(&last)).on("/submissions")) {
                        (say(l, "Older", "Ouder")) " →"
                    }
                }
            }
        }
    };
    frame(visit, At::Submissions, title, &main)
}

fn list<'a>(l: Locale, found: impl Iterator<Item = &'a Submission>) -> Markup {
    let label = [
        say(l, "File", "Bestand"),
        say(l, "Customer", "Klant"),
        say(l, "Received", "Ontvangen"),
        say(l, "Order ID", "Order-id"),
        say(l, "Rows", "Rijen"),
        say(l, "Progress", "Voortgang"),
    ];
    let [file, customer, received, order, rows, progress_label] = label;
    html! {
        table.rows {
            thead { tr { @for name in label { th.number[name == rows] scope="col" { (name) } } } }
            tbody {
                @for one in found {
                    tr {
                        th.file scope="row" data-label=(file) {
                            a href={ "/submissions/" (one.submission.to_string()) } { (shown(&one.file).to_string()) }
                        }
                        td data-label=(customer) { (shown(one.customer.as_str()).to_string()) }
                        td.time data-label=(received) { (time(one.received_at)) }
                        td.id data-label=(order) { (text(one.order_id.as_deref())) }
                        td.number data-label=(rows) { (number(l, one.rows)) }
                        td.progress data-label=(progress_label) { (progress(l, one)) }
                    }
                }
            }
        }
    }
}

/// How far a submission's rows are, as a bar and in words.
pub(super) fn progress(l: Locale, one: &Submission) -> Markup {
    // In thousandths of the bar; what there is of shows, if only as a hair.
    let part = |count: u64| match (count, one.rows) {
        (0, _) | (_, 0) => 0,
        (count, rows) => (count.saturating_mul(1_000) / rows).max(6),
    };
    let (ready, failed) = (part(one.ready), part(one.failed));
    html! {
        @if one.rejection.is_some() {
            span.state.failed { (say(l, "Rejected", "Afgewezen")) }
        } @else {
            svg.bar viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
                rect.rest width="1000" height="10" {}
                rect.ready width=(ready) height="10" {}
                rect.failed x=(1_000_u64.saturating_sub(failed)) width=(failed) height="10" {}
            }
            span.told { (in_words(l, one)) }
        }
    }
}

/// The same in words alone.
fn in_words(l: Locale, one: &Submission) -> String {
    let count =
        |count: u64, en: &str, nl: &str| (count > 0).then(|| format!("{} {}", number(l, count), say(l, en, nl)));
    let parts = [
        count(one.ready, "ready", "klaar"),
        count(one.failed, "failed", "mislukt"),
        count(one.pending, "pending", "in behandeling"),
    ];
    let told: Vec<String> = parts.into_iter().flatten().collect();
    if told.is_empty() { say(l, "no rows", "geen rijen").to_owned() } else { told.join(", ") }
}
