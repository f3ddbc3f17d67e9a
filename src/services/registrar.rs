//! What the commands about registration services do: signing in, and looking at what is in the way of registering.

use std::sync::Arc;

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::shown::shown;
use tokio_util::sync::CancellationToken;

use crate::cli::error::Failure;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, RegistrarKind, ServiceSettings};
use crate::registrar::check::{Duty, Finding, Look, Rank, Tenant};
use crate::registrar::credentials::{SignIn, SignedIn, TokenTrouble};
use crate::registrar::embedded::Browser;
use crate::registrar::http::Http;

use super::{failure, runtime};

/// All that there is to find about the registrar that is configured, for all customers or for one.
pub(super) fn check(config: &Config, only: Option<&CustomerKey>) -> Result<Vec<Finding>, Failure> {
    let registrar = &config.registrar;
    if registrar.kind == RegistrarKind::Embedded {
        return Ok(embedded(config));
    }
    let tenants = tenants(config, only);
    let http = client()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut findings = Vec::new();
    if tenants.is_empty() {
        findings.push(Finding {
            registrar: registrar.kind.code(),
            subject: "configuration",
            customer: None,
            rank: Rank::Care,
            found: "no customer is configured: there is nobody to register for".to_owned(),
            remedy: Some("add a section [customers.KEY] with a `tenant_id`".to_owned()),
        });
    }
    let look = |kind, duty, settings: &ServiceSettings| {
        let look = Look { kind, duty, settings, tenants: &tenants, http: http.clone(), clock: Arc::clone(&clock) };
        runtime().map(|runtime| runtime.block_on(look.findings()))
    };
    if let Some(settings) = &registrar.partner_center {
        findings.extend(look(RegistrarKind::PartnerCenter, Duty::All, settings)?);
    }
    if let Some(settings) = &registrar.graph {
        let duty = if registrar.kind == RegistrarKind::Graph { Duty::All } else { Duty::Uses };
        findings.extend(look(RegistrarKind::Graph, duty, settings)?);
    }
    Ok(findings)
}

fn tenants(config: &Config, only: Option<&CustomerKey>) -> Vec<Tenant> {
    let wanted = config.customers.values().filter(|customer| only.is_none_or(|only| *only == customer.key));
    wanted
        .filter_map(|customer| {
            let tenant = customer.tenant_id.clone()?;
            Some(Tenant { customer: customer.key.to_string(), tenant })
        })
        .collect()
}

fn client() -> Result<Http, Failure> {
    Http::new().map_err(|error| {
        let hint =
            "install the system's certificates (the package ca-certificates), and look at the proxies' variables";
        failure("no client for HTTPS can be made", vec![error.to_string()], Some(hint.to_owned()))
    })
}

/// Whether the embedded registrar's database can be read, and what is in it.
fn embedded(config: &Config) -> Vec<Finding> {
    let path = &config.registrar.embedded.path;
    let told = shown(&path.display().to_string()).to_string();
    let finding = |subject, rank, found: String, remedy: Option<&str>| Finding {
        registrar: RegistrarKind::Embedded.code(),
        subject,
        customer: None,
        rank,
        found,
        remedy: remedy.map(str::to_owned),
    };
    if !path.exists() {
        let found = format!("{told} isn't there yet");
        return vec![finding("registry", Rank::Care, found, Some("`devicedrop run` makes it"))];
    }
    let counted = Browser::open(path).and_then(|mut browser| browser.count());
    match counted {
        Ok(count) => {
            let open = finding("registry", Rank::Good, format!("{told} opens"), None);
            let needed = config.registrar.embedded.inventory == crate::config::InventoryRule::Required;
            let (rank, remedy) = if count == 0 && needed {
                (Rank::Care, Some("`devicedrop registry import FILE` fills it; until then no device is found"))
            } else {
                (Rank::Good, None)
            };
            vec![open, finding("inventory", rank, format!("devices in the inventory: {count}"), remedy)]
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
            let remedy = "let the user that runs this command read it; if it is damaged, restore a backup";
            vec![finding("registry", Rank::Bad, format!("{error}{cause}"), Some(remedy))]
        }
    }
}

/// Signs a user in; `say` is told what the person is to do. Returns what came of it.
pub(super) fn sign_in(config: &Config, say: &mut dyn FnMut(&str)) -> Result<String, Failure> {
    let settings = config.registrar.partner_center.as_ref().ok_or_else(|| {
        failure(
            "signing in is for registrar.kind = \"partner-center\"",
            Vec::new(),
            Some("the other registrars come by themselves; devicedrop registrar check looks at them".to_owned()),
        )
    })?;
    let http = client()?;
    runtime()?.block_on(async {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let begun = SignIn::begin(settings, http, clock).await.map_err(|trouble| refused(&trouble))?;
        let (page, code) = (shown(&begun.page).to_string(), shown(&begun.code).to_string());
        let minutes = begun.lasts.as_secs().div_ceil(60);
        say(&format!("open   {page}\nenter  {code}\n"));
        say("Sign in there as the user whom devicedrop is to come for, with a second factor.");
        say(&format!("Waiting for that, at most {minutes} min; Ctrl-C calls it off."));
        let told = shown(&begun.file().display().to_string()).to_string();
        let stop = CancellationToken::new();
        let ended = {
            let waiting = begun.finish(&stop);
            tokio::pin!(waiting);
            tokio::select! {
                // Listened for before anything is asked.
                biased;
                _ = tokio::signal::ctrl_c() => {
                    stop.cancel();
                    waiting.await
                }
                ended = &mut waiting => ended,
            }
        };
        match ended.map_err(|trouble| refused(&trouble))? {
            SignedIn::Stored(_) => Ok(format!("signed in; what lets devicedrop come again is in {told}")),
            SignedIn::CalledOff => Err(failure(
                "the sign-in was called off",
                Vec::new(),
                Some("devicedrop registrar sign-in".to_owned()),
            )),
        }
    })
}

fn refused(trouble: &TokenTrouble) -> Failure {
    let hint = match trouble {
        TokenTrouble::Broken(_) => None,
        TokenTrouble::Unavailable { .. } => {
            Some("try again later; if it stays so, look at the network, proxies and `login_url`".to_owned())
        }
    };
    failure("nobody could be signed in", vec![trouble.to_string()], hint)
}
