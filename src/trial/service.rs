//! From a request to its answer: faults, transaction, the surface that it is for.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use super::desk::Desk;
use super::faults::{Fault, RetryAfter, Script};
use super::manners::Surface;
use super::settings::Settings;
use super::store::{Session, StateError, Store, Trouble};
use super::tokens::endpoint;
use super::watch::Watch;
use super::wire::{Answer, Request, http_date, with_blank};
use super::{backstage, graph, partner_center, registering};
use crate::clock::Clock;

/// The service, as long as it runs.
#[derive(Debug)]
pub(super) struct Service {
    settings: Settings,
    clock: Arc<dyn Clock>,
    watch: Watch,
    store: Mutex<Store>,
    base_url: String,
    key: [u8; 32],
}

/// What is to be done with a request.
#[derive(Debug)]
pub(super) enum Fate {
    /// It is answered so, and nothing was done.
    Answered(Answer),
    /// It is dropped, and nothing is done.
    Dropped,
    /// It is done; then this goes wrong, if anything.
    Done(Option<Fault>),
}

impl Service {
    /// Opens the state and puts in what the settings know.
    pub(super) fn new(
        settings: Settings,
        clock: Arc<dyn Clock>,
        base_url: String,
        new_key: [u8; 32],
    ) -> Result<Self, StateError> {
        let mut store = Store::open(settings.state.as_deref(), new_key)?;
        let filled = store.write(|session| {
            for (device, hash) in &settings.inventory {
                session.stock(device, hash.as_deref())?;
            }
            let client = &settings.client;
            let tenant = client.tenant_id.to_ascii_lowercase();
            session.add_refresh_token(&client.refresh_token, &tenant, &client.client_id)
        });
        let path = settings.state.clone().unwrap_or_else(|| ":memory:".into());
        filled.map_err(|source| StateError::Sqlite { path, source })?;
        let (watch, key) = (Watch::new(&settings), store.key());
        Ok(Self { settings, clock, watch, store: Mutex::new(store), base_url, key })
    }

    /// Adds lines to the fault script.
    pub(super) fn add_faults(&self, more: Script) {
        self.watch.add(more);
    }

    /// A new request's ID.
    pub(super) fn new_id(&self) -> String {
        self.clock.new_guid()
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Notes that a request has come, and says what is to be done with it.
    pub(super) fn meet(&self, request: &Request) -> Fate {
        let surface = Surface::of(request);
        match self.watch.meet(surface, request, self.clock.elapsed()) {
            None => Fate::Done(None),
            Some(Fault::CloseBefore) => Fate::Dropped,
            Some(Fault::ErrorBefore) => Fate::Answered(self.broken(surface, request)),
            Some(Fault::Unavailable(when)) => Fate::Answered(self.unavailable(surface, request, when)),
            Some(Fault::Throttle(when)) => Fate::Answered(self.throttled(surface, request, when)),
            Some(after) => Fate::Done(Some(after)),
        }
    }

    /// Does what a request asks for. Blocks: what it did is on disk when it returns.
    pub(super) fn answer(&self, request: &Request) -> Answer {
        let surface = Surface::of(request);
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let done = store.write(|session| self.on_stage(session, surface, request));
        drop(store);
        let answer = done.unwrap_or_else(|error| {
            tracing::error!(error = %error, "the trial service's state can't be used");
            self.error_of(surface, 500)
        });
        self.dressed(surface, request, answer)
    }

    fn on_stage(&self, session: &Session<'_>, surface: Surface, request: &Request) -> Result<Answer, Trouble> {
        let desk = Desk {
            settings: &self.settings,
            session,
            clock: self.clock.as_ref(),
            watch: &self.watch,
            now: self.clock.now(),
            key: &self.key,
            base_url: &self.base_url,
        };
        registering::settle_all(&desk)?;
        match surface {
            Surface::Tokens => endpoint::answer(&desk, request),
            Surface::PartnerCenter => partner_center::answer(&desk, request),
            Surface::Graph => graph::answer(&desk, request),
            Surface::Trial => backstage::answer(&desk, request),
        }
    }

    /// The answer that a fault puts in the place of the true one.
    pub(super) fn broken(&self, surface: Surface, request: &Request) -> Answer {
        self.dressed(surface, request, self.error_of(surface, 500))
    }

    fn unavailable(&self, surface: Surface, request: &Request, when: RetryAfter) -> Answer {
        let answer = self.error_of(surface, 503).with("Retry-After", self.told(when));
        self.dressed(surface, request, answer)
    }

    fn throttled(&self, surface: Surface, request: &Request, when: RetryAfter) -> Answer {
        let answer = match surface {
            Surface::PartnerCenter => partner_center::throttled(when.seconds),
            _ => self.error_of(surface, 429),
        };
        self.dressed(surface, request, answer.with("Retry-After", self.told(when)))
    }

    fn told(&self, when: RetryAfter) -> String {
        if when.as_date {
            // A date has no fractions: the next whole second, or it would be too early.
            let wait = std::time::Duration::from_secs(when.seconds.saturating_add(1));
            return http_date(self.clock.now().plus(wait));
        }
        when.seconds.to_string()
    }

    /// An error in the surface's own shape.
    fn error_of(&self, surface: Surface, status: u16) -> Answer {
        let now = self.clock.now();
        match (surface, status) {
            (Surface::Tokens, _) => {
                let guids = [self.clock.new_guid(), self.clock.new_guid()];
                endpoint::unavailable(&self.base_url, status, &with_blank(now), guids)
            }
            (Surface::PartnerCenter, 500) => partner_center::error(500, "800003", "Unexpected service error"),
            (Surface::PartnerCenter, _) => partner_center::error(status, "503", "Service unavailable"),
            (Surface::Graph, _) => graph::trouble(status, now, &self.clock.new_guid()),
            (Surface::Trial, _) => Answer::json(status, &json!({ "error": "the state can't be used" })),
        }
    }

    fn dressed(&self, surface: Surface, request: &Request, answer: Answer) -> Answer {
        match surface {
            Surface::PartnerCenter => {
                let [correlation, vector] = [self.clock.new_guid(), self.clock.new_guid()];
                partner_center::with_headers(answer, request, &correlation, &vector)
            }
            Surface::Graph => graph::with_headers(answer, request),
            Surface::Tokens => answer.with("x-ms-request-id", request.id.clone()),
            Surface::Trial => answer,
        }
    }
}
