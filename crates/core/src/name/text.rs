//! Paths as text that can be turned back into the same bytes: for the ledger, which holds text.

use std::fmt::Write;

/// Writes a path as text: bytes that aren't UTF-8 as `\xNN`, a backslash doubled, all else as it is.
pub fn path_text(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character == '\\' {
                text.push('\\');
            }
            text.push(character);
        }
        for byte in chunk.invalid() {
            // Writing to a String can't fail.
            write!(text, "\\x{byte:02x}").unwrap_or_default();
        }
    }
    text
}

/// Returns the path that [`path_text`] wrote. What that never writes (a lone backslash) stands for itself.
pub fn path_bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let digits = escape.strip_prefix('x').and_then(|digits| digits.get(..2));
        let byte = digits
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        rest = if let Some(byte) = byte {
            bytes.push(byte);
            escape.get(3..).unwrap_or_default()
        } else {
            bytes.push(b'\\');
            escape.strip_prefix('\\').unwrap_or(escape)
        };
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}
