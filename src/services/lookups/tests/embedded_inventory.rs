//! The embedded registrar's inventory, while it is open and while it isn't.

use super::*;

fn fill(path: &Path) -> Embedded {
    let settings = Settings {
        path: path.to_owned(),
        inventory: embedded::Inventory::Required,
        hash_check: |_, _| Ok(None),
        now: Arc::new(|| at(0)),
    };
    let registry = Embedded::open(settings).unwrap();
    registry.import(["A1", "A2", "A3"].into_iter().map(|serial| (device(serial), None)), "test").unwrap();
    registry
}

#[test]
fn the_inventory_is_listed_whoever_has_it_open() {
    let scene = Scene::new();
    let registry = fill(&scene.config.registrar.embedded.path);
    let columns = ["number", "manufacturer", "serial_number", "inventory", "customer", "claimed_at", "last_seen"];
    let open = scene.show(Subject::Inventory, Filters::default(), &columns);
    assert_snapshot!(open, @r"
    1 | Contoso | A1 | true | null | null | null
    2 | Contoso | A2 | true | null | null | null
    3 | Contoso | A3 | true | null | null | null
    ");
    drop(registry);
    assert_eq!(scene.show(Subject::Inventory, Filters::default(), &columns), open);
    assert_eq!(scene.show(Subject::Inventory, of("contoso"), &columns), "");
    assert_eq!(scene.show(Subject::Inventory, from(0), &columns), "", "nobody has claimed any");
}

#[test]
fn an_inventory_is_listed_before_there_is_a_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "");
    drop(fill(&config.registrar.embedded.path));
    let mut lookups = LedgerLookups::open(&config).unwrap();
    let mut look = Look { subject: Subject::Inventory, filters: Filters::default(), limit: 2, after: None };
    assert_eq!(lookups.look_up(&look).unwrap().next.as_deref(), Some("2"));
    look.subject = Subject::Submissions;
    assert_eq!(lookups.look_up(&look).unwrap_err().exit, Exit::Unable);
    assert!(!config.ledger.path.exists());
}
