//! What is told of each thing that can look wrong, in both languages.

use super::*;
use crate::device::Device;
use crate::message::tests::both;
use crate::time::Timestamp;

fn told(suspects: &[Suspect<'_>]) -> String {
    both(|locale| {
        let each = |suspect: &Suspect<'_>| {
            let Told { what, help } = suspicion(&Suspicion { line: 7, cell: None, suspect: suspect.clone() }, locale);
            format!("{}: {what} // {help}", suspect.code())
        };
        suspects.iter().map(each).collect()
    })
}

#[test]
fn what_characters_look_wrong() {
    let suspects = vec![
        Suspect::SurroundingBlanks(None),
        Suspect::SurroundingBlanks(Some('\u{200b}')),
        Suspect::DoubledBlanks,
        Suspect::ByteOrderMark,
        Suspect::Invisible('\u{200b}'),
        Suspect::OddBlank('\u{a0}'),
        Suspect::SmartQuote('\u{201c}', '"'),
        Suspect::LookAlike('\u{421}', 'C'),
        Suspect::MarkApart('\u{e9}'),
        Suspect::NotAscii('\u{e9}'),
        Suspect::BareQuote,
    ];
    insta::assert_snapshot!(told(&suspects), @r#"
    surrounding_blanks: blanks stand around this value, and they count // remove them, unless the device itself reports them too
      surrounding_blanks: rond deze waarde staan spaties, en die tellen mee // verwijder ze, tenzij het apparaat ze zelf ook opgeeft
    surrounding_blanks: something that can't be seen (U+200B) stands around this value, and it counts // type the value anew; such characters come along when a value is copied
      surrounding_blanks: rond deze waarde staat iets onzichtbaars (U+200B), en dat telt mee // typ de waarde opnieuw in; zulke tekens komen mee bij het kopiëren
    doubled_blanks: several blanks in a row stand inside this value, and each counts // remove them, unless the device itself reports them too
      doubled_blanks: in deze waarde staan meerdere spaties achter elkaar, en elke telt mee // verwijder ze, tenzij het apparaat ze zelf ook opgeeft
    bom_inside: a byte order mark (U+FEFF) stands in this value, where it can't be seen // remove it: type the value anew. Probably two files were put together.
      bom_inside: in deze waarde staat een byte-ordemarkering (U+FEFF), die niet te zien is // verwijder die: typ de waarde opnieuw in. Waarschijnlijk zijn er twee bestanden samengevoegd.
    invisible: a character that can't be seen (U+200B) stands in this value // type the value anew; such characters come along when a value is copied
      invisible: in deze waarde staat een teken dat niet te zien is (U+200B) // typ de waarde opnieuw in; zulke tekens komen mee bij het kopiëren
    odd_blank: a blank in this value isn't the one of a keyboard but U+00A0 // type the value anew; such characters come along when a value is copied
      odd_blank: een spatie in deze waarde is niet die van een toetsenbord, maar U+00A0 // typ de waarde opnieuw in; zulke tekens komen mee bij het kopiëren
    smart_quote: "“" (U+201C) is a typographic quotation mark or apostrophe; keyboards give " // type the value anew, unless the device itself reports it so
      smart_quote: "“" (U+201C) is een typografisch aanhalingsteken of een apostrof; een toetsenbord geeft " // typ de waarde opnieuw in, tenzij het apparaat die zelf zo opgeeft
    look_alike: "С" (U+0421) only looks like C and is another character // type the value anew, unless the device itself reports it so
      look_alike: "С" (U+0421) lijkt alleen op C en is een ander teken // typ de waarde opnieuw in, tenzij het apparaat die zelf zo opgeeft
    mark_apart: a letter and its mark are two characters here; they only look like "é" (U+00E9) // type the value anew, unless the device itself reports it so
      mark_apart: een letter en het teken erop zijn hier twee tekens; ze lijken alleen op "é" (U+00E9) // typ de waarde opnieuw in, tenzij het apparaat die zelf zo opgeeft
    not_ascii: "é" (U+00E9) seldom stands in a serial number // compare the serial number with the device's label
      not_ascii: "é" (U+00E9) komt zelden in een serienummer voor // vergelijk het serienummer met het etiket van het apparaat
    bare_quote: a quotation mark (") stands in this value without quotes around the whole // leave it if it belongs to the value (14" Laptop); otherwise remove it
      bare_quote: in deze waarde staat een aanhalingsteken (") zonder aanhalingstekens om het geheel // laat het staan als het bij de waarde hoort (14" Laptop); verwijder het anders
    "#);
}

#[test]
fn what_serial_numbers_look_wrong() {
    let suspects = vec![
        Suspect::HeadingsAgain,
        Suspect::Sample,
        Suspect::Uncorrected(Device {
            manufacturer: "Dell".into(),
            model: " Inc.".into(),
            serial_number: "S1".into(),
        }),
        Suspect::Placeholder("Default string\u{1b}"),
        Suspect::Date("1-mrt"),
        Suspect::LostDigits("123456789012345000"),
        Suspect::SpreadsheetError("#N/B"),
        Suspect::TextMark("=\"0123\""),
        Suspect::TextMark("'0123"),
        Suspect::Decimals("1234.0"),
        Suspect::LostZeros { found: "12345678901", usual: 12 },
        Suspect::ZerosDiffer { first: 1_234 },
        Suspect::Twice { first: 1_234 },
        Suspect::OtherSpelling { found: "DELL", rows: 1, usual: "Dell", usual_rows: 1, first: 2 },
        Suspect::OtherSpelling { found: "DELL", rows: 1_234, usual: "Dell", usual_rows: 4_321, first: 2 },
        Suspect::OtherDevice(HashMismatch { fields: vec![("Model".into(), "A".into(), "B".into())] }),
    ];
    insta::assert_snapshot!(told(&suspects), @r##"
    headings_again: the headings stand here once more // remove the line: it would be registered as a device. Probably two files were put together.
      headings_again: hier staan de kolomkoppen nog een keer // verwijder de regel: hij zou als apparaat worden geregistreerd. Waarschijnlijk zijn er twee bestanden samengevoegd.
    sample: this is the row of the documentation's sample // remove it: its registration fails
      sample: dit is de rij uit het voorbeeld in de documentatie // verwijder de rij: de registratie ervan mislukt
    uncorrected: the row was refused before, and its device is still "Dell", " Inc.", "S1", which may be only a part of what was sent // put the values there that the device itself reports, unless these are they
      uncorrected: de rij is eerder geweigerd, en het apparaat is nog steeds "Dell", " Inc.", "S1", wat misschien maar een deel is van wat is aangeleverd // zet er de waarden neer die het apparaat zelf opgeeft, tenzij het deze zijn
    placeholder: "Default string\u{1b}" is no serial number: devices report it where nobody gave them one // take the serial number from the device's label or its supplier
      placeholder: "Default string\u{1b}" is geen serienummer: apparaten geven dit op als niemand ze er een heeft gegeven // neem het serienummer van het etiket van het apparaat of van de leverancier
    date: "1-mrt" is a date: what Excel makes of a serial number like MAR1 or 1-3 // take it from its source again, and in Excel set the column's format to Text before you fill it in
      date: "1-mrt" is een datum: dat maakt Excel van een serienummer als MAR1 of 1-3 // haal het opnieuw uit de bron, en geef in Excel de kolom de notatie Tekst voordat u het invult
    lost_digits: "123456789012345000" ends in zeros from the 16th digit on: Excel keeps 15 digits and makes the others zeros // take it from its source again, and in Excel set the column's format to Text before you fill it in
      lost_digits: "123456789012345000" eindigt vanaf het 16e cijfer op nullen: Excel bewaart 15 cijfers en maakt van de andere nullen // haal het opnieuw uit de bron, en geef in Excel de kolom de notatie Tekst voordat u het invult
    spreadsheet_error: "#N/B" is what Excel shows in place of a value // take it from its source again, and in Excel set the column's format to Text before you fill it in
      spreadsheet_error: "#N/B" is wat Excel toont in plaats van een waarde // haal het opnieuw uit de bron, en geef in Excel de kolom de notatie Tekst voordat u het invult
    text_mark: "="0123"" begins with =, which tells Excel that this is text; here it counts as part of the value // write the serial number alone; only Excel drops leading zeros, devicedrop doesn't
      text_mark: "="0123"" begint met =, waardoor Excel de waarde als tekst leest; hier telt dat mee als deel van de waarde // schrijf alleen het serienummer; alleen Excel laat voorloopnullen weg, devicedrop niet
    text_mark: "'0123" begins with ', which tells Excel that this is text; here it counts as part of the value // write the serial number alone; only Excel drops leading zeros, devicedrop doesn't
      text_mark: "'0123" begint met ', waardoor Excel de waarde als tekst leest; hier telt dat mee als deel van de waarde // schrijf alleen het serienummer; alleen Excel laat voorloopnullen weg, devicedrop niet
    decimals: "1234.0" has decimals: a program took the serial number for a number // take it from its source again, and in Excel set the column's format to Text before you fill it in
      decimals: "1234.0" heeft decimalen: een programma heeft het serienummer als getal gelezen // haal het opnieuw uit de bron, en geef in Excel de kolom de notatie Tekst voordat u het invult
    lost_zeros: "12345678901" has 11 digits, where nearly all others of this model have 12: it probably lost its leading zeros // take it from its source again, and in Excel set the column's format to Text before you fill it in
      lost_zeros: "12345678901" heeft 11 cijfers, terwijl bijna alle andere van dit model er 12 hebben: waarschijnlijk zijn voorloopnullen verloren gegaan // haal het opnieuw uit de bron, en geef in Excel de kolom de notatie Tekst voordat u het invult
    zeros_differ: this serial number differs from the one on line 1234 by leading zeros alone // compare both with the device's label: to the service they are two devices
      zeros_differ: dit serienummer verschilt alleen in voorloopnullen van dat op regel 1234 // vergelijk beide met het etiket van het apparaat: voor de dienst zijn het twee apparaten
    twice: this device stands on line 1234 already // remove one of the two; the later would be told that the device is registered already
      twice: dit apparaat staat al op regel 1234 // verwijder een van de twee; bij de latere komt te staan dat het apparaat al is geregistreerd
    other_spelling: "DELL" stands in 1 of the rows, "Dell" in 1 of them, from line 2 on // write it exactly as the device itself reports it: to the service these are two values
      other_spelling: "DELL" staat in 1 van de rijen, "Dell" in 1 ervan, vanaf regel 2 // schrijf het precies zoals het apparaat zelf het opgeeft: voor de dienst zijn dit twee waarden
    other_spelling: "DELL" stands in 1,234 of the rows, "Dell" in 4,321 of them, from line 2 on // write it exactly as the device itself reports it: to the service these are two values
      other_spelling: "DELL" staat in 1.234 van de rijen, "Dell" in 4.321 ervan, vanaf regel 2 // schrijf het precies zoals het apparaat zelf het opgeeft: voor de dienst zijn dit twee waarden
    other_device: the hardware hash speaks of another device: Model is "A" in the row and "B" in the hash // check that the hash was taken from this device
      other_device: de hardwarehash gaat over een ander apparaat: Model is "A" in de rij en "B" in de hash // controleer of de hash van dit apparaat afkomstig is
    "##);
}

#[test]
fn what_is_wrong_with_hardware_hashes() {
    let suspects = vec![
        Suspect::HardwareHash(HashProblem::Character { position: 4 }),
        Suspect::HardwareHash(HashProblem::CutOff),
        Suspect::HardwareHash(HashProblem::Middle { position: 7 }),
        Suspect::HardwareHash(HashProblem::Excess { found: 3, fitting: 2 }),
        Suspect::HardwareHash(HashProblem::SmallLetters),
        Suspect::HardwareHash(HashProblem::NotOa3),
    ];
    insta::assert_snapshot!(told(&suspects), @r##"
    hardware_hash: character 4 of the hardware hash is one that no hash has: they consist of letters, digits, + and /, and = only at the end // the service refuses it as not valid: take the hash from the device again
      hardware_hash: teken 4 van de hardwarehash komt in geen enkele hash voor: die bestaat uit letters, cijfers, + en /, en = alleen aan het einde // de dienst weigert die als niet geldig: haal de hash opnieuw uit het apparaat
    hardware_hash: the hardware hash isn't whole: part of it is probably missing // the service refuses it as not valid: take the hash from the device again
      hardware_hash: de hardwarehash is niet volledig: waarschijnlijk ontbreekt een deel // de dienst weigert die als niet geldig: haal de hash opnieuw uit het apparaat
    hardware_hash: character 7 of the hardware hash is a =, which stands only at the end of one: either it doesn't belong there, or two hashes stand in one value // the service refuses it as not valid: take the hash from the device again
      hardware_hash: teken 7 van de hardwarehash is een =, en dat staat alleen aan het einde: het hoort daar niet, of er staan twee hashes in één waarde // de dienst weigert die als niet geldig: haal de hash opnieuw uit het apparaat
    hardware_hash: the hardware hash has 1 = too many at its end, or lost characters before it // the service refuses it as not valid: take the hash from the device again
      hardware_hash: de hardwarehash heeft aan het einde 1 = te veel, of er zijn tekens vóór verloren gegaan // de dienst weigert die als niet geldig: haal de hash opnieuw uit het apparaat
    hardware_hash: the hardware hash has no capital letter: a program made all of its letters small, and it can't be told any more which were capitals // the service refuses it as not valid: take the hash from the device again
      hardware_hash: de hardwarehash bevat geen hoofdletters: een programma heeft van alle letters kleine letters gemaakt, en welke hoofdletters waren, is niet meer te achterhalen // de dienst weigert die als niet geldig: haal de hash opnieuw uit het apparaat
    hardware_hash: this is no hardware hash: those begin with T0E, T0F, T0G or T0H // the service refuses it as not valid: take the hash from the device again
      hardware_hash: dit is geen hardwarehash: die begint met T0E, T0F, T0G of T0H // de dienst weigert die als niet geldig: haal de hash opnieuw uit het apparaat
    "##);
}

#[test]
fn what_looks_wrong_with_optional_columns() {
    let suspects = [Suspect::NearlyHeading { found: "Order Id", wanted: "Bestellung" }, Suspect::NotFilledIn("...")];
    insta::assert_snapshot!(told(&suspects), @r##"
    nearly_heading: the column "Order Id" counts for nothing: the heading that counts is "Bestellung", letter by letter // rename the column to "Bestellung" if that is what stands in it
      nearly_heading: de kolom "Order Id" telt niet mee: de kolomkop die telt is "Bestellung", letter voor letter // hernoem de kolom naar "Bestellung" als dat is wat erin staat
    not_filled_in: "..." looks as if nobody had filled it in // put the number of the order there, or leave the cell empty
      not_filled_in: "..." ziet eruit alsof het niet is ingevuld // zet daar het nummer van de order, of laat de cel leeg
    "##);
}

#[test]
fn what_the_record_knows() {
    let date = Timestamp::from_unix_ms(1_795_356_339_003);
    let earlier = Earlier { file: "PO-4711/\u{202e}devices.csv", line: 1_234, date };
    let suspects = vec![
        Suspect::RegisteredBefore(earlier),
        Suspect::PendingBefore(earlier),
        Suspect::OtherDeviceBefore { found: "Dell", before: "Dell Inc.", earlier },
        Suspect::ZerosBefore { found: "123", before: "0123", earlier },
    ];
    insta::assert_snapshot!(told(&suspects), @r#"
    registered_before: this device is registered already, by line 1234 of the file "PO-4711/\u{202e}devices.csv" on 2026-11-22 // nothing needs to be done: the result file will say so too, and the device counts once
      registered_before: dit apparaat is al geregistreerd, door regel 1234 van het bestand "PO-4711/\u{202e}devices.csv" op 2026-11-22 // u hoeft niets te doen: het resultaatbestand meldt dat ook, en het apparaat telt één keer
    pending_before: this device was dropped before, by line 1234 of the file "PO-4711/\u{202e}devices.csv" on 2026-11-22, and its registration is pending // nothing needs to be done: this row would wait for the earlier one
      pending_before: dit apparaat is al eerder aangeleverd, door regel 1234 van het bestand "PO-4711/\u{202e}devices.csv" op 2026-11-22, en de registratie is in behandeling // u hoeft niets te doen: deze rij zou op de eerdere wachten
    other_device_before: this serial number was registered before, by line 1234 of the file "PO-4711/\u{202e}devices.csv" on 2026-11-22, with "Dell Inc." where "Dell" stands here // write it exactly as the device itself reports it: to the service these are two values
      other_device_before: dit serienummer is al eerder geregistreerd, door regel 1234 van het bestand "PO-4711/\u{202e}devices.csv" op 2026-11-22, met "Dell Inc." waar hier "Dell" staat // schrijf het precies zoals het apparaat zelf het opgeeft: voor de dienst zijn dit twee waarden
    zeros_before: "123" came before with other leading zeros: "0123", by line 1234 of the file "PO-4711/\u{202e}devices.csv" on 2026-11-22 // compare both with the device's label: to the service they are two devices
      zeros_before: "123" kwam eerder met andere voorloopnullen: "0123", door regel 1234 van het bestand "PO-4711/\u{202e}devices.csv" op 2026-11-22 // vergelijk beide met het etiket van het apparaat: voor de dienst zijn het twee apparaten
    "#);
}
