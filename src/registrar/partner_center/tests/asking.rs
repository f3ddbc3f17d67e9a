//! What became of uploads.

use std::time::Duration;

use devicedrop_core::state::ErrorCode;

use super::*;

fn ends(knowledge: &[Knowledge]) -> Vec<String> {
    let end = |one: &Knowledge| match one {
        Knowledge::Answered(Answer { verdict: Verdict::Registered { .. }, .. }) => "registered".to_owned(),
        Knowledge::Answered(Answer { verdict: Verdict::AlreadyRegistered, .. }) => "already".to_owned(),
        Knowledge::Answered(Answer { verdict: Verdict::Refused { error, .. }, .. }) => error.code().to_owned(),
        Knowledge::Answered(answer) => format!("{answer:?}"),
        Knowledge::UnderWay { ask_after } => format!("in {} s", ask_after.as_secs()),
        Knowledge::Unknown => "unknown".to_owned(),
        Knowledge::CannotTell => "cannot tell".to_owned(),
    };
    knowledge.iter().map(end).collect()
}

#[tokio::test]
async fn every_device_is_looked_at_whatever_is_said_of_the_whole() {
    let devices = json!([
        { "serialNumber": "d", "status": "finished_with_errors", "errorCode": 812, "errorDescription": "ZtdDeviceNotFound" },
        { "serialNumber": "c", "status": "finished_with_errors", "errorCode": "806", "errorDescription": "ZtdDeviceAlreadyAssigned" },
        { "serialNumber": "b", "status": "finished_with_errors", "errorCode": "808", "errorDescription": "ZtdDeviceAssignedToOtherTenant" },
        { "serialNumber": "e", "status": "finished_with_errors", "errorCode": "807", "errorDescription": "ZtdDeviceIsNotRegistered" },
        { "serialNumber": "f", "status": "finished", "errorCode": "808", "errorDescription": null },
        { "serialNumber": "a", "status": "finished", "errorCode": null, "errorDescription": "" },
    ]);
    let (script, client) = of_list([status("finished", &devices).with("MS-RequestId", "asked")]);
    let told = followed(&client, &["a", "b", "c", "d", "e", "f"]).await.expect("knowledge");
    let claimed = ErrorCode::DeviceClaimedByAnotherOrganization.code();
    let expected = [
        "registered",
        claimed,
        "already",
        ErrorCode::DeviceNotFound.code(),
        ErrorCode::UnexpectedError.code(),
        claimed,
    ];
    assert_eq!(ends(&told), expected);
    assert_eq!(paths(&script), [format!("GET /v1/customers/{TENANT}/batchJobStatus/{JOB}")], "once for all of them");
    let Knowledge::Answered(answer) = &told[4] else { panic!("{told:?}") };
    assert_eq!(answer.received.as_deref(), Some("200 finished_with_errors 807 ZtdDeviceIsNotRegistered"));
    assert_eq!(answer.request_id.as_deref(), Some("asked"));
}

#[tokio::test]
async fn an_upload_is_asked_about_less_and_less_often() {
    let (_script, client) = of_list((0..8).map(|_| status("processing", &json!(null))));
    let mut waits = Vec::new();
    for _ in 0..7 {
        waits.extend(ends(&followed(&client, &["a"]).await.expect("knowledge")));
    }
    assert_eq!(waits, ["in 6 s", "in 12 s", "in 24 s", "in 48 s", "in 60 s", "in 60 s", "in 60 s"]);
}

#[tokio::test]
async fn devices_that_are_done_do_not_wait_for_the_others() {
    let devices =
        json!([{ "serialNumber": "a", "status": "finished" }, { "serialNumber": "b", "status": "in-progress" }]);
    let (_script, client) = of_list([status("processing", &devices).with("Retry-After", "9")]);
    let told = followed(&client, &["a", "b", "c"]).await.expect("knowledge");
    assert_eq!(ends(&told), ["registered", "in 9 s", "in 9 s"]);
}

#[tokio::test]
async fn serial_numbers_that_differ_in_case_are_two() {
    let devices = json!([
        { "serialNumber": "AB1", "status": "finished_with_errors", "errorCode": "808", "errorDescription": "" },
        { "serialNumber": "ab1", "status": "finished" },
    ]);
    let (_script, client) = of_list([status("finished", &devices)]);
    let told = followed(&client, &["ab1", "AB1"]).await.expect("knowledge");
    assert_eq!(ends(&told), ["registered", ErrorCode::DeviceClaimedByAnotherOrganization.code()]);
}

#[tokio::test]
async fn a_device_that_a_finished_upload_does_not_name_is_looked_for_in_the_list() {
    let contradictory = json!([
        { "serialNumber": "b", "status": "finished" },
        { "serialNumber": "b", "status": "finished_with_errors", "errorCode": "808", "errorDescription": "" },
        { "status": "finished" },
        "odd",
    ]);
    let first = Reply::json(200, &json!({ "items": listed(&["x", "B"]), "continuationToken": "2" }));
    let second = Reply::json(200, &json!({ "items": listed(&["a"]) }));
    let (script, client) = of_list([status("finished", &contradictory), batches(&["PO-4711"]), first, second]);
    let told = followed(&client, &["a", "b"]).await.expect("knowledge");
    assert_eq!(ends(&told), ["registered", "unknown"]);
    let devices = format!("GET /v1/customers/{TENANT}/deviceBatches/PO-4711/devices");
    assert_eq!(paths(&script)[2..], [devices.clone(), devices]);
    assert_eq!(header(&script.seen()[3], "MS-ContinuationToken"), "2");
}

#[tokio::test]
async fn a_list_that_is_throttled_in_the_middle_goes_on_from_there() {
    let page = |serial: &str, next: &str| {
        Reply::json(200, &json!({ "items": listed(&[serial]), "continuationToken": next }))
    };
    let throttled = || Reply::empty(429).with("Retry-After", "0");
    let last = Reply::json(200, &json!({ "items": listed(&["c"]) }));
    let (script, client) =
        of_list([batches(&["PO-4711"]), page("a", "2"), throttled(), page("b", "3"), throttled(), last]);
    let questions: Vec<_> = requests(&["a", "b", "c"]).into_iter().map(|one| question(one, None)).collect();
    for _ in 0..2 {
        let told = client.inquire(&questions).await;
        assert!(matches!(told, Err(Trouble::Throttled { .. })), "{told:?}");
    }
    let told = client.inquire(&questions).await.expect("knowledge");
    assert_eq!(ends(&told), ["already", "already", "already"]);
    let pages: Vec<Option<String>> =
        script.seen()[1..].iter().map(|seen| seen.header("MS-ContinuationToken").map(str::to_owned)).collect();
    let pages: Vec<&str> = pages.iter().map(|page| page.as_deref().unwrap_or("1")).collect();
    assert_eq!(pages, ["1", "2", "2", "3", "3"]);
}

#[tokio::test]
async fn an_upload_that_is_forgotten_and_one_that_was_lost_are_looked_for_in_the_list() {
    let list = || Reply::json(200, &json!({ "items": listed(&["a"]) }));
    let (_script, client) = of_list([Reply::empty(404), batches(&["PO-4711"]), list(), list()]);
    assert_eq!(ends(&followed(&client, &["a", "b"]).await.expect("knowledge")), ["registered", "unknown"]);
    let questions: Vec<_> = requests(&["a", "b"]).into_iter().map(|one| question(one, None)).collect();
    let told = client.inquire(&questions).await.expect("knowledge");
    assert_eq!(ends(&told), ["already", "unknown"], "by which request, the record tells");

    let (_script, client) = of_list([no_batches()]);
    assert_eq!(ends(&client.inquire(&questions).await.expect("knowledge")), ["unknown", "unknown"]);
}

#[tokio::test]
async fn a_device_is_found_by_all_three_values_byte_for_byte() {
    let list = Reply::json(200, &json!({ "items": listed(&["a", "B"]) }));
    let (_script, client) = of_list([batches(&["PO-4711"]), list]);
    let mut rows = requests(&["a", "b"]);
    rows[0].device.model.push(' ');
    let questions: Vec<_> = rows.into_iter().map(|one| question(one, None)).collect();
    assert_eq!(ends(&client.inquire(&questions).await.expect("knowledge")), ["unknown", "unknown"]);
}

#[tokio::test]
async fn a_question_without_an_answer_says_nothing() {
    let huge = Reply::Answer { status: 200, headers: Vec::new(), body: vec![b'['; 17 << 20] };
    for reply in [Reply::empty(200), Reply::empty(500), Reply::Close, huge, Reply::Endless] {
        let (_script, client) = of_list([reply]);
        assert!(matches!(followed(&client, &["a"]).await, Err(Trouble::Unavailable(_))));
    }
    let (_script, client) = of_list([Reply::empty(429).with("Retry-After", "30")]);
    let expected = Some(Duration::from_secs(30));
    assert!(
        matches!(followed(&client, &["a"]).await, Err(Trouble::Throttled { retry_after, .. }) if retry_after == expected)
    );
}

#[tokio::test]
async fn nobody_comes_back_before_the_time_that_the_service_asked_for() {
    let busy = || Reply::empty(429).with("Retry-After", "3600");
    let (script, client) = of_list([no_batches(), busy(), busy()]);
    assert!(matches!(register(&client, &["a"]).await, Err(Trouble::Throttled { .. })));
    let told = followed(&client, &["a"]).await;
    let Err(Trouble::Throttled { retry_after: Some(left), .. }) = told else { panic!("{told:?}") };
    assert!(left > Duration::from_mins(50) && left <= Duration::from_hours(1), "{left:?}");
    assert_eq!(script.seen().len(), 2, "the question wasn't sent");
    let mut other = request(1, "b");
    other.customer = CustomerKey::parse("tailspin").expect("a key");
    client.register(ids(), vec![other]).await.expect_err("the service was asked");
    assert_eq!(script.seen().len(), 3, "what it asked of one customer holds for no other");
}

#[tokio::test]
async fn what_was_found_out_before_a_trouble_is_told() {
    let done = json!([{ "serialNumber": "a", "status": "finished" }]);
    let (_script, client) = of_list([status("finished", &done), Reply::empty(429).with("Retry-After", "30")]);
    let rows = requests(&["a", "b", "c"]);
    let questions: Vec<_> =
        rows.into_iter().zip(["1", "2", "3"]).map(|(row, upload)| question(row, Some(upload))).collect();
    let told = client.inquire(&questions).await.expect("knowledge");
    assert_eq!(ends(&told), ["registered", "in 30 s", "in 30 s"]);
}
