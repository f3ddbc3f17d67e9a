//! Whatever the service answers: nothing panics, and nothing is registered that it doesn't say.

use proptest::prelude::*;

use super::super::wire::{Page, Upload};
use super::*;

/// JSON that looks like an answer, with anything in any place.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        prop_oneof![
            Just("finished"),
            Just("finished_with_errors"),
            Just("in-progress"),
            Just("a"),
            Just("806"),
            Just("808"),
            Just("ZtdDeviceAlreadyAssigned"),
            Just(""),
        ]
        .prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let name = prop_oneof![
            Just("status"),
            Just("devicesStatus"),
            Just("serialNumber"),
            Just("errorCode"),
            Just("errorDescription"),
            Just("items"),
            Just("continuationToken"),
            Just("id"),
            Just("code"),
            Just("message"),
            Just("Status"),
        ];
        let name = name.prop_map(str::to_owned);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            proptest::collection::hash_map(name, inner, 0..6).prop_map(|map| json!(map)),
        ]
    })
}

/// Whether the service says somewhere that the device `a` is done, without an error.
fn says_registered(body: &serde_json::Value) -> bool {
    let name = |object: &serde_json::Map<String, serde_json::Value>, names: [&str; 2]| {
        names.into_iter().find_map(|name| object.get(name)).cloned().unwrap_or_default()
    };
    let devices = name(body.as_object().unwrap_or(&serde_json::Map::new()), ["devicesStatus", "DevicesStatus"]);
    let is_done = |device: &serde_json::Value| {
        let Some(device) = device.as_object() else { return false };
        name(device, ["serialNumber", "SerialNumber"]) == json!("a")
            && name(device, ["status", "Status"]) == json!("finished")
    };
    devices.as_array().is_some_and(|devices| devices.iter().any(is_done))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_answer_registers_what_it_does_not_say(body in any_json(), status in prop_oneof![Just(200_u16), 200..600_u16]) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let told = runtime.block_on(async {
            let script = HttpScript::by({
                let body = body.clone();
                move |seen| {
                    let is_status = seen.target.contains("batchJobStatus");
                    if is_status { Reply::json(status, &body) } else { no_batches() }
                }
            });
            let script = script.expect("a server");
            followed(&client(&script.url()), &["a", "b"]).await
        });
        let registered = told.iter().flatten().any(|one| {
            matches!(one, Knowledge::Answered(Answer { verdict: Verdict::Registered { .. }, .. }))
        });
        prop_assert!(!registered || (status < 300 && says_registered(&body)), "{told:?}");
    }

    #[test]
    fn no_answer_to_an_upload_registers_a_device(body in any_json(), status in 200..600_u16) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let answers = runtime.block_on(async {
            let (_script, client) = of_list([no_batches(), Reply::json(status, &body)]);
            register(&client, &["a"]).await
        });
        let registered = answers.iter().flatten().any(|answer| {
            matches!(answer.verdict, Verdict::Registered { .. } | Verdict::AlreadyRegistered | Verdict::Accepted { .. })
        });
        prop_assert!(!registered, "{answers:?}");
    }

    #[test]
    fn no_bytes_bring_the_readers_down(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        drop(serde_json::from_slice::<Page>(&bytes));
        drop(serde_json::from_slice::<Upload>(&bytes).map(Upload::devices));
    }
}
