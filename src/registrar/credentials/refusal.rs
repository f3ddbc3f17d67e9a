//! What the sign-in service says when it gives no token, and what is to be done about it.
//!
//! The form is that of RFC 6749, section 5.2; Microsoft's numbers (AADSTS...) stand in
//! <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>, which says of itself that they may
//! change: they choose the advice alone, and the error's own name decides.

use devicedrop_core::shown::shown;
use serde::Deserialize;

use super::TokenTrouble;
use crate::registrar::http::Received;
use std::time::{Duration, SystemTime};

/// How much of a description is told.
const TOLD: usize = 300;

/// The body of a refusal.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Refusal {
    /// Its name, as `invalid_client`.
    #[serde(default)]
    pub(super) error: String,
    #[serde(default)]
    error_description: String,
    #[serde(default)]
    error_codes: Vec<u64>,
}

impl Refusal {
    /// The refusal in an answer; one without a name where there is none.
    pub(super) fn of(received: &Received) -> Self {
        serde_json::from_slice(&received.body).unwrap_or_default()
    }

    /// Microsoft's number, if there is one.
    fn number(&self) -> Option<u64> {
        self.error_codes.first().copied().or_else(|| {
            let (_, rest) = self.error_description.split_once("AADSTS")?;
            rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
        })
    }

    /// The first line of the description, without what differs each time.
    fn description(&self) -> String {
        let line = self.error_description.lines().next().unwrap_or_default();
        let line = line.split(" Trace ID:").next().unwrap_or_default().trim();
        shown(&line.chars().take(TOLD).collect::<String>()).to_string()
    }
}

/// The trouble that an answer without a token means.
pub(super) fn trouble(received: &Received, tenant: &str, now: SystemTime) -> TokenTrouble {
    let refusal = Refusal::of(received);
    let retry_after = received.retry_after(now);
    let status = received.status;
    if status == 429 || status >= 500 {
        return later(format!("the sign-in service is busy (status {status})"), retry_after);
    }
    if (300..400).contains(&status) {
        return TokenTrouble::Broken(format!(
            "the sign-in service answers with status {status} and sends us elsewhere, where no secret is sent: look at \
             `login_url`, and at proxies on the way"
        ));
    }
    let number = refusal.number();
    // 90033, 90006, 90024, 50196: said to pass by themselves.
    let passes = matches!(refusal.error.as_str(), "temporarily_unavailable" | "server_error")
        || matches!(number, Some(90033 | 90006 | 90024 | 50196));
    if passes {
        return later(format!("the sign-in service can't work now: {}", refusal.description()), retry_after);
    }
    if refusal.error.is_empty() {
        return TokenTrouble::Broken(format!(
            "the sign-in service answers with status {status} and nothing that says why: look at `login_url` and at \
             `tenant_id` ({})",
            shown(tenant)
        ));
    }
    let name = shown(&refusal.error.chars().take(64).collect::<String>()).to_string();
    let number_told = number.map_or_else(String::new, |number| format!(", AADSTS{number}"));
    let description = refusal.description();
    let description = if description.is_empty() { String::new() } else { format!(" It says: {description}") };
    let advice = advice(&refusal.error, number, &shown(tenant).to_string());
    TokenTrouble::Broken(format!("{advice} ({name}{number_told}).{description}"))
}

/// Trouble that passes.
pub(super) fn later(why: String, retry_after: Option<Duration>) -> TokenTrouble {
    TokenTrouble::Unavailable { why, retry_after }
}

/// What to do, by Microsoft's number, else by the error's name.
fn advice(error: &str, number: Option<u64>, tenant: &str) -> String {
    let sign_in = "run `devicedrop registrar sign-in`";
    match number {
        Some(7_000_215) => "the client secret is wrong: take the secret's value, not its ID, from \"Certificates & \
                            secrets\" of the app registration"
            .to_owned(),
        Some(7_000_222) => "the client secret has expired: make a new one in the app registration and put it in the \
                            place of the old one"
            .to_owned(),
        Some(700_016) => format!(
            "the tenant {tenant} doesn't know the app: look at `client_id` and `tenant_id`, or let an administrator \
             of that tenant consent to the app"
        ),
        Some(7_000_229 | 650_052 | 500_011) => format!(
            "the app, or the service that it asks for, is missing in the tenant {tenant}: let an administrator of that \
             tenant consent to the app"
        ),
        Some(7_000_112) => {
            "the app is switched off in the tenant: switch it on under \"Enterprise applications\"".to_owned()
        }
        Some(90002 | 900_023) => format!("there is no tenant {tenant}: look at `tenant_id`"),
        Some(700_027) => "the certificate isn't the app's: upload it under \"Certificates & secrets\" of the app \
                          registration, and look at whether it has expired"
            .to_owned(),
        Some(700_024) => "our proof was outside of its time: set this machine's clock right".to_owned(),
        Some(7_000_218) => "the app must prove who it is: add `secret`, or `certificate` and `private_key`, to its \
                            credentials"
            .to_owned(),
        Some(700_025) => {
            "the app is a public one: take `secret` or `certificate` out of its credentials, or register \
                          it as a web app"
                .to_owned()
        }
        Some(65001) => format!("nobody has consented to the app in the tenant {tenant}: let an administrator do so"),
        Some(70011 | 1_002_012) => {
            "the sign-in service doesn't know the service that is asked for: look at `base_url` \
                                    and `login_url`"
                .to_owned()
        }
        Some(50076 | 50078 | 50079 | 50158) => {
            format!("the sign-in was made without a second factor, which the tenant asks for: {sign_in}, with it")
        }
        Some(53000..=53004 | 530_003) => "a Conditional Access policy of the tenant blocks the sign-in: let its \
                                          administrator allow it for this app from this machine"
            .to_owned(),
        Some(700_082 | 70008) => format!("the sign-in wasn't used for too long and has ended: {sign_in}"),
        Some(50173 | 700_084 | 70043 | 50132) => {
            format!("the sign-in was taken back (a new password, or an administrator): {sign_in}")
        }
        Some(50034 | 50057) => format!("the user who signed in is gone or switched off: {sign_in} as another"),
        _ => by_name(error, sign_in, tenant),
    }
}

fn by_name(error: &str, sign_in: &str, tenant: &str) -> String {
    match error {
        "invalid_client" => {
            "the sign-in service doesn't take our proof of who the app is: look at `client_id` and its \
                             secret or certificate"
                .to_owned()
        }
        "invalid_grant" | "interaction_required" | "login_required" | "consent_required" => {
            format!("the sign-in doesn't hold any more: {sign_in}")
        }
        "unauthorized_client" | "access_denied" => format!(
            "the app may not do this in the tenant {tenant}: look at `client_id`, and let an administrator of that \
             tenant consent to it"
        ),
        "invalid_scope" | "invalid_resource" | "invalid_target" => {
            "the sign-in service doesn't know the service that \
                                                                     is asked for: look at `base_url` and `login_url`"
                .to_owned()
        }
        "authorization_declined" => format!("the sign-in was declined: {sign_in} again"),
        "expired_token" | "code_expired" | "bad_verification_code" => {
            format!("the code has expired: {sign_in} again")
        }
        _ => "the sign-in service refuses us: look at `login_url`, `client_id` and `credentials`".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registrar::http::HeaderMap;
    use insta::assert_snapshot;
    use proptest::prelude::*;
    use serde_json::json;

    fn told(status: u16, body: &str) -> TokenTrouble {
        let received = Received { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() };
        trouble(&received, "contoso.example", SystemTime::UNIX_EPOCH)
    }

    fn broken(status: u16, body: &str) -> String {
        match told(status, body) {
            TokenTrouble::Broken(what) => what,
            other @ TokenTrouble::Unavailable { .. } => panic!("{other:?}"),
        }
    }

    #[test]
    fn refusals_say_what_to_do() {
        let as_microsoft = r#"{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys for app '6731de76' are expired. Trace ID: 0a Correlation ID: 0b Timestamp: 2026-11-23 08:00:00Z","error_codes":[7000222],"trace_id":"0a"}"#;
        let numbered = r#"{"error":"invalid_grant","error_description":"AADSTS700082: The refresh token has expired due to inactivity.\r\nTrace ID: 1"}"#;
        let answers = [
            broken(401, as_microsoft),
            broken(400, numbered),
            broken(400, r#"{"error":"unauthorized_client"}"#),
            broken(400, r#"{"error":"new\u001b[2J"}"#),
            broken(404, "<html>"),
            broken(302, ""),
        ];
        assert_snapshot!(answers.join("\n"), @r"
        the client secret has expired: make a new one in the app registration and put it in the place of the old one (invalid_client, AADSTS7000222). It says: AADSTS7000222: The provided client secret keys for app '6731de76' are expired.
        the sign-in wasn't used for too long and has ended: run `devicedrop registrar sign-in` (invalid_grant, AADSTS700082). It says: AADSTS700082: The refresh token has expired due to inactivity.
        the app may not do this in the tenant contoso.example: look at `client_id`, and let an administrator of that tenant consent to it (unauthorized_client).
        the sign-in service refuses us: look at `login_url`, `client_id` and `credentials` (new\u{1b}[2J).
        the sign-in service answers with status 404 and nothing that says why: look at `login_url` and at `tenant_id` (contoso.example)
        the sign-in service answers with status 302 and sends us elsewhere, where no secret is sent: look at `login_url`, and at proxies on the way
        ");
    }

    proptest! {
        #[test]
        fn whatever_comes_is_some_trouble_and_shows_harmless(status in 201_u16..600, body in "\\PC*", name in "[a-z_]{0,12}") {
            for body in [body.clone(), json!({"error": name, "error_description": body}).to_string()] {
                let told = told(status, &body).to_string();
                prop_assert!(!told.is_empty() && !told.chars().any(char::is_control), "{}", told);
            }
        }
    }

    #[test]
    fn what_passes_by_itself_is_no_refusal() {
        for (status, body) in [
            (500, ""),
            (503, "{}"),
            (429, r#"{"error":"invalid_client"}"#),
            (400, r#"{"error":"temporarily_unavailable"}"#),
            (400, r#"{"error":"invalid_grant","error_codes":[90033]}"#),
        ] {
            assert!(matches!(told(status, body), TokenTrouble::Unavailable { .. }), "{status} {body}");
        }
    }
}
