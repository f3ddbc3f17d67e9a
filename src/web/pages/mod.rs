//! The pages. What all of them have around them is in `frame`; each page is a file beside it.

pub(super) mod device;
pub(super) mod devices;
mod frame;
pub(super) mod submission;
pub(super) mod submissions;
pub(super) mod waiting;

use axum::Extension;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::guard::Refused;
use super::record::Unanswered;
use super::server::Visit;
use super::words::say;
use frame::{At, frame};

/// A page with a status.
fn answer(status: StatusCode, page: Markup) -> Response {
    let mut response = (status, page.into_string()).into_response();
    let html = axum::http::HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(axum::http::header::CONTENT_TYPE, html);
    response
}

/// What is said where there is nothing.
pub(super) async fn missing(Extension(visit): Extension<Visit>) -> Response {
    nothing(&visit)
}

fn nothing(visit: &Visit) -> Response {
    let l = visit.locale;
    let title = say(l, "Nothing here", "Hier is niets");
    let page = html! {
        div.door {
            h1 { (title) }
            p { (say(l, "There is no such page, or what it showed isn't on record.",
                "Deze pagina bestaat niet, of wat zij toonde is niet vastgelegd.")) }
            p { a href="/" { (say(l, "To the devices", "Naar de apparaten")) } }
        }
    };
    answer(StatusCode::NOT_FOUND, frame(visit, At::Elsewhere, title, &page))
}

/// What is said where the record has no answer.
fn unanswered(visit: &Visit, why: &Unanswered) -> Response {
    let l = visit.locale;
    let title = say(l, "No answer now", "Nu geen antwoord");
    let told = match why {
        Unanswered::TooLong(_) => say(
            l,
            "This question takes too long to answer. Narrow it down: by customer, by a longer part of the serial number, or by date.",
            "Het antwoord op deze vraag duurt te lang. Maak de vraag kleiner: per klant, met een langer deel van het serienummer, of op datum.",
        ),
        Unanswered::Refused(_) => say(l, "This can't be asked so.", "Dit kan zo niet worden gevraagd."),
        Unanswered::Failed(error) => {
            tracing::warn!(error = %error, "the web page can't read the record");
            say(
                l,
                "The record can't be read at the moment. The daemon's log says why.",
                "De vastlegging kan op dit moment niet worden gelezen. Het logboek van de dienst zegt waarom.",
            )
        }
    };
    let page = html! { div.door role="alert" { h1 { (title) } p { (told) } } };
    answer(StatusCode::SERVICE_UNAVAILABLE, frame(visit, At::Elsewhere, title, &page))
}

/// What is said where too much is being downloaded already.
fn busy(visit: &Visit) -> Response {
    let l = visit.locale;
    let title = say(l, "Too many downloads at a time", "Te veel downloads tegelijk");
    let page = html! {
        div.door role="alert" {
            h1 { (title) }
            p { (say(l, "Wait until another one has ended.", "Wacht tot een andere klaar is.")) }
        }
    };
    answer(StatusCode::SERVICE_UNAVAILABLE, frame(visit, At::Elsewhere, title, &page))
}

/// What is said to whoever isn't let in.
pub(super) fn refused(visit: &Visit, why: Refused, gave_one: bool) -> Response {
    let l = visit.locale;
    let (title, told) = match why {
        Refused::Method => (
            say(l, "Read-only", "Alleen lezen"),
            say(
                l,
                "This page only shows, and takes no orders.",
                "Deze pagina toont alleen en neemt geen opdrachten aan.",
            ),
        ),
        Refused::Host => (
            say(l, "Not under this name", "Niet onder deze naam"),
            say(
                l,
                "devicedrop isn't reached under this name. Use the address that `devicedrop status` prints.",
                "devicedrop is niet bereikbaar onder deze naam. Gebruik het adres dat `devicedrop status` toont.",
            ),
        ),
        Refused::Token if gave_one => (
            say(l, "Another token", "Een ander token"),
            say(
                l,
                "This isn't the token of this devicedrop. `devicedrop status` prints the whole address.",
                "Dit is niet het token van deze devicedrop. `devicedrop status` toont het hele adres.",
            ),
        ),
        Refused::Token => (
            say(l, "Whose page is this?", "Van wie is deze pagina?"),
            say(
                l,
                "It is for those who run devicedrop. Open the whole address that `devicedrop status` prints, or give its token here.",
                "Zij is voor wie devicedrop beheert. Open het hele adres dat `devicedrop status` toont, of geef het token hier.",
            ),
        ),
    };
    let page = html! {
        div.door {
            h1 { (title) }
            p { (told) }
            @if why == Refused::Token {
                form.token method="get" action="/" {
                    label for="token" { "Token" }
                    input #token name="token" type="password" autocomplete="current-password" required;
                    button type="submit" { (say(l, "Open", "Openen")) }
                }
            }
        }
    };
    answer(why.status(), frame(visit, At::Outside, title, &page))
}
