//! How a file of rows is written: its delimiter, its line ends, its first bytes.
//!
//! Telling a file's dialect from its bytes, and writing in it, are elsewhere.

use crate::kind::is_packed;
use crate::lines::ends_line;
use crate::preamble::blank;

/// What stands between two fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Delimiter {
    /// `,`
    Comma,
    /// `;`, as Excel writes it where the comma is the decimal sign.
    Semicolon,
    /// A tab.
    Tab,
}

impl Delimiter {
    /// All delimiters.
    pub const ALL: [Self; 3] = [Self::Comma, Self::Semicolon, Self::Tab];

    /// The word for it in the ledger.
    pub fn code(self) -> &'static str {
        match self {
            Self::Comma => "comma",
            Self::Semicolon => "semicolon",
            Self::Tab => "tab",
        }
    }

    /// The delimiter with this word.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|delimiter| delimiter.code() == code)
    }

    /// The byte itself.
    pub fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
        }
    }
}

/// What stands between two lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LineEnding {
    /// `\n`
    Lf,
    /// `\r\n`
    CrLf,
    /// `\r`, as old Macintosh programs write it.
    Cr,
}

impl LineEnding {
    /// All line endings.
    pub const ALL: [Self; 3] = [Self::Lf, Self::CrLf, Self::Cr];

    /// The word for it in the ledger.
    pub fn code(self) -> &'static str {
        match self {
            Self::Lf => "lf",
            Self::CrLf => "crlf",
            Self::Cr => "cr",
        }
    }

    /// The line ending with this word.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ending| ending.code() == code)
    }

    /// The bytes themselves.
    pub fn bytes(self) -> &'static [u8] {
        match self {
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
            Self::Cr => b"\r",
        }
    }
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dialect {
    /// What stands between two fields.
    pub delimiter: Delimiter,
    /// What stands between two lines.
    pub line_ending: LineEnding,
    /// Whether it begins with a byte order mark. For a result file, which is UTF-8: also where the original was not.
    pub bom: bool,
    /// Whether Excel's line `sep=` stands above the headings.
    pub sep_line: bool,
}

impl Dialect {
    /// The dialect of an answer to a file whose own can't be told: what Excel and everything else reads.
    pub const STANDARD: Self =
        Self { delimiter: Delimiter::Comma, line_ending: LineEnding::CrLf, bom: true, sep_line: false };

    /// The dialect that a file's beginning shows, as far as it shows one; what it doesn't show is as in
    /// [`Dialect::STANDARD`]. For answers to files that can't be read as a sheet.
    pub fn sniffed(beginning: &[u8]) -> Self {
        // What looks like delimiters and line ends in there is chance.
        if is_packed(beginning) {
            return Self::STANDARD;
        }
        // Without its NUL bytes, UTF-16 reads as ASCII does.
        let text: Vec<u8> = beginning.iter().copied().filter(|byte| *byte != 0).collect();
        let utf8_mark = text.starts_with(&[0xEF, 0xBB, 0xBF]);
        let bom = utf8_mark || std::str::from_utf8(&text).is_err_and(|error| error.error_len().is_some());
        let end = text.iter().position(|byte| ends_line(*byte));
        // A mark is no content.
        let lines = text.get(if utf8_mark { 3 } else { 0 }..).unwrap_or_default().split(|byte| ends_line(*byte));
        let line = lines.into_iter().find(|line| !blank(line)).unwrap_or_default();
        let cells = |delimiter: &Delimiter| line.split(|byte| *byte == delimiter.byte()).count();
        let delimiter = Delimiter::ALL.into_iter().rev().max_by_key(cells).filter(|found| cells(found) > 1);
        let line_ending = match end.and_then(|end| text.get(end..)) {
            Some([b'\r', b'\n', ..]) => Some(LineEnding::CrLf),
            Some([b'\r', ..]) => Some(LineEnding::Cr),
            Some([b'\n', ..]) => Some(LineEnding::Lf),
            _ => None,
        };
        let is_text = delimiter.is_some() || line_ending.is_some();
        Self {
            delimiter: delimiter.unwrap_or(Self::STANDARD.delimiter),
            line_ending: line_ending.unwrap_or(Self::STANDARD.line_ending),
            bom: if is_text { bom } else { Self::STANDARD.bom },
            sep_line: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_lead_back() {
        for delimiter in Delimiter::ALL {
            assert_eq!(Delimiter::from_code(delimiter.code()), Some(delimiter));
        }
        for ending in LineEnding::ALL {
            assert_eq!(LineEnding::from_code(ending.code()), Some(ending));
        }
        assert_eq!(Delimiter::from_code(","), None);
    }

    #[test]
    fn a_beginning_shows_its_dialect() {
        let sniffed = Dialect::sniffed(b"Make;Type;Serial\r\nx;y;z\r\n");
        assert_eq!(
            (sniffed.delimiter, sniffed.line_ending, sniffed.bom),
            (Delimiter::Semicolon, LineEnding::CrLf, false)
        );
        let sniffed = Dialect::sniffed(b"\xFF\xFEM\0\t\0S\0\n\0");
        assert_eq!((sniffed.delimiter, sniffed.line_ending, sniffed.bom), (Delimiter::Tab, LineEnding::Lf, true));
        for above in ["\r\n", "\"\"\r\n \r\n", "\u{feff},,\r\n", "\u{a0}\r\n"] {
            let sniffed = Dialect::sniffed(format!("{above}Make;Type\r\n").as_bytes());
            assert_eq!(
                (sniffed.delimiter, sniffed.line_ending),
                (Delimiter::Semicolon, LineEnding::CrLf),
                "{above:?}"
            );
        }
        assert_eq!(Dialect::sniffed(b""), Dialect::STANDARD);
    }

    #[test]
    fn what_is_no_text_shows_none() {
        for magic in [b"PK\x03\x04".as_slice(), b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", b"\x1F\x8B", b"%PDF-1.7"] {
            assert_eq!(Dialect::sniffed(&[magic, b"\x14\0;;\t\t\t\rx\n"].concat()), Dialect::STANDARD);
        }
    }
}
