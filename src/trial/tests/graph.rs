//! Graph's documented examples, and what goes beside them.

use insta::assert_snapshot;

use super::*;

const IMPORTS: &str = "deviceManagement/importedWindowsAutopilotDeviceIdentities";
const IDENTITIES: &str = "deviceManagement/windowsAutopilotDeviceIdentities";
const MANAGED: &str = "deviceManagement/managedDevices";

/// "import action", the example's body; its hardware identifier is no hash.
const DOCUMENTED_IMPORT: &str = r##"{
  "importedWindowsAutopilotDeviceIdentities": [
    {
      "@odata.type": "#microsoft.graph.importedWindowsAutopilotDeviceIdentity",
      "id": "985b4f49-4f49-985b-494f-5b98494f5b98",
      "groupTag": "Group Tag value",
      "serialNumber": "Serial Number value",
      "productKey": "Product Key value",
      "importId": "Import Id value",
      "hardwareIdentifier": "aGFyZHdhcmVJZGVudGlmaWVy",
      "state": {
        "@odata.type": "microsoft.graph.importedWindowsAutopilotDeviceIdentityState",
        "deviceImportStatus": "pending",
        "deviceRegistrationId": "Device Registration Id value",
        "deviceErrorCode": 15,
        "deviceErrorName": "Device Error Name value"
      },
      "assignedUserPrincipalName": "Assigned User Principal Name value"
    }
  ]
}"##;

fn import(device: &Device) -> Value {
    json!({ "serialNumber": device.serial_number, "hardwareIdentifier": hash_of(device), "groupTag": "laptops" })
}

fn states(list: &Value) -> Vec<String> {
    let items = list["value"].as_array().expect("a list");
    let state = |item: &Value| {
        let state = &item["state"];
        format!(
            "{} {} {}",
            text(&state["deviceImportStatus"]),
            state["deviceErrorCode"],
            text(&state["deviceErrorName"])
        )
    };
    items.iter().map(state).collect()
}

#[test]
fn the_documented_import_is_taken_and_told_in_the_documented_shape() {
    let trial = Trial::new(open());
    let body: Value = serde_json::from_str(DOCUMENTED_IMPORT).expect("JSON");
    let answer = trial.graph(CUSTOMER, "POST", &format!("{IMPORTS}/import"), &body);
    assert_eq!(answer.status, 200);
    assert!(answer.header("request-id").is_some() && answer.header("client-request-id").is_some());
    let told = told(&answer);
    let id = text(&told["value"][0]["id"]).to_owned();
    assert_snapshot!(serde_json::to_string_pretty(&told).expect("JSON").replace(&id, "[id]"), @r##"
    {
      "value": [
        {
          "@odata.type": "#microsoft.graph.importedWindowsAutopilotDeviceIdentity",
          "assignedUserPrincipalName": "Assigned User Principal Name value",
          "groupTag": "Group Tag value",
          "hardwareIdentifier": "aGFyZHdhcmVJZGVudGlmaWVy",
          "id": "[id]",
          "importId": "Import Id value",
          "productKey": "Product Key value",
          "serialNumber": "Serial Number value",
          "state": {
            "@odata.type": "microsoft.graph.importedWindowsAutopilotDeviceIdentityState",
            "deviceErrorCode": 0,
            "deviceErrorName": "",
            "deviceImportStatus": "unknown",
            "deviceRegistrationId": ""
          }
        }
      ]
    }
    "##);
}

#[test]
fn an_import_goes_through_its_states() {
    let trial = Trial::new(open());
    let one = trial.graph(CUSTOMER, "POST", IMPORTS, &import(&device("A1")));
    assert_eq!(one.status, 201);
    let id = text(&told(&one)["id"]).to_owned();
    trial.graph(CUSTOMER, "POST", IMPORTS, &import(&device("A1")));
    let wrong = json!({ "serialNumber": "A1", "hardwareIdentifier": "aGFyZHdhcmVJZGVudGlmaWVy" });
    trial.graph(CUSTOMER, "POST", IMPORTS, &wrong);
    trial.graph(OTHER, "POST", IMPORTS, &import(&device("A1")));
    let list = |tenant| states(&told(&trial.graph(tenant, "GET", IMPORTS, &Value::Null)));
    assert_eq!(list(CUSTOMER), ["unknown 0 ", "unknown 0 ", "unknown 0 "]);
    trial.clock.advance(Duration::from_secs(3));
    assert_eq!(list(CUSTOMER), ["pending 0 ", "pending 0 ", "pending 0 "]);
    trial.clock.advance(Duration::from_secs(5));
    assert_eq!(
        list(CUSTOMER),
        ["complete 0 None", "error 806 ZtdDeviceAlreadyAssigned", "error 802 InvalidZtdHardwareHash"]
    );
    assert_eq!(list(OTHER), ["error 808 ZtdDeviceAssignedToOtherTenant"]);

    let path = format!("{IMPORTS}/{id}");
    assert_eq!(trial.graph(OTHER, "GET", &path, &Value::Null).status, 404);
    assert_eq!(trial.graph(CUSTOMER, "GET", &path, &Value::Null).status, 200);
    assert_eq!(trial.graph(CUSTOMER, "DELETE", &path, &Value::Null).status, 204);
    assert_eq!(trial.graph(CUSTOMER, "GET", &path, &Value::Null).status, 404);
    // Its record is gone; the device is still registered.
    let identities = told(&trial.graph(CUSTOMER, "GET", IDENTITIES, &Value::Null));
    assert_eq!(identities["value"][0]["serialNumber"], "A1");
    assert_eq!(trial.journal().len(), 1);
}

#[test]
fn no_device_comes_without_a_hash() {
    let trial = Trial::new(open());
    for body in [json!({ "serialNumber": "A1" }), json!([]), Value::Null] {
        let answer = trial.graph(CUSTOMER, "POST", IMPORTS, &body);
        assert_eq!((answer.status, text(&told(&answer)["error"]["code"])), (400, "BadRequest"), "{body}");
    }
}

#[test]
fn what_was_used_is_seen_as_a_managed_device() {
    let trial = Trial::new(open());
    let status = trial.upload(CUSTOMER, "laptops", &[device("A1"), device("A2"), device("A3")]);
    assert_eq!(trial.outcome(&status), ["finished"; 3]);
    for (serial, at) in
        [("A1", "2026-11-01T10:00:00Z"), ("A2", "2026-11-20T10:00:00Z"), ("A1", "2026-10-01T10:00:00Z")]
    {
        let mut body = json!({ "manufacturer": "Dell Inc.", "model": "Precision WorkStation T7500", "at": at });
        body["serialNumber"] = serial.into();
        assert_eq!(trial.send("POST", "/trial/check-in", &[], body.to_string().as_bytes()).status, 204);
    }
    let list = |target: &str| {
        let list = told(&trial.graph(CUSTOMER, "GET", target, &Value::Null));
        let items = list["value"].as_array().unwrap_or_else(|| panic!("{list}")).clone();
        items.iter().map(|item| text(&item["serialNumber"]).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list(MANAGED), ["A1", "A2"]);
    assert_eq!(list(&format!("{MANAGED}?$filter=lastSyncDateTime%20ge%202026-11-15T00:00:00Z")), ["A2"]);
    assert_eq!(list(&format!("{MANAGED}?$filter=serialNumber+eq+'A1'&$select=serialNumber")), ["A1"]);
    assert_eq!(list(&format!("{MANAGED}?$orderby=lastSyncDateTime%20desc&$top=1")), ["A2"]);
    assert_eq!(list(&format!("{IDENTITIES}?$filter=contains(serialNumber,'A3')")), ["A3"]);
    let refused = trial.graph(CUSTOMER, "GET", &format!("{IDENTITIES}?$filter=serialNumber eq 'A3'"), &Value::Null);
    assert_eq!((refused.status, text(&told(&refused)["error"]["code"])), (400, "BadRequest"));
    let identities = told(&trial.graph(CUSTOMER, "GET", IDENTITIES, &Value::Null));
    let seen: Vec<(&str, &str, &str)> = identities["value"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|item| (text(&item["enrollmentState"]), text(&item["lastContactedDateTime"]), text(&item["groupTag"])))
        .collect();
    assert_eq!(
        seen,
        [
            ("enrolled", "2026-11-01T10:00:00Z", "laptops"),
            ("enrolled", "2026-11-20T10:00:00Z", "laptops"),
            ("notContacted", "0001-01-01T00:00:00Z", "laptops"),
        ]
    );
    assert_eq!(list_of(&trial, OTHER), 0);
}

fn list_of(trial: &Trial, tenant: &str) -> usize {
    told(&trial.graph(tenant, "GET", IDENTITIES, &Value::Null))["value"].as_array().map_or(0, Vec::len)
}

#[test]
fn lists_come_in_pages() {
    let trial = Trial::new(Settings { page: 2, ..open() });
    for number in 0..5 {
        trial.graph(CUSTOMER, "POST", IMPORTS, &import(&device(&format!("A{number}"))));
    }
    trial.clock.advance(Duration::from_secs(9));
    for path in [IMPORTS, IDENTITIES] {
        let (mut target, mut serials, mut pages) = (path.to_owned(), Vec::new(), 0);
        loop {
            let page = told(&trial.graph(CUSTOMER, "GET", &target, &Value::Null));
            let items = page["value"].as_array().expect("a list").clone();
            serials.extend(items.iter().map(|item| text(&item["serialNumber"]).to_owned()));
            pages += 1;
            let Some(next) = page.get("@odata.nextLink") else { break };
            target = text(next).strip_prefix(&format!("{BASE}/v1.0/")).expect("a whole address").to_owned();
        }
        assert_eq!((pages, serials), (3, ["A0", "A1", "A2", "A3", "A4"].map(ToOwned::to_owned).to_vec()), "{path}");
    }
}

#[test]
fn each_request_of_a_batch_has_its_own_answer() {
    let trial = Trial::new(Settings { rate: Some(1_000), ..open() });
    let script = "{\"path\":\"/v1.0/deviceManagement/importedWindowsAutopilotDeviceIdentities\",\"nth\":2,\
                  \"do\":\"throttle\",\"retry_after\":9}";
    assert_eq!(trial.send("POST", "/trial/faults", &[], script.as_bytes()).status, 204);
    let headers = json!({ "Content-Type": "application/json" });
    let part = |id: &str, serial: &str| json!({ "id": id, "method": "POST", "url": format!("/{IMPORTS}"), "headers": headers, "body": import(&device(serial)) });
    let mut hanging = json!({ "id": "4", "method": "GET", "url": "organization" });
    hanging["dependsOn"] = json!(["2"]);
    let body = json!({ "requests": [part("1", "A1"), part("2", "A2"), part("3", "A3"), hanging] });
    let answer = trial.graph(CUSTOMER, "POST", "$batch", &body);
    assert_eq!(answer.status, 200);
    let told = told(&answer);
    let mut found: Vec<(String, u64, Option<String>)> = told["responses"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|part| {
            let wait = part["headers"].get("Retry-After").map(|wait| text(wait).to_owned());
            (text(&part["id"]).to_owned(), part["status"].as_u64().expect("a status"), wait)
        })
        .collect();
    assert_eq!(found.first().map(|part| part.0.as_str()), Some("4"), "the order isn't the requests'");
    found.sort();
    let wait = Some("9".to_owned());
    let expected = [("1", 201, None), ("2", 429, wait), ("3", 201, None), ("4", 424, None)];
    assert_eq!(found, expected.map(|(id, status, wait)| (id.to_owned(), status, wait)));
}

#[test]
fn a_batch_that_is_none_is_refused() {
    let trial = Trial::new(open());
    let part = |id: usize| json!({ "id": id.to_string(), "method": "GET", "url": "/organization" });
    let twenty_one: Vec<Value> = (0..21).map(part).collect();
    for body in [
        json!({ "requests": twenty_one }),
        json!({ "requests": [part(1), part(1)] }),
        json!({ "requests": [] }),
        json!({ "requests": [{ "id": "1" }] }),
    ] {
        let answer = trial.graph(CUSTOMER, "POST", "$batch", &body);
        assert_eq!((answer.status, text(&told(&answer)["error"]["code"])), (400, "BadRequest"), "{body}");
    }
}

#[test]
fn an_error_has_the_documented_shape_and_names_its_request() {
    let trial = Trial::new(open());
    let headers = [("client-request-id", "e3f26e6a-044f-4371-ad52-0d91ce4200be")];
    let answer = trial.send("GET", "/v1.0/organization", &headers, b"");
    assert_eq!(answer.status, 401);
    let id = answer.header("request-id").expect("an ID").to_owned();
    assert_snapshot!(serde_json::to_string_pretty(&told(&answer)).expect("JSON").replace(&id, "[request]"), @r#"
    {
      "error": {
        "code": "InvalidAuthenticationToken",
        "innerError": {
          "client-request-id": "e3f26e6a-044f-4371-ad52-0d91ce4200be",
          "date": "2026-11-22T14:05:39",
          "request-id": "[request]"
        },
        "message": "Access token is empty."
      }
    }
    "#);
    let of_partner_center = trial.authorization(CUSTOMER, "https://api.partnercenter.microsoft.com");
    let refused = trial.send("GET", "/v1.0/organization", &[("Authorization", &of_partner_center)], b"");
    assert_eq!(refused.status, 401);
    let organization = trial.graph(CUSTOMER, "GET", "organization", &Value::Null);
    assert_eq!((organization.status, &told(&organization)["value"][0]["id"]), (200, &json!(CUSTOMER)));
}
