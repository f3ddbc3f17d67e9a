//! What became of imports.

use super::*;

const IMPORTS: &str = "GET /v1.0/deviceManagement/importedWindowsAutopilotDeviceIdentities";
const DEVICES: &str = "GET /v1.0/deviceManagement/windowsAutopilotDeviceIdentities";

#[tokio::test]
async fn every_state_is_understood() {
    let states = [
        imported("a", "import", "complete", 0, "None"),
        imported("b", "import", "error", 806, "ZtdDeviceAlreadyAssigned"),
        imported("c", "import", "error", 808, "ZtdDeviceAssignedToOtherTenant"),
        imported("d", "import", "error", 802, "InvalidZtdHardwareHash"),
        imported("e", "import", "error", 815, "Odd"),
        imported("f", "import", "pending", 15, "Device Error Name value"),
        imported("g", "import", "unknown", 0, ""),
        imported("h", "import", "complete", 808, ""),
        imported("i", "import", "error", 0, "StorageError"),
    ];
    let (script, client) = of_list([collection(&states)]);
    let asked = questions(&["a", "b", "c", "d", "e", "f", "g", "h", "i"], true);
    let told = client.inquire(&asked).await.expect("knowledge");
    let claimed = "device_claimed_by_another_organization";
    let expected = [
        "registered",
        "already",
        claimed,
        "hardware_hash_not_valid",
        "unexpected_error",
        "in 10 s",
        "in 10 s",
        claimed,
        "deferred",
    ];
    assert_eq!(ends(&told), expected);
    assert_eq!(paths(&script), [IMPORTS]);
}

#[tokio::test]
async fn imports_of_others_and_of_another_time_are_none_of_ours() {
    let mut without_id = imported("b", "", "complete", 0, "");
    without_id["hardwareIdentifier"] = json!("T0EAAA==");
    let mut another_capture = imported("c", "", "complete", 0, "");
    another_capture["hardwareIdentifier"] = json!("T0EBBB==");
    let states = [
        imported("a", "another", "error", 808, "ZtdDeviceAssignedToOtherTenant"),
        without_id,
        another_capture,
        imported("A", "import", "complete", 0, ""),
    ];
    let next = |url: &str, items: &[Value]| Reply::json(200, &json!({ "value": items, "@odata.nextLink": url }));
    let link = "/v1.0/deviceManagement/importedWindowsAutopilotDeviceIdentities?$skiptoken=2";
    let (script, client) = of_list([next(link, &states), collection(&[]), collection(&[]), collection(&[])]);
    let told = client.inquire(&questions(&["a", "b", "c"], false)).await.expect("knowledge");
    assert_eq!(ends(&told), ["unknown", "registered", "unknown"]);
    let filter = |serial: &str| format!("{DEVICES}?%24filter=contains%28serialNumber%2C%27{serial}%27%29");
    assert_eq!(paths(&script), [IMPORTS.to_owned(), format!("GET {link}"), filter("a"), filter("c")]);
}

#[tokio::test]
async fn what_is_not_among_the_imports_is_looked_for_among_the_devices() {
    let identity = |serial: &str, model: &str| json!({ "serialNumber": serial, "manufacturer": "Contoso", "model": model, "enrollmentState": "notContacted" });
    let found = [identity("ab", "Laptop"), identity("a", "Laptop")];
    let other_model = [identity("b", "Tablet")];
    for (taken, end) in [(true, "registered"), (false, "already")] {
        let (_script, client) = of_list([collection(&[]), collection(&found), collection(&other_model)]);
        let told = client.inquire(&questions(&["a", "b"], taken)).await.expect("knowledge");
        assert_eq!(ends(&told), [end, "unknown"]);
    }
    let partial = [imported("a", "import", "partial", 0, ""), imported("b", "import", "partial", 0, "")];
    let (_script, client) = of_list([collection(&partial), collection(&found), collection(&[])]);
    let told = client.inquire(&questions(&["a", "b"], true)).await.expect("knowledge");
    assert_eq!(ends(&told), ["registered", "in 60 s"]);
}

#[tokio::test]
async fn many_are_looked_for_in_the_whole_list() {
    let serials: Vec<String> = (0..30).map(|n| format!("S{n}")).collect();
    let serials: Vec<&str> = serials.iter().map(String::as_str).collect();
    let (script, client) = of_list([collection(&[]), collection(&[])]);
    let told = client.inquire(&questions(&serials, true)).await.expect("knowledge");
    assert!(told.iter().all(|one| *one == Knowledge::Unknown));
    assert_eq!(paths(&script), [IMPORTS, DEVICES]);
}

#[tokio::test]
async fn odd_serial_numbers_are_quoted() {
    let (script, client) = of_list([collection(&[]), collection(&[])]);
    client.inquire(&questions(&["O'N +&#1"], true)).await.expect("knowledge");
    let path = format!("{DEVICES}?%24filter=contains%28serialNumber%2C%27O%27%27N%20%2B%26%231%27%29");
    assert_eq!(paths(&script)[1], path);
}

#[tokio::test]
async fn no_list_leads_elsewhere_or_has_no_end() {
    let other = HttpScript::list([]).expect("a server");
    let away = Reply::json(200, &json!({ "value": [], "@odata.nextLink": other.url() }));
    let (_script, client) = of_list([away]);
    assert!(matches!(client.inquire(&questions(&["a"], true)).await, Err(Trouble::Unavailable(_))));
    assert_eq!(other.seen(), []);
    let again = || {
        let url = "/v1.0/deviceManagement/importedWindowsAutopilotDeviceIdentities";
        Reply::json(200, &json!({ "value": [], "@odata.nextLink": url }))
    };
    let (script, client) = of_list([again(), again(), again()]);
    assert!(matches!(client.inquire(&questions(&["a"], true)).await, Err(Trouble::Unavailable(_))));
    assert_eq!(script.seen().len(), 1);
}
