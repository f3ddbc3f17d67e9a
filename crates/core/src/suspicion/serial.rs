//! Serial numbers that are none, or no longer the one that they were: placeholders, samples, what spreadsheets leave.

use unicode_normalization::char::is_combining_mark;

use super::Suspect;
use super::date::is_date;

/// What firmware and exports hold where nobody gave a serial number, in small letters.
const PLACEHOLDERS: [&str; 31] = [
    "to be filled by o.e.m.",
    "to be filled by o.e.m",
    "to be filled by oem",
    "system serial number",
    "chassis serial number",
    "base board serial number",
    "default string",
    "not specified",
    "not applicable",
    "not available",
    "not provided",
    "serial number",
    "serialnumber",
    "serienummer",
    "empty",
    "o.e.m.",
    "oem",
    "invalid",
    "unknown",
    "onbekend",
    "none",
    "null",
    "nan",
    "nil",
    "n/a",
    "n.v.t.",
    "tbd",
    "0123456789",
    "123456789",
    "1234567890",
    "12345678",
];

/// How many of one character in a row make no serial number, whichever character it is.
const REPEATED: usize = 5;

/// The digits of a number that spreadsheets keep.
pub(super) const KEPT_DIGITS: usize = 15;

/// Zeros behind the digits kept that are hardly chance: one number in a thousand ends so.
const ZERO_TAIL: usize = 3;

/// What spreadsheets show in place of a value, in English and in Dutch.
const SPREADSHEET_ERRORS: [&str; 13] = [
    "#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#N/B", "#VERW!", "#WAARDE!", "#NAAM?",
    "#DEEL/0!", "#GETAL!",
];

/// Whether a row is that of the documentation's sample, or was only half changed.
pub(super) fn is_sample(manufacturer: &str, model: &str, serial_number: &str) -> bool {
    (manufacturer.trim() == "SpiralOrbit" && model.trim() == "ContosoABC")
        || (model.trim() == "Surface Laptop" && serial_number.trim() == "016520771357")
}

/// What looks wrong in a serial number by itself.
pub(super) fn look(serial_number: &str) -> Option<Suspect<'_>> {
    let value = serial_number.trim();
    let is_error = |error: &&str| error.eq_ignore_ascii_case(value);
    if value.starts_with('#') && (SPREADSHEET_ERRORS.iter().any(is_error) || value.starts_with("##")) {
        return Some(Suspect::SpreadsheetError(value));
    }
    if is_placeholder(value) {
        return Some(Suspect::Placeholder(value));
    }
    // Both keep zeros in a spreadsheet, and neither belongs to the number.
    if value.starts_with('=') || value.strip_prefix('\'').is_some_and(|rest| !rest.is_empty()) {
        return Some(Suspect::TextMark(value));
    }
    if is_date(value) {
        return Some(Suspect::Date(value));
    }
    if is_whole_number_with_decimals(value) {
        return Some(Suspect::Decimals(value));
    }
    (zero_tail(value) >= ZERO_TAIL).then_some(Suspect::LostDigits(value))
}

/// How many digits a spreadsheet would have made zeros, if all of those are zeros; of text with anything but digits,
/// none.
pub(super) fn zero_tail(value: &str) -> usize {
    let tail = value.get(KEPT_DIGITS..).unwrap_or_default();
    let lost = !tail.is_empty() && tail.bytes().all(|byte| byte == b'0') && is_digits(value);
    if lost { tail.len() } else { 0 }
}

/// Whether a text is digits alone.
pub(super) fn is_digits(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_placeholder(value: &str) -> bool {
    let mut characters = value.chars();
    let Some(first) = characters.next() else { return false };
    // Marks without a character to carry them aren't typed to fill a field.
    let all_the_same = characters.all(|next| next.eq_ignore_ascii_case(&first)) && !is_combining_mark(first);
    (all_the_same && ("0xX-.?*".contains(first) || value.chars().count() >= REPEATED))
        || PLACEHOLDERS.iter().any(|placeholder| placeholder.eq_ignore_ascii_case(value))
}

/// `123.0`, as programs write a number that they took for one with a fraction.
fn is_whole_number_with_decimals(value: &str) -> bool {
    let Some((whole, fraction)) = value.split_once(['.', ',']) else { return false };
    // Serial numbers with a full stop in them exist; `.0` and `.00` at their end hardly.
    is_digits(whole) && whole.len() >= 4 && matches!(fraction, "0" | "00")
}
