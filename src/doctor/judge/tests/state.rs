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
    assert_snapshot!(told, @"");
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
    assert_snapshot!(told, @"");
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
