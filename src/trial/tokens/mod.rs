//! Access tokens: sealed by this service, so that none need be remembered, and looked at on each call.
//!
//! How one is asked for is in `endpoint`; what proves who asks, in `assertion`.

mod assertion;
pub(super) mod endpoint;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devicedrop_core::time::Timestamp;
use ring::hmac;
use serde::{Deserialize, Serialize};

use super::desk::Desk;
use super::settings::{GRAPH_PERMISSIONS, USER_IMPERSONATION};
use super::wire::Request;

/// Which service a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Audience {
    PartnerCenter,
    Graph,
    /// Asked for by this service's own address, where both live.
    Both,
}

impl Audience {
    fn opens(self, wanted: Self) -> bool {
        self == wanted || self == Self::Both
    }
}

/// What a token says of its holder, by the names that it has in tokens of the Microsoft identity platform where there are
/// such (<https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>). "Claims are present only if
/// a value exists to fill it."
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    /// In small letters.
    #[serde(rename = "tid")]
    pub(super) tenant: String,
    #[serde(rename = "appid")]
    pub(super) client: String,
    pub(super) audience: Audience,
    /// Whether it acts in the name of a person.
    pub(super) user: bool,
    /// What the application may do by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    /// What a person lent to the application, with blanks between.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    scp: String,
    /// How that person signed in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    amr: Vec<String>,
    expires_at: Timestamp,
}

impl Holder {
    /// Whether it may do what one of these permissions lets it do.
    pub(super) fn may(&self, one_of: &[&str]) -> bool {
        let lent = self.scp.split(' ');
        self.roles.iter().map(String::as_str).chain(lent).any(|held| one_of.contains(&held))
    }
}

/// Why a call isn't let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotLetIn {
    /// It has no token.
    Missing,
    /// What it has isn't one of ours.
    Invalid,
    /// Its time is over.
    Expired,
    /// It is for another service.
    OtherAudience,
}

/// Before each token, so that secret scanners and people know what it is.
const MARK: &str = "trial";

/// A new token.
fn seal(desk: &Desk<'_>, tenant: &str, client: &str, audience: Audience, user: bool) -> String {
    let expires_at = desk.now.plus(desk.settings.token_life);
    let held = |permission: &&str| !desk.settings.without_permissions.iter().any(|without| without == permission);
    let mut permissions: Vec<&str> = Vec::new();
    if audience.opens(Audience::Graph) {
        permissions.extend(GRAPH_PERMISSIONS.iter().filter(|permission| held(permission)));
    }
    if audience.opens(Audience::PartnerCenter) && user {
        permissions.extend(Some(USER_IMPERSONATION).filter(held));
    }
    let holder = Holder {
        tenant: tenant.to_owned(),
        client: client.to_owned(),
        audience,
        user,
        roles: if user { Vec::new() } else { permissions.iter().map(ToString::to_string).collect() },
        scp: if user { permissions.join(" ") } else { String::new() },
        amr: if user { vec!["pwd".to_owned(), "mfa".to_owned()] } else { Vec::new() },
        expires_at,
    };
    let claims = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&holder).unwrap_or_default());
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, desk.key), claims.as_bytes());
    format!("{MARK}.{claims}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// Whoever makes this call.
pub(super) fn holder(desk: &Desk<'_>, request: &Request, wanted: Audience) -> Result<Holder, NotLetIn> {
    let header = request.header("authorization").unwrap_or_default();
    let token = match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => token.trim(),
        _ => return Err(NotLetIn::Missing),
    };
    let holder = opened(desk.key, token).ok_or(NotLetIn::Invalid)?;
    if holder.expires_at <= desk.now {
        return Err(NotLetIn::Expired);
    }
    if !holder.audience.opens(wanted) {
        return Err(NotLetIn::OtherAudience);
    }
    Ok(holder)
}

fn opened(key: &[u8; 32], token: &str) -> Option<Holder> {
    let (claims, tag) = token.strip_prefix(MARK)?.strip_prefix('.')?.split_once('.')?;
    let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), claims.as_bytes(), &tag).ok()?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}
