//! `/submissions/ID`: one file that was taken, and its rows, the failed ones first.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State as Given};
use axum::http::StatusCode;
use axum::response::Response;
use devicedrop_core::ids::{RegistrationId, SubmissionId};
use devicedrop_core::locale::Locale;
use devicedrop_core::shown::shown;
use devicedrop_core::state::State;
use maud::{Markup, html};

use super::super::record::{Page, Registration, Submission, Which};
use super::super::server::{Site, Visit};
use super::super::table::{self, Feed};
use super::super::words::{number, say, size};
use super::devices::{self, serial, standing};
use super::frame::{At, class, fact, frame, text, time};
use super::submissions::progress;
use super::{answer, nothing, unanswered};

/// Rows on a page.
const ROWS: usize = 100;

/// Rows that a download asks for at a time.
const AT_A_TIME: usize = 500;

/// `/submissions/{id}`.
pub(in crate::web) async fn page(
    Given(site): Given<Arc<Site>>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
) -> Response {
    let Ok(id) = id.parse::<SubmissionId>() else { return nothing(&visit) };
    let (which, page, l) = (which(&visit), visit.query.get("after").and_then(page_of), visit.locale);
    let found = site.ask(move |record| {
        let Some(submission) = record.submission(id)? else { return Ok(None) };
        Ok(Some((submission, record.submission_rows(id, which, page, ROWS + 1, l)?)))
    });
    match found.await {
        Ok(Some((submission, rows))) => answer(StatusCode::OK, whole(&visit, which, &submission, &rows)),
        Ok(None) => nothing(&visit),
        Err(why) => unanswered(&visit, &why),
    }
}

/// `/submissions/{id}/rows.csv`.
pub(in crate::web) async fn download(
    Given(site): Given<Arc<Site>>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
) -> Response {
    let Ok(id) = id.parse::<SubmissionId>() else { return nothing(&visit) };
    let Some(place) = site.lasting_place() else { return super::busy(&visit) };
    let (which, l) = (which(&visit), visit.locale);
    let body = Feed::body(async move |pieces| {
        let _place = place;
        let mut piece = table::begin(&devices::headings(l));
        let mut page = None;
        loop {
            pieces.send(piece).await?;
            let rows = site.ask(move |record| record.submission_rows(id, which, page, AT_A_TIME, l)).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            page = Some(page_behind(which, last));
            piece = table::lines(rows.iter().map(|row| devices::cells(l, row)));
        }
    });
    table::download(&format!("submission-{}", id.short()), body)
}

fn which(visit: &Visit) -> Which {
    visit.query.get("state").and_then(State::from_code).map_or(Which::All, Which::In)
}

/// Where a page begins, as it stands in the address: `f12` behind a row that failed, `r12` behind another.
fn page_of(text: &str) -> Option<Page> {
    let (failed, number) = match text.strip_prefix('f') {
        Some(number) => (true, number),
        None => (false, text.strip_prefix('r')?),
    };
    Some(Page { after: RegistrationId::new(number.parse().ok()?)?, failed })
}

fn page_behind(which: Which, row: &Registration) -> Page {
    Page { after: row.registration, failed: which == Which::All && row.state == State::Failed }
}

fn whole(visit: &Visit, which: Which, one: &Submission, rows: &[Registration]) -> Markup {
    let l = visit.locale;
    let name = shown(&one.file).to_string();
    let last = rows.get(ROWS - 1).filter(|_| rows.len() > ROWS).map(|row| {
        let Page { after, failed } = page_behind(which, row);
        format!("{}{}", if failed { 'f' } else { 'r' }, after.get())
    });
    let main = html! {
        p.crumb { a href="/submissions" { (say(l, "Submissions", "Inzendingen")) } }
        h1.outside { (name) }
        @if let Some(why) = &one.rejection {
            div.rejected {
                h2 { (say(l, "Rejected as a whole", "Als geheel afgewezen")) }
                p lang="en" { (shown(why).to_string()) }
            }
        } @else {
            div.progress.wide { (progress(l, one)) }
        }
        (facts(l, one))
        @if one.rows > 0 {
            (states(visit, which, one))
            @if rows.is_empty() {
                div.empty { h2 { (say(l, "No row is in this state", "Geen rij heeft deze status")) } }
            } @else {
                div.scroll { (table_of(l, rows.iter().take(ROWS))) }
            }
            nav.pager aria-label=(say(l, "Further rows", "Verdere rijen")) {
                @if visit.query.get("after").is_some() {
                    a href=(visit.query.without(&["after"]).on(&visit.path)) { (say(l, "First rows", "Eerste rijen")) }
                }
                @if let Some(last) = last {
                    a rel="next" href=(visit.query.with("after", Some(&last)).on(&visit.path)) {
                        (say(l, "Further rows", "Verdere rijen")) " →"
                    }
                }
            }
        }
    };
    frame(visit, At::Submissions, &name, &main)
}

fn facts(l: Locale, one: &Submission) -> Markup {
    html! {
        dl.facts {
            (fact(say(l, "Customer", "Klant"), &text(Some(one.customer.as_str()))))
            (fact(say(l, "Received", "Ontvangen"), &time(one.received_at)))
            @if one.completed_at.is_some() { (fact(say(l, "Completed", "Voltooid"), &time(one.completed_at))) }
            @if one.order_id.is_some() { (fact(say(l, "Order ID", "Order-id"), &text(one.order_id.as_deref()))) }
            @if one.purchase_id.is_some() {
                (fact(say(l, "Purchase ID", "Aankoop-id"), &text(one.purchase_id.as_deref())))
            }
            (fact(say(l, "Size", "Grootte"), &html! { (size(l, one.bytes)) }))
            (fact("SHA-256", &html! { code { (text(one.sha256.as_deref())) } }))
            (fact(say(l, "Submission ID", "Inzending-id"), &html! { code { (one.submission.to_string()) } }))
        }
    }
}

/// Which rows are shown, and which could be.
fn states(visit: &Visit, which: Which, one: &Submission) -> Markup {
    let l = visit.locale;
    let query = visit.query.without(&["after", "state"]);
    let there = [(State::Failed, one.failed > 0), (State::Pending, one.pending > 0), (State::Ready, one.ready > 0)];
    html! {
        div.tabs {
            ul aria-label=(say(l, "Rows by state", "Rijen per status")) {
                li {
                    a href=(query.on(&visit.path)) aria-current=[(which == Which::All).then_some("true")] {
                        (say(l, "All rows", "Alle rijen")) " " span.count { (number(l, one.rows)) }
                    }
                }
                @for (state, there) in there {
                    @if there || which == Which::In(state) {
                        li {
                            a href=(query.with("state", Some(state.code())).on(&visit.path))
                                aria-current=[(which == Which::In(state)).then_some("true")] {
                                span.{ "state " (class(state)) } { (l.state(state)) }
                            }
                        }
                    }
                }
            }
            a.download href=(visit.query.without(&["after"]).on(&format!("{}/rows.csv", visit.path))) download { "CSV" }
        }
    }
}

fn table_of<'a>(l: Locale, rows: impl Iterator<Item = &'a Registration>) -> Markup {
    html! {
        table.rows {
            thead {
                tr {
                    th.number scope="col" { (say(l, "Line", "Regel")) }
                    th scope="col" { (say(l, "Serial number", "Serienummer")) }
                    th scope="col" { (say(l, "Device", "Apparaat")) }
                    th scope="col" { (say(l, "State", "Status")) }
                    th scope="col" { (say(l, "Details", "Details")) }
                }
            }
            tbody {
                @for row in rows {
                    tr {
                        td.number data-label=(say(l, "Line", "Regel")) { (row.line) }
                        th.serial scope="row" {
                            a href={ "/devices/" (row.registration.get()) } { (serial(l, row)) }
                        }
                        td data-label=(say(l, "Device", "Apparaat")) {
                            (text(row.model.as_deref())) " " span.second { (text(row.manufacturer.as_deref())) }
                        }
                        td data-label=(say(l, "State", "Status")) { (standing(l, row)) }
                        td.details data-label=(say(l, "Details", "Details")) { (text(row.details.as_deref())) }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_begins_where_the_address_says() {
        let page = |text| page_of(text).map(|page| (page.after.get(), page.failed));
        assert_eq!(page("f12"), Some((12, true)));
        assert_eq!(page("r7"), Some((7, false)));
        for nonsense in ["", "f", "12", "r-1", "r0", "x3", "f99999999999999999999"] {
            assert_eq!(page(nonsense), None, "{nonsense}");
        }
    }
}
