//! The words for bytes that aren't text, or not text that can be told.

use super::{Language, words};

pub(super) fn nul_byte(line: u64, language: Language) -> String {
    let what = words!(
        language,
        "Line {line} holds a zero byte (NUL), which no text file has: the file is damaged, or it was still being \
         copied.",
        "Regel {line} bevat een nulbyte (NUL), die in geen tekstbestand voorkomt: het bestand is beschadigd, of het \
         werd nog gekopieerd.",
    );
    with_advice(&what, language)
}

pub(super) fn invalid_utf8(line: u64, byte: u8, language: Language) -> String {
    let what = words!(
        language,
        "The file says at its beginning that it is UTF-8, but the byte {byte:02X} on line {line} can't stand there \
         in UTF-8.",
        "Het bestand geeft aan het begin aan dat het UTF-8 is, maar de byte {byte:02X} op regel {line} kan daar in \
         UTF-8 niet staan.",
    );
    with_advice(&what, language)
}

pub(super) fn invalid_utf16(line: u64, language: Language) -> String {
    let what = words!(
        language,
        "The file says at its beginning that it is UTF-16, but line {line} holds half a character: a part of the \
         file is probably missing.",
        "Het bestand geeft aan het begin aan dat het UTF-16 is, maar regel {line} bevat een half teken: \
         waarschijnlijk ontbreekt een deel van het bestand.",
    );
    with_advice(&what, language)
}

pub(super) fn utf8_cut(line: u64, language: Language) -> String {
    words!(
        language,
        "The file ends on line {line} in the middle of a character: a part of it is missing. Expected is the whole \
         file. Drop it again once it is complete.",
        "Het bestand eindigt op regel {line} midden in een teken: er ontbreekt een deel. Verwacht wordt het hele \
         bestand. Lever het opnieuw aan als het volledig is.",
    )
}

pub(super) fn utf16_without_mark(language: Language) -> String {
    let what = words!(
        language,
        "The file is written in UTF-16 without a byte order mark, the two bytes at the beginning that say so.",
        "Het bestand is in UTF-16 geschreven, maar zonder byte-ordemarkering: de twee bytes aan het begin die dat \
         aangeven.",
    );
    with_advice(&what, language)
}

/// An encoding that isn't read at all.
pub(super) fn never_read(name: &str, language: Language) -> String {
    let what = words!(
        language,
        "The file is written in {name}, which isn't read.",
        "Het bestand is in {name} geschreven, en dat wordt niet gelezen.",
    );
    with_advice(&what, language)
}

pub(super) fn mixed(utf8_line: u64, other_line: u64, byte: u8, language: Language) -> String {
    let what = words!(
        language,
        "The file is written in two encodings: line {utf8_line} is UTF-8, and the byte {byte:02X} on line \
         {other_line} isn't. It was probably put together from two files.",
        "Het bestand is in twee coderingen geschreven: regel {utf8_line} is UTF-8 en de byte {byte:02X} op regel \
         {other_line} niet. Waarschijnlijk is het uit twee bestanden samengevoegd.",
    );
    with_advice(&what, language)
}

pub(super) fn undefined_byte(line: u64, byte: u8, language: Language) -> String {
    let what = words!(
        language,
        "The byte {byte:02X} on line {line} is a character neither in UTF-8 nor in Windows-1252. Excel writes such \
         files as \"CSV (MS-DOS)\" and \"CSV (Macintosh)\".",
        "De byte {byte:02X} op regel {line} is geen teken in UTF-8 en ook niet in Windows-1252. Excel schrijft zulke \
         bestanden als \"CSV (MS-DOS)\" en \"CSV (Macintosh)\".",
    );
    with_advice(&what, language)
}

fn with_advice(what: &str, language: Language) -> String {
    words!(
        language,
        "{what} Expected is text in UTF-8. Save the file anew with the encoding UTF-8 (in Excel: \"CSV UTF-8\"), \
         check its letters, and drop it again.",
        "{what} Verwacht wordt tekst in UTF-8. Sla het bestand opnieuw op met de codering UTF-8 (in Excel: \
         \"CSV UTF-8\"), controleer de letters en lever het opnieuw aan.",
    )
}
