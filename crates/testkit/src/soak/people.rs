//! What people do meanwhile: they look in, record that devices were used, and try failed rows again.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::ground::Ground;
use crate::campaign::Chance;

/// Does one thing after another, at rests.
pub(super) fn at_work(ground: &Ground, customers: [&str; 3], mut chance: Chance) -> Result<()> {
    while ground.goes_on() {
        ground.rest(Duration::from_millis(ground.pause * 3));
        let customer = customers.get(usize::try_from(chance.below(3))?).context("a customer")?;
        let seen = ground.env.path("seen.csv");
        let seen = seen.to_str().context("UTF-8")?;
        let command: Vec<&str> = match chance.below(6) {
            0 => vec!["submissions", "--customer", customer, "--json"],
            1 => vec!["devices", "--customer", customer, "--state", "active"],
            2 => vec!["retry", "--customer", customer],
            3 => vec!["ledger", "checkpoint"],
            4 => {
                let mut text = "Manufacturer,Model,Serial Number,Last Seen\n".to_owned();
                for _ in 0..50 {
                    // Some were used lately, and some not for months.
                    let at = if chance.below(2) == 0 { "2026-01-01T00:00:00Z" } else { "2026-11-20T00:00:00Z" };
                    let device = chance.below(1_000).to_string();
                    text.extend(["SpiralOrbit,Book,", customer, "-", &device, ",", at, "\n"]);
                }
                fs::write(seen, text)?;
                vec!["registry", "check-in", "--from", seen]
            }
            _ => vec!["status", "--json"],
        };
        let _door = ground.at_the_door();
        if !ground.goes_on() {
            return Ok(());
        }
        let output = ground.env.run(&command)?;
        // A registrar that fails and devices that nobody registered yet are told of, too.
        ensure!(matches!(output.code, Some(0..=2)), "{command:?}: {output:?}");
    }
    Ok(())
}
