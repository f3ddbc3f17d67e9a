//! The root, the drop folders, and who is a customer.

use devicedrop_core::shown::shown;

use super::super::Finding;
use super::super::seen::{Customer, FileSystem, Found, Seen, Tried, Trouble};
use super::{quoted, told};
use crate::config::{Config, CustomersFrom};

/// A server's clock that is so far off makes files look old or new that aren't.
const SKEW_MS: i64 = 60_000;

pub(super) fn judge(config: &Config, seen: &Seen) -> Vec<Finding> {
    let mut found = root(config, seen);
    found.extend(strangers(seen));
    if seen.customers.is_empty() && seen.unlisted.is_none() {
        let remedy = match config.drop.customers {
            CustomersFrom::Configured => "devicedrop customer add KEY".to_owned(),
            CustomersFrom::Folders => format!("mkdir {}/KEY", quoted(&config.drop.root)),
        };
        found.push(
            Finding::care("customers", "there are none yet")
                .expected("a customer")
                .hurts("there is no folder to drop a file into")
                .remedy(remedy),
        );
    }
    for customer in &seen.customers {
        found.extend(drop_folder(config, seen, customer));
    }
    found
}

fn root(config: &Config, seen: &Seen) -> Vec<Finding> {
    let subject = "root";
    let path = told(&config.drop.root);
    let mut all = Vec::new();
    let needed = config.drop.customers == CustomersFrom::Folders;
    match &seen.root.found {
        Err(Trouble::Denied) => {
            all.push(
                Finding::unlooked(subject, format!("{path} may not be listed")).remedy("sudo devicedrop doctor"),
            );
        }
        Err(trouble) if needed => all.push(
            Finding::bad(subject, trouble_of(&path, trouble))
                .expected("the folder in which the customers' folders lie")
                .hurts("nobody can be told to be a customer, and nothing new is taken")
                .remedy(format!("mount its share, or mkdir {}", quoted(&config.drop.root))),
        ),
        Err(trouble) => all.push(
            Finding::care(subject, trouble_of(&path, trouble))
                .expected("the folder in which most customers' folders lie")
                .hurts("customers without a folder of their own elsewhere have none")
                .remedy(format!("mount its share, or mkdir {}", quoted(&config.drop.root))),
        ),
        Ok(found) if found.mode & 0o002 != 0 => {
            let sticky = found.mode & 0o1000 != 0;
            let what = format!("{path} has the mode {:04o}: everybody may write there", found.mode & 0o7777);
            let hurts = if sticky && !needed {
                "anybody on this machine may put folders there that are left alone and reported"
            } else if sticky {
                "anybody on this machine makes himself a customer by making a folder"
            } else {
                "anybody on this machine may put his folder in the place of a customer's"
            };
            let finding = if sticky && !needed { Finding::care } else { Finding::bad };
            let remedy = format!("chmod 755 {}", quoted(&config.drop.root));
            all.push(finding(subject, what).expected("0755").hurts(hurts).remedy(remedy));
        }
        Ok(found) => {
            let what = format!("{path}, mode {:04o}", found.mode & 0o7777);
            all.push(Finding::good(subject, what));
        }
    }
    if let Some(why) = seen.unlisted.as_ref().filter(|_| seen.root.found.is_ok()) {
        all.push(
            Finding::bad(subject, format!("{path} can't be listed: {}", shown(why)))
                .hurts("nobody can be told to be a customer, and nothing new is taken")
                .remedy(format!("chmod 755 {}", quoted(&config.drop.root))),
        );
    }
    all
}

fn trouble_of(path: &str, trouble: &Trouble) -> String {
    match trouble {
        Trouble::Missing(at) if told(at) == path => format!("{path} isn't there"),
        Trouble::Missing(at) => format!("{path} isn't there: {} is missing", told(at)),
        Trouble::NotAFolder(at) => format!("on the way to {path}, {} is a link or no folder", told(at)),
        Trouble::Denied => format!("{path} may not be looked into"),
        Trouble::Hangs => format!("{path} doesn't answer"),
        Trouble::Other(why) => format!("{path} can't be looked at: {}", shown(why)),
    }
}

fn strangers(seen: &Seen) -> Vec<Finding> {
    let find = |(folder, why): (&String, &String)| {
        Finding::care("stranger", format!("the folder {folder} in the root is left alone: {}", shown(why)))
            .expected("customers' folders and nothing else")
            .hurts("files in it are never looked at, and nobody is told")
    };
    seen.strangers.iter().map(find).collect()
}

fn drop_folder(config: &Config, seen: &Seen, customer: &Customer) -> Vec<Finding> {
    let subject = "drop folder";
    let path = told(&customer.place.path);
    let found = match &customer.place.found {
        Ok(found) => found,
        Err(Trouble::Denied) if super::is_stranger(seen) => {
            let why = format!("{path} may not be looked into by {}", shown(&seen.user.name));
            return vec![Finding::unlooked(subject, why).remedy("sudo devicedrop doctor").of(&customer.key)];
        }
        Err(trouble) => return vec![away(customer, trouble).of(&customer.key)],
    };
    let mut all = Vec::new();
    if found.read_only {
        all.push(
            Finding::bad(subject, format!("{path} is mounted for reading only"))
                .expected("a folder in which result files can be written")
                .hurts("senders get no answer; results stay owed")
                .remedy(format!("mount -o remount,rw {}", quoted(&customer.place.path))),
        );
    } else if let (Some(tried), false) = (&customer.tried, super::is_stranger(seen)) {
        all.extend(writing(seen, customer, found, tried));
    }
    if let Some(tried) = &customer.tried {
        all.extend(lease(config, customer, found, tried));
        all.extend(skew(customer, tried));
    }
    all.extend(file_system(config, customer, found));
    all.extend(rights(customer, found));
    if all.is_empty() {
        let paused = if customer.paused { "; paused by the configuration" } else { "" };
        all.push(Finding::good(subject, format!("{path}, mode {:04o}{paused}", found.mode & 0o7777)));
    }
    all.into_iter().map(|finding| finding.of(&customer.key)).collect()
}

fn away(customer: &Customer, trouble: &Trouble) -> Finding {
    let subject = "drop folder";
    let place = &customer.place.path;
    let what = trouble_of(&told(place), trouble);
    let (expected, hurts) = ("a folder of that path, without links", "the customer's files aren't taken");
    match trouble {
        Trouble::Denied => Finding::bad(subject, what)
            .expected(expected)
            .hurts(hurts)
            .remedy(format!("let the daemon's user enter and list it: ls -ld {}", quoted(place))),
        Trouble::NotAFolder(at) => Finding::bad(subject, what)
            .expected(expected)
            .hurts(hurts)
            .remedy(format!("name where it leads in customers.KEY.folder: readlink -f {}", quoted(at))),
        Trouble::Hangs => Finding::bad(subject, what)
            .expected("an answer within five seconds")
            .hurts("the customer's files wait; the others' don't")
            .remedy("look after its share, or unmount it: umount -l"),
        Trouble::Missing(_) | Trouble::Other(_) => Finding::bad(subject, what)
            .expected(expected)
            .hurts(hurts)
            .remedy(format!("mount its share, or mkdir {}", quoted(place))),
    }
}

fn writing(seen: &Seen, customer: &Customer, found: &Found, tried: &Tried) -> Option<Finding> {
    let why = tried.write.as_ref().err()?;
    let (path, user) = (told(&customer.place.path), shown(&seen.user.name).to_string());
    let full = found.free == 0 || found.free_inodes == Some(0);
    let remedy = if full {
        format!("df -h {0}; df -i {0}", quoted(&customer.place.path))
    } else {
        format!("put {user} into the folder's group, and: chmod g+rwxs {}", quoted(&customer.place.path))
    };
    Some(
        Finding::bad("drop folder", format!("{user} can't make, rename and remove a file in {path}: {}", shown(why)))
            .expected("result files are written aside and renamed into their place")
            .hurts("senders get no answer; results stay owed")
            .remedy(remedy),
    )
}

fn lease(config: &Config, customer: &Customer, found: &Found, tried: &Tried) -> Option<Finding> {
    // Elsewhere they aren't believed, and what follows is said of the file system.
    if !matches!(found.file_system, FileSystem::Knowing(_) | FileSystem::Memory(_)) {
        return None;
    }
    let why = tried.lease.as_ref()?.as_ref().err()?;
    Some(
        Finding::care("drop folder", format!("no lease is given in {}: {}", told(&customer.place.path), shown(why)))
            .expected("a read lease, as local disks give it")
            .hurts(later(config))
            .remedy("cat /proc/sys/fs/leases-enable; in a sandbox, allow fcntl's F_SETLEASE"),
    )
}

fn later(config: &Config) -> String {
    format!(
        "whether a sender still has a file open can't be known: it is taken only {} s after its last change",
        config.drop.settle_unsure.as_secs_f64()
    )
}

fn skew(customer: &Customer, tried: &Tried) -> Option<Finding> {
    let ahead = tried.ahead_ms?;
    (ahead.abs() > SKEW_MS).then(|| {
        let (seconds, which) = (ahead.abs() / 1_000, if ahead > 0 { "ahead of" } else { "behind" });
        let place = told(&customer.place.path);
        Finding::care("clock", format!("files made in {place} are {seconds} s {which} this machine's clock"))
            .expected("the same time on both machines")
            .hurts("the times of deliveries on record don't fit together; nothing is decided by them")
            .remedy("set the file server's clock right: timedatectl set-ntp true")
    })
}

fn file_system(config: &Config, customer: &Customer, found: &Found) -> Option<Finding> {
    let path = told(&customer.place.path);
    let rescan = config.drop.rescan.as_secs_f64();
    let (what, hurts) = match found.file_system {
        FileSystem::Knowing(_) => return None,
        FileSystem::Memory(name) => (
            format!("{path} lies in memory ({name})"),
            "what wasn't taken yet, and every result file, is gone when the machine stops".to_owned(),
        ),
        FileSystem::Network(name) => (
            format!("{path} lies on another machine ({name})"),
            format!(
                "other machines' changes ring no bell and are found by the walk, every {rescan} s; {}",
                later(config)
            ),
        ),
        FileSystem::Fuse => (
            format!("{path} lies on FUSE"),
            format!("changes underneath ring no bell and are found by the walk, every {rescan} s; {}", later(config)),
        ),
        FileSystem::Other => (format!("{path} lies on a file system that isn't known to us"), later(config)),
    };
    Some(Finding::care("drop folder", what).expected("a disk of this machine (ext4, xfs, btrfs)").hurts(hurts))
}

fn rights(customer: &Customer, found: &Found) -> Option<Finding> {
    let path = &customer.place.path;
    let mode = found.mode & 0o7777;
    let what = format!("{} has the mode {mode:04o}", told(path));
    if mode & 0o002 != 0 {
        return Some(
            Finding::care("drop folder", format!("{what}: everybody may write there"))
                .expected("2770, and a group for the customer's senders")
                .hurts("anybody on this machine may drop files for this customer and change his results")
                .remedy(format!("chmod 2770 {}", quoted(path))),
        );
    }
    (mode & 0o020 != 0 && mode & 0o2000 == 0).then(|| {
        Finding::care("drop folder", format!("{what}: its group may write, and files in it don't get that group"))
            .expected("2770: the set-group-ID bit")
            .hurts("what one member of the group drops, the others and the daemon may not be able to read")
            .remedy(format!("chmod g+s {}", quoted(path)))
    })
}
