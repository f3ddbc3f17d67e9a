//! Uses of devices.

use devicedrop_core::registrar::Activity;

use super::*;

fn managed(id: &str, serial: &str, at: &str) -> Value {
    json!({ "id": id, "serialNumber": serial, "manufacturer": "Contoso", "model": "Laptop", "lastSyncDateTime": at })
}

fn identity(serial: &str, state: &str, at: &str, managed: &str) -> Value {
    json!({
        "serialNumber": serial, "manufacturer": "Contoso", "model": "Laptop", "enrollmentState": state,
        "lastContactedDateTime": at, "managedDeviceId": managed,
    })
}

fn serials(uses: &[Activity]) -> Vec<(&str, &str, String)> {
    let one = |one: &Activity| one.last_seen.to_string();
    uses.iter().map(|use_| (use_.customer.as_str(), use_.device.serial_number.as_str(), one(use_))).collect()
}

#[tokio::test]
async fn uses_are_those_of_enrolled_devices_of_all_tenants() {
    let never = "0001-01-01T00:00:00Z";
    let script = HttpScript::by(move |seen| {
        let items = match (seen.header("Authorization"), seen.target.ends_with("managedDevices")) {
            (Some("Bearer for-fabrikam-tenant"), true) => {
                vec![managed("1", "synced", "2026-11-20T10:00:00Z"), managed("2", "never", never)]
            }
            (Some("Bearer for-fabrikam-tenant"), false) => vec![
                identity("synced", "enrolled", "2026-11-20T09:00:00Z", "1"),
                identity("contacted", "enrolled", "2026-11-20T08:00:00Z", ""),
                identity("fresh", "notContacted", "2026-11-20T08:00:00Z", ""),
                identity("never", "enrolled", never, "2"),
                json!({ "serialNumber": 7 }),
            ],
            (_, true) => vec![managed("3", "other", "2026-11-20T07:00:00+01:00")],
            (_, false) => Vec::new(),
        };
        collection(&items)
    });
    let script = script.expect("a server");
    let client = client(&script.url());
    let (uses, cursor) = client.activity(0, 2).await.expect("uses");
    let expected = [
        ("tailspin", "other", "2026-11-20T06:00:00.000Z".to_owned()),
        ("fabrikam", "contacted", "2026-11-20T08:00:00.000Z".to_owned()),
    ];
    assert_eq!(serials(&uses), expected);
    let asked = script.seen().len();
    let (uses, cursor) = client.activity(cursor, 2).await.expect("uses");
    assert_eq!(serials(&uses), [("fabrikam", "synced", "2026-11-20T10:00:00.000Z".to_owned())]);
    assert_eq!((script.seen().len(), asked), (4, 4), "the second page was there already");
    assert_eq!(client.activity(cursor, 2).await.expect("uses"), (Vec::new(), cursor));
    let (anew, _) = client.activity(cursor + 1_000, 10).await.expect("uses");
    assert_eq!(anew.len(), 3, "a cursor that nobody gave begins anew");
}

#[tokio::test]
async fn one_tenants_trouble_is_not_the_others() {
    let script = HttpScript::by(|seen| {
        if seen.header("Authorization") == Some("Bearer for-fabrikam-tenant") {
            Reply::empty(403)
        } else {
            collection(&[managed("3", "other", "2026-11-20T07:00:00Z")])
        }
    });
    let script = script.expect("a server");
    let asking = client(&script.url());
    let (uses, _) = asking.activity(0, 10).await.expect("uses");
    assert_eq!(uses.len(), 1);
    let unheard = asking.unheard();
    assert!(unheard.len() == 1 && unheard[0].0.as_str() == "fabrikam", "{unheard:?}");
    let script = HttpScript::by(|_| Reply::empty(403)).expect("a server");
    assert!(matches!(client(&script.url()).activity(0, 10).await, Err(Trouble::Broken(_))));
}
