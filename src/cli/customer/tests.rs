//! Customers added to configurations of all kinds.

use insta::assert_snapshot;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::cli::testing::Printed;
use crate::config::Lookup;
use crate::config::environment::Environment;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn with(config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config.replace("TMP", &folder.path().display().to_string());
        fs::write(folder.path().join("devicedrop.toml"), config).expect("written");
        Self { folder }
    }

    fn context(&self) -> Context {
        let lookup = Lookup {
            given: Some(self.folder.path().join("devicedrop.toml")),
            environment: None,
            user: None,
            system: "/nowhere".into(),
            data: None,
        };
        let config = lookup.load().expect("a good one");
        Context { lookup, config, environment: Environment::default() }
    }

    fn add(&self, key: &str, name: Option<&str>) -> Result<String, CliError> {
        let key = CustomerKey::parse(key).expect("a key");
        let args = CustomerAddArgs { key, name: name.map(str::to_owned), tenant_id: None };
        let mut printed = Printed::default();
        add(&self.context(), &args, &mut printed.output(100))?;
        Ok(self.masked(&printed.out()))
    }

    fn masked(&self, text: &str) -> String {
        text.replace(&self.folder.path().display().to_string(), "TMP")
    }

    fn config(&self) -> String {
        self.masked(&fs::read_to_string(self.folder.path().join("devicedrop.toml")).expect("text"))
    }
}

const CONFIG: &str = "\
# kept
[drop]
root = 'TMP/drop'   # kept too

[customers.fabrikam]
paused = true # and this

[web]
listen = 'off'
# at the end
";

#[test]
fn a_customer_gets_a_folder_and_a_section_and_comments_stay() {
    let place = Place::with(CONFIG);
    assert_snapshot!(place.add("A & B", Some("A \"and\" B")).expect("added"), @r#"
    TMP/drop/A & B: made
    TMP/devicedrop.toml: [customers."A & B"] added
    "#);
    assert_snapshot!(place.config(), @r#"
    # kept
    [drop]
    root = 'TMP/drop'   # kept too

    [customers.fabrikam]
    paused = true # and this

    [customers."A & B"]
    name = 'A "and" B'

    [web]
    listen = 'off'
    # at the end
    "#);
    assert!(place.folder.path().join("drop/A & B").is_dir());
    let names: Vec<String> = place.context().config.customers.into_values().map(|found| found.name).collect();
    assert_eq!(names, ["A \"and\" B", "fabrikam"]);
}

#[test]
fn the_first_customer_of_a_configuration() {
    let place = Place::with("[drop]\nroot = 'TMP/drop'\n# the end");
    place.add("contoso", None).expect("added");
    assert_snapshot!(place.config(), @r"
    [drop]
    root = 'TMP/drop'
    # the end

    [customers.contoso]
    ");
}

#[test]
fn what_would_not_do_is_refused_and_nothing_is_changed() {
    let place = Place::with(CONFIG);
    let before = place.config();
    assert!(matches!(place.add("fabrikam", None), Err(CliError::Customer(CustomerError::Known(_)))));
    assert!(matches!(place.add("Fabrikam", None), Err(CliError::Customer(CustomerError::Invalid(_)))));
    fs::create_dir_all(place.folder.path().join("drop/Contoso")).expect("made");
    assert!(matches!(place.add("contoso", None), Err(CliError::Customer(CustomerError::Capitals { .. }))));
    assert!(matches!(place.add("northwind", Some("  ")), Err(CliError::Customer(CustomerError::Invalid(_)))));
    assert_eq!(place.config(), before);
    assert!(!place.folder.path().join("drop/northwind").exists());
    let inline = Place::with("customers = { contoso = {} }\n[drop]\nroot = 'TMP/drop'\n");
    assert!(matches!(inline.add("fabrikam", None), Err(CliError::Customer(CustomerError::Inline { .. }))));
}

#[test]
fn permissions_and_links_of_the_configuration_stay() {
    let place = Place::with(CONFIG);
    let at = |name: &str| place.folder.path().join(name);
    fs::rename(at("devicedrop.toml"), at("real.toml")).expect("moved");
    fs::set_permissions(at("real.toml"), fs::Permissions::from_mode(0o640)).expect("set");
    std::os::unix::fs::symlink(at("real.toml"), at("devicedrop.toml")).expect("linked");
    place.add("contoso", None).expect("added");
    assert!(at("devicedrop.toml").is_symlink());
    assert_eq!(fs::metadata(at("real.toml")).expect("there").permissions().mode() & 0o777, 0o640);
    let left: Vec<_> = fs::read_dir(place.folder.path()).expect("listed").collect();
    assert_eq!(left.len(), 3, "nothing is left aside: {left:?}");
}

#[test]
fn every_customer_is_listed() {
    let place = Place::with(CONFIG);
    place.add("contoso", Some("Contoso Ltd")).expect("added");
    fs::create_dir_all(place.folder.path().join("drop/northwind")).expect("made");
    fs::create_dir_all(place.folder.path().join("drop/_aside")).expect("made");
    let mut printed = Printed::default();
    list(&place.context().config, false, &mut printed.output(120)).expect("listed");
    assert_snapshot!(place.masked(&printed.out()).replace(&" ".repeat(20), " "), @r"
    customer   name         folder                formats
    contoso    Contoso Ltd  TMP/drop/contoso             partner, self-service
    fabrikam   fabrikam     TMP/drop/fabrikam (missing)  partner, self-service  paused
    northwind  northwind    TMP/drop/northwind           partner, self-service
    ");
    let mut printed = Printed::default();
    list(&place.context().config, true, &mut printed.output(120)).expect("listed");
    assert_snapshot!(place.masked(printed.out().lines().next().expect("a line")), @r#"{"customer":"contoso","name":"Contoso Ltd","folder":"TMP/drop/contoso","locale":"en","formats":["partner","self-service"],"complete":"settled","order":"optional","paused":false,"folder_exists":true,"not_watched":null}"#);
}

#[test]
fn a_folder_that_differs_in_capitals_alone_is_listed_as_not_watched() {
    let place = Place::with(CONFIG);
    for name in ["northwind", "NorthWind", "FABRIKAM"] {
        fs::create_dir_all(place.folder.path().join("drop").join(name)).expect("made");
    }
    let mut printed = Printed::default();
    list(&place.context().config, true, &mut printed.output(120)).expect("listed");
    let not_watched = |key: &str| {
        let line =
            printed.out().lines().find(|line| line.contains(&format!("{{\"customer\":\"{key}\""))).map(str::to_owned);
        let line: serde_json::Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
        line["not_watched"].as_str().map(ToOwned::to_owned)
    };
    let differs = |from: &str| Some(format!("not watched: differs from {from} in capital letters alone"));
    assert_eq!(not_watched("FABRIKAM"), differs("fabrikam"));
    assert_eq!(not_watched("fabrikam"), None);
    // The older one is the customer; made within one tick, the one that sorts first.
    let both = [not_watched("northwind"), not_watched("NorthWind")];
    assert!(both == [None, differs("northwind")] || both == [differs("NorthWind"), None], "{both:?}");
}
