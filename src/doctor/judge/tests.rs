//! What people read of each thing that can be seen.

use std::path::Path;

use devicedrop_core::shown::shown;
use insta::assert_snapshot;

use super::super::seen::*;
use super::super::{Finding, Rank};
use super::*;
use crate::config::{Places, parse};

const NOW: Timestamp = Timestamp::from_unix_ms(1_795_356_000_000);
const DAY: Duration = Duration::from_hours(24);

fn config(more: &str) -> Config {
    let text = format!(
        "[drop]\nroot = \"/srv/devicedrop\"\ncustomers = \"configured\"\n[ledger]\npath = \
         \"/var/lib/devicedrop/ledger.db\"\noriginals = \"/var/lib/devicedrop/originals\"\n{more}"
    );
    parse(Path::new("/etc/devicedrop.toml"), text.as_bytes(), &Places::of_the_system()).expect("valid")
}

fn found(device: u64, mode: u32) -> Found {
    Found {
        file_system: FileSystem::Knowing("ext4"),
        device,
        read_only: false,
        owner: 990,
        group: 990,
        mode,
        free: 100 << 30,
        free_inodes: Some(1_000_000),
    }
}

fn place(path: &str, device: u64, mode: u32) -> Place {
    Place { path: path.into(), found: Ok(found(device, mode)) }
}

fn tried() -> Tried {
    Tried { write: Ok(()), lease: Some(Ok(())), ahead_ms: Some(0), folders: 1 }
}

/// An environment in which nothing would hurt.
fn fine() -> Seen {
    let kept = |role, path| Kept { role, place: place(path, 1, 0o750), write: Some(Ok(())) };
    let file = |kind, path: &str, mode| OwnFile {
        kind,
        path: path.into(),
        found: Ok(Mode { owner: 990, mode, link: false }),
        unusable: None,
    };
    Seen {
        user: User { id: 990, name: "devicedrop".into() },
        daemon: Daemon::Running(Process {
            pid: 4711,
            version: env!("CARGO_PKG_VERSION").into(),
            user: "devicedrop".into(),
            unhealthy: Vec::new(),
            clock_held: None,
        }),
        limits: Limits {
            open_files: Some(524_288),
            watches: Some(192_536),
            watchers: Some(128),
            to_watch: 3,
            no_watcher: None,
            leases: Some(true),
            lease_of_others: Some(true),
        },
        root: place("/srv/devicedrop", 2, 0o755),
        customers: vec![Customer {
            key: "contoso".into(),
            place: place("/srv/devicedrop/contoso", 2, 0o2770),
            tried: Some(tried()),
            paused: false,
        }],
        unlisted: None,
        strangers: std::collections::BTreeMap::new(),
        state: vec![kept(Role::State, "/var/lib/devicedrop"), kept(Role::Originals, "/var/lib/devicedrop/originals")],
        files: vec![
            file(Kind::Ledger, "/var/lib/devicedrop/ledger.db", 0o640),
            file(Kind::Registry, "/var/lib/devicedrop/registry.db", 0o640),
            file(Kind::Socket, "/var/lib/devicedrop/control.sock", 0o660),
            file(Kind::SigningKey, "/etc/devicedrop/signing.key", 0o600),
        ],
        ledger: Ledger::Opens { schema: 1, known: 1, last_entry: Some(NOW.minus(Duration::from_mins(1))) },
        sqlite: Sqlite { version: "3.54.1".into(), number: 3_054_001, options: vec!["THREADSAFE=1".into()] },
        clock: Clock { now: NOW, zone: None },
        ends: vec![End {
            what: "certificate",
            place: "/etc/devicedrop/app.pem".into(),
            at: Ok(NOW.plus(DAY * 200)),
            notice: DAY * 30,
            remedy: "make a new one",
        }],
    }
}

fn told_of(finding: &Finding) -> String {
    let word = match (finding.looked, finding.rank) {
        (false, _) => "unseen",
        (true, Rank::Good) => "good",
        (true, Rank::Care) => "care",
        (true, Rank::Bad) => "BAD",
    };
    let mut text = format!("{word} {}", finding.subject);
    if let Some(customer) = &finding.customer {
        text.push_str(&format!(" of {customer}"));
    }
    text.push_str(&format!(": {}", shown(&finding.found)));
    for (name, detail) in [("not", &finding.expected), ("so", &finding.hurts), ("do", &finding.remedy)] {
        if let Some(detail) = detail {
            text.push_str(&format!("\n  {name}: {}", shown(detail)));
        }
    }
    text
}

/// What isn't good after this was changed.
fn after(config: &Config, change: impl FnOnce(&mut Seen)) -> String {
    let mut seen = fine();
    change(&mut seen);
    let findings = judge(config, &seen);
    let trouble = findings.iter().filter(|finding| finding.rank != Rank::Good).map(told_of);
    trouble.collect::<Vec<_>>().join("\n")
}

/// The same for several changes, each by itself.
fn each(changes: &[&dyn Fn(&mut Seen)]) -> String {
    let config = config("");
    changes.iter().map(|change| after(&config, change)).collect::<Vec<_>>().join("\n")
}

#[test]
fn where_all_is_well_each_thing_is_told_once() {
    let findings = judge(&config(""), &fine());
    assert!(findings.iter().all(|finding| finding.rank == Rank::Good && finding.looked));
    assert_snapshot!(findings.iter().map(told_of).collect::<Vec<_>>().join("\n"), @"
    good user: looked as devicedrop
    good daemon: version 0.1.0 runs as devicedrop (process 4711)
    good ledger: /var/lib/devicedrop/ledger.db opens: schema 1 of 1, last entry 2026-11-22T13:59:00.000Z
    good ledger's folder: /var/lib/devicedrop, ext4, mode 0750
    good originals: /var/lib/devicedrop/originals, ext4, mode 0750
    good space: the disk of /var/lib/devicedrop has 100 GiB free
    good registry: /var/lib/devicedrop/registry.db, mode 0640
    good control socket: /var/lib/devicedrop/control.sock, mode 0660
    good signing key: /etc/devicedrop/signing.key, mode 0600
    good open files: 524288 may be open at once
    good file events: a user may watch 192536 folders, by 128 watchers; there are 3 to watch
    good leases: the kernel gives them, of others' files, too
    good sqlite: 3.54.1, and nothing is known against how it was built
    good clock: it shows 2026-11-22T14:00:00.000Z, and nothing on record speaks against that
    good time zone: the system knows its own; devicedrop tells and records UTC
    good root: /srv/devicedrop, mode 0755
    good drop folder of contoso: /srv/devicedrop/contoso, mode 2770
    good certificate: /etc/devicedrop/app.pem holds until 2027-06-10, 200 days more
    ");
}

#[test]
fn users_and_daemons() {
    fn daemon(seen: &mut Seen) -> &mut Process {
        match &mut seen.daemon {
            Daemon::Running(process) => process,
            other => panic!("{other:?}"),
        }
    }
    let told = each(&[
        &|seen| seen.user = User { id: 1000, name: "ada".into() },
        &|seen| {
            seen.user = User { id: 0, name: "root".into() };
            daemon(seen).user = "root".into();
        },
        &|seen| {
            seen.user = User { id: 0, name: "root".into() };
            seen.daemon = Daemon::Stopped;
            seen.ledger = Ledger::None;
        },
        &|seen| daemon(seen).version = "0.0.1".into(),
        &|seen| seen.daemon = Daemon::Silent(Some(7), "no answer within 5 s".into()),
        &|seen| seen.daemon = Daemon::Untold("its control socket may not be used by this user".into()),
        &|seen| daemon(seen).unhealthy = vec!["the ledger's disk doesn't answer".into()],
    ]);
    assert_snapshot!(told, @"
    unseen user: looked as ada, and the daemon runs as devicedrop
      not: a look as the daemon's user
      so: what that user may do in the folders wasn't tried
      do: sudo -u devicedrop devicedrop doctor
    care user: looked as root, who may do anything
      not: a user of its own, who owns the ledger
      so: whoever finds a fault in devicedrop by a file that he drops is root, too
      do: stop it, then chown -R devicedrop: /var/lib/devicedrop; run it as that user
    care user: looked as root, who may do anything
      not: a look as the user that is to run devicedrop
      so: what that user may do in the folders wasn't tried
      do: sudo -u USER devicedrop doctor
    care daemon: it doesn't run
      not: a running daemon
      so: nothing is taken or registered until it does
      do: devicedrop run, or systemctl start devicedrop
    care ledger: there is none yet at /var/lib/devicedrop/ledger.db
      not: a ledger, or a configuration for a new one
      so: nothing, if this is a new place; else this is the wrong configuration
      do: devicedrop -v status tells which configuration is used; devicedrop run makes a ledger
    care daemon: version 0.0.1 runs as devicedrop (process 4711); this command is 0.1.0
      not: one version
      so: the daemon may not know what newer commands ask
      do: systemctl restart devicedrop
    BAD daemon: process 7 has the ledger, and can't be asked: no answer within 5 s
      not: an answer on the control socket
      so: no command that asks or changes something works
      do: wait if it has just been started; else restart it: systemctl restart devicedrop
    unseen daemon: it can't be told whether it runs: its control socket may not be used by this user
      do: sudo devicedrop doctor
    BAD health: the daemon can't do its job: the ledger's disk doesn't answer
      do: devicedrop status --problems
    ");
}

#[test]
fn limits() {
    let told = each(&[
        &|seen| seen.limits.open_files = Some(64),
        &|seen| seen.limits.open_files = Some(512),
        &|seen| seen.limits.open_files = None,
        &|seen| seen.limits.watches = Some(2),
        &|seen| seen.limits.watches = None,
        &|seen| seen.limits.no_watcher = Some("Too many open files".into()),
        &|seen| seen.limits.leases = Some(false),
        &|seen| seen.limits.lease_of_others = Some(false),
        &|seen| seen.limits.lease_of_others = None,
        &|seen| seen.sqlite = Sqlite { version: "3.51.1".into(), number: 3_051_001, options: Vec::new() },
        &|seen| seen.sqlite.options = vec!["OMIT_WAL".into()],
    ]);
    assert_snapshot!(told, @"
    BAD open files: 64 may be open at once
      not: 1024 or more
      so: under load, commands and folders wait for a free one
      do: systemctl edit devicedrop: [Service] LimitNOFILE=4096; elsewhere `ulimit -n 4096` before it starts
    care open files: 512 may be open at once
      not: 1024 or more
      so: under load, commands and folders wait for a free one
      do: systemctl edit devicedrop: [Service] LimitNOFILE=4096; elsewhere `ulimit -n 4096` before it starts
    unseen open files: how many files the daemon may have open can't be told
    care file events: a user may watch 2 folders, and there are 3 to watch
      not: 6 or more
      so: in the folders beyond, files are found by the walk alone, up to 10 s later
      do: sysctl -w fs.inotify.max_user_watches=65536, and put it into /etc/sysctl.d/
    unseen file events: how many folders may be watched can't be told
    care file events: no watcher can be had: Too many open files
      not: a watcher (inotify)
      so: files are found by the walk alone, up to 10 s later
      do: sysctl -w fs.inotify.max_user_instances=512, and put it into /etc/sysctl.d/
    care leases: the kernel gives none: fs.leases-enable is 0
      not: fs.leases-enable = 1
      so: whether a sender still has a file open can't be known: it is taken only 10 s after its last change
      do: sysctl -w fs.leases-enable=1, and put it into /etc/sysctl.d/
    care leases: the kernel gives the daemon leases of its own files alone
      not: the capability CAP_LEASE
      so: whether a sender still has a file open can't be known: it is taken only 10 s after its last change
      do: systemctl edit devicedrop: [Service] AmbientCapabilities=CAP_LEASE
    unseen leases: whether leases of others' files are given can't be told
    BAD sqlite: its version is 3.51.1
      not: 3.51.3 or newer
      so: commits can be lost when two connections write the log back at once; the daemon won't start
      do: install devicedrop as it is built from its own sources: they bring their SQLite along
    BAD sqlite: 3.54.1 was built with OMIT_WAL
      so: the ledger needs a write-ahead log
      do: install devicedrop as it is built from its own sources: they bring their SQLite along
    ");
}

#[test]
fn the_state() {
    fn state(seen: &mut Seen) -> &mut Found {
        seen.state[0].place.found.as_mut().unwrap()
    }
    let told = each(&[
        &|seen| seen.ledger = Ledger::Fails { why: vec!["it is newer".into(), "schema 9".into()], denied: false },
        &|seen| seen.ledger = Ledger::Fails { why: vec!["Permission denied".into()], denied: true },
        &|seen| seen.ledger = Ledger::Opens { schema: 1, known: 2, last_entry: None },
        &|seen| state(seen).file_system = FileSystem::Memory("tmpfs"),
        &|seen| state(seen).file_system = FileSystem::Network("NFS"),
        &|seen| seen.state[1].place.found.as_mut().unwrap().file_system = FileSystem::Fuse,
        &|seen| state(seen).read_only = true,
        &|seen| seen.state[0].write = Some(Err("Permission denied".into())),
        &|seen| state(seen).mode = 0o777,
        &|seen| state(seen).mode = 0o770,
        &|seen| state(seen).mode = 0o755,
        &|seen| seen.state[1].place.found = Err(Trouble::Missing("/var/lib/devicedrop/originals".into())),
        &|seen| seen.state[0].place.found = Err(Trouble::Hangs),
        &|seen| state(seen).free = 1 << 29,
        &|seen| state(seen).free = 3 << 29,
        &|seen| state(seen).free_inodes = Some(12),
        &|seen| state(seen).free_inodes = Some(0),
    ]);
    assert_snapshot!(told, @r#"
    BAD ledger: /var/lib/devicedrop/ledger.db doesn't open: it is newer: schema 9
      not: a ledger of a schema that this version knows, as it was left
      so: the daemon doesn't start
      do: do what it says; what to do after damage: docs/operating.md, "It ended with 4"
    unseen ledger: /var/lib/devicedrop/ledger.db may not be read: Permission denied
      do: sudo devicedrop doctor
    care ledger: /var/lib/devicedrop/ledger.db is of schema 1, and this version writes 2
      not: schema 2
      so: older versions won't open it once it is brought up to date; a copy is kept beside it
      do: devicedrop backup DIR with the old version, then start the new one
    BAD ledger's folder: /var/lib/devicedrop lies in memory (tmpfs)
      not: a disk of this machine (ext4, xfs, btrfs)
      so: all of it is gone when the machine stops
      do: stop the daemon, move the folder to a local disk, and name it in the configuration
    BAD ledger's folder: /var/lib/devicedrop lies on NFS
      not: a disk of this machine (ext4, xfs, btrfs)
      so: SQLite's locks and log don't work there; the daemon refuses to start
      do: stop the daemon, move the folder to a local disk, and name it in the configuration
    care originals: /var/lib/devicedrop/originals lies on FUSE
      not: a disk of this machine (ext4, xfs, btrfs)
      so: what is said to be on the disk may be lost with the server; while it is away, nothing is taken
      do: stop the daemon, move the folder to a local disk, and name it in the configuration
    BAD ledger's folder: /var/lib/devicedrop is mounted for reading only
      not: a disk that can be written to
      so: the daemon doesn't start, or stops at its next write
      do: mount -o remount,rw /var/lib/devicedrop; look into `dmesg` first
    BAD ledger's folder: devicedrop can't write in /var/lib/devicedrop: Permission denied
      not: a folder of the daemon's user
      so: the daemon doesn't start, or stops at its next write
      do: chown -R devicedrop: /var/lib/devicedrop
    BAD ledger's folder: /var/lib/devicedrop has the mode 0777: everybody may write there
      not: 0750
      so: anybody on this machine may replace the record, or keep the daemon from starting
      do: chmod 750 /var/lib/devicedrop
    care ledger's folder: /var/lib/devicedrop has the mode 0770: its group may write there
      not: 0750
      so: readers of its group, auditors for instance, may replace the record
      do: chmod 750 /var/lib/devicedrop
    care ledger's folder: /var/lib/devicedrop has the mode 0755: everybody may enter it
      not: 0750
      so: only the modes of the files in it keep others out
      do: chmod 750 /var/lib/devicedrop
    care originals: /var/lib/devicedrop/originals isn't there yet
      not: a folder
      so: nothing, if this is a new place: the daemon makes it; else its disk isn't mounted
      do: findmnt --target /var/lib/devicedrop/originals
    BAD ledger's folder: /var/lib/devicedrop doesn't answer
      so: the daemon waits for it and does nothing else
      do: look after its disk or share
    BAD space: the disk of /var/lib/devicedrop has 512 MiB free
      not: drop.reserve (1 GiB) or more
      so: nothing new is taken or sent until there is room
      do: df -h /var/lib/devicedrop; make room, or give it a larger disk
    care space: the disk of /var/lib/devicedrop has 1 GiB free; drop.reserve is 1 GiB
      not: twice the reserve, and room for the largest file that is allowed
      so: a customer may bring up to drop.per_customer_bytes_per_day; soon nothing is taken
      do: df -h /var/lib/devicedrop; make room, or give it a larger disk
    care space: the disk of /var/lib/devicedrop has 12 inodes free
      not: 10000 or more: each original is a file
      so: without one no file can be taken, however much space is left
      do: df -i /var/lib/devicedrop
    BAD space: the disk of /var/lib/devicedrop has 0 inodes free
      not: 10000 or more: each original is a file
      so: without one no file can be taken, however much space is left
      do: df -i /var/lib/devicedrop
    "#);
}

#[test]
fn files_of_our_own() {
    fn file(seen: &mut Seen, number: usize) -> &mut Mode {
        seen.files[number].found.as_mut().unwrap()
    }
    let told = each(&[
        &|seen| file(seen, 0).mode = 0o644,
        &|seen| file(seen, 0).mode = 0o660,
        &|seen| file(seen, 0).link = true,
        &|seen| file(seen, 0).owner = 0,
        &|seen| file(seen, 2).mode = 0o666,
        &|seen| file(seen, 3).mode = 0o640,
        &|seen| seen.files[3].found = Err(Trouble::Missing("/etc/devicedrop/signing.key".into())),
        &|seen| seen.files[3].found = Err(Trouble::Denied),
        &|seen| seen.files[3].unusable = Some("it holds no signing key".into()),
    ]);
    assert_snapshot!(told, @"
    care ledger: /var/lib/devicedrop/ledger.db has the mode 0644
      not: 0640
      so: others on this machine read all devices and customers
      do: chmod 640 /var/lib/devicedrop/ledger.db
    BAD ledger: /var/lib/devicedrop/ledger.db has the mode 0660
      not: 0640
      so: others on this machine may change what is on record or ask for changes
      do: chmod 640 /var/lib/devicedrop/ledger.db
    BAD ledger: /var/lib/devicedrop/ledger.db is a link
      not: the file itself
      so: SQLite keeps its log beside the name that it is given: two names are two logs, and a lost record
      do: name the file that it leads to in the configuration
    unseen user: looked as devicedrop, and the ledger belongs to the user 0
      not: a look as the ledger's owner
      so: what that user may do in the folders wasn't tried
      do: sudo devicedrop doctor
    BAD ledger: /var/lib/devicedrop/ledger.db belongs to another user (0)
      not: devicedrop
      so: the daemon can't use it, or others can
      do: chown devicedrop /var/lib/devicedrop/ledger.db
    BAD control socket: /var/lib/devicedrop/control.sock has the mode 0666
      not: 0660
      so: others on this machine may change what is on record or ask for changes
      do: chmod 660 /var/lib/devicedrop/control.sock
    BAD signing key: /etc/devicedrop/signing.key has the mode 0640
      not: 0600
      so: others on this machine can use it as their own; get a new one if somebody may have
      do: chmod 600 /etc/devicedrop/signing.key
    BAD signing key: /etc/devicedrop/signing.key isn't there
      not: the file that the configuration names
      so: what needs it isn't done
      do: devicedrop ledger keygen FILE, and name it as ledger.signing_key_file
    unseen signing key: /etc/devicedrop/signing.key may not be looked at
      do: sudo devicedrop doctor
    BAD signing key: /etc/devicedrop/signing.key can't be used: it holds no signing key
      so: what needs it isn't done
      do: devicedrop ledger keygen FILE, and name it as ledger.signing_key_file
    ");
}

#[test]
fn times() {
    let last = |at| Ledger::Opens { schema: 1, known: 1, last_entry: Some(at) };
    let told = each(&[
        &|seen| seen.ledger = last(NOW.plus(DAY)),
        &|seen| {
            seen.ledger = last(NOW.minus(DAY * 40));
            seen.daemon = Daemon::Stopped;
        },
        &|seen| seen.clock.now = Timestamp::from_unix_ms(0),
        &|seen| {
            if let Daemon::Running(process) = &mut seen.daemon {
                process.clock_held = Some("it was set by 60 minutes".into());
            }
        },
        &|seen| seen.clock.zone = Some("/etc/localtime leads nowhere".into()),
        &|seen| seen.ends[0].at = Ok(NOW.minus(DAY)),
        &|seen| seen.ends[0].at = Ok(NOW.plus(DAY * 10)),
        &|seen| seen.ends[0].at = Err("it isn't a certificate in PEM".into()),
        &|seen| seen.customers[0].tried.as_mut().unwrap().ahead_ms = Some(-300_000),
    ]);
    assert_snapshot!(told, @"
    BAD clock: it shows 2026-11-22T14:00:00.000Z, and the last entry on record is of 2026-11-23T14:00:00.000Z
      not: a time after the last entry
      so: no row is given up and no device becomes inactive until it is accepted
      do: timedatectl set-ntp true, or `date --set`
    care daemon: it doesn't run
      not: a running daemon
      so: nothing is taken or registered until it does
      do: devicedrop run, or systemctl start devicedrop
    care clock: it shows 2026-11-22T14:00:00.000Z, 40 days after the last entry on record
      not: less than 30 days
      so: once the daemon starts, no row is given up and no device becomes inactive until it is accepted
      do: look at `date`; if it is right, start the daemon, then devicedrop doctor --accept-clock
    BAD clock: it shows 1970-01-01T00:00:00.000Z, which is before this program was made
      not: the present time
      so: all that goes on record has a wrong time, and services refuse our proofs
      do: timedatectl set-ntp true
    BAD clock: the daemon doesn't believe it: it was set by 60 minutes
      not: a clock that goes on from the last entry on record
      so: no row is given up and no device becomes inactive until it is accepted
      do: if `date` is right: devicedrop doctor --accept-clock; else set it
    care time zone: the system's can't be told: /etc/localtime leads nowhere
      not: a file /etc/localtime that is there
      so: `date` and other programs' logs tell other times than people expect; devicedrop's are UTC
      do: timedatectl set-timezone Europe/Amsterdam
    BAD certificate: /etc/devicedrop/app.pem ended on 2026-11-21
      not: one that holds
      so: nothing is registered
      do: make a new one
    care certificate: /etc/devicedrop/app.pem ends on 2026-12-02, in 10 days
      not: at least 30 days more
      so: nothing is registered from then on
      do: make a new one
    unseen certificate: when /etc/devicedrop/app.pem ends can't be told: it isn't a certificate in PEM
    care clock of contoso: files made in /srv/devicedrop/contoso are 300 s behind this machine's clock
      not: the same time on both machines
      so: the times of deliveries on record don't fit together; nothing is decided by them
      do: set the file server's clock right: timedatectl set-ntp true
    ");
}

#[test]
fn drop_folders() {
    fn folder(seen: &mut Seen) -> &mut Found {
        seen.customers[0].place.found.as_mut().unwrap()
    }
    fn away(seen: &mut Seen, trouble: Trouble) {
        seen.customers[0].place.found = Err(trouble);
        seen.customers[0].tried = None;
    }
    let told = each(&[
        &|seen| away(seen, Trouble::Missing("/srv/devicedrop/contoso".into())),
        &|seen| away(seen, Trouble::NotAFolder("/srv/devicedrop".into())),
        &|seen| away(seen, Trouble::Denied),
        &|seen| away(seen, Trouble::Hangs),
        &|seen| away(seen, Trouble::Other("Input/output error".into())),
        &|seen| folder(seen).read_only = true,
        &|seen| seen.customers[0].tried.as_mut().unwrap().write = Err("Permission denied".into()),
        &|seen| {
            folder(seen).free = 0;
            seen.customers[0].tried.as_mut().unwrap().write = Err("No space left on device".into());
        },
        &|seen| seen.customers[0].tried.as_mut().unwrap().lease = Some(Err("the system doesn't tell".into())),
        &|seen| folder(seen).file_system = FileSystem::Network("SMB"),
        &|seen| folder(seen).file_system = FileSystem::Fuse,
        &|seen| folder(seen).file_system = FileSystem::Memory("tmpfs"),
        &|seen| folder(seen).file_system = FileSystem::Other,
        &|seen| folder(seen).mode = 0o777,
        &|seen| folder(seen).mode = 0o770,
    ]);
    assert_snapshot!(told, @"
    BAD drop folder of contoso: /srv/devicedrop/contoso isn't there
      not: a folder of that path, without links
      so: the customer's files aren't taken
      do: mount its share, or mkdir /srv/devicedrop/contoso
    BAD drop folder of contoso: on the way to /srv/devicedrop/contoso, /srv/devicedrop is a link or no folder
      not: a folder of that path, without links
      so: the customer's files aren't taken
      do: name where it leads in customers.KEY.folder: readlink -f /srv/devicedrop
    BAD drop folder of contoso: /srv/devicedrop/contoso may not be looked into
      not: a folder of that path, without links
      so: the customer's files aren't taken
      do: let the daemon's user enter and list it: ls -ld /srv/devicedrop/contoso
    BAD drop folder of contoso: /srv/devicedrop/contoso doesn't answer
      not: an answer within five seconds
      so: the customer's files wait; the others' don't
      do: look after its share, or unmount it: umount -l
    BAD drop folder of contoso: /srv/devicedrop/contoso can't be looked at: Input/output error
      not: a folder of that path, without links
      so: the customer's files aren't taken
      do: mount its share, or mkdir /srv/devicedrop/contoso
    BAD drop folder of contoso: /srv/devicedrop/contoso is mounted for reading only
      not: a folder in which result files can be written
      so: senders get no answer; results stay owed
      do: mount -o remount,rw /srv/devicedrop/contoso
    BAD drop folder of contoso: devicedrop can't make, rename and remove a file in /srv/devicedrop/contoso: Permission denied
      not: result files are written aside and renamed into their place
      so: senders get no answer; results stay owed
      do: put devicedrop into the folder's group, and: chmod g+rwxs /srv/devicedrop/contoso
    BAD drop folder of contoso: devicedrop can't make, rename and remove a file in /srv/devicedrop/contoso: No space left on device
      not: result files are written aside and renamed into their place
      so: senders get no answer; results stay owed
      do: df -h /srv/devicedrop/contoso; df -i /srv/devicedrop/contoso
    care drop folder of contoso: no lease is given in /srv/devicedrop/contoso: the system doesn't tell
      not: a read lease, as local disks give it
      so: whether a sender still has a file open can't be known: it is taken only 10 s after its last change
      do: cat /proc/sys/fs/leases-enable; in a sandbox, allow fcntl's F_SETLEASE
    care drop folder of contoso: /srv/devicedrop/contoso lies on another machine (SMB)
      not: a disk of this machine (ext4, xfs, btrfs)
      so: other machines' changes ring no bell and are found by the walk, every 10 s; whether a sender still has a file open can't be known: it is taken only 10 s after its last change
    care drop folder of contoso: /srv/devicedrop/contoso lies on FUSE
      not: a disk of this machine (ext4, xfs, btrfs)
      so: changes underneath ring no bell and are found by the walk, every 10 s; whether a sender still has a file open can't be known: it is taken only 10 s after its last change
    care drop folder of contoso: /srv/devicedrop/contoso lies in memory (tmpfs)
      not: a disk of this machine (ext4, xfs, btrfs)
      so: what wasn't taken yet, and every result file, is gone when the machine stops
    care drop folder of contoso: /srv/devicedrop/contoso lies on a file system that isn't known to us
      not: a disk of this machine (ext4, xfs, btrfs)
      so: whether a sender still has a file open can't be known: it is taken only 10 s after its last change
    care drop folder of contoso: /srv/devicedrop/contoso has the mode 0777: everybody may write there
      not: 2770, and a group for the customer's senders
      so: anybody on this machine may drop files for this customer and change his results
      do: chmod 2770 /srv/devicedrop/contoso
    care drop folder of contoso: /srv/devicedrop/contoso has the mode 0770: its group may write, and files in it don't get that group
      not: 2770: the set-group-ID bit
      so: what one member of the group drops, the others and the daemon may not be able to read
      do: chmod g+s /srv/devicedrop/contoso
    ");
}

#[test]
fn the_root_and_who_is_a_customer() {
    fn root(seen: &mut Seen) -> &mut Found {
        seen.root.found.as_mut().unwrap()
    }
    let told = each(&[
        &|seen| root(seen).mode = 0o777,
        &|seen| root(seen).mode = 0o1777,
        &|seen| seen.root.found = Err(Trouble::Missing("/srv".into())),
        &|seen| seen.customers.clear(),
        &|seen| seen.strangers.extend([("old stuff".to_owned(), "it belongs to no customer".to_owned())]),
    ]);
    assert_snapshot!(told, @"
    BAD root: /srv/devicedrop has the mode 0777: everybody may write there
      not: 0755
      so: anybody on this machine may put his folder in the place of a customer's
      do: chmod 755 /srv/devicedrop
    care root: /srv/devicedrop has the mode 1777: everybody may write there
      not: 0755
      so: anybody on this machine may put folders there that are left alone and reported
      do: chmod 755 /srv/devicedrop
    care root: /srv/devicedrop isn't there: /srv is missing
      not: the folder in which most customers' folders lie
      so: customers without a folder of their own elsewhere have none
      do: mount its share, or mkdir /srv/devicedrop
    care customers: there are none yet
      not: a customer
      so: there is no folder to drop a file into
      do: devicedrop customer add KEY
    care stranger: the folder old stuff in the root is left alone: it belongs to no customer
      not: customers' folders and nothing else
      so: files in it are never looked at, and nobody is told
    ");
}

#[test]
fn where_folders_are_customers_the_root_decides() {
    let text = "[drop]\nroot = \"/srv/devicedrop\"\ncustomers = \"folders\"\n[ledger]\npath = \"/var/lib/d/l.db\"\n";
    let config = parse(Path::new("/etc/d.toml"), text.as_bytes(), &Places::of_the_system()).expect("valid");
    let told = [
        after(&config, |seen| seen.root.found = Err(Trouble::Hangs)),
        after(&config, |seen| seen.root.found.as_mut().unwrap().mode = 0o1777),
        after(&config, |seen| {
            seen.customers.clear();
            seen.unlisted = Some("it can't be listed".into());
        }),
        after(&config, |seen| seen.customers.clear()),
    ];
    assert_snapshot!(told.join("\n"), @"
    BAD root: /srv/devicedrop doesn't answer
      not: the folder in which the customers' folders lie
      so: nobody can be told to be a customer, and nothing new is taken
      do: mount its share, or mkdir /srv/devicedrop
    BAD root: /srv/devicedrop has the mode 1777: everybody may write there
      not: 0755
      so: anybody on this machine makes himself a customer by making a folder
      do: chmod 755 /srv/devicedrop
    BAD root: /srv/devicedrop can't be listed: it can't be listed
      so: nobody can be told to be a customer, and nothing new is taken
      do: chmod 755 /srv/devicedrop
    care customers: there are none yet
      not: a customer
      so: there is no folder to drop a file into
      do: mkdir /srv/devicedrop/KEY
    ");
}

#[test]
fn paths_are_quoted_for_a_shell() {
    assert_eq!(quoted(Path::new("/srv/a b")), "'/srv/a b'");
    assert_eq!(quoted(Path::new("/srv/it's")), r"'/srv/it'\''s'");
    assert_eq!(quoted(Path::new("/srv/a-b_c.d")), "/srv/a-b_c.d");
}
