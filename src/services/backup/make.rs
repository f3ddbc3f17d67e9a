//! Making a backup, while a daemon works or not: copied aside, verified, synced, and only then given its name.
//!
//! The ledger is copied first. The registry and the originals only ever know more than it: a claim is made, and a
//! file is in the archive, before the ledger hears of it.

use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use devicedrop_core::device::Sha256;

use crate::cli::backup::{BackedUp, BackupAsk};
use crate::cli::error::Failure;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, RegistrarKind, Source};
use crate::inbox::archive::{self, Archive};
use crate::ledger::rows::Head;
use crate::ledger::verify::Verifier;
use crate::ledger::{Reader, copy};
use crate::registrar::embedded;
use crate::services::audit::{self, Say};
use crate::services::lookups::failure::Told;
use crate::services::place;

use super::{CONFIGURATION, CONFIGURATIONS, FORM, LEDGER, LIST, List, ORIGINALS, REGISTRY, SIGNING_KEY};
use super::{failure, files, named, trouble};

/// Held while a backup is being made, in its unfinished folder.
const LOCK: &str = "unfinished.lock";

/// How often the ledger is copied at most, when originals that it names were given up in the meantime.
const TRIES: u32 = 5;

/// Makes a backup in a new folder.
pub(in crate::services) fn make(config: &Config, ask: &BackupAsk, say: Say<'_>) -> Result<BackedUp, Failure> {
    let place = Place::begin(&ask.dir, config)?;
    match fill(config, ask, &place, say) {
        Ok(made) => place.finish().map(|()| made),
        Err(failure) => {
            place.give_up();
            Err(failure)
        }
    }
}

/// Where a backup is being made: beside the name that it is to have.
struct Place {
    dir: PathBuf,
    unfinished: PathBuf,
    /// Held, not read.
    _lock: File,
}

impl Place {
    fn begin(dir: &Path, config: &Config) -> Result<Self, Failure> {
        let dir = place::apart(config, dir, "a backup's folder")?;
        let (Some(parent), Some(name)) = (dir.parent(), dir.file_name()) else {
            return Err(failure(format!("{} can't be a backup's folder", named(&dir)), Vec::new(), None));
        };
        if dir.symlink_metadata().is_ok() {
            let hint = "a backup never replaces anything: choose another name, with the date for instance".to_owned();
            return Err(failure(format!("{} is there already", named(&dir)), Vec::new(), Some(hint)));
        }
        let mut unfinished = name.to_owned();
        unfinished.push(".unfinished");
        let unfinished = parent.join(unfinished);
        let lock = Self::take(&unfinished)?;
        Ok(Self { dir, unfinished, _lock: lock })
    }

    /// Makes the folder and locks it. What a backup that was cut off left there is removed.
    fn take(unfinished: &Path) -> Result<File, Failure> {
        let told = |error: io::Error| trouble("make", unfinished, &error);
        if let Ok(mut left) = std::fs::read_dir(unfinished) {
            if let Ok(file) = File::open(unfinished.join(LOCK)) {
                Self::lock(&file, unfinished)?;
            } else if left.next().is_some() && !unfinished.join(LIST).exists() {
                let hint = "look what it is, and move it away".to_owned();
                return Err(failure(format!("{} isn't of a backup", named(unfinished)), Vec::new(), Some(hint)));
            }
            Self::clear(unfinished).map_err(|error| trouble("remove", unfinished, &error))?;
        }
        files::folder(unfinished, 0o700).map_err(told)?;
        let lock = OpenOptions::new().write(true).create_new(true).mode(0o600).open(unfinished.join(LOCK));
        let lock = lock.map_err(told)?;
        Self::lock(&lock, unfinished)?;
        Ok(lock)
    }

    /// Removes the folder and what is in it; what tells that it is ours goes last.
    fn clear(unfinished: &Path) -> io::Result<()> {
        for entry in std::fs::read_dir(unfinished)? {
            let entry = entry?;
            let name = entry.file_name();
            if name == LOCK || name == LIST {
                continue;
            }
            if entry.file_type()?.is_dir() {
                std::fs::remove_dir_all(entry.path())?;
            } else {
                std::fs::remove_file(entry.path())?;
            }
        }
        files::remove(&unfinished.join(LIST))?;
        files::remove(&unfinished.join(LOCK))?;
        std::fs::remove_dir(unfinished)
    }

    fn lock(file: &File, unfinished: &Path) -> Result<(), Failure> {
        match file.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => {
                Err(failure(format!("another backup is being made in {}", named(unfinished)), Vec::new(), None))
            }
            Err(TryLockError::Error(error)) => Err(trouble("lock", unfinished, &error)),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.unfinished.join(name)
    }

    /// Everything is there: brings it to the disk and gives the folder its name.
    fn finish(self) -> Result<(), Failure> {
        files::remove(&self.path(LOCK))
            .and_then(|()| files::sync_all_below(&self.unfinished))
            .and_then(|()| files::name(&self.unfinished, &self.dir))
            .map_err(|error| {
                let told = trouble("finish the backup", &self.dir, &error);
                self.give_up();
                told
            })
    }

    /// Removes what was copied so far.
    fn begin_anew(&self) -> io::Result<()> {
        files::remove(&self.path(LEDGER))?;
        files::remove(&self.path(REGISTRY))?;
        std::fs::remove_dir_all(self.path(ORIGINALS))
    }

    fn give_up(&self) {
        // What can't be removed has a name that says what it is, and the next backup of this name tries again.
        Self::clear(&self.unfinished).unwrap_or_default();
    }
}

fn fill(config: &Config, ask: &BackupAsk, place: &Place, say: Say<'_>) -> Result<BackedUp, Failure> {
    let registry = config.registrar.kind == RegistrarKind::Embedded;
    let mut tries = 1;
    let copied = loop {
        copy_databases(config, place, registry, say)?;
        let copied = copy_originals(config, place, say)?;
        // Copies that aren't kept may be given up between the ledger's copy and their own.
        if copied.missing == 0 || config.ledger.keep_originals || tries == TRIES {
            break copied;
        }
        tries += 1;
        place.begin_anew().map_err(|error| trouble("remove what was copied to", &place.unfinished, &error))?;
    };
    let configuration = copy_configuration(config, place)?;
    let signing_key = copy_key(config, ask, place)?;
    let verified = audit::verify_copy(&place.path(LEDGER), &place.path(ORIGINALS), say)?;
    if registry {
        embedded::check_copy(&place.path(REGISTRY)).map_err(Told::told)?;
    }
    let head = head_of(&place.path(LEDGER))?;
    let names = [(LEDGER, true), (REGISTRY, registry), (CONFIGURATION, configuration), (SIGNING_KEY, signing_key)];
    let listed = names.iter().filter(|(_, there)| *there).map(|(name, _)| files::listed(&place.unfinished, name));
    let list = List {
        form: FORM,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: SystemClock.now(),
        ledger: uuid::Uuid::from_bytes(head.ledger).to_string(),
        epoch: head.epoch,
        entries: head.entries,
        blocks: head.blocks,
        head: head.hash.to_string(),
        until: head.at,
        originals: copied.files,
        sound: verified.sound,
        files: listed.collect::<io::Result<_>>().map_err(|error| trouble("read", &place.unfinished, &error))?,
    };
    write_list(&list, place)?;
    Ok(BackedUp {
        dir: place.dir.clone(),
        made_at: list.made_at,
        epoch: list.epoch,
        entries: list.entries,
        blocks: list.blocks,
        head: list.head,
        until: list.until,
        registry,
        originals: copied.files,
        originals_bytes: copied.bytes,
        configuration,
        signing_key: config.ledger.signing_key_file.is_some().then_some(signing_key),
        sound: verified.sound,
        found: verified.found,
    })
}

fn copy_databases(config: &Config, place: &Place, registry: bool, say: Say<'_>) -> Result<(), Failure> {
    say("copying the ledger");
    copy::copy(&config.ledger.path, &place.path(LEDGER)).map_err(Told::told)?;
    if registry {
        say("copying the registry");
        embedded::copy(&config.registrar.embedded.path, &place.path(REGISTRY)).map_err(Told::told)?;
    }
    Ok(())
}

/// What came of the originals.
#[derive(Default)]
struct Copied {
    files: u64,
    bytes: u64,
    missing: u64,
}

/// Copies each original that the copied ledger names.
fn copy_originals(config: &Config, place: &Place, say: Say<'_>) -> Result<Copied, Failure> {
    let from = &config.ledger.originals;
    let archive = Archive::open(from).map_err(|error| trouble("open the originals' folder", from, &error))?;
    let to = place.path(ORIGINALS);
    files::folder(&to, 0o750).map_err(|error| trouble("make", &to, &error))?;
    let verifier = Verifier::open_copy(&place.path(LEDGER)).map_err(Told::told)?;
    let mut copied = Copied::default();
    let mut folders = HashSet::new();
    for page in audit::originals(&verifier) {
        for original in page?.iter().filter(|original| !original.removed) {
            copy_one(&archive, &original.sha256, &to, &mut folders, &mut copied)?;
        }
        say(&format!("copying originals: {}", copied.files));
    }
    Ok(copied)
}

fn copy_one(
    archive: &Archive,
    sha256: &Sha256,
    to: &Path,
    folders: &mut HashSet<PathBuf>,
    copied: &mut Copied,
) -> Result<(), Failure> {
    let path = to.join(archive::place_of(sha256));
    let told = |error: io::Error| trouble("copy an original to", &path, &error);
    if let Some(folder) = path.parent().filter(|folder| !folders.contains(*folder)) {
        files::folder(folder, 0o750).map_err(told)?;
        folders.insert(folder.to_owned());
    }
    let from = match archive.copy_of(sha256) {
        Ok(from) => from,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            copied.missing += 1;
            return Ok(());
        }
        Err(error) => return Err(trouble("read an original in", to, &error)),
    };
    match files::copy(from, &path, 0o440) {
        Ok((bytes, _)) => {
            copied.files += 1;
            copied.bytes = copied.bytes.saturating_add(bytes);
            Ok(())
        }
        // The same content was sent twice, or the ledger was copied twice.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(told(error)),
    }
}

/// Copies the configuration in force, and those that once were; says whether there is one in force.
fn copy_configuration(config: &Config, place: &Place) -> Result<bool, Failure> {
    let (from, to) = (config.ledger.originals.join(CONFIGURATIONS), place.path(ORIGINALS).join(CONFIGURATIONS));
    let told = |error: io::Error| trouble("copy the configurations to", &to, &error);
    if let Ok(entries) = std::fs::read_dir(&from) {
        files::folder(&to, 0o750).map_err(told)?;
        for entry in entries {
            let entry = entry.map_err(told)?;
            let name = entry.file_name();
            if name.as_encoded_bytes().ends_with(b".toml") {
                let copied = File::open(entry.path()).and_then(|file| files::copy(file, &to.join(name), 0o440));
                copied.map_err(told)?;
            }
        }
    }
    let Source::File { text, .. } = &config.source else { return Ok(false) };
    new_file(&place.path(CONFIGURATION), 0o640, text.as_bytes())?;
    Ok(true)
}

/// Copies the signing key, if it is asked for and there is one.
fn copy_key(config: &Config, ask: &BackupAsk, place: &Place) -> Result<bool, Failure> {
    let Some(key) = config.ledger.signing_key_file.as_ref().filter(|_| ask.with_key) else { return Ok(false) };
    File::open(key)
        .and_then(|file| files::copy(file, &place.path(SIGNING_KEY), 0o400))
        .map_err(|error| trouble("copy the signing key", key, &error))?;
    Ok(true)
}

fn head_of(ledger: &Path) -> Result<Head, Failure> {
    let head = Reader::open_copy(ledger).map_err(Told::told)?.head().map_err(Told::told)?;
    head.ok_or_else(|| failure("the ledger has no entry yet", Vec::new(), None))
}

fn write_list(list: &List, place: &Place) -> Result<(), Failure> {
    let mut text = serde_json::to_vec_pretty(list)
        .map_err(|error| failure("the backup's list can't be put into words", vec![error.to_string()], None))?;
    text.push(b'\n');
    new_file(&place.path(LIST), 0o640, &text)
}

fn new_file(path: &Path, mode: u32, content: &[u8]) -> Result<(), Failure> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(content)).map_err(|error| trouble("write", path, &error))
}
