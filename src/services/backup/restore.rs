//! Putting a backup back, where nothing is: verified first, the mark that nobody may open the ledger, everything into
//! place, the next epoch on record, and at last the mark taken away.
//!
//! A restore that is cut off leaves the mark: no daemon starts, and the same restore done again ends it.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::actor::Actor;
use crate::cli::backup::{RestoreAsk, Restored};
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, RegistrarKind};
use crate::control::protocol::Refusal;
use crate::durable;
use crate::inbox::archive;
use crate::ledger::restoring::Restoring;
use crate::ledger::verify::Verifier;
use crate::ledger::{LedgerLock, copy};
use crate::registrar::embedded;
use crate::services::audit::{self, Say};
use crate::services::lookups::failure::Told;

use super::{
    CONFIGURATION, CONFIGURATIONS, FORM, LEDGER, LIST, LONGEST_LIST, List, ORIGINALS, REGISTRY, SIGNING_KEY,
};
use super::{failure, files, named, trouble};

/// Puts a backup back to where the configuration says.
pub(in crate::services) fn restore(
    config: &Config,
    ask: &RestoreAsk,
    actor: &Actor,
    say: Say<'_>,
) -> Result<Restored, Failure> {
    let dir = std::path::absolute(&ask.dir).map_err(|error| trouble("find", &ask.dir, &error))?;
    let list = read_list(&dir)?;
    let with_registry = fits(config, &list)?;
    verify(&dir, &list, with_registry, say)?;
    let target = Target::of(config, with_registry);
    let lock = target.make_ready()?;
    let mark = begin(config, &target, &list)?;
    let (copied, configuration) = put_back(config, ask, &target, &dir, say)?;
    let from = format!(
        "from the backup {} of {}, which ends with block {} ({})",
        named(&dir),
        list.made_at,
        list.blocks,
        list.head
    );
    let reason = ask.reason.as_ref().map_or_else(|| from.clone(), |reason| format!("{reason}; {from}"));
    let ledger = &config.ledger.path;
    let epoch = copy::open_epoch(ledger, &lock, SystemClock.now(), actor.as_str(), &reason).map_err(Told::told)?;
    target
        .give_all_away(config)
        .map_err(|error| trouble("give to the daemon's user what is in", &target.state, &error))?;
    for folder in target.folders() {
        files::sync_all_below(folder).map_err(|error| trouble("bring to the disk", folder, &error))?;
    }
    mark.done().map_err(|error| trouble("end the restore in", &target.state, &error))?;
    drop(lock);
    Ok(Restored {
        ledger: ledger.clone(),
        epoch,
        made_at: list.made_at,
        entries: list.entries,
        blocks: list.blocks,
        until: list.until,
        registry: with_registry,
        originals: copied,
        configuration,
    })
}

fn read_list(dir: &Path) -> Result<List, Failure> {
    let path = dir.join(LIST);
    let whole = || {
        let hint = "choose a folder that `devicedrop backup` made, and that was copied whole".to_owned();
        move |why: String| failure(format!("{} is no whole backup", named(dir)), vec![why], Some(hint))
    };
    let mut text = String::new();
    File::open(&path)
        .and_then(|file| file.take(LONGEST_LIST).read_to_string(&mut text))
        .map_err(|error| whole()(format!("{}: {error}", named(&path))))?;
    let list: List = serde_json::from_str(&text).map_err(|error| whole()(format!("{}: {error}", named(&path))))?;
    if list.form > FORM {
        let hint = format!("use devicedrop {} or newer", list.program);
        return Err(failure(format!("{} was made by a newer devicedrop", named(dir)), Vec::new(), Some(hint)));
    }
    for file in &list.files {
        let name = Path::new(&file.name);
        let inside = name.components().count() == 1 && name.file_name().is_some();
        let found = files::listed(dir, &file.name).map_err(|error| whole()(format!("{}: {error}", file.name)))?;
        if !inside || found != *file {
            return Err(whole()(format!("{} isn't the file that was copied", named(&dir.join(name)))));
        }
    }
    if list.has(LEDGER) { Ok(list) } else { Err(whole()("it has no ledger".to_owned())) }
}

/// Whether the backup fits the configuration; says whether there is a registry to be put back.
fn fits(config: &Config, list: &List) -> Result<bool, Failure> {
    let embedded = config.registrar.kind == RegistrarKind::Embedded;
    if embedded && !list.has(REGISTRY) {
        let hint = "set registrar.kind to the one that was in force, or name the right configuration".to_owned();
        let what = "the configuration has the embedded registrar, and the backup has no registry";
        return Err(failure(what, Vec::new(), Some(hint)));
    }
    Ok(embedded)
}

/// Recomputes all of it before anything is put anywhere.
fn verify(dir: &Path, list: &List, with_registry: bool, say: Say<'_>) -> Result<(), Failure> {
    let verified = audit::verify_copy(&dir.join(LEDGER), &dir.join(ORIGINALS), say)?;
    if !verified.sound {
        let hint = if list.sound {
            "choose another backup: this one isn't as it was made"
        } else {
            "choose an older backup: what was copied wasn't as it was written"
        };
        let refusal = Refusal {
            message: format!("the backup {} can't be trusted", named(dir)),
            because: verified.found.into_iter().take(5).collect(),
            hint: Some(hint.to_owned()),
        };
        return Err(Failure { exit: Exit::LedgerUntrusted, refusal });
    }
    if with_registry {
        embedded::check_copy(&dir.join(REGISTRY)).map_err(Told::told)?;
    }
    Ok(())
}

/// Where everything goes, and whose it is to be.
struct Target {
    state: PathBuf,
    ledger: PathBuf,
    originals: PathBuf,
    registry: Option<PathBuf>,
}

impl Target {
    fn of(config: &Config, with_registry: bool) -> Self {
        Self {
            state: config.state_folder().to_owned(),
            ledger: config.ledger.path.clone(),
            originals: config.ledger.originals.clone(),
            registry: with_registry.then(|| config.registrar.embedded.path.clone()),
        }
    }

    fn folders(&self) -> impl Iterator<Item = &Path> {
        [self.state.as_path(), self.originals.as_path()]
            .into_iter()
            .chain(self.registry.as_deref().and_then(Path::parent))
    }

    /// The databases with what SQLite keeps beside them.
    fn databases(&self) -> impl Iterator<Item = PathBuf> {
        [Some(&self.ledger), self.registry.as_ref()].into_iter().flatten().flat_map(|path| {
            ["", "-wal", "-shm", "-journal"].map(|suffix| {
                let mut name = path.as_os_str().to_owned();
                name.push(suffix);
                PathBuf::from(name)
            })
        })
    }

    /// Makes the folders and takes the ledger's lock, so that no daemon starts meanwhile. Refuses where anything is.
    fn make_ready(&self) -> Result<LedgerLock, Failure> {
        for folder in self.folders() {
            let made = std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o750)
                .recursive(true)
                .create(folder);
            made.map_err(|error| trouble("make the folder", folder, &error))?;
        }
        let lock = LedgerLock::take(&self.ledger).map_err(|error| {
            let hint = "stop the daemon first".to_owned();
            let because = std::error::Error::source(&error).map(ToString::to_string).into_iter().collect();
            failure(error.to_string(), because, Some(hint))
        })?;
        if Restoring::is_at(&self.ledger) {
            return Ok(lock);
        }
        let taken = self.databases().find(|path| path.symlink_metadata().is_ok()).or_else(|| {
            let mut entries = std::fs::read_dir(&self.originals).ok()?;
            entries.next().and_then(Result::ok).map(|entry| entry.path())
        });
        match taken {
            None => Ok(lock),
            Some(path) => {
                let hint = "a restore replaces nothing: move the old state aside and keep it, then do it again";
                Err(failure(format!("{} is there already", named(&path)), Vec::new(), Some(hint.to_owned())))
            }
        }
    }

    /// What root puts into the daemon's folder is the daemon's.
    fn give_all_away(&self, config: &Config) -> io::Result<()> {
        if !rustix::process::geteuid().is_root() {
            return Ok(());
        }
        let owner = std::fs::metadata(&self.state)?;
        let give = |path: &Path| std::os::unix::fs::lchown(path, Some(owner.uid()), Some(owner.gid()));
        for path in self.databases().chain([LedgerLock::path(&self.ledger)]) {
            if path.symlink_metadata().is_ok() {
                give(&path)?;
            }
        }
        give_tree(&self.originals, &give)?;
        match config.ledger.signing_key_file.as_deref().filter(|key| key.starts_with(&self.state)) {
            Some(key) if key.symlink_metadata().is_ok() => give(key),
            _ => Ok(()),
        }
    }
}

/// The archive has two levels of folders, no more.
fn give_tree(folder: &Path, give: &impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    give(folder)?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            give(&entry.path())?;
            for file in std::fs::read_dir(entry.path())? {
                give(&file?.path())?;
            }
        }
    }
    Ok(())
}

/// Puts the mark in place. One that lies there already must be of the same restore: what it began is its own to
/// remove.
fn begin(config: &Config, target: &Target, list: &List) -> Result<Restoring, Failure> {
    let places = [Some(&config.ledger.path), Some(&target.originals), target.registry.as_ref()];
    let places: Vec<String> = places.into_iter().flatten().map(|place| format!("{}\n", place.display())).collect();
    let what = format!(
        "The restore of a backup into these places was cut off. Do it again, with the same backup.\n\
         backup of {}, {} entries, head {}\n{}",
        list.made_at,
        list.entries,
        list.head,
        places.concat()
    );
    let (mark, same) = Restoring::begin(&target.ledger, &what)
        .map_err(|error| failure("the restore can't be marked as begun", vec![error.to_string()], None))?;
    if !same {
        let hint = format!(
            "restore the same backup again; or move the state aside, the file {} with it",
            named(mark.path())
        );
        return Err(failure("another restore was cut off here", Vec::new(), Some(hint)));
    }
    for path in target.databases() {
        files::remove(&path).map_err(|error| trouble("remove what was cut off,", &path, &error))?;
    }
    Ok(mark)
}

/// Copies everything into its place, the ledger last. Returns how many originals, and where the configuration went.
fn put_back(
    config: &Config,
    ask: &RestoreAsk,
    target: &Target,
    dir: &Path,
    say: Say<'_>,
) -> Result<(u64, Option<PathBuf>), Failure> {
    let copied = originals(target, dir, say)?;
    copy_configurations(target, dir)?;
    if let Some(registry) = &target.registry {
        say("putting the registry back");
        place(&dir.join(REGISTRY), registry, 0o640)?;
    }
    if let Some(path) = &ask.configuration {
        put_new(&dir.join(CONFIGURATION), path, 0o640)?;
    }
    if let Some(key) = config.ledger.signing_key_file.as_ref().filter(|_| dir.join(SIGNING_KEY).exists()) {
        put_new(&dir.join(SIGNING_KEY), key, 0o400)?;
    }
    say("putting the ledger back");
    place(&dir.join(LEDGER), &target.ledger, 0o640)?;
    Ok((copied, ask.configuration.clone()))
}

fn place(from: &Path, to: &Path, mode: u32) -> Result<(), Failure> {
    File::open(from)
        .and_then(|file| files::copy(file, to, mode))
        .and_then(|_| File::open(to)?.sync_all())
        .map_err(|error| trouble("write", to, &error))
}

/// Puts a file where none is; one that is there stays.
fn put_new(from: &Path, to: &Path, mode: u32) -> Result<(), Failure> {
    let content = std::fs::read(from).map_err(|error| trouble("read", from, &error))?;
    let folder = to.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder).map_err(|error| trouble("make the folder", folder, &error))?;
    durable::write_new(to, mode, &content)
        .map(|_| ())
        .map_err(|error| failure(format!("can't write {}", named(to)), vec![error.to_string()], None))
}

fn originals(target: &Target, dir: &Path, say: Say<'_>) -> Result<u64, Failure> {
    let verifier = Verifier::open_copy(&dir.join(LEDGER)).map_err(Told::told)?;
    let mut copied = 0;
    for page in audit::originals(&verifier) {
        for original in page? {
            let inside = archive::place_of(&original.sha256);
            let (from, to) = (dir.join(ORIGINALS).join(&inside), target.originals.join(&inside));
            copied += u64::from(put_original(&from, &to, &original.sha256.to_string())?);
        }
        say(&format!("putting originals back: {copied}"));
    }
    Ok(copied)
}

/// Puts one original back; says whether it wasn't there yet. What a restore that was cut off left is believed by its
/// content only.
fn put_original(from: &Path, to: &Path, sha256: &str) -> Result<bool, Failure> {
    let told = |error: io::Error| trouble("put an original back to", to, &error);
    let folder = to.parent().unwrap_or(Path::new("/"));
    files::folder(folder, 0o750).map_err(told)?;
    if to.symlink_metadata().is_ok() {
        let name = to.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if files::listed(folder, name).is_ok_and(|there| there.sha256 == sha256) {
            return Ok(false);
        }
        files::remove(to).map_err(told)?;
    }
    match File::open(from) {
        Ok(file) => files::copy(file, to, 0o440).map(|_| true).map_err(told),
        // It was given up, as the record says: verification would have missed it otherwise.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(trouble("read", from, &error)),
    }
}

fn copy_configurations(target: &Target, dir: &Path) -> Result<(), Failure> {
    let (from, to) = (dir.join(ORIGINALS).join(CONFIGURATIONS), target.originals.join(CONFIGURATIONS));
    let Ok(entries) = std::fs::read_dir(&from) else { return Ok(()) };
    let told = |error: io::Error| trouble("put the configurations back to", &to, &error);
    files::folder(&to, 0o750).map_err(told)?;
    for entry in entries {
        let entry = entry.map_err(told)?;
        let to = to.join(entry.file_name());
        files::remove(&to).and_then(|()| files::copy(File::open(entry.path())?, &to, 0o440)).map_err(told)?;
    }
    Ok(())
}
