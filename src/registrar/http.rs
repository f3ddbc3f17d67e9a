//! One exchange with a service over HTTP, for registrars that live behind one: sent once, never tried again and never
//! redirected, within time and size limits. What a request holds and what its answer means is each registrar's own
//! affair.

use std::fmt;
use std::time::{Duration, SystemTime};

use reqwest::redirect::Policy;
use reqwest::{Client, Url};

pub use reqwest::Method;
pub use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// What a longer wait than this is taken for that a service asks for.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// What an exchange may take at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For a connection to stand, TLS and a proxy's consent included.
    pub connect: Duration,
    /// From the beginning to the first byte of the answer: a service that is busy takes its time over a long list of
    /// devices.
    pub first_byte: Duration,
    /// For the whole answer, from the beginning. Below [`super::PATIENCE`].
    pub whole: Duration,
    /// The longest body that is read, in bytes: a page of a hundred devices with their hardware hashes is under a
    /// megabyte.
    pub body: usize,
    /// How long a connection is kept that nobody uses: shorter than services keep theirs, so that seldom a request
    /// goes out on one that is being closed.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_mins(1),
            whole: Duration::from_mins(2),
            body: 16 * 1024 * 1024,
            idle: Duration::from_secs(30),
        }
    }
}

/// One request.
#[derive(Clone)]
pub struct Exchange {
    /// Its method.
    pub method: Method,
    /// Where it goes.
    pub url: Url,
    /// Its headers. A secret among them is marked [sensitive](HeaderValue::set_sensitive), so that no `Debug` shows it.
    pub headers: HeaderMap,
    /// Its body, if any. Not shown: a sign-in's holds secrets.
    pub body: Option<Vec<u8>>,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.body.as_ref().map(Vec::len);
        let Self { method, url, headers, .. } = self;
        let mut told = f.debug_struct("Exchange");
        told.field("method", method).field("url", &url.as_str()).field("headers", headers);
        told.field("body_bytes", &length).finish_non_exhaustive()
    }
}

/// An answer, whole.
#[derive(Clone)]
pub struct Received {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body. Not shown: a sign-in's holds secrets.
    pub body: Vec<u8>,
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, headers, body } = self;
        let mut told = f.debug_struct("Received");
        told.field("status", status)
            .field("headers", headers)
            .field("body_bytes", &body.len())
            .finish_non_exhaustive()
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No connection came about: surely nothing was sent.
    #[error("{0}")]
    NotSent(String),
    /// It was sent, or perhaps sent, and no whole answer came.
    #[error("{0}")]
    Lost(String),
}

/// Sends requests. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
    limits: Limits,
}

impl Http {
    /// A client that trusts the system's certificates and goes through the proxies that the usual environment variables
    /// name: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in capitals or not.
    pub fn new() -> Result<Self, Failure> {
        Self::within(Limits::default())
    }

    /// The same with other limits.
    pub fn within(limits: Limits) -> Result<Self, Failure> {
        // Fails if one is there already, which serves as well.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::builder()
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(limits.connect)
            .pool_idle_timeout(limits.idle)
            .user_agent(concat!("devicedrop/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Failure::NotSent(told(&error)))?;
        Ok(Self { client, limits })
    }

    /// Sends a request and reads its answer.
    ///
    /// A redirect is an answer like any other here: nothing is sent elsewhere, so no secret is, and
    /// [`Received::redirect`] tells of it.
    pub async fn send(&self, exchange: Exchange) -> Result<Received, Failure> {
        let whole = self.limits.whole;
        let within = tokio::time::timeout(whole, self.exchange(exchange)).await;
        within.unwrap_or_else(|_| Err(Failure::Lost(format!("no whole answer within {} s", whole.as_secs()))))
    }

    async fn exchange(&self, exchange: Exchange) -> Result<Received, Failure> {
        let Exchange { method, url, headers, body } = exchange;
        let mut request = self.client.request(method, url).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let Limits { first_byte, body: longest, .. } = self.limits;
        let answered = tokio::time::timeout(first_byte, request.send()).await;
        // It may have been on its way: the time includes that of the connection.
        let answered = answered.map_err(|_| Failure::Lost(format!("no answer within {} s", first_byte.as_secs())))?;
        let mut answer = answered.map_err(|error| failure(&error))?;
        let (status, headers) = (answer.status().as_u16(), std::mem::take(answer.headers_mut()));
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| Failure::Lost(told(&error)))? {
            if body.len().saturating_add(part.len()) > longest {
                return Err(Failure::Lost(format!("its answer is longer than {longest} bytes")));
            }
            body.extend_from_slice(&part);
        }
        Ok(Received { status, headers, body })
    }
}

impl Received {
    /// How long the service asks to be left alone (`Retry-After`, in seconds or as a date), if it does. Parts of a second,
    /// which HTTP doesn't know and Graph's documentation shows (`2.128`), count as a whole one.
    pub fn retry_after(&self, now: SystemTime) -> Option<Duration> {
        let text = self.header("retry-after")?.trim();
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let seconds = whole.parse::<u64>().ok().filter(|_| part.bytes().all(|byte| byte.is_ascii_digit()));
        let wait = match seconds {
            Some(seconds) => Duration::from_secs(seconds.saturating_add(u64::from(!part.is_empty()))),
            None => httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default(),
        };
        Some(wait.min(LONGEST_WAIT))
    }

    /// A header's value, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What to say of an answer that sends us elsewhere, if it does. Where to is told without what may be a secret in
    /// it.
    pub fn redirect(&self) -> Option<String> {
        if !matches!(self.status, 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        let to = self.header("location").map_or("elsewhere", |to| to.split(['?', '#']).next().unwrap_or_default());
        Some(format!(
            "it answers with status {} and sends us to {to}, where nothing is sent: look at `base_url`, and at proxies \
             and sign-in pages on the way",
            self.status
        ))
    }

    /// The service's clock, by its answer.
    pub fn date(&self) -> Option<SystemTime> {
        httpdate::parse_http_date(self.header("date")?).ok()
    }
}

/// What became of a request, by the error that its sending ended with.
///
/// [`reqwest::Error::is_connect`] is true only of errors that came up while a connection was being made (name,
/// address, TLS, a proxy's consent): the request was still whole in our hands. One that goes out on a connection that
/// is kept, and finds it closed, is another error, whether a byte of it left or not.
fn failure(error: &reqwest::Error) -> Failure {
    if error.is_connect() || error.is_builder() { Failure::NotSent(told(error)) } else { Failure::Lost(told(error)) }
}

/// An error with its causes, without the address, which may hold what isn't for a log.
fn told(error: &reqwest::Error) -> String {
    let mut causes: Vec<String> = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(one) = cause {
        let said = one.to_string();
        // Some say in their own words what their cause says.
        if !causes.iter().any(|before| before.contains(&said)) {
            causes.push(said);
        }
        cause = one.source();
    }
    // The library's own name for what its cause says better.
    if causes.len() > 1 && causes.first().is_some_and(|first| first.starts_with("client error (")) {
        causes.remove(0);
    }
    if causes.is_empty() { "the exchange failed".to_owned() } else { causes.join(": ") }
}

#[cfg(test)]
mod tests;
