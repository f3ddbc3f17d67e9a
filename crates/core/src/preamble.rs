//! What comes before the headings: blank lines, Excel's `sep=` line; and the delimiter, guessed from the first line
//! that says anything.

use crate::dialect::Delimiter;
use crate::hints::plain;
use crate::limits::SNIFFED_BYTES;
use crate::lines::{LineCount, ends_line};

/// Reads the beginning of a text up to where its records can be read.
#[derive(Debug)]
pub(crate) struct Preamble {
    held: Vec<u8>,
    lines: LineCount,
}

/// Where the records begin.
#[derive(Debug)]
pub(crate) struct Opening {
    /// What stands between the cells, or what a `sep=` line wants to stand there.
    pub(crate) delimiter: Result<Delimiter, char>,
    pub(crate) sep_line: bool,
    /// What was read of the records already.
    pub(crate) held: Vec<u8>,
    /// Where that begins.
    pub(crate) lines: LineCount,
}

impl Preamble {
    pub(crate) fn new() -> Self {
        Self { held: Vec::new(), lines: LineCount::new() }
    }

    /// Bytes of memory in use.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.held.capacity()
    }

    /// Whether nothing was read yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.lines.last().is_none()
    }

    pub(crate) fn lines(&self) -> &LineCount {
        &self.lines
    }

    /// Reads `text`. Once the delimiter is known, returns it and what is left of the text. `known` are the headings
    /// that a guess goes by.
    pub(crate) fn feed<'a>(&mut self, text: &'a [u8], known: &[&str]) -> Option<(Opening, &'a [u8])> {
        let mut rest = text;
        while let Some((byte, after)) = rest.split_first() {
            if !ends_line(*byte) {
                self.held.push(*byte);
                rest = after;
                if self.held.len() == SNIFFED_BYTES {
                    return Some((self.sniff(known), rest));
                }
            } else if blank(&self.held) {
                if let Some(last) = self.held.last() {
                    self.lines.byte(*last);
                }
                self.lines.byte(*byte);
                self.held.clear();
                rest = after;
            } else {
                return Some((self.open(known), rest));
            }
        }
        None
    }

    /// The text ends here.
    pub(crate) fn finish(mut self, known: &[&str]) -> Option<Opening> {
        (!blank(&self.held)).then(|| self.open(known))
    }

    fn open(&mut self, known: &[&str]) -> Opening {
        let Some(delimiter) = sep_line(&self.held) else { return self.sniff(known) };
        // Only the line's end is left, which reads like that of a blank line.
        self.lines.one_line(&self.held);
        Opening { delimiter, sep_line: true, held: Vec::new(), lines: self.lines.clone() }
    }

    fn sniff(&mut self, known: &[&str]) -> Opening {
        let held = std::mem::take(&mut self.held);
        Opening { delimiter: Ok(sniff(&held, known)), sep_line: false, held, lines: self.lines.clone() }
    }
}

/// Whether a line says nothing, whatever its delimiter is: only blanks of any kind and delimiters, with or without
/// quotes around the cells.
pub(crate) fn blank(line: &[u8]) -> bool {
    // Nearly every first line says something at once.
    let Ok(line) = std::str::from_utf8(line) else { return false };
    let mut quoted = false;
    let mut may_open = true;
    for character in line.chars() {
        match character {
            '"' if quoted => (quoted, may_open) = (false, false),
            '"' if may_open => quoted = true,
            ',' | ';' | '\t' if !quoted => may_open = true,
            _ if character.is_whitespace() => may_open = false,
            _ => return false,
        }
    }
    !quoted
}

/// The delimiter that a line like `sep=;` names. Programs that don't know such lines leave quotes around it, people
/// put some around the delimiter, and both fill it up with delimiters.
fn sep_line(line: &[u8]) -> Option<Result<Delimiter, char>> {
    let line = std::str::from_utf8(line).ok()?;
    let line = line.strip_prefix('"').unwrap_or(line);
    let (key, value) = line.split_at_checked(4)?;
    let value = value.trim_start_matches([' ', '"']);
    let wanted = value.chars().next().filter(|_| key.eq_ignore_ascii_case("sep="))?;
    let more = |character: char| matches!(character, ',' | ';' | '\t' | ' ' | '"');
    value
        .chars()
        .skip(1)
        .all(more)
        .then(|| Delimiter::ALL.into_iter().find(|delimiter| char::from(delimiter.byte()) == wanted).ok_or(wanted))
}

/// The delimiter that makes most known headings of a line, else most that nearly are, else most cells, else the
/// likeliest. Where tabs make no more headings than another does, they are blanks around those.
fn sniff(line: &[u8], known: &[&str]) -> Delimiter {
    let mut best = (Delimiter::Comma, (0, 0, 0));
    for delimiter in Delimiter::ALL {
        let score = score(line, delimiter, known);
        if score > best.1 {
            best = (delimiter, score);
        }
    }
    best.0
}

fn score(line: &[u8], delimiter: Delimiter, known: &[&str]) -> (usize, usize, usize) {
    let (mut matches, mut nearly, mut cells) = (0, 0, 0);
    let plain_known: Vec<String> = known.iter().map(|heading| plain(heading)).collect();
    // Inside quotes, and right behind the one that closed them: one more is a doubled one.
    let (mut quoted, mut closed) = (false, false);
    let mut at_start = true;
    let ends_cell = |byte: &u8| {
        let (was_start, was_closed) = (std::mem::take(&mut at_start), std::mem::take(&mut closed));
        match byte {
            b'"' if quoted => (quoted, closed) = (false, true),
            b'"' if was_start || was_closed => quoted = true,
            _ => at_start = !quoted && *byte == delimiter.byte(),
        }
        at_start
    };
    for cell in line.split(ends_cell) {
        let cell = std::str::from_utf8(cell).unwrap_or_default().trim();
        let bare = cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')).unwrap_or(cell);
        matches += usize::from(known.contains(&bare.trim()));
        nearly += usize::from(plain_known.contains(&plain(bare)));
        cells += 1;
    }
    let told = nearly > 0;
    (matches, nearly, if told && delimiter == Delimiter::Tab { 0 } else { cells })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 3] = ["Manufacturer", "Model", "Serial Number"];

    fn open(text: &str) -> (Result<Delimiter, char>, bool, String, u64) {
        let mut preamble = Preamble::new();
        let (opening, rest) = match preamble.feed(text.as_bytes(), &KNOWN) {
            Some(found) => found,
            None => (preamble.finish(&KNOWN).unwrap(), &b""[..]),
        };
        let left = [opening.held.as_slice(), rest].concat();
        (opening.delimiter, opening.sep_line, String::from_utf8(left).unwrap(), opening.lines.line())
    }

    #[test]
    fn the_delimiter_is_the_one_that_makes_our_headings() {
        use Delimiter::{Comma, Semicolon, Tab};
        for (line, wanted) in [
            ("Manufacturer,Model,Serial Number", Comma),
            ("Manufacturer;Model;Serial Number", Semicolon),
            ("Manufacturer\tModel\tSerial Number", Tab),
            ("\"Manufacturer\";\"Model\";\"Serial Number\"", Semicolon),
            ("a, b, c, d;Manufacturer;Model", Semicolon),
            ("\"a,b,c,d,e\";x", Semicolon),
            ("\"a \"\"b,c,d,e\"\"\";x", Semicolon),
            ("\"a\"\",b,c,d,e\";x", Semicolon),
            ("15\" a;b,c,d;\"", Comma),
            ("\"\";\"\";\"\",x", Semicolon),
            ("\" Manufacturer \";\"Model\",1,2,3,4", Semicolon),
            ("Hersteller;Modell;Nummer, lang", Semicolon),
            ("Manufacturer", Comma),
            ("Manufacturer|Model", Comma),
            ("\"never closed;x", Comma),
            ("\tManufacturer\t,\tModel\t,\tSerial Number\t", Comma),
            ("Manufacturer\t;\tModel\t;\tSerial Number", Semicolon),
            ("Manufacturer\tModel, long\tSerial Number", Tab),
            ("\tmanufacturer\t,\tmodel\t,\tserial number", Comma),
            ("manufacturer\tmodel\tserial_number", Tab),
            ("manufacturer;model, exact, as printed", Semicolon),
        ] {
            assert_eq!(open(line).0, Ok(wanted), "{line}");
        }
    }

    #[test]
    fn an_excel_line_names_the_delimiter() {
        for line in ["sep=;", "SEP=;", "\"sep=;\"", "sep=;;;", "sep=; ", "sep= ;", "sep=\";\"", "\"sep=\"\";\"\"\""] {
            let text = format!("{line}\r\nManufacturer,Model");
            assert_eq!(open(&text), (Ok(Delimiter::Semicolon), true, "\r\nManufacturer,Model".to_owned(), 1));
        }
        assert_eq!(open("sep=\t\n").0, Ok(Delimiter::Tab));
        assert_eq!(open("sep=|\nx").0, Err('|'));
        assert_eq!(open("sep=abc\nx"), (Ok(Delimiter::Comma), false, "sep=abc\nx".to_owned(), 1));
        assert_eq!(open("sep=\nx").2, "sep=\nx");
        assert_eq!(open("sep=\"\"\nx").2, "sep=\"\"\nx");
    }

    #[test]
    fn blank_lines_are_left_out_and_counted() {
        assert!(!open("\r\n \t\n,,,\r\rA;B\n").1);
        assert_eq!(open("\r\n \t\n,,,\r\rA;B\n").2, "A;B\n");
        assert_eq!(open("\r\n \t\n,,,\r\rA;B\n").3, 5);
    }

    #[test]
    fn a_line_of_blanks_of_any_kind_tells_no_delimiter() {
        for line in [
            "\"\"",
            "\" \"",
            "\u{a0}",
            "\u{3000}",
            "\u{c}",
            "\u{b}",
            "\u{a0};;",
            "\"\";\"\"",
            "\"\",\"\"",
            "\"\u{a0}\"\t\"\"",
            "\"\" ",
        ] {
            let text = format!("{line}\nManufacturer;Model;Serial Number\n");
            let wanted = "Manufacturer;Model;Serial Number\n".to_owned();
            assert_eq!(open(&text), (Ok(Delimiter::Semicolon), false, wanted, 2), "{line:?}");
        }
        // Quotes that are content, and one that is never closed.
        for line in ["\"\"\"\"", " \"\"", "\"", "\";\"", "\u{200b}", "\"\"\"\"\"\""] {
            let text = format!("{line}\nManufacturer;Model\n");
            assert_eq!(open(&text).3, 1, "{line:?}");
        }
    }
}
