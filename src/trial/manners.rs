//! How clients behave: what they ask how often, and whether they come again before they were told to.

use std::collections::BTreeMap;
use std::time::Duration;

use devicedrop_core::device::Sha256;
use serde_json::{Value, json};

use super::wire::Request;

/// A request that was on its way while the refusal was on its own is no sign of bad manners.
const CROSSED: Duration = Duration::from_millis(250);

/// Kinds of requests that are told apart: a client that invents paths doesn't fill our memory.
const KINDS: usize = 1_000;

/// Calls whose IDs are remembered, the latest: a client that is wrong about them is so soon.
const CALLS: usize = 10_000;

/// Which service a request is for. Each counts by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Surface {
    /// Tokens.
    Tokens,
    /// Partner Center.
    PartnerCenter,
    /// Graph.
    Graph,
    /// What no service has: the trial's own.
    Trial,
}

impl Surface {
    /// Whose the path is.
    pub(super) fn of(request: &Request) -> Self {
        let segments = request.segments();
        match segments.first().map(|first| first.to_ascii_lowercase()).as_deref() {
            Some("v1") => Self::PartnerCenter,
            Some("v1.0" | "beta") => Self::Graph,
            Some("trial") | None => Self::Trial,
            Some(_) if segments.get(1).is_some_and(|part| part.eq_ignore_ascii_case("oauth2")) => Self::Tokens,
            Some(_) => Self::Trial,
        }
    }
}

/// What was seen since the start.
#[derive(Debug, Default)]
pub(super) struct Manners {
    requests: BTreeMap<String, u64>,
    throttled: u64,
    too_early: u64,
    /// Calls that came under the ID of another call.
    reused: u64,
    calls: BTreeMap<String, String>,
    /// For each service: when it last told somebody to wait, and until when.
    waits: BTreeMap<Surface, (Duration, Duration)>,
}

impl Manners {
    /// A request has come, at a time of the monotonic clock.
    pub(super) fn met(&mut self, surface: Surface, request: &Request, now: Duration) {
        let kind = Some(kind(request)).filter(|kind| self.requests.contains_key(kind) || self.requests.len() < KINDS);
        *self.requests.entry(kind.unwrap_or_else(|| "others".to_owned())).or_default() += 1;
        if let Some(id) = request.header("ms-requestid").filter(|_| request.method != "GET") {
            self.called(id, request);
        }
        if let Some((told, until)) = self.waits.get(&surface)
            && now > told.saturating_add(CROSSED)
            && now < *until
        {
            self.too_early += 1;
        }
    }

    /// "Upon receiving a response (success or business failure), the value should be reset for the next call"
    /// (Partner Center's headers): who doesn't may be given the answer to another call there.
    fn called(&mut self, id: &str, request: &Request) {
        let call = format!("{} {} {}", request.method, request.path, Sha256::of(&request.body));
        if self.calls.len() >= CALLS {
            self.calls.clear();
        }
        let known = self.calls.entry(id.to_ascii_lowercase()).or_insert_with(|| call.clone());
        if *known != call {
            self.reused += 1;
        }
    }

    /// Somebody was told to come again later.
    pub(super) fn told_to_wait(&mut self, surface: Surface, seconds: u64, now: Duration) {
        self.throttled += 1;
        let until = now.saturating_add(Duration::from_secs(seconds));
        self.waits.insert(surface, (now, until));
    }

    /// All of it.
    pub(super) fn told(&self) -> Value {
        json!({
            "requests": self.requests,
            "toldToWait": self.throttled,
            "tooEarly": self.too_early,
            "requestIdsReused": self.reused,
        })
    }
}

/// A request's method and path, with what differs from call to call taken out.
fn kind(request: &Request) -> String {
    let mut kind = request.method.clone();
    let mut before = String::new();
    kind.push(' ');
    for segment in request.segments() {
        let segment = segment.to_ascii_lowercase();
        let varies = is_guid(&segment) || ["devicebatches", "batchjobstatus"].contains(&before.as_str());
        kind.push('/');
        kind.push_str(if varies { "*" } else { &segment });
        before = segment;
    }
    kind
}

/// Whether the text has the form of a GUID.
pub(super) fn is_guid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str) -> Request {
        Request { method: "GET".to_owned(), path: path.to_owned(), ..Request::default() }
    }

    #[test]
    fn every_path_has_its_service() {
        for (path, surface) in [
            ("/7a1e0000-0000-4000-8000-00000000d001/oauth2/v2.0/token", Surface::Tokens),
            ("/organizations/oauth2/token", Surface::Tokens),
            ("/v1/customers", Surface::PartnerCenter),
            ("/V1.0/organization", Surface::Graph),
            ("/trial/journal", Surface::Trial),
            ("/", Surface::Trial),
        ] {
            assert_eq!(Surface::of(&request(path)), surface, "{path}");
        }
    }

    #[test]
    fn who_comes_before_the_time_is_counted() {
        let mut manners = Manners::default();
        let at = Duration::from_millis;
        let here = request("/v1/customers/7a1e0000-0000-4000-8000-00000000d001/deviceBatches/a b/devices");
        manners.met(Surface::PartnerCenter, &here, at(0));
        manners.told_to_wait(Surface::PartnerCenter, 2, at(10));
        for (surface, now) in [
            (Surface::PartnerCenter, 100), // crossed on its way
            (Surface::Graph, 1_000),       // another service
            (Surface::PartnerCenter, 1_900),
            (Surface::PartnerCenter, 2_010),
        ] {
            manners.met(surface, &here, at(now));
        }
        assert_eq!(
            manners.told(),
            json!({
                "requests": { "GET /v1/customers/*/devicebatches/*/devices": 5 },
                "toldToWait": 1,
                "tooEarly": 1,
                "requestIdsReused": 0,
            })
        );
    }

    #[test]
    fn an_id_that_is_used_for_two_calls_is_counted_and_a_call_that_is_repeated_is_not() {
        let mut manners = Manners::default();
        let call = |method: &str, body: &str| Request {
            method: method.to_owned(),
            headers: vec![("ms-requestid".to_owned(), "A".to_owned())],
            body: body.as_bytes().to_vec(),
            ..request("/v1/customers")
        };
        for call in [call("POST", "one"), call("POST", "one"), call("GET", "")] {
            manners.met(Surface::PartnerCenter, &call, Duration::ZERO);
        }
        assert_eq!(manners.told()["requestIdsReused"], 0);
        manners.met(Surface::PartnerCenter, &call("POST", "two"), Duration::ZERO);
        assert_eq!(manners.told()["requestIdsReused"], 1);
    }
}
