//! The words for what a registrar said of a row. The five errors' sentences are the service's own.

use super::hint::{hint, recorded_hint};
use super::{Language, WORDS_CHARS, quoted, suspicion, words};
use crate::locale::Locale;
use crate::oa3::HashProblem;
use crate::registrar::HashMismatch;
use crate::shown::{shown, shown_cut};
use crate::state::ErrorCode;
use crate::time::Timestamp;

/// What there is to tell a sender of a registrar's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Details<'a> {
    /// The registration failed.
    Error {
        /// Why.
        error: ErrorCode,
        /// The registrar's request ID, or ours where it gave none.
        request_id: &'a str,
        /// Whom to contact on an unexpected error, where the configuration says so.
        support: Option<&'a str>,
        /// What the registrar said beyond the error, or an English [`hint`].
        words: Option<&'a str>,
    },
    /// This customer has the device already; no failure.
    AlreadyRegistered {
        /// The registration that holds it, where the ledger has it.
        holder: Option<Holder<'a>>,
    },
    /// The device is registered, but its hardware hash speaks of another one.
    HashMismatch(&'a HashMismatch),
}

/// The registration that holds a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder<'a> {
    /// Its file, inside the drop folder.
    pub file: &'a str,
    /// The line of its row.
    pub line: u64,
    /// When it was registered.
    pub date: Timestamp,
}

/// Says what became of a row, in the sender's language.
pub fn details(details: &Details<'_>, locale: Locale) -> String {
    let language = Language::from(locale);
    match details {
        Details::Error { error, request_id, support, words } => {
            let sentence = sentence(*error, request_id, *support, language);
            match words {
                None => sentence,
                Some(words) => {
                    let ours = recorded_hint(words).map(|near| hint(&near, locale));
                    let ours = ours.or_else(|| recorded_hash_problem(words, language));
                    format!("{sentence} {}", ours.unwrap_or_else(|| registrar_words(words, language)))
                }
            }
        }
        Details::AlreadyRegistered { holder } => already_registered(*holder, language),
        Details::HashMismatch(mismatch) => hash_mismatch(mismatch, language),
    }
}

fn sentence(error: ErrorCode, request_id: &str, support: Option<&str>, language: Language) -> String {
    match error {
        ErrorCode::DeviceNotFound => words!(
            language,
            "We couldn't register this device because we could not find a match for the provided manufacturer, \
             model, or serial number. Confirm these values with your device supplier.",
            "We konden dit apparaat niet registreren omdat we geen overeenkomst konden vinden voor de meegeleverde \
             fabrikant, model of serienummer. Bevestig deze waarden met uw leverancier van apparaten.",
        ),
        ErrorCode::HardwareHashNotValid => words!(
            language,
            "The hardware hash you provided for this device was not formatted correctly. Double-check the hardware \
             hash and then resubmit.",
            "De hardwarehash die u voor dit apparaat hebt opgegeven, is niet correct opgemaakt. Controleer de \
             hardwarehash dubbel en stuur deze vervolgens opnieuw in.",
        ),
        ErrorCode::DeviceAlreadyRegistered => already_registered(None, language),
        ErrorCode::DeviceClaimedByAnotherOrganization => words!(
            language,
            "This device has already been claimed by another organization. Check with your device supplier.",
            "Dit apparaat is al geclaimd door een andere organisatie. Neem contact op met uw leverancier van het \
             apparaat.",
        ),
        ErrorCode::UnexpectedError => {
            let support = support.map(|support| format!(" ({})", shown(support))).unwrap_or_default();
            let id = shown_cut(request_id, WORDS_CHARS);
            words!(
                language,
                "Your request could not be automatically processed. Contact Support{support} and provide the Request \
                 ID: {id}",
                "Uw aanvraag kon niet automatisch worden verwerkt. Neem contact op met ondersteuning{support} en \
                 vermeld de aanvraag-id: {id}.",
            )
        }
        ErrorCode::RowNotValid => words!(
            language,
            "This row can't be registered as it is. Correct it and drop the file again.",
            "Deze rij kan zo niet worden geregistreerd. Verbeter de rij en lever het bestand opnieuw aan.",
        ),
        ErrorCode::FileNotValid => words!(
            language,
            "This file can't be read as a list of devices. Correct it and drop it again.",
            "Dit bestand kan niet als lijst van apparaten worden gelezen. Verbeter het en lever het opnieuw aan.",
        ),
    }
}

/// What the embedded registrar found wrong with a hardware hash, if these words on record are that.
fn recorded_hash_problem(recorded: &str, language: Language) -> Option<String> {
    let problem = HashProblem::recorded(recorded)?;
    let told = suspicion::hash_problem(&problem, language);
    let mut rest = told.chars();
    let first = rest.next()?;
    Some(format!("{}{}.", first.to_uppercase(), rest.as_str()))
}

/// In brackets of its own, so that nobody takes a registrar's words for ours.
fn registrar_words(text: &str, language: Language) -> String {
    let text = shown_cut(text, WORDS_CHARS);
    words!(language, "(The registrar said: \"{text}\")", "(De registratiedienst zei: \"{text}\")")
}

fn already_registered(holder: Option<Holder<'_>>, language: Language) -> String {
    let sentence = words!(
        language,
        "This device is already registered to your organization. No further action required.",
        "Dit apparaat is al geregistreerd bij uw organisatie. Geen verdere actie vereist.",
    );
    holder.map_or_else(|| sentence.clone(), |holder| format!("{sentence} {}", held_by(&holder, language)))
}

/// Which row registered a device.
pub(super) fn held_by(holder: &Holder<'_>, language: Language) -> String {
    let (file, line, date) = (shown(holder.file), holder.line, holder.date.date());
    words!(
        language,
        "It was registered on {date} by line {line} of the file \"{file}\".",
        "Het is geregistreerd op {date} door regel {line} van het bestand \"{file}\".",
    )
}

/// What a row says of its device, and what its hardware hash says.
pub(super) fn differing(mismatch: &HashMismatch, language: Language) -> String {
    let fields: Vec<String> = mismatch
        .fields
        .iter()
        .map(|(heading, row, hash)| {
            let (row, hash) = (quoted(row), quoted(hash));
            words!(
                language,
                "{heading} is {row} in the row and {hash} in the hash",
                "{heading} is {row} in de rij en {hash} in de hash"
            )
        })
        .collect();
    fields.join("; ")
}

fn hash_mismatch(mismatch: &HashMismatch, language: Language) -> String {
    let fields = differing(mismatch, language);
    words!(
        language,
        "The device is registered, but its hardware hash speaks of another device: {fields}. Check that the hash was \
         taken from this device.",
        "Het apparaat is geregistreerd, maar de hardwarehash gaat over een ander apparaat: {fields}. Controleer of \
         de hash van dit apparaat afkomstig is.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::tests::both;

    fn error(error: ErrorCode) -> Details<'static> {
        Details::Error { error, request_id: "dd-4711", support: None, words: None }
    }

    fn not_valid(words: &str) -> Details<'_> {
        let error = ErrorCode::HardwareHashNotValid;
        Details::Error { error, request_id: "dd-4711", support: None, words: Some(words) }
    }

    #[test]
    fn what_became_of_a_row() {
        let mismatch = HashMismatch {
            fields: vec![
                ("Model".into(), "Surface".into(), "Surface Laptop".into()),
                ("Serial Number".into(), "1\u{1b}".into(), "016520771357".into()),
            ],
        };
        let support = Some("support@example.com");
        let unexpected = |support, words| Details::Error {
            error: ErrorCode::UnexpectedError,
            request_id: "dd-4711",
            support,
            words,
        };
        let date = Timestamp::from_unix_ms(1_795_356_339_003);
        let samples: Vec<Details<'_>> = ErrorCode::ALL
            .iter()
            .map(|code| error(*code))
            .chain([
                unexpected(support, None),
                unexpected(support, Some("Internal error\u{1b}[31m 500")),
                not_valid("character 12345 of the hardware hash can't stand in base64"),
                not_valid("the hardware hash isn't whole base64: part of it is probably missing"),
                not_valid("this is no hardware hash: those begin with T0E, T0F, T0G or T0H"),
                not_valid("the hardware hash is base64, but not of a hardware hash (those begin with T0)"),
                not_valid("the hardware hash is long"),
                Details::AlreadyRegistered { holder: None },
                Details::AlreadyRegistered { holder: Some(Holder { file: "PO-4711/devices.csv", line: 12, date }) },
                Details::HashMismatch(&mismatch),
            ])
            .collect();
        insta::assert_snapshot!(both(|locale| samples.iter().map(|d| details(d, locale)).collect()), @r##"
        We couldn't register this device because we could not find a match for the provided manufacturer, model, or serial number. Confirm these values with your device supplier.
          We konden dit apparaat niet registreren omdat we geen overeenkomst konden vinden voor de meegeleverde fabrikant, model of serienummer. Bevestig deze waarden met uw leverancier van apparaten.
        The hardware hash you provided for this device was not formatted correctly. Double-check the hardware hash and then resubmit.
          De hardwarehash die u voor dit apparaat hebt opgegeven, is niet correct opgemaakt. Controleer de hardwarehash dubbel en stuur deze vervolgens opnieuw in.
        This device is already registered to your organization. No further action required.
          Dit apparaat is al geregistreerd bij uw organisatie. Geen verdere actie vereist.
        This device has already been claimed by another organization. Check with your device supplier.
          Dit apparaat is al geclaimd door een andere organisatie. Neem contact op met uw leverancier van het apparaat.
        Your request could not be automatically processed. Contact Support and provide the Request ID: dd-4711
          Uw aanvraag kon niet automatisch worden verwerkt. Neem contact op met ondersteuning en vermeld de aanvraag-id: dd-4711.
        This row can't be registered as it is. Correct it and drop the file again.
          Deze rij kan zo niet worden geregistreerd. Verbeter de rij en lever het bestand opnieuw aan.
        This file can't be read as a list of devices. Correct it and drop it again.
          Dit bestand kan niet als lijst van apparaten worden gelezen. Verbeter het en lever het opnieuw aan.
        Your request could not be automatically processed. Contact Support (support@example.com) and provide the Request ID: dd-4711
          Uw aanvraag kon niet automatisch worden verwerkt. Neem contact op met ondersteuning (support@example.com) en vermeld de aanvraag-id: dd-4711.
        Your request could not be automatically processed. Contact Support (support@example.com) and provide the Request ID: dd-4711 (The registrar said: "Internal error\u{1b}[31m 500")
          Uw aanvraag kon niet automatisch worden verwerkt. Neem contact op met ondersteuning (support@example.com) en vermeld de aanvraag-id: dd-4711. (De registratiedienst zei: "Internal error\u{1b}[31m 500")
        The hardware hash you provided for this device was not formatted correctly. Double-check the hardware hash and then resubmit. Character 12,345 of the hardware hash is one that no hash has: they consist of letters, digits, + and /, and = only at the end.
          De hardwarehash die u voor dit apparaat hebt opgegeven, is niet correct opgemaakt. Controleer de hardwarehash dubbel en stuur deze vervolgens opnieuw in. Teken 12.345 van de hardwarehash komt in geen enkele hash voor: die bestaat uit letters, cijfers, + en /, en = alleen aan het einde.
        The hardware hash you provided for this device was not formatted correctly. Double-check the hardware hash and then resubmit. The hardware hash isn't whole: part of it is probably missing.
          De hardwarehash die u voor dit apparaat hebt opgegeven, is niet correct opgemaakt. Controleer de hardwarehash dubbel en stuur deze vervolgens opnieuw in. De hardwarehash is niet volledig: waarschijnlijk ontbreekt een deel.
        The hardware hash you provided for this device was not formatted correctly. Double-check the hardware hash and then resubmit. This is no hardware hash: those begin with T0E, T0F, T0G or T0H.
          De hardwarehash die u voor dit apparaat hebt opgegeven, is niet correct opgemaakt. Controleer de hardwarehash dubbel en stuur deze vervolgens opnieuw in. Dit is geen hardwarehash: die begint met T0E, T0F, T0G of T0H.
        The hardware hash you provided for this device was not formatted correctly. Double-check the hardware hash and then resubmit. This is no hardware hash: those begin with T0E, T0F, T0G or T0H.
          De hardwarehash die u voor dit apparaat hebt opgegeven, is niet correct opgemaakt. Controleer de hardwarehash dubbel en stuur deze vervolgens opnieuw in. Dit is geen hardwarehash: die begint met T0E, T0F, T0G of T0H.
        The hardware hash you provided for this device was not formatted correctly. Double-check the hardware hash and then resubmit. (The registrar said: "the hardware hash is long")
          De hardwarehash die u voor dit apparaat hebt opgegeven, is niet correct opgemaakt. Controleer de hardwarehash dubbel en stuur deze vervolgens opnieuw in. (De registratiedienst zei: "the hardware hash is long")
        This device is already registered to your organization. No further action required.
          Dit apparaat is al geregistreerd bij uw organisatie. Geen verdere actie vereist.
        This device is already registered to your organization. No further action required. It was registered on 2026-11-22 by line 12 of the file "PO-4711/devices.csv".
          Dit apparaat is al geregistreerd bij uw organisatie. Geen verdere actie vereist. Het is geregistreerd op 2026-11-22 door regel 12 van het bestand "PO-4711/devices.csv".
        The device is registered, but its hardware hash speaks of another device: Model is "Surface" in the row and "Surface Laptop" in the hash; Serial Number is "1\u{1b}" in the row and "016520771357" in the hash. Check that the hash was taken from this device.
          Het apparaat is geregistreerd, maar de hardwarehash gaat over een ander apparaat: Model is "Surface" in de rij en "Surface Laptop" in de hash; Serial Number is "1\u{1b}" in de rij en "016520771357" in de hash. Controleer of de hash van dit apparaat afkomstig is.
        "##);
    }

    #[test]
    fn a_registrar_that_talks_too_much_is_cut() {
        let long = "x".repeat(10_000_000);
        let unexpected = Details::Error {
            error: ErrorCode::UnexpectedError,
            request_id: &long,
            support: None,
            words: Some(&long),
        };
        assert!(details(&unexpected, Locale::En).len() < 1_000);
    }
}
