//! Markers and order files by their names, and names that were probably meant to be one.
//!
//! Only a name to the letter counts. What differs from it by capitals, blanks or an ending that Windows hides is told
//! to its sender, who would wait for ever otherwise.

use super::without_ending;

/// What a file beside a CSV says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// That it is complete.
    Marker,
    /// Its order and purchase ID.
    OrderFile,
}

/// A name that is a marker's or an order file's, or was probably meant to be: what it is, and the name of its CSV as
/// [`folded_csv`] has it.
///
/// `A.CSV.Done`, `a.done` and `a .csv.done.txt` give the marker of `a.csv`.
pub fn side_of(name: &[u8]) -> Option<(Side, Vec<u8>)> {
    if matches!(name.first(), Some(b'.' | b'~')) {
        return None;
    }
    let mut name = folded(name);
    if without_ending(&name, ".csv").is_some_and(|stem| without_ending(stem, ".csv.done").is_none()) {
        return None;
    }
    while let Some(shorter) = without_ending(&name, ".txt") {
        name.truncate(shorter.len());
    }
    take_number_away(&mut name);
    let one_of = |endings: &[&str]| endings.iter().find_map(|ending| without_ending(&name, ending));
    let (side, stem) = one_of(&MARKERS)
        .or_else(|| one_of(&SIGNS).filter(|stem| super::ends_in(stem, ".csv")))
        .map(|stem| (Side::Marker, stem))
        .or_else(|| one_of(&ORDER_FILES).map(|stem| (Side::OrderFile, stem)))?;
    let stem = without_ending(stem, ".csv").unwrap_or(stem);
    (!stem.is_empty()).then(|| (side, [stem, b".csv"].concat()))
}

/// As [`side_of`], where an order file is required: there `A.json` was probably meant to be that of `a.csv` too.
pub fn side_where_order_is_required(name: &[u8]) -> Option<(Side, Vec<u8>)> {
    side_of(name).or_else(|| {
        let is_ours = super::classify(name) == super::Kind::OurOutput;
        let name = folded(name);
        let stem =
            without_ending(&name, ".json").filter(|_| !is_ours && !matches!(name.first(), Some(b'.' | b'~')))?;
        (!stem.is_empty()).then(|| (Side::OrderFile, [stem, b".csv"].concat()))
    })
}

/// Takes away what a browser adds to the name of a second download: `a.order (1).json`, of which the blank is gone.
fn take_number_away(name: &mut Vec<u8>) {
    let Some(dot) = name.iter().rposition(|byte| *byte == b'.') else { return };
    let stem = name.get(..dot).unwrap_or_default();
    let Some(inside) = stem.strip_suffix(b")") else { return };
    let digits = inside.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let open = inside.len() - digits;
    if digits > 0 && inside.get(..open).is_some_and(|rest| rest.ends_with(b"(")) {
        name.drain(open - 1..dot);
    }
}

/// Endings of markers, and of what was probably meant to be one.
const MARKERS: [&str; 2] = [".done", ".done.csv"];

/// Endings that others use for a marker, after the whole name of the CSV.
const SIGNS: [&str; 3] = [".ok", ".ready", ".marker"];

/// Endings of order files, and of what was probably meant to be one, the longer before the shorter.
const ORDER_FILES: [&str; 8] = [
    ".order.json.json",
    ".order.json",
    ".orders.json",
    ".order.jsn",
    "-order.json",
    "_order.json",
    ".orders",
    ".order",
];

/// A CSV's name, or another one's, without what people don't see in it: capitals and blanks.
pub fn folded_csv(name: &[u8]) -> Vec<u8> {
    folded(name)
}

/// Whether a name, or an ID, is nothing but blanks.
pub fn is_blank(name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok_and(|name| name.chars().all(char::is_whitespace))
}

fn folded(name: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(name) {
        Ok(name) => {
            let visible = name.chars().filter(|character| !character.is_whitespace());
            visible.collect::<String>().to_lowercase().into_bytes()
        }
        Err(_) => name.iter().filter(|byte| **byte != b' ').map(u8::to_ascii_lowercase).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{marker_name, order_file_name};
    use proptest::prelude::*;

    #[test]
    fn what_was_meant_is_told() {
        let markers = [
            "a.csv.done",
            "A.CSV.DONE",
            "a.csv.Done",
            "a.done",
            "a.csv.done.txt",
            "a.csv.done.TXT.txt",
            "a .csv.done",
            "a.csv.done ",
            "a.csv .done",
            "a.csv.done.csv",
            "a.csv.ok",
            "A.csv.READY",
            "a.csv.marker",
        ];
        for name in markers {
            assert_eq!(side_of(name.as_bytes()), Some((Side::Marker, b"a.csv".to_vec())), "{name:?}");
        }
        let order_files = [
            "a.order.json",
            "A.Order.JSON",
            "a.csv.order.json",
            "a.order.json.txt",
            "a. order.json\u{a0}",
            "a.order.json.json",
            "a.csv.order",
            "a.order",
            "a-order.json",
            "a_Order.json",
            "a.order.jsn",
            "a.orders.json",
            "a.order (1).json",
            "a.order(12).json",
        ];
        for name in order_files {
            assert_eq!(side_of(name.as_bytes()), Some((Side::OrderFile, b"a.csv".to_vec())), "{name:?}");
        }
        for name in [
            "a.csv",
            "done",
            ".done",
            ".csv.done",
            ".a.csv.done",
            "a.csv.done.bak",
            "a.json",
            "a.done.csv",
            "a.ok",
            "order.json",
        ] {
            assert_eq!(side_of(name.as_bytes()), None, "{name:?}");
        }
        assert_eq!(side_where_order_is_required(b"a.JSON"), Some((Side::OrderFile, b"a.csv".to_vec())));
        assert_eq!(side_where_order_is_required(b"a.csv.done"), Some((Side::Marker, b"a.csv".to_vec())));
        for name in ["a.receipt.json", ".json", ".a.json", "a.csv"] {
            assert_eq!(side_where_order_is_required(name.as_bytes()), None, "{name:?}");
        }
        assert_eq!(side_of(b"\xC4.csv.DONE"), Some((Side::Marker, b"\xC4.csv".to_vec())));
        assert_eq!(side_of("\u{c4}.csv.DONE".as_bytes()), Some((Side::Marker, "\u{e4}.csv".into())));
    }

    #[test]
    fn blanks_alone_are_no_name() {
        for blank in ["", " ", "\u{a0}\u{2003}"] {
            assert!(is_blank(blank.as_bytes()), "{blank:?}");
        }
        assert!(!is_blank(b"\xFF"));
        assert!(!is_blank(b" a "));
    }

    proptest! {
        #[test]
        fn what_is_right_to_the_letter_is_found_too(stem in "[^./ ~\\p{Cc}][^/\\p{Cc}]{0,20}") {
            let csv = format!("{stem}.CSV").into_bytes();
            let folded = folded_csv(&csv);
            prop_assert_eq!(side_of(&marker_name(&csv)), Some((Side::Marker, folded.clone())));
            // `a.csv.csv` has `a.csv.order.json`, which is more likely meant for `a.csv`.
            if !super::super::ends_in(folded_csv(stem.as_bytes()).as_slice(), ".csv") {
                prop_assert_eq!(side_of(&order_file_name(&csv)), Some((Side::OrderFile, folded)));
            }
        }

        #[test]
        fn any_name_gets_an_answer(name in prop::collection::vec(any::<u8>(), 0..40)) {
            drop(side_of(&name));
        }
    }
}
