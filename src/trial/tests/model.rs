//! Random uploads, imports, waits and deletions, against a slow and obvious model of who has which device.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::registering::due;
use super::*;

const TENANTS: [&str; 2] = [CUSTOMER, OTHER];

#[derive(Debug, Clone)]
enum Deed {
    /// A batch of devices through Partner Center.
    Upload { tenant: usize, serials: Vec<u8> },
    /// The same through Graph, by their hashes.
    Import { tenant: usize, serials: Vec<u8> },
    /// Some seconds go by.
    Wait(u64),
    /// Whoever has the device gives it up.
    Release(u8),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let many = || (0..TENANTS.len(), prop::collection::vec(0_u8..8, 1..5));
    let deed = prop_oneof![
        3 => many().prop_map(|(tenant, serials)| Deed::Upload { tenant, serials }),
        2 => many().prop_map(|(tenant, serials)| Deed::Import { tenant, serials }),
        3 => (0_u64..10).prop_map(Deed::Wait),
        1 => (0_u8..8).prop_map(Deed::Release),
    ];
    prop::collection::vec(deed, 1..25)
}

/// Who has what, and what is still to be decided.
#[derive(Default)]
struct Model {
    holders: BTreeMap<u8, usize>,
    waiting: Vec<(Timestamp, usize, u8)>,
    registered: usize,
}

impl Model {
    fn ask(&mut self, now: Timestamp, tenant: usize, serials: &[u8]) {
        for (index, serial) in serials.iter().enumerate() {
            self.waiting.push((due(now, open().latency, index, serials.len()), tenant, *serial));
        }
    }

    /// Everything takes effect whose time has come, in the order of times, then of requests.
    fn settle(&mut self, now: Timestamp) {
        self.waiting.sort_by_key(|(at, ..)| *at);
        let (come, waiting) = self.waiting.iter().partition(|(at, ..)| *at <= now);
        self.waiting = waiting;
        let come: Vec<(Timestamp, usize, u8)> = come;
        for (_, tenant, serial) in come {
            if let std::collections::btree_map::Entry::Vacant(free) = self.holders.entry(serial) {
                free.insert(tenant);
                self.registered += 1;
            }
        }
    }
}

fn serial(number: u8) -> String {
    format!("S{number}")
}

fn release(trial: &Trial, tenant: &str, number: u8) {
    let path = "deviceManagement/windowsAutopilotDeviceIdentities";
    let list = told(&trial.graph(tenant, "GET", path, &Value::Null));
    let devices = list["value"].as_array().expect("a list").clone();
    let found = devices.iter().find(|device| text(&device["serialNumber"]) == serial(number)).expect("it is there");
    let answer = trial.graph(tenant, "DELETE", &format!("{path}/{}", text(&found["id"])), &Value::Null);
    assert_eq!(answer.status, 204);
}

fn play(deeds: &[Deed]) {
    let trial = Trial::new(open());
    let mut model = Model::default();
    for (number, deed) in deeds.iter().enumerate() {
        let now = trial.clock.now();
        match deed {
            Deed::Upload { tenant, serials } => {
                let devices: Vec<Device> = serials.iter().map(|number| device(&serial(*number))).collect();
                trial.upload(TENANTS[*tenant], &format!("batch {number}"), &devices);
                model.ask(now, *tenant, serials);
            }
            Deed::Import { tenant, serials } => {
                let imported = |number: &u8| json!({ "hardwareIdentifier": hash_of(&device(&serial(*number))) });
                let list: Vec<Value> = serials.iter().map(imported).collect();
                let body = json!({ "importedWindowsAutopilotDeviceIdentities": list });
                let path = "deviceManagement/importedWindowsAutopilotDeviceIdentities/import";
                assert_eq!(trial.graph(TENANTS[*tenant], "POST", path, &body).status, 200);
                model.ask(now, *tenant, serials);
            }
            Deed::Wait(seconds) => trial.clock.advance(Duration::from_secs(*seconds)),
            Deed::Release(number) => {
                model.settle(now);
                if let Some(tenant) = model.holders.remove(number) {
                    release(&trial, TENANTS[tenant], *number);
                }
            }
        }
    }
    trial.clock.advance(Duration::from_mins(1));
    model.settle(trial.clock.now());
    let journal = trial.journal();
    let held: Vec<(String, String)> = journal
        .iter()
        .filter(|line| line["releasedAt"].is_null())
        .map(|line| (text(&line["serialNumber"]).to_owned(), text(&line["tenantId"]).to_owned()))
        .collect();
    let holders: BTreeMap<String, String> = held.iter().cloned().collect();
    assert_eq!(held.len(), holders.len(), "a device is registered twice: {held:?}");
    let expected = model.holders.iter().map(|(number, tenant)| (serial(*number), TENANTS[*tenant].to_owned()));
    assert_eq!(holders, expected.collect());
    assert_eq!(journal.len(), model.registered);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn each_device_has_the_holder_that_came_first(deeds in deeds()) {
        play(&deeds);
    }
}
