//! What is kept over a restart. A restart here is another service on the same file, without any word to the first.

use super::*;

fn on_file(folder: &tempfile::TempDir) -> Settings {
    Settings { state: Some(folder.path().join("trial.db")), ..open() }
}

#[test]
fn what_was_accepted_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let before = Trial::new(on_file(&folder));
    let status = before.upload(CUSTOMER, "laptops", &[device("A1"), device("A2")]);
    let after = Trial::at(on_file(&folder), before.clock.clone());
    assert_eq!(text(&told(&after.partner("GET", &status, ""))["status"]), "queued");
    after.clock.advance(Duration::from_secs(5));
    // The first device's time came while the service was away.
    let again = Trial::at(on_file(&folder), after.clock.clone());
    assert_eq!(text(&told(&again.partner("GET", &status, ""))["status"]), "processing");
    assert_eq!(again.journal().len(), 1);
    assert_eq!(again.outcome(&status), ["finished", "finished"]);
    assert_eq!(again.journal().len(), 2);
}

#[test]
fn tokens_and_answers_hold_over_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let before = Trial::new(on_file(&folder));
    let token = before.authorization(PARTNER, "https://api.partnercenter.microsoft.com");
    let headers = [("Authorization", token.as_str()), ("MS-RequestId", CUSTOMER)];
    let target = format!("/v1/customers/{CUSTOMER}/deviceBatches");
    let body = json!({ "batchId": "laptops", "devices": [named(&device("A1"))] }).to_string();
    let first = before.send("POST", &target, &headers, body.as_bytes());
    let after = Trial::at(on_file(&folder), before.clock.clone());
    let second = after.send("POST", &target, &headers, body.as_bytes());
    assert_eq!((second.status, second.header("location")), (202, first.header("location")));
    // Another service's tokens are none of ours: what is in memory alone has another key.
    let service = Service::new(open(), before.clock.clone(), BASE.to_owned(), [8; 32]).expect("a service");
    let other = Trial { service, clock: before.clock.clone() };
    assert_eq!(other.send("GET", &target, &headers, b"").status, 401);
}

#[test]
fn a_file_of_others_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("other.db");
    std::fs::write(&path, "no database").expect("a file");
    let settings = Settings { state: Some(path.clone()), ..open() };
    let refused = Service::new(settings, clock(), BASE.to_owned(), [7; 32]).expect_err("it is another's");
    assert!(matches!(refused, super::super::StateError::Foreign { .. }), "{refused:?}");
    assert_eq!(std::fs::read(&path).expect("a file"), b"no database");
}
