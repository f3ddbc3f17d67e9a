//! Which changes of the configuration a running daemon can't take up.

use std::fmt::Debug;

use super::{Config, CustomersFrom, Source};

/// Why `new` can't come into force while the daemon runs, in sentences; none when it can.
pub fn reload_refusals(old: &Config, new: &Config) -> Vec<String> {
    let mut refusals = Vec::new();
    let mut fixed = |key: &str, old: &dyn Debug, new: &dyn Debug| {
        let (old, new) = (format!("{old:?}"), format!("{new:?}"));
        if old != new {
            refusals.push(format!("`{key}` changed from {old} to {new}: restart the daemon for that"));
        }
    };
    fixed("ledger.path", &old.ledger.path, &new.ledger.path);
    fixed("ledger.originals", &old.ledger.originals, &new.ledger.originals);
    fixed("ledger.signing_key_file", &old.ledger.signing_key_file, &new.ledger.signing_key_file);
    fixed("registrar.kind", &old.registrar.kind.code(), &new.registrar.kind.code());
    fixed("registrar.embedded.path", &old.registrar.embedded.path, &new.registrar.embedded.path);
    fixed("drop.root", &old.drop.root, &new.drop.root);
    fixed("drop.customers", &old.drop.customers, &new.drop.customers);
    fixed("web.listen", &old.web.listen, &new.web.listen);
    if source_path(old) != source_path(new) {
        refusals.push("it would come from another file than before: restart the daemon for that".to_owned());
    }
    for customer in old.customers.values() {
        let stays_a_folder = new.drop.customers == CustomersFrom::Folders
            && customer.folder == new.customer_defaults(&customer.key).folder;
        if !new.customers.contains_key(&customer.key) && !stays_a_folder {
            refusals.push(format!("the customer `{}` is gone: restart the daemon for that", customer.key));
        }
    }
    refusals
}

fn source_path(config: &Config) -> Option<&std::path::Path> {
    match &config.source {
        Source::Defaults => None,
        Source::File { path, .. } => Some(path),
    }
}
