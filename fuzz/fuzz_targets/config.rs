//! Any bytes as a configuration: checked values, or errors that say where and what.
#![no_main]

use std::path::Path;

use devicedrop::config::{Config, ConfigError, Places, parse};
use devicedrop_core::ids::CustomerKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let path = Path::new("/nowhere/devicedrop.toml");
    let places = Places::below(Path::new("/nowhere"));
    match parse(path, data, &places) {
        Ok(config) => checked(&config),
        Err(error) => told(&error, data),
    }
});

fn checked(config: &Config) {
    let drop = &config.drop;
    for time in [drop.settle, drop.settle_open, drop.settle_unsure, drop.rescan, config.lifecycle.poll] {
        assert!(!time.is_zero());
    }
    assert!(drop.root.is_absolute() && config.ledger.path.is_absolute() && config.ledger.originals.is_absolute());
    for (key, settings) in &config.customers {
        assert_eq!(CustomerKey::parse(key.as_str()).as_ref(), Ok(key));
        assert_eq!(config.customer(key).as_ref(), Some(settings));
        assert!(settings.folder.is_absolute() && !settings.formats.is_empty());
        assert!(settings.columns.values().all(|heading| !heading.trim().is_empty()));
    }
    let folded: std::collections::BTreeSet<String> = config.customers.keys().map(CustomerKey::folded).collect();
    assert_eq!(folded.len(), config.customers.len(), "two keys that differ in case alone");
}

fn told(error: &ConfigError, data: &[u8]) {
    assert!(!error.to_string().is_empty());
    let ConfigError::Invalid { problems, .. } = error else { return };
    assert!(!problems.is_empty(), "refused without a reason");
    let lines = data.iter().filter(|byte| **byte == b'\n').count() + 1;
    for problem in problems {
        assert!(!problem.what.is_empty());
        assert!(problem.line.is_none_or(|line| (1..=lines).contains(&line)), "{problem} of {lines} lines");
    }
}
