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
    assert_snapshot!(told, @"");
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
    assert_snapshot!(told, @"");
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
