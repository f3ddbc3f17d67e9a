//! What the commands need from the rest of the program: the daemon, its answers while none runs, the ledger's rows.
//!
//! The command line knows only the trait; here it meets the parts behind it.

mod audit;
mod backup;
mod beside;
mod copies;
pub mod demo;
mod doctor;
pub mod lookups;
mod place;
mod proofs;
mod registrar;
mod trial;

use std::io;
use std::path::Path;
use std::sync::Arc;

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::message::WaitsFor;
use devicedrop_core::shown::shown;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::actor::Actor;
use crate::cli::args::ServeArgs;
use crate::cli::audit::{NewKey, ProveAsk, Verified, VerifyAsk};
use crate::cli::backup::{BackedUp, BackupAsk, RestoreAsk, Restored};
use crate::cli::context::Context;
use crate::cli::copies::{Copied, ExportAsk, SnapshotAsk};
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::lookups::Lookups;
use crate::cli::output::Output;
use crate::cli::services::{PastRows, Print, Services};
use crate::clock::{Clock, SystemClock};
use crate::config::environment::Environment;
use crate::config::{Config, CustomerSettings, Lookup};
use crate::control::protocol::{Answer, Refusal, Reply, Request};
use crate::daemon::scene::Scene;
use crate::daemon::shared::Readers;
use crate::daemon::{self, End, Parts, StartError, commands};
use crate::registrar::check::Finding;

use lookups::{LedgerLookups, LedgerPast};

/// The program behind the commands.
pub struct Program {
    environment: Environment,
}

impl Program {
    /// The program as this process's environment has it.
    pub fn new(environment: Environment) -> Self {
        Self { environment }
    }

    /// The configuration of a command, for a daemon or whoever takes its place.
    fn parts(&self, config: &Config, lookup: Lookup, actor: Actor) -> Parts {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Parts {
            config: Arc::new(config.clone()),
            lookup,
            clock,
            registrar: None,
            stop: CancellationToken::new(),
            once: false,
            actor,
            file_events: !self.environment.no_file_events,
        }
    }
}

impl Services for Program {
    fn run(&self, context: &Context, once: bool) -> Result<Exit, Failure> {
        let actor = Actor::of_this_process(self.environment.sudo_uid);
        let mut parts = self.parts(&context.config, context.lookup.clone(), actor);
        parts.once = once;
        let runtime = runtime()?;
        let end = runtime.block_on(daemon::run(parts, None));
        // A thread that hangs in a share or a registrar would hold the process for ever; the record is closed by now.
        runtime.shutdown_background();
        Ok(exit_of(end.map_err(|error| {
            let failure = start_failure(&error);
            if error.is_failed_write() { cut_off(failure.refusal) } else { failure }
        })?))
    }

    fn demo(&self, keep: bool, output: &mut Output) -> Result<Exit, Failure> {
        demo::run(self, keep, output)
    }

    fn serve(&self, args: &ServeArgs, output: &mut Output) -> Result<Exit, Failure> {
        trial::serve(args, output)
    }

    fn waits_for(
        &self,
        config: &Config,
        customer: &CustomerSettings,
        path: &Path,
        inside: Option<&Path>,
    ) -> Vec<WaitsFor> {
        beside::waits_for(config, customer, path, inside)
    }

    fn lookups(&self, config: &Config) -> Result<Box<dyn Lookups>, Failure> {
        Ok(Box::new(LedgerLookups::open(config)?))
    }

    fn verify(&self, config: &Config, ask: &VerifyAsk, say: &mut dyn FnMut(&str)) -> Result<Verified, Failure> {
        audit::verify(config, ask, say)
    }

    fn checkpoint(&self, config: &Config) -> Result<String, Failure> {
        audit::head(config)
    }

    fn prove(&self, config: &Config, ask: &ProveAsk, out: Print<'_>) -> Result<io::Result<()>, Failure> {
        proofs::prove(config, ask, out)
    }

    fn keygen(&self, config: &Config, file: &Path, name: &str) -> Result<NewKey, Failure> {
        audit::keygen(config, file, name)
    }

    fn snapshot(&self, config: &Config, ask: &SnapshotAsk, say: &mut dyn FnMut(&str)) -> Result<Copied, Failure> {
        copies::snapshot(config, ask, say)
    }

    fn export(&self, config: &Config, ask: &ExportAsk, say: &mut dyn FnMut(&str)) -> Result<Copied, Failure> {
        copies::export(config, ask, say)
    }

    fn backup(&self, config: &Config, ask: &BackupAsk, say: &mut dyn FnMut(&str)) -> Result<BackedUp, Failure> {
        backup::make(config, ask, say)
    }

    fn restore(
        &self,
        config: &Config,
        ask: &RestoreAsk,
        actor: &Actor,
        say: &mut dyn FnMut(&str),
    ) -> Result<Restored, Failure> {
        backup::restore(config, ask, actor, say)
    }

    fn doctor(&self, config: &Config, offline: bool) -> Result<Vec<crate::doctor::Finding>, Failure> {
        Ok(doctor::findings(config, offline))
    }

    fn registrar_check(&self, config: &Config, customer: Option<&CustomerKey>) -> Result<Vec<Finding>, Failure> {
        registrar::check(config, customer)
    }

    fn sign_in(&self, config: &Config, say: &mut dyn FnMut(&str)) -> Result<String, Failure> {
        registrar::sign_in(config, say)
    }

    fn past(&self, config: &Config, customer: &CustomerKey) -> Result<Option<Box<dyn PastRows>>, Failure> {
        Ok(match LedgerPast::open(config, customer)? {
            Some(past) => Some(Box::new(past)),
            None => None,
        })
    }

    fn answer(&self, config: &Config, actor: &Actor, request: &Request) -> Result<Answer, Failure> {
        if !config.ledger.path.exists() {
            let told = shown(&config.ledger.path.display().to_string()).to_string();
            return Err(failure(
                format!("there is no ledger at {told}"),
                Vec::new(),
                Some("devicedrop run makes one; is this the right configuration? -v says which it is".to_owned()),
            ));
        }
        let readers = Readers::new(config.ledger.path.clone());
        let scene = Scene::without_daemon(Arc::new(config.clone()), &readers, SystemClock.now());
        if let Some(reply) = commands::answer_without_daemon(&scene, request) {
            return answer_of(reply);
        }
        let lookup = Lookup::of_this_process(None, &self.environment);
        let parts = self.parts(config, lookup, actor.clone());
        let (ledger, shared) = daemon::shared_of(parts, false).map_err(|error| start_failure(&error))?;
        let reply = commands::answer(&shared, request.clone(), actor, &mut |_| {});
        drop(shared);
        ledger.close().map_err(|error| failure(error.to_string(), Vec::new(), None))?;
        answer_of(reply)
    }
}

/// The runtime of a daemon. Two threads carry what is asynchronous; what blocks has threads of its own.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| failure("the daemon's threads can't be started", vec![error.to_string()], None))
}

fn answer_of(reply: Reply) -> Result<Answer, Failure> {
    match reply {
        Reply::Done(answer) => Ok(answer),
        Reply::Refused(refusal) => Err(refusal.into()),
        Reply::Progress { what, .. } => Err(failure(what, Vec::new(), None)),
    }
}

fn exit_of(end: End) -> Exit {
    match end {
        End::Stopped => Exit::Done,
        End::Done { all_well } => Exit::answer(all_well),
        End::LedgerFailed => Exit::LedgerStopped,
        End::LedgerUntrusted => Exit::LedgerUntrusted,
        End::TaskFailed => Exit::Unable,
    }
}

/// A start that ended because a write to the ledger failed.
fn cut_off(Refusal { message, because, .. }: Refusal) -> Failure {
    let refusal = Refusal {
        message: "a write to the ledger failed while the daemon started".to_owned(),
        because: [vec![message], because].concat(),
        hint: Some(
            "start it again: it goes on from what is on record; if it happens again, look at the disk".to_owned(),
        ),
    };
    Failure { exit: Exit::LedgerStopped, refusal }
}

fn failure(message: impl Into<String>, because: Vec<String>, hint: Option<String>) -> Failure {
    Refusal { message: message.into(), because, hint }.into()
}

/// Why a daemon, or a command in its place, couldn't start.
pub(super) fn start_failure(error: &StartError) -> Failure {
    let mut because = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        because.push(next.to_string());
        cause = next.source();
    }
    let exit = if error.is_untrusted() { Exit::LedgerUntrusted } else { Exit::Unable };
    let hint = error
        .is_untrusted()
        .then(|| "keep a copy of the ledger as it is, then restore a backup; look after the disk, too".to_owned());
    Failure { exit, refusal: Refusal { message: error.to_string(), because, hint } }
}
