//! What is said of the root, of drop folders, and of who is a customer.

use std::path::Path;

use insta::assert_snapshot;

use super::super::super::seen::*;
use super::{after, each};
use crate::config::{Places, parse};

#[test]
fn drop_folders_that_cannot_be_used() {
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
    ");
}

#[test]
fn drop_folders_in_odd_places_or_with_odd_rights() {
    fn folder(seen: &mut Seen) -> &mut Found {
        seen.customers[0].place.found.as_mut().unwrap()
    }
    let told = each(&[
        &|seen| seen.customers[0].tried.as_mut().unwrap().lease = Some(Err("the system doesn't tell".into())),
        &|seen| folder(seen).file_system = FileSystem::Network("SMB"),
        &|seen| folder(seen).file_system = FileSystem::Fuse,
        &|seen| folder(seen).file_system = FileSystem::Memory("tmpfs"),
        &|seen| folder(seen).file_system = FileSystem::Other,
        &|seen| folder(seen).mode = 0o777,
        &|seen| folder(seen).mode = 0o770,
    ]);
    assert_snapshot!(told, @"
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
