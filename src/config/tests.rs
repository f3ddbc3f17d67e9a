//! The configuration from its file's text to what holds, or to the words that say why not.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;

use super::*;

mod services;

/// What is said of this text, or that nothing is.
fn told(text: &str) -> String {
    match parse(Path::new("/nowhere/devicedrop.toml"), text.as_bytes(), &Places::of_the_system()) {
        Ok(_) => "fine".to_owned(),
        Err(error) => error.to_string().replace("the configuration /nowhere/devicedrop.toml can't be used\n  ", ""),
    }
}

fn good(text: &str) -> Config {
    parse(Path::new("/nowhere/devicedrop.toml"), text.as_bytes(), &Places::of_the_system()).expect("a good one")
}

fn reference() -> &'static str {
    include_str!("../../config/devicedrop.toml")
}

fn defaults() -> Config {
    good("")
}

#[test]
fn the_reference_configuration_holds_the_defaults() {
    let mut reference = good(reference());
    reference.source = defaults().source;
    assert_eq!(reference, defaults());
}

#[test]
fn the_reference_configuration_names_every_key() {
    let text = reference().replace("# ", "").replace('#', "");
    for key in raw::all_keys() {
        let stands = text.lines().any(|line| line.starts_with(&format!("{key} =")));
        assert!(stands || text.contains(&format!("[{key}")) || text.contains(&format!(".{key}")), "{key}");
    }
}

#[test]
fn what_is_commented_out_in_the_reference_configuration_is_right_too() {
    let mut text = String::new();
    for line in reference().lines() {
        let bare = line.strip_prefix("# ").filter(|rest| rest.starts_with('[') || rest.contains(" = "));
        text.push_str(bare.unwrap_or(line));
        text.push('\n');
    }
    let config = good(&text);
    let contoso = config.customers.values().next().expect("the example");
    assert_eq!(contoso.name, "Contoso");
    assert_eq!(contoso.columns.len(), 3);
    assert_eq!(contoso.folder, Path::new("/mnt/erp/contoso"));
}

#[test]
fn customers_are_checked() {
    let files = [
        "[customers.'a/b']",
        "[customers._old]",
        "[customers.contoso]\n[customers.Contoso]",
        "[customers.contoso]\nname = ' '",
        "[customers.contoso]\nformats = []",
        "[customers.contoso]\nformats = ['partner', 'selfservice']",
        "[customers.contoso.columns]\n'Serial number' = 'SN'",
        "[customers.contoso.columns]\n'Colour' = 'SN'",
        "[customers.contoso.columns]\n'Model' = ' Modell'",
        "[customers.contoso.columns]\n'Model' = 'State'",
        "[customers.contoso.columns]\n'Model' = 'Manufacturer'",
        "[customers.contoso.columns]\n'Order ID' = 'Bestelling'\n'Purchase ID' = 'Bestelling'",
    ];
    assert_snapshot!(files.map(told).join("\n"), @r#"
    line 1: `customers."a/b"`: '/' can't stand in a customer's key (letters, digits, blanks and . _ - & ' ( ) , + can)
    line 1: `customers._old`: a customer's key doesn't begin with '_'
    line 1: `customers.contoso`: differs from the customer `Contoso` in capital letters alone; their folders would be one on many systems
    line 2: `customers.contoso.name`: found an empty text
    line 2: `customers.contoso.formats`: found an empty list, expected "partner", "self-service" or both
    line 2: `customers.contoso.formats`: found "selfservice", expected "partner" or "self-service"
    line 2: `customers.contoso.columns."Serial number"`: is none of our headings; the nearest that is: "Serial Number"
    line 2: `customers.contoso.columns.Colour`: is none of our headings; which are: Manufacturer, Model, Serial Number, Hardware Hash, Order ID, Purchase ID
    line 2: `customers.contoso.columns.Model`: a heading isn't empty, stands on one line, and has no blanks at its ends (they are taken away in files too)
    line 2: `customers.contoso.columns.Model`: "State" is a heading of result files, which is ignored in what is dropped
    line 1: `customers.contoso.columns`: the heading "Manufacturer" would stand for Manufacturer and Model
    line 1: `customers.contoso.columns`: the heading "Bestelling" would stand for Order ID and Purchase ID
    "#);
}

#[test]
fn values_are_checked_against_one_another() {
    let files = [
        "[registrar]\nkind = 'partner-center'",
        "[registrar]\nkind = 'graph'\n[drop]\ncustomers = 'folders'",
        "[registrar.retry]\nfirst = '10m'",
        "[drop]\nrescan = '0s'",
        "[drop]\nroot = '~/drop'",
        "[drop]\nroot = ''",
        "[web]\nlisten = 'localhost'",
        "support = ''",
    ];
    assert_snapshot!(files.map(told).join("\n"), @r#"
    line 2: `registrar.kind`: "partner-center" needs a section [registrar.partner_center] with `client_id` and `credentials`
    line 2: `registrar.kind`: "graph" needs a section [registrar.graph] with `client_id` and `credentials`
      line 4: `drop.customers`: "folders" goes with the embedded registrar alone: registering for a customer presupposes a relationship with them, so write "configured" and a section for each customer
    line 2: `registrar.retry.first`: the first wait is longer than `longest`
    line 2: `drop.rescan`: found no time at all, expected some
    line 2: `drop.root`: `~` stands for nothing here: write the whole path
    line 2: `drop.root`: found nothing, expected a path
    line 2: `web.listen`: found "localhost", expected an address with a port ("127.0.0.1:8787", "[::1]:8787"), "unix:PATH" or "off"
    line 1: `support`: found an empty text
    "#);
}

#[test]
fn all_that_is_wrong_is_told_in_the_files_order() {
    let text = "support = ''\n[web]\nlisten = '8787'\n[drop]\nrescan = '0s'\n[customers.'x/y']\n";
    assert_snapshot!(told(text), @r#"
    line 1: `support`: found an empty text
      line 3: `web.listen`: found "8787", expected an address with a port ("127.0.0.1:8787", "[::1]:8787"), "unix:PATH" or "off"
      line 5: `drop.rescan`: found no time at all, expected some
      line 6: `customers."x/y"`: '/' can't stand in a customer's key (letters, digits, blanks and . _ - & ' ( ) , + can)
    "#);
}

#[test]
fn folders_that_lie_in_one_another_are_refused() {
    let files = [
        "[drop]\nroot = '/var/lib/devicedrop'",
        "[drop]\nroot = '/var/lib/devicedrop/drop'",
        "[drop]\nroot = '/var'",
        "[ledger]\npath = '/srv/devicedrop/ledger.db'",
        "[ledger]\noriginals = '/srv/devicedrop/contoso/originals'",
        "[ledger]\noriginals = '/var/lib/devicedrop'",
        "[ledger]\noriginals = '/var/lib'",
        "[customers.contoso]\nfolder = '/srv/devicedrop/a/b'",
        "[customers.contoso]\nfolder = '/srv/devicedrop/fabrikam'",
        "[drop]\ncustomers = 'configured'\n[customers.contoso]\nfolder = '/srv/devicedrop/fabrikam'",
        "[customers.contoso]\nfolder = '/srv'",
        "[customers.contoso]\nfolder = '/mnt/a'\n[customers.fabrikam]\nfolder = '/mnt/b/../a'",
        "[customers.contoso]\nfolder = '/mnt/a'\n[customers.fabrikam]\nfolder = '/mnt/a/b'",
        "[customers.contoso]\nfolder = '/var/lib/devicedrop/originals/x'",
        "[customers.contoso]\nfolder = 'contoso'",
    ];
    assert_snapshot!(files.map(told).join("\n"), @r#"
    line 2: `drop.root`: /var/lib/devicedrop would be both the root of the drop folders and the ledger's folder
      line 2: `drop.root`: /var/lib/devicedrop/originals (the folder of the originals) lies in /var/lib/devicedrop (the root of the drop folders)
    line 2: `drop.root`: /var/lib/devicedrop/drop (the root of the drop folders) lies in /var/lib/devicedrop (the ledger's folder)
    line 2: `drop.root`: /var/lib/devicedrop (the ledger's folder) lies in /var (the root of the drop folders)
      line 2: `drop.root`: /var/lib/devicedrop/originals (the folder of the originals) lies in /var (the root of the drop folders)
    line 2: `ledger.path`: /srv/devicedrop would be both the root of the drop folders and the ledger's folder
    line 2: `ledger.originals`: /srv/devicedrop/contoso/originals (the folder of the originals) lies in /srv/devicedrop (the root of the drop folders)
    line 2: `ledger.originals`: /var/lib/devicedrop would be both the ledger's folder and the folder of the originals
    line 2: `ledger.originals`: /var/lib/devicedrop (the ledger's folder) lies in /var/lib (the folder of the originals)
    line 2: `customers.contoso.folder`: /srv/devicedrop/a/b (the folder of customer `contoso`) lies in /srv/devicedrop (the root of the drop folders); a customer's folder lies directly in the root or outside of it
    line 2: `customers.contoso.folder`: /srv/devicedrop/fabrikam lies in the root, where every folder is a customer named as the folder; set `drop.customers = "configured"`, or take a folder outside of the root
    fine
    line 2: `customers.contoso.folder`: /srv/devicedrop (the root of the drop folders) lies in /srv (the folder of customer `contoso`)
    line 4: `customers.fabrikam.folder`: /mnt/a would be both the folder of customer `contoso` and the folder of customer `fabrikam`
    line 4: `customers.fabrikam.folder`: /mnt/a/b (the folder of customer `fabrikam`) lies in /mnt/a (the folder of customer `contoso`)
    line 2: `customers.contoso.folder`: /var/lib/devicedrop/originals/x (the folder of customer `contoso`) lies in /var/lib/devicedrop (the ledger's folder)
      line 2: `customers.contoso.folder`: /var/lib/devicedrop/originals/x (the folder of customer `contoso`) lies in /var/lib/devicedrop/originals (the folder of the originals)
    fine
    "#);
}

#[test]
fn folders_are_compared_behind_links() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("root/contoso")).expect("made");
    fs::create_dir_all(at("state")).expect("made");
    std::os::unix::fs::symlink(at("root"), at("other")).expect("linked");
    let text = format!(
        "[drop]\nroot = {:?}\n[ledger]\npath = {:?}\noriginals = {:?}\n[customers.fabrikam]\nfolder = {:?}\n",
        at("root"),
        at("state/ledger.db"),
        at("other/contoso/originals"),
        at("other/contoso"),
    );
    let told = told(&text).replace(&folder.path().display().to_string(), "TMP");
    assert_snapshot!(told, @r#"
    line 5: `ledger.originals`: TMP/root/contoso/originals (the folder of the originals) lies in TMP/root (the root of the drop folders)
      line 7: `customers.fabrikam.folder`: TMP/root/contoso/originals (the folder of the originals) lies in TMP/root/contoso (the folder of customer `fabrikam`)
      line 7: `customers.fabrikam.folder`: TMP/root/contoso lies in the root, where every folder is a customer named as the folder; set `drop.customers = "configured"`, or take a folder outside of the root
    "#);
}

#[test]
fn relative_paths_begin_at_the_files_folder() {
    let config = good("[drop]\nroot = 'drop'\n[web]\nlisten = 'unix:web.sock'");
    assert_eq!(config.drop.root, Path::new("/nowhere/drop"));
    assert_eq!(config.web.listen, Listen::Unix("/nowhere/web.sock".into()));
}

#[test]
fn every_folder_is_a_customer_or_only_those_configured() {
    let key = |text: &str| CustomerKey::parse(text).expect("a key");
    let folders = good("locale = 'nl'\n[customers.contoso]\nlocale = 'en'");
    assert_eq!(folders.customer(&key("contoso")).map(|found| found.locale), Some(Locale::En));
    assert_eq!(folders.customer(&key("fabrikam")).map(|found| found.locale), Some(Locale::Nl));
    let configured = good("[drop]\ncustomers = 'configured'\n[customers.contoso]");
    assert!(configured.customer(&key("contoso")).is_some());
    assert_eq!(configured.customer(&key("fabrikam")), None);
}

/// A lookup that finds nothing outside of `folder`.
fn lookup(folder: &Path) -> Lookup {
    Lookup {
        given: None,
        environment: None,
        user: Some(folder.join("user/devicedrop.toml")),
        system: folder.join("system/devicedrop.toml"),
        data: Some(folder.join("data")),
    }
}

#[test]
fn the_first_configuration_that_is_there_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let write = |name: &str, text: &str| {
        fs::create_dir_all(at(name).parent().expect("a parent")).expect("made");
        fs::write(at(name), text).expect("written");
    };
    let support = |lookup: &Lookup| lookup.load().expect("a configuration").support.unwrap_or_default();
    let mut lookup = lookup(folder.path());

    let config = lookup.load().expect("defaults");
    assert_eq!(config.source, Source::Defaults);
    assert_eq!(config.drop.root, at("data/drop"));
    assert_eq!(config.ledger.path, at("data/state/ledger.db"));

    write("system/devicedrop.toml", "support = 'system'");
    assert_eq!(support(&lookup), "system");
    assert_eq!(lookup.load().expect("one").drop.root, Path::new("/srv/devicedrop"));
    write("user/devicedrop.toml", "support = 'user'");
    assert_eq!(support(&lookup), "user");
    assert_eq!(lookup.load().expect("one").drop.root, at("data/drop"), "a user's own speaks of the user's folders");
    write("env.toml", "support = 'environment'");
    lookup.environment = Some(at("env.toml"));
    assert_eq!(support(&lookup), "environment");
    write("given.toml", "support = 'given'");
    lookup.given = Some(at("given.toml"));
    assert_eq!(support(&lookup), "given");
}

#[test]
fn one_that_was_named_must_be_there_and_one_that_is_there_must_be_readable() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut lookup = lookup(folder.path());
    fs::create_dir_all(folder.path().join("user/devicedrop.toml")).expect("a folder where the file should be");
    assert!(matches!(lookup.load(), Err(ConfigError::Read { .. })));
    lookup.given = Some(folder.path().join("missing.toml"));
    assert!(matches!(lookup.load(), Err(ConfigError::Read { path, .. }) if path.ends_with("missing.toml")));
}

#[test]
fn the_source_remembers_the_files_bytes() {
    let config = good("\u{feff}locale = 'nl'\r\n");
    assert_eq!(config.locale, Locale::Nl);
    let Source::File { sha256, .. } = config.source else { panic!("it comes from a file") };
    assert_eq!(sha256, Sha256::of("\u{feff}locale = 'nl'\r\n".as_bytes()));
    assert!(matches!(
        parse(Path::new("/x"), b"support = '\xff'", &Places::of_the_system()),
        Err(ConfigError::NotText { .. })
    ));
}

#[test]
fn a_reload_refuses_what_needs_a_restart() {
    let refusals = |old: &str, new: &str| reload_refusals(&good(old), &good(new)).join("\n");
    assert_eq!(refusals("", "locale = 'nl'\n[customers.contoso]\n[drop]\nsettle = '2s'"), "");
    let moved = "[drop]\nroot = '/d'\ncustomers = 'configured'\n[ledger]\npath = '/l/x.db'\n\
                 [registrar.embedded]\npath = '/l/r.db'\n[web]\nlisten = 'off'\n";
    assert_snapshot!(refusals("", moved), @r#"
    `ledger.path` changed from "/var/lib/devicedrop/ledger.db" to "/l/x.db": restart the daemon for that
    `registrar.embedded.path` changed from "/var/lib/devicedrop/registry.db" to "/l/r.db": restart the daemon for that
    `drop.root` changed from "/srv/devicedrop" to "/d": restart the daemon for that
    `drop.customers` changed from Folders to Configured: restart the daemon for that
    `web.listen` changed from Address(127.0.0.1:8787) to Off: restart the daemon for that
    "#);
    let one = "[drop]\ncustomers = 'configured'\n[customers.contoso]\n";
    assert_snapshot!(refusals(one, "[drop]\ncustomers = 'configured'\n"), @"the customer `contoso` is gone: restart the daemon for that");
    assert_eq!(refusals("[customers.contoso]\nname = 'C'\n", ""), "", "its folder stays a customer");
}

#[test]
fn the_ledger_is_found_in_a_configuration_that_is_broken_elsewhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("devicedrop.toml");
    let lookup =
        Lookup { given: Some(path.clone()), environment: None, user: None, system: "/nowhere".into(), data: None };
    for (text, ledger) in [
        ("lokale = 'nl'\nledger.path = '/a/ledger.db' # here\n", "/a/ledger.db".into()),
        ("[customers\n[ledger] # ours\npath = \"/b/ledger.db\"\n", "/b/ledger.db".into()),
        ("[drop]\npath = '/c'\n[ledger]\npath = 'state/l.db'\n[", folder.path().join("state/l.db")),
        ("locale = \n", std::path::PathBuf::from("/var/lib/devicedrop/ledger.db")),
    ] {
        fs::write(&path, text).expect("written");
        assert_eq!(lookup.ledger_all_the_same(), Some(ledger), "{text}");
    }
}
