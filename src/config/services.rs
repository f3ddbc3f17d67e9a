//! The sections of registration services elsewhere: where they are, as whom we come, and where the secrets lie.
//!
//! No secret stands in a configuration, and none is read here.

use std::net::IpAddr;
use std::path::PathBuf;

use reqwest::Url;

use super::RegistrarKind;
use super::raw::{RawCredentials, RawSecret, RawService};
use super::resolve::Resolving;

/// Microsoft's sign-in service.
const LOGIN: &str = "https://login.microsoftonline.com";

/// `[registrar.partner_center]` or `[registrar.graph]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSettings {
    /// Where the service is, without a slash at its end.
    pub base_url: String,
    /// Where its sign-in service is, without a slash at its end.
    pub login_url: String,
    /// Partner Center: the partner's own tenant. Graph: the tenant of customers that name none.
    pub tenant_id: Option<String>,
    /// The app registration's ID.
    pub client_id: String,
    /// How we prove that we are it.
    pub credentials: CredentialSettings,
}

/// `[registrar.partner_center.credentials]` or `[registrar.graph.credentials]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialSettings {
    /// How the app proves who it is; none for an app that has nothing to prove it with and comes for a user alone.
    pub proof: Option<AppProof>,
    /// The file of the token that a user's sign-in left, for an app that comes for a user.
    pub refresh_token_file: Option<PathBuf>,
}

/// How an app proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppProof {
    /// By a secret.
    Secret(SecretPlace),
    /// By a certificate and its key.
    Certificate {
        /// The certificate.
        certificate: SecretPlace,
        /// Its private key; the same place as the certificate's, if both stand in one file.
        private_key: SecretPlace,
    },
}

/// Where a secret lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    /// In a file of its own.
    File(PathBuf),
    /// With systemd, as a credential of this name.
    SystemdCredential(String),
    /// In an environment variable of this name.
    Environment(String),
}

impl ServiceSettings {
    /// Where a kind of service is if the configuration doesn't say it.
    pub fn usual_base(kind: RegistrarKind) -> &'static str {
        match kind {
            RegistrarKind::PartnerCenter => "https://api.partnercenter.microsoft.com",
            RegistrarKind::Graph | RegistrarKind::Embedded => "https://graph.microsoft.com",
        }
    }
}

/// The two sections, as far as the registrar that is chosen uses them. Sections that nobody uses are left alone.
pub(super) fn services(
    resolving: &mut Resolving<'_>,
    kind: RegistrarKind,
    partner_center: Option<RawService>,
    graph: Option<RawService>,
) -> (Option<ServiceSettings>, Option<ServiceSettings>) {
    let sections = match kind {
        RegistrarKind::Embedded => return (None, None),
        RegistrarKind::PartnerCenter => (partner_center, graph),
        RegistrarKind::Graph => (None, graph),
    };
    let needed = section(kind);
    let is_there = if kind == RegistrarKind::Graph { sections.1.is_some() } else { sections.0.is_some() };
    if !is_there {
        resolving.problem(
            &["registrar", "kind"],
            format_args!("{:?} needs a section [registrar.{needed}] with `client_id` and `credentials`", kind.code()),
        );
    }
    let one = sections.0.map(|raw| service(resolving, RegistrarKind::PartnerCenter, raw));
    let other = sections.1.map(|raw| service(resolving, RegistrarKind::Graph, raw));
    (one, other)
}

fn section(kind: RegistrarKind) -> &'static str {
    if kind == RegistrarKind::PartnerCenter { "partner_center" } else { "graph" }
}

fn service(resolving: &mut Resolving<'_>, kind: RegistrarKind, raw: RawService) -> ServiceSettings {
    let table = section(kind);
    let key = |name| ["registrar", table, name];
    let usual = ServiceSettings::usual_base(kind);
    let base =
        raw.base_url.as_deref().map_or_else(|| Url::parse(usual).ok(), |text| url(resolving, &key("base_url"), text));
    let base_url = base.as_ref().map_or(usual.to_owned(), told);
    let beside = match &base {
        // A service elsewhere brings its own sign-in along.
        Some(base) if base_url != usual => base.origin().ascii_serialization(),
        _ => LOGIN.to_owned(),
    };
    let login = raw.login_url.as_deref().and_then(|text| url(resolving, &key("login_url"), text));
    if raw.tenant_id.is_none() && kind == RegistrarKind::PartnerCenter {
        resolving.problem(&["registrar", table], "`tenant_id` is missing: the partner's own tenant");
    }
    let tenant_id = raw.tenant_id.inspect(|tenant| {
        if !is_tenant(tenant) {
            resolving.problem(&key("tenant_id"), format_args!("found {tenant:?}, expected {A_TENANT}"));
        }
    });
    let client_id = raw.client_id.unwrap_or_default();
    if client_id.is_empty() {
        resolving.problem(&["registrar", table], "`client_id` is missing: the ID of the app registration");
    } else if !is_guid(&client_id) {
        let what = "expected the app registration's ID, such as \"6731de76-14a6-49ae-97bc-6eba6914391e\"";
        resolving.problem(&key("client_id"), format_args!("found {client_id:?}, {what}"));
    }
    let credentials = credentials(resolving, kind, raw.credentials);
    let login_url = login.as_ref().map_or(beside, told);
    ServiceSettings { base_url, login_url, tenant_id, client_id, credentials }
}

/// What a tenant is named by.
const A_TENANT: &str = "a tenant's ID (\"6731de76-14a6-49ae-97bc-6eba6914391e\") or one of its domain names \
                        (\"contoso.onmicrosoft.com\")";

/// Looks at a customer's tenant, for a registrar that needs one. Returns the one that holds.
pub(super) fn customers_tenant(
    resolving: &mut Resolving<'_>,
    customer: &str,
    named: Option<String>,
    registrar: &super::RegistrarSettings,
) -> Option<String> {
    let kind = registrar.kind;
    let usual = match kind {
        RegistrarKind::Embedded => return named,
        RegistrarKind::PartnerCenter => None,
        RegistrarKind::Graph => registrar.graph.as_ref().and_then(|graph| graph.tenant_id.clone()),
    };
    let key = ["customers", customer, "tenant_id"];
    match named.as_deref() {
        None if usual.is_some() => return usual,
        None => resolving.problem(
            &["customers", customer],
            format_args!("`tenant_id` is missing: the registrar {:?} needs each customer's", kind.code()),
        ),
        // Its addresses are made of IDs: customers/{customer-id}/deviceBatches.
        Some(tenant) if kind == RegistrarKind::PartnerCenter && !is_guid(tenant) => resolving.problem(
            &key,
            format_args!(
                "found {tenant:?}, expected the tenant's ID (\"6731de76-14a6-49ae-97bc-6eba6914391e\"): Partner Center \
                 knows customers by nothing else"
            ),
        ),
        Some(tenant) if !is_tenant(tenant) => {
            resolving.problem(&key, format_args!("found {tenant:?}, expected {A_TENANT}"));
        }
        Some(_) => {}
    }
    named
}

/// An address that may be talked to: over TLS, or on this machine.
fn url(resolving: &mut Resolving<'_>, key: &[&str], text: &str) -> Option<Url> {
    const EXPECTED: &str = "expected an address such as \"https://graph.microsoft.com\"";
    let Ok(url) = Url::parse(text) else {
        resolving.problem(key, format_args!("found {text:?}, {EXPECTED}"));
        return None;
    };
    let what = if !url.username().is_empty() || url.password().is_some() {
        // Not shown: it may hold a secret.
        "a name or password can't stand in an address: see `credentials`".to_owned()
    } else if url.query().is_some() || url.fragment().is_some() {
        format!("found {text:?}, expected an address without `?` and `#`")
    } else if url.scheme() == "http" && !is_loopback(&url) {
        "http:// is for a service on this machine alone (127.0.0.1, localhost): elsewhere, everybody on the way could \
         read the tokens; write https://"
            .to_owned()
    } else if url.scheme() == "http" || url.scheme() == "https" {
        return Some(url);
    } else {
        format!("found {text:?}, {EXPECTED}")
    };
    resolving.problem(key, what);
    None
}

fn told(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn is_guid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_tenant(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    is_guid(text) || (text.contains('.') && text.len() <= 253 && text.split('.').all(is_label))
}

fn credentials(
    resolving: &mut Resolving<'_>,
    kind: RegistrarKind,
    raw: Option<RawCredentials>,
) -> CredentialSettings {
    let table = section(kind);
    let key = |name| ["registrar", table, "credentials", name];
    let Some(raw) = raw else {
        resolving.problem(
            &["registrar", table],
            "`credentials` is missing: a table with `secret`, or with `certificate` and `private_key`",
        );
        return CredentialSettings { proof: None, refresh_token_file: None };
    };
    let secret = raw.secret.and_then(|raw| place(resolving, &key("secret"), raw));
    let certificate = raw.certificate.and_then(|raw| place(resolving, &key("certificate"), raw));
    let private_key = raw.private_key.and_then(|raw| place(resolving, &key("private_key"), raw));
    let refresh_token_file =
        raw.refresh_token_file.map(|path| resolving.path(&key("refresh_token_file"), Some(path), PathBuf::new()));
    if refresh_token_file.is_some() && kind != RegistrarKind::PartnerCenter {
        resolving.problem(
            &key("refresh_token_file"),
            "is for [registrar.partner_center] alone: Graph is asked with the app's own permissions",
        );
    }
    let proof = match (secret, certificate, private_key) {
        (Some(secret), None, None) => Some(AppProof::Secret(secret)),
        (None, Some(certificate), key) => {
            let private_key = key.unwrap_or_else(|| certificate.clone());
            Some(AppProof::Certificate { certificate, private_key })
        }
        (Some(_), ..) => {
            let what = "stands beside `certificate` or `private_key`: take one way to prove who the app is";
            resolving.problem(&key("secret"), what);
            None
        }
        (None, None, Some(_)) => {
            resolving.problem(&key("private_key"), "needs its `certificate` beside it");
            None
        }
        (None, None, None) => {
            let said_before = resolving.problems.iter().any(|problem| problem.what.contains(".credentials."));
            if refresh_token_file.is_none() && !said_before {
                resolving.problem(
                    &["registrar", table, "credentials"],
                    "found nothing to prove who the app is; expected `secret`, or `certificate` and `private_key`",
                );
            }
            None
        }
    };
    CredentialSettings { proof, refresh_token_file }
}

fn place(resolving: &mut Resolving<'_>, key: &[&str; 4], raw: RawSecret) -> Option<SecretPlace> {
    let name = |name: &str| !name.is_empty() && !name.contains(['/', '=', '\0']);
    let place = match (raw.file, raw.systemd_credential, raw.environment) {
        (Some(file), None, None) => {
            let [one, two, three, four] = *key;
            SecretPlace::File(resolving.path(&[one, two, three, four, "file"], Some(file), PathBuf::new()))
        }
        (None, Some(credential), None) if name(&credential) => SecretPlace::SystemdCredential(credential),
        (None, None, Some(variable)) if name(&variable) => SecretPlace::Environment(variable),
        (None, Some(_), None) | (None, None, Some(_)) => {
            resolving.problem(key, "expected a name, without slashes and equals signs");
            return None;
        }
        _ => {
            let what = "expected one place, such as { file = \"/etc/devicedrop/app.secret\" }, \
                        { systemd_credential = \"NAME\" } or { environment = \"NAME\" }";
            resolving.problem(key, what);
            return None;
        }
    };
    Some(place)
}
