//! What people do with the registry: import, release, check-in, list.

use std::time::Duration;

use super::super::{Browser, CheckInError, CheckedIn, Filter, Imported};
use super::*;

fn rows(serials: &[&str]) -> Vec<(Device, Option<String>)> {
    serials.iter().map(|serial| (device(serial), None)).collect()
}

fn serials(bench: &Bench, filter: &Filter) -> Vec<String> {
    let listed = bench.registry().list(filter, 100, 0).unwrap();
    listed.into_iter().map(|one| one.device.serial_number).collect()
}

#[test]
fn importing_again_adds_nothing() {
    let mut bench = Bench::new(Inventory::Required);
    let first = bench.registry().import(rows(&["1", "2", "1"]).into_iter(), "a.csv").unwrap();
    assert_eq!(first, Imported { added: 2, known: 1, hashes_not_valid: 0 });
    bench.reopen(Inventory::Required);
    let again = bench.registry().import(rows(&["1", "2", "3"]).into_iter(), "b.csv").unwrap();
    assert_eq!(again, Imported { added: 1, known: 2, hashes_not_valid: 0 });
    let nothing = bench.registry().import(rows(&["1"]).into_iter(), "c.csv").unwrap();
    assert_eq!(nothing, Imported { added: 0, known: 1, hashes_not_valid: 0 });
    bench.close();
    assert_eq!(ask_file(&bench.path(), "SELECT count(*) FROM source"), 2, "one for each file that brought any");
}

#[test]
fn an_import_takes_more_than_one_transaction() {
    let bench = Bench::new(Inventory::Required);
    let many = (0..20_001).map(|n| (device(&n.to_string()), Some("bad".to_owned()).filter(|_| n % 2 == 0)));
    let imported = bench.registry().import(many, "many.csv").unwrap();
    assert_eq!(imported, Imported { added: 20_001, known: 0, hashes_not_valid: 10_001 });
    assert_eq!(bench.register(&request("fabrikam", "20000", "a")), REGISTERED);
    let page = bench.registry().list(&Filter::default(), 2, 20_000).unwrap();
    assert_eq!(page.iter().map(|one| one.number).collect::<Vec<_>>(), [20_001]);
}

#[test]
fn a_device_that_was_only_claimed_can_be_taken_into_the_inventory() {
    let mut bench = Bench::new(Inventory::Open);
    assert_eq!(bench.register(&request("fabrikam", "1", "a")), REGISTERED);
    let outside = Filter { inventory: Some(false), ..Filter::default() };
    assert_eq!(serials(&bench, &outside), ["1"]);
    assert_eq!(bench.registry().import(rows(&["1"]).into_iter(), "a.csv").unwrap().added, 1);
    assert_eq!(serials(&bench, &outside), [""; 0]);
    bench.reopen(Inventory::Required);
    bench.registry().release(&device("1"), "operator").unwrap();
    assert_eq!(bench.register(&request("tailspin", "1", "b")), REGISTERED);
}

#[test]
fn a_claim_that_is_given_up_is_free_for_others_and_stays_on_record() {
    let mut bench = Bench::new(Inventory::Required);
    bench.stock(&["1"]);
    let first = request("fabrikam", "1", "a");
    assert_eq!(bench.register(&first), REGISTERED);
    let released = bench.registry().release(&device("1"), "operator").unwrap();
    assert_eq!((released.customer, released.claimed_at), (customer("fabrikam"), now()));
    assert_eq!(bench.try_inquire(&first).unwrap(), [Knowledge::Unknown]);
    bench.reopen(Inventory::Required);
    assert_eq!(bench.register(&request("tailspin", "1", "b")), REGISTERED);
    bench.close();
    assert_eq!(ask_file(&bench.path(), "SELECT count(*) FROM claim"), 2);
    assert_eq!(ask_file(&bench.path(), "SELECT claim FROM release WHERE actor = 'operator'"), 1);
}

#[test]
fn what_cant_be_given_up_says_what_to_do() {
    let bench = Bench::new(Inventory::Required);
    bench.stock(&["1"]);
    insta::assert_snapshot!(bench.registry().release(&device("1"), "me").unwrap_err(), @r#"nobody has claimed device "Contoso", "One", "1": there is nothing to give up"#);
    insta::assert_snapshot!(bench.registry().release(&device("\u{1b}[2J"), "me").unwrap_err(), @r#"the registry knows no device "Contoso", "One", "\u{1b}[2J": check manufacturer, model and serial number letter by letter (`devicedrop registry list` shows what it knows)"#);
}

#[test]
fn the_latest_use_counts_and_none_in_the_future() {
    let bench = Bench::new(Inventory::Required);
    bench.stock(&["1", "2"]);
    assert_eq!(bench.register(&request("fabrikam", "1", "a")), REGISTERED);
    let earlier = now().minus(Duration::from_hours(1));
    let uses = [
        (device("1"), earlier),
        (device("1"), earlier),
        (device("1"), now().plus(Duration::from_millis(1))),
        (device("3"), earlier),
        (device("2"), now()),
        (device("1"), now()),
    ];
    let answers = bench.registry().check_in(&uses).unwrap();
    let [first, same, future, unknown, nobodys, latest] = answers.as_slice() else { panic!("six answers") };
    let fabrikams = Ok(CheckedIn::Recorded { customer: Some(customer("fabrikam")) });
    assert_eq!((first, latest), (&fabrikams, &fabrikams));
    assert_eq!(*same, Ok(CheckedIn::Older));
    assert_eq!(*nobodys, Ok(CheckedIn::Recorded { customer: None }));
    assert!(matches!(future, Err(CheckInError::Future { .. })));
    insta::assert_snapshot!(future.as_ref().unwrap_err(), @r#"device "Contoso", "One", "1" can't have been used at 2026-11-22T14:05:39.004Z, it is only 2026-11-22T14:05:39.003Z: correct the time, or this machine's clock"#);
    insta::assert_snapshot!(unknown.as_ref().unwrap_err(), @r#"the registry knows no device "Contoso", "One", "3": check manufacturer, model and serial number letter by letter (`devicedrop registry list` shows what it knows)"#);

    let (told, cursor) = bench.activity(0);
    let latest = Activity { customer: customer("fabrikam"), device: device("1"), last_seen: now() };
    assert_eq!(told, [latest]);
    assert_eq!(bench.activity(cursor), (Vec::new(), cursor));
}

#[test]
fn uses_under_a_claim_that_was_given_up_are_not_told_to_the_next_customer() {
    let bench = Bench::new(Inventory::Required);
    bench.stock(&["1"]);
    assert_eq!(bench.register(&request("fabrikam", "1", "a")), REGISTERED);
    bench.registry().check_in(&[(device("1"), now())]).unwrap();
    bench.registry().release(&device("1"), "operator").unwrap();
    assert_eq!(bench.register(&request("tailspin", "1", "b")), REGISTERED);
    assert_eq!(bench.activity(0).0, []);
}

#[test]
fn lists_show_what_is_asked_for() {
    let bench = Bench::new(Inventory::Required);
    bench.stock(&["1", "2", "3", "4"]);
    for (who, serial) in [("fabrikam", "2"), ("tailspin", "3"), ("fabrikam", "4")] {
        assert_eq!(bench.register(&request(who, serial, serial)), REGISTERED);
    }
    bench.registry().check_in(&[(device("3"), now())]).unwrap();
    let all = Filter::default();
    assert_eq!(serials(&bench, &all), ["1", "2", "3", "4"]);
    assert_eq!(serials(&bench, &Filter { claimed: Some(false), ..all.clone() }), ["1"]);
    assert_eq!(serials(&bench, &Filter { customer: Some(customer("fabrikam")), ..all.clone() }), ["2", "4"]);
    assert_eq!(serials(&bench, &Filter { customer: Some(customer("nobody")), ..all.clone() }), [""; 0]);
    assert_eq!(serials(&bench, &Filter { serial_number: Some("3".to_owned()), ..all.clone() }), ["3"]);
    assert_eq!(serials(&bench, &Filter { model: Some("one".to_owned()), ..all.clone() }), [""; 0]);

    let page = bench.registry().list(&all, 1, 2).unwrap();
    let [third] = page.as_slice() else { panic!("one device") };
    assert_eq!(third.device, device("3"));
    assert_eq!(third.customer, Some(customer("tailspin")));
    assert_eq!((third.claimed_at, third.last_seen, third.inventory), (Some(now()), Some(now()), true));
    assert_eq!(bench.registry().list(&all, 10, 4).unwrap(), []);
}

#[test]
fn a_list_beside_the_registry_is_the_list_of_the_registry() {
    let mut bench = Bench::new(Inventory::Open);
    bench.stock(&["1", "2", "3"]);
    for (who, serial) in [("fabrikam", "1"), ("tailspin", "3"), ("tailspin", "4")] {
        assert_eq!(bench.register(&request(who, serial, serial)), REGISTERED);
    }
    let mut browser = Browser::open(&bench.path()).unwrap();
    let filters = [
        Filter::default(),
        Filter { customer: Some(customer("tailspin")), ..Filter::default() },
        Filter { claimed: Some(false), ..Filter::default() },
        Filter { inventory: Some(false), ..Filter::default() },
        Filter { serial_number: Some("3".to_owned()), ..Filter::default() },
        Filter { claimed_since: Some(now()), ..Filter::default() },
        Filter { claimed_since: Some(now().plus(Duration::from_secs(1))), ..Filter::default() },
    ];
    let mut compare = |bench: &Bench| {
        for filter in &filters {
            assert_eq!(browser.list(filter, 100, 0).unwrap(), bench.registry().list(filter, 100, 0).unwrap());
        }
        assert_eq!(
            browser.list(&Filter::default(), 2, 1).unwrap(),
            bench.registry().list(&filters[0], 2, 1).unwrap()
        );
    };
    compare(&bench);
    bench.registry().check_in(&[(device("3"), now())]).unwrap();
    bench.registry().release(&device("1"), "ann").unwrap();
    compare(&bench);
    assert_eq!(bench.register(&request("tailspin", "1", "b")), REGISTERED);
    bench.registry().release(&device("3"), "ann").unwrap();
    bench.stock(&["4", "5"]);
    compare(&bench);

    bench.close();
    assert_eq!(browser.list(&Filter::default(), 100, 0).unwrap().len(), 5, "nobody has it open");
    drop(browser);
    assert_eq!(Browser::open(&bench.path()).unwrap().list(&Filter::default(), 100, 0).unwrap().len(), 5);
}

#[test]
fn what_is_no_registry_is_not_listed_and_none_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    assert!(matches!(Browser::open(&path), Err(RegistryError::Sqlite { .. })));
    assert!(!path.exists());
    std::fs::write(&path, "").unwrap();
    assert!(matches!(Browser::open(&path), Err(RegistryError::Foreign { .. })));
    std::fs::write(&path, "Manufacturer,Model,Serial Number\n".repeat(100)).unwrap();
    assert!(matches!(Browser::open(&path), Err(RegistryError::Foreign { .. })));
}
