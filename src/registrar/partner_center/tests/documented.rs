//! The examples of the documentation, byte for byte.

use devicedrop_core::state::ErrorCode;

use super::super::wire::{Batch, Listed, NewBatch, NewDevice, Page, Upload, each};
use super::*;

#[test]
fn the_documented_request_has_what_ours_has() {
    let documented: serde_json::Value =
        serde_json::from_str(include_str!("recorded/create.json")).expect("the example");
    let mut row = request(1, "1R9-ZNP67");
    row.hardware_hash = Some("DummyHash123".to_owned());
    let ours = serde_json::to_value(NewBatch::of("SDKTestDeviceBatch", vec![NewDevice::of(&row)])).expect("ours");
    // The manufacturer and the model are documented beside it, as `oemManufacturerName` and `modelName`.
    let (ours_device, their_device) = (&ours["Devices"][0], &documented["Devices"][0]);
    for (name, value) in ours_device.as_object().expect("an object") {
        if !["OemManufacturerName", "ModelName"].contains(&name.as_str()) {
            assert_eq!(value, &their_device[name], "{name}");
        }
    }
    assert_eq!((&ours["BatchId"], &ours["Attributes"]), (&documented["BatchId"], &documented["Attributes"]));
    assert!(ours_device["Policies"].is_null(), "never an empty list");
}

#[tokio::test]
async fn the_documented_answers_are_understood() {
    let accepted = include_str!("recorded/accepted.http").replace('\n', "\r\n") + "\r\n";
    let status = include_bytes!("recorded/status.json").to_vec();
    let status = Reply::Answer { status: 200, headers: Vec::new(), body: status };
    let (_script, client) = of_list([no_batches(), Reply::Raw(accepted.into_bytes()), status]);
    let answers = register(&client, &["1234567890"]).await.expect("answers");
    let Verdict::Accepted { tracking_id, .. } = verdict(&answers) else { panic!("{answers:?}") };
    assert_eq!(tracking_id, JOB);
    assert_eq!(answers[0].request_id.as_deref(), Some("cb82f7d6-f0d9-44d4-82f9-f6eee6e68390"));
    let told = followed(&client, &["1234567890"]).await.expect("knowledge");
    let [Knowledge::Answered(Answer { verdict: Verdict::Refused { error, .. }, .. })] = told.as_slice() else {
        panic!("finished as a whole, and its only device failed: {told:?}")
    };
    assert_eq!(*error, ErrorCode::DeviceClaimedByAnotherOrganization);
}

#[test]
fn the_documented_lists_are_read() {
    let page = |text| serde_json::from_str::<Page>(text);
    let batches: Vec<Batch> = each(page(include_str!("recorded/batches.json")).expect("a page").items);
    assert_eq!(batches.iter().map(|batch| batch.id.as_str()).collect::<Vec<_>>(), ["Test batch"]);
    let devices: Vec<Listed> = each(page(include_str!("recorded/devices.json")).expect("a page").items);
    let devices: Vec<Device> = devices.into_iter().filter_map(Listed::device).collect();
    assert_eq!(devices[0], request(1, "2R9-ZNP67").device);
    assert_eq!((devices[1].manufacturer.as_str(), devices.len()), ("Hewlett-Packard", 2));
    assert!(page(include_str!("recorded/devices-2017.json")).is_err(), "that one is no JSON");
    let upload: Upload = serde_json::from_str(include_str!("recorded/status.json")).expect("an upload");
    assert!(upload.is_done());
}
