//! Pass 1 over a file, while it is copied: how it is encoded, and whether it is text at all.
//!
//! One byte at its end can decide it, so nothing is parsed before this pass is through. Rows are pass 2, in `sheet`.

use crate::decode::{Piece, Utf8Stream};
use crate::kind::KindScan;
use crate::limits::count;
use crate::lines::LineCount;
use crate::problem::FileProblem;

/// How a file's text is written in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// UTF-8 without a byte order mark; ASCII too.
    Utf8,
    /// UTF-8 with one.
    Utf8Bom,
    /// UTF-16, little end first, with one.
    Utf16Le,
    /// UTF-16, big end first, with one.
    Utf16Be,
    /// Windows-1252, what Windows calls ANSI in western Europe.
    Windows1252,
}

impl Encoding {
    /// All encodings.
    pub const ALL: [Self; 5] = [Self::Utf8, Self::Utf8Bom, Self::Utf16Le, Self::Utf16Be, Self::Windows1252];

    /// The word for it in the ledger.
    pub fn code(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf8Bom => "utf-8-bom",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Windows1252 => "windows-1252",
        }
    }

    /// The encoding with this word.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.code() == code)
    }
}

/// What the survey found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surveyed {
    /// The encoding, or why the file is no text.
    pub encoding: Result<Encoding, FileProblem>,
    /// The file's size.
    pub bytes: u64,
}

/// Surveys a file that comes in chunks. Holds under a kilobyte of it.
#[derive(Debug)]
pub struct Survey {
    bytes: u64,
    kind: KindScan,
    /// The first bytes, until they show which byte order mark there is, if any.
    start: Vec<u8>,
    scan: Option<Scan>,
}

/// The longest byte order mark (UTF-32).
const MARK_BYTES: usize = 4;

#[derive(Debug)]
enum Scan {
    Bytes {
        marked: bool,
        scan: ByteScan,
    },
    Utf16 {
        big: bool,
        scan: UnitScan,
    },
    /// One that isn't read.
    Refused(FileProblem),
}

impl Survey {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self { bytes: 0, kind: KindScan::default(), start: Vec::with_capacity(MARK_BYTES), scan: None }
    }

    /// Reads the next bytes of the file.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes += count(bytes.len());
        self.kind.feed(bytes);
        if let Some(scan) = &mut self.scan {
            return scan.feed(bytes);
        }
        let room = MARK_BYTES - self.start.len();
        let (start, rest) = bytes.split_at(room.min(bytes.len()));
        self.start.extend_from_slice(start);
        if self.start.len() == MARK_BYTES {
            self.begin().feed(rest);
        }
    }

    fn begin(&mut self) -> &mut Scan {
        let scan = Scan::behind_mark(&self.start);
        self.scan.insert(scan)
    }

    /// The file ends here.
    pub fn finish(mut self) -> Surveyed {
        if self.scan.is_none() {
            self.begin();
        }
        let encoding = match (self.kind.finish(), self.scan) {
            (Some(kind), _) => Err(FileProblem::OtherKind(kind)),
            (None, Some(scan)) => scan.finish(self.bytes).map_err(|problem| match problem {
                FileProblem::NulByte { .. } => unmarked(self.kind.beginning()).unwrap_or(problem),
                _ => problem,
            }),
            (None, None) => Err(FileProblem::Empty),
        };
        Surveyed { encoding, bytes: self.bytes }
    }
}

impl Default for Survey {
    fn default() -> Self {
        Self::new()
    }
}

impl Scan {
    /// Begins the scan that the byte order mark in `start` asks for, and reads what stands behind the mark.
    fn behind_mark(start: &[u8]) -> Self {
        // UTF-32's mark begins with UTF-16's, so it is asked for first.
        if start == b"\xFF\xFE\0\0" || start == b"\0\0\xFE\xFF" {
            return Self::Refused(FileProblem::Utf32);
        }
        if matches!(start, b"+/v8" | b"+/v9" | b"+/v+" | b"+/v/") {
            return Self::Refused(FileProblem::Utf7);
        }
        let (mut scan, rest) = if let Some(rest) = start.strip_prefix(b"\xFF\xFE") {
            (Self::Utf16 { big: false, scan: UnitScan::new() }, rest)
        } else if let Some(rest) = start.strip_prefix(b"\xFE\xFF") {
            (Self::Utf16 { big: true, scan: UnitScan::new() }, rest)
        } else if let Some(rest) = start.strip_prefix(b"\xEF\xBB\xBF") {
            (Self::Bytes { marked: true, scan: ByteScan::new() }, rest)
        } else {
            (Self::Bytes { marked: false, scan: ByteScan::new() }, start)
        };
        scan.feed(rest);
        scan
    }

    fn feed(&mut self, bytes: &[u8]) {
        match self {
            Self::Bytes { scan, .. } => scan.feed(bytes),
            Self::Utf16 { big, scan } => bytes.iter().for_each(|byte| scan.byte(*byte, *big)),
            Self::Refused(_) => {}
        }
    }

    fn finish(self, bytes: u64) -> Result<Encoding, FileProblem> {
        match self {
            Self::Bytes { marked: true, .. } if bytes == 3 => Err(FileProblem::Empty),
            Self::Bytes { .. } if bytes == 0 => Err(FileProblem::Empty),
            Self::Utf16 { .. } if bytes == 2 => Err(FileProblem::Empty),
            Self::Bytes { marked, scan } => scan.finish(marked),
            Self::Utf16 { big, scan } => {
                scan.finish()?;
                Ok(if big { Encoding::Utf16Be } else { Encoding::Utf16Le })
            }
            Self::Refused(problem) => Err(problem),
        }
    }
}

/// What a file with NUL bytes is if it only lacks its byte order mark: told by where the zeros stand among the first
/// characters, which are headings and so almost surely Latin letters.
fn unmarked(beginning: &[u8]) -> Option<FileProblem> {
    let quads: Vec<&[u8]> = beginning.chunks_exact(4).take(16).collect();
    let all =
        |zero: [bool; 4]| quads.iter().all(|quad| quad.iter().zip(zero).all(|(byte, zero)| (*byte == 0) == zero));
    if quads.len() < 2 {
        None
    } else if all([false, true, false, true]) || all([true, false, true, false]) {
        Some(FileProblem::Utf16WithoutMark)
    } else if all([false, true, true, true]) || all([true, true, true, false]) {
        Some(FileProblem::Utf32)
    } else {
        None
    }
}

/// What there is in a file of single bytes: UTF-8 or Windows-1252.
#[derive(Debug)]
struct ByteScan {
    stream: Utf8Stream,
    found: Found,
}

/// The first of each kind, with its line.
#[derive(Debug)]
struct Found {
    lines: LineCount,
    nul: Option<u64>,
    multi_byte: Option<u64>,
    not_utf8: Option<(u64, u8)>,
    undefined: Option<(u64, u8)>,
    cut: Option<(u64, u8)>,
}

impl ByteScan {
    fn new() -> Self {
        let found = Found {
            lines: LineCount::new(),
            nul: None,
            multi_byte: None,
            not_utf8: None,
            undefined: None,
            cut: None,
        };
        Self { stream: Utf8Stream::default(), found }
    }

    fn feed(&mut self, bytes: &[u8]) {
        let Self { stream, found } = self;
        // The pieces never raise a problem: all is weighed at the end.
        drop(stream.feed(bytes, &mut |piece| found.piece(&piece)));
    }

    fn finish(mut self, marked: bool) -> Result<Encoding, FileProblem> {
        let Self { stream, found } = &mut self;
        drop(stream.finish(&mut |piece| found.piece(&piece)));
        self.found.judge(marked)
    }
}

impl Found {
    #[expect(clippy::unnecessary_wraps, reason = "it is called where pieces may raise a problem")]
    fn piece(&mut self, piece: &Piece<'_>) -> Result<(), FileProblem> {
        match piece {
            Piece::Text(text) => self.text(text),
            Piece::NotUtf8(bytes) => {
                self.not_utf8 = self.not_utf8.or(self.first_of(bytes, |_| true));
                self.bytes(bytes);
            }
            Piece::CutUtf8(bytes) => {
                self.cut = self.first_of(bytes, |_| true);
                self.bytes(bytes);
            }
            Piece::NotUtf16 => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &[u8]) {
        let line_at = |position: Option<usize>| {
            let mut lines = self.lines.clone();
            lines.bytes(text.get(..position?)?);
            Some(lines.line())
        };
        if self.nul.is_none() && text.contains(&0) {
            self.nul = line_at(text.iter().position(|byte| *byte == 0));
        }
        if self.multi_byte.is_none() && !text.is_ascii() {
            self.multi_byte = line_at(text.iter().position(|byte| !byte.is_ascii()));
        }
        self.lines.bytes(text);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let undefined = |byte| matches!(byte, 0x81 | 0x8D | 0x8F | 0x90 | 0x9D);
        self.undefined = self.undefined.or(self.first_of(bytes, undefined));
        self.lines.bytes(bytes);
    }

    /// Bytes that aren't UTF-8 hold no line end.
    fn first_of(&self, bytes: &[u8], wanted: impl Fn(u8) -> bool) -> Option<(u64, u8)> {
        bytes.iter().find(|byte| wanted(**byte)).map(|byte| (self.lines.line(), *byte))
    }

    fn judge(self, marked: bool) -> Result<Encoding, FileProblem> {
        if let Some(line) = self.nul {
            return Err(FileProblem::NulByte { line });
        }
        match (self.multi_byte, self.not_utf8, self.cut) {
            (_, Some((line, byte)), _) if marked => Err(FileProblem::InvalidUtf8 { line, byte }),
            (_, None, Some((line, _))) if marked => Err(FileProblem::Utf8Cut { line }),
            (_, None, None) => Ok(if marked { Encoding::Utf8Bom } else { Encoding::Utf8 }),
            (Some(utf8_line), Some((other_line, byte)), _) => {
                Err(FileProblem::MixedEncodings { utf8_line, other_line, byte })
            }
            (Some(_), None, Some((line, _))) => Err(FileProblem::Utf8Cut { line }),
            // No character of several bytes is whole: a lone one at the very end is as good as any in Windows-1252.
            (None, Some(_), _) | (None, None, Some(_)) => match self.undefined {
                Some((line, byte)) => Err(FileProblem::UndefinedByte { line, byte }),
                None => Ok(Encoding::Windows1252),
            },
        }
    }
}

/// What there is in a file of UTF-16.
#[derive(Debug)]
struct UnitScan {
    lines: LineCount,
    half: Option<u8>,
    /// A high surrogate waits for its low one.
    high: bool,
    problem: Option<FileProblem>,
}

impl UnitScan {
    fn new() -> Self {
        Self { lines: LineCount::new(), half: None, high: false, problem: None }
    }

    fn byte(&mut self, byte: u8, big: bool) {
        let Some(first) = self.half.take() else {
            self.half = Some(byte);
            return;
        };
        self.unit(if big { u16::from_be_bytes([first, byte]) } else { u16::from_le_bytes([first, byte]) });
    }

    fn unit(&mut self, unit: u16) {
        let low = matches!(unit, 0xDC00..=0xDFFF);
        if low != self.high {
            self.invalid();
        }
        self.high = matches!(unit, 0xD800..=0xDBFF);
        if unit == 0 {
            self.problem.get_or_insert(FileProblem::NulByte { line: self.lines.line() });
        }
        // Only ASCII ends lines; any other unit just stands on one.
        self.lines.byte(u8::try_from(unit).unwrap_or(b'?'));
    }

    fn invalid(&mut self) {
        self.problem.get_or_insert(FileProblem::InvalidUtf16 { line: self.lines.line() });
    }

    fn finish(mut self) -> Result<(), FileProblem> {
        if self.half.is_some() || self.high {
            self.invalid();
        }
        self.problem.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests;
