//! Which changes of the configuration a running daemon can't take up.

use std::fmt::Debug;

use super::{Config, CustomersFrom, RegistrarKind, ServiceSettings, Source};

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
    for (section, old, new) in services(old, new) {
        let key = |name: &str| format!("registrar.{section}.{name}");
        fixed(&key("base_url"), &old.base_url, &new.base_url);
        fixed(&key("login_url"), &old.login_url, &new.login_url);
        fixed(&key("tenant_id"), &old.tenant_id.as_deref().unwrap_or(""), &new.tenant_id.as_deref().unwrap_or(""));
        fixed(&key("client_id"), &old.client_id, &new.client_id);
    }
    fixed("drop.root", &old.drop.root, &new.drop.root);
    fixed("drop.customers", &old.drop.customers, &new.drop.customers);
    fixed("web.listen", &old.web.listen, &new.web.listen);
    for (section, old, new) in services(old, new) {
        if old.credentials != new.credentials {
            // The places of secrets aren't for every log.
            refusals.push(format!("`registrar.{section}.credentials` changed: restart the daemon for that"));
        }
    }
    let has_graph = |config: &Config| config.registrar.graph.is_some();
    if old.registrar.kind == new.registrar.kind && has_graph(old) != has_graph(new) {
        refusals.push("the section `registrar.graph` came or went: restart the daemon for that".to_owned());
    }
    if source_path(old) != source_path(new) {
        refusals.push("it would come from another file than before: restart the daemon for that".to_owned());
    }
    for customer in old.customers.values() {
        let stays_a_folder = new.drop.customers == CustomersFrom::Folders
            && customer.folder == new.customer_defaults(&customer.key).folder;
        let Some(after) = new.customers.get(&customer.key) else {
            if !stays_a_folder {
                refusals.push(format!("the customer `{}` is gone: restart the daemon for that", customer.key));
            }
            continue;
        };
        // The same device at another tenant is another device.
        if old.registrar.kind != RegistrarKind::Embedded && customer.tenant_id != after.tenant_id {
            refusals.push(format!("the customer `{}` has another tenant: restart the daemon for that", customer.key));
        }
    }
    refusals
}

/// The services that both configurations name, with their sections.
fn services<'a>(
    old: &'a Config,
    new: &'a Config,
) -> impl Iterator<Item = (&'static str, &'a ServiceSettings, &'a ServiceSettings)> {
    let (old, new) = (&old.registrar, &new.registrar);
    let pairs = [("partner_center", &old.partner_center, &new.partner_center), ("graph", &old.graph, &new.graph)];
    pairs.into_iter().filter_map(|(section, old, new)| Some((section, old.as_ref()?, new.as_ref()?)))
}

fn source_path(config: &Config) -> Option<&std::path::Path> {
    match &config.source {
        Source::Defaults => None,
        Source::File { path, .. } => Some(path),
    }
}
