//! The words for what is wrong, in English and Dutch: plain sentences for people with a spreadsheet.
//!
//! Each message says what, where, what was found, what is expected and what to do. Every piece of text from
//! outside (cells, headings, a registrar's words) is quoted, escaped and cut. Texts of states and errors are in
//! `locale`.

mod check;
mod encoding;
mod file;
mod headings;
mod hint;
mod notice;
mod order;
mod registrar;
mod rehearsal;
mod row;
mod suspicion;
mod waits;

pub use check::{Label, NotTaken, label, not_taken};
pub use file::file_problem;
pub use hint::{hint, recorded_hint};
pub use notice::{Notice, notice};
pub use registrar::{Details, Holder, details};
pub use rehearsal::{Foreseen, foreseen, note};
pub(crate) use row::names_device;
pub use row::row_problem;
pub use suspicion::{Told, suspicion};
pub use waits::{WaitsFor, waits_for};

use std::fmt::Display;

use crate::dialect::Delimiter;
use crate::locale::Locale;
use crate::shown::shown_cut;

/// How much of a cell is quoted, in characters: enough to find it by, too little to flood a result file.
const QUOTED_CHARS: usize = 64;

/// How much of a registrar's own words is quoted, in characters: a sentence or two.
const WORDS_CHARS: usize = 256;

/// The languages in which sentences are written; machines get English.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    English,
    Dutch,
}

impl From<Locale> for Language {
    fn from(locale: Locale) -> Self {
        match locale {
            Locale::En | Locale::Code => Self::English,
            Locale::Nl => Self::Dutch,
        }
    }
}

/// Formats the sentence of the language: both stand side by side, so that neither is forgotten.
macro_rules! words {
    ($language:expr, $english:literal, $dutch:literal $(,)?) => {
        match $language {
            $crate::message::Language::English => format!($english),
            $crate::message::Language::Dutch => format!($dutch),
        }
    };
}
use words;

/// A piece of somebody else's text: escaped, cut, in quotes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", shown_cut(text, QUOTED_CHARS))
}

/// Pieces of somebody else's text in a row: `"a", "b"`.
fn quoted_list<'a>(texts: impl IntoIterator<Item = &'a String>) -> String {
    let pieces: Vec<String> = texts.into_iter().map(|text| quoted(text)).collect();
    pieces.join(", ")
}

/// What stands between values, as people call it.
fn delimiters(delimiter: Delimiter, language: Language) -> &'static str {
    match (delimiter, language) {
        (Delimiter::Comma, Language::English) => "commas",
        (Delimiter::Comma, Language::Dutch) => "komma's",
        (Delimiter::Semicolon, Language::English) => "semicolons",
        (Delimiter::Semicolon, Language::Dutch) => "puntkomma's",
        (Delimiter::Tab, _) => "tabs",
    }
}

/// A whole number with its thousands set apart as the language does it: `1,048,576`, `1.048.576`.
fn number(value: u64, language: Language) -> impl Display {
    let separator = match language {
        Language::English => ',',
        Language::Dutch => '.',
    };
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(separator);
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the snapshots of this module's parts show: each sample in both languages.
    pub(super) fn both(render: impl Fn(Locale) -> Vec<String>) -> String {
        let pairs = render(Locale::En).into_iter().zip(render(Locale::Nl));
        let lines: Vec<String> = pairs.map(|(english, dutch)| format!("{english}\n  {dutch}")).collect();
        lines.join("\n")
    }

    #[test]
    fn numbers_are_grouped_as_the_language_does_it() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (1_073_741_824, "1,073,741,824")];
        for (value, english) in cases {
            assert_eq!(number(value, Language::English).to_string(), english);
            assert_eq!(number(value, Language::Dutch).to_string(), english.replace(',', "."));
        }
    }

    #[test]
    fn quoted_text_is_harmless_and_short() {
        assert_eq!(quoted("a\u{202e}b\n"), r#""a\u{202e}b\u{a}""#);
        assert_eq!(quoted(&"x".repeat(1_000)).chars().count(), QUOTED_CHARS + 3);
    }
}
