//! What a registration service elsewhere would let us do: tokens, permissions, clocks, and questions that change
//! nothing. Never registers anything.
//!
//! Only finds; how it is told is the commands'.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use devicedrop_core::shown::shown;
use reqwest::Url;
use serde::Serialize;
use serde_json::Value;

use super::credentials::{Bearer, TokenTrouble, Tokens};
use super::http::{Exchange, Failure, HeaderMap, HeaderValue, Http, Method, Received};
use crate::clock::Clock;
use crate::config::{RegistrarKind, ServiceSettings};

/// How far the service's clock may be from ours: proofs of who we are hold for five minutes.
const CLOCKS_APART: Duration = Duration::from_mins(2);

/// How much of a service's own words is told.
const TOLD: usize = 200;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// It is as it should be.
    Good,
    /// It works, and may not do so for all that is to come.
    Care,
    /// It doesn't work: a person must act.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which registrar, in the words of the configuration.
    pub registrar: &'static str,
    /// What was looked at: `configuration`, `token`, `permissions`, `clock`, `devices`, `imports`, `uses`, `others`, `registry`,
    /// `inventory`.
    pub subject: &'static str,
    /// Whose, where it is about one customer.
    pub customer: Option<String>,
    /// How bad it is.
    pub rank: Rank,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// A customer and its tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// The customer's key.
    pub customer: String,
    /// The tenant at the service.
    pub tenant: String,
}

/// What a service is to do for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Registers, and tells of uses where it can.
    All,
    /// Tells of uses alone; another one registers.
    Uses,
}

/// Looks at one service.
#[derive(Debug)]
pub struct Look<'a> {
    /// Which kind it is.
    pub kind: RegistrarKind,
    /// What it is to do.
    pub duty: Duty,
    /// Where it is, and as whom we come.
    pub settings: &'a ServiceSettings,
    /// The customers that it is to serve.
    pub tenants: &'a [Tenant],
    /// Sends requests.
    pub http: Http,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// What was found so far.
#[derive(Default)]
struct Found {
    all: Vec<Finding>,
    clock: Option<Finding>,
    /// Whether somebody couldn't be reached: then the other customers aren't asked about, each for as long as that takes.
    away: bool,
}

impl Look<'_> {
    /// Everything that there is to find, in the order in which it would matter.
    pub async fn findings(&self) -> Vec<Finding> {
        let tokens = Tokens::new(self.kind, self.settings, self.http.clone(), Arc::clone(&self.clock));
        let mut found = Found::default();
        match self.kind {
            RegistrarKind::PartnerCenter => self.partner_center(&tokens, &mut found).await,
            RegistrarKind::Graph => self.graph(&tokens, &mut found).await,
            RegistrarKind::Embedded => {}
        }
        let Found { mut all, clock, away } = found;
        if away && self.tenants.len() > 1 {
            let what = "not every customer was asked about, since somebody couldn't be reached";
            all.push(self.finding("others", None, Rank::Care, what, None));
        }
        all.extend(clock);
        all
    }

    /// One token, of the partner's own tenant, and each customer's batches.
    async fn partner_center(&self, tokens: &Tokens, found: &mut Found) {
        let tenant = self.settings.tenant_id.as_deref().unwrap_or_default();
        let Some(bearer) = self.token(tokens, tenant, None, found).await else { return };
        if self.settings.credentials.refresh_token_file.is_none() {
            let what = "the app comes by itself; to register, Partner Center asks for an app that comes for a user";
            let remedy = "name a `refresh_token_file`, then run `devicedrop registrar sign-in`";
            found.all.push(self.finding("permissions", None, Rank::Bad, what, Some(remedy)));
        } else if bearer.claims().is_some_and(|claims| !claims.permissions().contains(&"user_impersonation")) {
            let what = "the token doesn't hold `user_impersonation`";
            let remedy = "give the app registration the delegated permission user_impersonation of \"Microsoft Partner \
                          Center\", then run `devicedrop registrar sign-in` again";
            found.all.push(self.finding("permissions", None, Rank::Bad, what, Some(remedy)));
        }
        if bearer.claims().is_some_and(|claims| !claims.amr.is_empty() && !claims.amr.iter().any(|way| way == "mfa"))
        {
            // https://learn.microsoft.com/partner-center/developer/partner-center-authentication
            let what = "the user signed in without a second factor, which Partner Center asks for since April 2026";
            let remedy = "let the user have a second factor, then run `devicedrop registrar sign-in` again";
            found.all.push(self.finding("permissions", None, Rank::Bad, what, Some(remedy)));
        }
        for tenant in self.tenants {
            if found.away {
                return;
            }
            let path = ["v1", "customers", &tenant.tenant, "deviceBatches"];
            let asked = Asked { tenant, subject: "devices", path: &path, query: None, needs: PARTNER_NEEDS };
            self.ask(tokens, &bearer, &asked, found).await;
        }
    }

    /// A token of each customer's tenant.
    async fn graph(&self, tokens: &Tokens, found: &mut Found) {
        for tenant in self.tenants {
            if found.away {
                return;
            }
            let Some(bearer) = self.token(tokens, &tenant.tenant, Some(tenant), found).await else { continue };
            self.permissions(&bearer, tenant, found);
            if self.duty == Duty::All {
                let path = ["v1.0", "deviceManagement", "importedWindowsAutopilotDeviceIdentities"];
                let asked = Asked { tenant, subject: "imports", path: &path, query: Some("$top=1"), needs: IMPORTS };
                self.ask(tokens, &bearer, &asked, found).await;
            }
            let path = ["v1.0", "deviceManagement", "windowsAutopilotDeviceIdentities"];
            let asked = Asked { tenant, subject: "devices", path: &path, query: Some("$top=1"), needs: IDENTITIES };
            self.ask(tokens, &bearer, &asked, found).await;
            let path = ["v1.0", "deviceManagement", "managedDevices"];
            let query = Some("$top=1&$select=id");
            let asked = Asked { tenant, subject: "uses", path: &path, query, needs: USES };
            self.ask(tokens, &bearer, &asked, found).await;
        }
    }

    async fn token(&self, tokens: &Tokens, tenant: &str, of: Option<&Tenant>, found: &mut Found) -> Option<Bearer> {
        let (rank, what, remedy, bearer) = match tokens.bearer(tenant).await {
            Ok(bearer) => {
                (Rank::Good, format!("the sign-in service gives one for {}", shown(tenant)), None, Some(bearer))
            }
            // Its words end with what to do.
            Err(TokenTrouble::Broken(what)) => (Rank::Bad, what, None, None),
            Err(TokenTrouble::Unavailable { why, .. }) => {
                let remedy = "try again later; if it stays so, look at the network, proxies and `login_url`";
                found.away = true;
                (Rank::Bad, why, Some(remedy), None)
            }
        };
        found.all.push(self.finding("token", of, rank, what, remedy));
        bearer
    }

    /// What the token says that it permits; nothing where it can't be read.
    fn permissions(&self, bearer: &Bearer, tenant: &Tenant, found: &mut Found) {
        let Some(claims) = bearer.claims() else { return };
        let wanted = if self.duty == Duty::All { [IMPORTS, USES] } else { [IDENTITIES, USES] };
        let held = claims.permissions();
        let missing: Vec<&str> = wanted.iter().copied().filter(|want| !permits(&held, want)).collect();
        let (rank, what, remedy) = if missing.is_empty() {
            (Rank::Good, format!("the token holds {}", wanted.join(", ")), None)
        } else {
            let remedy = "give the app registration these application permissions of Microsoft Graph, and let an \
                          administrator of the customer's tenant consent";
            (Rank::Bad, format!("the token doesn't hold {}", missing.join(", ")), Some(remedy))
        };
        found.all.push(self.finding("permissions", Some(tenant), rank, what, remedy));
    }

    async fn ask(&self, tokens: &Tokens, bearer: &Bearer, asked: &Asked<'_>, found: &mut Found) {
        let answered = match self.url(asked) {
            Some(url) => self.http.send(self.exchange(url, bearer)).await,
            None => Err(Failure::NotSent("`base_url` is no address".to_owned())),
        };
        let received = match answered {
            Ok(received) => received,
            Err(failure) => {
                found.away = true;
                let what = format!("{} can't be reached: {failure}", self.settings.base_url);
                let remedy = "look at the network, proxies and `base_url`";
                found.all.push(self.finding(asked.subject, Some(asked.tenant), Rank::Bad, what, Some(remedy)));
                return;
            }
        };
        if found.clock.is_none() {
            found.clock = self.clocks(&received);
        }
        if received.status == 401 {
            let partners = self.settings.tenant_id.as_deref().filter(|_| self.kind == RegistrarKind::PartnerCenter);
            tokens.refused(partners.unwrap_or(&asked.tenant.tenant), bearer);
        }
        let (rank, what, remedy) = judged(&received, asked);
        found.all.push(self.finding(asked.subject, Some(asked.tenant), rank, what, remedy.as_deref()));
    }

    fn url(&self, asked: &Asked<'_>) -> Option<Url> {
        let mut url = Url::parse(&self.settings.base_url).ok()?;
        url.path_segments_mut().ok()?.pop_if_empty().extend(asked.path);
        url.set_query(asked.query);
        Some(url)
    }

    fn exchange(&self, url: Url, bearer: &Bearer) -> Exchange {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", bearer.header());
        headers.insert("accept", HeaderValue::from_static("application/json"));
        // The IDs by which their support finds a request.
        let ids: &[&'static str] = if self.kind == RegistrarKind::Graph {
            &["client-request-id"]
        } else {
            &["ms-requestid", "ms-correlationid"]
        };
        for name in ids {
            if let Ok(id) = HeaderValue::try_from(self.clock.new_guid()) {
                headers.insert(*name, id);
            }
        }
        Exchange { method: Method::GET, url, headers, body: None }
    }

    /// How far the service's clock is from ours.
    fn clocks(&self, received: &Received) -> Option<Finding> {
        let theirs = received.date()?;
        let since = Duration::from_millis(u64::try_from(self.clock.now().unix_ms()).unwrap_or_default());
        let ours = SystemTime::UNIX_EPOCH.checked_add(since)?;
        let (apart, which) = match ours.duration_since(theirs) {
            Ok(ahead) => (ahead, "ahead of"),
            Err(error) => (error.duration(), "behind"),
        };
        Some(if apart > CLOCKS_APART {
            let what = format!("this machine's clock is {} s {which} the service's", apart.as_secs());
            let remedy = "set the clock right, and keep it so (`timedatectl set-ntp true`)";
            self.finding("clock", None, Rank::Bad, what, Some(remedy))
        } else {
            self.finding("clock", None, Rank::Good, "this machine's clock agrees with the service's", None)
        })
    }

    fn finding(
        &self,
        subject: &'static str,
        of: Option<&Tenant>,
        rank: Rank,
        found: impl Into<String>,
        remedy: Option<&str>,
    ) -> Finding {
        let customer = of.map(|tenant| tenant.customer.clone());
        let remedy = remedy.map(str::to_owned);
        Finding { registrar: self.kind.code(), subject, customer, rank, found: found.into(), remedy }
    }
}

/// A question that changes nothing.
struct Asked<'a> {
    tenant: &'a Tenant,
    subject: &'static str,
    path: &'a [&'a str],
    query: Option<&'a str>,
    /// What is needed to be answered.
    needs: &'static str,
}

/// What registering through Graph needs, and seeing which devices are registered, and which are used
/// (<https://learn.microsoft.com/graph/api/intune-enrollment-importedwindowsautopilotdeviceidentity-import> and the
/// pages beside it).
const IMPORTS: &str = "DeviceManagementServiceConfig.ReadWrite.All";
const IDENTITIES: &str = "DeviceManagementServiceConfig.Read.All";
const USES: &str = "DeviceManagementManagedDevices.Read.All";
/// What registering through Partner Center needs, beside a user.
const PARTNER_NEEDS: &str = "the role Admin agent for the user who signed in, and a relationship with the customer";

/// Whether one of the permissions held is the wanted one, or the same that may write, too.
fn permits(held: &[&str], wanted: &str) -> bool {
    let writing = wanted.replace(".Read.", ".ReadWrite.");
    held.iter().any(|held| *held == wanted || *held == writing)
}

/// What an answer means for whoever wants to register.
fn judged(received: &Received, asked: &Asked<'_>) -> (Rank, String, Option<String>) {
    if let Some(told) = received.redirect() {
        return (Rank::Bad, told, None);
    }
    let said = said(received);
    let (what, remedy) = match received.status {
        200 => return listed(received),
        401 => (
            "it refuses the token".to_owned(),
            format!("look at `base_url` and `tenant_id`; needed: {}", asked.needs),
        ),
        403 => (
            "it doesn't permit that".to_owned(),
            format!("have an administrator give what is needed: {}", asked.needs),
        ),
        404 => (
            format!("it doesn't know the tenant {}", shown(&asked.tenant.tenant)),
            "look at the customer's `tenant_id` and at `base_url`, and at whether the customer is yours".to_owned(),
        ),
        429 => ("it is busy with us".to_owned(), "try again later".to_owned()),
        status if status >= 500 => (format!("it can't work now (status {status})"), "try again later".to_owned()),
        status => (format!("it answers with status {status}"), "look at `base_url`".to_owned()),
    };
    let rank = if received.status == 429 { Rank::Care } else { Rank::Bad };
    (rank, format!("{what}{said}"), Some(remedy))
}

fn listed(received: &Received) -> (Rank, String, Option<String>) {
    let body: Option<Value> = serde_json::from_slice(&received.body).ok();
    // Partner Center calls its lists `items`, Graph `value`.
    let list =
        body.as_ref().and_then(|body| body.get("items").or_else(|| body.get("value"))).and_then(Value::as_array);
    match list {
        Some(_) => (Rank::Good, "it answers".to_owned(), None),
        None => (
            Rank::Bad,
            "it answers with something else than a list".to_owned(),
            Some("look at `base_url`".to_owned()),
        ),
    }
}

/// The service's own code and words for why not: at the top for Partner Center, below `error` for Graph.
fn said(received: &Received) -> String {
    let body: Value = serde_json::from_slice(&received.body).unwrap_or_default();
    let error = body.get("error").filter(|error| error.is_object()).unwrap_or(&body);
    let text = |key: &str| match error.get(key) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let words: Vec<String> =
        [text("code"), text("description").or_else(|| text("message"))].into_iter().flatten().collect();
    if words.is_empty() {
        return String::new();
    }
    let words: String = words.join(": ").chars().take(TOLD).collect();
    format!(" ({})", shown(&words))
}
