//! Makes a case's bytes, in pieces: a file may be larger than memory.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write as _};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::Case;

/// Bytes of one piece.
const PIECE: usize = 64 << 10;

/// The characters of Windows-1252 from 80 to 9F; what it doesn't define is U+FFFD.
const WINDOWS: &str = "€\u{fffd}‚ƒ„…†‡ˆ‰Š‹Œ\u{fffd}Ž\u{fffd}\u{fffd}‘’“”•–—˜™š›œ\u{fffd}žŸ";

/// How big the big cases are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Just beyond the limits on a record: for what is read without looking at memory.
    Small,
    /// Big enough that who reads it all into memory is found out, small enough for the gate.
    Quick,
    /// As the case says.
    Full,
}

/// How a text is written in bytes. A byte order mark is a character of the text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Write {
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    #[serde(rename = "utf-16le")]
    Utf16Le,
    #[serde(rename = "utf-16be")]
    Utf16Be,
    #[serde(rename = "utf-32le")]
    Utf32Le,
    #[serde(rename = "utf-32be")]
    Utf32Be,
    #[serde(rename = "windows-1252")]
    Windows1252,
}

/// A stretch of a content: one of text, hexadecimal digits, zeros, a file of `tests`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    text: Option<String>,
    #[serde(default)]
    write: Write,
    hex: Option<String>,
    /// Made without writing them, where a file can have holes.
    zeros: Option<u64>,
    file: Option<String>,
    /// How often it stands there.
    #[serde(default = "once")]
    times: u64,
    /// How often in the full size.
    full: Option<u64>,
    #[serde(skip)]
    bytes: Vec<u8>,
}

fn once() -> u64 {
    1
}

/// A piece of a content.
pub(super) enum Piece<'a> {
    Bytes(&'a [u8]),
    Zeros(u64),
}

impl Part {
    pub(super) fn of_text(text: String, write: Write) -> Self {
        Self { text: Some(text), write, times: 1, ..Self::default() }
    }

    /// Makes the bytes of one time.
    pub(super) fn settle(&mut self, name: &str) -> Result<()> {
        self.bytes = match (&self.text, &self.hex, &self.zeros, &self.file) {
            (Some(text), None, None, None) => self.write.bytes(&text.replace("{name}", name))?,
            (None, Some(hex), None, None) => bytes_of(hex)?,
            (None, None, Some(_), None) => Vec::new(),
            (None, None, None, Some(file)) => std::fs::read(super::top().join("tests").join(file))?,
            _ => bail!("a part is one of text, hex, zeros, file"),
        };
        Ok(())
    }

    fn each(&self, size: Size, each: &mut dyn FnMut(Piece<'_>) -> io::Result<()>) -> io::Result<()> {
        let times = match (size, self.full) {
            (Size::Full, Some(full)) => full,
            (Size::Small, _) => self.times.div_ceil(16),
            _ => self.times,
        };
        if let Some(zeros) = self.zeros {
            return each(Piece::Zeros(zeros.saturating_mul(times)));
        }
        let at_once = u64::try_from((PIECE / self.bytes.len().max(1)).max(1)).unwrap_or(1).min(times);
        let piece = self.bytes.repeat(usize::try_from(at_once).unwrap_or(1));
        for _ in 0..times.checked_div(at_once).unwrap_or(0) {
            each(Piece::Bytes(&piece))?;
        }
        for _ in 0..times.checked_rem(at_once).unwrap_or(0) {
            each(Piece::Bytes(&self.bytes))?;
        }
        Ok(())
    }
}

impl Write {
    fn bytes(self, text: &str) -> Result<Vec<u8>> {
        Ok(match self {
            Self::Utf8 => text.as_bytes().to_vec(),
            Self::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Self::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Self::Utf32Le => text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect(),
            Self::Utf32Be => text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect(),
            Self::Windows1252 => text.chars().map(windows_1252).collect::<Result<_>>()?,
        })
    }
}

fn windows_1252(character: char) -> Result<u8> {
    if let Some(place) = WINDOWS.chars().position(|c| c == character && c != '\u{fffd}') {
        return Ok(u8::try_from(0x80 + place)?);
    }
    let byte = u8::try_from(u32::from(character)).with_context(|| format!("{character} isn't in Windows-1252"))?;
    ensure!(!(0x80..0xA0).contains(&byte), "{character:?} isn't in Windows-1252");
    Ok(byte)
}

fn bytes_of(hex: &str) -> Result<Vec<u8>> {
    hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).with_context(|| byte.to_owned())).collect()
}

impl Case {
    /// Gives the content piece by piece.
    pub(super) fn pieces(&self, size: Size, each: &mut dyn FnMut(Piece<'_>) -> io::Result<()>) -> io::Result<()> {
        self.parts.iter().try_for_each(|part| part.each(size, each))
    }

    /// Gives the content as bytes, chunk by chunk.
    pub(super) fn chunks(&self, size: Size, each: &mut dyn FnMut(&[u8])) {
        let zeros = vec![0; PIECE];
        let done = self.pieces(size, &mut |piece| {
            match piece {
                Piece::Bytes(bytes) => each(bytes),
                Piece::Zeros(mut count) => {
                    while count > 0 {
                        let now = count.min(u64::try_from(PIECE).unwrap_or(1));
                        each(zeros.get(..usize::try_from(now).unwrap_or(0)).unwrap_or_default());
                        count -= now;
                    }
                }
            }
            Ok(())
        });
        // Nothing above fails.
        drop(done);
    }

    /// The whole content of a small case.
    pub fn bytes(&self) -> Vec<u8> {
        let mut all = Vec::new();
        self.chunks(Size::Quick, &mut |bytes| all.extend_from_slice(bytes));
        all
    }

    /// Writes the content to a file that isn't there yet, with holes for zeros; says how many bytes it has.
    pub fn write_to(&self, path: &Path, size: Size) -> Result<u64> {
        let mut file = File::options().write(true).create_new(true).open(path)?;
        self.pieces(size, &mut |piece| match piece {
            Piece::Bytes(bytes) => file.write_all(bytes),
            Piece::Zeros(count) => {
                let end = file.stream_position()?.saturating_add(count);
                file.set_len(end)?;
                file.seek(SeekFrom::Start(end)).map(drop)
            }
        })?;
        Ok(file.metadata()?.len())
    }
}
