//! Access tokens for registration services: fetched when they are needed, kept while they last, fetched anew before
//! they end.
//!
//! How a token is come by is in the modules below; which service it is for is whoever asks. No secret leaves this
//! folder but in a request to the sign-in service and, as a token, in the header of a request.

mod assertion;
mod claims;
mod oauth;
mod refusal;
mod secret;
mod sign_in;
mod stored;
mod validity;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderValue;

use crate::clock::Clock;
use crate::config::{RegistrarKind, ServiceSettings};
use crate::registrar::Answering;
use crate::registrar::http::Http;

use oauth::{App, ByItself, ForUser};

pub use claims::Claims;
pub use secret::Secret;
pub use sign_in::{SignIn, SignedIn};
pub use validity::certificate_end;

/// A token is fetched anew so long before it ends: a call that begins with it may take minutes.
const BEFORE_ITS_END: Duration = Duration::from_mins(5);

/// For so long nobody is asked again after the sign-in service refused us: a broken secret stays broken until a person
/// mends it, and who asks too often is locked out.
pub const AFTER_A_REFUSAL: Duration = Duration::from_mins(1);

/// For so long nobody is asked again after the sign-in service couldn't answer and didn't say how long to wait.
const AFTER_SILENCE: Duration = Duration::from_secs(5);

/// A token that the service refuses so soon after one that it refused, too, isn't to be mended by fetching another.
const REFUSED_AGAIN: Duration = Duration::from_mins(10);

/// A token that is younger isn't dropped because it doesn't permit something: nobody gave more rights meanwhile.
const PERMISSIONS_HOLD: Duration = Duration::from_mins(4);

/// Whoever gives tokens.
pub trait Source: Send + Sync + fmt::Debug {
    /// Fetches a token for a tenant, in one exchange.
    fn fetch<'a>(&'a self, tenant: &'a str) -> Answering<'a, Result<Granted, TokenTrouble>>;
}

/// A token as it was given.
#[derive(Debug)]
pub struct Granted {
    /// The token.
    pub token: Secret,
    /// How long it lasts, from when it was asked for.
    pub lasts: Duration,
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenTrouble {
    /// A person must act; says what to do.
    #[error("{0}")]
    Broken(String),
    /// Not now.
    #[error("{why}")]
    Unavailable {
        /// Why.
        why: String,
        /// How long the sign-in service asks to be left alone, if it does.
        retry_after: Option<Duration>,
    },
}

/// A token as it goes into a request.
#[derive(Clone, PartialEq, Eq)]
pub struct Bearer {
    header: HeaderValue,
    /// Tells it from every other one of its tenant.
    number: u64,
}

impl Bearer {
    /// The value of the header `Authorization`: marked sensitive, so that no `Debug` shows it.
    pub fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// What the token says of itself, where it can be read. Nothing is to be decided by it: a token is its service's
    /// to read, and another one's may look otherwise.
    pub fn claims(&self) -> Option<Claims> {
        Claims::of(self.header.to_str().ok()?.strip_prefix("Bearer ")?)
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer").field("number", &self.number).finish_non_exhaustive()
    }
}

/// The tokens of one service, by tenant. Cheap to clone; clones share them.
#[derive(Debug, Clone)]
pub struct Tokens {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    source: Arc<dyn Source>,
    clock: Arc<dyn Clock>,
    tenants: Mutex<BTreeMap<String, Arc<Tenant>>>,
}

#[derive(Debug, Default)]
struct Tenant {
    /// Held by whoever fetches, so that one does at a time.
    fetching: tokio::sync::Mutex<()>,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    token: Option<Kept>,
    trouble: Option<(TokenTrouble, Duration)>,
    /// How many tokens there were.
    count: u64,
    /// When the last one was refused.
    refused_at: Option<Duration>,
}

#[derive(Debug, Clone)]
struct Kept {
    bearer: Bearer,
    fetched_at: Duration,
    /// From here on a new one is wanted.
    stale_at: Duration,
    /// From here on it isn't used any more.
    ends_at: Duration,
}

/// What is held of a tenant, at one moment.
enum Found {
    Fresh(Bearer),
    /// Still good, but not for long.
    Stale(Bearer),
    Trouble(TokenTrouble),
    Nothing,
}

impl Tokens {
    /// The tokens of a service, by what the configuration says of it.
    pub fn new(kind: RegistrarKind, settings: &ServiceSettings, http: Http, clock: Arc<dyn Clock>) -> Self {
        secret::keep_out_of_dumps();
        let app = App::new(kind, settings, http, Arc::clone(&clock));
        let source: Arc<dyn Source> = match settings.credentials.refresh_token_file.clone() {
            Some(file) => Arc::new(ForUser::new(app, file)),
            None => Arc::new(ByItself(app)),
        };
        Self::of(source, clock)
    }

    /// The tokens that `source` gives.
    pub fn of(source: Arc<dyn Source>, clock: Arc<dyn Clock>) -> Self {
        Self { inner: Arc::new(Inner { source, clock, tenants: Mutex::default() }) }
    }

    /// A token for this tenant: the one that is held, or a new one. While one is fetched before the old one ended,
    /// the old one is given; else everybody waits for the one who fetches.
    pub async fn bearer(&self, tenant: &str) -> Result<Bearer, TokenTrouble> {
        let place = self.tenant(tenant);
        match place.look(self.inner.clock.elapsed()) {
            Found::Fresh(bearer) => return Ok(bearer),
            Found::Trouble(trouble) => return Err(trouble),
            Found::Stale(bearer) => {
                let Ok(_gate) = place.fetching.try_lock() else { return Ok(bearer) };
                return Ok(self.fetch(&place, tenant).await.unwrap_or(bearer));
            }
            Found::Nothing => {}
        }
        let _gate = place.fetching.lock().await;
        match place.look(self.inner.clock.elapsed()) {
            Found::Fresh(bearer) | Found::Stale(bearer) => Ok(bearer),
            Found::Trouble(trouble) => Err(trouble),
            Found::Nothing => self.fetch(&place, tenant).await,
        }
    }

    /// Drops a token that the service answered 401 to: the next one is fetched anew. If the service refuses that one,
    /// too, there is none for a while, and a person is told.
    pub fn refused(&self, tenant: &str, bearer: &Bearer) {
        let now = self.inner.clock.elapsed();
        self.tenant(tenant).with(|held| {
            if held.token.as_ref().is_none_or(|kept| kept.bearer.number != bearer.number) {
                return;
            }
            held.token = None;
            let again = held.refused_at.replace(now).is_some_and(|before| now < before.saturating_add(REFUSED_AGAIN));
            if again {
                let trouble = TokenTrouble::Broken(format!(
                    "the service refuses the tokens that the sign-in service gives for the tenant {tenant}: look at \
                     `base_url`, `login_url` and `tenant_id`, and at the permissions of the app registration"
                ));
                held.trouble = Some((trouble, now.saturating_add(AFTER_A_REFUSAL)));
            }
        });
    }

    /// Drops a token to whose holder the service answered that he may not do something (403): what he may do stands in
    /// the token, and the next one may say otherwise. Now and then only, since as a rule it doesn't.
    pub fn not_permitted(&self, tenant: &str, bearer: &Bearer) {
        let now = self.inner.clock.elapsed();
        self.tenant(tenant).with(|held| {
            let is_old = |kept: &Kept| now >= kept.fetched_at.saturating_add(PERMISSIONS_HOLD);
            drop(held.token.take_if(|kept| kept.bearer.number == bearer.number && is_old(kept)));
        });
    }

    /// A person did something about the credentials: all tokens are fetched anew, and what is broken is tried.
    pub fn mended(&self) {
        let tenants = self.inner.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        for tenant in tenants.values() {
            tenant.with(|held| {
                held.token = None;
                held.refused_at = None;
                drop(held.trouble.take_if(|(trouble, _)| matches!(trouble, TokenTrouble::Broken(_))));
            });
        }
    }

    fn tenant(&self, tenant: &str) -> Arc<Tenant> {
        let mut tenants = self.inner.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tenants.entry(tenant.to_owned()).or_default())
    }

    /// Fetches a token and keeps what came of it. To be called by the one who holds the gate.
    async fn fetch(&self, place: &Tenant, tenant: &str) -> Result<Bearer, TokenTrouble> {
        let asked_at = self.inner.clock.elapsed();
        let fetched = self.inner.source.fetch(tenant).await;
        let now = self.inner.clock.elapsed();
        place.with(|held| match fetched.and_then(|granted| held.keep(&granted, asked_at)) {
            Ok(bearer) => Ok(bearer),
            Err(trouble) => {
                let wait = match &trouble {
                    TokenTrouble::Broken(_) => AFTER_A_REFUSAL,
                    TokenTrouble::Unavailable { retry_after, .. } => retry_after.unwrap_or(AFTER_SILENCE),
                };
                // Whoever asked tells it to people.
                tracing::info!(tenant, why = %trouble, "no access token");
                held.trouble = Some((trouble.clone(), now.saturating_add(wait)));
                Err(trouble)
            }
        })
    }
}

impl Tenant {
    fn with<T>(&self, change: impl FnOnce(&mut Held) -> T) -> T {
        change(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn look(&self, now: Duration) -> Found {
        self.with(|held| held.look(now))
    }
}

impl Held {
    fn look(&mut self, now: Duration) -> Found {
        let trouble = self.trouble.take_if(|(_, until)| now >= *until);
        drop(trouble);
        match (&self.token, &self.trouble) {
            (Some(kept), _) if now < kept.stale_at => Found::Fresh(kept.bearer.clone()),
            // One that still holds is used up before anybody hears of a trouble with the next one.
            (Some(kept), Some(_)) if now < kept.ends_at => Found::Fresh(kept.bearer.clone()),
            (Some(kept), None) if now < kept.ends_at => Found::Stale(kept.bearer.clone()),
            (_, Some((trouble, _))) => Found::Trouble(trouble.clone()),
            (_, None) => Found::Nothing,
        }
    }

    fn keep(&mut self, granted: &Granted, asked_at: Duration) -> Result<Bearer, TokenTrouble> {
        let mut header = HeaderValue::try_from(format!("Bearer {}", granted.token.text())).map_err(|_| {
            TokenTrouble::Unavailable {
                why: "the sign-in service gave a token of odd letters".to_owned(),
                retry_after: None,
            }
        })?;
        header.set_sensitive(true);
        self.count = self.count.saturating_add(1);
        let bearer = Bearer { header, number: self.count };
        let early = BEFORE_ITS_END.min(granted.lasts / 2);
        self.token = Some(Kept {
            bearer: bearer.clone(),
            fetched_at: asked_at,
            stale_at: asked_at.saturating_add(granted.lasts.saturating_sub(early)),
            ends_at: asked_at.saturating_add(granted.lasts),
        });
        self.trouble = None;
        Ok(bearer)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wire;
