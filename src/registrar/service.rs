//! One exchange with a service that wants an access token and speaks JSON, as Partner Center and Graph both do: the
//! token, a second try with a new one after a 401, and what an answer without effect means for the whole call. What a
//! request holds and what its answer says of a row is each client's own affair.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use devicedrop_core::device::Device;
use devicedrop_core::ids::CustomerKey;
use devicedrop_core::oa3;
use devicedrop_core::registrar::{Answer, HashMismatch, Request, Trouble};
use reqwest::Url;
use serde::de::DeserializeOwned;

use super::credentials::{Bearer, TokenTrouble, Tokens};
use super::http::{Exchange, Failure, HeaderMap, HeaderName, HeaderValue, Http, Method, Received};
use crate::clock::Clock;

/// Tells the tenant of a customer, where it has one.
pub type TenantOf = Arc<dyn Fn(&CustomerKey) -> Option<String> + Send + Sync>;

/// Tells the customers that there are.
pub type Customers = Arc<dyn Fn() -> Vec<CustomerKey> + Send + Sync>;

/// How much of a service's own words goes into a text of ours, in characters.
const WORDS: usize = 300;

/// A word of that length isn't for people: a token, for instance, which a gateway may write back into its answer.
const LONGEST_WORD: usize = 64;

/// A service, and what it takes to talk to it.
#[derive(Debug, Clone)]
pub(super) struct Service {
    /// What it is called in texts for people.
    pub(super) name: &'static str,
    /// Where its paths begin.
    pub(super) base: Url,
    pub(super) http: Http,
    pub(super) tokens: Tokens,
    pub(super) clock: Arc<dyn Clock>,
    /// Which parts of it asked to be left alone, and until when, by the monotonic clock.
    waits: Arc<Mutex<HashMap<String, Duration>>>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// The request had no effect: it wasn't sent, or the service didn't want to know who sent it.
    NoEffect(Trouble),
    /// It was sent, or perhaps sent.
    Lost(String),
}

impl From<Unanswered> for Trouble {
    /// What it is to somebody who only asked.
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::NoEffect(trouble) => trouble,
            Unanswered::Lost(why) => Self::Unavailable(why),
        }
    }
}

impl Service {
    pub(super) fn new(name: &'static str, base: Url, http: Http, tokens: Tokens, clock: Arc<dyn Clock>) -> Self {
        Self { name, base, http, tokens, clock, waits: Arc::default() }
    }

    /// The address of a resource. Each segment is escaped as needed.
    pub(super) fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        // Fails only for addresses that can't be a base, which the configuration refuses.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// The base address and the customer's tenant.
    pub(super) fn target(&self, tenant: Option<&str>) -> String {
        let base = self.base.as_str().trim_end_matches('/');
        format!("{base} {}", tenant.unwrap_or("(no tenant)"))
    }

    /// Sends a request with a token of `tenant`. After a 401, which says that nothing was done, once more with a new
    /// token, under the same IDs: the service never looked at the first one.
    pub(super) async fn send(&self, tenant: &str, exchange: Exchange) -> Result<Received, Unanswered> {
        let part = part(tenant, &exchange.url);
        self.left_alone(&part)?;
        let mut refused = None;
        for _ in 0..2 {
            let bearer = self.tokens.bearer(tenant).await.map_err(no_token)?;
            let received = self.send_once(&bearer, exchange.clone()).await?;
            if received.status != 401 {
                if received.status == 403 && !means_no_relationship(&received) {
                    self.tokens.not_permitted(tenant, &bearer);
                }
                self.keep_wait(part, &received);
                return Ok(received);
            }
            self.tokens.refused(tenant, &bearer);
            refused = Some(received);
        }
        let why = refused.map(|received| received_in_short(&received)).unwrap_or_default();
        Err(Unanswered::NoEffect(Trouble::Broken(format!(
            "{} refuses our token, a new one too ({why}): look at `client_id`, `tenant_id` and `base_url`, and sign in \
             again (`devicedrop registrar sign-in`)",
            self.name
        ))))
    }

    /// Fails while this part of the service wants to be left alone: who comes too early makes it longer ("all requests
    /// accrue", API throttling guidance for partners), and not everybody who asks heard of it.
    fn left_alone(&self, part: &str) -> Result<(), Unanswered> {
        let now = self.clock.elapsed();
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        waits.retain(|_, until| *until > now);
        let Some(until) = waits.get(part) else { return Ok(()) };
        Err(Unanswered::NoEffect(Trouble::Throttled {
            why: format!("{} asked us to wait", self.name),
            retry_after: Some(until.saturating_sub(now)),
        }))
    }

    fn keep_wait(&self, part: String, received: &Received) {
        let wait = self.retry_after(received).filter(|_| matches!(received.status, 429 | 503));
        if let Some(wait) = wait {
            let until = self.clock.elapsed().saturating_add(wait);
            self.waits.lock().unwrap_or_else(PoisonError::into_inner).insert(part, until);
        }
    }

    async fn send_once(&self, bearer: &Bearer, mut exchange: Exchange) -> Result<Received, Unanswered> {
        exchange.headers.insert("authorization", bearer.header());
        self.http.send(exchange).await.map_err(|failure| match failure {
            Failure::NotSent(why) => {
                Unanswered::NoEffect(Trouble::Unavailable(format!("{} can't be reached: {why}", self.name)))
            }
            Failure::Lost(why) => Unanswered::Lost(why),
        })
    }

    /// Asks for a resource; none where there is no such thing (404).
    pub(super) async fn get(&self, tenant: &str, url: Url, headers: HeaderMap) -> Result<Option<Received>, Trouble> {
        let exchange = Exchange { method: Method::GET, url, headers, body: None };
        let received = self.send(tenant, exchange).await?;
        match received.status {
            200..=299 => Ok(Some(received)),
            404 if !means_no_relationship(&received) => Ok(None),
            _ => Err(self.trouble(&received).unwrap_or_else(|| self.odd(&received))),
        }
    }

    /// The trouble of the whole call that an answer speaks of, if it does: then nothing of the call had an effect.
    pub(super) fn trouble(&self, received: &Received) -> Option<Trouble> {
        let short = received_in_short(received);
        if means_no_relationship(received) {
            return Some(Trouble::Broken(format!(
                "{} knows no relationship of ours with this customer ({short}): look at the customer's `tenant_id`, \
                 and have the customer accept the relationship",
                self.name
            )));
        }
        let retry_after = self.retry_after(received);
        match received.status {
            403 => Some(Trouble::Broken(format!(
                "{} doesn't allow us to do this ({short}): look at the permissions and the role of whoever signed in, \
                 and whether an administrator consented to them",
                self.name
            ))),
            429 => Some(Trouble::Throttled { why: format!("{} asks us to wait ({short})", self.name), retry_after }),
            503 if retry_after.is_some() => {
                Some(Trouble::Throttled { why: format!("{} is busy ({short})", self.name), retry_after })
            }
            _ => None,
        }
    }

    /// The trouble of an answer to a question that makes no sense.
    pub(super) fn odd(&self, received: &Received) -> Trouble {
        let hint = if (300..400).contains(&received.status) {
            "; redirects aren't followed: look at `base_url`"
        } else {
            ""
        };
        Trouble::Unavailable(format!("{} answered {}{hint}", self.name, received_in_short(received)))
    }

    /// Reads the body of an answer to a question.
    pub(super) fn read<T: DeserializeOwned>(&self, received: &Received) -> Result<T, Trouble> {
        serde_json::from_slice(&received.body).map_err(|error| {
            Trouble::Unavailable(format!("{} gave an answer that can't be read: {error}", self.name))
        })
    }

    /// How long the service asks to be left alone: by the header, in seconds or as a date, or in the words of the body
    /// ("Try again in 57 seconds.", Partner Center's throttling guidance).
    pub(super) fn retry_after(&self, received: &Received) -> Option<Duration> {
        let now = u64::try_from(self.clock.now().unix_ms()).unwrap_or(0);
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(now);
        received.retry_after(now).or_else(|| (received.status == 429).then(|| seconds_told(received)).flatten())
    }
}

/// The tenant of a customer, or why nothing can be asked for it.
pub(super) fn tenant(tenant_of: &TenantOf, customer: &CustomerKey) -> Result<String, Trouble> {
    tenant_of(customer).ok_or_else(|| {
        Trouble::Broken(format!(
            "the customer {customer} has no tenant: set `tenant_id` under [customers.{customer}]"
        ))
    })
}

/// The part of a service that throttles by itself: a tenant, and at Partner Center one customer of it ("per partner
/// tenant or per partner and customer tenant", API throttling guidance for partners).
fn part(tenant: &str, url: &Url) -> String {
    let mut path = url.path_segments().into_iter().flatten().skip_while(|segment| *segment != "customers");
    format!("{tenant} {}", path.nth(1).unwrap_or_default())
}

fn no_token(trouble: TokenTrouble) -> Unanswered {
    Unanswered::NoEffect(match trouble {
        TokenTrouble::Broken(what) => Trouble::Broken(what),
        TokenTrouble::Unavailable { why, retry_after: Some(wait) } => {
            Trouble::Throttled { why, retry_after: Some(wait) }
        }
        TokenTrouble::Unavailable { why, retry_after: None } => Trouble::Unavailable(why),
    })
}

/// A header whose value we made ourselves; left out where it can't be one.
pub(super) fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// Error codes by which Partner Center says that the customer is none of ours: "The partner id {0} has no commerce
/// relationship with the customer id {1}.", "Tenant not found", "Invalid Customer Id" (Partner Center REST error
/// codes).
fn means_no_relationship(received: &Received) -> bool {
    let code = told(received).code;
    matches!(received.status, 400..=404) && matches!(code.as_str(), "20002" | "60003" | "900118")
}

/// What a body says of an error.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) code: String,
    pub(super) text: String,
}

/// Reads any of the shapes that error bodies have: Partner Center's own (`code`, `description`), that of the gateway in
/// front of it (`statusCode`, `message`), and Graph's (`error` with `code` and `message`).
pub(super) fn told(received: &Received) -> Told {
    let body: serde_json::Value = serde_json::from_slice(&received.body).unwrap_or_default();
    let inner = body.get("error").filter(|inner| inner.is_object()).unwrap_or(&body);
    let find = |names: &[&str]| {
        let value =
            inner.as_object()?.iter().find(|(key, _)| names.iter().any(|name| key.eq_ignore_ascii_case(name)));
        match value?.1 {
            serde_json::Value::String(text) => Some(text.clone()),
            serde_json::Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    };
    let code = find(&["code"]).or_else(|| find(&["statusCode"])).unwrap_or_default();
    Told { code: for_people(&code), text: for_people(&find(&["description", "message"]).unwrap_or_default()) }
}

/// Words of a service, short enough for a text of ours, and without what might be a secret.
pub(super) fn for_people(text: &str) -> String {
    let word = |word: &str| if word.chars().count() > LONGEST_WORD { "...".to_owned() } else { word.to_owned() };
    let words: Vec<String> = text.split_whitespace().map(word).collect();
    words.join(" ").chars().take(WORDS).collect()
}

/// Status, code and words of an answer, as they go on record.
pub(super) fn received_in_short(received: &Received) -> String {
    let Told { code, text } = told(received);
    let parts = [received.status.to_string(), code, text];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" ").chars().take(Answer::MAX_RECEIVED).collect()
}

fn seconds_told(received: &Received) -> Option<Duration> {
    let text = told(received).text;
    let (_, rest) = text.split_once(" in ")?;
    let (number, unit) = rest.split_once(' ')?;
    unit.starts_with("second").then(|| number.parse().ok()).flatten().map(Duration::from_secs)
}

/// What a row's hardware hash says of another device than its row, where it has one that can be read.
pub(super) fn warning(device: &Device, hardware_hash: Option<&str>) -> Option<HashMismatch> {
    let hash = oa3::check(hardware_hash?).ok()?;
    oa3::cross_check(&hash, device)
}

/// What a request's hardware hash says of another device than its row.
pub(super) fn warning_of(request: &Request) -> Option<HashMismatch> {
    warning(&request.device, request.hardware_hash.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn received(status: u16, body: &str) -> Received {
        Received { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn error_bodies_have_three_shapes() {
        let code = |body| (told(&received(400, body)).code, told(&received(400, body)).text);
        let pair = |code: &str, text: &str| (code.to_owned(), text.to_owned());
        let own = r#"{"code":"800002","description":"Invalid request input","data":[],"source":"PartnerFD"}"#;
        assert_eq!(code(own), pair("800002", "Invalid request input"));
        assert_eq!(code(r#"{"Code":3000,"Description":"x"}"#), pair("3000", "x"));
        let gateway = r#"{ "statusCode": 429, "message": "Rate limit is exceeded. Try again in 57 seconds." } "#;
        assert_eq!(code(gateway), pair("429", "Rate limit is exceeded. Try again in 57 seconds."));
        assert_eq!(code(r#"{"error":{"code":"invalidRange","message":"m"}}"#), pair("invalidRange", "m"));
        assert_eq!(code("<html>"), pair("", ""));
        assert_eq!(seconds_told(&received(429, gateway)), Some(Duration::from_secs(57)));
    }

    #[test]
    fn what_may_be_a_secret_is_not_kept() {
        let token = format!("eyJ{}", "x".repeat(600));
        let body = format!(r#"{{"code":"401","description":"bad token {token} here"}}"#);
        assert_eq!(received_in_short(&received(401, &body)), "401 401 bad token ... here");
    }

    #[test]
    fn a_customer_without_a_relationship_is_told_from_what_is_not_there() {
        assert!(means_no_relationship(&received(403, r#"{"code":20002}"#)));
        assert!(means_no_relationship(&received(404, r#"{"code":"60003"}"#)));
        assert!(!means_no_relationship(&received(404, r#"{"code":"1000"}"#)));
    }

    proptest! {
        #[test]
        fn no_body_brings_it_down(body in proptest::collection::vec(any::<u8>(), 0..400), status in 100_u16..600) {
            let received = Received { status, headers: HeaderMap::new(), body };
            prop_assert!(received_in_short(&received).chars().count() <= Answer::MAX_RECEIVED);
        }
    }
}
