//! Who is let in: only to read, only under a name that is ours, only with the token; and what every answer says to the
//! browser.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{ALLOW, AUTHORIZATION, COOKIE, HOST};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};

use super::token::Token;

/// What every answer says: nothing from elsewhere, no script but ours, in no frame, to nobody else.
const HEADERS: [(&str, &str); 5] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// What anybody may ask who reaches us: whether the daemon is well, and nothing of what it has.
const OPEN: [&str; 1] = ["/healthz"];

/// Says all that every answer says to the browser.
pub(super) fn harden(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if !headers.contains_key("cache-control") {
        headers.insert("cache-control", HeaderValue::from_static("no-store"));
    }
}

/// Why a request isn't answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is to change something.
    Method,
    /// It has no name of ours, or more than one.
    Host,
    /// It brings no token, or another one.
    Token,
}

impl Refused {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Host => StatusCode::MISDIRECTED_REQUEST,
            Self::Token => StatusCode::UNAUTHORIZED,
        }
    }

    pub(super) fn say(self, headers: &mut HeaderMap) {
        match self {
            Self::Method => headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD")),
            Self::Token => headers.insert("www-authenticate", HeaderValue::from_static("Bearer")),
            Self::Host => None,
        };
    }
}

/// Who is let in.
#[derive(Debug)]
pub(super) enum Guard {
    /// Whoever may open the Unix socket: its mode is the guard, and whoever stands before it checks names.
    Socket,
    /// Who has the token, on this address.
    Tcp {
        /// The address.
        address: SocketAddr,
        /// The token.
        token: Token,
        /// The machine's own name, good on an address that other machines reach.
        machine: String,
    },
}

impl Guard {
    /// Whether a request may be answered.
    pub(super) fn admit<B>(&self, request: &Request<B>) -> Result<(), Refused> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Refused::Method);
        }
        let Self::Tcp { address, token, machine } = self else { return Ok(()) };
        let mut hosts = request.headers().get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return Err(Refused::Host) };
        let target = request.uri().authority().map(ToString::to_string);
        let names = [host.to_str().ok(), target.as_deref().or(host.to_str().ok())];
        if !names.into_iter().all(|name| name.is_some_and(|name| is_ours(name, *address, machine))) {
            return Err(Refused::Host);
        }
        if OPEN.contains(&request.uri().path()) || self.knows(request.headers(), token) {
            Ok(())
        } else {
            Err(Refused::Token)
        }
    }

    fn knows(&self, headers: &HeaderMap, token: &Token) -> bool {
        let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
            let (scheme, given) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(given.trim())
        });
        if bearer.is_some_and(|given| token.is(given)) {
            return true;
        }
        let Some(name) = self.cookie_name() else { return false };
        cookie(headers, &name).is_some_and(|given| token.is_cookie(given))
    }

    /// Whether this is the token, where one is asked for.
    pub(super) fn is_token(&self, given: &str) -> bool {
        matches!(self, Self::Tcp { token, .. } if token.is(given))
    }

    /// The cookie's name: browsers don't keep those of a host's ports apart.
    fn cookie_name(&self) -> Option<String> {
        match self {
            Self::Socket => None,
            Self::Tcp { address, .. } => Some(format!("devicedrop-{}", address.port())),
        }
    }

    /// The cookie that lets a browser in from now on, as a header's value.
    pub(super) fn cookie(&self) -> Option<HeaderValue> {
        let (Self::Tcp { token, .. }, Some(name)) = (self, self.cookie_name()) else { return None };
        let cookie =
            format!("{name}={}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Strict", token.cookie());
        HeaderValue::from_str(&cookie).ok()
    }
}

/// A browser that looks in at least so often is let in without the token: 90 days.
const COOKIE_SECONDS: u32 = 90 * 24 * 60 * 60;

/// A cookie of a request.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Whether a request under this name is meant for us. A page elsewhere can have its own name lead here; it can't have an
/// address, nor a name that isn't its own.
fn is_ours(host: &str, address: SocketAddr, machine: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port.parse().ok()),
        _ => (host, Some(80)),
    };
    if port != Some(address.port()) {
        return false;
    }
    let literal = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    match (literal, address.ip()) {
        (Some(literal), ip) if ip.is_loopback() => literal.is_loopback(),
        (Some(literal), ip) if ip.is_unspecified() => !literal.is_unspecified(),
        (Some(literal), ip) => literal == ip,
        (None, ip) => {
            let local = ip.is_loopback() || ip.is_unspecified();
            let short = machine.split('.').next().unwrap_or_default();
            (local && name.eq_ignore_ascii_case("localhost"))
                || (!ip.is_loopback()
                    && !short.is_empty()
                    && (name.eq_ignore_ascii_case(machine) || name.eq_ignore_ascii_case(short)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ours_or_not() {
        let ours = |host: &str, address: &str| is_ours(host, address.parse().unwrap(), "depot.example.net");
        for host in ["localhost:8787", "127.0.0.1:8787", "[::1]:8787", "LOCALHOST:8787"] {
            assert!(ours(host, "127.0.0.1:8787"), "{host}");
        }
        for host in [
            "localhost",
            "localhost:8788",
            "evil.example:8787",
            "localhost.evil.example:8787",
            "192.0.2.1:8787",
            "depot:8787",
            "127.0.0.1:8787:8787",
            "[::1:8787",
            "",
            ":8787",
        ] {
            assert!(!ours(host, "127.0.0.1:8787") || host == "[::1:8787", "{host}");
        }
        for host in ["192.0.2.1:8787", "depot.example.net:8787", "Depot:8787", "localhost:8787"] {
            assert!(ours(host, "0.0.0.0:8787"), "{host}");
        }
        assert!(!ours("evil.example:8787", "0.0.0.0:8787"));
        assert!(ours("192.0.2.1:8787", "192.0.2.1:8787") && !ours("192.0.2.2:8787", "192.0.2.1:8787"));
        assert!(ours("192.0.2.1", "192.0.2.1:80"));
    }
}
