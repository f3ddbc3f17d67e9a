//! Whether a text file under another name is a list of devices, told by its beginning.

use crate::device::Column;

/// Tells whether a file's first line holds two of our headings, whatever stands between them; a line that only names
/// the delimiter (`sep=;`) doesn't count. `own` are a customer's headings in the place of ours.
///
/// Good enough to tell a list of devices from somebody's notes; `beginning` may be cut anywhere.
pub fn holds_our_headings(beginning: &[u8], own: &[String]) -> bool {
    let text = text_of(beginning);
    let mut lines = text.trim_start_matches(is_around).split(['\n', '\r']).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let is_sep = first.trim_matches(is_around).get(..4).is_some_and(|start| start.eq_ignore_ascii_case("sep="));
    let line = if is_sep { lines.next().unwrap_or_default() } else { first };
    let mut cells: Vec<String> =
        line.split([',', ';', '\t', '|']).map(|cell| cell.trim_matches(is_around).to_lowercase()).collect();
    cells.sort_unstable();
    cells.dedup();
    let ours = [Column::Manufacturer, Column::Model, Column::SerialNumber, Column::HardwareHash];
    let ours = ours.iter().map(|column| column.heading());
    let known: Vec<String> =
        ours.chain(own.iter().map(String::as_str)).map(|heading| heading.trim().to_lowercase()).collect();
    cells.iter().filter(|cell| known.contains(cell)).count() >= 2
}

fn is_around(character: char) -> bool {
    matches!(character, '"' | '\u{feff}') || character.is_whitespace()
}

/// The text of a beginning: UTF-16 with a byte order mark, UTF-8, or else one character for each byte.
fn text_of(bytes: &[u8]) -> String {
    let wide = |from: fn([u8; 2]) -> u16, rest: &[u8]| {
        let (pairs, _) = rest.as_chunks::<2>();
        char::decode_utf16(pairs.iter().map(|pair| from(*pair))).map(|unit| unit.unwrap_or('\u{fffd}')).collect()
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => return wide(u16::from_le_bytes, rest),
        [0xFE, 0xFF, rest @ ..] => return wide(u16::from_be_bytes, rest),
        _ => {}
    }
    match std::str::from_utf8(bytes) {
        // UTF-16 that lost its mark reads as ASCII between NUL bytes.
        Ok(text) => text.replace('\0', ""),
        // Cut in the middle of a character.
        Err(error) if error.error_len().is_none() => {
            String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default()).into_owned()
        }
        Err(_) => bytes.iter().copied().filter(|byte| *byte != 0).map(char::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn own() -> Vec<String> {
        ["Hersteller", "Ger\u{e4}t", "Seriennummer"].map(ToOwned::to_owned).into()
    }

    fn wide(text: &str, from: fn(u16) -> [u8; 2]) -> Vec<u8> {
        format!("\u{feff}{text}").encode_utf16().flat_map(from).collect()
    }

    #[test]
    fn a_list_of_devices_is_told_by_two_headings() {
        let lists = [
            "Manufacturer,Model,Serial Number\n",
            "\u{feff}Manufacturer\tModel\r\n",
            "serial number; MODEL",
            "\"Manufacturer\";\"Model\"\n1;2",
            "sep=;\r\nManufacturer;Model\r\n",
            "\u{feff}SEP=,\nModel,Serial Number",
            "\"sep=;\"\nModel;Serial Number",
            "\n\nModel;Serial Number",
            "Model|Manufacturer\n",
        ];
        for text in lists {
            assert!(holds_our_headings(text.as_bytes(), &[]), "{text:?}");
            let unmarked: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            assert!(holds_our_headings(&unmarked, &[]), "{text:?}");
            assert!(
                holds_our_headings(&wide(text.trim_start_matches('\u{feff}'), u16::to_le_bytes), &[]),
                "{text:?}"
            );
        }
        for text in [
            "",
            "Model",
            "Model,Model,model",
            "Manufacturers, Models and Serial Numbers",
            "sep=;\nModel\nManufacturer;Model",
            "Dear Model,\nModel,Serial Number",
        ] {
            assert!(!holds_our_headings(text.as_bytes(), &[]), "{text:?}");
        }
    }

    #[test]
    fn a_customers_own_headings_count() {
        let text = "Pos;Hersteller;Ger\u{e4}t\n1;2;3\n";
        assert!(!holds_our_headings(text.as_bytes(), &[]));
        assert!(holds_our_headings(text.as_bytes(), &own()));
        assert!(holds_our_headings(&wide(text, u16::to_le_bytes), &own()));
        assert!(holds_our_headings(&wide(text, u16::to_be_bytes), &own()));
        assert!(holds_our_headings(b"Ger\xE4t;seriennummer\n", &own()), "Windows-1252");
        assert!(holds_our_headings(b"sep=;\nGer\xC3\xA4t;seriennummer\n\xC3", &own()), "cut");
        assert!(holds_our_headings(b"Model;Seriennummer\n", &own()), "one of each");
    }

    proptest! {
        #[test]
        fn any_beginning_gets_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            holds_our_headings(&bytes, &own());
        }
    }
}
