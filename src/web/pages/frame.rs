//! What stands around each page, and the small parts that several of them have.

use devicedrop_core::locale::Locale;
use devicedrop_core::shown::shown;
use devicedrop_core::state::State;
use devicedrop_core::time::Timestamp;
use maud::{DOCTYPE, Markup, html};

use crate::clock::{Clock, SystemClock};

use super::super::server::Visit;
use super::super::words::{LANGUAGES, moment, say};

/// Which page this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// The devices, or one of them.
    Devices,
    /// The submissions, or one of them.
    Submissions,
    /// What waits.
    Waiting,
    /// None that stands in the menu.
    Elsewhere,
    /// Before the door: no menu.
    Outside,
}

/// A whole page.
pub(super) fn frame(visit: &Visit, at: At, title: &str, main: &Markup) -> Markup {
    let l = visit.locale;
    html! {
        (DOCTYPE)
        html lang=(l.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · devicedrop" }
                link rel="icon" href="/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/style.css";
                @if at != At::Outside { script src="/script.js" defer {} }
            }
            body {
                a.skip href="#main" { (say(l, "To the content", "Naar de inhoud")) }
                header.top {
                    a.brand href="/" data-printed=(title) { "devicedrop" }
                    @if at != At::Outside { (menu(l, at)) }
                    (languages(visit))
                }
                main #main tabindex="-1" { (main) }
                footer.foot {
                    span {
                        (say(l, "As of", "Stand van")) " " span #asof { (time(Some(SystemClock.now()))) } " UTC. "
                        (say(l, "This page only shows; commands act.",
                            "Deze pagina toont alleen; handelen gaat met opdrachten."))
                    }
                    span.live #live role="status" aria-live="polite"
                        data-on=(say(l, "Live", "Live"))
                        data-off=(say(l, "Connection lost, trying again", "Verbinding verbroken, wordt hersteld")) {}
                }
            }
        }
    }
}

fn menu(l: Locale, at: At) -> Markup {
    let pages = [
        (At::Devices, "/", say(l, "Devices", "Apparaten")),
        (At::Submissions, "/submissions", say(l, "Submissions", "Inzendingen")),
        (At::Waiting, "/waiting", say(l, "What waits", "Wat wacht")),
    ];
    html! {
        nav aria-label=(say(l, "Pages", "Pagina's")) {
            ul {
                @for (page, address, name) in pages {
                    li { a href=(address) aria-current=[(page == at).then_some("page")] { (name) } }
                }
            }
        }
    }
}

fn languages(visit: &Visit) -> Markup {
    let other = LANGUAGES.into_iter().filter(|(locale, _)| *locale != visit.locale);
    html! {
        div.languages {
            @for (locale, name) in other {
                a href=(visit.query.without(&["token"]).with("lang", Some(locale.code())).on(&visit.path))
                    lang=(locale.code()) hreflang=(locale.code()) rel="nofollow" { (name) }
            }
        }
    }
}

/// A state, as a dot and a word.
pub(super) fn state(l: Locale, state: State) -> Markup {
    html! { span.{ "state " (class(state)) } { (l.state(state)) } }
}

/// What the stylesheet calls a state.
pub(super) fn class(state: State) -> &'static str {
    match state {
        State::Pending => "pending",
        State::Failed => "failed",
        State::Ready => "ready",
        State::Active => "active",
        State::Inactive => "inactive",
    }
}

/// A time, for people and for machines.
pub(super) fn time(at: Option<Timestamp>) -> Markup {
    html! { @if let Some(at) = at { time datetime=(at.to_string()) { (moment(at)) } } @else { span.none { "–" } } }
}

/// A name and what it has, for a list of such.
pub(super) fn fact(name: &str, value: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// Text from outside; a dash where there is none.
pub(super) fn text(text: Option<&str>) -> Markup {
    html! {
        @match text.filter(|text| !text.is_empty()) {
            Some(text) => (shown(text).to_string()),
            None => span.none { "–" },
        }
    }
}
