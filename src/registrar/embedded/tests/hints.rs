//! What is said of a device that isn't known when one is that is nearly the same.

use devicedrop_core::locale::Locale;
use devicedrop_core::message;
use devicedrop_core::near::{Difference, Differences, Near};

use super::*;

/// What is said of a device that isn't found.
fn near(verdict: &Verdict) -> Option<Near> {
    match verdict {
        Verdict::Refused { error: ErrorCode::DeviceNotFound, detail: None, near } => *near,
        other => panic!("it should not be found: {other:?}"),
    }
}

fn only_serial_number(kinds: &[Difference]) -> Near {
    let serial_number = kinds.iter().fold(Differences::NONE, |set, kind| set.and(*kind));
    Near { manufacturer: Differences::NONE, model: Differences::NONE, serial_number }
}

#[test]
fn who_nearly_wrote_a_known_device_is_told_where_to_look() {
    let mut bench = Bench::new(Inventory::Required);
    bench.stock(&["ab 1"]);
    let asked = |bench: &Bench, serial: &str| near(&bench.register(&request("fabrikam", serial, serial)));
    let capitals = Some(only_serial_number(&[Difference::Capitals]));
    assert_eq!(asked(&bench, "AB 1"), capitals);
    assert_eq!(asked(&bench, " ab  1"), Some(only_serial_number(&[Difference::Blanks])));
    assert_eq!(asked(&bench, "ab\u{a0}1"), Some(only_serial_number(&[Difference::LookAlikes])));
    assert_eq!(asked(&bench, "ab1"), None);
    // All three values must be near: a serial number alone tells nothing.
    let other = Request {
        device: Device { model: "Two".to_owned(), ..device("AB 1") },
        ..request("fabrikam", "AB 1", "other")
    };
    assert_eq!(near(&bench.register(&other)), None);

    // What came in later is known as well, and the nearest one counts.
    bench.stock(&["AB 1 ", "zz 2"]);
    assert_eq!(asked(&bench, "aB 1 "), capitals);
    assert_eq!(asked(&bench, "ZZ 2"), capitals);
    bench.reopen(Inventory::Required);
    assert_eq!(asked(&bench, "Zz 2"), capitals);
    assert_eq!(near(&bench.registry().rehearse(vec![request("fabrikam", "zZ 2", "x")]).unwrap()[0]), capitals);
}

#[test]
fn characters_typed_for_others_and_marks_apart_are_told_of_and_nothing_of_what_is_known() {
    let bench = Bench::new(Inventory::Required);
    let known = "SN0I1-Caf\u{e9}-Z";
    bench.stock(&[known]);
    let look_alikes = Some(only_serial_number(&[Difference::LookAlikes]));
    for typed in ["SNOI1-Caf\u{e9}-Z", "SN0l1-Caf\u{e9}-Z", "SNO11-Cafe\u{301}-Z", "SN0II-Caf\u{e9}-Z"] {
        let near = near(&bench.register(&request("fabrikam", typed, typed)));
        assert_eq!(near, look_alikes, "{typed}");
        for locale in Locale::ALL {
            let told = message::hint(&near.unwrap(), locale);
            assert!(!told.contains("SN") && !told.contains("Caf"), "{told}");
        }
    }
    for other in ["5N0I1-Caf\u{e9}-Z", "SN0I1-Cafe-Z", "SN0I1-Caf\u{e9}-2", "SN0I1-Caf\u{e8}-Z"] {
        assert_eq!(near(&bench.register(&request("fabrikam", other, other))), None, "{other}");
    }
}

#[test]
fn a_hint_says_nothing_of_claims() {
    let mut bench = Bench::new(Inventory::Open);
    assert_eq!(bench.register(&request("fabrikam", "claimed once", "a")), REGISTERED);
    bench.reopen(Inventory::Required);
    bench.stock(&["free", "taken"]);
    assert_eq!(bench.register(&request("fabrikam", "taken", "b")), REGISTERED);
    let asked = |bench: &Bench, who: &str, serial: &str| near(&bench.register(&request(who, serial, serial)));
    let capitals = Some(only_serial_number(&[Difference::Capitals]));
    for who in ["fabrikam", "tailspin"] {
        assert_eq!(asked(&bench, who, "FREE"), capitals);
        assert_eq!(asked(&bench, who, "TAKEN"), capitals);
        // Known for its claim alone: whoever can't ask for it by its name learns nothing of it.
        assert_eq!(asked(&bench, who, "CLAIMED ONCE"), None);
    }
    bench.stock(&["claimed once"]);
    assert_eq!(asked(&bench, "tailspin", "CLAIMED ONCE"), capitals);
}

#[test]
fn an_import_that_fails_leaves_no_hint_behind() {
    let bench = Bench::new(Inventory::Required);
    bench.stock(&["known"]);
    let sabotage = "CREATE TEMP TRIGGER no BEFORE INSERT ON device WHEN NEW.serial_number = 'bad'
                    BEGIN SELECT RAISE(ABORT, 'no'); END";
    bench.registry().worker.ask_blocking(|store| store.sabotage(sabotage)).unwrap();
    let both = ["good", "bad"].map(|serial| (device(serial), None));
    assert!(bench.registry().import(both.into_iter(), "test").is_err());
    assert_eq!(near(&bench.register(&request("fabrikam", "GOOD", "a"))), None);
    assert_eq!(
        near(&bench.register(&request("fabrikam", "KNOWN", "b"))),
        Some(only_serial_number(&[Difference::Capitals]))
    );
}
