//! `backup` and `restore`: what is asked, what came of it, and which configuration a restore goes by.

use std::path::{Path, PathBuf};

use devicedrop_core::shown::shown;
use devicedrop_core::time::Timestamp;
use serde::Serialize;

use crate::actor::Actor;
use crate::cli::args::{BackupArgs, RestoreArgs};
use crate::cli::ask;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::{Output, Paint};
use crate::cli::services::Services;
use crate::config::environment::Environment;
use crate::config::{Config, ConfigError, Lookup, Source};
use crate::control::protocol::Request;

/// The configuration's copy in a backup.
pub const CONFIGURATION: &str = "devicedrop.toml";

/// What a backup is asked to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupAsk {
    /// The folder that is to be made.
    pub dir: PathBuf,
    /// Whether the key that signs checkpoints goes with it.
    pub with_key: bool,
}

/// What is to be put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreAsk {
    /// The backup.
    pub dir: PathBuf,
    /// Why, for the record.
    pub reason: Option<String>,
    /// Where its configuration goes, if it goes anywhere.
    pub configuration: Option<PathBuf>,
}

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackedUp {
    /// The folder.
    pub dir: PathBuf,
    /// When it was made.
    pub made_at: Timestamp,
    /// The ledger's epoch.
    pub epoch: u64,
    /// The entries in it.
    pub entries: u64,
    /// The blocks in it.
    pub blocks: u64,
    /// The hash of the last block.
    pub head: String,
    /// When the last block was written.
    pub until: Timestamp,
    /// Whether the embedded registrar's registry is in it.
    pub registry: bool,
    /// How many originals are in it.
    pub originals: u64,
    /// How many bytes they have.
    pub originals_bytes: u64,
    /// Whether a configuration is in it.
    pub configuration: bool,
    /// Whether the signing key is in it; none where there is no key.
    pub signing_key: Option<bool>,
    /// Whether nothing was found when the copy was verified.
    pub sound: bool,
    /// What isn't as it was written.
    pub found: Vec<String>,
}

/// A backup that was put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// The ledger.
    pub ledger: PathBuf,
    /// The epoch that began.
    pub epoch: u64,
    /// When the backup was made.
    pub made_at: Timestamp,
    /// The entries that the backup has.
    pub entries: u64,
    /// The blocks that the backup has.
    pub blocks: u64,
    /// When its last block was written.
    pub until: Timestamp,
    /// Whether the registry was put back.
    pub registry: bool,
    /// How many originals were put back.
    pub originals: u64,
    /// Where the configuration was put back, if there was none.
    pub configuration: Option<PathBuf>,
}

/// Makes a backup.
pub fn back_up(
    args: &BackupArgs,
    context: &Context,
    services: &dyn Services,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let ask = BackupAsk { dir: args.dir.clone(), with_key: args.with_key };
    let made = services.backup(&context.config, &ask, &mut |text| output.progress(text));
    output.progress_ended();
    let made = made?;
    put_on_record(&made, context, services, output);
    if args.report.json {
        output.json(&made)?;
    } else {
        print_made(&made, output)?;
    }
    Ok(Exit::answer(made.sound))
}

/// Says who made it in the record that it is a copy of. It is whole whether that can be said or not.
fn put_on_record(made: &BackedUp, context: &Context, services: &dyn Services, output: &mut Output) {
    let request = Request::BackedUp {
        dir: made.dir.clone(),
        blocks: made.blocks,
        head: made.head.clone(),
        with_key: made.signing_key == Some(true),
    };
    if let Err(error) = ask::ask(context, services, &request, output) {
        output.note("the backup is whole; that it was made can't be put on record:");
        error.tell(output);
    }
}

fn print_made(made: &BackedUp, output: &mut Output) -> Result<(), CliError> {
    let BackedUp { epoch, entries, blocks, until, originals, originals_bytes, .. } = made;
    output.line(format_args!("backup         {}", shown(&made.dir.display().to_string())))?;
    output.line(format_args!("record         entries {entries}, blocks {blocks}, epoch {epoch}, until {until}"))?;
    output.line(format_args!(
        "registry       {}",
        if made.registry { "in it" } else { "none: not the embedded registrar" }
    ))?;
    output.line(format_args!("originals      files {originals}, bytes {originals_bytes}"))?;
    output.line(format_args!(
        "configuration  {}",
        if made.configuration { "in it" } else { "none: the defaults are in force" }
    ))?;
    if let Some(there) = made.signing_key {
        output.line(format_args!("signing key    {}", if there { "in it" } else { "not in it (--with-key)" }))?;
    }
    if made.sound {
        let well = output.painted(Paint::Good, "Verified: nothing was found in the copy that isn't as it was.");
        output.line(format_args!("\n{well}"))?;
        return Ok(());
    }
    for (index, finding) in made.found.iter().enumerate() {
        let finding = output.painted(Paint::Bad, finding);
        output.line(format_args!("{}{finding}", if index == 0 { "\nNot as it was, first: " } else { "  also: " }))?;
    }
    output.line("The backup is whole, and what it is a copy of isn't sound: keep the older backups, too.")?;
    Ok(())
}

/// Puts a backup back.
pub fn restore(
    args: &RestoreArgs,
    given: Option<PathBuf>,
    environment: &Environment,
    services: &dyn Services,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let lookup = Lookup::of_this_process(given, environment);
    let (config, configuration) = configuration(&lookup, &args.dir)?;
    let ask = RestoreAsk { dir: args.dir.clone(), reason: args.reason.clone(), configuration };
    let actor = Actor::of_this_process(environment.sudo_uid);
    let restored = services.restore(&config, &ask, &actor, &mut |text| output.progress(text));
    output.progress_ended();
    let restored = restored?;
    if args.report.json {
        output.json(&restored)?;
    } else {
        print_restored(&restored, &config, output)?;
    }
    Ok(Exit::Done)
}

/// The configuration in force, or the backup's where there is none yet, and where that goes then.
fn configuration(lookup: &Lookup, dir: &Path) -> Result<(Config, Option<PathBuf>), CliError> {
    let copy = dir.join(CONFIGURATION);
    let named = lookup.given.as_ref().or(lookup.environment.as_ref());
    match (lookup.load(), named) {
        (Err(ConfigError::Read { source, .. }), Some(named))
            if source.kind() == std::io::ErrorKind::NotFound && copy.exists() =>
        {
            let bytes = std::fs::read(&copy).map_err(|source| CliError::Read { path: copy, source })?;
            let path = std::path::absolute(named).map_err(|source| CliError::Read { path: named.clone(), source })?;
            Ok((lookup.check(&path, &bytes)?, Some(path)))
        }
        (Ok(config), _) if config.source == Source::Defaults && copy.exists() => Err(CliError::Usage {
            message: "the backup has a configuration, and this machine has none".to_owned(),
            hint: "say where it goes: devicedrop --config /etc/devicedrop/devicedrop.toml restore DIR".to_owned(),
        }),
        (loaded, _) => Ok((loaded?, None)),
    }
}

fn print_restored(restored: &Restored, config: &Config, output: &mut Output) -> Result<(), CliError> {
    let Restored { entries, blocks, until, epoch, originals, made_at, .. } = restored;
    output.line(format_args!("ledger         {}", shown(&restored.ledger.display().to_string())))?;
    output.line(format_args!(
        "record         entries {entries}, blocks {blocks}, until {until}; epoch {epoch} begins"
    ))?;
    output.line(format_args!(
        "registry       {}",
        if restored.registry { "put back" } else { "none: not the embedded registrar" }
    ))?;
    output.line(format_args!("originals      {originals}"))?;
    match (&restored.configuration, &config.source) {
        (Some(path), _) => {
            output.line(format_args!("configuration  put back to {}", shown(&path.display().to_string())))?;
        }
        (None, Source::File { path, .. }) => {
            output.line(format_args!("configuration  {}, which was there", shown(&path.display().to_string())))?;
        }
        (None, Source::Defaults) => output.line("configuration  none: the defaults are in force")?,
    }
    output.line(format_args!(
        "\nWhat happened after {made_at} isn't on record. At its next start the daemon takes the files again that came\n\
         after it, asks the registrar about what it may have been sent, and goes on."
    ))?;
    Ok(())
}
