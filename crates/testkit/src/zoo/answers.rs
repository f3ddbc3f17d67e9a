//! What comes of a group's cases, written down for people to read and for tests to compare.

use std::fmt::Write;

use devicedrop_core::locale::Locale;
use devicedrop_core::shown::shown_cut;

use super::{Group, Reading};

/// How much of a value is shown, in characters.
const SHOWN: usize = 60;

/// What comes of each case of a group, by the core.
pub fn answers(group: &Group, readings: &[Reading]) -> String {
    let mut out = String::new();
    for (case, reading) in group.cases.iter().zip(readings) {
        // Writing to a String can't fail.
        writeln!(out, "{}: {}", case.name, headline(reading)).unwrap_or_default();
        answer(reading, &mut out);
        out.push('\n');
    }
    out
}

/// What comes of a file, in a few words.
pub(super) fn headline(reading: &Reading) -> String {
    let mut words = match &reading.verdict {
        Err(_) => vec!["rejected".to_owned()],
        Ok(sheet) => {
            let dialect = sheet.head.dialect;
            let encoding = reading.encoding.map_or("", |encoding| encoding.code());
            let format = sheet.head.format.code();
            let of = ["accepted", format, encoding, dialect.delimiter.code(), dialect.line_ending.code()];
            let mut words: Vec<String> = of.map(str::to_owned).to_vec();
            words.extend(dialect.sep_line.then(|| "sep line".to_owned()));
            words
        }
    };
    words.extend(reading.waits().then(|| "after a wait, since more may come".to_owned()));
    words.join(", ")
}

fn answer(reading: &Reading, out: &mut String) {
    let (english, dutch) = (reading.messages(Locale::En), reading.messages(Locale::Nl));
    if reading.verdict.is_err() {
        for ((_, english), (_, dutch)) in english.iter().zip(&dutch) {
            writeln!(out, "  en: {english}\n  nl: {dutch}").unwrap_or_default();
        }
        return;
    }
    let mut messages = english.iter().zip(&dutch);
    for row in &reading.rows {
        if let Ok(values) = &row.content {
            let values: Vec<String> = values.iter().map(|value| format!("\"{}\"", shown_cut(value, SHOWN))).collect();
            writeln!(out, "  {}: {}", row.line, values.join(" ")).unwrap_or_default();
        } else if let Some(((_, english), (_, dutch))) = messages.next() {
            writeln!(out, "  {}: refused\n    en: {english}\n    nl: {dutch}", row.line).unwrap_or_default();
        }
    }
}
