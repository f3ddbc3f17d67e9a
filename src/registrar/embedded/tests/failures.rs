//! Writes that fail: what is answered, and what is true afterwards.

use super::*;

fn sabotage(bench: &Bench, sql: &'static str) {
    bench.registry().worker.ask_blocking(move |store| store.sabotage(sql)).unwrap();
}

#[test]
fn a_batch_that_fails_leaves_nothing_behind() {
    let bench = Bench::new(Inventory::Open);
    let batch = [request("fabrikam", "1", "a"), request("fabrikam", "2", "b"), request("tailspin", "3", "c")];
    sabotage(
        &bench,
        "CREATE TEMP TRIGGER no_more BEFORE INSERT ON claim WHEN new.id = 3
         BEGIN SELECT raise(ABORT, 'no more'); END",
    );
    let failed = bench.try_register(&batch);
    assert!(matches!(&failed, Err(Trouble::Unavailable(why)) if why.contains("no more")), "{failed:?}");
    assert_eq!(bench.try_inquire(&batch[0]).unwrap(), [Knowledge::Unknown]);

    sabotage(&bench, "DROP TRIGGER no_more");
    // Other customers and other devices than before: what memory had taken in is gone with the transaction.
    let others = [request("tailspin", "2", "d"), request("fabrikam", "1", "e"), request("northwind", "4", "f")];
    assert_eq!(bench.try_register(&others).unwrap(), [REGISTERED, REGISTERED, REGISTERED]);
    assert_eq!(
        bench.register(&request("fabrikam", "2", "b")),
        refused(ErrorCode::DeviceClaimedByAnotherOrganization)
    );
}

#[test]
fn after_a_commit_that_fails_nothing_is_answered_until_the_registry_is_opened_anew() {
    let mut bench = Bench::new(Inventory::Open);
    sabotage(
        &bench,
        "CREATE TABLE doom (one INTEGER REFERENCES registry (one) DEFERRABLE INITIALLY DEFERRED);
         CREATE TEMP TRIGGER at_commit AFTER INSERT ON claim BEGIN INSERT INTO doom VALUES (99); END;
         PRAGMA foreign_keys = ON",
    );
    let first = request("fabrikam", "1", "a");
    let verdict = bench.register(&first);
    assert!(matches!(verdict, Verdict::InDoubt { .. }), "{verdict:?}");

    // "Never saw it" would be a lie if the commit's pages reached the disk.
    assert!(matches!(bench.try_inquire(&first), Err(Trouble::Unavailable(_))));
    assert!(matches!(bench.try_register(std::slice::from_ref(&first)), Err(Trouble::Unavailable(_))));
    assert!(matches!(bench.registry().release(&device("1"), "me"), Err(RegistryError::InDoubt { .. })));

    bench.reopen(Inventory::Open);
    assert_eq!(bench.try_inquire(&first).unwrap(), [Knowledge::Unknown]);
    assert_eq!(bench.register(&first), REGISTERED);
}

#[test]
fn a_thread_that_is_gone_leaves_rows_in_doubt_and_then_answers_nothing() {
    let bench = Bench::new(Inventory::Open);
    sabotage(&bench, "SELECT 1");
    let gone = bench.registry().worker.ask_blocking(|_| panic!("on purpose"));
    assert!(gone.map(|(): ()| ()).is_err());
    let answer = bench.try_register(&[request("fabrikam", "1", "a")]);
    let untaken = matches!(&answer, Err(Trouble::Unavailable(_)));
    let in_doubt = matches!(answer.as_deref(), Ok([Verdict::InDoubt { .. }]));
    assert!(untaken || in_doubt, "{answer:?}");
    assert!(matches!(bench.try_inquire(&request("fabrikam", "1", "a")), Err(Trouble::Unavailable(_))));
    assert!(matches!(bench.registry().release(&device("1"), "me"), Err(RegistryError::Closed { .. })));
}
