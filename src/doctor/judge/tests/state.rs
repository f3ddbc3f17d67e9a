//! What is said of our own folders and files.

use insta::assert_snapshot;

use super::super::super::seen::*;
use super::each;

#[test]
fn the_ledger_and_where_it_lies() {
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
    "#);
}

#[test]
fn the_states_rights_and_its_room() {
    fn state(seen: &mut Seen) -> &mut Found {
        seen.state[0].place.found.as_mut().unwrap()
    }
    let told = each(&[
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
    assert_snapshot!(told, @"
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
      not: room beyond it for what one customer may bring in a day (10 GiB)
      so: a day of one customer can bring it below the reserve: then nothing is taken of anybody
      do: df -h /var/lib/devicedrop; make room, or give it a larger disk
    care space: the disk of /var/lib/devicedrop has 12 inodes free
      not: 10000 or more: each original is a file
      so: without one no file can be taken, however much space is left
      do: df -i /var/lib/devicedrop
    BAD space: the disk of /var/lib/devicedrop has 0 inodes free
      not: 10000 or more: each original is a file
      so: without one no file can be taken, however much space is left
      do: df -i /var/lib/devicedrop
    ");
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
