//! What a request gets for an answer.

use super::*;

#[test]
fn a_hash_is_judged_only_for_a_device_that_is_known() {
    let bench = Bench::new(Inventory::Required);
    bench.stock(&["1", "2"]);
    let bad = |serial| with_hash(request("fabrikam", serial, serial), "bad");
    assert_eq!(bench.register(&bad("unknown")), refused(ErrorCode::DeviceNotFound));
    let detail = Some("it isn't base64".to_owned());
    assert_eq!(
        bench.register(&bad("1")),
        Verdict::Refused { error: ErrorCode::HardwareHashNotValid, detail, near: None }
    );
    assert_eq!(bench.register(&with_hash(request("fabrikam", "1", "good"), "valid")), REGISTERED);
    assert_eq!(
        bench.register(&with_hash(request("fabrikam", "2", "warned"), "other")),
        Verdict::Registered { warning: Some(mismatch(&device("2"))) }
    );
}

#[test]
fn an_answer_that_was_given_stays_whatever_is_configured_since() {
    let mut bench = Bench::new(Inventory::Open);
    let first = request("fabrikam", "seen once", "first");
    assert_eq!(bench.register(&first), REGISTERED);

    bench.reopen(Inventory::Required);
    assert_eq!(bench.register(&first), REGISTERED);
    assert_eq!(bench.register(&request("fabrikam", "seen once", "second")), Verdict::AlreadyRegistered);
    assert_eq!(
        bench.register(&request("tailspin", "seen once", "third")),
        refused(ErrorCode::DeviceClaimedByAnotherOrganization)
    );
    bench.registry().release(&device("seen once"), "operator").unwrap();
    assert_eq!(bench.register(&request("tailspin", "seen once", "third")), refused(ErrorCode::DeviceNotFound));
}

#[test]
fn what_would_happen_is_told_without_doing_it() {
    let bench = Bench::new(Inventory::Required);
    bench.stock(&["1", "2"]);
    assert_eq!(bench.register(&request("fabrikam", "1", "a")), REGISTERED);
    let asked = vec![request("tailspin", "1", "b"), request("tailspin", "2", "c"), request("tailspin", "3", "d")];
    let expected =
        [refused(ErrorCode::DeviceClaimedByAnotherOrganization), REGISTERED, refused(ErrorCode::DeviceNotFound)];
    assert_eq!(bench.registry().rehearse(asked).unwrap(), expected);
    assert_eq!(bench.register(&request("fabrikam", "2", "e")), REGISTERED);
}
