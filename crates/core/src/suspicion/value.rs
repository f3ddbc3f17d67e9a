//! What looks wrong in one value, whichever column it stands in: blanks and characters.

use std::ops::Range;

use unicode_normalization::char::{compose, is_combining_mark};

use super::character::{Odd, is_blank, is_latin_word, odd};
use super::{Suspect, Tell};
use crate::device::Column;
use crate::limits::count;

/// Says what looks wrong in a value: of blanks around it, doubled blanks and odd characters, the first each.
pub(super) fn look(column: Column, value: &str, tell: Tell<'_, '_>) {
    let inner = surrounding(column, value, tell);
    let text = value.get(inner.clone()).unwrap_or_default();
    let before = characters(value.get(..inner.start).unwrap_or_default());
    if let Some(at) = text.find("  ") {
        let start = before + characters(text.get(..at).unwrap_or_default());
        let long = text.get(at..).unwrap_or_default().chars().take_while(|character| *character == ' ').count();
        tell(column, Some(start..start + count(long)), Suspect::DoubledBlanks);
    }
    if text.is_ascii() {
        return;
    }
    let first = (before..)
        .zip(text.char_indices())
        .find_map(|(at, (byte, character))| suspect(column, text, byte, character).map(|suspect| (at, suspect)));
    let apart = (before..).zip(text.chars().zip(text.chars().skip(1))).find_map(|(at, (letter, mark))| {
        Some((at, Suspect::MarkApart(compose(letter, mark).filter(|_| is_combining_mark(mark))?)))
    });
    match (first, apart) {
        // A mark by itself is no second thing to tell of.
        (Some((at, _)), Some((letter, suspect))) if letter <= at => tell(column, Some(letter..letter + 2), suspect),
        (None, Some((letter, suspect))) => tell(column, Some(letter..letter + 2), suspect),
        (Some((at, suspect)), _) => tell(column, Some(at..at + 1), suspect),
        (None, None) => {}
    }
}

/// Says what stands around a value, and returns where the value itself stands.
fn surrounding(column: Column, value: &str, tell: Tell<'_, '_>) -> Range<usize> {
    let without_start = value.trim_start_matches(is_blank);
    let start = value.len() - without_start.len();
    let end = start + without_start.trim_end_matches(is_blank).len();
    let (before, behind) = (value.get(..start).unwrap_or_default(), value.get(end..).unwrap_or_default());
    if before.is_empty() && behind.is_empty() {
        return start..end;
    }
    let all = characters(value);
    let mut place = 0..characters(before);
    let mut blanks = before.chars().chain(behind.chars());
    if before.contains('\u{feff}') {
        // No slip of a finger: files were put together.
        tell(column, Some(place), Suspect::ByteOrderMark);
        blanks = "".chars().chain(behind.chars());
        place = 0..0;
    }
    if place.is_empty() {
        place = all - characters(behind)..all;
    }
    if !place.is_empty() {
        tell(column, Some(place), Suspect::SurroundingBlanks(blanks.find(|blank| *blank != ' ')));
    }
    start..end
}

fn suspect(column: Column, text: &str, byte: usize, character: char) -> Option<Suspect<'static>> {
    if character.is_ascii() {
        return None;
    }
    let serial = column == Column::SerialNumber;
    Some(match odd(character) {
        Some(Odd::Mark) => Suspect::ByteOrderMark,
        Some(Odd::Invisible) => Suspect::Invisible(character),
        Some(Odd::Blank) => Suspect::OddBlank(character),
        Some(Odd::Quote(usual)) => Suspect::SmartQuote(character, usual),
        Some(Odd::Like(usual)) => Suspect::LookAlike(character, usual),
        Some(Odd::Letter(usual)) if serial || is_latin_word(word_at(text, byte)) => {
            Suspect::LookAlike(character, usual)
        }
        _ if serial => Suspect::NotAscii(character),
        _ => return None,
    })
}

/// The word around a place in a text.
fn word_at(text: &str, byte: usize) -> &str {
    let (before, behind) = text.split_at_checked(byte).unwrap_or((text, ""));
    let start = before.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let end = behind.find(char::is_whitespace).map_or(text.len(), |at| byte + at);
    text.get(start..end).unwrap_or(text)
}

fn characters(text: &str) -> u64 {
    count(text.chars().count())
}
