//! The token endpoint, as the Microsoft identity platform documents it.
//!
//! Grants: <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>,
//! `v2-oauth2-auth-code-flow` (refresh) and `v2-oauth2-device-code` beside it; the older form with `resource` is what
//! Partner Center's documents use. Errors: <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>.

use serde_json::{Value, json};
use std::time::Duration;

use super::super::desk::Desk;
use super::super::manners::is_guid;
use super::super::settings::USER_IMPERSONATION;
use super::super::store::{DeviceCode, Trouble};
use super::super::wire::{Answer, Request, encoded, form, with_blank};
use super::{Audience, assertion, seal};

/// How long a device code can be used: "the user has only 15 minutes to sign in".
const CODE_LIFE: Duration = Duration::from_mins(15);
/// How often a client may ask whether the person has signed in, in seconds.
const CODE_INTERVAL: u64 = 5;

/// Why no token is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Denied {
    pub(super) status: u16,
    pub(super) error: &'static str,
    pub(super) code: u32,
    pub(super) what: String,
}

impl Denied {
    pub(super) fn new(status: u16, error: &'static str, code: u32, what: impl Into<String>) -> Self {
        Self { status, error, code, what: what.into() }
    }

    fn missing(parameter: &str) -> Self {
        let what = format!("The request body must contain the following parameter: '{parameter}'.");
        Self::new(400, "invalid_request", 900_144, what)
    }

    /// The body has the members of the documentation's example.
    fn answer(&self, desk: &Desk<'_>) -> Answer {
        let (trace, correlation, at) = (desk.clock.new_guid(), desk.clock.new_guid(), with_blank(desk.now));
        let Self { code, what, .. } = self;
        let description =
            format!("AADSTS{code}: {what}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {at}");
        let body = json!({
            "error": self.error,
            "error_description": description,
            "error_codes": [code],
            "timestamp": at,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("{}/error?code={code}", desk.base_url),
        });
        Answer::json(self.status, &body).with("Cache-Control", "no-store")
    }
}

type Parameters = [(String, String)];

fn parameter<'a>(parameters: &'a Parameters, name: &str) -> Option<&'a str> {
    parameters.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str()).filter(|v| !v.is_empty())
}

/// Answers a request below `/{tenant}/oauth2`.
pub(in crate::trial) fn answer(desk: &Desk<'_>, request: &Request) -> Result<Answer, Trouble> {
    let segments = request.segments();
    let tenant = segments.first().map(|tenant| tenant.to_ascii_lowercase()).unwrap_or_default();
    let rest: Vec<String> = segments.iter().skip(2).map(|part| part.to_ascii_lowercase()).collect();
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let parameters = form(&String::from_utf8_lossy(&request.body));
    let outcome = match (request.method.as_str(), rest.as_slice()) {
        ("POST", ["token"] | ["v2.0", "token"]) => token(desk, &tenant, request, &parameters)?,
        ("POST", ["devicecode"] | ["v2.0", "devicecode"]) => device_code(desk, &tenant, &parameters)?,
        ("GET", ["deviceauth"]) => return approve(desk, request),
        ("POST", _) | ("GET", ["deviceauth", ..]) => return Ok(Answer::empty(404)),
        _ => return Ok(Answer::empty(405).with("Allow", "POST")),
    };
    let older = rest.first() == Some(&"token");
    Ok(match outcome.map(|body| if older { in_older_form(desk, body, &parameters) } else { body }) {
        Ok(body) => Answer::json(200, &body).with("Cache-Control", "no-store").with("Pragma", "no-cache"),
        Err(denied) => denied.answer(desk),
    })
}

/// A tenant that there is: the partner's, a customer's, or one of the names that stand for any.
fn known_tenant(desk: &Desk<'_>, tenant: &str) -> Result<String, Denied> {
    let settings = desk.settings;
    let own = &settings.client.tenant_id;
    if ["common", "organizations"].contains(&tenant) || own.eq_ignore_ascii_case(tenant) {
        return Ok(own.to_ascii_lowercase());
    }
    let named = settings.customers.iter().any(|customer| customer.eq_ignore_ascii_case(tenant));
    if named || (settings.customers.is_empty() && is_guid(tenant)) {
        return Ok(tenant.to_owned());
    }
    let what = format!(
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the \
         correct cloud."
    );
    Err(Denied::new(400, "invalid_request", 90_002, what))
}

fn known_client<'a>(desk: &Desk<'_>, tenant: &str, parameters: &'a Parameters) -> Result<&'a str, Denied> {
    let client = parameter(parameters, "client_id").ok_or_else(|| Denied::missing("client_id"))?;
    if client.eq_ignore_ascii_case(&desk.settings.client.client_id) {
        return Ok(client);
    }
    let what = format!("Application with identifier '{client}' was not found in the directory '{tenant}'.");
    Err(Denied::new(400, "unauthorized_client", 700_016, what))
}

/// Checks secret or assertion, one of which must be there where `needed`.
fn proven(desk: &Desk<'_>, request: &Request, parameters: &Parameters, needed: bool) -> Result<(), Denied> {
    if let Some(assertion) = parameter(parameters, "client_assertion") {
        return assertion::check(desk, request, parameter(parameters, "client_assertion_type"), assertion);
    }
    match parameter(parameters, "client_secret") {
        Some(secret) if secret == desk.settings.client.secret => Ok(()),
        Some(_) => {
            let what = "Invalid client secret provided. Ensure the secret being sent in the request is the client \
                        secret value, not the client secret ID, for a secret added to the app.";
            Err(Denied::new(401, "invalid_client", 7_000_215, what))
        }
        None if needed => {
            let what =
                "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
            Err(Denied::new(401, "invalid_client", 7_000_218, what))
        }
        None => Ok(()),
    }
}

/// What the token is for, out of `scope` or, in the older form, `resource`.
fn audience(desk: &Desk<'_>, parameters: &Parameters, default_only: bool) -> Result<Audience, Denied> {
    if let Some(resource) = parameter(parameters, "resource") {
        return named(desk, resource.trim_end_matches('/')).ok_or_else(|| {
            let what = format!("The resource principal named {resource} was not found in the tenant.");
            Denied::new(400, "invalid_resource", 500_011, what)
        });
    }
    let scope = parameter(parameters, "scope").ok_or_else(|| Denied::missing("scope"))?;
    let mut resources = scope.split(' ').filter(|part| part.contains("://"));
    let (first, second) = (resources.next(), resources.next());
    let invalid = |code, what: &str| Denied::new(400, "invalid_scope", code, what);
    let Some(first) = first.filter(|_| second.is_none()) else {
        let what = format!(
            "The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid."
        );
        return Err(invalid(70_011, &what));
    };
    let (resource, permission) = first.rsplit_once('/').unwrap_or((first, ""));
    if default_only && permission != ".default" {
        let what = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with \
             /.default suffixed to the resource identifier (application ID URI)."
        );
        return Err(invalid(1_002_012, &what));
    }
    named(desk, resource.trim_end_matches('/')).ok_or_else(|| {
        let what = format!("The resource principal named {resource} was not found in the tenant.");
        Denied::new(400, "invalid_resource", 500_011, what)
    })
}

fn named(desk: &Desk<'_>, resource: &str) -> Option<Audience> {
    match resource.to_ascii_lowercase().as_str() {
        // Partner Center's own documents ask for the first of these in the name of an application alone.
        "https://graph.windows.net" | "https://api.partnercenter.microsoft.com" => Some(Audience::PartnerCenter),
        "https://graph.microsoft.com" => Some(Audience::Graph),
        own if own == desk.base_url => Some(Audience::Both),
        _ => None,
    }
}

type Outcome = Result<Result<Value, Denied>, Trouble>;

fn token(desk: &Desk<'_>, tenant: &str, request: &Request, parameters: &Parameters) -> Outcome {
    let checked = || -> Result<(String, &str, &str), Denied> {
        let tenant = known_tenant(desk, tenant)?;
        let grant = parameter(parameters, "grant_type").ok_or_else(|| Denied::missing("grant_type"))?;
        let client = known_client(desk, &tenant, parameters)?;
        // A public client (one that signs a person in by device code) has no secret.
        proven(desk, request, parameters, grant == "client_credentials")?;
        Ok((tenant, grant, client))
    };
    let (tenant, grant, client) = match checked() {
        Ok(checked) => checked,
        Err(denied) => return Ok(Err(denied)),
    };
    match grant {
        "client_credentials" => Ok(audience(desk, parameters, true).map(|audience| {
            given(desk, &seal(desk, &tenant, client, audience, false), None, parameter(parameters, "scope"))
        })),
        "refresh_token" => refreshed(desk, &tenant, client, parameters),
        "device_code" | "urn:ietf:params:oauth:grant-type:device_code" => redeemed(desk, client, parameters),
        other => {
            let what = format!("The app requested an unsupported grant type '{other}'.");
            Ok(Err(Denied::new(400, "unsupported_grant_type", 70_003, what)))
        }
    }
}

fn given(desk: &Desk<'_>, access: &str, refresh: Option<&str>, scope: Option<&str>) -> Value {
    let seconds = desk.settings.token_life.as_secs();
    let mut body = json!({
        "token_type": "Bearer",
        "expires_in": seconds,
        "ext_expires_in": seconds,
        "access_token": access,
    });
    if let (Some(refresh), Some(members)) = (refresh, body.as_object_mut()) {
        members.insert("refresh_token".to_owned(), refresh.into());
        members.insert("scope".to_owned(), scope.unwrap_or_default().into());
    }
    body
}

/// The older endpoint writes its numbers as text, and says until when in seconds since 1970.
fn in_older_form(desk: &Desk<'_>, mut body: Value, parameters: &Parameters) -> Value {
    if let Some(members) = body.as_object_mut().filter(|members| members.contains_key("access_token")) {
        let (now, seconds) = (desk.now.unix_ms() / 1_000, desk.settings.token_life.as_secs());
        let until = now.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX));
        members.insert("expires_in".to_owned(), seconds.to_string().into());
        members.insert("ext_expires_in".to_owned(), seconds.to_string().into());
        members.insert("expires_on".to_owned(), until.to_string().into());
        members.insert("not_before".to_owned(), now.to_string().into());
        members.insert("resource".to_owned(), parameter(parameters, "resource").unwrap_or_default().into());
    }
    body
}

/// A new refresh token comes with each; "refresh tokens aren't revoked when used to fetch new access tokens", unless
/// this service was told otherwise.
fn refreshed(desk: &Desk<'_>, tenant: &str, client: &str, parameters: &Parameters) -> Outcome {
    let Some(token) = parameter(parameters, "refresh_token") else {
        return Ok(Err(Denied::missing("refresh_token")));
    };
    let invalid = |code, what: &str| Ok(Err(Denied::new(400, "invalid_grant", code, what)));
    let Some(known) = desk.session.refresh_token(token)? else {
        return invalid(9_002_313, "Invalid request. Request is malformed or invalid.");
    };
    if !known.client.eq_ignore_ascii_case(client) {
        return invalid(70_000, "Provided grant was issued to another client.");
    }
    if known.used && desk.settings.one_time_refresh {
        return invalid(70_008, "The provided authorization code or refresh token has expired due to inactivity.");
    }
    // The partner's consent reaches into the tenants of his customers; nobody else's does.
    let own = desk.settings.client.tenant_id.eq_ignore_ascii_case(&known.tenant);
    if !own && known.tenant != tenant {
        return invalid(700_005, "Provided grant is intended to use against another tenant.");
    }
    let audience = match audience(desk, parameters, false) {
        Ok(audience) => audience,
        Err(denied) => return Ok(Err(denied)),
    };
    if let Err(denied) = consented(desk, client, audience) {
        return Ok(Err(denied));
    }
    let newer = new_secret(desk, "refresh");
    desk.session.use_refresh_token(token)?;
    desk.session.add_refresh_token(&newer, &known.tenant, client)?;
    let access = seal(desk, tenant, client, audience, true);
    Ok(Ok(given(desk, &access, Some(&newer), parameter(parameters, "scope"))))
}

/// Whether somebody consented to what the application asks for in a person's name (AADSTS65001).
fn consented(desk: &Desk<'_>, client: &str, audience: Audience) -> Result<(), Denied> {
    let is_without = desk.settings.without_permissions.iter().any(|without| without == USER_IMPERSONATION);
    if !(is_without && audience.opens(Audience::PartnerCenter)) {
        return Ok(());
    }
    let what = format!(
        "The user or administrator has not consented to use the application with ID '{client}'. Send an interactive \
         authorization request for this user and resource."
    );
    Err(Denied::new(400, "invalid_grant", 65_001, what))
}

fn device_code(desk: &Desk<'_>, tenant: &str, parameters: &Parameters) -> Outcome {
    let checked = || -> Result<(String, String), Denied> {
        let tenant = known_tenant(desk, tenant)?;
        let client = known_client(desk, &tenant, parameters)?.to_owned();
        audience(desk, parameters, false)?;
        Ok((tenant, client))
    };
    let (tenant, client) = match checked() {
        Ok(checked) => checked,
        Err(denied) => return Ok(Err(denied)),
    };
    let user_code: String = desk
        .clock
        .new_guid()
        .to_ascii_uppercase()
        .chars()
        .rev()
        .filter(char::is_ascii_alphanumeric)
        .take(8)
        .collect();
    let for_what = ["scope", "resource"].into_iter().find_map(|name| Some((name, parameter(parameters, name)?)));
    let scope = for_what.map(|(name, value)| format!("{name}={}", encoded(value))).unwrap_or_default();
    let new = DeviceCode {
        code: new_secret(desk, "device"),
        user_code,
        tenant,
        client,
        scope,
        expires_at: desk.now.plus(CODE_LIFE),
        approved: false,
        redeemed: false,
    };
    desk.session.add_device_code(&new)?;
    // One that is approved at once is so from the second question on: a client that can't wait shows itself.
    let page = format!("{}/{}/oauth2/deviceauth?code={}", desk.base_url, new.tenant, encoded(&new.user_code));
    Ok(Ok(json!({
        "user_code": new.user_code,
        "device_code": new.code,
        "verification_uri": page,
        "expires_in": CODE_LIFE.as_secs(),
        "interval": CODE_INTERVAL,
        "message": format!(
            "To sign in, use a web browser to open the page {page} and enter the code {} to authenticate.",
            new.user_code
        ),
    })))
}

/// The page that a person opens.
fn approve(desk: &Desk<'_>, request: &Request) -> Result<Answer, Trouble> {
    let code = request.parameter("code").unwrap_or_default().to_ascii_uppercase();
    let known = desk.session.approve(&code)?;
    let (status, text) = if known {
        (200, "You have signed in. You may close this page.\n")
    } else {
        (404, "There is no such code.\n")
    };
    Ok(Answer::text(status, "text/plain; charset=utf-8", text))
}

/// Tokens for a device code, once a person has approved it.
fn redeemed(desk: &Desk<'_>, client: &str, parameters: &Parameters) -> Outcome {
    let Some(code) = parameter(parameters, "device_code").or(parameter(parameters, "code")) else {
        return Ok(Err(Denied::missing("device_code")));
    };
    let denied = |error, number, what: &str| Ok(Err(Denied::new(400, error, number, what)));
    let Some(known) = desk.session.device_code(code)?.filter(|known| known.client.eq_ignore_ascii_case(client))
    else {
        return denied("bad_verification_code", 70_018, "Invalid verification code.");
    };
    if known.expires_at <= desk.now {
        return denied(
            "expired_token",
            70_020,
            "The provided value for the input parameter 'device_code' is not valid. The code has expired.",
        );
    }
    if known.redeemed {
        return denied("invalid_grant", 54_005, "The device code was already redeemed.");
    }
    if !known.approved {
        if desk.settings.approve_at_once {
            desk.session.approve(&known.user_code)?;
        }
        let what = "OAuth 2.0 device flow error. Authorization is pending. Continue polling.";
        return denied("authorization_pending", 70_016, what);
    }
    let asked = form(&known.scope);
    let audience = match audience(desk, &asked, false) {
        Ok(audience) => audience,
        Err(denied) => return Ok(Err(denied)),
    };
    if let Err(denied) = consented(desk, client, audience) {
        return Ok(Err(denied));
    }
    desk.session.redeem(code)?;
    let refresh = new_secret(desk, "refresh");
    desk.session.add_refresh_token(&refresh, &known.tenant, client)?;
    let access = seal(desk, &known.tenant, client, audience, true);
    Ok(Ok(given(desk, &access, Some(&refresh), parameter(&asked, "scope"))))
}

fn new_secret(desk: &Desk<'_>, kind: &str) -> String {
    format!("trial-{kind}-{}{}", desk.clock.new_guid(), desk.clock.new_guid()).replacen("--", "-", 1)
}

/// What the endpoint says while it can't give tokens.
pub(in crate::trial) fn unavailable(desk_url: &str, status: u16, at: &str, guids: [String; 2]) -> Answer {
    let [trace, correlation] = guids;
    let what = "AADSTS90033: A transient error has occurred. Please try again.";
    let description = format!("{what}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {at}");
    let body = json!({
        "error": "temporarily_unavailable",
        "error_description": description,
        "error_codes": [90_033],
        "timestamp": at,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": format!("{desk_url}/error?code=90033"),
    });
    Answer::json(status, &body)
}
