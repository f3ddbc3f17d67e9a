//! The survey against named files, against any cutting into chunks, and against a plain reading of the whole.

use proptest::prelude::*;

use super::*;
use crate::problem::OtherKind;

fn survey(bytes: &[u8]) -> Result<Encoding, FileProblem> {
    let mut survey = Survey::new();
    survey.feed(bytes);
    let surveyed = survey.finish();
    assert_eq!(surveyed.bytes, count(bytes.len()));
    surveyed.encoding
}

#[test]
fn each_encoding_is_told() {
    assert_eq!(survey(b"a,b\n"), Ok(Encoding::Utf8));
    assert_eq!(survey("Müller,€\n".as_bytes()), Ok(Encoding::Utf8));
    assert_eq!(survey(b"\xEF\xBB\xBFa"), Ok(Encoding::Utf8Bom));
    assert_eq!(survey(b"\xFF\xFEa\0\xFC\0\x3D\xD8\0\xDE"), Ok(Encoding::Utf16Le));
    assert_eq!(survey(b"\xFE\xFF\0a\0\xFC\xD8\x3D\xDE\0"), Ok(Encoding::Utf16Be));
    assert_eq!(survey(b"M\xFCller,\x80\n"), Ok(Encoding::Windows1252));
    assert_eq!(survey(b"caf\xE9"), Ok(Encoding::Windows1252), "at the very end, it only looks like UTF-8 cut off");
    for encoding in Encoding::ALL {
        assert_eq!(Encoding::from_code(encoding.code()), Some(encoding));
    }
}

#[test]
fn what_is_no_text_is_told_with_its_line() {
    for (bytes, problem) in [
        (b"".as_slice(), FileProblem::Empty),
        (b"\xEF\xBB\xBF", FileProblem::Empty),
        (b"\xFF\xFE", FileProblem::Empty),
        (b"a\r\nb\rc\n\0", FileProblem::NulByte { line: 4 }),
        (b"a\0,\0b\0", FileProblem::NulByte { line: 1 }),
        (b"\xFF\xFEa\0\n\0\0\0", FileProblem::NulByte { line: 2 }),
        (b"\xEF\xBB\xBFa\n\xFC\n", FileProblem::InvalidUtf8 { line: 2, byte: 0xFC }),
        (b"\xEF\xBB\xBFa\n\xC3", FileProblem::Utf8Cut { line: 2 }),
        ("ü\n\nü".as_bytes().split_last().unwrap().1, FileProblem::Utf8Cut { line: 3 }),
        (b"\xFF\xFEa\0\n\0a", FileProblem::InvalidUtf16 { line: 2 }),
        (b"\xFF\xFE\x3D\xD8a\0", FileProblem::InvalidUtf16 { line: 1 }),
        (b"\xFF\xFE\n\0\x3D\xD8", FileProblem::InvalidUtf16 { line: 2 }),
        (b"\xFE\xFF\xDE\0", FileProblem::InvalidUtf16 { line: 1 }),
        (b"\xFF\xFE\0\0a\0\0\0", FileProblem::Utf32),
        (b"\0\0\xFE\xFF\0\0\0a", FileProblem::Utf32),
        (b"M\0o\0d\0e\0l\0", FileProblem::Utf16WithoutMark),
        (b"\0M\0o\0d\0e\0l\0,\0\xDC", FileProblem::Utf16WithoutMark),
        (b"M\0\0\0o\0\0\0d\0\0\0", FileProblem::Utf32),
        (b"\0\0\0M\0\0\0o\0\0\0d", FileProblem::Utf32),
        (b"a\0,\0b,\0\0", FileProblem::NulByte { line: 1 }),
        (b"+/v8-Model", FileProblem::Utf7),
        (b"a\n\xC3\xBC\n\nM\xFCller", FileProblem::MixedEncodings { utf8_line: 2, other_line: 4, byte: 0xFC }),
        (b"\xC0\xAF\n\xC3\xBC", FileProblem::MixedEncodings { utf8_line: 2, other_line: 1, byte: 0xC0 }),
        (b"\xFC\n\x81", FileProblem::UndefinedByte { line: 2, byte: 0x81 }),
        (b"\xE2\x81", FileProblem::UndefinedByte { line: 1, byte: 0x81 }),
        (b"PK\x03\x04\0\0", FileProblem::OtherKind(OtherKind::Zip)),
    ] {
        assert_eq!(survey(bytes), Err(problem), "{bytes:x?}");
    }
}

#[test]
fn what_a_broken_upload_explains_is_worth_waiting_for() {
    for bytes in [b"".as_slice(), b"a\n\0\0\0", b"\xFF\xFEa\0b", b"\xC3\xBC,\xC3"] {
        assert!(survey(bytes).unwrap_err().may_be_incomplete(), "{bytes:x?}");
    }
    for bytes in [b"\xC3\xBC,\xFC,".as_slice(), b"PK\x03\x04", b"\x81"] {
        assert!(!survey(bytes).unwrap_err().may_be_incomplete(), "{bytes:x?}");
    }
}

/// What a file of single bytes is, from the whole of it.
fn plain_reading(bytes: &[u8]) -> Result<Encoding, FileProblem> {
    let line = |position: usize| {
        let before = &bytes[..position];
        let pairs = before.windows(2).filter(|pair| pair == b"\r\n").count();
        1 + count(before.iter().filter(|byte| matches!(byte, b'\r' | b'\n')).count() - pairs)
    };
    if bytes.is_empty() {
        return Err(FileProblem::Empty);
    }
    if let Some(position) = bytes.iter().position(|byte| *byte == 0) {
        return Err(FileProblem::NulByte { line: line(position) });
    }
    let (mut whole, mut broken, mut position, mut cut) = (None, None, 0, None);
    for chunk in bytes.utf8_chunks() {
        if let Some(offset) = chunk.valid().bytes().position(|byte| !byte.is_ascii()) {
            whole = whole.or(Some(line(position + offset)));
        }
        position += chunk.valid().len();
        if let Some(first) = chunk.invalid().first() {
            let at_end = position + chunk.invalid().len() == bytes.len();
            if at_end && std::str::from_utf8(&bytes[position..]).unwrap_err().error_len().is_none() {
                cut = Some(line(position));
            } else {
                broken = broken.or(Some((line(position), *first)));
            }
        }
        position += chunk.invalid().len();
    }
    match (whole, broken, cut) {
        (_, None, None) => Ok(Encoding::Utf8),
        (Some(utf8_line), Some((other_line, byte)), _) => {
            Err(FileProblem::MixedEncodings { utf8_line, other_line, byte })
        }
        (Some(_), None, Some(line)) => Err(FileProblem::Utf8Cut { line }),
        (None, ..) => match bytes.iter().position(|byte| [0x81, 0x8D, 0x8F, 0x90, 0x9D].contains(byte)) {
            Some(position) => Err(FileProblem::UndefinedByte { line: line(position), byte: bytes[position] }),
            None => Ok(Encoding::Windows1252),
        },
    }
}

fn some_bytes() -> impl Strategy<Value = Vec<u8>> {
    let parts: [&[u8]; 17] = [
        b"a",
        b"a",
        b"\n",
        b"\r\n",
        b"\r",
        "é".as_bytes(),
        "€".as_bytes(),
        "😀".as_bytes(),
        b"\xE9",
        b"\xC3",
        b"\xE2\x82",
        b"\xF0\x9F\x98",
        b"\x81",
        b"\x80",
        b"\0",
        b"\xFF\xFE",
        b"\xEF\xBB\xBF",
    ];
    prop::collection::vec(prop::sample::select(parts.to_vec()).prop_map(<[u8]>::to_vec), 0..7)
        .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn chunks_make_no_difference(bytes in some_bytes(), length in 1_usize..9) {
        let mut survey_in_chunks = Survey::new();
        bytes.chunks(length).for_each(|chunk| survey_in_chunks.feed(chunk));
        prop_assert_eq!(survey_in_chunks.finish().encoding, survey(&bytes));
    }

    #[test]
    fn a_plain_reading_says_the_same(bytes in some_bytes()) {
        let marked = [b"\xFF\xFE".as_slice(), b"\xEF\xBB\xBF"].iter().any(|mark| bytes.starts_with(mark));
        prop_assume!(!marked);
        prop_assert_eq!(survey(&bytes), plain_reading(&bytes));
    }
}
