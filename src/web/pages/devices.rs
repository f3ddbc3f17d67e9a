//! `/`: every row that was received, the newest first, and how many are in which state.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State as Given;
use axum::http::StatusCode;
use axum::response::Response;
use devicedrop_core::ids::{CustomerKey, RegistrationId};
use devicedrop_core::locale::Locale;
use devicedrop_core::shown::shown;
use devicedrop_core::state::{ErrorCode, State};
use devicedrop_core::time::Timestamp;
use maud::{Markup, html};

use super::super::address::Query;
use super::super::record::{Counts, Registration, RowFilter, Unanswered};
use super::super::server::{Site, Visit};
use super::super::table::{self, Feed};
use super::super::words::{number, say};
use super::frame::{At, class, frame, state, text, time};
use super::{answer, unanswered};

/// Rows on a page.
pub(in crate::web) const ROWS: usize = 50;

/// Rows that a download asks for at a time.
const AT_A_TIME: usize = 500;

/// A day in milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// All that the page shows.
struct Shown {
    counts: Counts,
    rows: Vec<Registration>,
    customers: Vec<CustomerKey>,
    folder: Option<String>,
}

/// `/`.
pub(in crate::web) async fn page(Given(site): Given<Arc<Site>>, Extension(visit): Extension<Visit>) -> Response {
    let filter = filter(&visit);
    let before = visit.query.get("before").and_then(|number| number.parse().ok()).and_then(RegistrationId::new);
    let asked = filter.clone();
    let shown = site
        .ask(move |record| {
            let rows = record.rows(&asked, before, ROWS + 1)?;
            let counts = record.counts(asked.customer.as_ref())?;
            let customers = record.customers()?;
            // Where the first file goes, for whoever has none yet.
            let none = rows.is_empty() && before.is_none() && asked == RowFilter::default();
            let folder = none.then(|| record.drop_root());
            Ok::<_, Unanswered>(Shown { counts, rows, customers, folder })
        })
        .await;
    match shown {
        Ok(shown) => answer(StatusCode::OK, devices(&visit, &filter, &shown)),
        Err(why) => unanswered(&visit, &why),
    }
}

/// `/devices.csv`.
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
            let rows = site.ask(move |record| record.rows(&asked, before, AT_A_TIME)).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            before = Some(last.registration);
            piece = table::lines(rows.iter().map(|row| cells(l, row)));
        }
    });
    table::download("devices", body)
}

/// The headings of rows as a CSV.
pub(super) fn headings(l: Locale) -> [&'static str; 14] {
    [
        say(l, "Manufacturer", "Fabrikant"),
        say(l, "Model", "Model"),
        say(l, "Serial Number", "Serienummer"),
        say(l, "State", "Status"),
        say(l, "Since (UTC)", "Sinds (UTC)"),
        say(l, "Error", "Fout"),
        say(l, "Error Details", "Details"),
        say(l, "Request ID", "Aanvraag-id"),
        say(l, "Customer", "Klant"),
        say(l, "Order ID", "Order-id"),
        say(l, "Purchase ID", "Aankoop-id"),
        say(l, "File", "Bestand"),
        say(l, "Line", "Regel"),
        say(l, "Registration", "Registratie"),
    ]
}

/// A row's cells under those.
pub(super) fn cells(l: Locale, row: &Registration) -> Vec<String> {
    let some = |text: &Option<String>| text.clone().unwrap_or_default();
    vec![
        some(&row.manufacturer),
        some(&row.model),
        some(&row.serial_number),
        l.state(row.state).to_owned(),
        row.since.map(|at| at.to_string()).unwrap_or_default(),
        row.error.map(|error| l.error(error).to_owned()).unwrap_or_default(),
        some(&row.details),
        some(&row.request_id),
        row.customer.to_string(),
        some(&row.order_id),
        some(&row.purchase_id),
        row.file.clone(),
        row.line.to_string(),
        row.registration.get().to_string(),
    ]
}

/// The address of a customer's devices.
pub(super) fn of_customer(customer: &CustomerKey) -> String {
    Query::default().with("customer", Some(customer.as_str())).on("/")
}

/// What stands in the address, as far as it can be understood.
pub(in crate::web) fn filter(visit: &Visit) -> RowFilter {
    let get = |name: &str| visit.query.get(name);
    RowFilter {
        customer: get("customer").and_then(|key| CustomerKey::parse(key).ok()),
        state: get("state").and_then(State::from_code),
        error: get("error").and_then(ErrorCode::from_code),
        order: get("order").map(str::to_owned),
        since: get("from").and_then(day),
        until: get("to").and_then(day).map(|at| Timestamp::from_unix_ms(at.unix_ms().saturating_add(DAY))),
        serial: get("serial").map(str::to_owned),
        superseded: get("superseded").is_some(),
    }
}

/// The beginning of a day, in UTC.
fn day(text: &str) -> Option<Timestamp> {
    format!("{text}T00:00:00Z").parse().ok()
}

fn devices(visit: &Visit, filter: &RowFilter, shown: &Shown) -> Markup {
    let l = visit.locale;
    let title = say(l, "Devices", "Apparaten");
    let main = html! {
        h1 { (title) }
        (counts(visit, filter, &shown.counts))
        (form(visit, filter, &shown.customers))
        @if shown.rows.is_empty() {
            (nothing(visit, filter, shown))
        } @else {
            (listed(l, shown.rows.iter().take(ROWS), shown.customers.len() > 1))
            (further(visit, &shown.rows))
        }
    };
    frame(visit, At::Devices, title, &main)
}

/// How many are in which state: each count leads to those it counts.
fn counts(visit: &Visit, filter: &RowFilter, counts: &Counts) -> Markup {
    let l = visit.locale;
    let query = visit.query.without(&["before"]);
    html! {
        ul.counts aria-label=(say(l, "Devices by state", "Apparaten per status")) {
            @for one in [State::Pending, State::Failed, State::Ready, State::Active, State::Inactive] {
                @let chosen = filter.state == Some(one);
                li {
                    a href=(query.with("state", (!chosen).then_some(one.code())).on("/"))
                        aria-current=[chosen.then_some("true")] {
                        span.{ "state " (class(one)) } { (l.state(one)) }
                        strong { (number(l, counts.of(one))) }
                    }
                }
            }
        }
    }
}

fn form(visit: &Visit, filter: &RowFilter, customers: &[CustomerKey]) -> Markup {
    let l = visit.locale;
    let get = |name: &str| visit.query.get(name);
    let more = ["error", "order", "from", "to", "superseded"].iter().any(|name| get(name).is_some());
    html! {
        form.filters method="get" action="/" role="search" data-live="true" {
            @if let Some(one) = filter.state { input type="hidden" name="state" value=(one.code()); }
            div.field.search {
                label for="serial" { (say(l, "Serial number", "Serienummer")) }
                input #serial type="search" name="serial" value=[get("serial")] autocomplete="off" spellcheck="false"
                    placeholder=(say(l, "begins with …", "begint met …"));
            }
            @if customers.len() > 1 || filter.customer.is_some() {
                div.field {
                    label for="customer" { (say(l, "Customer", "Klant")) }
                    select #customer name="customer" {
                        option value="" { (say(l, "All", "Alle")) }
                        @for key in customers {
                            option value=(key.as_str()) selected[filter.customer.as_ref() == Some(key)] { (shown(key.as_str()).to_string()) }
                        }
                    }
                }
            }
            details open[more] {
                summary { (say(l, "More filters", "Meer filters")) }
                div.more {
                    div.field {
                        label for="error" { (say(l, "Error", "Fout")) }
                        select #error name="error" {
                            option value="" { (say(l, "Any or none", "Met of zonder")) }
                            @for code in ErrorCode::ALL.iter().filter(|code| **code != ErrorCode::FileNotValid) {
                                option value=(code.code()) selected[filter.error == Some(*code)] { (l.error(*code)) }
                            }
                        }
                    }
                    div.field {
                        label for="order" { (say(l, "Order ID", "Order-id")) }
                        input #order name="order" value=[get("order")] autocomplete="off" spellcheck="false";
                    }
                    div.field {
                        label for="from" { (say(l, "Received from", "Ontvangen vanaf")) }
                        input #from type="date" name="from" value=[get("from")];
                    }
                    div.field {
                        label for="to" { (say(l, "to", "tot en met")) }
                        input #to type="date" name="to" value=[get("to")];
                    }
                    label.check {
                        input type="checkbox" name="superseded" value="1" checked[filter.superseded];
                        (say(l, "Failed rows of replaced files, too", "Ook mislukte rijen van vervangen bestanden"))
                    }
                }
            }
            div.acts {
                button type="submit" { (say(l, "Filter", "Filteren")) }
                @if *filter != RowFilter::default() { a href="/" { (say(l, "Clear", "Wissen")) } }
                a.download href=(visit.query.without(&["before"]).on("/devices.csv")) download { "CSV" }
            }
        }
    }
}

/// Rows as a table.
pub(super) fn listed<'a>(l: Locale, rows: impl Iterator<Item = &'a Registration>, customers: bool) -> Markup {
    html! {
        div.scroll {
            table.rows {
                thead {
                    tr {
                        th scope="col" { (say(l, "Serial number", "Serienummer")) }
                        th scope="col" { (say(l, "Device", "Apparaat")) }
                        @if customers { th scope="col" { (say(l, "Customer", "Klant")) } }
                        th scope="col" { (say(l, "State", "Status")) }
                        th scope="col" { (say(l, "Since", "Sinds")) }
                        th scope="col" { (say(l, "Order ID", "Order-id")) }
                        th scope="col" { (say(l, "File and line", "Bestand en regel")) }
                    }
                }
                tbody { @for row in rows { (line(l, row, customers)) } }
            }
        }
    }
}

fn line(l: Locale, row: &Registration, customers: bool) -> Markup {
    html! {
        tr {
            th.serial scope="row" { a href={ "/devices/" (row.registration.get()) } { (serial(l, row)) } }
            td data-label=(say(l, "Device", "Apparaat")) {
                (text(row.model.as_deref())) " "
                span.second { (text(row.manufacturer.as_deref())) }
            }
            @if customers { td data-label=(say(l, "Customer", "Klant")) { (shown(row.customer.as_str()).to_string()) } }
            td data-label=(say(l, "State", "Status")) { (standing(l, row)) }
            td.time data-label=(say(l, "Since", "Sinds")) { (time(row.since)) }
            td.id data-label=(say(l, "Order ID", "Order-id")) { (text(row.order_id.as_deref())) }
            td data-label=(say(l, "File", "Bestand")) {
                a.file href={ "/submissions/" (row.submission.to_string()) } { (shown(&row.file).to_string()) }
                span.second { ":" (row.line) }
            }
        }
    }
}

/// A row's serial number, or that it has none.
pub(super) fn serial(l: Locale, row: &Registration) -> Markup {
    html! {
        @match row.serial_number.as_deref().filter(|serial| !serial.is_empty()) {
            Some(serial) => (shown(serial).to_string()),
            None => em { (say(l, "none", "geen")) },
        }
    }
}

/// A row's state, and its error.
pub(super) fn standing(l: Locale, row: &Registration) -> Markup {
    html! {
        (state(l, row.state))
        @if let Some(error) = row.error {
            " " span.error.note[row.state != State::Failed] { (l.error(error)) }
        }
        @if row.superseded { " " span.second { (say(l, "the file was replaced", "het bestand is vervangen")) } }
    }
}

fn further(visit: &Visit, rows: &[Registration]) -> Markup {
    let l = visit.locale;
    let last = rows.get(ROWS - 1).filter(|_| rows.len() > ROWS).map(|row| row.registration.get().to_string());
    html! {
        nav.pager aria-label=(say(l, "Further devices", "Verdere apparaten")) {
            @if visit.query.get("before").is_some() {
                a href=(visit.query.without(&["before"]).on("/")) { (say(l, "Newest", "Nieuwste")) }
            }
            @if let Some(last) = last {
                a rel="next" href=(visit.query.with("before", Some(&last)).on("/")) { (say(l, "Older", "Ouder")) " →" }
            }
        }
    }
}

fn nothing(visit: &Visit, filter: &RowFilter, shown: &Shown) -> Markup {
    let l = visit.locale;
    html! {
        div.empty {
            @if let Some(root) = &shown.folder {
                h2 { (say(l, "No devices yet", "Nog geen apparaten")) }
                p {
                    (say(l, "Drop a CSV into a customer's folder in", "Zet een CSV in de map van een klant in"))
                    " " code { (devicedrop_core::shown::shown(root).to_string()) } "."
                }
                p.second { (say(l, "It appears here as soon as it is taken.", "Het verschijnt hier zodra het is aangenomen.")) }
            } @else if *filter == RowFilter::default() {
                h2 { (say(l, "No more devices", "Geen verdere apparaten")) }
            } @else {
                h2 { (say(l, "No device is like that", "Geen apparaat voldoet hieraan")) }
                p { a href="/" { (say(l, "Show all", "Alles tonen")) } }
            }
        }
    }
}
