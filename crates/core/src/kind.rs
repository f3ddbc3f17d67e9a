//! Tells by its first bytes what a file is that was only named `.csv`. Nothing is unpacked.

use crate::limits::KIND_BYTES;
use crate::problem::OtherKind;

/// What stands uncompressed in an archive that is some program's document; what comes first tells. None of these has
/// its first byte again further on, so a match that fails needs no look back.
const SIGNS: [(&[u8], OtherKind); 5] = [
    (b"xl/workbook", OtherKind::Workbook),
    (b"vnd.oasis.opendocument.spreadsheet", OtherKind::OpenDocument),
    (b"word/document", OtherKind::Document),
    (b"vnd.oasis.opendocument.text", OtherKind::Document),
    (b"Index/Document.iwa", OtherKind::Iwork),
];

/// Tags with which HTML begins.
const TAGS: [&str; 7] = ["<!doctype", "<html", "<head", "<body", "<table", "<meta", "<!--"];

/// Watches a file go by.
#[derive(Debug, Default)]
pub(crate) struct KindScan {
    beginning: Vec<u8>,
    /// How much of each of [`SIGNS`] the bytes read last are.
    matched: [usize; SIGNS.len()],
    signed: Option<OtherKind>,
}

impl KindScan {
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let room = KIND_BYTES - self.beginning.len();
        self.beginning.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
        if self.signed.is_some() || !self.beginning.starts_with(b"PK") {
            return;
        }
        for byte in bytes {
            for ((sign, kind), matched) in SIGNS.iter().zip(&mut self.matched) {
                *matched = match sign.get(*matched) {
                    Some(wanted) if wanted == byte => *matched + 1,
                    _ => usize::from(sign.first() == Some(byte)),
                };
                if *matched == sign.len() {
                    self.signed = self.signed.or(Some(*kind));
                }
            }
        }
    }

    /// The first bytes of the file.
    pub(crate) fn beginning(&self) -> &[u8] {
        &self.beginning
    }

    pub(crate) fn finish(&self) -> Option<OtherKind> {
        let bytes = self.beginning.as_slice();
        let begins = |magic: &[u8]| bytes.starts_with(magic);
        if is_zip(bytes) {
            let workbook = has_entry_below(bytes, b"xl/").then_some(OtherKind::Workbook);
            return Some(self.signed.or(workbook).unwrap_or(OtherKind::Zip));
        }
        if begins(OLD_WORKBOOK) {
            return Some(OtherKind::OldWorkbook);
        }
        if begins(GZIP) {
            return Some(OtherKind::Gzip);
        }
        if begins(PDF) {
            return Some(OtherKind::Pdf);
        }
        if begins(RTF) {
            return Some(OtherKind::Document);
        }
        markup(bytes)
    }
}

const OLD_WORKBOOK: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";
const GZIP: &[u8] = b"\x1F\x8B";
const PDF: &[u8] = b"%PDF-";
const RTF: &[u8] = b"{\\rtf";

/// Whether bytes are the beginning of a file that is no text, whatever they look like further on.
pub(crate) fn is_packed(beginning: &[u8]) -> bool {
    is_zip(beginning) || [OLD_WORKBOOK, GZIP, PDF].iter().any(|magic| beginning.starts_with(magic))
}

fn is_zip(bytes: &[u8]) -> bool {
    [b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"].iter().any(|magic| bytes.starts_with(*magic))
}

/// Whether an entry of an archive lies in this folder, as far as its bytes are there: programs put them in any order.
fn has_entry_below(bytes: &[u8], folder: &[u8]) -> bool {
    let lies_there = |header: &[u8]| {
        header.starts_with(b"PK\x03\x04") && header.get(30..).is_some_and(|name| name.starts_with(folder))
    };
    (0..bytes.len()).filter_map(|at| bytes.get(at..)).any(lies_there)
}

/// HTML, XML or JSON. A heading that only begins with `<` or `[` is neither.
fn markup(bytes: &[u8]) -> Option<OtherKind> {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii_start();
    let begins = |tag: &&str| text.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag.as_bytes()));
    if begins(&"<?xml") {
        return Some(OtherKind::Xml);
    }
    if TAGS.iter().any(begins) {
        return Some(OtherKind::Html);
    }
    let (first, rest) = text.split_first()?;
    let second = rest.trim_ascii_start().first()?;
    match (first, second) {
        (b'{', b'"' | b'}') | (b'[', b'{' | b'[' | b'"' | b']') => Some(OtherKind::Json),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(bytes: &[u8]) -> Option<OtherKind> {
        let mut whole = KindScan::default();
        whole.feed(bytes);
        let mut by_byte = KindScan::default();
        for byte in bytes {
            by_byte.feed(&[*byte]);
        }
        assert_eq!(whole.finish(), by_byte.finish());
        whole.finish()
    }

    #[test]
    fn other_kinds_are_told_by_their_beginning() {
        let workbook = [b"PK\x03\x04".as_slice(), &[7; 4000], b"xxl/workbook.xml", &[7; 90]].concat();
        assert_eq!(kind(&workbook), Some(OtherKind::Workbook));
        let entry = |name: &[u8]| [b"PK\x03\x04", [7; 26].as_slice(), name, &[9; 40]].concat();
        for first in ["xl/worksheets/sheet1.xml", "xl/_rels/x"] {
            assert_eq!(kind(&entry(first.as_bytes())), Some(OtherKind::Workbook));
            let behind = [entry(b"_rels/.rels"), entry(first.as_bytes())].concat();
            assert_eq!(kind(&behind), Some(OtherKind::Workbook));
        }
        assert_eq!(kind(&entry(b"devices/xl/a.csv")), Some(OtherKind::Zip));
        let calc = b"PK\x03\x04....mimetypeapplication/vnd.oasis.opendocument.spreadsheetPK";
        assert_eq!(kind(calc), Some(OtherKind::OpenDocument));
        let padding = vec![b'i'; 9_000];
        let behind = |sign: &[u8]| [b"PK\x03\x04", padding.as_slice(), sign, b"PK"].concat();
        assert_eq!(kind(&behind(b"xl/wword/document.xml")), Some(OtherKind::Document));
        assert_eq!(kind(&behind(b"mimetypeapplication/vnd.oasis.opendocument.text")), Some(OtherKind::Document));
        assert_eq!(kind(&behind(b"IndexIndex/Document.iwa")), Some(OtherKind::Iwork));
        assert_eq!(
            kind(&behind(b"word/document.xmlxl/workbook.xml")),
            Some(OtherKind::Document),
            "with a sheet in it"
        );
        assert_eq!(kind(b"PK\x03\x04devices.csv"), Some(OtherKind::Zip));
        assert_eq!(kind(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0\0"), Some(OtherKind::OldWorkbook));
        assert_eq!(kind(b"\x1F\x8B\x08\0"), Some(OtherKind::Gzip));
        assert_eq!(kind(b"%PDF-1.7"), Some(OtherKind::Pdf));
        assert_eq!(kind(b"\xEF\xBB\xBF\r\n <HTML><body>"), Some(OtherKind::Html));
        assert_eq!(kind(b"<?xml version=\"1.0\"?>"), Some(OtherKind::Xml));
        assert_eq!(kind(b"{ \"order_id\": 1}"), Some(OtherKind::Json));
        assert_eq!(kind(b"[{}]"), Some(OtherKind::Json));
    }

    #[test]
    fn no_sign_has_its_first_byte_twice() {
        for (sign, _) in SIGNS {
            assert!(!sign[1..].contains(&sign[0]), "{}", sign.escape_ascii());
        }
    }

    #[test]
    fn a_csv_is_none_of_them() {
        for csv in ["Manufacturer,Model", "PKG,Model", "<Maker>,Model", "[Maker],Model", "{Maker}", "", "{", "1f8b"] {
            assert_eq!(kind(csv.as_bytes()), None, "{csv}");
        }
    }
}
