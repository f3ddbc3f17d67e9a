//! What can be asked afterwards: what became of requests, and which devices were used.

use std::task::{Context, Waker};
use std::time::Duration;

use devicedrop_core::registrar::{Answer, CallIds, Knowledge};
use devicedrop_core::time::Timestamp;

use super::{Bench, Subject, has_it, registered};

pub(super) fn inquiring_changes_nothing(bench: &Bench<impl Subject>) {
    assert_eq!(bench.inquire(&[]), []);
    let device = bench.stocked("asked for");
    let request = bench.request("fabrikam", &device, "never sent");
    let told = bench.inquire(&[request]);
    let expected = if bench.nature().can_be_asked() { Knowledge::Unknown } else { Knowledge::CannotTell };
    assert_eq!(told, [expected]);
    // Had it been an effect, another customer couldn't have the device now.
    assert_eq!(bench.register_one(&bench.request("tailspin", &device, "sent")), registered());
}

pub(super) fn tells_what_became_of_requests(bench: Bench<impl Subject>) {
    let (done, not_done) = (bench.stocked("done"), bench.stocked("not done"));
    let requests = [bench.request("fabrikam", &not_done, "not done"), bench.request("fabrikam", &done, "done")];
    let [_, sent] = &requests;
    assert_eq!(bench.register_one(sent), registered());
    let check = |bench: &Bench<_>| {
        let told = bench.inquire(&requests);
        if !bench.nature().can_be_asked() {
            assert_eq!(told, [Knowledge::CannotTell, Knowledge::CannotTell]);
            return;
        }
        let [first, second] = told.as_slice() else { panic!("two answers") };
        assert_eq!(*first, Knowledge::Unknown);
        assert!(is_answer_of_having_it(second), "{second:?}");
        let others = [bench.request("tailspin", &done, "of another customer")];
        assert_eq!(bench.inquire(&others), [Knowledge::Unknown]);
    };
    check(&bench);
    check(&bench.reopen());
}

fn is_answer_of_having_it(knowledge: &Knowledge) -> bool {
    matches!(knowledge, Knowledge::Answered(Answer { verdict, .. }) if has_it(verdict))
}

pub(super) fn what_nobody_waits_for_can_be_found_out(bench: &Bench<impl Subject>) {
    if !bench.nature().can_be_asked() {
        return;
    }
    let device = bench.stocked("left alone");
    let request = bench.request("fabrikam", &device, "left alone");
    {
        let _runtime = bench.runtime.enter();
        let mut call = bench.registrar().register(CallIds::default(), vec![request.clone()]);
        // One step, then the caller is gone: the request may be on its way.
        drop(call.as_mut().poll(&mut Context::from_waker(Waker::noop())));
    }
    let told = bench.inquire(std::slice::from_ref(&request));
    assert!(told.iter().all(|one| *one == Knowledge::Unknown || is_answer_of_having_it(one)), "{told:?}");
    assert!(has_it(&bench.register_one(&request)));
    assert!(bench.inquire(&[request]).iter().all(is_answer_of_having_it));
}

pub(super) fn tells_uses_once_and_in_order(bench: &Bench<impl Subject>) {
    assert_eq!(bench.activity(0, 10), (Vec::new(), 0));
    if !bench.nature().tells_uses {
        return;
    }
    let start = Timestamp::from_unix_ms(1_700_000_000_000);
    let devices: Vec<_> = (0..5).map(|n| bench.stocked(&format!("U{n}"))).collect();
    for (device, minute) in devices.iter().zip(0..) {
        assert_eq!(bench.register_one(&bench.request("fabrikam", device, &device.serial_number)), registered());
        bench.subject.use_device(device, start.plus(Duration::from_mins(minute)));
    }
    let mut cursor = 0;
    let mut told = Vec::new();
    loop {
        let (uses, next) = bench.activity(cursor, 2);
        assert!(uses.len() <= 2 && next >= cursor);
        cursor = next;
        let more = uses.len() == 2;
        told.extend(uses);
        if !more {
            break;
        }
    }
    assert_eq!(told.iter().map(|one| &one.device).collect::<Vec<_>>(), devices.iter().collect::<Vec<_>>());
    assert!(told.iter().all(|one| one.customer.as_str() == "fabrikam"));
    assert_eq!(told.first().map(|one| one.last_seen), Some(start));
    assert_eq!(bench.activity(cursor, 10), (Vec::new(), cursor));

    let Some(first) = devices.first() else { panic!("five devices") };
    let later = start.plus(Duration::from_hours(1));
    bench.subject.use_device(first, later);
    let (uses, next) = bench.activity(cursor, 10);
    assert_eq!(uses.iter().map(|one| (&one.device, one.last_seen)).collect::<Vec<_>>(), [(first, later)]);
    assert!(next > cursor);
    // A cursor that this registrar can't have given: it begins anew rather than to stay silent.
    let (anew, _) = bench.activity(next + 1_000, 10);
    assert!(anew.iter().any(|one| one.device == *first && one.last_seen == later));
}

pub(super) fn tells_no_uses_of_unregistered_devices(bench: &Bench<impl Subject>) {
    if !bench.nature().tells_uses {
        return;
    }
    let device = bench.stocked("nobody's");
    bench.subject.use_device(&device, Timestamp::from_unix_ms(1_700_000_000_000));
    let (uses, cursor) = bench.activity(0, 10);
    assert_eq!(uses, []);
    assert_eq!(bench.register_one(&bench.request("fabrikam", &device, "now")), registered());
    assert_eq!(bench.activity(cursor, 10).0, [], "a use before the registration is none of it");
}
