//! Whether devices are used, as Graph tells it for each customer's tenant: who can't be asked hasn't been silent.

use anyhow::Result;
use devicedrop_core::device::Device;
use serde_json::json;

use crate::scene::{env, rows, start, stop, wait_for_rows};
use crate::services::{GRAPH, Over, graph, hash_of, tenant};

const CUSTOMERS: [&str; 2] = ["contoso", "fabrikam"];

fn device(customer: &str) -> Device {
    let serial_number = format!("{customer}-1");
    Device { manufacturer: "Contoso".to_owned(), model: "Book".to_owned(), serial_number }
}

#[test]
fn a_device_whose_tenant_cannot_be_asked_does_not_become_inactive_by_that() -> Result<()> {
    let over = Over::new(graph, GRAPH, &["--open", "--token-life", "2s"]);
    let trial = over.trial();
    let mut env = env()?;
    for (key, value) in [("kind", "graph".to_owned()), ("graph.base_url", trial.told("base_url"))] {
        env.set(&format!("registrar.{key}"), &format!("{value:?}"))?;
    }
    env.set("registrar.graph.client_id", &format!("{:?}", trial.told("client_id")))?
        .set("registrar.graph.credentials.secret", r#"{ environment = "TRIAL_SECRET" }"#)?
        .set("drop.customers", "\"configured\"")?
        .set("lifecycle.poll", "\"1s\"")?
        .set("lifecycle.inactive_after", "\"1h\"")?
        .set_variable("TRIAL_SECRET", &trial.told("client_secret"));
    for customer in CUSTOMERS {
        env.set(&format!("customers.{customer}.tenant_id"), &format!("{:?}", tenant(&customer.parse()?)))?;
    }
    let mut daemon = start(&env)?;
    for customer in CUSTOMERS {
        let Device { manufacturer, model, serial_number } = device(customer);
        let row = format!("{manufacturer},{model},{serial_number},{}", hash_of(&device(customer)));
        let text = format!("Manufacturer,Model,Serial Number,Hardware Hash\n{row}\n");
        env.drop_file(customer, "a.csv", text)?;
    }
    let states = "SELECT customer, state FROM audit_devices ORDER BY 1";
    wait_for_rows(&env, &mut daemon, states, &["contoso|ready_for_user", "fabrikam|ready_for_user"])?;
    for customer in CUSTOMERS {
        let Device { manufacturer, model, serial_number } = device(customer);
        let used = json!({ "manufacturer": manufacturer, "model": model, "serialNumber": serial_number });
        assert_eq!(trial.post("check-in", &used), 204);
    }
    wait_for_rows(&env, &mut daemon, states, &["contoso|active", "fabrikam|active"])?;
    // From now on there is no token for the one.
    let path = format!("/{}/oauth2/**", tenant(&CUSTOMERS[0].parse()?));
    assert_eq!(trial.post("faults", &json!({ "path": path, "times": 0, "do": "error-before" })), 204);
    daemon.wait_until("word of it", || {
        let problems = env.run(&["status", "--problems"])?;
        let told = problems.stdout.starts_with("! contoso: whether its devices are used can't be asked: ");
        Ok(told.then_some(()))
    })?;
    env.set("lifecycle.inactive_after", "\"1s\"")?;
    daemon.signal("HUP")?;
    wait_for_rows(&env, &mut daemon, states, &["contoso|active", "fabrikam|inactive"])?;
    let uses = "SELECT count(*) FROM audit_transitions WHERE cause = 'activity'";
    assert_eq!(rows(&env, uses)?, ["3"]);
    stop(daemon)
}
