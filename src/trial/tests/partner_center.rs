//! Partner Center's documented examples as they stand there, and what goes beside them.

use insta::assert_snapshot;

use super::*;

/// "Upload a list of devices to create a batch for the specified customer", the example's body.
const DOCUMENTED_CREATE: &str = r#"{
    "BatchId": "SDKTestDeviceBatch",
    "Devices": [{
        "Id": null,
        "SerialNumber": "1R9-ZNP67",
        "ProductKey": "00329-00000-0003-AA606",
        "HardwareHash": "DummyHash123",
        "Policies": null,
        "CreatedBy": null,
        "UploadedDate": "0001-01-01T00:00:00",
        "AllowedOperations": null,
        "Attributes": {
            "ObjectType": "Device"
        }
    }],
    "Attributes": {
        "ObjectType": "DeviceBatchCreationRequest"
    }
}"#;

fn pretty(answer: &Answer) -> String {
    serde_json::to_string_pretty(&told(answer)).expect("JSON")
}

fn batches(customer: &str) -> String {
    format!("/v1/customers/{customer}/deviceBatches")
}

#[test]
fn the_documented_upload_is_taken_and_its_status_told_in_the_documented_shape() {
    let trial = Trial::new(open());
    let taken = trial.partner("POST", &batches(CUSTOMER), DOCUMENTED_CREATE);
    assert_eq!((taken.status, taken.body.as_slice(), &taken.content_type), (202, b"".as_slice(), &None));
    let location = taken.header("Location").expect("a location").to_owned();
    assert!(location.starts_with(&format!("/customers/{CUSTOMER}/batchJobStatus/")), "{location}");
    for name in ["MS-RequestId", "MS-CorrelationId", "MS-CV", "MS-ServerId"] {
        assert!(taken.header(name).is_some_and(|value| !value.is_empty()), "{name}");
    }

    let ask = |path: &str| trial.partner("GET", path, "");
    let statuses = |answer: &Answer| {
        let body = told(answer);
        let devices: Vec<String> =
            body["devicesStatus"].as_array().expect("a list").iter().map(|d| text(&d["status"]).to_owned()).collect();
        (text(&body["status"]).to_owned(), devices)
    };
    assert_eq!(statuses(&ask(&format!("/v1{location}"))), ("queued".to_owned(), vec![]));
    trial.clock.advance(Duration::from_secs(3));
    // A client that puts `/v1/` before it makes two slashes, and the documentation writes the path in two ways.
    let path = format!("/v1/{location}").replace("batchJobStatus", "batchjobstatus");
    assert_eq!(statuses(&ask(&path)), ("processing".to_owned(), vec!["in-progress".to_owned()]));
    trial.clock.advance(Duration::from_secs(5));
    let done = pretty(&ask(&path)).replace(location.rsplit('/').next().expect("an ID"), "[tracking]");
    assert_snapshot!(done, @r#"
    {
      "attributes": {
        "objectType": "BatchUploadDetails"
      },
      "batchTrackingId": "[tracking]",
      "completedTime": "2026-11-22T14:05:47",
      "devicesStatus": [
        {
          "attributes": {
            "objectType": "DeviceUploadDetails"
          },
          "errorCode": "802",
          "errorDescription": "InvalidZtdHardwareHash",
          "productKey": "00329-00000-0003-AA606",
          "serialNumber": "1R9-ZNP67",
          "status": "finished_with_errors"
        }
      ],
      "startedTime": "2026-11-22T14:05:41",
      "status": "finished"
    }
    "#);
}

#[test]
fn a_device_has_the_fate_that_inventory_and_tenants_give_it() {
    let stocked = |serial: &str| (device(serial), None);
    let settings = Settings { inventory: vec![stocked("A1"), stocked("A2")], ..Settings::default() };
    let trial = Trial::new(settings);
    let shouting = Device { model: "PRECISION WORKSTATION T7500".to_owned(), ..device("A1") };
    let status = trial.upload(CUSTOMER, "first", &[device("A1"), device("A1"), device("A9"), shouting]);
    assert_eq!(
        trial.outcome(&status),
        ["finished", "ZtdDeviceAlreadyAssigned", "ZtdDeviceNotFound", "ZtdDeviceNotFound"]
    );
    let status = trial.upload(OTHER, "first", &[device("A1"), device("A2")]);
    assert_eq!(trial.outcome(&status), ["ZtdDeviceAssignedToOtherTenant", "finished"]);
    // What is in its hash is found, in the inventory or not, and is the same device as by its names.
    let body = json!([{ "hardwareHash": hash_of(&device("A7")) }, { "hardwareHash": hash_of(&device("A2")) }]);
    let target = format!("{}/FIRST/devices", batches(CUSTOMER));
    let taken = trial.partner("POST", &target, &body.to_string());
    let status = format!("/v1{}", taken.header("location").expect("a location"));
    assert_eq!(trial.outcome(&status), ["finished", "ZtdDeviceAssignedToOtherTenant"]);
    let registered: Vec<(String, String)> = trial
        .journal()
        .iter()
        .map(|line| (text(&line["tenantId"]).to_owned(), text(&line["serialNumber"]).to_owned()))
        .collect();
    let expected = [(CUSTOMER, "A1"), (OTHER, "A2"), (CUSTOMER, "A7")];
    assert_eq!(registered, expected.map(|(tenant, serial)| (tenant.to_owned(), serial.to_owned())));
}

#[test]
fn a_batch_of_several_ends_in_both_documented_ways() {
    let trial = Trial::new(Settings::default());
    let ends: Vec<String> = ["a", "b", "c", "d"]
        .map(|name| trial.upload(CUSTOMER, name, &[device("x"), device("y")]))
        .iter()
        .map(|status| {
            trial.clock.advance(Duration::from_secs(9));
            text(&told(&trial.partner("GET", status, ""))["status"]).to_owned()
        })
        .collect();
    assert!(ends.contains(&"finished".to_owned()) && ends.contains(&"finished_with_errors".to_owned()), "{ends:?}");
}

#[test]
fn the_devices_of_a_batch_come_a_hundred_at_a_time() {
    let trial = Trial::new(open());
    let devices: Vec<Device> = (0..250).map(|number| device(&format!("S{number:03}"))).collect();
    trial.upload(CUSTOMER, "Test batch", &devices);
    trial.clock.advance(Duration::from_secs(8));
    let token = trial.authorization(PARTNER, "https://api.partnercenter.microsoft.com");
    let target = format!("{}/test%20batch/devices", batches(CUSTOMER));
    let (mut serials, mut continuation, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let headers = [("Authorization", token.as_str()), ("MS-ContinuationToken", continuation.as_str())];
        let page = told(&trial.send("GET", &target, &headers, b""));
        assert_eq!(page["totalCount"], 250);
        serials.extend(page["items"].as_array().expect("a list").iter().map(|d| text(&d["serialNumber"]).to_owned()));
        pages += 1;
        match page.get("continuationToken") {
            Some(token) => continuation = text(token).to_owned(),
            None => break,
        }
    }
    assert_eq!(pages, 3);
    assert_eq!(serials, devices.iter().map(|device| device.serial_number.clone()).collect::<Vec<_>>());
    let listed = told(&trial.partner("GET", &batches(CUSTOMER), ""));
    assert_eq!((&listed["totalCount"], &listed["items"][0]["id"]), (&json!(1), &json!("Test batch")));
    assert_eq!(listed["items"][0]["devicesCount"], 250);
}

#[test]
fn a_deleted_device_can_be_registered_by_another() {
    let trial = Trial::new(open());
    let status = trial.upload(CUSTOMER, "first", &[device("A1")]);
    assert_eq!(trial.outcome(&status), ["finished"]);
    let target = format!("{}/first/devices", batches(CUSTOMER));
    let id = text(&told(&trial.partner("GET", &target, ""))["items"][0]["id"]).to_owned();
    assert_eq!(trial.partner("DELETE", &format!("{target}/{id}"), "").status, 204);
    assert_eq!(trial.partner("DELETE", &format!("{target}/{id}"), "").status, 404);
    let status = trial.upload(OTHER, "first", &[device("A1")]);
    assert_eq!(trial.outcome(&status), ["finished"]);
    let released: Vec<bool> = trial.journal().iter().map(|line| !line["releasedAt"].is_null()).collect();
    assert_eq!(released, [true, false]);
}

#[test]
fn the_same_call_under_the_same_request_id_has_one_effect() {
    let trial = Trial::new(open());
    let id = "c245d5f2-1de3-4ae0-9e42-95e38e3cb8ff";
    let again = |body: &str| trial.partner_as("POST", &batches(CUSTOMER), body, id);
    let first = again(DOCUMENTED_CREATE);
    trial.clock.advance(Duration::from_secs(30));
    let second = again(DOCUMENTED_CREATE);
    assert_eq!((second.status, second.header("location")), (202, first.header("location")));
    // Another call under the same ID is another call, and one under a new ID is refused: the batch is there.
    assert_eq!(again(&DOCUMENTED_CREATE.replace("SDKTestDeviceBatch", "another")).status, 202);
    assert_eq!(trial.partner("POST", &batches(CUSTOMER), DOCUMENTED_CREATE).status, 409);
    let forgetful = Trial::new(Settings { forgetful: true, ..open() });
    let again = || forgetful.partner_as("POST", &batches(CUSTOMER), DOCUMENTED_CREATE, id).status;
    assert_eq!((again(), again()), (202, 409));
}

#[test]
fn what_is_wrong_is_refused_in_the_documented_shape() {
    let settings = Settings { customers: vec![CUSTOMER.to_owned()], strangers: vec![OTHER.to_owned()], ..open() };
    let trial = Trial::new(settings);
    let nobody = "00000000-0000-4000-8000-000000000000";
    for (method, target, body, status, code) in [
        ("GET", batches(OTHER), "", 403, "20002"),
        ("GET", batches(nobody), "", 404, "60003"),
        ("GET", batches("contoso"), "", 400, "900118"),
        ("GET", "/v1/somewhere".to_owned(), "", 404, "1000"),
        ("PUT", batches(CUSTOMER), "", 405, "405"),
        ("POST", batches(CUSTOMER), "no JSON", 400, "800002"),
        ("POST", batches(CUSTOMER), r#"{"Devices":[{"SerialNumber":"A"}]}"#, 400, "800002"),
        ("POST", batches(CUSTOMER), r#"{"BatchId":"a","Devices":[]}"#, 400, "800002"),
        ("POST", format!("{}/gone/devices", batches(CUSTOMER)), r#"[{"serialNumber":"A"}]"#, 404, "1000"),
        ("GET", format!("/v1/customers/{CUSTOMER}/batchJobStatus/{nobody}"), "", 404, "1000"),
        // Known, and not documented.
        (
            "POST",
            batches(CUSTOMER),
            r#"{"BatchId":"a","Devices":[{"SerialNumber":"A","Policies":[]}]}"#,
            500,
            "800003",
        ),
    ] {
        let answer = trial.partner(method, &target, body);
        let told = told(&answer);
        assert_eq!((answer.status, text(&told["code"])), (status, code), "{method} {target} {body}: {told}");
        assert!(told["description"].is_string() && told["data"].is_array() && told["source"].is_string(), "{told}");
    }
}

#[test]
fn without_a_right_to_it_nothing_is_told() {
    let trial = Trial::new(Settings { user_required: true, ..open() });
    let refused = |headers: &[(&str, &str)]| {
        let answer = trial.send("GET", &batches(CUSTOMER), headers, b"");
        (answer.status, text(&told(&answer)["code"]).to_owned(), answer.header("www-authenticate").is_some())
    };
    let of_customer = trial.authorization(CUSTOMER, "https://api.partnercenter.microsoft.com");
    let of_graph = trial.authorization(PARTNER, "https://graph.microsoft.com");
    let good = trial.authorization(PARTNER, "https://api.partnercenter.microsoft.com");
    assert_eq!(refused(&[]), (401, "800001".to_owned(), true));
    for wrong in ["Bearer x", "Bearer trial.e30.e30", of_customer.as_str(), of_graph.as_str()] {
        assert_eq!(refused(&[("Authorization", wrong)]), (401, "400".to_owned(), true), "{wrong}");
    }
    assert_eq!(refused(&[("Authorization", &good)]).0, 200);
    trial.clock.advance(Duration::from_hours(1));
    assert_eq!(refused(&[("Authorization", &good)]).0, 401);
    // The documentation lets an application make no batch but in a person's name.
    assert_eq!(trial.partner("POST", &batches(CUSTOMER), DOCUMENTED_CREATE).status, 403);
}
