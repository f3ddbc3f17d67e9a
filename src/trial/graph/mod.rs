//! Microsoft Graph, as far as it is about Windows Autopilot and managed devices: the reference pages
//! `intune-enrollment-importedwindowsautopilotdeviceidentity-*`, `intune-enrollment-windowsautopilotdeviceidentity-*`
//! and `intune-devices-manageddevice-*` below <https://learn.microsoft.com/graph/api/>.
//!
//! Here are routes, rights and errors (<https://learn.microsoft.com/graph/errors>); several requests in one are in
//! `batch`, what is imported in `imports`, what is registered in `devices`, queries in `odata`.

mod batch;
mod devices;
mod imports;
mod odata;

use devicedrop_core::time::Timestamp;
use serde_json::{Value, json};

use super::desk::Desk;
use super::store::Trouble;
use super::tokens::{Audience, Holder, NotLetIn, holder};
use super::wire::{Answer, Request, without_zone};

/// Answers a request below `/v1.0`.
pub(super) fn answer(desk: &Desk<'_>, request: &Request) -> Result<Answer, Trouble> {
    let holder = match holder(desk, request, Audience::Graph) {
        Ok(holder) => holder,
        Err(why) => return Ok(not_let_in(desk, why)),
    };
    let segments = request.segments();
    if segments.first().is_none_or(|version| version != "v1.0") {
        let version = segments.first().map(String::as_str).unwrap_or_default();
        return Ok(error(desk, 400, "BadRequest", &format!("Invalid version: {version}")));
    }
    match segments.get(1).map(String::as_str) {
        Some("$batch") if request.method == "POST" => batch::answer(desk, request, &holder),
        _ => route(desk, request, &holder),
    }
}

fn not_let_in(desk: &Desk<'_>, why: NotLetIn) -> Answer {
    let message = match why {
        NotLetIn::Missing => "Access token is empty.",
        NotLetIn::Invalid => "CompactToken parsing failed with error code: 80049217",
        NotLetIn::Expired => "Lifetime validation failed, the token is expired.",
        NotLetIn::OtherAudience => "Access token validation failure. Invalid audience.",
    };
    let realm = format!("Bearer realm=\"\", authorization_uri=\"{}/common/oauth2/authorize\"", desk.base_url);
    error(desk, 401, "InvalidAuthenticationToken", message).with("WWW-Authenticate", realm)
}

/// Answers one request, by itself or out of a batch.
fn route(desk: &Desk<'_>, request: &Request, holder: &Holder) -> Result<Answer, Trouble> {
    let segments = request.segments();
    let lower: Vec<String> = segments.iter().map(|part| part.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().skip(1).map(String::as_str).collect();
    let tenant = holder.tenant.as_str();
    let method = request.method.as_str();
    let needed = needed(method, lower.get(1).copied().unwrap_or_default());
    if !needed.is_empty() && !holder.may(needed) {
        return Ok(not_authorized(desk, needed));
    }
    match lower.as_slice() {
        ["organization"] if method == "GET" => Ok(organization(desk, tenant)),
        ["devicemanagement", "importedwindowsautopilotdeviceidentities", rest @ ..] => {
            match (method, rest) {
                ("GET", []) => imports::list(desk, request, tenant),
                ("POST", []) => imports::create(desk, request, tenant),
                // "import" is an action bound to the collection; its full name is taken too.
                ("POST", ["import" | "microsoft.graph.import"]) => imports::import(desk, request, tenant),
                ("GET", [guid]) => imports::get(desk, tenant, guid),
                ("DELETE", [guid]) => imports::delete(desk, tenant, guid),
                _ => Ok(no_such_method(desk, request)),
            }
        }
        ["devicemanagement", "windowsautopilotdeviceidentities", rest @ ..] => match (method, rest) {
            ("GET", []) => devices::identities(desk, request, tenant),
            ("GET", [guid]) => devices::identity(desk, tenant, guid),
            ("DELETE", [guid]) => devices::delete_identity(desk, tenant, guid),
            _ => Ok(no_such_method(desk, request)),
        },
        ["devicemanagement", "manageddevices", rest @ ..] => match (method, rest) {
            ("GET", []) => devices::managed(desk, request, tenant),
            ("GET", [guid]) => devices::managed_one(desk, tenant, guid),
            _ => Ok(no_such_method(desk, request)),
        },
        _ => {
            let what = format!("Resource not found for the segment '{}'.", lower.last().copied().unwrap_or_default());
            Ok(error(desk, 400, "BadRequest", &what))
        }
    }
}

/// The permissions one of which is needed, by the pages of the resources.
fn needed(method: &str, collection: &str) -> &'static [&'static str] {
    match (collection, method) {
        ("importedwindowsautopilotdeviceidentities" | "windowsautopilotdeviceidentities", "GET") => {
            &["DeviceManagementServiceConfig.Read.All", "DeviceManagementServiceConfig.ReadWrite.All"]
        }
        ("importedwindowsautopilotdeviceidentities" | "windowsautopilotdeviceidentities", _) => {
            &["DeviceManagementServiceConfig.ReadWrite.All"]
        }
        ("manageddevices", _) => {
            &["DeviceManagementManagedDevices.Read.All", "DeviceManagementManagedDevices.ReadWrite.All"]
        }
        _ => &[],
    }
}

/// What Intune answers then, as its users report it.
fn not_authorized(desk: &Desk<'_>, needed: &[&str]) -> Answer {
    let what = format!(
        "Application is not authorized to perform this operation. Application must have one of the following scopes: {}",
        needed.join(", ")
    );
    error(desk, 403, "Forbidden", &what)
}

fn no_such_method(desk: &Desk<'_>, request: &Request) -> Answer {
    error(desk, 405, "Request_BadRequest", &format!("Specified HTTP method is not allowed: {}", request.method))
}

/// The tenant itself: <https://learn.microsoft.com/graph/api/organization-list>.
fn organization(desk: &Desk<'_>, tenant: &str) -> Answer {
    let body = json!({
        "@odata.context": format!("{}/v1.0/$metadata#organization", desk.base_url),
        "value": [{
            "id": tenant,
            "displayName": format!("Trial tenant {tenant}"),
            "tenantType": "AAD",
            "verifiedDomains": [
                { "name": "trial.devicedrop.example", "type": "Managed", "isDefault": true, "isInitial": true }
            ],
        }],
    });
    Answer::json(200, &body)
}

fn error(desk: &Desk<'_>, status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, &error_body(code, message, desk.now, &desk.clock.new_guid()))
}

fn not_found(desk: &Desk<'_>, what: &str, guid: &str) -> Answer {
    error(desk, 404, "ResourceNotFound", &format!("Resource not found: {what} {guid}"))
}

fn error_body(code: &str, message: &str, now: Timestamp, guid: &str) -> Value {
    let inner = json!({ "date": without_zone(now), "request-id": guid, "client-request-id": guid });
    json!({ "error": { "code": code, "message": message, "innerError": inner } })
}

/// What Graph says while it can't do what it is asked; 429 as in <https://learn.microsoft.com/graph/throttling>.
pub(super) fn trouble(status: u16, now: Timestamp, guid: &str) -> Answer {
    let (code, message) = match status {
        429 => ("TooManyRequests", "Please retry again later."),
        503 => ("serviceNotAvailable", "The service is temporarily unavailable. Please retry later."),
        _ => ("InternalServerError", "An internal server error has occurred."),
    };
    let mut body = error_body(code, message, now, guid);
    if status == 429
        && let Some(inner) = body.pointer_mut("/error/innerError").and_then(Value::as_object_mut)
    {
        inner.insert("code".to_owned(), "429".into());
        inner.insert("message".to_owned(), "Please retry after".into());
        inner.insert("status".to_owned(), "429".into());
    }
    Answer::json(status, &body)
}

/// Adds what every answer has; the error's body names the same request.
pub(super) fn with_headers(mut answer: Answer, request: &Request) -> Answer {
    let guid = request.id.clone();
    let client = request.header("client-request-id").unwrap_or(&guid).to_owned();
    if answer.status >= 400
        && let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body)
        && let Some(inner) = body.pointer_mut("/error/innerError").and_then(Value::as_object_mut)
    {
        inner.insert("request-id".to_owned(), guid.clone().into());
        inner.insert("client-request-id".to_owned(), client.clone().into());
        answer.body = body.to_string().into_bytes();
    }
    let diagnostic =
        json!({ "ServerInfo": { "DataCenter": "Trial", "Slice": "E", "Ring": "1", "ScaleUnit": "000" } });
    answer
        .with("request-id", guid)
        .with("client-request-id", client)
        .with("x-ms-ags-diagnostic", diagnostic.to_string())
}
