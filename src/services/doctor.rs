//! What `doctor` looks at: this environment, and what the registration service says.

use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use crate::cli::error::Failure;
use crate::config::{Config, RegistrarKind};
use crate::doctor::{Finding, Rank, judge, look};
use crate::registrar::check;

use super::registrar;

/// How long a registration service may take, with all questions to it: then it is told as not answering.
const PATIENCE: Duration = Duration::from_secs(30);

/// All findings.
pub(super) fn findings(config: &Config, offline: bool) -> Vec<Finding> {
    let seen = look::look(config);
    let mut findings = judge::judge(config, &seen);
    if judge::is_stranger(&seen) {
        findings.push(Finding::unlooked("registrar", "not asked: the secrets for it are the daemon's user's"));
    } else if config.registrar.kind == RegistrarKind::Embedded || !offline {
        findings.extend(of_registrar(config));
    }
    findings
}

fn of_registrar(config: &Config) -> Vec<Finding> {
    let (sender, receiver) = sync_channel(1);
    let asked = config.clone();
    // Nobody joins it: a question that hangs can't be ended.
    let begun = thread::Builder::new().name("doctor".to_owned()).spawn(move || {
        drop(sender.send(registrar::check(&asked, None)));
    });
    match begun.ok().and_then(|_| receiver.recv_timeout(PATIENCE).ok()) {
        Some(Ok(found)) => found.iter().map(of_check).collect(),
        Some(Err(Failure { refusal, .. })) => {
            let why = [std::slice::from_ref(&refusal.message), &refusal.because].concat().join(": ");
            vec![Finding::unlooked("registrar", why).remedy(refusal.hint.unwrap_or_default())]
        }
        None => vec![
            Finding::bad("registrar", format!("no answer to our questions within {} s", PATIENCE.as_secs()))
                .hurts("rows stay pending until it answers")
                .remedy("look at the network and proxies; devicedrop registrar check waits for longer"),
        ],
    }
}

/// A finding of `registrar check` among the others.
fn of_check(found: &check::Finding) -> Finding {
    let what = format!("{}: {}: {}", found.registrar, found.subject, found.found);
    let hurts = (found.rank == Rank::Bad).then(|| "rows stay pending until it is mended".to_owned());
    Finding {
        subject: "registrar",
        customer: found.customer.clone(),
        rank: found.rank,
        looked: true,
        found: what,
        expected: None,
        hurts,
        remedy: found.remedy.clone(),
    }
}
