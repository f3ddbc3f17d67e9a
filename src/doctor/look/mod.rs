//! Looks at the environment, and tries what the daemon does in it. Says nothing of what it means.
//!
//! Nothing that hangs holds a look up for long: it is left behind and told as what it is.

mod folders;
mod process;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use devicedrop_core::time::Timestamp;

use super::seen::{Clock, Customer, End, Kept, Kind, Ledger, OwnFile, Place, Role, Seen, Sqlite, Trouble, User};
use crate::actor::user_name;
use crate::clock::{Clock as _, SystemClock};
use crate::config::{
    AppProof, Config, CredentialSettings, CustomerSettings, RegistrarKind, SecretPlace, ServiceSettings,
};
use crate::daemon;
use crate::ledger::{self, OpenError, Reader};
use crate::registrar::credentials::certificate_end;

/// How long one place may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A refresh token that isn't used for so long ends.
/// <https://learn.microsoft.com/entra/identity-platform/refresh-tokens>
const UNUSED_TOKEN: Duration = Duration::from_hours(90 * 24);

/// Somebody should act so long before a certificate ends, or a sign-in.
const NOTICE: Duration = Duration::from_hours(30 * 24);

/// A sign-in that was used within these days is renewed by use; one that nobody used has so many left to act in.
const NOTICE_TOKEN: Duration = Duration::from_hours(14 * 24);

/// So many places are looked at at a time.
const AT_ONCE: usize = 16;

/// Begins something that may hang.
fn begin<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<Receiver<T>> {
    let (sender, receiver) = sync_channel(1);
    // Nobody joins it: a thread that hangs in the file system can't be ended.
    let begun = thread::Builder::new().name("doctor".to_owned()).spawn(move || {
        // Perhaps nobody waits for it any more.
        drop(sender.send(work()));
    });
    begun.ok().map(|_| receiver)
}

/// Does something that may hang; none if it took longer than `patience`.
fn within<T: Send + 'static>(patience: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    begin(work)?.recv_timeout(patience).ok()
}

/// Looks at the customers' drop folders, some at a time: many that hang take no longer than one.
fn drop_folders(customers: &[CustomerSettings], patience: Duration) -> Vec<Customer> {
    let mut looked = Vec::with_capacity(customers.len());
    for some in customers.chunks(AT_ONCE) {
        let until = SystemClock.elapsed().saturating_add(patience);
        let begun: Vec<_> = some
            .iter()
            .map(|customer| {
                let path = customer.folder.clone();
                begin(move || folders::drop_folder(&path))
            })
            .collect();
        for (customer, receiver) in some.iter().zip(begun) {
            let left = until.saturating_sub(SystemClock.elapsed());
            let found = receiver.and_then(|receiver| receiver.recv_timeout(left).ok());
            let (found, tried) = found.unwrap_or((Err(Trouble::Hangs), None));
            let place = Place { path: customer.folder.clone(), found };
            looked.push(Customer { key: customer.key.to_string(), place, tried, paused: customer.paused });
        }
    }
    looked
}

/// Looks at everything that there is to look at without asking another machine.
pub fn look(config: &Config) -> Seen {
    let id = rustix::process::geteuid().as_raw();
    let daemon = process::daemon(config);
    let roster = {
        let config = config.clone();
        within(PATIENCE, move || daemon::roster_of(&config))
    };
    let (customers, unlisted, strangers) = match roster {
        Some(roster) => (roster.customers, roster.unlisted, roster.strangers),
        None => (None, Some("it doesn't answer".to_owned()), std::collections::BTreeMap::new()),
    };
    let customers = customers.unwrap_or_else(|| config.customers.values().cloned().collect());
    let customers = drop_folders(&customers, PATIENCE);
    let folders: u64 =
        customers.iter().filter_map(|customer| customer.tried.as_ref()).map(|tried| tried.folders).sum();
    let to_watch = folders.saturating_add(u64::try_from(customers.len()).unwrap_or(u64::MAX)).saturating_add(1);
    Seen {
        user: User { id, name: user_name(id) },
        limits: process::limits(&daemon, &config.drop.root, to_watch),
        daemon,
        root: place_of(&config.drop.root, folders::strict),
        customers,
        unlisted,
        strangers,
        state: state(config),
        files: files(config),
        ledger: ledger_of(&config.ledger.path),
        sqlite: sqlite(),
        clock: Clock { now: SystemClock.now(), zone: process::zone() },
        ends: ends(config),
    }
}

fn place_of(path: &Path, look: fn(&Path) -> Result<super::seen::Found, Trouble>) -> Place {
    let asked = path.to_owned();
    let found = within(PATIENCE, move || look(&asked)).unwrap_or(Err(Trouble::Hangs));
    Place { path: path.to_owned(), found }
}

/// Our own folders. The originals' may be the ledger's or lie in it: each is looked at by itself.
fn state(config: &Config) -> Vec<Kept> {
    let registry = (config.registrar.kind == RegistrarKind::Embedded)
        .then(|| config.registrar.embedded.path.parent().map(Path::to_owned))
        .flatten()
        .filter(|folder| folder != config.state_folder());
    let mut folders =
        vec![(Role::State, config.state_folder().to_owned()), (Role::Originals, config.ledger.originals.clone())];
    folders.extend(registry.map(|folder| (Role::Registry, folder)));
    folders
        .into_iter()
        .map(|(role, path)| {
            let place = place_of(&path, folders::lenient);
            let write = place.found.is_ok().then(|| {
                let asked = path.clone();
                within(PATIENCE, move || folders::writable(&asked)).unwrap_or(Err("it doesn't answer".to_owned()))
            });
            Kept { role, place, write }
        })
        .collect()
}

fn files(config: &Config) -> Vec<OwnFile> {
    let ledger = &config.ledger.path;
    let beside = |ending: &str| {
        let mut name = ledger.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let mut files =
        vec![(Kind::Ledger, ledger.clone()), (Kind::Ledger, beside("-wal")), (Kind::Ledger, beside("-shm"))];
    if config.registrar.kind == RegistrarKind::Embedded {
        files.push((Kind::Registry, config.registrar.embedded.path.clone()));
    }
    files.push((Kind::Socket, config.control_socket()));
    files.push((Kind::Token, config.state_folder().join(crate::web::TOKEN_FILE)));
    files.extend(config.ledger.signing_key_file.clone().map(|file| (Kind::SigningKey, file)));
    for credentials in services(config).map(|service| &service.credentials) {
        files.extend(secrets(credentials).into_iter().map(|file| (Kind::Secret, file)));
    }
    files.dedup();
    files
        .into_iter()
        .map(|(kind, path)| {
            let asked = path.clone();
            let found = within(PATIENCE, move || folders::mode(&asked)).unwrap_or(Err(Trouble::Hangs));
            let unusable = (kind == Kind::SigningKey && found.is_ok()).then(|| unusable_key(&path)).flatten();
            OwnFile { kind, path, found, unusable }
        })
        .collect()
}

fn services(config: &Config) -> impl Iterator<Item = &ServiceSettings> {
    config.registrar.partner_center.iter().chain(&config.registrar.graph)
}

/// The files in which secrets lie. A certificate is none.
fn secrets(credentials: &CredentialSettings) -> Vec<PathBuf> {
    let place = match &credentials.proof {
        Some(AppProof::Secret(place) | AppProof::Certificate { private_key: place, .. }) => Some(place),
        None => None,
    };
    let file = place.and_then(|place| if let SecretPlace::File(path) = place { Some(path.clone()) } else { None });
    file.into_iter().chain(credentials.refresh_token_file.clone()).collect()
}

fn unusable_key(path: &Path) -> Option<String> {
    let error = crate::proof::signing::read(path).err()?;
    Some(chain(&error).join(": "))
}

fn chain(error: &dyn std::error::Error) -> Vec<String> {
    std::iter::successors(Some(error), |cause| (*cause).source()).map(ToString::to_string).collect()
}

fn ledger_of(path: &Path) -> Ledger {
    let asked = path.to_owned();
    let hangs = || Ledger::Fails { why: vec!["its disk doesn't answer".to_owned()], denied: false };
    within(PATIENCE, move || open_ledger(&asked)).unwrap_or_else(hangs)
}

fn open_ledger(path: &Path) -> Ledger {
    match rustix::fs::access(path, rustix::fs::Access::READ_OK) {
        Err(rustix::io::Errno::NOENT) => return Ledger::None,
        Err(error @ (rustix::io::Errno::ACCESS | rustix::io::Errno::PERM)) => {
            return Ledger::Fails { why: vec![error.to_string()], denied: true };
        }
        _ => {}
    }
    let opened = Reader::open(path).map_err(|error| match error {
        OpenError::Older { found, known } => Ledger::Opens { schema: found, known, last_entry: None },
        error => Ledger::Fails { why: chain(&error), denied: false },
    });
    let reader = match opened {
        Ok(reader) => reader,
        Err(ledger) => return ledger,
    };
    match reader.schema_version().and_then(|(schema, known)| Ok((schema, known, reader.head()?))) {
        Ok((schema, known, head)) => Ledger::Opens { schema, known, last_entry: head.map(|head| head.at) },
        Err(error) => Ledger::Fails { why: chain(&error), denied: false },
    }
}

fn sqlite() -> Sqlite {
    let engine = ledger::engine::engine();
    Sqlite { version: engine.version.to_owned(), number: engine.number, options: engine.options }
}

/// What ends one day: certificates, and sign-ins that nobody uses.
fn ends(config: &Config) -> Vec<End> {
    let mut ends = Vec::new();
    for service in services(config) {
        if let Some(AppProof::Certificate { certificate, .. }) = &service.credentials.proof {
            ends.push(End {
                what: "certificate",
                place: name_of(certificate),
                at: certificate_end(certificate),
                notice: NOTICE,
                remedy: "make a new one, add it to the app registration, then put it in the old one's place",
            });
        }
        if let Some(file) = &service.credentials.refresh_token_file {
            ends.push(End {
                what: "sign-in",
                place: file.display().to_string(),
                at: token_end(file),
                notice: NOTICE_TOKEN,
                remedy: "devicedrop registrar sign-in",
            });
        }
    }
    ends
}

fn name_of(place: &SecretPlace) -> String {
    match place {
        SecretPlace::File(path) => path.display().to_string(),
        SecretPlace::SystemdCredential(name) => format!("the systemd credential {name}"),
        SecretPlace::Environment(name) => format!("the environment variable {name}"),
    }
}

/// When a sign-in ends that nobody uses: each use puts a new token into the file.
fn token_end(file: &Path) -> Result<Timestamp, String> {
    let found = rustix::fs::stat(file).map_err(|errno| errno.to_string())?;
    let used = Timestamp::from_unix_ms(found.st_mtime.saturating_mul(1_000));
    Ok(used.plus(UNUSED_TOKEN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_is_left_behind() {
        let short = Duration::from_millis(20);
        let hangs = || loop {
            thread::park();
        };
        assert_eq!(within::<()>(short, hangs), None);
        assert_eq!(within(PATIENCE, || 1), Some(1));
    }

    #[test]
    fn each_customers_folder_is_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let text = format!("[drop]\nroot = {root:?}\n");
        let config =
            crate::config::parse(Path::new("/d.toml"), text.as_bytes(), &crate::config::Places::of_the_system());
        let config = config.unwrap();
        let customers: Vec<_> = (0..=AT_ONCE * 2)
            .map(|number| config.customer_defaults(&format!("c{number}").parse().unwrap()))
            .collect();
        for customer in customers.iter().skip(1) {
            std::fs::create_dir(&customer.folder).unwrap();
        }
        let looked = drop_folders(&customers, PATIENCE);
        let there: Vec<bool> = looked.iter().map(|customer| customer.place.found.is_ok()).collect();
        assert!(!there[0] && there[1..].iter().all(|there| *there) && there.len() == AT_ONCE * 2 + 1, "{there:?}");
    }
}
