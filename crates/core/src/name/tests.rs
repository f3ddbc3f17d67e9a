//! What names mean, and what names we make.

use proptest::prelude::*;

use super::*;
use crate::device::Sha256;

#[test]
fn names_mean_what_the_contract_says() {
    let ignored = Kind::Ignored;
    let cases: &[(&[u8], Kind)] = &[
        (b"devices.csv", Kind::Submission),
        (b"A.CSV", Kind::Submission),
        (b"x.csv.csv", Kind::Submission),
        (b"-rf.csv", Kind::Submission),
        (b" x.csv", Kind::Submission),
        (b"M\xfcller.csv", Kind::Submission),
        (b"check.csv", Kind::Submission),
        (b"result.csv", Kind::Submission),
        (b"devices.results.csv", Kind::Submission),
        (b"devices.result-.csv", Kind::Submission),
        (b"devices.result-x2.csv", Kind::Submission),
        (b"result-2.csv", Kind::Submission),
        (b"devices.check.csv", Kind::Rehearsal),
        (b"devices.Check.CSV", Kind::Rehearsal),
        (b"devices.order.json", Kind::OrderFile),
        (b"devices.csv.done", Kind::Marker),
        (b"devices.result.csv", Kind::OurOutput),
        (b"devices.RESULT.csv", Kind::OurOutput),
        (b"devices.result-2.csv", Kind::OurOutput),
        (b"devices.Result-17.CSV", Kind::OurOutput),
        (b"devices.1a2b3c4d.result.csv", Kind::OurOutput),
        (b"devices.xlsx.not-a-csv.result.csv", Kind::OurOutput),
        (b"devices.check.result.csv", Kind::OurOutput),
        (b"devices.receipt.json", Kind::OurOutput),
        (b"devices.XLSX", Kind::NotACsv(NearMiss::Excel)),
        (b"devices.xls", Kind::NotACsv(NearMiss::Excel)),
        (b"devices.xlsm", Kind::NotACsv(NearMiss::Excel)),
        (b"devices.ods", Kind::NotACsv(NearMiss::OpenDocument)),
        (b"devices.numbers", Kind::NotACsv(NearMiss::Numbers)),
        (b"devices.csv.txt", Kind::NotACsv(NearMiss::CsvTxt)),
        (b"devices.txt", Kind::NotACsv(NearMiss::Txt)),
        (b"devices.tsv", Kind::NotACsv(NearMiss::Tsv)),
        (b".devices.csv", ignored(Ignored::LeadingDot)),
        (b".csv", ignored(Ignored::LeadingDot)),
        (b".devicedrop-0123456789abcdef.tmp", ignored(Ignored::LeadingDot)),
        (b"~$devices.xlsx", ignored(Ignored::LeadingTilde)),
        (b"devices.csv.filepart", ignored(Ignored::Unfinished(".filepart"))),
        (b"devices.csv.PART", ignored(Ignored::Unfinished(".part"))),
        (b"devices.csv.partial", ignored(Ignored::Unfinished(".partial"))),
        (b"devices.csv.swp", ignored(Ignored::Unfinished(".swp"))),
        (b"devices.csv.bak", ignored(Ignored::OtherName)),
        (b"devicescsv", ignored(Ignored::OtherName)),
        (b"csv", ignored(Ignored::OtherName)),
        (b"", ignored(Ignored::OtherName)),
    ];
    for (name, expected) in cases {
        assert_eq!(classify(name), *expected, "{:?}", name.escape_ascii().to_string());
    }
}

#[test]
fn a_copy_of_a_rehearsal_is_one() {
    let cases: [(&[u8], Kind); 21] = [
        (b"devices.check (1).csv", Kind::Rehearsal),
        (b"devices.check(12).csv", Kind::Rehearsal),
        (b"devices.check - Copy.csv", Kind::Rehearsal),
        (b"devices.check - Kopie (2).csv", Kind::Rehearsal),
        (b"devices.check copy 2.csv", Kind::Rehearsal),
        (b"devices.check (copy).csv", Kind::Rehearsal),
        (b"devices.check - Copy - Copy.csv", Kind::Rehearsal),
        (b"devices.check.csv.csv", Kind::Rehearsal),
        (b"devices.check .csv", Kind::Rehearsal),
        (b"devices.check.result - Copy.csv", Kind::Rehearsal),
        (b"devices.check.result (1).csv", Kind::Rehearsal),
        (b"devices.check-20261122.csv", Kind::Submission),
        (b"devices.check2.csv", Kind::Submission),
        (b"devices.checked.csv", Kind::Submission),
        (b"devices.check (x).csv", Kind::Submission),
        (b"devices.check ().csv", Kind::Submission),
        (b"devices - Copy.csv", Kind::Submission),
        (b"devices.result - Copy.csv", Kind::Submission),
        (b"copy.csv", Kind::Submission),
        (b"(1).csv", Kind::Submission),
        (b"devices.csv.csv", Kind::Submission),
    ];
    for (name, kind) in cases {
        assert_eq!(classify(name), kind, "{}", name.escape_ascii());
    }
}

#[test]
fn folders_set_aside_are_left_alone() {
    let ignore = ["archief".to_owned(), "Überholt".to_owned()];
    assert_eq!(folder_is_taken(b"PO-4711", &ignore), Ok(()));
    assert_eq!(folder_is_taken(b"\xff", &ignore), Ok(()));
    assert_eq!(folder_is_taken(b"archief 2025", &ignore), Ok(()));
    assert_eq!(folder_is_taken(b".snapshot", &ignore), Err(Ignored::LeadingDot));
    assert_eq!(folder_is_taken(b"_old", &ignore), Err(Ignored::LeadingUnderscore));
    assert_eq!(folder_is_taken(b"Archief", &ignore), Err(Ignored::IgnoredFolder));
    assert_eq!(folder_is_taken("überholt".as_bytes(), &ignore), Err(Ignored::IgnoredFolder));
}

#[test]
fn results_stand_beside_their_originals() {
    let shown = |name: Vec<u8>| name.escape_ascii().to_string();
    assert_eq!(shown(result_name(b"A.CSV")), "A.result.CSV");
    assert_eq!(shown(result_name(b"PO-4711/devices.csv")), "devices.result.csv");
    assert_eq!(shown(result_name(b"devices.check.csv")), "devices.check.result.csv");
    assert_eq!(shown(result_name(b"M\xfcller.csv")), r"M\xfcller.result.csv");
    assert_eq!(result_name_numbered(b"A.CSV", 1), result_name(b"A.CSV"));
    assert_eq!(shown(result_name_numbered(b"A.CSV", 2)), "A.result-2.CSV");
    assert_eq!(shown(older_result_name(b"A.csv", "1a2b3c4d")), "A.1a2b3c4d.result.csv");
    assert_eq!(shown(receipt_name(b"PO/A.CSV")), "A.receipt.json");
    assert_eq!(shown(receipt_name_numbered(b"PO/A.CSV", 2)), "A.receipt-2.json");
    assert_eq!(shown(older_receipt_name(b"A.csv", "1a2b3c4d")), "A.1a2b3c4d.receipt.json");
    assert_eq!(shown(near_miss_result_name(b"PO/devices.xlsx")), "devices.xlsx.not-a-csv.result.csv");
    assert_eq!(shown(order_file_name(b"PO/devices.csv")), "devices.order.json");
    assert_eq!(shown(marker_name(b"PO/devices.csv")), "devices.csv.done");
}

#[test]
fn answers_to_rehearsals_are_told_from_other_results() {
    for name in ["devices.check.result.csv", "A.CHECK.result.CSV", "a.check.result-2.csv", "a.check.result-17.csv"] {
        assert!(answers_rehearsal(name.as_bytes()), "{name}");
    }
    for name in ["devices.result.csv", "devices.check.csv", "check.result.csv", "a.check.result", "a.check.2.csv", ""]
    {
        assert!(!answers_rehearsal(name.as_bytes()), "{name}");
    }
}

#[test]
fn a_name_too_long_for_its_result_is_cut() {
    let fits = [&[b'x'; 244][..], b".csv"].concat();
    assert_eq!(result_name(&fits).len(), 255);
    assert!(result_name(&fits).ends_with(b"xx.result.csv"));

    let long = [&[b'x'; 245][..], b".csv"].concat();
    let hash = Sha256::of(&long).to_string();
    let expected = [&[b'x'; 200][..], b"-", &hash.as_bytes()[..8], b".result.csv"].concat();
    assert_eq!(result_name(&long), expected);
    assert_ne!(result_name(&[b"PO/", &long[..]].concat()), expected, "the hash is the path's");

    // 200 bytes end inside of the 67th three-byte character: that one is left out whole.
    let wide = ["株".repeat(83).as_bytes(), b".csv"].concat();
    assert!(result_name(&wide).starts_with(["株".repeat(66).as_bytes(), b"-"].concat().as_slice()));
}

proptest! {
    #[test]
    fn a_path_is_the_same_after_its_text(path: Vec<u8>) {
        prop_assert_eq!(path_bytes(&path_text(&path)), path);
    }

    #[test]
    fn backslashes_in_a_path_are_no_escapes(path in r"[\\x0-9a-f]{0,12}") {
        prop_assert_eq!(path_bytes(&path_text(path.as_bytes())), path.as_bytes());
    }

    #[test]
    fn any_text_can_be_read_as_a_path(text: String) {
        path_bytes(&text);
    }

    /// What we write is a name that file systems take, and never again taken by us.
    #[test]
    fn results_are_never_taken(stem in proptest::collection::vec(1u8.., 1..252), number in 2u32..) {
        let stem: Vec<u8> = stem.into_iter().filter(|byte| !matches!(byte, b'/' | b'.' | b'~')).collect();
        prop_assume!(!stem.is_empty());
        let path = [&stem[..], b".csv"].concat();
        let results = [
            result_name(&path),
            result_name_numbered(&path, number),
            older_result_name(&path, "1a2b3c4d"),
            near_miss_result_name(&path),
            receipt_name(&path),
            receipt_name_numbered(&path, number),
            older_receipt_name(&path, "1a2b3c4d"),
        ];
        for name in results {
            prop_assert!(name.len() <= 255);
            prop_assert_eq!(classify(&name), Kind::OurOutput);
        }
    }
}
