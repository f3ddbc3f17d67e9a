//! Uploads: what is sent, and what follows from each answer.

use std::time::Duration;

use devicedrop_core::state::ErrorCode;

use super::*;

#[tokio::test]
async fn a_batch_is_made_once_and_added_to_after_that() {
    let (script, client) = of_list([no_batches(), accepted(), accepted()]);
    let answers = register(&client, &["1", "2"]).await.expect("answers");
    assert_eq!(answers.len(), 2);
    for answer in &answers {
        let Verdict::Accepted { tracking_id, ask_after } = &answer.verdict else { panic!("{answer:?}") };
        assert_eq!((tracking_id.as_str(), *ask_after), (JOB, Duration::from_secs(3)));
        assert_eq!(answer.request_id.as_deref(), Some("of the service"));
        assert_eq!(answer.received.as_deref(), Some("202"));
    }
    register(&client, &["3"]).await.expect("answers");
    let customer = format!("/v1/customers/{TENANT}/deviceBatches");
    let expected =
        [format!("GET {customer}"), format!("POST {customer}"), format!("POST {customer}/PO-4711/devices")];
    assert_eq!(paths(&script), expected);
    let seen = script.seen();
    let [list, create, append] = seen.as_slice() else { panic!("three requests") };
    assert_eq!((header(create, "MS-RequestId"), header(create, "MS-CorrelationId")), ("request", "correlation"));
    assert_eq!(header(create, "Authorization"), "Bearer token-1");
    assert!(header(list, "MS-RequestId").len() == 36 && header(list, "MS-CorrelationId").len() == 36);
    assert_ne!(header(list, "MS-RequestId"), header(list, "MS-CorrelationId"));
    insta::assert_snapshot!(create.text(), @r#"{"BatchId":"PO-4711","Devices":[{"SerialNumber":"1","OemManufacturerName":"Dell Inc.","ModelName":"Precision WorkStation T7500","Policies":null,"Attributes":{"ObjectType":"Device"}},{"SerialNumber":"2","OemManufacturerName":"Dell Inc.","ModelName":"Precision WorkStation T7500","Policies":null,"Attributes":{"ObjectType":"Device"}}],"Attributes":{"ObjectType":"DeviceBatchCreationRequest"}}"#);
    insta::assert_snapshot!(append.text(), @r#"[{"SerialNumber":"3","OemManufacturerName":"Dell Inc.","ModelName":"Precision WorkStation T7500","Policies":null,"Attributes":{"ObjectType":"Device"}}]"#);
}

#[tokio::test]
async fn two_who_want_the_same_batch_make_it_once() {
    let (script, client) = of_list([no_batches(), accepted(), accepted()]);
    let (one, other) = tokio::join!(register(&client, &["1"]), register(&client, &["2"]));
    for answers in [one, other] {
        let answers = answers.expect("answers");
        assert!(matches!(verdict(&answers), Verdict::Accepted { .. }), "{answers:?}");
    }
    let customer = format!("/v1/customers/{TENANT}/deviceBatches");
    let expected =
        [format!("GET {customer}"), format!("POST {customer}"), format!("POST {customer}/PO-4711/devices")];
    assert_eq!(paths(&script), expected);
}

#[tokio::test]
async fn a_batch_is_found_in_any_spelling_and_on_any_page() {
    let first = Reply::json(200, &json!({ "items": [{ "id": "other" }, 7], "continuationToken": "next" }));
    let (script, client) = of_list([first, batches(&["po-4711"]), accepted()]);
    register(&client, &["1"]).await.expect("answers");
    let seen = script.seen();
    assert_eq!(seen[0].header("MS-ContinuationToken"), None);
    assert_eq!(header(&seen[1], "MS-ContinuationToken"), "next");
    assert_eq!(seen[2].target, format!("/v1/customers/{TENANT}/deviceBatches/po-4711/devices"));
}

#[tokio::test]
async fn a_list_without_an_end_is_not_followed_for_ever() {
    let endless = || Reply::json(200, &json!({ "items": [], "continuationToken": "the same" }));
    let (script, client) = of_list([endless(), endless(), endless()]);
    assert!(matches!(register(&client, &["1"]).await, Err(Trouble::Unavailable(_))));
    assert_eq!(script.seen().len(), 2);
}

#[tokio::test]
async fn what_does_not_go_together_is_put_off() {
    let (script, client) = of_list([no_batches(), accepted()]);
    let mut rows = requests(&["1", "1", "1x", "1X"]);
    rows[2].order_id = None;
    let answers = client.register(ids(), rows).await.expect("answers");
    let taken: Vec<bool> = answers.iter().map(|answer| matches!(answer.verdict, Verdict::Accepted { .. })).collect();
    assert_eq!(taken, [true, false, false, true]);
    assert!(script.seen()[1].text().contains(r#""1X""#));
}

#[tokio::test]
async fn an_answer_that_is_lost_leaves_the_rows_in_doubt() {
    let cut = b"HTTP/1.1 202 Accepted\r\nContent-Length: 10\r\n\r\nhal".to_vec();
    for reply in [Reply::Close, Reply::Raw(cut), Reply::Raw(b"odd".to_vec()), Reply::empty(500), Reply::empty(503)] {
        let (script, client) = of_list([no_batches(), reply.clone()]);
        let answers = register(&client, &["1", "2"]).await.expect("answers");
        assert!(answers.len() == 2 && doubt(&answers), "{reply:?}: {answers:?}");
        assert_eq!(script.seen().len(), 2, "nothing is sent twice");
    }
}

#[tokio::test]
async fn what_was_not_sent_is_trouble_and_no_doubt() {
    let script = HttpScript::list([]).expect("a server");
    let url = script.url();
    drop(script);
    assert!(matches!(register(&client(&url), &["1"]).await, Err(Trouble::Unavailable(_))));
    let (_script, client) = of_list([Reply::Close]);
    assert!(matches!(register(&client, &["1"]).await, Err(Trouble::Unavailable(_))), "only a question was lost");
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once() {
    let (script, client) = of_list([no_batches(), Reply::empty(401), accepted()]);
    let answers = register(&client, &["1"]).await.expect("answers");
    assert!(matches!(verdict(&answers), Verdict::Accepted { .. }));
    let seen = script.seen();
    assert_eq!(header(&seen[1], "Authorization"), "Bearer token-1");
    assert_eq!(header(&seen[2], "Authorization"), "Bearer token-2");
    assert_eq!(header(&seen[1], "MS-RequestId"), header(&seen[2], "MS-RequestId"));

    let (script, client) = of_list([Reply::empty(401), Reply::empty(401)]);
    assert!(matches!(register(&client, &["1"]).await, Err(Trouble::Broken(_))));
    assert_eq!(script.seen().len(), 2);
}

#[tokio::test]
async fn who_is_asked_to_wait_waits() {
    let body = include_str!("recorded/throttled.json");
    let plain = |headers: &[(&str, &str)]| Reply::Answer {
        status: 429,
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: body.as_bytes().to_vec(),
    };
    let replies = [
        (plain(&[]), Some(57)),
        (plain(&[("Retry-After", "7")]), Some(7)),
        (plain(&[("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT")]), Some(0)),
        (Reply::empty(429), None),
        (Reply::empty(503).with("Retry-After", "2"), Some(2)),
    ];
    for (reply, wait) in replies {
        let (_script, client) = of_list([no_batches(), reply.clone()]);
        let trouble = register(&client, &["1"]).await;
        let Err(Trouble::Throttled { retry_after, .. }) = trouble else { panic!("{reply:?}: {trouble:?}") };
        assert_eq!(retry_after, wait.map(Duration::from_secs), "{reply:?}");
    }
}

#[tokio::test]
async fn who_may_not_is_told_what_to_do() {
    let no_relationship = json!({ "code": 20002, "description": "The partner id a has no commerce relationship." });
    let no_tenant = json!({ "code": "60003", "description": "Tenant not found" });
    for (reply, words) in [
        (Reply::empty(403), "permissions"),
        (Reply::json(403, &no_relationship), "accept the relationship"),
        (Reply::json(404, &no_tenant), "tenant_id"),
    ] {
        let (_script, client) = of_list([no_batches(), reply]);
        let trouble = register(&client, &["1"]).await;
        assert!(matches!(&trouble, Err(Trouble::Broken(what)) if what.contains(words)), "{trouble:?}");
    }
    let mut row = request(1, "1");
    row.customer = CustomerKey::parse("nobody").expect("a key");
    let trouble = client("http://127.0.0.1:9").register(ids(), vec![row]).await;
    assert!(matches!(&trouble, Err(Trouble::Broken(what)) if what.contains("tenant_id")), "{trouble:?}");
}

#[tokio::test]
async fn a_call_that_is_refused_as_a_whole_is_made_smaller() {
    let bad = json!({ "code": 800_002, "description": "Invalid request input" });
    let (_script, client) =
        of_list([batches(&["PO-4711"]), Reply::json(400, &bad), accepted(), Reply::json(400, &bad)]);
    assert_eq!(client.capacity().batch, super::super::BATCH);
    let answers = register(&client, &["1", "2"]).await.expect("answers");
    assert!(answers.iter().all(|answer| matches!(answer.verdict, Verdict::Deferred { .. })), "{answers:?}");
    assert_eq!(client.capacity().batch, 1);
    let rows = requests(&["1", "2"]);
    client.register(ids(), rows[..1].to_vec()).await.expect("answers");
    let answers = client.register(ids(), rows[1..].to_vec()).await.expect("answers");
    let Verdict::Refused { error, detail, .. } = verdict(&answers) else { panic!("{answers:?}") };
    assert_eq!(*error, ErrorCode::UnexpectedError);
    assert_eq!(detail.as_deref(), Some("400 800002 Invalid request input"));
    assert_eq!(client.capacity().batch, super::super::BATCH, "all of them have their answers");
}

#[tokio::test]
async fn a_batch_that_came_or_went_is_looked_for_anew() {
    let (script, client) = of_list([
        batches(&["PO-4711"]),
        Reply::empty(404),
        no_batches(),
        Reply::empty(409),
        no_batches(),
        accepted(),
    ]);
    for _ in 0..2 {
        let answers = register(&client, &["1"]).await.expect("answers");
        assert!(matches!(verdict(&answers), Verdict::Deferred { .. }), "{answers:?}");
    }
    assert!(matches!(verdict(&register(&client, &["1"]).await.expect("answers")), Verdict::Accepted { .. }));
    assert_eq!(script.seen().len(), 6);
}

#[tokio::test]
async fn no_answer_sends_our_token_elsewhere() {
    let other = HttpScript::list([accepted()]).expect("a server");
    let away = format!("{}/customers/{TENANT}/batchJobStatus/{JOB}", other.url());
    for reply in [
        Reply::empty(307).with("Location", &away),
        Reply::empty(302).with("Location", &away),
        Reply::empty(202).with("Location", &away),
        Reply::empty(202).with("Location", &away.replace("http:", "")),
        Reply::empty(202),
    ] {
        let (_script, client) = of_list([no_batches(), reply.clone()]);
        let answers = register(&client, &["1"]).await.expect("answers");
        assert!(doubt(&answers), "{reply:?}: {answers:?}");
    }
    assert_eq!(other.seen(), []);
}
