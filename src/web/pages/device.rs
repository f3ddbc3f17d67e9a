//! `/devices/REGISTRATION_ID`: one row and all that is on record of it, in the order in which it happened.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State as Given};
use axum::http::StatusCode;
use axum::response::Response;
use devicedrop_core::ids::RegistrationId;
use devicedrop_core::locale::Locale;
use devicedrop_core::shown::shown;
use devicedrop_core::state::State;
use devicedrop_core::time::Timestamp;
use maud::{Markup, html};

use super::super::record::{Attempt, Change, Device};
use super::super::server::{Site, Visit};
use super::super::table;
use super::super::words::{cause, outcome, say};
use super::devices::{self, standing};
use super::frame::{At, class, fact, frame, state, text, time};
use super::{answer, nothing, unanswered};

async fn found(site: &Arc<Site>, visit: &Visit, number: &str) -> Result<Device, Response> {
    let Some(registration) = number.parse().ok().and_then(RegistrationId::new) else { return Err(nothing(visit)) };
    let l = visit.locale;
    match site.ask(move |record| record.device(registration, l)).await {
        Ok(Some(device)) => Ok(device),
        Ok(None) => Err(nothing(visit)),
        Err(why) => Err(unanswered(visit, &why)),
    }
}

/// `/devices/{registration}`.
pub(in crate::web) async fn page(
    Given(site): Given<Arc<Site>>,
    Extension(visit): Extension<Visit>,
    Path(number): Path<String>,
) -> Response {
    match found(&site, &visit, &number).await {
        Ok(device) => answer(StatusCode::OK, whole(&visit, &device)),
        Err(other) => other,
    }
}

/// `/devices/{registration}/history.csv`.
pub(in crate::web) async fn download(
    Given(site): Given<Arc<Site>>,
    Extension(visit): Extension<Visit>,
    Path(number): Path<String>,
) -> Response {
    let device = match found(&site, &visit, &number).await {
        Ok(device) => device,
        Err(other) => return other,
    };
    let l = visit.locale;
    let mut text = table::begin(&headings(l)).to_vec();
    text.extend_from_slice(&table::lines(events(&device).iter().map(|event| cells(l, event))));
    table::download(&format!("device-{}", device.row.registration.get()), text.into())
}

/// Something that happened: a change, with the attempt that brought it about, or an attempt that changed nothing.
#[derive(Debug, Clone, Copy)]
struct Event<'a> {
    change: Option<&'a Change>,
    attempt: Option<&'a Attempt>,
}

impl Event<'_> {
    fn at(&self) -> Option<Timestamp> {
        let attempt = self.attempt.and_then(|attempt| attempt.finished_at.or(attempt.started_at));
        self.change.and_then(|change| change.at).or(attempt)
    }
}

/// All that happened, the oldest first.
fn events(device: &Device) -> Vec<Event<'_>> {
    let told: Vec<Event<'_>> = device
        .changes
        .iter()
        .map(|change| Event {
            change: Some(change),
            attempt: device.attempts.iter().find(|attempt| Some(attempt.attempt) == change.attempt),
        })
        .collect();
    let silent = device.attempts.iter().filter(|attempt| {
        !told.iter().any(|event| event.attempt.is_some_and(|known| known.attempt == attempt.attempt))
    });
    let mut all: Vec<Event<'_>> =
        told.iter().copied().chain(silent.map(|attempt| Event { change: None, attempt: Some(attempt) })).collect();
    all.sort_by_key(Event::at);
    all
}

fn headings(l: Locale) -> [&'static str; 12] {
    [
        say(l, "Time (UTC)", "Tijd (UTC)"),
        say(l, "From", "Van"),
        say(l, "To", "Naar"),
        say(l, "Cause", "Oorzaak"),
        say(l, "By", "Door"),
        say(l, "Error", "Fout"),
        say(l, "Attempt", "Poging"),
        say(l, "Outcome", "Uitkomst"),
        say(l, "Registrar", "Registratiedienst"),
        say(l, "Answer", "Antwoord"),
        say(l, "Details", "Details"),
        say(l, "Request ID", "Aanvraag-id"),
    ]
}

fn cells(l: Locale, event: &Event<'_>) -> Vec<String> {
    let named = |state: Option<State>| state.map(|state| l.state(state).to_owned()).unwrap_or_default();
    let some = |text: Option<&String>| text.cloned().unwrap_or_default();
    let (change, attempt) = (event.change, event.attempt);
    let error = change.and_then(|change| change.error).or(attempt.and_then(|attempt| attempt.error));
    vec![
        event.at().map(|at| at.to_string()).unwrap_or_default(),
        named(change.and_then(|change| change.from)),
        named(change.map(|change| change.to)),
        change.map(|change| cause(l, &change.cause).to_owned()).unwrap_or_default(),
        some(change.and_then(|change| change.actor.as_ref())),
        error.map(|error| l.error(error).to_owned()).unwrap_or_default(),
        attempt.map(|attempt| attempt.number.to_string()).unwrap_or_default(),
        attempt.map(|attempt| outcome(l, attempt.outcome.as_deref()).to_owned()).unwrap_or_default(),
        some(attempt.map(|attempt| &attempt.registrar)),
        some(attempt.and_then(|attempt| attempt.answer.as_ref())),
        some(attempt.and_then(|attempt| attempt.details.as_ref())),
        some(attempt.and_then(|attempt| attempt.request_id.as_ref())),
    ]
}

fn whole(visit: &Visit, device: &Device) -> Markup {
    let l = visit.locale;
    let row = &device.row;
    let title = row.serial_number.as_deref().filter(|serial| !serial.is_empty()).map_or_else(
        || say(l, "Row without a serial number", "Rij zonder serienummer").to_owned(),
        |serial| shown(serial).to_string(),
    );
    let main = html! {
        p.crumb { a href="/" { (say(l, "Devices", "Apparaten")) } }
        h1.outside { (title) }
        p.now { (standing(l, row)) " " span.second { (say(l, "since", "sinds")) " " (time(row.since)) } }
        @if let Some(details) = &row.details { p.told.{ (class(row.state)) } { (shown(details).to_string()) } }
        dl.facts {
            (fact(say(l, "Manufacturer", "Fabrikant"), &text(row.manufacturer.as_deref())))
            (fact(say(l, "Model", "Model"), &text(row.model.as_deref())))
            (fact(say(l, "Customer", "Klant"), &text(Some(row.customer.as_str()))))
            (fact(say(l, "Came from", "Afkomstig uit"), &html! {
                a href={ "/submissions/" (row.submission.to_string()) } { (shown(&row.file).to_string()) }
                ", " (say(l, "line", "regel")) " " (row.line)
            }))
            @if row.order_id.is_some() { (fact(say(l, "Order ID", "Order-id"), &text(row.order_id.as_deref()))) }
            @if row.purchase_id.is_some() {
                (fact(say(l, "Purchase ID", "Aankoop-id"), &text(row.purchase_id.as_deref())))
            }
            @if row.request_id.is_some() {
                (fact(say(l, "Request ID", "Aanvraag-id"), &html! { code { (text(row.request_id.as_deref())) } }))
            }
            (fact(say(l, "Registration", "Registratie"), &html! { (row.registration.get()) }))
        }
        div.tabs {
            h2 { (say(l, "History", "Geschiedenis")) }
            a.download href={ (visit.path) "/history.csv" } download { "CSV" }
        }
        ol.timeline { @for event in events(device) { (moment(l, device, &event)) } }
        @if !device.others.is_empty() {
            h2 { (say(l, "Other rows of this device", "Andere rijen van dit apparaat")) }
            (devices::listed(l, device.others.iter(), false))
        }
    };
    frame(visit, At::Devices, &title, &main)
}

fn moment(l: Locale, device: &Device, event: &Event<'_>) -> Markup {
    let to = event.change.map(|change| change.to);
    html! {
        li.{ (to.map_or("tried", class)) } {
            div.when { (time(event.at())) }
            div.what {
                @match event.change {
                    Some(change) => { (changed(l, device, change)) }
                    None => {}
                }
                @if let Some(attempt) = event.attempt { (tried(l, attempt)) }
            }
        }
    }
}

fn changed(l: Locale, device: &Device, change: &Change) -> Markup {
    html! {
        p {
            (state(l, change.to))
            @if let Some(error) = change.error { " " span.error { (l.error(error)) } }
        }
        p.second {
            (cause(l, &change.cause))
            @if change.from.is_none() {
                " " (say(l, "in", "in")) " " (shown(&device.row.file).to_string()) ", "
                (say(l, "line", "regel")) " " (device.row.line)
            }
            @if let Some(actor) = &change.actor { ", " (shown(actor).to_string()) }
        }
    }
}

fn tried(l: Locale, attempt: &Attempt) -> Markup {
    let ids = [
        (say(l, "Request ID", "Aanvraag-id"), &attempt.request_id),
        (say(l, "Correlation ID", "Correlatie-id"), &attempt.correlation_id),
        (say(l, "Tracking ID", "Tracking-id"), &attempt.tracking_id),
        (say(l, "Answer", "Antwoord"), &attempt.answer),
    ];
    html! {
        div.attempt {
            p {
                (say(l, "Attempt", "Poging")) " " (attempt.number) " "
                (say(l, "with", "bij")) " " (shown(&attempt.registrar).to_string()) ": "
                (outcome(l, attempt.outcome.as_deref()))
                @if let Some(error) = attempt.error.filter(|_| attempt.outcome.as_deref() != Some("failed")) {
                    ", " (l.error(error))
                }
            }
            @if let Some(details) = attempt.details.as_ref().filter(|_| attempt.error.is_some() || attempt.outcome.as_deref() == Some("deferred")) {
                p.second lang="en" { (shown(details).to_string()) }
            }
            dl.ids {
                (fact(say(l, "Began", "Begonnen"), &time(attempt.started_at)))
                @if let Some(target) = &attempt.target {
                    (fact(say(l, "Sent to", "Verzonden naar"), &html! { code { (shown(target).to_string()) } }))
                }
                @for (name, value) in ids {
                    @if let Some(value) = value { (fact(name, &html! { code { (shown(value).to_string()) } })) }
                }
            }
        }
    }
}
