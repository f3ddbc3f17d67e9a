//! Bytes to UTF-8, in pieces, with an answer for every byte that isn't text. Nothing is ever replaced.
//!
//! What the encoding is, is decided in `survey`; what a broken piece means to the sender, by whoever asks.

use encoding_rs::{DecoderResult, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::limits::DECODED_BYTES;
use crate::problem::FileProblem;
use crate::survey::Encoding;

/// A stretch of a file.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    /// Whole characters in UTF-8, at least one.
    Text(&'a [u8]),
    /// Bytes that aren't UTF-8.
    NotUtf8(&'a [u8]),
    /// The beginning of a UTF-8 character at the very end.
    CutUtf8(&'a [u8]),
    /// Half of a UTF-16 character.
    NotUtf16,
}

/// Takes the pieces in their order.
pub(crate) type OnPiece<'a> = &'a mut dyn FnMut(Piece<'_>) -> Result<(), FileProblem>;

/// Divides bytes into UTF-8 and what isn't, whatever the chunks they come in.
#[derive(Debug, Default)]
pub(crate) struct Utf8Stream {
    /// The beginning of a character whose rest is in the next chunk: one to three bytes.
    carry: Vec<u8>,
}

impl Utf8Stream {
    pub(crate) fn feed(&mut self, bytes: &[u8], on: OnPiece<'_>) -> Result<(), FileProblem> {
        let mut bytes = self.complete(bytes, on)?;
        loop {
            let Err(error) = std::str::from_utf8(bytes) else {
                return if bytes.is_empty() { Ok(()) } else { on(Piece::Text(bytes)) };
            };
            let (text, rest) = bytes.split_at(error.valid_up_to());
            if !text.is_empty() {
                on(Piece::Text(text))?;
            }
            let Some(length) = error.error_len() else {
                self.carry.extend_from_slice(rest);
                return Ok(());
            };
            let (bad, after) = rest.split_at(length);
            on(Piece::NotUtf8(bad))?;
            bytes = after;
        }
    }

    /// Completes the character that the last chunk left, and returns the bytes behind it.
    fn complete<'a>(&mut self, mut bytes: &'a [u8], on: OnPiece<'_>) -> Result<&'a [u8], FileProblem> {
        while !self.carry.is_empty() {
            let Some((next, rest)) = bytes.split_first() else { break };
            self.carry.push(*next);
            match std::str::from_utf8(&self.carry) {
                Ok(_) => {
                    bytes = rest;
                    on(Piece::Text(&self.carry))?;
                    self.carry.clear();
                }
                Err(error) if error.error_len().is_none() => bytes = rest,
                Err(_) => {
                    // The new byte may begin a character of its own: it stays in `bytes`.
                    self.carry.pop();
                    on(Piece::NotUtf8(&self.carry))?;
                    self.carry.clear();
                }
            }
        }
        Ok(bytes)
    }

    pub(crate) fn finish(&mut self, on: OnPiece<'_>) -> Result<(), FileProblem> {
        if self.carry.is_empty() { Ok(()) } else { on(Piece::CutUtf8(&self.carry)) }
    }
}

/// Decodes a file of a known encoding; the byte order mark is left out.
pub(crate) enum Decoder {
    /// UTF-8 is passed on as it is, only checked.
    Utf8 {
        /// Bytes of the byte order mark that are still to come.
        mark: usize,
        stream: Utf8Stream,
    },
    Other {
        decoder: encoding_rs::Decoder,
        buffer: Vec<u8>,
    },
}

impl Decoder {
    pub(crate) fn new(encoding: Encoding) -> Self {
        let other = |decoder| Self::Other { decoder, buffer: vec![0; DECODED_BYTES] };
        match encoding {
            Encoding::Utf8 => Self::Utf8 { mark: 0, stream: Utf8Stream::default() },
            Encoding::Utf8Bom => Self::Utf8 { mark: 3, stream: Utf8Stream::default() },
            Encoding::Utf16Le => other(UTF_16LE.new_decoder_with_bom_removal()),
            Encoding::Utf16Be => other(UTF_16BE.new_decoder_with_bom_removal()),
            Encoding::Windows1252 => other(WINDOWS_1252.new_decoder_without_bom_handling()),
        }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8], on: OnPiece<'_>) -> Result<(), FileProblem> {
        match self {
            Self::Utf8 { mark, stream } => {
                let (skipped, rest) = bytes.split_at((*mark).min(bytes.len()));
                *mark -= skipped.len();
                stream.feed(rest, on)
            }
            Self::Other { decoder, buffer } => decode(decoder, buffer, bytes, false, on),
        }
    }

    pub(crate) fn finish(&mut self, on: OnPiece<'_>) -> Result<(), FileProblem> {
        match self {
            Self::Utf8 { stream, .. } => stream.finish(on),
            Self::Other { decoder, buffer } => decode(decoder, buffer, &[], true, on),
        }
    }
}

fn decode(
    decoder: &mut encoding_rs::Decoder,
    buffer: &mut [u8],
    mut bytes: &[u8],
    last: bool,
    on: OnPiece<'_>,
) -> Result<(), FileProblem> {
    loop {
        let (result, read, written) = decoder.decode_to_utf8_without_replacement(bytes, buffer, last);
        bytes = bytes.get(read..).unwrap_or_default();
        match buffer.get(..written) {
            None | Some([]) => {}
            Some(text) => on(Piece::Text(text))?,
        }
        match result {
            DecoderResult::InputEmpty => return Ok(()),
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => on(Piece::NotUtf16)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode_in(encoding: Encoding, chunks: &[&[u8]]) -> Result<String, String> {
        let mut text = Vec::new();
        let mut bad = String::new();
        let mut decoder = Decoder::new(encoding);
        let mut on = |piece: Piece<'_>| {
            match piece {
                Piece::Text(piece) => text.extend_from_slice(piece),
                other => {
                    bad = format!("{other:?}");
                    return Err(FileProblem::Utf32);
                }
            }
            Ok(())
        };
        let done = chunks.iter().try_for_each(|chunk| decoder.feed(chunk, &mut on));
        match done.and_then(|()| decoder.finish(&mut on)) {
            Ok(()) => Ok(String::from_utf8(text).unwrap()),
            Err(_) => Err(bad),
        }
    }

    fn units(text: &str, mark: bool, big: bool) -> Vec<u8> {
        let mark = mark.then_some(0xFEFF_u16);
        mark.into_iter()
            .chain(text.encode_utf16())
            .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect()
    }

    proptest! {
        #[test]
        fn a_character_may_be_cut_anywhere(text in "[a€é😀\n]{0,9}", cuts in (0_usize..40, 0_usize..40)) {
            let utf8_mark: Vec<u8> = [b"\xEF\xBB\xBF", text.as_bytes()].concat();
            for (encoding, bytes) in [
                (Encoding::Utf8, text.clone().into_bytes()),
                (Encoding::Utf8Bom, utf8_mark),
                (Encoding::Utf16Le, units(&text, true, false)),
                (Encoding::Utf16Be, units(&text, true, true)),
            ] {
                let second = cuts.1.min(bytes.len());
                let first = cuts.0.min(second);
                let chunks = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                prop_assert_eq!(decode_in(encoding, &chunks), Ok(text.clone()));
            }
        }
    }

    #[test]
    fn what_is_no_text_is_told_and_never_replaced() {
        assert_eq!(decode_in(Encoding::Utf8, &[b"a\xC0\xAF"]).unwrap_err(), "NotUtf8([192])");
        assert_eq!(decode_in(Encoding::Utf8, &[b"a\xED", b"\xA0\x80"]).unwrap_err(), "NotUtf8([237])");
        assert_eq!(decode_in(Encoding::Utf8, &[b"a\xF0\x9F", b"a"]).unwrap_err(), "NotUtf8([240, 159])");
        assert_eq!(decode_in(Encoding::Utf8, &[b"a\xF5"]).unwrap_err(), "NotUtf8([245])");
        assert_eq!(decode_in(Encoding::Utf8, &[b"a\xE2\x82"]).unwrap_err(), "CutUtf8([226, 130])");
        assert_eq!(decode_in(Encoding::Utf16Le, &[b"\xFF\xFEa\0b"]).unwrap_err(), "NotUtf16");
        assert_eq!(decode_in(Encoding::Utf16Le, &[b"\xFF\xFEa\0\x3D", b"\xD8"]).unwrap_err(), "NotUtf16");
        assert_eq!(decode_in(Encoding::Utf16Be, &[b"\xFE\xFF\xDE\x00\0a"]).unwrap_err(), "NotUtf16");
        assert_eq!(decode_in(Encoding::Windows1252, &[b"\x80 Stra\xDFe"]).unwrap(), "€ Straße");
    }
}
