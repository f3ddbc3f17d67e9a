//! Whatever the service answers: nothing panics, and nothing is registered that it doesn't say.

use proptest::prelude::*;

use super::*;

/// JSON that looks like an answer, with anything in any place.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        prop_oneof![
            Just("complete"),
            Just("error"),
            Just("partial"),
            Just("pending"),
            Just("a"),
            Just("import"),
            Just(""),
        ]
        .prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let name = prop_oneof![
            Just("value"),
            Just("state"),
            Just("serialNumber"),
            Just("importId"),
            Just("deviceImportStatus"),
            Just("deviceErrorCode"),
            Just("deviceErrorName"),
            Just("@odata.nextLink"),
        ];
        let name = name.prop_map(str::to_owned);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::hash_map(name, inner, 0..6).prop_map(|map| json!(map)),
        ]
    })
}

/// Whether the service says somewhere that the import of `a` is complete.
fn says_registered(body: &Value) -> bool {
    let is_done =
        |one: &Value| one["serialNumber"] == json!("a") && one["state"]["deviceImportStatus"] == json!("complete");
    body["value"].as_array().is_some_and(|items| items.iter().any(is_done))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_answer_registers_what_it_does_not_say(body in any_json(), status in prop_oneof![Just(200_u16), 200..600_u16]) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (told, answers) = runtime.block_on(async {
            let script = HttpScript::by({
                let body = body.clone();
                move |seen| {
                    let is_import = seen.target.contains("importedWindows");
                    if is_import { Reply::json(status, &body) } else { collection(&[]) }
                }
            });
            let script = script.expect("a server");
            let client = client(&script.url());
            (client.inquire(&questions(&["a", "b"], true)).await, register(&client, &["a", "b"]).await)
        });
        let told = told.map(|told| ends(&told)).unwrap_or_default();
        let answers = answers.map(|answers| all_short(&answers)).unwrap_or_default();
        let registered = told.iter().chain(&answers).any(|end| end == "registered");
        prop_assert!(!registered || (status < 300 && says_registered(&body)), "{told:?} {answers:?}");
    }
}
