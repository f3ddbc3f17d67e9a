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

/// Lets the next commit that claims something fail, on the connection that is open now.
const DOOM: &str =
    "CREATE TABLE IF NOT EXISTS doom (one INTEGER REFERENCES registry (one) DEFERRABLE INITIALLY DEFERRED);
     CREATE TEMP TRIGGER at_commit AFTER INSERT ON claim BEGIN INSERT INTO doom VALUES (99); END;
     PRAGMA foreign_keys = ON";

#[test]
fn after_a_commit_that_fails_the_registry_is_opened_anew_before_anything_is_answered() {
    let bench = Bench::new(Inventory::Open);
    sabotage(&bench, DOOM);
    let first = request("fabrikam", "1", "a");
    let verdict = bench.register(&first);
    assert!(matches!(verdict, Verdict::InDoubt { .. }), "{verdict:?}");
    assert_eq!(bench.try_inquire(&first).unwrap(), [Knowledge::Unknown]);
    assert_eq!(bench.register(&first), REGISTERED);
    sabotage(&bench, DOOM);
    let second = request("fabrikam", "2", "b");
    assert!(matches!(bench.register(&second), Verdict::InDoubt { .. }));
    assert!(matches!(bench.registry().release(&device("2"), "me"), Err(RegistryError::UnknownDevice { .. })));
    assert!(bench.registry().release(&device("1"), "me").is_ok());
}

#[test]
fn while_the_registry_cannot_be_opened_anew_nothing_is_answered() {
    let bench = Bench::new(Inventory::Open);
    let before = request("fabrikam", "1", "a");
    assert_eq!(bench.register(&before), REGISTERED);
    sabotage(&bench, DOOM);
    let lost = request("fabrikam", "2", "b");
    assert!(matches!(bench.register(&lost), Verdict::InDoubt { .. }));

    // "Never saw it" would be a lie if the commit's pages reached the disk.
    let away = bench.path().with_extension("away");
    std::fs::rename(bench.path(), &away).unwrap();
    assert!(matches!(bench.try_inquire(&lost), Err(Trouble::Unavailable(_))));
    assert!(matches!(bench.try_register(std::slice::from_ref(&lost)), Err(Trouble::Unavailable(_))));
    assert!(bench.registry().release(&device("1"), "me").is_err());

    std::fs::rename(&away, bench.path()).unwrap();
    assert_eq!(bench.try_inquire(&lost).unwrap(), [Knowledge::Unknown]);
    assert_eq!(bench.register(&lost), REGISTERED);
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
