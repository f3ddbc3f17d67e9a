//! Faults that need no socket, and what is told of clients.

use super::*;

fn add(trial: &Trial, script: &str) {
    assert_eq!(trial.send("POST", "/trial/faults", &[], script.as_bytes()).status, 204);
}

#[test]
fn throttling_has_each_services_shape() {
    let trial = Trial::new(open());
    add(
        &trial,
        r#"{"path":"/v1/**","do":"throttle","retry_after":57}
           {"path":"/v1.0/**","do":"throttle","retry_after":10}
           {"path":"/v1/**","nth":2,"do":"unavailable","retry_after":3,"as_date":true}
           {"path":"/*/oauth2/**","do":"error-before"}"#,
    );
    let wait = |answer: &Answer| answer.header("retry-after").map(ToOwned::to_owned);
    let answer = trial.send("GET", "/v1/customers", &[], b"");
    assert_eq!((answer.status, wait(&answer).as_deref()), (429, Some("57")));
    assert_eq!(
        told(&answer),
        json!({ "statusCode": 429, "message": "Rate limit is exceeded. Try again in 57 seconds." })
    );
    let answer = trial.send("GET", "/v1/customers", &[], b"");
    assert_eq!((answer.status, wait(&answer).as_deref()), (503, Some("Sun, 22 Nov 2026 14:05:43 GMT")));
    let answer = trial.send("GET", "/v1.0/organization", &[], b"");
    assert_eq!((answer.status, wait(&answer).as_deref()), (429, Some("10")));
    assert_eq!(told(&answer)["error"]["code"], "TooManyRequests");
    let answer = trial.send("POST", &format!("/{PARTNER}/oauth2/v2.0/token"), &[], b"");
    assert_eq!((answer.status, text(&told(&answer)["error"])), (500, "temporarily_unavailable"));
}

#[test]
fn who_is_too_fast_is_told_to_wait_and_seen_when_he_does_not() {
    let trial = Trial::new(Settings { rate: Some(1), ..open() });
    let ask = || trial.send("GET", "/v1/customers", &[], b"").status;
    assert_eq!((ask(), ask()), (401, 429));
    trial.clock.advance(Duration::from_millis(500));
    assert_eq!(ask(), 429);
    trial.clock.advance(Duration::from_secs(2));
    assert_eq!(ask(), 401);
    let manners = told(&trial.send("GET", "/trial/manners", &[], b""));
    assert_eq!((&manners["toldToWait"], &manners["tooEarly"]), (&json!(2), &json!(1)));
    assert_eq!(manners["requests"]["GET /v1/customers"], 4);
}

#[test]
fn a_device_can_be_refused_by_the_script() {
    let trial = Trial::new(open());
    add(&trial, r#"{"device":"A1","code":814,"name":"ZtdDeviceAlreadyAadRegistered"}"#);
    let status = trial.upload(CUSTOMER, "laptops", &[device("A1"), device("A2")]);
    assert_eq!(trial.outcome(&status), ["ZtdDeviceAlreadyAadRegistered", "finished"]);
    let status = trial.upload(CUSTOMER, "again", &[device("A1")]);
    assert_eq!(trial.outcome(&status), ["finished"]);
}

#[test]
fn what_is_wrong_backstage_is_told() {
    let trial = Trial::new(Settings::default());
    for (target, body, status) in [
        ("/trial/check-in", "{}", 400),
        ("/trial/check-in", r#"{"manufacturer":"a","model":"b","serialNumber":"c"}"#, 404),
        ("/trial/inventory", "[{}]", 400),
        ("/trial/faults", "{}", 400),
        ("/trial/nothing", "", 404),
        ("/", "", 404),
    ] {
        let answer = trial.send("POST", target, &[], body.as_bytes());
        assert_eq!(answer.status, status, "{target} {body}");
        assert!(told(&answer)["error"].is_string(), "{target} {body}");
    }
    let devices = r#"[{"manufacturer":"Dell Inc.","model":"Precision WorkStation T7500","serialNumber":"A1"}]"#;
    assert_eq!(trial.send("POST", "/trial/inventory", &[], devices.as_bytes()).status, 204);
    let status = trial.upload(CUSTOMER, "laptops", &[device("A1")]);
    assert_eq!(trial.outcome(&status), ["finished"]);
}
