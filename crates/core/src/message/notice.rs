//! The words for what a sender is told of a file that isn't read at all, or not yet.
//!
//! Nobody is left without an answer: these stand in a result file with the state `registration_failed` and the error
//! `file_not_valid`.

use super::file::{export_from_numbers, save_as_csv, save_as_csv_in_libreoffice};
use super::{Language, order, quoted, words};
use crate::locale::Locale;
use crate::name::NearMiss;
use crate::order::BadOrderFile;
use crate::shown::shown;

/// Why a file waits, or is left where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice<'a> {
    /// It looks like an attempt, but its name isn't a CSV's.
    NotACsv(NearMiss),
    /// The same, and saved as a CSV it would have the name of a result file.
    NotACsvButResult(NearMiss),
    /// It has the name of a result file.
    NamedAsResult {
        /// That name.
        name: &'a str,
    },
    /// It lies in a folder inside a folder of the drop folder, or deeper.
    TooDeep {
        /// How many folders up it would be taken.
        up: usize,
    },
    /// The same, and its name isn't a CSV's.
    NotACsvTooDeep(NearMiss),
    /// We have no permission to open it.
    MayNotOpen,
    /// It has a second name somewhere (a hard link), so that it could be anybody's file.
    SecondLink,
    /// The order file beside it can't be used.
    BadOrderFile(&'a BadOrderFile),
    /// Its marker names the SHA-256 of another content.
    OtherContent,
    /// What lies beside it is nearly its marker, but for its name.
    MarkerName {
        /// The name that it has.
        found: &'a str,
        /// The name that a marker has.
        expected: &'a str,
    },
    /// It waits for its marker.
    NoMarker,
    /// It waits for its order file.
    NoOrderFile,
    /// Its marker is older than its last change.
    OldMarker,
    /// Its marker was used for an earlier delivery.
    SpentMarker,
    /// What stands at its marker's name is a link, a folder, has a second name, or may not be read.
    UnusableMarker,
    /// Its order file was used for an earlier file.
    SpentOrderFile,
    /// The name of its folder, an order ID, is blank.
    BlankFolder,
    /// It is a folder whose files we may not list.
    FolderUnreadable,
    /// The customer's limit for a day is reached; it waits.
    DayLimit,
    /// A result file was changed in place by its sender.
    ResultChanged {
        /// The name of that result file.
        result: &'a str,
    },
}

/// Says why a file isn't read and what to do, in the sender's language.
pub fn notice(notice: &Notice<'_>, locale: Locale) -> String {
    let language = Language::from(locale);
    match notice {
        Notice::NotACsv(kind) => not_a_csv(*kind, language),
        Notice::NotACsvButResult(kind) => {
            let advice = not_a_csv(*kind, language);
            words!(
                language,
                "{advice} Give the CSV a name without \".result\": result files aren't read.",
                "{advice} Geef de CSV een naam zonder \".result\": resultaatbestanden worden niet gelezen.",
            )
        }
        Notice::NamedAsResult { name } => named_as_result(name, language),
        Notice::TooDeep { up } => too_deep(*up, language),
        Notice::NotACsvTooDeep(kind) => {
            let advice = not_a_csv(*kind, language);
            words!(
                language,
                "{advice} It lies too deep, too: put the CSV into the drop folder itself or into a folder directly \
                 inside it, whose name is then the order ID.",
                "{advice} Het ligt ook te diep: zet de CSV in de aanlevermap zelf of in een map direct daarin, \
                 waarvan de naam dan de order-ID is.",
            )
        }
        Notice::MayNotOpen | Notice::SecondLink => waits_unread(notice, language),
        Notice::BadOrderFile(bad) => order::bad_order_file(bad, language),
        Notice::OtherContent => words!(
            language,
            "Its marker names the SHA-256 of another content, so the file did not arrive as it was sent. Drop the \
             file and its marker again.",
            "De markering noemt de SHA-256 van een andere inhoud, dus het bestand is niet aangekomen zoals het is \
             verstuurd. Lever het bestand en de markering opnieuw aan.",
        ),
        Notice::MarkerName { found, expected } => marker_name(found, expected, language),
        Notice::NoMarker | Notice::NoOrderFile => is_to_come(notice, language),
        Notice::OldMarker | Notice::SpentMarker | Notice::UnusableMarker | Notice::SpentOrderFile => {
            does_not_count(notice, language)
        }
        Notice::BlankFolder | Notice::FolderUnreadable => of_the_folder(notice, language),
        Notice::DayLimit => words!(
            language,
            "The amount that is accepted in a day is used up. This file waits and is read when the limit allows it; \
             nothing needs to be done. If it is urgent, contact whoever runs the service.",
            "De hoeveelheid die per dag wordt aanvaard, is bereikt. Dit bestand wacht en wordt gelezen zodra de \
             limiet dat toelaat; u hoeft niets te doen. Neem bij spoed contact op met de beheerder van de dienst.",
        ),
        Notice::ResultChanged { result } => {
            let result = shown(result);
            words!(
                language,
                "The result file \"{result}\" was changed. Result files aren't read, so nothing happened with the \
                 change. To send corrections, save them under a name without \".result\", and drop that file.",
                "Het resultaatbestand \"{result}\" is gewijzigd. Resultaatbestanden worden niet gelezen, dus met de \
                 wijziging is niets gedaan. Sla verbeteringen op onder een naam zonder \".result\" en lever dat \
                 bestand aan.",
            )
        }
    }
}

fn too_deep(up: usize, language: Language) -> String {
    let (up_en, up_nl) = match up {
        0 | 1 => ("one folder up".to_owned(), "één map omhoog".to_owned()),
        more => (format!("{more} folders up"), format!("{more} mappen omhoog")),
    };
    words!(
        language,
        "This file lies too deep and isn't read. Expected are CSV files in the drop folder itself or in a folder \
         directly inside it, whose name is then the order ID. Move the file {up_en}.",
        "Dit bestand ligt te diep en wordt niet gelezen. Verwacht worden CSV-bestanden in de aanlevermap zelf of in \
         een map direct daarin, waarvan de naam dan de order-ID is. Verplaats het bestand {up_nl}.",
    )
}

/// A file that waits until it may be read.
fn waits_unread(notice: &Notice<'_>, language: Language) -> String {
    match notice {
        Notice::MayNotOpen => words!(
            language,
            "This file may not be opened: the service has no permission to read it. It waits and is read as soon as \
             it may be. Give the folder's group the right to read it, or drop a new copy.",
            "Dit bestand mag niet worden geopend: de dienst heeft geen recht om het te lezen. Het wacht en wordt \
             gelezen zodra dat mag. Geef de groep van de map leesrecht, of lever een nieuwe kopie aan.",
        ),
        _ => words!(
            language,
            "This file has a second name elsewhere (a hard link), so whose it is can't be told. It waits and is read \
             as soon as it has one name only. Drop a copy of it in its place.",
            "Dit bestand heeft elders een tweede naam (een harde koppeling), zodat niet te zien is van wie het is. \
             Het wacht en wordt gelezen zodra het nog maar één naam heeft. Lever in plaats ervan een kopie aan.",
        ),
    }
}

fn named_as_result(name: &str, language: Language) -> String {
    let name = quoted(name);
    words!(
        language,
        "{name} isn't read: it has the name of a result file, and those are answers. Save it under a name without \
         \".result\", and drop that file.",
        "{name} wordt niet gelezen: het heeft de naam van een resultaatbestand, en die zijn antwoorden. Sla het op \
         onder een naam zonder \".result\" en lever dat bestand aan.",
    )
}

fn marker_name(found: &str, expected: &str, language: Language) -> String {
    let (found, expected) = (quoted(found), quoted(expected));
    words!(
        language,
        "This file waits for its marker {expected}. {found} isn't it: in the name every character counts, capitals \
         and blanks too. Rename it to {expected}.",
        "Dit bestand wacht op zijn markering {expected}. {found} is die niet: in de naam telt elk teken mee, ook \
         hoofdletters en spaties. Noem het {expected}.",
    )
}

/// A marker or an order file that isn't there.
fn is_to_come(notice: &Notice<'_>, language: Language) -> String {
    match notice {
        Notice::NoMarker => words!(
            language,
            "This file waits for its marker, and nothing of it was read yet. Once the file is complete, write an empty \
             file beside it whose name is the file's whole name with .done added.",
            "Dit bestand wacht op zijn markering; er is nog niets van gelezen. Zet zodra het bestand compleet is een \
             leeg bestand ernaast, met als naam de hele naam van het bestand met .done erachter.",
        ),
        _ => words!(
            language,
            "This file waits for its order file, and nothing of it was registered yet. Put the order file beside it \
             (the same name with .order.json instead of .csv).",
            "Dit bestand wacht op zijn orderbestand; er is nog niets van ingeschreven. Zet het orderbestand ernaast \
             (dezelfde naam met .order.json in plaats van .csv).",
        ),
    }
}

/// A marker or an order file that lies there and doesn't count for the file as it is now.
fn does_not_count(notice: &Notice<'_>, language: Language) -> String {
    match notice {
        Notice::OldMarker => words!(
            language,
            "This file waits for its marker: the one there is older than the file's last change, so it doesn't say \
             that the file is complete. Once it is, write the marker (the same name with .done added) anew.",
            "Dit bestand wacht op zijn markering: de markering die er ligt is ouder dan de laatste wijziging van het \
             bestand en zegt dus niet dat het compleet is. Schrijf de markering (dezelfde naam met .done erachter) \
             opnieuw zodra het dat wel is.",
        ),
        Notice::SpentMarker => words!(
            language,
            "This file waits for its marker: the one there was used up by what lay here before, and a marker counts \
             once. Once the file is complete, write the marker (the same name with .done added) anew.",
            "Dit bestand wacht op zijn markering: de markering die er ligt is al gebruikt voor wat hier eerder lag, \
             en een markering telt één keer. Schrijf de markering (dezelfde naam met .done erachter) opnieuw zodra het \
             bestand compleet is.",
        ),
        Notice::UnusableMarker => words!(
            language,
            "This file waits for its marker: what stands at the marker's name is a link, a folder or a special file, \
             has a second name elsewhere (a hard link), or may not be read. Remove it and write a file of its own \
             there (the same name with .done added).",
            "Dit bestand wacht op zijn markering: wat onder de naam van de markering staat, is een koppeling, een map \
             of een speciaal bestand, heeft elders een tweede naam (een harde koppeling) of mag niet worden gelezen. \
             Verwijder het en schrijf daar een eigen bestand (dezelfde naam met .done erachter).",
        ),
        _ => words!(
            language,
            "This file waits for its order file: the one there was used up by what lay here before, and an order file \
             counts once. Write the order file (the same name with .order.json instead of .csv) anew, with the order \
             of this file.",
            "Dit bestand wacht op zijn orderbestand: het aanwezige is al gebruikt voor wat hier eerder lag, en een \
             orderbestand telt één keer. Schrijf het orderbestand (dezelfde naam met .order.json in plaats van .csv) \
             opnieuw, met de order van dit bestand.",
        ),
    }
}

fn of_the_folder(notice: &Notice<'_>, language: Language) -> String {
    if *notice == Notice::BlankFolder {
        return words!(
            language,
            "This file waits: the name of its folder would be its order ID and holds nothing but blanks. Name the \
             folder after the order, or put the file into the drop folder itself.",
            "Dit bestand wacht: de naam van de map zou de order-ID zijn en bestaat alleen uit spaties. Noem de map \
             naar de order, of zet het bestand in de aanlevermap zelf.",
        );
    }
    words!(
        language,
        "This folder may not be looked into: the service has no permission to list it, so the files in it wait. \
             They are read as soon as it may. Give the folder's group the right to list and to enter it, or drop the \
             files into a new folder.",
        "In deze map mag niet worden gekeken: de dienst heeft geen recht om de inhoud te zien, dus de bestanden \
             erin wachten. Ze worden gelezen zodra dat mag. Geef de groep van de map het recht om de inhoud te zien \
             en de map te openen, of zet de bestanden in een nieuwe map.",
    )
}

fn not_a_csv(kind: NearMiss, language: Language) -> String {
    let advice = match kind {
        NearMiss::Excel => save_as_csv(language),
        NearMiss::OpenDocument => save_as_csv_in_libreoffice(language),
        NearMiss::Numbers => export_from_numbers(language),
        NearMiss::CsvTxt | NearMiss::Txt | NearMiss::Tsv => words!(
            language,
            "Rename it so that its name ends in .csv. (Windows hides endings: in the Explorer, switch on \"File name \
             extensions\" under \"View\".)",
            "Geef het een naam die op .csv eindigt. (Windows verbergt extensies: zet in de Verkenner onder \"Beeld\" \
             de optie \"Bestandsnaamextensies\" aan.)",
        ),
    };
    words!(
        language,
        "This file isn't read: only files whose name ends in .csv are. {advice}",
        "Dit bestand wordt niet gelezen: dat gebeurt alleen met bestanden waarvan de naam op .csv eindigt. {advice}",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::tests::both;

    #[test]
    fn why_a_file_waits_or_is_left() {
        let samples = [
            Notice::NotACsv(NearMiss::Excel),
            Notice::NotACsv(NearMiss::OpenDocument),
            Notice::NotACsv(NearMiss::Numbers),
            Notice::NotACsv(NearMiss::CsvTxt),
            Notice::TooDeep { up: 1 },
            Notice::TooDeep { up: 3 },
            Notice::NotACsvTooDeep(NearMiss::CsvTxt),
            Notice::MayNotOpen,
            Notice::SecondLink,
            Notice::OtherContent,
            Notice::MarkerName { found: "A.CSV.DONE", expected: "A.CSV.done" },
            Notice::BlankFolder,
            Notice::FolderUnreadable,
            Notice::DayLimit,
            Notice::ResultChanged { result: "devices.result.csv" },
            Notice::NotACsvButResult(NearMiss::CsvTxt),
            Notice::NamedAsResult { name: "dev.result.csv" },
        ];
        insta::assert_snapshot!(both(|locale| samples.iter().map(|n| notice(n, locale)).collect()), @r##"
        This file isn't read: only files whose name ends in .csv are. Open it in Excel, choose "Save As" and the file type whose name begins with "CSV UTF-8", and drop the new file. Check first that no serial number lost its leading zeros.
          Dit bestand wordt niet gelezen: dat gebeurt alleen met bestanden waarvan de naam op .csv eindigt. Open het in Excel, kies "Opslaan als" en het bestandstype waarvan de naam met "CSV UTF-8" begint, en lever het nieuwe bestand aan. Controleer eerst of geen serienummer zijn voorloopnullen kwijt is.
        This file isn't read: only files whose name ends in .csv are. Open it in LibreOffice, choose "Save As" and the file type "Text CSV" with the character set UTF-8, and drop the new file.
          Dit bestand wordt niet gelezen: dat gebeurt alleen met bestanden waarvan de naam op .csv eindigt. Open het in LibreOffice, kies "Opslaan als" en het bestandstype "Tekst CSV" met de tekenset UTF-8, en lever het nieuwe bestand aan.
        This file isn't read: only files whose name ends in .csv are. Open it in Numbers, choose "Export To", "CSV", with the encoding UTF-8, and drop the new file.
          Dit bestand wordt niet gelezen: dat gebeurt alleen met bestanden waarvan de naam op .csv eindigt. Open het in Numbers, kies "Exporteer naar", "CSV", met de codering UTF-8, en lever het nieuwe bestand aan.
        This file isn't read: only files whose name ends in .csv are. Rename it so that its name ends in .csv. (Windows hides endings: in the Explorer, switch on "File name extensions" under "View".)
          Dit bestand wordt niet gelezen: dat gebeurt alleen met bestanden waarvan de naam op .csv eindigt. Geef het een naam die op .csv eindigt. (Windows verbergt extensies: zet in de Verkenner onder "Beeld" de optie "Bestandsnaamextensies" aan.)
        This file lies too deep and isn't read. Expected are CSV files in the drop folder itself or in a folder directly inside it, whose name is then the order ID. Move the file one folder up.
          Dit bestand ligt te diep en wordt niet gelezen. Verwacht worden CSV-bestanden in de aanlevermap zelf of in een map direct daarin, waarvan de naam dan de order-ID is. Verplaats het bestand één map omhoog.
        This file lies too deep and isn't read. Expected are CSV files in the drop folder itself or in a folder directly inside it, whose name is then the order ID. Move the file 3 folders up.
          Dit bestand ligt te diep en wordt niet gelezen. Verwacht worden CSV-bestanden in de aanlevermap zelf of in een map direct daarin, waarvan de naam dan de order-ID is. Verplaats het bestand 3 mappen omhoog.
        This file isn't read: only files whose name ends in .csv are. Rename it so that its name ends in .csv. (Windows hides endings: in the Explorer, switch on "File name extensions" under "View".) It lies too deep, too: put the CSV into the drop folder itself or into a folder directly inside it, whose name is then the order ID.
          Dit bestand wordt niet gelezen: dat gebeurt alleen met bestanden waarvan de naam op .csv eindigt. Geef het een naam die op .csv eindigt. (Windows verbergt extensies: zet in de Verkenner onder "Beeld" de optie "Bestandsnaamextensies" aan.) Het ligt ook te diep: zet de CSV in de aanlevermap zelf of in een map direct daarin, waarvan de naam dan de order-ID is.
        This file may not be opened: the service has no permission to read it. It waits and is read as soon as it may be. Give the folder's group the right to read it, or drop a new copy.
          Dit bestand mag niet worden geopend: de dienst heeft geen recht om het te lezen. Het wacht en wordt gelezen zodra dat mag. Geef de groep van de map leesrecht, of lever een nieuwe kopie aan.
        This file has a second name elsewhere (a hard link), so whose it is can't be told. It waits and is read as soon as it has one name only. Drop a copy of it in its place.
          Dit bestand heeft elders een tweede naam (een harde koppeling), zodat niet te zien is van wie het is. Het wacht en wordt gelezen zodra het nog maar één naam heeft. Lever in plaats ervan een kopie aan.
        Its marker names the SHA-256 of another content, so the file did not arrive as it was sent. Drop the file and its marker again.
          De markering noemt de SHA-256 van een andere inhoud, dus het bestand is niet aangekomen zoals het is verstuurd. Lever het bestand en de markering opnieuw aan.
        This file waits for its marker "A.CSV.done". "A.CSV.DONE" isn't it: in the name every character counts, capitals and blanks too. Rename it to "A.CSV.done".
          Dit bestand wacht op zijn markering "A.CSV.done". "A.CSV.DONE" is die niet: in de naam telt elk teken mee, ook hoofdletters en spaties. Noem het "A.CSV.done".
        This file waits: the name of its folder would be its order ID and holds nothing but blanks. Name the folder after the order, or put the file into the drop folder itself.
          Dit bestand wacht: de naam van de map zou de order-ID zijn en bestaat alleen uit spaties. Noem de map naar de order, of zet het bestand in de aanlevermap zelf.
        This folder may not be looked into: the service has no permission to list it, so the files in it wait. They are read as soon as it may. Give the folder's group the right to list and to enter it, or drop the files into a new folder.
          In deze map mag niet worden gekeken: de dienst heeft geen recht om de inhoud te zien, dus de bestanden erin wachten. Ze worden gelezen zodra dat mag. Geef de groep van de map het recht om de inhoud te zien en de map te openen, of zet de bestanden in een nieuwe map.
        The amount that is accepted in a day is used up. This file waits and is read when the limit allows it; nothing needs to be done. If it is urgent, contact whoever runs the service.
          De hoeveelheid die per dag wordt aanvaard, is bereikt. Dit bestand wacht en wordt gelezen zodra de limiet dat toelaat; u hoeft niets te doen. Neem bij spoed contact op met de beheerder van de dienst.
        The result file "devices.result.csv" was changed. Result files aren't read, so nothing happened with the change. To send corrections, save them under a name without ".result", and drop that file.
          Het resultaatbestand "devices.result.csv" is gewijzigd. Resultaatbestanden worden niet gelezen, dus met de wijziging is niets gedaan. Sla verbeteringen op onder een naam zonder ".result" en lever dat bestand aan.
        This file isn't read: only files whose name ends in .csv are. Rename it so that its name ends in .csv. (Windows hides endings: in the Explorer, switch on "File name extensions" under "View".) Give the CSV a name without ".result": result files aren't read.
          Dit bestand wordt niet gelezen: dat gebeurt alleen met bestanden waarvan de naam op .csv eindigt. Geef het een naam die op .csv eindigt. (Windows verbergt extensies: zet in de Verkenner onder "Beeld" de optie "Bestandsnaamextensies" aan.) Geef de CSV een naam zonder ".result": resultaatbestanden worden niet gelezen.
        "dev.result.csv" isn't read: it has the name of a result file, and those are answers. Save it under a name without ".result", and drop that file.
          "dev.result.csv" wordt niet gelezen: het heeft de naam van een resultaatbestand, en die zijn antwoorden. Sla het op onder een naam zonder ".result" en lever dat bestand aan.
        "##);
    }
    #[test]
    fn what_lies_beside_a_file_is_to_come_or_counts_for_nothing() {
        let samples = [
            Notice::NoMarker,
            Notice::NoOrderFile,
            Notice::OldMarker,
            Notice::SpentMarker,
            Notice::UnusableMarker,
            Notice::SpentOrderFile,
        ];
        insta::assert_snapshot!(both(|locale| samples.iter().map(|n| notice(n, locale)).collect()), @r##"
        This file waits for its marker, and nothing of it was read yet. Once the file is complete, write an empty file beside it whose name is the file's whole name with .done added.
          Dit bestand wacht op zijn markering; er is nog niets van gelezen. Zet zodra het bestand compleet is een leeg bestand ernaast, met als naam de hele naam van het bestand met .done erachter.
        This file waits for its order file, and nothing of it was registered yet. Put the order file beside it (the same name with .order.json instead of .csv).
          Dit bestand wacht op zijn orderbestand; er is nog niets van ingeschreven. Zet het orderbestand ernaast (dezelfde naam met .order.json in plaats van .csv).
        This file waits for its marker: the one there is older than the file's last change, so it doesn't say that the file is complete. Once it is, write the marker (the same name with .done added) anew.
          Dit bestand wacht op zijn markering: de markering die er ligt is ouder dan de laatste wijziging van het bestand en zegt dus niet dat het compleet is. Schrijf de markering (dezelfde naam met .done erachter) opnieuw zodra het dat wel is.
        This file waits for its marker: the one there was used up by what lay here before, and a marker counts once. Once the file is complete, write the marker (the same name with .done added) anew.
          Dit bestand wacht op zijn markering: de markering die er ligt is al gebruikt voor wat hier eerder lag, en een markering telt één keer. Schrijf de markering (dezelfde naam met .done erachter) opnieuw zodra het bestand compleet is.
        This file waits for its marker: what stands at the marker's name is a link, a folder or a special file, has a second name elsewhere (a hard link), or may not be read. Remove it and write a file of its own there (the same name with .done added).
          Dit bestand wacht op zijn markering: wat onder de naam van de markering staat, is een koppeling, een map of een speciaal bestand, heeft elders een tweede naam (een harde koppeling) of mag niet worden gelezen. Verwijder het en schrijf daar een eigen bestand (dezelfde naam met .done erachter).
        This file waits for its order file: the one there was used up by what lay here before, and an order file counts once. Write the order file (the same name with .order.json instead of .csv) anew, with the order of this file.
          Dit bestand wacht op zijn orderbestand: het aanwezige is al gebruikt voor wat hier eerder lag, en een orderbestand telt één keer. Schrijf het orderbestand (dezelfde naam met .order.json in plaats van .csv) opnieuw, met de order van dit bestand.
        "##);
    }
}
