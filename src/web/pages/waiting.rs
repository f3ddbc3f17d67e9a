//! `/waiting`: what waits and why, and what needs a person, from the same source as `status`.
//!
//! The daemon's sentences are English, as in `status`; what stands around them is in the visitor's language.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State as Given;
use axum::http::StatusCode;
use axum::response::Response;
use devicedrop_core::locale::Locale;
use devicedrop_core::shown::shown;
use maud::{Markup, html};

use super::super::record::Record;
use super::super::server::{Site, Visit};
use super::super::words::{number, say};
use super::frame::{At, fact, frame, time};
use super::{answer, unanswered};
use crate::control::protocol::{CustomerStatus, FolderState, Health, Problem, Status};

/// Waiting files and refused ones that are shown; further ones are counted.
const SHOWN: usize = 200;

/// `/waiting`.
pub(in crate::web) async fn page(Given(site): Given<Arc<Site>>, Extension(visit): Extension<Visit>) -> Response {
    match site.ask(Record::standing).await {
        Ok(status) => answer(StatusCode::OK, whole(&visit, &status)),
        Err(why) => unanswered(&visit, &why),
    }
}

fn whole(visit: &Visit, status: &Status) -> Markup {
    let l = visit.locale;
    let title = say(l, "What waits", "Wat wacht");
    let main = html! {
        h1 { (title) }
        (problems(l, &status.problems))
        (queue(l, status))
        (waiting(l, status))
        (refused(l, status))
        (customers(l, &status.customers))
    };
    frame(visit, At::Waiting, title, &main)
}

fn problems(l: Locale, problems: &[Problem]) -> Markup {
    html! {
        section aria-labelledby="problems" {
            h2 #problems { (say(l, "Needs a person", "Heeft iemand nodig")) }
            @if problems.is_empty() {
                p.well { (say(l, "Nothing does.", "Niets.")) }
            } @else {
                ul.problems {
                    @for problem in problems {
                        li {
                            p {
                                @if let Some(customer) = &problem.customer {
                                    strong { (shown(customer.as_str()).to_string()) } " "
                                }
                                @if let Some(file) = &problem.file { span.file { (shown(file).to_string()) } " " }
                                span lang="en" { (shown(&problem.what).to_string()) }
                            }
                            @if let Some(remedy) = &problem.remedy {
                                p.second lang="en" { (shown(remedy).to_string()) }
                            }
                            @if problem.since.is_some() {
                                p.second { (say(l, "since", "sinds")) " " (time(problem.since)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn queue(l: Locale, status: &Status) -> Markup {
    let registrar = &status.registrar;
    let (health, sign) = match registrar.health {
        Health::Unknown => (say(l, "not asked yet", "nog niets gevraagd"), "inactive"),
        Health::Working => (say(l, "working", "werkt"), "ready"),
        Health::Throttled => (say(l, "asked to be left alone for a while", "vraagt om even te wachten"), "pending"),
        Health::Unavailable => (say(l, "can't be reached", "niet bereikbaar"), "failed"),
        Health::Broken => (say(l, "needs a person", "heeft iemand nodig"), "failed"),
    };
    let queue = &status.queue;
    html! {
        section aria-labelledby="queue" {
            h2 #queue { (say(l, "Registrar and queue", "Registratiedienst en wachtrij")) }
            dl.facts {
                (fact(say(l, "Registrar", "Registratiedienst"), &html! {
                    span.{ "state " (sign) } { (shown(&registrar.kind).to_string()) ", " (health) }
                    @if let Some(why) = &registrar.why { p.second lang="en" { (shown(why).to_string()) } }
                }))
                (fact(say(l, "Rows pending", "Rijen in behandeling"), &html! { (number(l, queue.pending)) }))
                (fact(say(l, "Under way now", "Nu onderweg"), &html! { (number(l, queue.under_way)) }))
                (fact(say(l, "Tried, to be tried again", "Geprobeerd, nog eens te proberen"), &html! {
                    (number(l, queue.deferred))
                    @if queue.next_try_at.is_some() {
                        " " span.second { (say(l, "next at", "volgende om")) " " (time(queue.next_try_at)) }
                    }
                }))
                (fact(say(l, "In doubt", "In twijfel"), &html! { (number(l, queue.in_doubt)) }))
                (fact(say(l, "Results owed", "Nog te schrijven antwoorden"), &html! { (number(l, queue.results_owed)) }))
            }
        }
    }
}

fn waiting(l: Locale, status: &Status) -> Markup {
    let all: u64 = status.customers.iter().map(|customer| customer.waiting_files).sum();
    let heads = [
        say(l, "File", "Bestand"),
        say(l, "Customer", "Klant"),
        say(l, "Waits for", "Wacht op"),
        say(l, "Since", "Sinds"),
    ];
    let rows = status.waiting.iter().take(SHOWN).map(|one| (&one.file, &one.customer, &one.why, one.since));
    html! {
        section aria-labelledby="files" {
            h2 #files { (say(l, "Files that wait to be taken", "Bestanden die wachten")) }
            @if status.waiting.is_empty() {
                p.well { (say(l, "None.", "Geen.")) }
            } @else {
                (paths(heads, rows))
                (left_out(l, all, status.waiting.len().min(SHOWN)))
            }
        }
    }
}

fn refused(l: Locale, status: &Status) -> Markup {
    let heads = [
        say(l, "File", "Bestand"),
        say(l, "Customer", "Klant"),
        say(l, "Not taken because", "Niet aangenomen omdat"),
        say(l, "Since", "Sinds"),
    ];
    let rows = status.refused.iter().take(SHOWN).map(|one| (&one.file, &one.customer, &one.reason, one.at));
    html! {
        section aria-labelledby="refused" {
            h2 #refused { (say(l, "Files that aren't taken", "Bestanden die niet worden aangenomen")) }
            @if status.refused.is_empty() {
                p.well { (say(l, "None.", "Geen.")) }
            } @else {
                (paths(heads, rows))
                (left_out(l, status.refused_files, status.refused.len().min(SHOWN)))
            }
        }
    }
}

/// Paths, each with a sentence and a time.
fn paths<'a>(
    heads: [&'static str; 4],
    rows: impl Iterator<
        Item = (&'a String, &'a devicedrop_core::ids::CustomerKey, &'a String, devicedrop_core::time::Timestamp),
    >,
) -> Markup {
    let [_, customer_head, why_head, since_head] = heads;
    html! {
        div.scroll {
            table.rows {
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody {
                    @for (file, customer, why, since) in rows {
                        tr {
                            th.file scope="row" { (shown(file).to_string()) }
                            td data-label=(customer_head) { (shown(customer.as_str()).to_string()) }
                            td.details lang="en" data-label=(why_head) { (shown(why).to_string()) }
                            td.time data-label=(since_head) { (time(Some(since))) }
                        }
                    }
                }
            }
        }
    }
}

fn left_out(l: Locale, all: u64, shown: usize) -> Markup {
    let more = all.saturating_sub(u64::try_from(shown).unwrap_or(u64::MAX));
    html! { @if more > 0 { p.second { (say(l, "and", "en nog")) " " (number(l, more)) " " (say(l, "more", "andere")) } } }
}

fn customers(l: Locale, customers: &[CustomerStatus]) -> Markup {
    html! {
        section aria-labelledby="customers" {
            h2 #customers { (say(l, "Customers", "Klanten")) }
            @if customers.is_empty() {
                p.well { (say(l, "No customer yet: make a folder for one.", "Nog geen klant: maak er een map voor.")) }
            } @else {
                div.scroll { (customer_table(l, customers)) }
            }
        }
    }
}

fn customer_table(l: Locale, customers: &[CustomerStatus]) -> Markup {
    let [waiting, pending, ready, failed, owed] = [
        say(l, "Waiting files", "Wachtende bestanden"),
        say(l, "Pending", "In behandeling"),
        say(l, "Ready", "Klaar"),
        say(l, "Failed", "Mislukt"),
        say(l, "Results owed", "Nog te antwoorden"),
    ];
    html! {
        table.rows {
            thead {
                tr {
                    th scope="col" { (say(l, "Customer", "Klant")) }
                    th scope="col" { (say(l, "Drop folder", "Map")) }
                    @for head in [waiting, pending, ready, failed, owed] { th.number scope="col" { (head) } }
                    th scope="col" { (say(l, "Last activity", "Laatste activiteit")) }
                }
            }
            tbody {
                @for one in customers {
                    tr {
                        th scope="row" {
                            a href=(super::devices::of_customer(&one.customer)) { (shown(one.customer.as_str()).to_string()) }
                        }
                        td data-label=(say(l, "Drop folder", "Map")) { (folder(l, one)) }
                        td.number data-label=(waiting) { (number(l, one.waiting_files)) }
                        td.number data-label=(pending) { (number(l, one.pending)) }
                        td.number data-label=(ready) { (number(l, one.ready)) }
                        td.number data-label=(failed) { (number(l, one.failed)) }
                        td.number data-label=(owed) { (number(l, one.results_owed)) }
                        td.time data-label=(say(l, "Last activity", "Laatste activiteit")) { (time(one.last_activity)) }
                    }
                }
            }
        }
    }
}

fn folder(l: Locale, one: &CustomerStatus) -> Markup {
    let (told, sign) = match one.folder_state {
        _ if one.paused => (say(l, "paused", "gepauzeerd"), "pending"),
        FolderState::Online => (say(l, "read", "wordt gelezen"), "ready"),
        FolderState::Unknown => (say(l, "not looked at yet", "nog niet bekeken"), "inactive"),
        FolderState::Offline => (say(l, "offline", "offline"), "failed"),
        FolderState::Unreadable => (say(l, "can't be read", "niet leesbaar"), "failed"),
        FolderState::Unconfigured => (say(l, "no customer's", "van geen klant"), "inactive"),
    };
    let trouble = matches!(one.folder_state, FolderState::Offline | FolderState::Unreadable);
    html! {
        span.{ "state " (sign) } { (told) }
        @if let Some(detail) = one.folder_detail.as_ref().filter(|_| trouble) {
            " " span.second lang="en" { (shown(detail).to_string()) }
        }
    }
}
