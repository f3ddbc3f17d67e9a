//! Any text, and any blob in base64, as a hardware hash.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use devicedrop_core::device::Device;
use devicedrop_core::locale::Locale;
use devicedrop_core::message::{Details, details};
use devicedrop_core::oa3::{HashProblem, check, cross_check};
use devicedrop_fuzz::harmless;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        read(text);
    }
    // The same bytes as what a hash is made of.
    let blob = [b"OA", data].concat();
    assert!(check(&STANDARD.encode(&blob)).is_ok(), "what begins with OA is a hash");
    read(&STANDARD.encode(&blob));
});

fn read(text: &str) {
    match check(text) {
        Err(problem) => {
            harmless(&problem.to_string());
            if let HashProblem::Character { position } | HashProblem::Middle { position } = problem {
                assert!(position >= 1 && position <= text.chars().count() as u64);
            }
        }
        Ok(hash) => {
            let device = Device { manufacturer: "Contoso".into(), model: "Book".into(), serial_number: text.into() };
            let Some(mismatch) = cross_check(&hash, &device) else { return };
            assert!(!mismatch.fields.is_empty() && mismatch.fields.len() <= 3);
            for locale in Locale::ALL {
                harmless(&details(&Details::HashMismatch(&mismatch), locale));
            }
        }
    }
}
