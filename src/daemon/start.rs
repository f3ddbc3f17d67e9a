//! How a daemon, or a command that takes its place, comes to its handles.

use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use devicedrop_core::handover::{self, Handover};
use devicedrop_core::shown::shown;
use devicedrop_core::signed_note::Verifier;
use tokio_util::sync::CancellationToken;

use crate::actor::Actor;
use crate::clock::Clock;
use crate::config::{Config, InForce, Lookup};
use crate::inbox::{Archive, Watch};
use crate::ledger::command::NewAction;
use crate::ledger::{Ledger, LedgerError, OpenError, Reader};
use crate::proof::signing::{self, SigningKey, SigningKeyError};
use crate::registrar::Registrar;
use crate::registrar::embedded::{Embedded, RegistryError};
use crate::web::{ListenError, TokenError};

use super::commands::No;
use super::originals;
use super::poison;
use super::proofs::Proofs;
use super::recovery;
use super::registrars;
use super::reload::sha256_of;
use super::shared::{Bells, Readers, Shared};
use super::space;

/// A registrar, and the embedded one behind it if there is one.
pub type GivenRegistrar = (Arc<dyn Registrar>, Option<Arc<Embedded>>);

/// What a daemon is made of.
pub struct Parts {
    /// The configuration.
    pub config: Arc<Config>,
    /// Where the configuration is looked for on a reload.
    pub lookup: Lookup,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The registrar, and the embedded one behind it if its inventory is to be had; none: the one that the
    /// configuration names.
    pub registrar: Option<GivenRegistrar>,
    /// Cancelled when the daemon is to stop.
    pub stop: CancellationToken,
    /// Whether it ends when there is nothing left to do now.
    pub once: bool,
    /// Who starts it, for the record.
    pub actor: Actor,
    /// Whether file events are listened to. Nothing but speed depends on them.
    pub file_events: bool,
}

/// A daemon can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A folder can't be made or used.
    #[error("the folder {folder} can't be used: make it, or give it to the user that runs devicedrop")]
    Folder {
        /// The folder.
        folder: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The ledger can't be opened.
    #[error(transparent)]
    Ledger(#[from] OpenError),
    /// The embedded registrar can't be opened.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The service that is the registrar can't be used at all.
    #[error("the registrar {kind} can't be used: {why}")]
    Service {
        /// Which.
        kind: &'static str,
        /// Why.
        why: String,
    },
    /// The signing key can't be used.
    #[error(
        "the signing key {file} can't be used: let the user that runs devicedrop read it, make another one with \
         `devicedrop ledger keygen`, or take `ledger.signing_key_file` out of the configuration"
    )]
    SigningKey {
        /// Its file.
        file: String,
        /// Why.
        #[source]
        cause: SigningKeyError,
    },
    /// The control socket can't be made.
    #[error("the control socket can't be made")]
    Socket(#[source] io::Error),
    /// The web page can't be reached as configured.
    #[error(transparent)]
    Web(#[from] ListenError),
    /// The web page has no token to ask for.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The start can't be put on record.
    #[error("the start can't be put on record")]
    Record(#[source] LedgerError),
    /// What the last run left half done can't be ended.
    #[error("what the last run left half done can't be ended: {0}")]
    Recovery(String),
    /// A write to the ledger failed before the daemon was at work.
    #[error("a write to the ledger failed while the daemon started: {0}")]
    Write(String),
}

impl StartError {
    /// Whether the ledger is there and can't be trusted: a person must act.
    pub fn is_untrusted(&self) -> bool {
        matches!(self, Self::Ledger(error) if error.is_untrusted())
    }

    /// Whether a write to the ledger failed: started again, the daemon goes on from what is on record.
    pub fn is_failed_write(&self) -> bool {
        match self {
            Self::Ledger(error) => error.is_failed_write(),
            Self::Record(error) => *error == LedgerError::Stopped,
            Self::Write(_) => true,
            Self::Folder { .. }
            | Self::Registry(_)
            | Self::Service { .. }
            | Self::SigningKey { .. }
            | Self::Socket(_)
            | Self::Web(_)
            | Self::Token(_)
            | Self::Recovery(_) => false,
        }
    }
}

/// Opens everything, and ends what the last run left half done.
pub(super) async fn open(parts: Parts) -> Result<(Ledger, Arc<Shared>), StartError> {
    let opened = crate::blocking::run(move || {
        make_folders(&parts.config)?;
        let actor = parts.actor.clone();
        space::wait_for_room(&parts.config, &parts.stop);
        let (ledger, shared) = shared_of(parts, true)?;
        ledger.hold_back(shared.config().drop.reserve / 2);
        match begin(&ledger, &shared, &actor) {
            Ok(()) => Ok((ledger, shared)),
            Err(error) => {
                Err(shared.writer.failure().map_or(error, |failure| StartError::Write(failure.0.to_string())))
            }
        }
    });
    match opened.await {
        Ok(opened) => opened,
        Err(error) => std::panic::resume_unwind(Box::new(format!("the start failed: {error}"))),
    }
}

/// Puts the start on record, and ends what the last run left half done.
fn begin(ledger: &Ledger, shared: &Arc<Shared>, actor: &Actor) -> Result<(), StartError> {
    record_start(shared, actor, ledger.was_clean())?;
    recovery::check(ledger, shared).map_err(|no| StartError::Recovery(told(&no)))?;
    let swept = shared.archive.sweep().map_err(|cause| folder_error(&shared.config().ledger.originals, cause))?;
    recovery::swept(shared, swept);
    poison::count_deaths(shared).map_err(|cause| folder_error(shared.config().state_folder(), cause))?;
    recovery::end_acceptances(shared).map_err(|no| StartError::Recovery(told(&no)))?;
    recovery::take_up(shared).map_err(|no| StartError::Recovery(told(&no)))
}

fn told(no: &No) -> String {
    [std::slice::from_ref(&no.message), &no.because].concat().join(": ")
}

/// Takes the ledger's lock and puts the handles together, without any task. Makes a ledger only if `create` says so.
pub fn shared_of(parts: Parts, create: bool) -> Result<(Ledger, Arc<Shared>), StartError> {
    let Parts { config, lookup, clock, registrar, stop, once, actor, file_events } = parts;
    let key = config.ledger.signing_key_file.as_deref().map(signing_key).transpose()?;
    private_folder(config.state_folder())?;
    private_folder(&config.ledger.originals)?;
    let ledger = Ledger::open(&config.ledger.path, create, clock.now(), actor.as_str())?;
    let (originals, readers) = (config.ledger.originals.clone(), Readers::new(config.ledger.path.clone()));
    let proofs = Proofs::new(config.ledger.path.clone(), key);
    let config = InForce::new(config);
    let (registrar, embedded) =
        if let Some(given) = registrar { given } else { registrars::registrar_of(&config, &clock)? };
    let archive = Archive::open(&originals).map_err(|cause| folder_error(&originals, cause))?;
    let bells = Arc::new(Bells::default());
    let watch = if file_events {
        let rung = Arc::clone(&bells);
        Watch::new(Arc::new(move |customer| rung.of(customer).intake.notify_one()))
    } else {
        Watch::off()
    };
    let writer = ledger.writer();
    let shared = Shared::new(
        config, lookup, writer, readers, proofs, archive, watch, registrar, embedded, clock, bells, stop, once,
    );
    Ok((ledger, Arc::new(shared)))
}

fn signing_key(path: &Path) -> Result<SigningKey, StartError> {
    let file = || shown(&path.display().to_string()).to_string();
    signing::read(path).map_err(|cause| StartError::SigningKey { file: file(), cause })
}

/// Puts the start and the configuration in force on record.
fn record_start(shared: &Shared, actor: &Actor, clean: bool) -> Result<(), StartError> {
    let config = shared.config();
    let act = |action: &str, subject: Option<String>, reason: Option<String>| {
        let entry = NewAction {
            at: shared.clock.now(),
            actor: actor.to_string(),
            action: action.to_owned(),
            subject,
            reason,
        };
        shared.writer.act(entry).wait().map_err(StartError::Record)
    };
    let unclean = (!clean).then(|| recovery::UNCLEAN.to_owned());
    act("start", Some(format!("devicedrop {}", env!("CARGO_PKG_VERSION"))), unclean)?;
    originals::keep_configuration(&config).map_err(|cause| folder_error(&config.ledger.originals, cause))?;
    act("load_configuration", sha256_of(&config).map(|hash| hash.to_string()), None)?;
    match changed_key(shared)? {
        Some((subject, reason)) => act(handover::ACTION, subject, reason),
        None => Ok(()),
    }
}

/// Subject and reason of the entry that names a signing key.
type KeyWords = (Option<String>, Option<String>);

/// The key by which checkpoints are signed from here on and what the one before it says of that, as they go on record;
/// none where it is the same as before.
fn changed_key(shared: &Shared) -> Result<Option<KeyWords>, StartError> {
    let before = shared.readers.ask(Reader::key_in_force).map_err(|error| StartError::Recovery(error.to_string()))?;
    let key = shared.proofs.key();
    let public = key.map(|key| key.signer.verifier());
    let subject = public.as_ref().map(ToString::to_string);
    if subject == before {
        return Ok(None);
    }
    let before = before.and_then(|before| before.parse::<Verifier>().ok());
    let handover = before.map(|before| {
        let told = key.and_then(|key| key.handover.clone()).filter(|told| told.after == before);
        told.unwrap_or_else(|| Handover::unsigned(before))
    });
    Ok(Some((subject, handover.map(|handover| handover.to_string()))))
}

/// A folder of our own, closed to others.
pub(super) fn private_folder(folder: &Path) -> Result<(), StartError> {
    std::fs::DirBuilder::new().recursive(true).mode(0o750).create(folder).map_err(|cause| folder_error(folder, cause))
}

/// Makes the root and the customers' folders in it, at the first start: later, one that isn't there is a share that isn't
/// mounted, and must not be hidden by an empty one. A folder elsewhere may be such a share from the beginning.
fn make_folders(config: &Config) -> Result<(), StartError> {
    let root = &config.drop.root;
    if std::fs::symlink_metadata(root).is_ok_and(|found| found.is_file()) {
        return Err(folder_error(root, io::ErrorKind::NotADirectory.into()));
    }
    if config.ledger.path.exists() && !root.exists() {
        return Ok(());
    }
    shared_folder(root)?;
    let inside = config.customers.values().filter(|customer| customer.folder.starts_with(root));
    inside.map(|customer| &customer.folder).try_for_each(|folder| shared_folder(folder))
}

/// A folder that senders share with us.
fn shared_folder(folder: &Path) -> Result<(), StartError> {
    if std::fs::symlink_metadata(folder).is_ok() {
        return Ok(());
    }
    std::fs::DirBuilder::new().recursive(true).create(folder).map_err(|cause| folder_error(folder, cause))?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o2775))
        .map_err(|cause| folder_error(folder, cause))
}

fn folder_error(folder: &Path, cause: io::Error) -> StartError {
    StartError::Folder { folder: folder.display().to_string(), cause }
}
