//! Microsoft Graph: devices are registered with Windows Autopilot by their hardware hashes, in each customer's own
//! tenant, and Intune tells when they were used.
//!
//! An import has an ID of ours, which is its tracking ID and on record before it is sent: it is found again by that in
//! the tenant's list of imports, whether its answer came or not. Nothing is kept here that matters. How Graph is used,
//! with each limit and its source, is in `docs/registrars.md`.

mod import;
mod progress;
mod uses;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::registrar::{Activity, Answer, CallIds, Capacity, Knowledge, Question, Rate, Request, Trouble};
use reqwest::Url;

use super::credentials::Tokens;
use super::http::{HeaderMap, HeaderValue, Http, Received};
use super::service::{Customers, Service, TenantOf, put};
use super::suspects::Suspects;
use super::{Answering, Registrar};
use crate::clock::Clock;
use uses::Uses;

/// Devices in one import. Microsoft's own import takes 500 in one CSV ("Manually register devices with Windows
/// Autopilot"), which goes up in parts. For one request no limit is documented; a hundred hashes of 4,000 characters are
/// 400 kB.
const BATCH: usize = 100;

/// Calls at the same time.
const CONCURRENCY: usize = 2;

/// What may be sent: "100 requests per 20 seconds per app per tenant" for anything that changes something (Graph's
/// throttling limits, Intune enrollment service). Imports aren't named there; they are taken to be among them.
const RATE: Rate = Rate { calls: 100, per: Duration::from_secs(20) };

/// The time after which an import is first asked about. Community scripts ask every 15 s and were throttled ("Too many
/// retries performed", say users of WindowsAutopilotInfo); the time doubles.
pub const FIRST_LOOK: Duration = Duration::from_secs(5);

/// The longest time between two questions.
const LONGEST_LOOK: Duration = Duration::from_mins(1);

/// Pages of a list that are read at most.
const PAGES: usize = 1_000;

/// So many imports are remembered.
const REMEMBERED: usize = 10_000;

/// What the client is made with.
#[derive(Clone)]
pub struct Settings {
    /// The service, without a version: `https://graph.microsoft.com`, or the one for trials.
    pub base_url: Url,
    /// Gives tokens, for each customer's tenant.
    pub tokens: Tokens,
    /// Carries requests.
    pub http: Http,
    /// Tells the tenants of customers.
    pub tenant_of: TenantOf,
    /// Tells whose devices' uses are asked for.
    pub customers: Customers,
    /// Tells the time, and makes IDs.
    pub clock: Arc<dyn Clock>,
    /// The time after which one of our imports is first asked about: [`FIRST_LOOK`] but in tests.
    pub first_look: Duration,
}

/// The client.
pub struct Graph {
    service: Service,
    tenant_of: TenantOf,
    customers: Customers,
    suspects: Suspects,
    first_look: Duration,
    /// How often each import was asked about.
    looks: Mutex<HashMap<String, u32>>,
    uses: tokio::sync::Mutex<Uses>,
    /// Whose tenants couldn't be asked for uses the last time, and why.
    unheard: Mutex<Vec<(CustomerKey, String)>>,
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Graph").field("service", &self.service).finish_non_exhaustive()
    }
}

impl Graph {
    /// A client.
    pub fn new(settings: Settings) -> Self {
        let Settings { base_url, tokens, http, tenant_of, customers, clock, first_look } = settings;
        let service = Service::new("Microsoft Graph", base_url, http, tokens, clock);
        let (looks, uses, unheard) = (Mutex::default(), tokio::sync::Mutex::default(), Mutex::default());
        Self { service, tenant_of, customers, suspects: Suspects::default(), first_look, looks, uses, unheard }
    }

    fn looks(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address of one of the collections below `deviceManagement`.
    fn collection(&self, path: &[&str]) -> Url {
        self.service.url(&[&["v1.0", "deviceManagement"], path].concat())
    }

    /// All of a collection, page by page. Ends at the first item that `enough` takes.
    async fn list<T: for<'de> serde::Deserialize<'de>>(
        &self,
        tenant: &str,
        mut url: Url,
        mut enough: impl FnMut(T) -> bool,
    ) -> Result<(), Trouble> {
        for _ in 0..PAGES {
            let headers = headers(&self.service.clock.new_guid());
            let Some(received) = self.service.get(tenant, url.clone(), headers).await? else {
                return Err(Trouble::Unavailable(format!(
                    "Microsoft Graph has no {}: look at `base_url`, and whether the tenant has Intune",
                    url.path()
                )));
            };
            let page: wire::Collection = self.service.read(&received)?;
            if wire::each(page.value).into_iter().any(&mut enough) {
                return Ok(());
            }
            let Some(next) = page.next else { return Ok(()) };
            let next = url.join(&next).ok().filter(|next| next.origin() == self.service.base.origin());
            match next {
                // Our token goes nowhere that an answer says.
                None => {
                    return Err(Trouble::Unavailable("Microsoft Graph's list leads to another service".to_owned()));
                }
                Some(next) if next == url => break,
                Some(next) => url = next,
            }
        }
        Err(Trouble::Unavailable("Microsoft Graph's list has no end".to_owned()))
    }
}

/// The headers that every request has. Graph writes the client's ID into its own record.
fn headers(client_request_id: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("accept", HeaderValue::from_static("application/json"));
    headers.insert("return-client-request-id", HeaderValue::from_static("true"));
    put(&mut headers, "client-request-id", client_request_id);
    headers
}

/// The service's own ID of a request, for its support.
fn request_id(received: &Received) -> Option<String> {
    received.header("request-id").map(|id| id.chars().take(200).collect())
}

impl Registrar for Graph {
    fn kind(&self) -> &'static str {
        "graph"
    }

    fn target(&self) -> &str {
        self.service.base.as_str().trim_end_matches('/')
    }

    fn target_of(&self, customer: &CustomerKey) -> String {
        self.service.target((self.tenant_of)(customer).as_deref())
    }

    fn capacity(&self) -> Capacity {
        // A device that the tenant has is refused with 806, so a second import of it does nothing.
        Capacity {
            batch: self.suspects.batch(BATCH),
            concurrency: CONCURRENCY,
            idempotent: true,
            // What became of a device is told by its serial number.
            distinct_serials: true,
            rate: Some(RATE),
        }
    }

    fn takes_ids(&self) -> bool {
        true
    }

    fn mended(&self) {
        self.service.tokens.mended();
    }

    fn register(&self, ids: CallIds, requests: Vec<Request>) -> Answering<'_, Result<Vec<Answer>, Trouble>> {
        Box::pin(async move { self.import(&ids, &requests).await })
    }

    fn inquire<'a>(&'a self, questions: &'a [Question]) -> Answering<'a, Result<Vec<Knowledge>, Trouble>> {
        Box::pin(self.what_became(questions))
    }

    fn activity(&self, after: u64, limit: usize) -> Answering<'_, Result<(Vec<Activity>, u64), Trouble>> {
        Box::pin(self.uses(after, limit))
    }

    fn unheard(&self) -> Vec<(CustomerKey, String)> {
        self.unheard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
