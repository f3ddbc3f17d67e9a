//! What people read of each thing that can be seen.

mod folders;
mod state;

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
    let of = finding.customer.iter().map(|customer| format!(" of {customer}"));
    let details = [("not", &finding.expected), ("so", &finding.hurts), ("do", &finding.remedy)];
    let details = details.into_iter().filter_map(|(name, detail)| Some((name, detail.as_ref()?)));
    let head = [format!("{word} {}", finding.subject)].into_iter().chain(of);
    let found = [format!(": {}", shown(&finding.found))];
    let rest = details.map(|(name, detail)| format!("\n  {name}: {}", shown(detail)));
    head.chain(found).chain(rest).collect()
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
fn a_stranger_is_told_what_he_cannot_see() {
    let told = each(&[&|seen| {
        seen.user = User { id: 1000, name: "ada".into() };
        seen.daemon = Daemon::Stopped;
        seen.state[0].write = Some(Err("Permission denied".into()));
        seen.customers[0].tried.as_mut().unwrap().write = Err("Permission denied".into());
        seen.customers.push(Customer {
            key: "fabrikam".into(),
            place: Place { path: "/srv/devicedrop/fabrikam".into(), found: Err(Trouble::Denied) },
            tried: None,
            paused: false,
        });
    }]);
    assert_snapshot!(told, @"
    unseen user: looked as ada, who isn't the owner of the ledger's folder
      not: a look as that owner
      so: what that user may do in the folders wasn't tried
      do: sudo devicedrop doctor
    care daemon: it doesn't run
      not: a running daemon
      so: nothing is taken or registered until it does
      do: devicedrop run, or systemctl start devicedrop
    unseen drop folder of fabrikam: /srv/devicedrop/fabrikam may not be looked into by ada
      do: sudo devicedrop doctor
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
fn paths_are_quoted_for_a_shell() {
    assert_eq!(quoted(Path::new("/srv/a b")), "'/srv/a b'");
    assert_eq!(quoted(Path::new("/srv/it's")), r"'/srv/it'\''s'");
    assert_eq!(quoted(Path::new("/srv/a-b_c.d")), "/srv/a-b_c.d");
}
