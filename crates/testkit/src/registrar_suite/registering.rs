//! What registering does, and what it leaves behind.

use devicedrop_core::registrar::Verdict;
use devicedrop_core::state::ErrorCode;

use super::{Bench, Subject, device, has_it, refused_with, registered};

pub(super) fn says_what_it_is(bench: &Bench<impl Subject>) {
    let registrar = bench.registrar();
    assert!(!registrar.kind().is_empty());
    assert!(!registrar.target().is_empty());
    let capacity = registrar.capacity();
    assert!(capacity.batch >= 1 && capacity.concurrency >= 1, "{capacity:?}");
    assert!(!bench.nature().knows_keys() || capacity.idempotent, "who knows keys takes repetitions well");
}

pub(super) fn answers_every_row_in_order(bench: &Bench<impl Subject>) {
    assert_eq!(bench.register(&[]), []);
    let requests: Vec<_> = (0..20)
        .map(|n| {
            let device = device(&format!("S{n}"));
            if n % 3 != 0 {
                bench.subject.stock(std::slice::from_ref(&device));
            }
            bench.request("fabrikam", &device, &format!("key {n}"))
        })
        .collect();
    for (n, verdict) in bench.register(&requests).iter().enumerate() {
        if n % 3 == 0 && bench.nature().inventory {
            assert_eq!(refused_with(verdict), Some(ErrorCode::DeviceNotFound), "row {n}");
        } else {
            assert_eq!(*verdict, registered(), "row {n}");
        }
    }
}

pub(super) fn keeps_what_it_registered(bench: Bench<impl Subject>) {
    let device = bench.stocked("kept");
    let target = bench.registrar().target().to_owned();
    assert_eq!(bench.register_one(&bench.request("fabrikam", &device, "first")), registered());
    let bench = bench.reopen();
    assert_eq!(bench.registrar().target(), target, "a restart makes no other registrar of it");
    let verdict = bench.register_one(&bench.request("tailspin", &device, "second"));
    assert_eq!(refused_with(&verdict), Some(ErrorCode::DeviceClaimedByAnotherOrganization));
}

pub(super) fn a_repeated_request_has_no_second_effect(bench: Bench<impl Subject>) {
    if !bench.registrar().capacity().idempotent {
        return;
    }
    let device = bench.stocked("repeated");
    let request = bench.request("fabrikam", &device, "the same");
    assert_eq!(bench.register_one(&request), registered());
    let check = |bench: &Bench<_>| {
        // Another attempt with the same key, as after a crash.
        let again = bench.request("fabrikam", &device, "the same");
        let verdict = bench.register_one(&again);
        assert!(has_it(&verdict), "{verdict:?}");
        if bench.nature().knows_keys() {
            assert_eq!(verdict, registered());
            let other = bench.request("fabrikam", &device, "another");
            assert_eq!(bench.register_one(&other), Verdict::AlreadyRegistered);
        }
    };
    check(&bench);
    check(&bench.reopen());
}

pub(super) fn tells_whose_device_it_is_to_nobody_else(bench: &Bench<impl Subject>) {
    let device = bench.stocked("taken");
    assert_eq!(bench.register_one(&bench.request("fabrikam", &device, "first")), registered());
    let second = bench.request("tailspin", &device, "second");
    let answers = bench.try_register(std::slice::from_ref(&second));
    let shown = format!("{answers:?} {:?}", bench.inquire(&[second]));
    assert!(shown.contains("DeviceClaimedByAnotherOrganization"), "{shown}");
    assert!(!shown.contains("fabrikam"), "{shown}");
}

pub(super) fn of_two_rows_of_one_device_the_first_has_it(bench: &Bench<impl Subject>) {
    let device = bench.stocked("twice");
    let [first, second, third] =
        [("fabrikam", "a"), ("fabrikam", "b"), ("tailspin", "c")].map(|(who, key)| bench.request(who, &device, key));
    let verdicts = bench.register(&[first, second, third]);
    let [first, second, third] = verdicts.as_slice() else { panic!("three answers") };
    assert_eq!(*first, registered());
    assert!(has_it(second), "{second:?}");
    assert_eq!(refused_with(third), Some(ErrorCode::DeviceClaimedByAnotherOrganization));
}

pub(super) fn takes_values_byte_for_byte(bench: &Bench<impl Subject>) {
    // Composed and decomposed é are two serial numbers; so are capitals, blanks and zeros in front.
    let serials = ["caf\u{e9}1", "cafe\u{301}1", "CAF\u{c9}1", " caf\u{e9}1", "caf\u{e9}1 ", "0caf\u{e9}1"];
    let known = bench.stocked("caf\u{e9}1");
    assert_eq!(bench.register_one(&bench.request("fabrikam", &known, "known")), registered());
    for serial in serials.into_iter().skip(1) {
        let verdict = bench.register_one(&bench.request("tailspin", &device(serial), serial));
        if bench.nature().inventory {
            assert_eq!(refused_with(&verdict), Some(ErrorCode::DeviceNotFound), "{serial:?}");
        } else {
            assert_eq!(verdict, registered(), "{serial:?}");
        }
    }
}

pub(super) fn takes_a_whole_batch(bench: &Bench<impl Subject>) {
    let rows = bench.registrar().capacity().batch + 1;
    let devices: Vec<_> = (0..rows).map(|n| device(&format!("B{n:06}"))).collect();
    bench.subject.stock(&devices);
    let requests: Vec<_> =
        devices.iter().map(|device| bench.request("fabrikam", device, &device.serial_number)).collect();
    assert!(bench.register(&requests).iter().all(|verdict| *verdict == registered()));
    let again = bench.register(&requests);
    assert!(!bench.registrar().capacity().idempotent || again.iter().all(has_it));
}
