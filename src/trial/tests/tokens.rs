//! The token endpoint. The assertions in `data/` were signed with the certificate's key, which nobody kept.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::certificate::Certificate;
use super::super::settings::Client;
use super::*;

const SCOPE: &str = "https://api.partnercenter.microsoft.com/.default";
const CERTIFICATE: &str = include_str!("data/certificate.pem");
const RS256: &str = include_str!("data/assertion.rs256.jwt");
const PS256: &str = include_str!("data/assertion.ps256.jwt");
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The right parameters, some of them put in the place of others or left out.
fn asked<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut parameters = vec![
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT),
        ("client_secret", "trial-secret-known-to-everybody"),
        ("scope", SCOPE),
    ];
    for change in changes {
        parameters.retain(|(name, _)| *name != change.0);
        parameters.push(*change);
    }
    parameters.retain(|(_, value)| !value.is_empty());
    parameters
}

fn error_of((status, body): &(u16, Value)) -> (u16, String, u64) {
    let code = body["error_codes"][0].as_u64().unwrap_or_default();
    let description = text(&body["error_description"]);
    assert!(description.starts_with(&format!("AADSTS{code}: ")), "{body}");
    for name in ["timestamp", "trace_id", "correlation_id", "error_uri"] {
        assert!(body[name].is_string(), "{name}: {body}");
    }
    (*status, text(&body["error"]).to_owned(), code)
}

#[test]
fn a_wrong_request_gets_its_documented_error() {
    let trial = Trial::new(Settings { customers: vec![CUSTOMER.to_owned()], ..open() });
    for (tenant, changes, expected) in [
        (PARTNER, vec![("client_secret", "x")], (401, "invalid_client", 7_000_215)),
        (PARTNER, vec![("client_secret", "")], (401, "invalid_client", 7_000_218)),
        (PARTNER, vec![("client_id", OTHER)], (400, "unauthorized_client", 700_016)),
        (PARTNER, vec![("client_id", "")], (400, "invalid_request", 900_144)),
        (PARTNER, vec![("grant_type", "")], (400, "invalid_request", 900_144)),
        (PARTNER, vec![("grant_type", "password")], (400, "unsupported_grant_type", 70_003)),
        (PARTNER, vec![("scope", "")], (400, "invalid_request", 900_144)),
        (PARTNER, vec![("scope", "User.Read")], (400, "invalid_scope", 70_011)),
        (PARTNER, vec![("scope", "https://graph.microsoft.com/User.Read")], (400, "invalid_scope", 1_002_012)),
        (PARTNER, vec![("scope", "https://example.com/.default")], (400, "invalid_resource", 500_011)),
        (OTHER, vec![], (400, "invalid_request", 90_002)),
        (PARTNER, vec![("grant_type", "refresh_token")], (400, "invalid_request", 900_144)),
        (PARTNER, vec![("grant_type", "refresh_token"), ("refresh_token", "x")], (400, "invalid_grant", 9_002_313)),
    ] {
        let (status, error, code) = expected;
        let found = error_of(&trial.ask_token(tenant, &asked(&changes)));
        assert_eq!(found, (status, error.to_owned(), code), "{tenant} {changes:?}");
    }
}

#[test]
fn a_refresh_token_gives_a_new_one_and_lives_on_unless_told_otherwise() {
    for (one_time, second) in [(false, 200), (true, 400)] {
        let trial = Trial::new(Settings { one_time_refresh: one_time, ..open() });
        let refresh = |token: &str| {
            let parameters = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_secret", "")];
            trial.ask_token(PARTNER, &asked(&parameters))
        };
        let (status, body) = refresh("trial-refresh-token-known-to-everybody");
        assert_eq!(status, 200, "{body}");
        let newer = text(&body["refresh_token"]).to_owned();
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!(refresh("trial-refresh-token-known-to-everybody").0, second);
        assert_eq!(refresh(&newer).0, 200);
    }
}

#[test]
fn a_device_code_waits_for_its_page_and_is_good_once() {
    let trial = Trial::new(Settings { approve_at_once: false, ..open() });
    let scope = "https://graph.microsoft.com/DeviceManagementServiceConfig.ReadWrite.All";
    let body = format!("client_id={CLIENT}&scope={}", super::super::wire::encoded(scope));
    let answer = trial.send("POST", &format!("/{PARTNER}/oauth2/v2.0/devicecode"), &[], body.as_bytes());
    let began = told(&answer);
    assert_eq!((answer.status, &began["interval"], &began["expires_in"]), (200, &json!(5), &json!(900)), "{began}");
    let code = text(&began["device_code"]).to_owned();
    let redeem = || {
        let parameters = [("grant_type", DEVICE_CODE), ("device_code", code.as_str()), ("client_secret", "")];
        trial.ask_token(PARTNER, &asked(&parameters))
    };
    let pending = (400, "authorization_pending".to_owned(), 70_016);
    assert_eq!([error_of(&redeem()), error_of(&redeem())], [pending.clone(), pending]);
    let page = text(&began["verification_uri"]).strip_prefix(BASE).expect("our own page");
    assert!(text(&began["message"]).contains(text(&began["user_code"])), "{began}");
    assert_eq!(trial.send("GET", page, &[], b"").status, 200);
    let (status, tokens) = redeem();
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(text(&tokens["scope"]), scope);
    let authorization = format!("Bearer {}", text(&tokens["access_token"]));
    assert_eq!(trial.send("GET", "/v1.0/organization", &[("Authorization", &authorization)], b"").status, 200);
    let again =
        [("grant_type", "refresh_token"), ("refresh_token", text(&tokens["refresh_token"])), ("client_secret", "")];
    assert_eq!(trial.ask_token(PARTNER, &asked(&again)).0, 200);
    assert_eq!(error_of(&redeem()).1, "invalid_grant");
}

#[test]
fn a_device_code_runs_out() {
    let trial = Trial::new(open());
    let body = format!("client_id={CLIENT}&resource=https%3A%2F%2Fapi.partnercenter.microsoft.com");
    let began = told(&trial.send("POST", &format!("/{PARTNER}/oauth2/devicecode"), &[], body.as_bytes()));
    let code = text(&began["device_code"]).to_owned();
    let redeem = |code: &str| {
        let parameters = [("grant_type", DEVICE_CODE), ("device_code", code), ("client_secret", "")];
        trial.ask_token(PARTNER, &asked(&parameters))
    };
    assert_eq!(error_of(&redeem("x")).1, "bad_verification_code");
    // Approved by the first question, but too late.
    assert_eq!(error_of(&redeem(&code)).1, "authorization_pending");
    trial.clock.advance(Duration::from_mins(15));
    assert_eq!(error_of(&redeem(&code)).1, "expired_token");
}

#[test]
fn the_older_endpoint_writes_numbers_as_text() {
    let trial = Trial::new(open());
    let body = format!(
        "grant_type=client_credentials&client_id={CLIENT}&client_secret=trial-secret-known-to-everybody\
         &resource=https%3A%2F%2Fgraph.windows.net"
    );
    let answer = told(&trial.send("POST", &format!("/{PARTNER}/oauth2/token"), &[], body.as_bytes()));
    assert_eq!((&answer["expires_in"], &answer["expires_on"]), (&json!("3600"), &json!("1795359939")), "{answer}");
}

fn with_certificate() -> Trial {
    let certificate = Certificate::from_pem(CERTIFICATE).expect("a certificate");
    let client = Client { certificate: Some(certificate), ..Client::default() };
    Trial::new(Settings { client, ..open() })
}

fn by_assertion(trial: &Trial, assertion: &str) -> (u16, Value) {
    let changes =
        [("client_secret", ""), ("client_assertion_type", JWT_BEARER), ("client_assertion", assertion.trim())];
    trial.ask_token(PARTNER, &asked(&changes))
}

#[test]
fn an_assertion_is_good_in_a_secrets_place() {
    for assertion in [RS256, PS256] {
        assert_eq!(by_assertion(&with_certificate(), assertion).0, 200);
        assert_eq!(by_assertion(&Trial::new(open()), assertion).0, 200);
    }
}

/// The assertion with one claim or header set; its signature is the old one.
fn forged(part: usize, name: &str, value: &Value) -> String {
    let mut parts: Vec<String> = RS256.trim().split('.').map(ToOwned::to_owned).collect();
    let mut object: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&parts[part]).expect("base64")).expect("JSON");
    object[name] = value.clone();
    parts[part] = URL_SAFE_NO_PAD.encode(object.to_string());
    parts.join(".")
}

#[test]
fn an_assertion_that_is_not_right_is_refused_for_its_reason() {
    let unsigned = Trial::new(open());
    for (assertion, code) in [
        ("x".to_owned(), 50_027),
        ("a.b.c".to_owned(), 50_027),
        (forged(1, "aud", &json!("https://login.microsoftonline.com/common/oauth2/v2.0/token")), 700_023),
        (forged(1, "iss", &json!(OTHER)), 700_021),
        (forged(1, "sub", &json!(OTHER)), 700_021),
        (forged(1, "exp", &json!(1_795_356_000)), 700_024),
        (forged(1, "nbf", &json!(1_795_357_000)), 700_024),
        (forged(1, "jti", &Value::Null), 50_027),
        (forged(0, "alg", &json!("none")), 700_027),
        (forged(0, "x5t", &json!("")), 700_027),
    ] {
        let (status, error, found) = error_of(&by_assertion(&unsigned, &assertion));
        assert_eq!((status, error.as_str(), found), (401, "invalid_client", code), "{assertion}");
    }
    // With the certificate at hand, a change that is right by itself shows too.
    let forged = forged(1, "jti", &json!("another"));
    assert_eq!(by_assertion(&unsigned, &forged).0, 200);
    assert_eq!(error_of(&by_assertion(&with_certificate(), &forged)).2, 700_027);
    let late = with_certificate();
    late.clock.advance(Duration::from_hours(1));
    assert_eq!(error_of(&by_assertion(&late, RS256)).2, 700_024);
}

/// The claims of a token, which its service alone needs to read.
fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a payload");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64")).expect("JSON")
}

#[test]
fn a_token_holds_the_permissions_and_without_one_what_needs_it_is_refused() {
    let config = "DeviceManagementServiceConfig.ReadWrite.All";
    let devices = "DeviceManagementManagedDevices.Read.All";
    for (without, roles, statuses) in [
        ("", vec![config, devices], [200, 200]),
        (devices, vec![config], [200, 403]),
        (config, vec![devices], [403, 200]),
    ] {
        let without = Some(without.to_owned()).filter(|without| !without.is_empty());
        let trial = Trial::new(Settings { without_permissions: without.into_iter().collect(), ..open() });
        let token = trial.authorization(CUSTOMER, "https://graph.microsoft.com");
        assert_eq!(claims(&token)["roles"], json!(roles));
        assert_eq!(claims(&token)["tid"], CUSTOMER);
        assert!(claims(&token).get("scp").is_none(), "no person lent it anything");
        let asked = ["deviceManagement/importedWindowsAutopilotDeviceIdentities", "deviceManagement/managedDevices"]
            .map(|path| trial.graph(CUSTOMER, "GET", path, &Value::Null).status);
        assert_eq!(asked, statuses);
    }
}

#[test]
fn a_token_in_a_persons_name_holds_what_he_lent_if_anybody_consented() {
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", "trial-refresh-token-known-to-everybody")];
    let (status, body) = Trial::new(open()).ask_token(PARTNER, &asked(&refresh));
    assert_eq!(status, 200, "{body}");
    let claims = claims(text(&body["access_token"]));
    assert_eq!((&claims["scp"], &claims["amr"]), (&json!("user_impersonation"), &json!(["pwd", "mfa"])));
    assert!(claims.get("roles").is_none(), "the application may do nothing by itself");
    let without = vec!["user_impersonation".to_owned()];
    let refused =
        Trial::new(Settings { without_permissions: without, ..open() }).ask_token(PARTNER, &asked(&refresh));
    assert_eq!(error_of(&refused), (400, "invalid_grant".to_owned(), 65_001));
}
