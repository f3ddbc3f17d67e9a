//! Our own folders and files: the ledger, the originals, the registry, keys, secrets, the socket; and their space.

use devicedrop_core::shown::shown;

use super::super::Finding;
use super::super::seen::{FileSystem, Found, Kept, Kind, Ledger, Mode, OwnFile, Role, Seen, Trouble};
use super::{quoted, told};
use crate::config::Config;

/// Fewer free inodes than this don't last long: each original is a file.
const FEW_INODES: u64 = 10_000;

pub(super) fn judge(config: &Config, seen: &Seen) -> Vec<Finding> {
    let mut found = vec![ledger(config, seen)];
    for kept in &seen.state {
        found.extend(folder(seen, kept));
    }
    found.extend(space(config, seen));
    for file in &seen.files {
        found.extend(own_file(seen, file));
    }
    found
}

fn ledger(config: &Config, seen: &Seen) -> Finding {
    let subject = "ledger";
    let path = told(&config.ledger.path);
    match &seen.ledger {
        Ledger::None => Finding::care(subject, format!("there is none yet at {path}"))
            .expected("a ledger, or a configuration for a new one")
            .hurts("nothing, if this is a new place; else this is the wrong configuration")
            .remedy("devicedrop -v status tells which configuration is used; devicedrop run makes a ledger"),
        Ledger::Opens { schema, known, .. } if schema < known => {
            Finding::care(subject, format!("{path} is of schema {schema}, and this version writes {known}"))
                .expected(format!("schema {known}"))
                .hurts("older versions won't open it once it is brought up to date; a copy is kept beside it")
                .remedy("devicedrop backup DIR with the old version, then start the new one")
        }
        Ledger::Opens { schema, known, last_entry } => {
            let last = last_entry.map_or_else(|| "none".to_owned(), |at| at.to_string());
            let found = format!("{path} opens: schema {schema} of {known}, last entry {last}");
            Finding::good(subject, found)
        }
        Ledger::Fails { why, denied: true } => {
            Finding::unlooked(subject, format!("{path} may not be read: {}", shown(&why.join(": "))))
                .remedy("sudo devicedrop doctor")
        }
        Ledger::Fails { why, denied: false } => {
            Finding::bad(subject, format!("{path} doesn't open: {}", shown(&why.join(": "))))
                .expected("a ledger of a schema that this version knows, as it was left")
                .hurts("the daemon doesn't start")
                .remedy("do what it says; what to do after damage: docs/operating.md, \"It ended with 4\"")
        }
    }
}

impl Role {
    fn subject(self) -> &'static str {
        match self {
            Self::State => "ledger's folder",
            Self::Originals => "originals",
            Self::Registry => "registry's folder",
        }
    }
}

fn folder(seen: &Seen, kept: &Kept) -> Vec<Finding> {
    let subject = kept.role.subject();
    let path = told(&kept.place.path);
    let found = match &kept.place.found {
        Ok(found) => found,
        Err(trouble) => return vec![unreachable_folder(kept, trouble)],
    };
    let mut all = Vec::new();
    all.extend(file_system(kept, found));
    if found.read_only {
        all.push(
            Finding::bad(subject, format!("{path} is mounted for reading only"))
                .expected("a disk that can be written to")
                .hurts("the daemon doesn't start, or stops at its next write")
                .remedy(format!("mount -o remount,rw {}; look into `dmesg` first", quoted(&kept.place.path))),
        );
    }
    if let Some(Err(why)) = &kept.write
        && !found.read_only
        && !super::is_stranger(seen)
    {
        let user = shown(&seen.user.name).to_string();
        all.push(
            Finding::bad(subject, format!("{user} can't write in {path}: {}", shown(why)))
                .expected("a folder of the daemon's user")
                .hurts("the daemon doesn't start, or stops at its next write")
                .remedy(format!("chown -R {user}: {}", quoted(&kept.place.path))),
        );
    }
    all.extend(rights(kept, found));
    if all.is_empty() {
        all.push(Finding::good(subject, format!("{path}, {}, mode {:04o}", named(found), found.mode & 0o7777)));
    }
    all
}

fn unreachable_folder(kept: &Kept, trouble: &Trouble) -> Finding {
    let (subject, path) = (kept.role.subject(), told(&kept.place.path));
    match trouble {
        Trouble::Missing(_) => Finding::care(subject, format!("{path} isn't there yet"))
            .expected("a folder")
            .hurts("nothing, if this is a new place: the daemon makes it; else its disk isn't mounted")
            .remedy(format!("findmnt --target {}", quoted(&kept.place.path))),
        Trouble::Denied => {
            Finding::unlooked(subject, format!("{path} may not be looked into")).remedy("sudo devicedrop doctor")
        }
        Trouble::Hangs => Finding::bad(subject, format!("{path} doesn't answer"))
            .hurts("the daemon waits for it and does nothing else")
            .remedy("look after its disk or share"),
        Trouble::NotAFolder(at) => Finding::bad(subject, format!("{} is no folder", told(at)))
            .expected("a folder")
            .hurts("the daemon doesn't start")
            .remedy("put a folder there, or name another one in the configuration"),
        Trouble::Other(why) => Finding::bad(subject, format!("{path} can't be looked at: {}", shown(why)))
            .hurts("the daemon may not start")
            .remedy("look after its disk"),
    }
}

fn named(found: &Found) -> &'static str {
    match found.file_system {
        FileSystem::Knowing(name) | FileSystem::Memory(name) | FileSystem::Network(name) => name,
        FileSystem::Other => "a local file system",
        FileSystem::Fuse => "FUSE",
    }
}

/// What follows from where a folder of ours lies.
fn file_system(kept: &Kept, found: &Found) -> Option<Finding> {
    let subject = kept.role.subject();
    let path = told(&kept.place.path);
    let expected = "a disk of this machine (ext4, xfs, btrfs)";
    let move_it = "stop the daemon, move the folder to a local disk, and name it in the configuration";
    let databases = kept.role != Role::Originals;
    Some(match found.file_system {
        FileSystem::Knowing(_) | FileSystem::Other => return None,
        FileSystem::Memory(name) => Finding::bad(subject, format!("{path} lies in memory ({name})"))
            .expected(expected)
            .hurts("all of it is gone when the machine stops")
            .remedy(move_it),
        FileSystem::Network(_) | FileSystem::Fuse if databases => {
            Finding::bad(subject, format!("{path} lies on {}", named(found)))
                .expected(expected)
                .hurts("SQLite's locks and log don't work there; the daemon refuses to start")
                .remedy(move_it)
        }
        FileSystem::Network(_) | FileSystem::Fuse => {
            Finding::care(subject, format!("{path} lies on {}", named(found)))
                .expected(expected)
                .hurts(
                    "what is said to be on the disk may be lost with the server; while it is away, nothing is taken",
                )
                .remedy(move_it)
        }
    })
}

/// Who else may what in a folder of ours.
fn rights(kept: &Kept, found: &Found) -> Option<Finding> {
    let (subject, path) = (kept.role.subject(), told(&kept.place.path));
    let mode = found.mode & 0o7777;
    let remedy = format!("chmod 750 {}", quoted(&kept.place.path));
    if mode & 0o002 != 0 {
        return Some(
            Finding::bad(subject, format!("{path} has the mode {mode:04o}: everybody may write there"))
                .expected("0750")
                .hurts("anybody on this machine may replace the record, or keep the daemon from starting")
                .remedy(remedy),
        );
    }
    if mode & 0o020 != 0 {
        return Some(
            Finding::care(subject, format!("{path} has the mode {mode:04o}: its group may write there"))
                .expected("0750")
                .hurts("readers of its group, auditors for instance, may replace the record")
                .remedy(remedy),
        );
    }
    (mode & 0o001 != 0 && kept.role == Role::State).then(|| {
        Finding::care(subject, format!("{path} has the mode {mode:04o}: everybody may enter it"))
            .expected("0750")
            .hurts("only the modes of the files in it keep others out")
            .remedy(remedy)
    })
}

/// Free space and inodes, once for each disk.
fn space(config: &Config, seen: &Seen) -> Vec<Finding> {
    let subject = "space";
    let reserve = config.drop.reserve;
    let day = config.drop.per_customer_bytes_per_day.max(config.drop.max_file_size);
    let mut devices = Vec::new();
    let mut all = Vec::new();
    for (place, found) in seen.state.iter().filter_map(|kept| Some((&kept.place, kept.place.found.as_ref().ok()?))) {
        if devices.contains(&found.device) {
            continue;
        }
        devices.push(found.device);
        let path = told(&place.path);
        let has = format!("the disk of {path} has {} free", bytes(found.free));
        let remedy = format!("df -h {}; make room, or give it a larger disk", quoted(&place.path));
        if found.free < reserve {
            all.push(
                Finding::bad(subject, has)
                    .expected(format!("drop.reserve ({}) or more", bytes(reserve)))
                    .hurts("nothing new is taken or sent until there is room")
                    .remedy(remedy.clone()),
            );
        } else if found.free < reserve.saturating_add(day) {
            all.push(
                Finding::care(subject, format!("{has}; drop.reserve is {}", bytes(reserve)))
                    .expected(format!("room beyond it for what one customer may bring in a day ({})", bytes(day)))
                    .hurts("a day of one customer can bring it below the reserve: then nothing is taken of anybody")
                    .remedy(remedy.clone()),
            );
        } else {
            all.push(Finding::good(subject, has));
        }
        if let Some(inodes) = found.free_inodes.filter(|inodes| *inodes < FEW_INODES) {
            let finding = if inodes == 0 { Finding::bad } else { Finding::care };
            all.push(
                finding(subject, format!("the disk of {path} has {inodes} inodes free"))
                    .expected(format!("{FEW_INODES} or more: each original is a file"))
                    .hurts("without one no file can be taken, however much space is left")
                    .remedy(format!("df -i {}", quoted(&place.path))),
            );
        }
    }
    all
}

fn bytes(bytes: u64) -> String {
    if bytes >= 1 << 30 { format!("{} GiB", bytes >> 30) } else { format!("{} MiB", bytes >> 20) }
}

impl Kind {
    fn subject(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Registry => "registry",
            Self::SigningKey => "signing key",
            Self::Secret => "secret",
            Self::Socket => "control socket",
            Self::Token => "page's token",
        }
    }

    /// The permissions that it should have, and those that nobody else may have.
    fn mode(self) -> (u32, u32) {
        match self {
            Self::Ledger | Self::Registry => (0o640, 0o027),
            Self::SigningKey | Self::Secret | Self::Token => (0o600, 0o077),
            Self::Socket => (0o660, 0o007),
        }
    }
}

fn own_file(seen: &Seen, file: &OwnFile) -> Vec<Finding> {
    let (subject, path) = (file.kind.subject(), told(&file.path));
    let secret = matches!(file.kind, Kind::SigningKey | Kind::Secret);
    let found = match &file.found {
        Ok(found) => found,
        Err(Trouble::Missing(_)) if !secret => return Vec::new(),
        Err(Trouble::Missing(_)) => {
            let remedy = if file.kind == Kind::SigningKey {
                "devicedrop ledger keygen FILE, and name it as ledger.signing_key_file"
            } else {
                "devicedrop registrar check"
            };
            return vec![
                Finding::bad(subject, format!("{path} isn't there"))
                    .expected("the file that the configuration names")
                    .hurts("what needs it isn't done")
                    .remedy(remedy),
            ];
        }
        Err(Trouble::Denied) => {
            let why = format!("{path} may not be looked at");
            return vec![Finding::unlooked(subject, why).remedy("sudo devicedrop doctor")];
        }
        Err(trouble) => return vec![Finding::bad(subject, format!("{path} can't be looked at: {trouble:?}"))],
    };
    let mut all = Vec::new();
    if found.link && matches!(file.kind, Kind::Ledger | Kind::Registry) {
        all.push(
            Finding::bad(subject, format!("{path} is a link"))
                .expected("the file itself")
                .hurts("SQLite keeps its log beside the name that it is given: two names are two logs, and a lost record")
                .remedy("name the file that it leads to in the configuration"),
        );
        return all;
    }
    all.extend(own_mode(seen, file, *found));
    if let Some(why) = &file.unusable {
        all.push(
            Finding::bad(subject, format!("{path} can't be used: {}", shown(why)))
                .hurts(if file.kind == Kind::Socket {
                    "no command reaches the daemon"
                } else {
                    "what needs it isn't done"
                })
                .remedy(if file.kind == Kind::SigningKey {
                    "devicedrop ledger keygen FILE, and name it as ledger.signing_key_file"
                } else {
                    "systemctl restart devicedrop"
                }),
        );
    }
    if all.is_empty() && file.kind != Kind::Ledger {
        all.push(Finding::good(subject, format!("{path}, mode {:04o}", found.mode & 0o7777)));
    }
    all
}

/// Whose it is, and who else may what with it.
fn own_mode(seen: &Seen, file: &OwnFile, found: Mode) -> Option<Finding> {
    let (subject, path) = (file.kind.subject(), told(&file.path));
    let mode = found.mode & 0o7777;
    let (wanted, forbidden) = file.kind.mode();
    // Whoever isn't the daemon's user can't tell whose it should be.
    let ours = !super::is_stranger(seen);
    let strange = found.owner != seen.user.id && ours && seen.user.id != 0;
    if strange && !(found.owner == 0 && file.kind == Kind::Secret) {
        let user = shown(&seen.user.name).to_string();
        return Some(
            Finding::bad(subject, format!("{path} belongs to another user ({})", found.owner))
                .expected(user.clone())
                .hurts("the daemon can't use it, or others can")
                .remedy(format!("chown {user} {}", quoted(&file.path))),
        );
    }
    if mode & forbidden == 0 {
        return None;
    }
    let secret = matches!(file.kind, Kind::SigningKey | Kind::Secret | Kind::Token);
    let writable = mode & forbidden & 0o022 != 0;
    let finding = if secret || writable { Finding::bad } else { Finding::care };
    let hurts = match (secret, writable) {
        (true, _) => "others on this machine can use it as their own; get a new one if somebody may have",
        (false, true) => "others on this machine may change what is on record or ask for changes",
        (false, false) => "others on this machine read all devices and customers",
    };
    Some(
        finding(subject, format!("{path} has the mode {mode:04o}"))
            .expected(format!("{wanted:04o}"))
            .hurts(hurts)
            .remedy(format!("chmod {wanted:o} {}", quoted(&file.path))),
    )
}
