//! Tells by its first bytes what a file is that was only named `.csv`. Nothing is unpacked.

use crate::limits::KIND_BYTES;
use crate::problem::OtherKind;

/// What stands in every Excel workbook's table of contents, uncompressed.
const WORKBOOK: &[u8] = b"xl/workbook";

/// Tags with which HTML begins.
const TAGS: [&str; 7] = ["<!doctype", "<html", "<head", "<body", "<table", "<meta", "<!--"];

/// Watches a file go by.
#[derive(Debug, Default)]
pub(crate) struct KindScan {
    beginning: Vec<u8>,
    /// How much of [`WORKBOOK`] the bytes read last are.
    matched: usize,
    workbook: bool,
}

impl KindScan {
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let room = KIND_BYTES - self.beginning.len();
        self.beginning.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
        if self.workbook || !self.beginning.starts_with(b"PK") {
            return;
        }
        for byte in bytes {
            self.matched = match WORKBOOK.get(self.matched) {
                Some(wanted) if wanted == byte => self.matched + 1,
                _ => usize::from(WORKBOOK.first() == Some(byte)),
            };
            self.workbook |= self.matched == WORKBOOK.len();
        }
    }

    /// The first bytes of the file.
    pub(crate) fn beginning(&self) -> &[u8] {
        &self.beginning
    }

    pub(crate) fn finish(&self) -> Option<OtherKind> {
        let bytes = self.beginning.as_slice();
        let begins = |magic: &[u8]| bytes.starts_with(magic);
        if begins(b"PK\x03\x04") || begins(b"PK\x05\x06") || begins(b"PK\x07\x08") {
            let calc = bytes.windows(24).any(|window| window == b"opendocument.spreadsheet");
            return Some(match (self.workbook, calc) {
                (true, _) => OtherKind::Workbook,
                (false, true) => OtherKind::OpenDocument,
                (false, false) => OtherKind::Zip,
            });
        }
        if begins(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1") {
            return Some(OtherKind::OldWorkbook);
        }
        if begins(b"\x1F\x8B") {
            return Some(OtherKind::Gzip);
        }
        if begins(b"%PDF-") {
            return Some(OtherKind::Pdf);
        }
        markup(bytes)
    }
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
        let calc = b"PK\x03\x04....mimetypeapplication/vnd.oasis.opendocument.spreadsheetPK";
        assert_eq!(kind(calc), Some(OtherKind::OpenDocument));
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
    fn a_csv_is_none_of_them() {
        for csv in ["Manufacturer,Model", "PKG,Model", "<Maker>,Model", "[Maker],Model", "{Maker}", "", "{", "1f8b"] {
            assert_eq!(kind(csv.as_bytes()), None, "{csv}");
        }
    }
}
