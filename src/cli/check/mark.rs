//! A line of a file as it stands, cut and harmless, and the place in it that is meant.

use std::ops::Range;

use devicedrop_core::dialect::Delimiter;
use devicedrop_core::shown::shown_bytes;
use unicode_width::UnicodeWidthStr;

/// Which part of a line is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mark {
    /// None in particular.
    Line,
    /// None, and the line's bytes would tell nobody anything.
    Hidden,
    /// A cell, or characters of its value, from 0.
    Cell(usize, Option<Range<u64>>),
    /// All cells from this one on.
    CellsFrom(usize),
    /// Where something is missing at the end.
    End,
    /// The quotes that are open at its end, which open at this character, from 1.
    OpenQuote(u64),
    /// The first byte that isn't text.
    NotText,
    /// This byte.
    Byte(u8),
    /// The first heading that isn't one of those expected.
    Headings(Vec<String>, Vec<Vec<String>>),
}

/// How many characters are shown before what is meant, of it, and behind it.
const SHOWN: [usize; 3] = [60, 60, 40];

/// A line, ready to be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub(super) text: String,
    /// Where the mark stands below it and how wide it is, in a terminal's columns: some characters take two, some none.
    pub(super) mark: Option<(usize, usize)>,
    /// The place in the file's line, in characters from 1.
    pub(super) column: Option<usize>,
}

impl Excerpt {
    /// Cuts a line around what is meant. The delimiter isn't known before the headings are understood.
    pub(super) fn of(line: &[u8], mark: &Mark, delimiter: Option<Delimiter>) -> Option<Self> {
        let tabs = delimiter == Some(Delimiter::Tab);
        let show = |bytes: &[u8]| {
            let parts = bytes.split(|byte| tabs && *byte == b'\t').map(|part| shown_bytes(part).to_string());
            parts.collect::<Vec<_>>().join("⇥")
        };
        let [before, within, behind] = SHOWN;
        if *mark == Mark::Hidden {
            return None;
        }
        let Some(span) = span(line, mark, delimiter.map(Delimiter::byte)) else {
            return Some(Self { text: start(&show(line), before + within + behind), mark: None, column: None });
        };
        let (head, rest) = line.split_at_checked(span.start)?;
        let (marked, tail) = rest.split_at_checked(span.end.saturating_sub(span.start))?;
        let column = String::from_utf8_lossy(head).chars().count() + 1;
        let (head, marked, tail) =
            (end(&show(head), before), start(&show(marked), within), start(&show(tail), behind));
        let mark = Some(match (head.width(), marked.width()) {
            // A character that has no place of its own stands over or under the one before it.
            (before, 0) if !marked.is_empty() => (before.saturating_sub(1), 1),
            (before, within) => (before, within.max(1)),
        });
        Some(Self { text: format!("{head}{marked}{tail}"), mark, column: Some(column) })
    }
}

fn start(text: &str, limit: usize) -> String {
    let cut: String = text.chars().take(limit).collect();
    if cut.len() < text.len() { cut + "…" } else { cut }
}

fn end(text: &str, limit: usize) -> String {
    let over = text.chars().count().saturating_sub(limit);
    if over == 0 { text.to_owned() } else { format!("…{}", text.chars().skip(over).collect::<String>()) }
}

fn span(line: &[u8], mark: &Mark, delimiter: Option<u8>) -> Option<Range<usize>> {
    match mark {
        Mark::Line | Mark::Hidden => None,
        Mark::Cell(index, characters) => {
            let cell = cells(line, delimiter?).get(*index)?.clone();
            let within = characters.as_ref().and_then(|characters| characters_of(line, &cell, characters));
            Some(within.unwrap_or(cell))
        }
        Mark::CellsFrom(index) => Some(cells(line, delimiter?).get(*index)?.start..line.len()),
        Mark::End => Some(line.len()..line.len()),
        Mark::OpenQuote(position) => {
            let before = usize::try_from(position.saturating_sub(1)).ok()?;
            // Of text that isn't UTF-8, each byte is a character.
            let begin = std::str::from_utf8(line)
                .map_or(Some(before), |text| text.char_indices().nth(before).map(|(at, _)| at))?;
            (line.get(begin) == Some(&b'"')).then_some(begin..line.len())
        }
        Mark::NotText => not_text(line),
        Mark::Byte(wanted) => line.iter().position(|byte| byte == wanted).map(|at| at..at + 1),
        Mark::Headings(found, expected) => heading(line, found, expected),
    }
}

/// Where the cells of a line stand, their quotes included. Of a row over several lines, those on its first.
fn cells(line: &[u8], delimiter: u8) -> Vec<Range<usize>> {
    let mut cells = Vec::new();
    let (mut begin, mut quoted) = (0, false);
    for (at, byte) in line.iter().enumerate() {
        match byte {
            // A doubled quote closes and opens again at once.
            b'"' if quoted || at == begin => quoted = !quoted,
            b'"' if line.get(begin) == Some(&b'"') && line.get(at.saturating_sub(1)) == Some(&b'"') => quoted = true,
            byte if *byte == delimiter && !quoted => {
                cells.push(begin..at);
                begin = at + 1;
            }
            _ => {}
        }
    }
    cells.push(begin..line.len());
    cells
}

/// Characters of a cell's value, from 0; those of them that stand on this line.
fn characters_of(line: &[u8], cell: &Range<usize>, wanted: &Range<u64>) -> Option<Range<usize>> {
    let text = std::str::from_utf8(line.get(cell.clone())?).ok()?;
    let mut characters = text.char_indices().peekable();
    let mut quoted = characters.next_if(|(_, character)| *character == '"').is_some();
    let mut place: Option<Range<usize>> = None;
    let mut seen = 0;
    while let Some((at, character)) = characters.next() {
        // A quote inside quotes is either doubled, and one character, or the closing one, and none.
        if quoted && character == '"' && characters.next_if(|(_, next)| *next == '"').is_none() {
            quoted = false;
            continue;
        }
        if wanted.contains(&seen) {
            let at = cell.start + at;
            let start = place.as_ref().map_or(at, |place| place.start);
            place = Some(start..at + character.len_utf8());
        }
        seen += 1;
    }
    place
}

fn not_text(line: &[u8]) -> Option<Range<usize>> {
    let mut at = 0;
    for chunk in line.utf8_chunks() {
        if let Some(nul) = chunk.valid().bytes().position(|byte| byte == 0) {
            return Some(at + nul..at + nul + 1);
        }
        at += chunk.valid().len();
        if !chunk.invalid().is_empty() {
            return Some(at..at + chunk.invalid().len());
        }
    }
    None
}

/// The first heading that differs, in the delimiter that makes of the line what was found.
fn heading(line: &[u8], found: &[String], expected: &[Vec<String>]) -> Option<Range<usize>> {
    let is_found = |cell: &Range<usize>, found: &String| {
        let text = line.get(cell.clone()).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
        text.trim().trim_matches('"').trim().starts_with(found.trim_matches('…'))
    };
    let divided = Delimiter::ALL.into_iter().map(|delimiter| cells(line, delimiter.byte()));
    let cells = divided
        .filter(|cells| cells.len() >= found.len())
        .find(|cells| cells.iter().zip(found).all(|(cell, found)| is_found(cell, found)))?;
    let same = |names: &Vec<String>| names.iter().zip(found).take_while(|(name, found)| name == found).count();
    let first = expected.iter().map(same).max()?;
    Some(if first < found.len() { cells.get(first)?.clone() } else { line.len()..line.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(line: &[u8], mark: &Mark, delimiter: Option<Delimiter>) -> String {
        let excerpt = Excerpt::of(line, mark, delimiter).expect("an excerpt");
        let below = excerpt.mark.map(|(at, width)| format!("{}{}", " ".repeat(at), "^".repeat(width)));
        format!("{}\n{}\n{:?}", excerpt.text, below.unwrap_or_default(), excerpt.column)
    }

    #[test]
    fn cells_and_characters_are_found_through_quotes() {
        let line = "\"Dell, \"\"Inc\"\".\",Latitude;5,\"a\"\"b\u{1b}c\"".as_bytes();
        let comma = Some(Delimiter::Comma);
        insta::assert_snapshot!(drawn(line, &Mark::Cell(1, None), comma), @r#"
        "Dell, ""Inc"".",Latitude;5,"a""b\u{1b}c"
                         ^^^^^^^^^^
        Some(18)
        "#);
        insta::assert_snapshot!(drawn(line, &Mark::Cell(2, Some(3..4)), comma), @r#"
        "Dell, ""Inc"".",Latitude;5,"a""b\u{1b}c"
                                         ^^^^^^
        Some(34)
        "#);
        insta::assert_snapshot!(drawn(b"a\tb\tc", &Mark::Cell(2, None), Some(Delimiter::Tab)), @r"
        a⇥b⇥c
            ^
        Some(5)
        ");
        insta::assert_snapshot!(drawn(b"a;\"b;c", &Mark::OpenQuote(3), None), @r#"
        a;"b;c
          ^^^^
        Some(3)
        "#);
    }

    #[test]
    fn a_mark_stands_under_its_place_whatever_the_width_of_the_characters_before_it() {
        let comma = Some(Delimiter::Comma);
        let lenovo = "\u{8054}\u{60f3},\u{ff54}\u{ff4d},\u{ff11}\u{ff12}3".as_bytes();
        insta::assert_snapshot!(drawn(lenovo, &Mark::Cell(1, None), comma), @"
        联想,ｔｍ,１２3
             ^^^^
        Some(4)
        ");
        insta::assert_snapshot!(drawn(lenovo, &Mark::Cell(2, Some(0..2)), comma), @"
        联想,ｔｍ,１２3
                  ^^^^
        Some(7)
        ");
        let joined = "Cafe\u{301} A\u{30a}s,x,1".as_bytes();
        // Without the marks, which take no room, as a terminal shows what stands below what.
        let bare = |drawn: String| drawn.replace(['\u{301}', '\u{30a}'], "");
        insta::assert_snapshot!(bare(drawn(joined, &Mark::Cell(1, None), comma)), @"
        Cafe As,x,1
                ^
        Some(11)
        ");
        insta::assert_snapshot!(bare(drawn(joined, &Mark::Cell(0, Some(4..5)), comma)), @r"
        Cafe\u{301} As,x,1
            ^^^^^^^
        Some(5)
        ");
        let unseen = "\u{200b}\u{1f5a5}\u{fe0f}\u{1f4bb}\u{feff},x,1".as_bytes();
        insta::assert_snapshot!(drawn(unseen, &Mark::Cell(1, None), comma), @r"
        \u{200b}🖥\u{fe0f}💻\u{feff},x,1
                                    ^
        Some(7)
        ");
        let long = format!("{},x,1", "\u{8054}".repeat(100));
        insta::assert_snapshot!(drawn(long.as_bytes(), &Mark::Cell(1, None), comma), @"
        …联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联联,x,1
                                                                                                                                ^
        Some(102)
        ");
    }

    #[test]
    fn long_lines_are_cut_around_the_mark() {
        let line = format!("{},x,{}", "a".repeat(4_000), "b".repeat(4_000));
        insta::assert_snapshot!(drawn(line.as_bytes(), &Mark::Cell(1, None), Some(Delimiter::Comma)), @r"
        …aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,x,bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb…
                                                                     ^
        Some(4002)
        ");
    }

    #[test]
    fn what_is_no_text_is_found() {
        insta::assert_snapshot!(drawn(b"Caf\xC3\xA9,M\xFCller", &Mark::NotText, None), @r"
        Café,M\xfcller
              ^^^^
        Some(7)
        ");
    }
}
