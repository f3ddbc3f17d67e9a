//! Random histories against a slow, obvious model of the registry.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Import(u8),
    /// Customer, device, key.
    Register(Vec<(u8, u8, u8)>),
    Release(u8),
    Reopen,
}

#[derive(Default)]
struct Model {
    inventory: HashSet<u8>,
    /// Customer and key by device.
    claims: HashMap<u8, (u8, u8)>,
}

impl Model {
    fn register(&mut self, who: u8, device: u8, key: u8) -> Verdict {
        match self.claims.get(&device) {
            Some(holder) if *holder == (who, key) => REGISTERED,
            Some((holder, _)) if *holder == who => Verdict::AlreadyRegistered,
            Some(_) => refused(ErrorCode::DeviceClaimedByAnotherOrganization),
            None if !self.inventory.contains(&device) => refused(ErrorCode::DeviceNotFound),
            None => {
                self.claims.insert(device, (who, key));
                REGISTERED
            }
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let row = (0..3_u8, 0..6_u8, 0..4_u8);
    let step = prop_oneof![
        2 => (0..6_u8).prop_map(Step::Import),
        4 => proptest::collection::vec(row, 1..6).prop_map(Step::Register),
        2 => (0..6_u8).prop_map(Step::Release),
        1 => Just(Step::Reopen),
    ];
    proptest::collection::vec(step, 1..25)
}

fn row(who: u8, device: u8, key: u8) -> Request {
    request(&format!("customer {who}"), &format!("device {device}"), &format!("key {key}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn answers_as_the_model_does(steps in steps()) {
        let mut bench = Bench::new(Inventory::Required);
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Import(number) => {
                    bench.stock(&[&format!("device {number}")]);
                    model.inventory.insert(number);
                }
                Step::Register(rows) => {
                    let requests: Vec<_> = rows.iter().map(|(who, device, key)| row(*who, *device, *key)).collect();
                    let expected: Vec<_> =
                        rows.iter().map(|(who, device, key)| model.register(*who, *device, *key)).collect();
                    prop_assert_eq!(bench.try_register(&requests).unwrap(), expected);
                }
                Step::Release(number) => {
                    let released = bench.registry().release(&device(&format!("device {number}")), "model");
                    let expected = model.claims.remove(&number).map(|(who, _)| customer(&format!("customer {who}")));
                    prop_assert_eq!(released.ok().map(|released| released.customer), expected);
                }
                Step::Reopen => bench.reopen(Inventory::Required),
            }
        }
        for (device, (who, key)) in &model.claims {
            let told = bench.try_inquire(&row(*who, *device, *key)).unwrap();
            prop_assert!(matches!(told.as_slice(), [Knowledge::Answered(_)]), "{:?}", told);
        }
    }
}
