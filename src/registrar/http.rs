//! One exchange with a service over HTTP, for registrars that live behind one: sent once, never tried again and never
//! redirected, within time and size limits. What a request holds and what its answer means is each registrar's own
//! affair.

use std::time::{Duration, SystemTime};

use reqwest::redirect::Policy;
use reqwest::{Client, Url};

pub use reqwest::Method;
pub use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// For a connection to stand, TLS included.
const CONNECT: Duration = Duration::from_secs(10);

/// From there to the first byte of the answer: a service that is busy takes its time over a long list of devices.
const FIRST_BYTE: Duration = Duration::from_mins(1);

/// For the whole answer, from the beginning. Below [`super::PATIENCE`].
const WHOLE: Duration = Duration::from_mins(2);

/// The longest body that is read: a page of a hundred devices with their hardware hashes is under a megabyte.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// What a longer wait than this is taken for that a service asks for.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// One request.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Its method.
    pub method: Method,
    /// Where it goes.
    pub url: Url,
    /// Its headers. A secret among them is marked [sensitive](HeaderValue::set_sensitive), so that no `Debug` shows it.
    pub headers: HeaderMap,
    /// Its body, if any.
    pub body: Option<Vec<u8>>,
}

/// An answer, whole.
#[derive(Debug, Clone)]
pub struct Received {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
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
}

impl Http {
    /// A client that trusts the system's certificates and goes through the proxies that the usual environment variables
    /// name.
    pub fn new() -> Result<Self, Failure> {
        // Fails if one is there already, which serves as well.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::builder()
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT)
            .user_agent(concat!("devicedrop/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Failure::NotSent(told(&error)))?;
        Ok(Self { client })
    }

    /// Sends a request and reads its answer.
    pub async fn send(&self, exchange: Exchange) -> Result<Received, Failure> {
        let within = tokio::time::timeout(WHOLE, self.exchange(exchange)).await;
        within.unwrap_or_else(|_| Err(Failure::Lost(format!("no whole answer within {} s", WHOLE.as_secs()))))
    }

    async fn exchange(&self, exchange: Exchange) -> Result<Received, Failure> {
        let Exchange { method, url, headers, body } = exchange;
        let mut request = self.client.request(method, url).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let answered = tokio::time::timeout(FIRST_BYTE, request.send()).await;
        let answered = answered.map_err(|_| Failure::Lost(format!("no answer within {} s", FIRST_BYTE.as_secs())))?;
        let mut answer = answered.map_err(|error| failure(&error))?;
        let (status, headers) = (answer.status().as_u16(), std::mem::take(answer.headers_mut()));
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| Failure::Lost(told(&error)))? {
            if body.len().saturating_add(part.len()) > MAX_BODY {
                return Err(Failure::Lost(format!("its answer is longer than {} MiB", MAX_BODY >> 20)));
            }
            body.extend_from_slice(&part);
        }
        Ok(Received { status, headers, body })
    }
}

impl Received {
    /// How long the service asks to be left alone (`Retry-After`, in seconds or as a date), if it does.
    pub fn retry_after(&self, now: SystemTime) -> Option<Duration> {
        let text = self.headers.get("retry-after")?.to_str().ok()?.trim();
        let wait = match text.parse() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default(),
        };
        Some(wait.min(LONGEST_WAIT))
    }

    /// A header's value, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What became of a request, by the error that its sending ended with.
fn failure(error: &reqwest::Error) -> Failure {
    if error.is_connect() || error.is_builder() { Failure::NotSent(told(error)) } else { Failure::Lost(told(error)) }
}

/// An error with its causes, without the address, which may hold what isn't for a log.
fn told(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(one) = cause {
        causes.push(one.to_string());
        cause = one.source();
    }
    if causes.is_empty() { "the exchange failed".to_owned() } else { causes.join(": ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(value: &'static str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert("Retry-After", HeaderValue::from_static(value));
        let received = Received { status: 429, headers, body: Vec::new() };
        received.retry_after(SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777))
    }

    #[test]
    fn a_wait_is_asked_for_in_seconds_or_as_a_date() {
        assert_eq!(asks("57"), Some(Duration::from_secs(57)));
        assert_eq!(asks("Sun, 06 Nov 1994 08:50:37 GMT"), Some(Duration::from_mins(1)));
        assert_eq!(asks("Sun, 06 Nov 1994 08:48:37 GMT"), Some(Duration::ZERO), "it is over");
        assert_eq!(asks("99999999999"), Some(LONGEST_WAIT));
        assert_eq!(asks("soon"), None);
    }
}
