//! The words for what a file that is checked would wait for: what lies beside it, or doesn't.

use super::suspicion::Told;
use super::{Language, number, order, quoted, words};
use crate::locale::Locale;
use crate::order::{BadOrderFile, OrderKey};

/// What a file that would be taken would wait for, or go without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitsFor {
    /// The marker of this name, which isn't there.
    Marker(String),
    /// The marker has another name in capital letters.
    RenamedMarker {
        /// The name that it should have.
        expected: String,
        /// The name that it has.
        found: String,
    },
    /// A newer marker: the one of this name is older than the file's last change.
    NewerMarker(String),
    /// Another marker: the one of this name was used for an earlier delivery.
    UnusedMarker(String),
    /// A marker that is a file: what has this name is a folder, a link, or may not be read.
    UsableMarker(String),
    /// Its content: the marker of this name has another one's SHA-256.
    Content(String),
    /// The order file of this name.
    OrderFile(String),
    /// Another order file: the one of this name was used for an earlier file.
    UnusedOrderFile {
        /// Its name.
        name: String,
        /// Whether the file can't go without.
        required: bool,
    },
    /// Nothing; but its order file says what nobody filled in.
    FilledInId {
        /// Its name.
        name: String,
        /// What for.
        key: OrderKey,
        /// What it says.
        found: String,
    },
    /// An order file that can be used.
    UsableOrderFile(BadOrderFile),
    /// Another day: with it the customer would be over the day's limit.
    NextDay {
        /// The bytes that were delivered today.
        bytes: u64,
        /// The rows.
        rows: u64,
    },
    /// The customer is paused.
    Unpausing,
}

impl WaitsFor {
    /// The word for it that programs can go by; it never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Marker(_) => "no_marker",
            Self::RenamedMarker { .. } => "marker_renamed",
            Self::NewerMarker(_) => "old_marker",
            Self::UnusedMarker(_) => "used_marker",
            Self::UsableMarker(_) => "bad_marker",
            Self::Content(_) => "other_content",
            Self::OrderFile(_) => "no_order_file",
            Self::UnusedOrderFile { .. } => "used_order_file",
            Self::FilledInId { .. } => "not_filled_in",
            Self::UsableOrderFile(_) => "bad_order_file",
            Self::NextDay { .. } => "day_limit",
            Self::Unpausing => "paused",
        }
    }

    /// Whether its sender would be told that it isn't taken, and it is no mere matter of waiting.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Content(_) | Self::UsableOrderFile(_))
    }
}

/// Says what a file would wait for and what to do.
pub fn waits_for(what: &WaitsFor, locale: Locale) -> Told {
    let language = Language::from(locale);
    let (what, help) = match what {
        WaitsFor::OrderFile(_)
        | WaitsFor::UnusedOrderFile { .. }
        | WaitsFor::FilledInId { .. }
        | WaitsFor::UsableOrderFile(_) => for_order_file(what, language),
        WaitsFor::NextDay { bytes, rows } => {
            let (bytes, rows) = (number(*bytes, language), number(*rows, language));
            (
                words!(
                    language,
                    "it would wait: it is more than the customer may still deliver today ({bytes} bytes and {rows} \
                     rows came already)",
                    "het zou wachten: het is meer dan de klant vandaag nog mag aanleveren ({bytes} bytes en {rows} \
                     rijen kwamen al)",
                ),
                words!(
                    language,
                    "it is taken by itself after midnight UTC; the limits are `per_customer_bytes_per_day` and \
                     `per_customer_rows_per_day`",
                    "het wordt na middernacht UTC vanzelf gelezen; de limieten zijn `per_customer_bytes_per_day` en \
                     `per_customer_rows_per_day`",
                ),
            )
        }
        WaitsFor::Unpausing => (
            words!(language, "it would wait: the customer is paused", "het zou wachten: de klant is gepauzeerd"),
            words!(
                language,
                "set `paused = false` in the customer's section of the configuration when it is to go on",
                "zet `paused = false` in de sectie van de klant in de configuratie als het verder mag",
            ),
        ),
        marker => for_marker(marker, language),
    };
    Told { what, help }
}

fn for_marker(what: &WaitsFor, language: Language) -> (String, String) {
    match what {
        WaitsFor::NewerMarker(name) => {
            let name = quoted(name);
            (
                words!(
                    language,
                    "it would wait: its marker {name} is older than its last change",
                    "het zou wachten: de markering {name} is ouder dan de laatste wijziging",
                ),
                write_anew(language),
            )
        }
        WaitsFor::UnusedMarker(name) => {
            let name = quoted(name);
            (
                words!(
                    language,
                    "it would wait: its marker {name} was used for an earlier delivery, and each counts once",
                    "het zou wachten: de markering {name} is al voor een eerdere levering gebruikt, en elke telt één keer",
                ),
                write_anew(language),
            )
        }
        WaitsFor::UsableMarker(name) => {
            let name = quoted(name);
            (
                words!(
                    language,
                    "it would wait: {name} isn't a file of its own that may be read, but a folder, a link or the like",
                    "het zou wachten: {name} is geen eigen, leesbaar bestand, maar een map, een koppeling of iets dergelijks",
                ),
                words!(
                    language,
                    "remove what stands there and write a file of that name",
                    "verwijder wat er staat en schrijf een bestand met die naam",
                ),
            )
        }
        WaitsFor::Marker(name) => {
            let name = quoted(name);
            (
                words!(
                    language,
                    "it would wait: its marker {name} isn't there",
                    "het zou wachten: de markering {name} is er niet",
                ),
                words!(
                    language,
                    "put an empty file of that name beside it when it is complete",
                    "leg er een leeg bestand met die naam naast zodra het af is",
                ),
            )
        }
        other => for_other_marker(other, language),
    }
}

/// A marker that isn't this file's.
fn for_other_marker(what: &WaitsFor, language: Language) -> (String, String) {
    match what {
        WaitsFor::RenamedMarker { expected, found } => {
            let (expected, found) = (quoted(expected), quoted(found));
            (
                words!(
                    language,
                    "it would wait: its marker has the name {found}, and capital and small letters count",
                    "het zou wachten: de markering heet {found}, en hoofdletters en kleine letters tellen mee",
                ),
                words!(language, "rename it to {expected}", "noem het {expected}"),
            )
        }
        WaitsFor::Content(name) => {
            let name = quoted(name);
            (
                words!(
                    language,
                    "it would not be taken: its marker {name} names the SHA-256 of another content",
                    "het zou niet worden aangenomen: de markering {name} noemt de SHA-256 van een andere inhoud",
                ),
                words!(
                    language,
                    "drop the file and its marker again, as they were sent",
                    "lever het bestand en de markering opnieuw aan, zoals ze zijn verstuurd",
                ),
            )
        }
        _ => (String::new(), String::new()),
    }
}

fn write_anew(language: Language) -> String {
    words!(language, "write the marker anew", "schrijf de markering opnieuw")
}

fn for_order_file(what: &WaitsFor, language: Language) -> (String, String) {
    match what {
        WaitsFor::OrderFile(name) => {
            let name = quoted(name);
            (
                words!(
                    language,
                    "it would wait: its order file {name} isn't there",
                    "het zou wachten: het orderbestand {name} is er niet",
                ),
                words!(
                    language,
                    "put it beside the CSV file, like {{\"order_id\": \"...\", \"purchase_id\": \"...\"}}",
                    "leg het naast het CSV-bestand, zoals {{\"order_id\": \"...\", \"purchase_id\": \"...\"}}",
                ),
            )
        }
        WaitsFor::UnusedOrderFile { name, required } => {
            let name = quoted(name);
            let what = match (required, language) {
                (true, Language::English) => {
                    format!("it would wait: its order file {name} was used for an earlier file")
                }
                (true, Language::Dutch) => {
                    format!("het zou wachten: het orderbestand {name} is al voor een eerder bestand gebruikt")
                }
                (false, Language::English) => format!(
                    "it would go without an order file: {name} was used for an earlier file, and each counts once"
                ),
                (false, Language::Dutch) => format!(
                    "het zou zonder orderbestand gaan: {name} is al voor een eerder bestand gebruikt, en elk telt één keer"
                ),
            };
            let help = words!(language, "write the order file anew", "schrijf het orderbestand opnieuw");
            (what, help)
        }
        WaitsFor::FilledInId { name, key, found } => {
            let (name, key, found) = (quoted(name), quoted(key.text()), quoted(found));
            (
                words!(
                    language,
                    "its order file {name} has {found} as its {key}, which looks as if nobody had filled it in",
                    "het orderbestand {name} heeft {found} als {key}, en dat ziet eruit alsof het niet is ingevuld",
                ),
                words!(
                    language,
                    "write the number of the order there, or leave {key} out",
                    "schrijf daar het nummer van de order, of laat {key} weg",
                ),
            )
        }
        WaitsFor::UsableOrderFile(bad) => {
            let name = quoted(&bad.name);
            let (why, remedy) = order::of_bad(bad, language);
            (
                words!(
                    language,
                    "it would not be taken: its order file {name} can't be used. {why}",
                    "het zou niet worden aangenomen: het orderbestand {name} is niet bruikbaar. {why}",
                ),
                remedy,
            )
        }
        _ => (String::new(), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::tests::both;
    use crate::order::OrderProblem;

    #[test]
    fn what_a_file_would_wait_for() {
        let marker = || "a.csv.done".to_owned();
        let order = || "a.order.json".to_owned();
        let bad = |problem| WaitsFor::UsableOrderFile(BadOrderFile { name: order(), problem, can_be_left_out: true });
        let samples = [
            WaitsFor::Marker("a\u{1b}.csv.done".to_owned()),
            WaitsFor::RenamedMarker { expected: marker(), found: "a.csv.DONE".to_owned() },
            WaitsFor::NewerMarker(marker()),
            WaitsFor::UnusedMarker(marker()),
            WaitsFor::UsableMarker(marker()),
            WaitsFor::Content(marker()),
            WaitsFor::OrderFile(order()),
            WaitsFor::UnusedOrderFile { name: order(), required: true },
            WaitsFor::UnusedOrderFile { name: order(), required: false },
            WaitsFor::FilledInId { name: order(), key: OrderKey::PurchaseId, found: "...".to_owned() },
            bad(OrderProblem::NotJson { line: 2, column: 15 }),
            bad(OrderProblem::OtherName { name: "A.ORDER.JSON".to_owned() }),
            bad(OrderProblem::Link),
            WaitsFor::NextDay { bytes: 12_345, rows: 678 },
            WaitsFor::Unpausing,
        ];
        let each = |what: &WaitsFor, locale| {
            let told = waits_for(what, locale);
            format!("{}: {} // {}", what.code(), told.what, told.help)
        };
        insta::assert_snapshot!(both(|locale| samples.iter().map(|what| each(what, locale)).collect()), @r#"
        no_marker: it would wait: its marker "a\u{1b}.csv.done" isn't there // put an empty file of that name beside it when it is complete
          no_marker: het zou wachten: de markering "a\u{1b}.csv.done" is er niet // leg er een leeg bestand met die naam naast zodra het af is
        marker_renamed: it would wait: its marker has the name "a.csv.DONE", and capital and small letters count // rename it to "a.csv.done"
          marker_renamed: het zou wachten: de markering heet "a.csv.DONE", en hoofdletters en kleine letters tellen mee // noem het "a.csv.done"
        old_marker: it would wait: its marker "a.csv.done" is older than its last change // write the marker anew
          old_marker: het zou wachten: de markering "a.csv.done" is ouder dan de laatste wijziging // schrijf de markering opnieuw
        used_marker: it would wait: its marker "a.csv.done" was used for an earlier delivery, and each counts once // write the marker anew
          used_marker: het zou wachten: de markering "a.csv.done" is al voor een eerdere levering gebruikt, en elke telt één keer // schrijf de markering opnieuw
        bad_marker: it would wait: "a.csv.done" isn't a file of its own that may be read, but a folder, a link or the like // remove what stands there and write a file of that name
          bad_marker: het zou wachten: "a.csv.done" is geen eigen, leesbaar bestand, maar een map, een koppeling of iets dergelijks // verwijder wat er staat en schrijf een bestand met die naam
        other_content: it would not be taken: its marker "a.csv.done" names the SHA-256 of another content // drop the file and its marker again, as they were sent
          other_content: het zou niet worden aangenomen: de markering "a.csv.done" noemt de SHA-256 van een andere inhoud // lever het bestand en de markering opnieuw aan, zoals ze zijn verstuurd
        no_order_file: it would wait: its order file "a.order.json" isn't there // put it beside the CSV file, like {"order_id": "...", "purchase_id": "..."}
          no_order_file: het zou wachten: het orderbestand "a.order.json" is er niet // leg het naast het CSV-bestand, zoals {"order_id": "...", "purchase_id": "..."}
        used_order_file: it would wait: its order file "a.order.json" was used for an earlier file // write the order file anew
          used_order_file: het zou wachten: het orderbestand "a.order.json" is al voor een eerder bestand gebruikt // schrijf het orderbestand opnieuw
        used_order_file: it would go without an order file: "a.order.json" was used for an earlier file, and each counts once // write the order file anew
          used_order_file: het zou zonder orderbestand gaan: "a.order.json" is al voor een eerder bestand gebruikt, en elk telt één keer // schrijf het orderbestand opnieuw
        not_filled_in: its order file "a.order.json" has "..." as its "purchase_id", which looks as if nobody had filled it in // write the number of the order there, or leave "purchase_id" out
          not_filled_in: het orderbestand "a.order.json" heeft "..." als "purchase_id", en dat ziet eruit alsof het niet is ingevuld // schrijf daar het nummer van de order, of laat "purchase_id" weg
        bad_order_file: it would not be taken: its order file "a.order.json" can't be used. It isn't valid JSON: something is wrong in line 2 at column 15. // Write it like {"order_id": "...", "purchase_id": "..."}, of which one may be left out, and drop it again, or remove it: no order file is needed here.
          bad_order_file: het zou niet worden aangenomen: het orderbestand "a.order.json" is niet bruikbaar. Het is geen geldige JSON: er klopt iets niet in regel 2 bij kolom 15. // Schrijf het als {"order_id": "...", "purchase_id": "..."}, waarvan er één mag ontbreken, en lever het opnieuw aan, of verwijder het: een orderbestand is hier niet nodig.
        bad_order_file: it would not be taken: its order file "a.order.json" can't be used. It has another name, "A.ORDER.JSON": every character counts, capitals and blanks too. // Rename it to "a.order.json", or remove it: no order file is needed here.
          bad_order_file: het zou niet worden aangenomen: het orderbestand "a.order.json" is niet bruikbaar. Het heeft een andere naam, "A.ORDER.JSON": elk teken telt mee, ook hoofdletters en spaties. // Geef het de naam "a.order.json", of verwijder het: een orderbestand is hier niet nodig.
        bad_order_file: it would not be taken: its order file "a.order.json" can't be used. It is a link, and links aren't followed. // Put a file of its own at that name, or remove it: no order file is needed here.
          bad_order_file: het zou niet worden aangenomen: het orderbestand "a.order.json" is niet bruikbaar. Het is een koppeling, en die worden niet gevolgd. // Zet een eigen bestand onder die naam, of verwijder het: een orderbestand is hier niet nodig.
        day_limit: it would wait: it is more than the customer may still deliver today (12,345 bytes and 678 rows came already) // it is taken by itself after midnight UTC; the limits are `per_customer_bytes_per_day` and `per_customer_rows_per_day`
          day_limit: het zou wachten: het is meer dan de klant vandaag nog mag aanleveren (12.345 bytes en 678 rijen kwamen al) // het wordt na middernacht UTC vanzelf gelezen; de limieten zijn `per_customer_bytes_per_day` en `per_customer_rows_per_day`
        paused: it would wait: the customer is paused // set `paused = false` in the customer's section of the configuration when it is to go on
          paused: het zou wachten: de klant is gepauzeerd // zet `paused = false` in de sectie van de klant in de configuratie als het verder mag
        "#);
    }
}
