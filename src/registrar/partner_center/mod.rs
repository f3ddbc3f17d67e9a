//! Partner Center: devices are registered by manufacturer, model and serial number, in batches, for the tenants of the
//! partner's customers.
//!
//! An upload is answered with a tracking ID, and what became of its devices is asked for by that. Nothing is kept here
//! that matters: which batches are there and how often an upload was asked about are remembered for politeness alone.
//! How it is used, with each limit and its source, is in `docs/registrars.md`.

mod batch_name;
mod location;
mod status;
mod upload;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::registrar::{
    Activity, Answer, CallIds, Capacity, Knowledge, Origin, Question, Request, Trouble,
};
use reqwest::Url;

use super::credentials::Tokens;
use super::http::{HeaderMap, HeaderValue, Http, Received};
use super::service::{Service, TenantOf, put};
use super::suspects::Suspects;
use super::{Answering, Registrar};
use crate::clock::Clock;
use batch_name::batch_name;

/// Devices in one upload. No limit is documented; 500 is what Microsoft allows in one CSV of its own import ("Manually
/// register devices with Windows Autopilot"), and with hardware hashes that is some two megabytes.
const BATCH: usize = 500;

/// Calls at the same time. The guidance on throttling asks to "avoid immediate retries" and bursts, and doesn't name
/// a number for devices.
const CONCURRENCY: usize = 4;

/// The time after which an upload is first asked about. Microsoft's PowerShell module asks every 5 s, without end; the
/// guidance on throttling discourages "continuously polling a resource", so the time doubles.
pub const FIRST_LOOK: Duration = Duration::from_secs(3);

/// The longest time between two questions about one upload: registering takes "less than 10 minutes" (Microsoft
/// Managed Desktop's pages).
const LONGEST_LOOK: Duration = Duration::from_mins(1);

/// Pages of a list that are read at most: a hundred thousand batches, or devices of one batch.
const PAGES: usize = 1_000;

/// After this time a list that was broken off is read anew: how long a continuation token holds isn't documented.
const PAGES_HOLD: Duration = Duration::from_mins(10);

/// So many lists that were broken off are remembered.
const LISTS_KEPT: usize = 20;

/// So many uploads are asked about in one go, and the rest later.
const UPLOADS_AT_ONCE: usize = 100;

/// So many batches and uploads are remembered.
const REMEMBERED: usize = 10_000;

/// What the client is made with.
#[derive(Clone)]
pub struct Settings {
    /// The service: `https://api.partnercenter.microsoft.com`, or the one for trials.
    pub base_url: Url,
    /// The partner's own tenant, for which tokens are asked.
    pub tenant_id: String,
    /// Gives tokens.
    pub tokens: Tokens,
    /// Carries requests.
    pub http: Http,
    /// Tells the tenants of customers.
    pub tenant_of: TenantOf,
    /// Tells the time, and makes IDs.
    pub clock: Arc<dyn Clock>,
    /// The time after which one of our uploads is first asked about: [`FIRST_LOOK`] but in tests.
    pub first_look: Duration,
}

/// The client.
pub struct PartnerCenter {
    service: Service,
    tenant_id: String,
    tenant_of: TenantOf,
    suspects: Suspects,
    first_look: Duration,
    memory: Mutex<Memory>,
}

/// What is remembered between calls, and may be forgotten.
#[derive(Debug, Default)]
struct Memory {
    /// Batches that are there: the tenant and the name in small letters, and the name as the service spells it.
    batches: HashMap<(String, String), String>,
    /// Batches, named in the same way, that one call makes while others wait to add to them.
    making: HashMap<(String, String), Arc<tokio::sync::Mutex<()>>>,
    /// How often each upload was asked about.
    looks: HashMap<String, u32>,
    /// Lists that the service asked us to wait in the middle of, by their addresses.
    pages: HashMap<String, Pages>,
}

/// What was read of a list.
#[derive(Debug, Default)]
struct Pages {
    items: Vec<serde_json::Value>,
    count: usize,
    /// What the next page is asked for by.
    next: Option<String>,
    /// When the last of them was read.
    read_at: Duration,
}

impl std::fmt::Debug for PartnerCenter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartnerCenter").field("service", &self.service).finish_non_exhaustive()
    }
}

impl PartnerCenter {
    /// A client.
    pub fn new(settings: Settings) -> Self {
        let Settings { base_url, tenant_id, tokens, http, tenant_of, clock, first_look } = settings;
        let service = Service::new("Partner Center", base_url, http, tokens, clock);
        Self { service, tenant_id, tenant_of, suspects: Suspects::default(), first_look, memory: Mutex::default() }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The headers of a question: IDs of its own, since it has no effect that they could tell from another's.
    fn headers(&self) -> HeaderMap {
        let clock = &self.service.clock;
        headers(&clock.new_guid(), &clock.new_guid())
    }

    /// All of a list, page by page; none where there is no such list. Ends at the first item that `enough` takes. Where
    /// the service asks for a wait in the middle, the list goes on from there the next time: else a long one would never
    /// come to its end.
    async fn list<T: for<'de> serde::Deserialize<'de>>(
        &self,
        url: Url,
        mut enough: impl FnMut(T) -> bool,
    ) -> Result<Option<()>, Trouble> {
        let mut read = self.broke_off(&url);
        if wire::each(read.items.clone()).into_iter().any(&mut enough) {
            return Ok(Some(()));
        }
        let mut tokens = HashSet::new();
        while read.count < PAGES {
            let mut headers = self.headers();
            if let Some(token) = &read.next {
                let value = HeaderValue::from_str(token)
                    .map_err(|_| Trouble::Unavailable("Partner Center gave an odd continuation token".to_owned()))?;
                headers.insert("ms-continuationtoken", value);
            }
            let received = match self.service.get(&self.tenant_id, url.clone(), headers).await {
                Ok(Some(received)) => received,
                Ok(None) => return Ok(None),
                Err(trouble) => {
                    if matches!(trouble, Trouble::Throttled { .. }) && read.next.is_some() {
                        self.keep_pages(&url, read);
                    }
                    return Err(trouble);
                }
            };
            let page: wire::Page = self.service.read(&received)?;
            read.count = read.count.saturating_add(1);
            read.items.extend(page.items.iter().cloned());
            if wire::each(page.items).into_iter().any(&mut enough) {
                return Ok(Some(()));
            }
            read.next = page.continuation_token;
            match &read.next {
                None => return Ok(Some(())),
                Some(next) if tokens.insert(next.clone()) => {}
                Some(_) => break,
            }
        }
        Err(Trouble::Unavailable("Partner Center's list has no end".to_owned()))
    }

    /// The pages of a list that were read before the service asked for a wait, if that isn't long ago.
    fn broke_off(&self, url: &Url) -> Pages {
        let pages = self.memory().pages.remove(url.as_str());
        let now = self.service.clock.elapsed();
        pages.filter(|pages| now < pages.read_at.saturating_add(PAGES_HOLD)).unwrap_or_default()
    }

    fn keep_pages(&self, url: &Url, pages: Pages) {
        let read_at = self.service.clock.elapsed();
        let mut memory = self.memory();
        if memory.pages.len() >= LISTS_KEPT {
            memory.pages.clear();
        }
        memory.pages.insert(url.to_string(), Pages { read_at, ..pages });
    }
}

/// The headers that every request has ("Partner Center REST headers").
fn headers(request_id: &str, correlation_id: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("accept", HeaderValue::from_static("application/json"));
    headers.insert("ms-contract-version", HeaderValue::from_static("v1"));
    headers.insert("x-locale", HeaderValue::from_static("en-US"));
    headers.insert("ms-partnercenter-application", HeaderValue::from_static("devicedrop"));
    put(&mut headers, "ms-requestid", request_id);
    put(&mut headers, "ms-correlationid", correlation_id);
    headers
}

/// The service's own ID of a request, for its support.
fn request_id(received: &Received) -> Option<String> {
    received.header("ms-requestid").map(|id| id.chars().take(200).collect())
}

impl Registrar for PartnerCenter {
    fn kind(&self) -> &'static str {
        "partner-center"
    }

    fn target(&self) -> &str {
        self.service.base.as_str().trim_end_matches('/')
    }

    fn target_of(&self, customer: &CustomerKey) -> String {
        self.service.target((self.tenant_of)(customer).as_deref())
    }

    fn group(&self, origin: Origin<'_>) -> Option<String> {
        Some(batch_name(origin.order_id, origin.submission))
    }

    fn capacity(&self) -> Capacity {
        // A device that the customer has is refused with 806, so a second upload of it does nothing.
        Capacity {
            batch: self.suspects.batch(BATCH),
            concurrency: CONCURRENCY,
            idempotent: true,
            // What became of a device is told by its serial number alone.
            distinct_serials: true,
            rate: None,
        }
    }

    fn takes_ids(&self) -> bool {
        true
    }

    fn mended(&self) {
        self.service.tokens.mended();
    }

    fn register(&self, ids: CallIds, requests: Vec<Request>) -> Answering<'_, Result<Vec<Answer>, Trouble>> {
        Box::pin(async move { self.upload(&ids, &requests).await })
    }

    fn inquire<'a>(&'a self, questions: &'a [Question]) -> Answering<'a, Result<Vec<Knowledge>, Trouble>> {
        Box::pin(self.what_became(questions))
    }

    fn activity(&self, after: u64, _: usize) -> Answering<'_, Result<(Vec<Activity>, u64), Trouble>> {
        // Partner Center doesn't tell of uses.
        Box::pin(std::future::ready(Ok((Vec::new(), after))))
    }
}
