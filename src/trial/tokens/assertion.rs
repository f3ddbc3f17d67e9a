//! Client assertions: a JWT that an application signs with its certificate, in a secret's place.
//!
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>: `alg` RS256 or, newer, PS256; the
//! certificate's thumbprint in `x5t` or `x5t#S256`; `aud` the token endpoint, `iss` and `sub` the application, `exp`
//! and `nbf` a few minutes around now.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::super::certificate::Algorithm;
use super::super::desk::Desk;
use super::super::wire::Request;
use super::endpoint::Denied;

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How far clocks may be apart, in seconds. Entra allows five minutes.
const SKEW: i64 = 5 * 60;

fn invalid(code: u32, what: impl Into<String>) -> Denied {
    Denied::new(401, "invalid_client", code, what)
}

/// Checks an assertion; its signature only where the certificate is known.
pub(super) fn check(desk: &Desk<'_>, request: &Request, kind: Option<&str>, assertion: &str) -> Result<(), Denied> {
    if kind != Some(TYPE) {
        return Err(Denied::new(
            400,
            "invalid_request",
            50_027,
            format!("JWT token is invalid or malformed. 'client_assertion_type' must be '{TYPE}'."),
        ));
    }
    let malformed = || invalid(50_027, "JWT token is invalid or malformed.");
    let (signed, signature) = assertion.rsplit_once('.').ok_or_else(malformed)?;
    let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
    let header = decoded(header).ok_or_else(malformed)?;
    let claims = decoded(claims).ok_or_else(malformed)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
    check_header(desk, &header, signed, &signature)?;
    check_claims(desk, request, &claims)
}

fn decoded(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok().filter(Value::is_object)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn check_header(desk: &Desk<'_>, header: &Value, signed: &str, signature: &[u8]) -> Result<(), Denied> {
    let wrong = |reason: &str| {
        invalid(700_027, format!("Client assertion contains an invalid signature. [Reason - {reason}]"))
    };
    let algorithm = match text(header, "alg") {
        "RS256" => Algorithm::Rs256,
        "PS256" => Algorithm::Ps256,
        _ => return Err(wrong("The algorithm is not supported.")),
    };
    let (sha1, sha256) = (text(header, "x5t"), text(header, "x5t#S256"));
    if sha1.is_empty() && sha256.is_empty() {
        return Err(wrong("The key was not found: neither x5t nor x5t#S256 is given."));
    }
    let Some(certificate) = &desk.settings.client.certificate else { return Ok(()) };
    if !certificate.is(sha1, sha256) {
        return Err(wrong("The key was not found."));
    }
    if certificate.verify(algorithm, signed.as_bytes(), signature) {
        Ok(())
    } else {
        Err(wrong("The key was found, but use of the key to verify the signature failed."))
    }
}

fn check_claims(desk: &Desk<'_>, request: &Request, claims: &Value) -> Result<(), Denied> {
    let client = &desk.settings.client.client_id;
    if !text(claims, "iss").eq_ignore_ascii_case(client) || !text(claims, "sub").eq_ignore_ascii_case(client) {
        let what = "Client assertion application identifier doesn't match 'client_id' parameter.";
        return Err(invalid(700_021, what));
    }
    let audience = text(claims, "aud");
    let path = request.path.trim_end_matches('/');
    // Whoever believes to talk to the real one names the real one.
    let fits = [desk.base_url, "https://login.microsoftonline.com"]
        .iter()
        .any(|base| audience.strip_prefix(base).is_some_and(|rest| rest.eq_ignore_ascii_case(path)));
    if !fits {
        return Err(invalid(700_023, "Client assertion audience claim does not match Realm issuer."));
    }
    let number = |name: &str| claims.get(name).and_then(Value::as_i64);
    let now = desk.now.unix_ms() / 1_000;
    let (expires, from) = (number("exp"), number("nbf").unwrap_or(i64::MIN));
    if expires.is_none_or(|expires| expires.saturating_add(SKEW) < now) || from.saturating_sub(SKEW) > now {
        let what = format!(
            "Client assertion is not within its valid time range. Current time: {}, assertion valid from {from}, \
             expiry time of assertion {}.",
            desk.now,
            expires.unwrap_or_default()
        );
        return Err(invalid(700_024, what));
    }
    if text(claims, "jti").is_empty() {
        return Err(invalid(50_027, "JWT token is invalid or malformed: 'jti' is missing."));
    }
    Ok(())
}
