//! Any bytes as an order file: read, or told what is wrong with them.
#![no_main]

use devicedrop::inbox::OrderIds;
use devicedrop_core::locale::Locale;
use devicedrop_core::message::{self, Notice};
use devicedrop_core::order::BadOrderFile;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let ids = match OrderIds::read(data) {
        Ok(ids) => ids,
        Err(problem) => {
            let bad = BadOrderFile {
                name: "a.order.json".to_owned(),
                problem,
                can_be_left_out: data.len().is_multiple_of(2),
            };
            for locale in [Locale::En, Locale::Nl] {
                let told = message::notice(&Notice::BadOrderFile(&bad), locale);
                assert!(!told.is_empty() && !told.chars().any(char::is_control), "{told:?}");
            }
            return;
        }
    };
    assert!(ids.order_id.is_some() || ids.purchase_id.is_some());
    for id in [&ids.order_id, &ids.purchase_id].into_iter().flatten() {
        assert!(!id.is_empty() && !id.chars().any(char::is_control), "{id:?}");
    }
    // Another reading of the same text says the same, and nothing beside it.
    let text = data.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(data);
    if text.starts_with(b"\xFF\xFE") || text.starts_with(b"\xFE\xFF") {
        return;
    }
    let value: Value = serde_json::from_slice(text).expect("what was read is JSON");
    let found = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    match &value {
        Value::Object(keys) => {
            assert!(keys.keys().all(|key| key == "order_id" || key == "purchase_id"));
            assert_eq!((found("order_id"), found("purchase_id")), (ids.order_id, ids.purchase_id));
        }
        other => panic!("{other} is no order file"),
    }
});
