//! Imports: what is sent, and what follows from each answer.

use super::*;

#[tokio::test]
async fn an_import_bears_our_id_and_is_followed_by_it() {
    let ends = [
        imported("2", "IMPORT", "unknown", 0, ""),
        imported("3", "import", "error", 808, "ZtdDeviceAssignedToOtherTenant"),
        imported("1", "import", "pending", 0, ""),
        imported("4", "another", "complete", 0, ""),
    ];
    let (script, client) = of_list([collection(&ends).with("request-id", "of the service")]);
    let answers = register(&client, &["1", "2", "3", "4"]).await.expect("answers");
    let claimed = "device_claimed_by_another_organization";
    assert_eq!(all_short(&answers), ["accepted as import", "accepted as import", claimed, "in doubt"]);
    assert_eq!(answers[2].received.as_deref(), Some("200 error 808 ZtdDeviceAssignedToOtherTenant"));
    assert_eq!(answers[2].request_id.as_deref(), Some("of the service"));
    let path = "POST /v1.0/deviceManagement/importedWindowsAutopilotDeviceIdentities/import";
    assert_eq!(paths(&script), [path]);
    let seen = &script.seen()[0];
    assert_eq!(seen.header("Authorization"), Some("Bearer for-fabrikam-tenant"));
    assert_eq!(seen.header("client-request-id"), Some("correlation"));
    let sent: Value = serde_json::from_str(&seen.text()).expect("JSON");
    let documented: Value = serde_json::from_str(include_str!("recorded/import.json")).expect("JSON");
    let list = "importedWindowsAutopilotDeviceIdentities";
    let (ours, theirs) = (&sent[list][0], &documented[list][0]);
    for (name, value) in ours.as_object().expect("an object") {
        assert_eq!(value.is_object(), theirs[name].is_object(), "{name} is documented");
        assert!(!theirs[name].is_null(), "{name} is documented");
    }
    assert_eq!(
        (&ours["@odata.type"], &ours["state"]["@odata.type"]),
        (&theirs["@odata.type"], &theirs["state"]["@odata.type"])
    );
    assert_eq!((ours["hardwareIdentifier"].as_str(), ours["groupTag"].as_str()), (Some("T0EAAA=="), Some("PO-4711")));
    assert!(!seen.text().contains("not sent"), "there is no place for a purchase ID");
}

#[tokio::test]
async fn rows_without_a_hash_are_refused_and_the_others_go() {
    let (script, client) = of_list([collection(&[imported("3", "import", "pending", 0, "")])]);
    let mut rows = requests(&["1", "2", "3", "3"]);
    rows[0].hardware_hash = None;
    rows[1].hardware_hash = Some("nonsense!".to_owned());
    let answers = client.register(ids(), rows.clone()).await.expect("answers");
    let not_valid = "hardware_hash_not_valid";
    assert_eq!(all_short(&answers), [not_valid, not_valid, "accepted as import", "deferred"]);
    let sent = script.seen()[0].text();
    assert!(!sent.contains("nonsense") && sent.matches("serialNumber").count() == 1);

    let (script, client) = of_list([]);
    rows.truncate(2);
    assert_eq!(all_short(&client.register(ids(), rows).await.expect("answers")), [not_valid, not_valid]);
    assert_eq!(script.seen(), []);
}

#[tokio::test]
async fn what_is_lost_is_in_doubt_and_what_is_refused_is_not() {
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{".to_vec();
    for reply in [Reply::Close, Reply::Raw(cut), Reply::empty(200), Reply::empty(500), Reply::empty(302)] {
        let (_script, client) = of_list([reply.clone()]);
        assert_eq!(all_short(&register(&client, &["1", "2"]).await.expect("answers")), ["in doubt"; 2], "{reply:?}");
    }
    let (_script, client) = of_list([Reply::empty(403)]);
    assert!(matches!(register(&client, &["1"]).await, Err(Trouble::Broken(_))));
    let (_script, client) = of_list([Reply::empty(401), Reply::empty(401)]);
    assert!(matches!(register(&client, &["1"]).await, Err(Trouble::Broken(_))));
    let throttled: Value = serde_json::from_str(include_str!("recorded/throttled.json")).expect("JSON");
    let (_script, client) = of_list([Reply::json(429, &throttled).with("Retry-After", "2.128")]);
    let trouble = register(&client, &["1"]).await;
    let wait = Some(Duration::from_secs(3));
    assert!(matches!(&trouble, Err(Trouble::Throttled { retry_after, .. }) if *retry_after == wait), "{trouble:?}");
}

#[tokio::test]
async fn an_import_that_is_refused_as_a_whole_is_made_smaller() {
    let error: Value = serde_json::from_str(include_str!("recorded/error.json")).expect("JSON");
    let (_script, client) = of_list([Reply::json(400, &error), Reply::json(400, &error), collection(&[])]);
    assert_eq!(all_short(&register(&client, &["1", "2"]).await.expect("answers")), ["deferred"; 2]);
    assert_eq!(client.capacity().batch, 1);
    let answers = register(&client, &["1"]).await.expect("answers");
    let Verdict::Refused { detail, .. } = &answers[0].verdict else { panic!("{answers:?}") };
    assert_eq!(detail.as_deref(), Some("400 invalidRange Uploaded fragment overlaps with existing data."));
}
