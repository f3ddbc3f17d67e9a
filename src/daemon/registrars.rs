//! Makes the registrar that the configuration names. The one place that knows all of them.

use std::sync::Arc;

use devicedrop_core::device::Device;
use devicedrop_core::oa3;
use devicedrop_core::registrar::HashMismatch;
use reqwest::Url;

use crate::clock::Clock;
use crate::config::{Config, InForce, InventoryRule, RegistrarKind, ServiceSettings};
use crate::registrar::{Both, Customers, Registrar, TenantOf};

use crate::registrar::credentials::Tokens;
use crate::registrar::embedded::{Embedded, Inventory, Settings};
use crate::registrar::graph::{self, Graph};
use crate::registrar::http::Http;
use crate::registrar::partner_center::{self, PartnerCenter};

use super::start::{GivenRegistrar, StartError, private_folder};

/// The registrar that the configuration names; and the embedded one, if it is that, for its inventory.
pub(super) fn registrar_of(config: &InForce, clock: &Arc<dyn Clock>) -> Result<GivenRegistrar, StartError> {
    let now = config.get();
    let registrar: Arc<dyn Registrar> = match now.registrar.kind {
        RegistrarKind::Embedded => {
            let embedded = embedded_of(&now, clock)?;
            return Ok((Arc::<Embedded>::clone(&embedded), Some(embedded)));
        }
        RegistrarKind::PartnerCenter => {
            let partner_center = partner_center_of(config, needed(now.registrar.partner_center.as_ref())?, clock)?;
            match &now.registrar.graph {
                None => partner_center,
                Some(settings) => {
                    Arc::new(Both { registering: partner_center, uses: graph_of(config, settings, clock)? })
                }
            }
        }
        RegistrarKind::Graph => graph_of(config, needed(now.registrar.graph.as_ref())?, clock)?,
    };
    Ok((registrar, None))
}

/// The embedded registrar.
pub fn embedded_of(config: &Config, clock: &Arc<dyn Clock>) -> Result<Arc<Embedded>, StartError> {
    let settings = &config.registrar.embedded;
    if let Some(folder) = settings.path.parent() {
        private_folder(folder)?;
    }
    let now = Arc::clone(clock);
    let registry = Embedded::open(Settings {
        path: settings.path.clone(),
        inventory: match settings.inventory {
            InventoryRule::Required => Inventory::Required,
            InventoryRule::Open => Inventory::Open,
        },
        hash_check,
        now: Arc::new(move || now.now()),
    })?;
    Ok(Arc::new(registry))
}

/// Judges a hardware hash and compares it with its row.
fn hash_check(hash: &str, device: &Device) -> Result<Option<HashMismatch>, String> {
    match oa3::check(hash) {
        Ok(valid) => Ok(oa3::cross_check(&valid, device)),
        Err(problem) => Err(problem.to_string()),
    }
}

fn partner_center_of(
    config: &InForce,
    settings: &ServiceSettings,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn Registrar>, StartError> {
    let Parts { base_url, tokens, http } = parts(RegistrarKind::PartnerCenter, settings, clock)?;
    Ok(Arc::new(PartnerCenter::new(partner_center::Settings {
        base_url,
        tenant_id: settings.tenant_id.clone().unwrap_or_default(),
        tokens,
        http,
        tenant_of: tenant_of(config),
        clock: Arc::clone(clock),
        first_look: partner_center::FIRST_LOOK,
    })))
}

fn graph_of(
    config: &InForce,
    settings: &ServiceSettings,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn Registrar>, StartError> {
    let Parts { base_url, tokens, http } = parts(RegistrarKind::Graph, settings, clock)?;
    Ok(Arc::new(Graph::new(graph::Settings {
        base_url,
        tokens,
        http,
        tenant_of: tenant_of(config),
        customers: customers(config),
        clock: Arc::clone(clock),
        first_look: graph::FIRST_LOOK,
    })))
}

/// What every service elsewhere is made of.
struct Parts {
    base_url: Url,
    tokens: Tokens,
    http: Http,
}

fn parts(kind: RegistrarKind, settings: &ServiceSettings, clock: &Arc<dyn Clock>) -> Result<Parts, StartError> {
    let service = |why: String| StartError::Service { kind: kind.code(), why };
    let base_url = Url::parse(&settings.base_url).map_err(|error| service(error.to_string()))?;
    let http = Http::new().map_err(|error| service(error.to_string()))?;
    let tokens = Tokens::new(kind, settings, http.clone(), Arc::clone(clock));
    Ok(Parts { base_url, tokens, http })
}

/// A configuration whose registrar lacks its section isn't read.
fn needed(settings: Option<&ServiceSettings>) -> Result<&ServiceSettings, StartError> {
    let why = || "its section is missing in the configuration".to_owned();
    settings.ok_or_else(|| StartError::Service { kind: "that the configuration names", why: why() })
}

/// The tenants of customers, of those too that come later.
fn tenant_of(config: &InForce) -> TenantOf {
    let config = config.clone();
    Arc::new(move |customer| config.get().customer(customer)?.tenant_id)
}

fn customers(config: &InForce) -> Customers {
    let config = config.clone();
    Arc::new(move || config.get().customers.keys().cloned().collect())
}
