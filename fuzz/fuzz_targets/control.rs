//! Any bytes as a line of the control socket, in both directions: understood in one way only, or not understood.
#![no_main]

use devicedrop::control::protocol::{Reply, Request};
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

fuzz_target!(|data: &[u8]| {
    same_again::<Request>(data);
    same_again::<Reply>(data);
    if let Ok(request) = serde_json::from_slice::<Request>(data) {
        request.changes();
    }
});

/// What was understood is said, and understood, as the same; in one line.
fn same_again<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(line: &[u8]) {
    match serde_json::from_slice::<T>(line) {
        Ok(words) => {
            let line = serde_json::to_vec(&words).expect("what was read can be said");
            assert!(!line.contains(&b'\n'));
            assert_eq!(serde_json::from_slice::<T>(&line).expect("what was said is understood"), words);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
