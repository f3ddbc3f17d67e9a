//! The words around what a check finds: why a file would not be taken, the labels, the verdict.

use super::{Language, Notice, notice, number, words};
use crate::locale::Locale;
use crate::name::Ignored;

/// Why a file would not be taken as it lies there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken<'a> {
    /// It is a folder.
    Folder,
    /// It is no regular file.
    NotRegular,
    /// It is reached by a link.
    Link,
    /// It lies in a folder that is a link.
    LinkedFolder,
    /// It lies in no customer's drop folder.
    NoCustomer,
    /// It lies in a folder whose name, which would be its order ID, is blank.
    BlankFolder,
    /// By its name it is a result file.
    OurOutput,
    /// By its name it is a receipt.
    Receipt,
    /// By its name it is the order file of a CSV.
    OrderFile,
    /// By its name it is the marker of a CSV.
    Marker,
    /// By its name it was probably meant to be a marker.
    OtherMarker,
    /// Files of its name, or in a folder of that name, are ignored.
    Ignored(Ignored),
    /// Something that its sender would be told of.
    Notice(&'a Notice<'a>),
}

impl NotTaken<'_> {
    /// The word for it that programs can go by; it never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::NotRegular => "no_file",
            Self::Link => "link",
            Self::LinkedFolder => "linked_folder",
            Self::NoCustomer => "no_customer",
            Self::BlankFolder => "blank_folder",
            Self::OurOutput | Self::Receipt => "our_output",
            Self::OrderFile => "order_file",
            Self::Marker | Self::OtherMarker => "marker",
            Self::Ignored(Ignored::IgnoredFolder | Ignored::LeadingUnderscore) => "ignored_folder",
            Self::Ignored(_) => "ignored_name",
            Self::Notice(Notice::NotACsv(_)) => "not_a_csv",
            Self::Notice(Notice::TooDeep { .. }) => "too_deep",
            Self::Notice(Notice::SecondLink) => "second_link",
            Self::Notice(_) => "left_alone",
        }
    }
}

/// Says why a file would not be taken and what to do. What a sender would be told says both at once.
pub fn not_taken(why: &NotTaken<'_>, locale: Locale) -> (String, Option<String>) {
    let language = Language::from(locale);
    let (what, help) = match why {
        NotTaken::Notice(told) => return (notice(told, locale), None),
        NotTaken::Ignored(why) => return (ignored(*why, language), Some(ignored_help(*why, language))),
        NotTaken::Folder => (
            words!(language, "this is a folder", "dit is een map"),
            words!(language, "name the files in it", "noem de bestanden erin"),
        ),
        NotTaken::NotRegular => (
            words!(
                language,
                "this is no regular file, so it would not be taken",
                "dit is geen gewoon bestand en wordt dus niet gelezen",
            ),
            words!(language, "copy its content into a file", "kopieer de inhoud naar een bestand"),
        ),
        NotTaken::Link => (
            words!(
                language,
                "this is a link, and nothing is taken that a link leads to",
                "dit is een koppeling, en waar een koppeling naar verwijst wordt niet gelezen",
            ),
            words!(language, "drop a copy of the file in its place", "lever in plaats ervan een kopie aan"),
        ),
        NotTaken::LinkedFolder => (
            words!(
                language,
                "this lies in a folder that is a link, and nothing is taken that a link leads to",
                "dit ligt in een map die een koppeling is, en waar een koppeling naar verwijst wordt niet gelezen",
            ),
            words!(language, "put the folder itself there", "zet de map zelf daar neer"),
        ),
        NotTaken::NoCustomer => (
            words!(
                language,
                "this lies in no customer's drop folder, so nobody would look at it",
                "dit ligt in geen enkele aanlevermap van een klant, dus wordt er niet naar gekeken",
            ),
            words!(
                language,
                "put it into a customer's folder (devicedrop customer list)",
                "leg het in de map van een klant (devicedrop customer list)",
            ),
        ),
        NotTaken::BlankFolder => blank_folder(language),
        NotTaken::OurOutput => (
            words!(
                language,
                "by its name this is a result file, which is never taken",
                "volgens de naam is dit een resultaatbestand, en dat wordt nooit gelezen",
            ),
            words!(language, "save it under a name without `.result`", "sla het op onder een naam zonder `.result`",),
        ),
        NotTaken::Receipt | NotTaken::OrderFile | NotTaken::Marker | NotTaken::OtherMarker => {
            beside_a_csv(why, language)
        }
    };
    (what, Some(help))
}

/// What belongs to a CSV file and is none itself.
fn beside_a_csv(why: &NotTaken<'_>, language: Language) -> (String, String) {
    let what = match why {
        NotTaken::Receipt => words!(
            language,
            "by its name this is the receipt for a CSV file, no list of devices",
            "volgens de naam is dit het ontvangstbewijs van een CSV-bestand, geen lijst van apparaten",
        ),
        NotTaken::OrderFile => words!(
            language,
            "by its name this is the order file of a CSV file, no list of devices",
            "volgens de naam is dit het orderbestand van een CSV-bestand, geen lijst van apparaten",
        ),
        NotTaken::OtherMarker => {
            return (
                words!(
                    language,
                    "by its name this was meant to be the marker of a CSV file, and it isn't",
                    "volgens de naam was dit bedoeld als markering van een CSV-bestand, maar dat is het niet",
                ),
                words!(
                    language,
                    "a marker has the whole name of its CSV file and .done behind it: devices.csv.done",
                    "een markering heeft de hele naam van het CSV-bestand met .done erachter: devices.csv.done",
                ),
            );
        }
        _ => words!(
            language,
            "by its name this is the marker of a CSV file, no list of devices",
            "volgens de naam is dit de markering van een CSV-bestand, geen lijst van apparaten",
        ),
    };
    (what, words!(language, "check the CSV file beside it", "controleer het CSV-bestand ernaast"))
}

fn blank_folder(language: Language) -> (String, String) {
    (
        words!(
            language,
            "the name of its folder, which would be its order ID, holds nothing but blanks",
            "de naam van de map, die de order-ID zou zijn, bestaat alleen uit spaties",
        ),
        words!(language, "name the folder after the order", "noem de map naar de order"),
    )
}

fn ignored(why: Ignored, language: Language) -> String {
    match why {
        Ignored::LeadingDot => words!(
            language,
            "it would be ignored: its name, or its folder's, begins with a full stop",
            "het wordt overgeslagen: de naam ervan, of van de map, begint met een punt",
        ),
        Ignored::LeadingTilde => words!(
            language,
            "it would be ignored: its name begins with ~",
            "het wordt overgeslagen: de naam begint met ~",
        ),
        Ignored::LeadingUnderscore => words!(
            language,
            "it would be ignored: its folder's name begins with _",
            "het wordt overgeslagen: de naam van de map begint met _",
        ),
        Ignored::Unfinished(ending) => words!(
            language,
            "it would be ignored: its name ends in {ending}, as that of a file that isn't complete yet",
            "het wordt overgeslagen: de naam eindigt op {ending}, zoals bij een bestand dat nog niet af is",
        ),
        Ignored::IgnoredFolder => words!(
            language,
            "it would be ignored: its folder stands in ignore_folders",
            "het wordt overgeslagen: de map staat in ignore_folders",
        ),
        Ignored::OtherName => words!(
            language,
            "it would be ignored: its name doesn't end in .csv",
            "het wordt overgeslagen: de naam eindigt niet op .csv",
        ),
    }
}

fn ignored_help(why: Ignored, language: Language) -> String {
    match why {
        Ignored::IgnoredFolder | Ignored::LeadingUnderscore => words!(
            language,
            "drop it directly in the drop folder, or in a folder with another name",
            "leg het rechtstreeks in de aanlevermap, of in een map met een andere naam",
        ),
        Ignored::Unfinished(_) => words!(
            language,
            "give it a name that ends in .csv when it is complete",
            "geef het een naam die op .csv eindigt zodra het af is",
        ),
        _ => words!(
            language,
            "give it a name that ends in .csv and begins with neither . nor ~",
            "geef het een naam die op .csv eindigt en niet met . of ~ begint",
        ),
    }
}

/// What stands before and behind findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// Before something that would be refused.
    Error,
    /// Before something that looks wrong.
    Warning,
    /// Before what to do.
    Help,
    /// How many more findings there are like the one above.
    MoreLikeThis(u64),
    /// How many devices were compared with each other, where that wasn't all.
    Compared(u64),
    /// How many rows there are.
    Rows(u64),
    /// The file would not be taken.
    WouldNotBeTaken,
    /// The whole file would be rejected.
    WouldBeRejected,
    /// So many rows would be refused, and so much more looks wrong.
    WouldBeRefused(u64, u64),
}

/// The words of a label.
pub fn label(label: Label, locale: Locale) -> String {
    let language = Language::from(locale);
    match label {
        Label::Error => words!(language, "error", "fout"),
        Label::Warning => words!(language, "warning", "waarschuwing"),
        Label::Help => words!(language, "help", "advies"),
        Label::MoreLikeThis(1) => {
            words!(language, "and 1 more line like this", "en nog 1 regel zoals deze")
        }
        Label::MoreLikeThis(more) => {
            let more = number(more, language);
            words!(language, "and {more} more lines like this", "en nog {more} regels zoals deze")
        }
        Label::Compared(devices) => {
            let devices = number(devices, language);
            words!(
                language,
                "rows that stand twice were looked for among the first {devices} devices only",
                "naar dubbele rijen is alleen gezocht onder de eerste {devices} apparaten",
            )
        }
        Label::Rows(1) => words!(language, "1 row", "1 rij"),
        Label::Rows(rows) => {
            let rows = number(rows, language);
            words!(language, "{rows} rows", "{rows} rijen")
        }
        Label::WouldNotBeTaken => {
            words!(language, "the file would not be taken", "het bestand zou niet worden gelezen")
        }
        Label::WouldBeRejected => {
            words!(language, "the whole file would be rejected", "het hele bestand zou worden geweigerd")
        }
        Label::WouldBeRefused(0, 0) => {
            words!(language, "nothing would be refused", "er zou niets worden geweigerd")
        }
        Label::WouldBeRefused(0, wrong) => {
            let wrong = number(wrong, language);
            words!(
                language,
                "nothing would be refused, {wrong} to look at",
                "er zou niets worden geweigerd; na te kijken: {wrong}",
            )
        }
        Label::WouldBeRefused(refused, 0) => {
            let refused = number(refused, language);
            words!(language, "{refused} would be refused", "zou worden geweigerd: {refused}")
        }
        Label::WouldBeRefused(refused, wrong) => {
            let (refused, wrong) = (number(refused, language), number(wrong, language));
            words!(
                language,
                "{refused} would be refused, {wrong} more to look at",
                "zou worden geweigerd: {refused}; verder na te kijken: {wrong}",
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::tests::both;
    use crate::name::NearMiss;

    #[test]
    fn why_a_file_would_not_be_taken() {
        let notice = Notice::NotACsv(NearMiss::Tsv);
        let samples = [
            NotTaken::Folder,
            NotTaken::NotRegular,
            NotTaken::Link,
            NotTaken::LinkedFolder,
            NotTaken::NoCustomer,
            NotTaken::BlankFolder,
            NotTaken::OurOutput,
            NotTaken::Receipt,
            NotTaken::OtherMarker,
            NotTaken::OrderFile,
            NotTaken::Marker,
            NotTaken::Ignored(Ignored::LeadingDot),
            NotTaken::Ignored(Ignored::LeadingTilde),
            NotTaken::Ignored(Ignored::LeadingUnderscore),
            NotTaken::Ignored(Ignored::Unfinished(".tmp")),
            NotTaken::Ignored(Ignored::IgnoredFolder),
            NotTaken::Ignored(Ignored::OtherName),
            NotTaken::Notice(&notice),
        ];
        let each = |why: &NotTaken<'_>, locale| {
            let (what, help) = not_taken(why, locale);
            format!("{}: {what} // {}", why.code(), help.unwrap_or_default())
        };
        insta::assert_snapshot!(both(|locale| samples.iter().map(|why| each(why, locale)).collect()), @r#"
        folder: this is a folder // name the files in it
          folder: dit is een map // noem de bestanden erin
        no_file: this is no regular file, so it would not be taken // copy its content into a file
          no_file: dit is geen gewoon bestand en wordt dus niet gelezen // kopieer de inhoud naar een bestand
        link: this is a link, and nothing is taken that a link leads to // drop a copy of the file in its place
          link: dit is een koppeling, en waar een koppeling naar verwijst wordt niet gelezen // lever in plaats ervan een kopie aan
        linked_folder: this lies in a folder that is a link, and nothing is taken that a link leads to // put the folder itself there
          linked_folder: dit ligt in een map die een koppeling is, en waar een koppeling naar verwijst wordt niet gelezen // zet de map zelf daar neer
        no_customer: this lies in no customer's drop folder, so nobody would look at it // put it into a customer's folder (devicedrop customer list)
          no_customer: dit ligt in geen enkele aanlevermap van een klant, dus wordt er niet naar gekeken // leg het in de map van een klant (devicedrop customer list)
        blank_folder: the name of its folder, which would be its order ID, holds nothing but blanks // name the folder after the order
          blank_folder: de naam van de map, die de order-ID zou zijn, bestaat alleen uit spaties // noem de map naar de order
        our_output: by its name this is a result file, which is never taken // save it under a name without `.result`
          our_output: volgens de naam is dit een resultaatbestand, en dat wordt nooit gelezen // sla het op onder een naam zonder `.result`
        our_output: by its name this is the receipt for a CSV file, no list of devices // check the CSV file beside it
          our_output: volgens de naam is dit het ontvangstbewijs van een CSV-bestand, geen lijst van apparaten // controleer het CSV-bestand ernaast
        marker: by its name this was meant to be the marker of a CSV file, and it isn't // a marker has the whole name of its CSV file and .done behind it: devices.csv.done
          marker: volgens de naam was dit bedoeld als markering van een CSV-bestand, maar dat is het niet // een markering heeft de hele naam van het CSV-bestand met .done erachter: devices.csv.done
        order_file: by its name this is the order file of a CSV file, no list of devices // check the CSV file beside it
          order_file: volgens de naam is dit het orderbestand van een CSV-bestand, geen lijst van apparaten // controleer het CSV-bestand ernaast
        marker: by its name this is the marker of a CSV file, no list of devices // check the CSV file beside it
          marker: volgens de naam is dit de markering van een CSV-bestand, geen lijst van apparaten // controleer het CSV-bestand ernaast
        ignored_name: it would be ignored: its name, or its folder's, begins with a full stop // give it a name that ends in .csv and begins with neither . nor ~
          ignored_name: het wordt overgeslagen: de naam ervan, of van de map, begint met een punt // geef het een naam die op .csv eindigt en niet met . of ~ begint
        ignored_name: it would be ignored: its name begins with ~ // give it a name that ends in .csv and begins with neither . nor ~
          ignored_name: het wordt overgeslagen: de naam begint met ~ // geef het een naam die op .csv eindigt en niet met . of ~ begint
        ignored_folder: it would be ignored: its folder's name begins with _ // drop it directly in the drop folder, or in a folder with another name
          ignored_folder: het wordt overgeslagen: de naam van de map begint met _ // leg het rechtstreeks in de aanlevermap, of in een map met een andere naam
        ignored_name: it would be ignored: its name ends in .tmp, as that of a file that isn't complete yet // give it a name that ends in .csv when it is complete
          ignored_name: het wordt overgeslagen: de naam eindigt op .tmp, zoals bij een bestand dat nog niet af is // geef het een naam die op .csv eindigt zodra het af is
        ignored_folder: it would be ignored: its folder stands in ignore_folders // drop it directly in the drop folder, or in a folder with another name
          ignored_folder: het wordt overgeslagen: de map staat in ignore_folders // leg het rechtstreeks in de aanlevermap, of in een map met een andere naam
        ignored_name: it would be ignored: its name doesn't end in .csv // give it a name that ends in .csv and begins with neither . nor ~
          ignored_name: het wordt overgeslagen: de naam eindigt niet op .csv // geef het een naam die op .csv eindigt en niet met . of ~ begint
        not_a_csv: This file isn't read: only files whose name ends in .csv are. Rename it so that its name ends in .csv. (Windows hides endings: in the Explorer, switch on "File name extensions" under "View".) // 
          not_a_csv: Dit bestand wordt niet gelezen: dat gebeurt alleen met bestanden waarvan de naam op .csv eindigt. Geef het een naam die op .csv eindigt. (Windows verbergt extensies: zet in de Verkenner onder "Beeld" de optie "Bestandsnaamextensies" aan.) //
        "#);
    }

    #[test]
    fn labels() {
        let labels = [
            Label::Error,
            Label::Warning,
            Label::Help,
            Label::MoreLikeThis(1),
            Label::MoreLikeThis(4_812),
            Label::Compared(1_048_576),
            Label::Rows(1),
            Label::Rows(100_000),
            Label::WouldNotBeTaken,
            Label::WouldBeRejected,
            Label::WouldBeRefused(0, 0),
            Label::WouldBeRefused(0, 5_000),
            Label::WouldBeRefused(2, 0),
            Label::WouldBeRefused(2, 3),
        ];
        insta::assert_snapshot!(both(|locale| labels.iter().map(|it| label(*it, locale)).collect()), @r#"
        error
          fout
        warning
          waarschuwing
        help
          advies
        and 1 more line like this
          en nog 1 regel zoals deze
        and 4,812 more lines like this
          en nog 4.812 regels zoals deze
        rows that stand twice were looked for among the first 1,048,576 devices only
          naar dubbele rijen is alleen gezocht onder de eerste 1.048.576 apparaten
        1 row
          1 rij
        100,000 rows
          100.000 rijen
        the file would not be taken
          het bestand zou niet worden gelezen
        the whole file would be rejected
          het hele bestand zou worden geweigerd
        nothing would be refused
          er zou niets worden geweigerd
        nothing would be refused, 5,000 to look at
          er zou niets worden geweigerd; na te kijken: 5.000
        2 would be refused
          zou worden geweigerd: 2
        2 would be refused, 3 more to look at
          zou worden geweigerd: 2; verder na te kijken: 3
        "#);
    }
}
