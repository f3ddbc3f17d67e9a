//! Any bytes as a file's name or path: what it means, what stands beside it, and how it is shown.
#![no_main]

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::name::{
    Kind, classify, folder_is_taken, holds_our_headings, marker_name, near_miss_result_name, older_result_name,
    order_file_name, path_bytes, path_text, receipt_name, result_name, result_name_numbered,
};
use devicedrop_core::shown::{is_deceptive, shown, shown_bytes, shown_cut};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|path: &[u8]| {
    let text = path_text(path);
    assert_eq!(path_bytes(&text), path, "a path is the same after its text");
    show(path, &text);
    name(path);
    holds_our_headings(path, &[]);
    if let Ok(text) = std::str::from_utf8(path) {
        path_bytes(text);
        if let Ok(key) = CustomerKey::parse(text) {
            assert_eq!(key.as_str(), text);
            assert_ne!(folder_is_taken(path, &[]).is_err(), true, "a customer's folder is one that is taken");
            assert!(!text.contains('/') && text.chars().count() <= CustomerKey::MAX_CHARS);
        }
    }
});

/// Nothing that is shown moves a terminal, or is longer than it may be.
fn show(path: &[u8], text: &str) {
    for shown in [shown_bytes(path).to_string(), shown(text).to_string()] {
        assert!(!shown.chars().any(is_deceptive), "{shown:?}");
    }
    // Each character as eleven at most (`\u{10ffff}`), and an ellipsis.
    assert!(shown_cut(text, 9).to_string().chars().count() <= 9 * 10 + 1);
}

fn name(path: &[u8]) {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    let kind = classify(name);
    let results = [
        result_name(path),
        result_name_numbered(path, 2),
        older_result_name(path, "1a2b3c4d"),
        near_miss_result_name(path),
        receipt_name(path),
    ];
    for result in &results {
        assert!(!result.contains(&b'/') && result.len() <= 255, "{}", shown_bytes(result));
    }
    // Names as file systems have them, of what is taken: what we write beside it is ours, and no other's.
    let real = !name.is_empty() && name.len() <= 255 && !name.contains(&0);
    if real && matches!(kind, Kind::Submission | Kind::Rehearsal) {
        for (index, result) in results.iter().enumerate() {
            assert_eq!(classify(result), Kind::OurOutput, "{}", shown_bytes(result));
            assert!(results[..index].iter().all(|other| other != result), "two answers under one name");
        }
        assert_eq!(classify(&marker_name(path)), Kind::Marker);
        assert_eq!(classify(&order_file_name(path)), Kind::OrderFile);
    }
}
