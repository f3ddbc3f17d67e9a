//! Whose file it is, and when it is refused.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn folder_and_file_are_ours_and_our_groups() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/folder/registry.db");
    let registry = open(path.clone(), Inventory::Required).unwrap();
    assert_eq!(mode(path.parent().unwrap()) & 0o027, 0, "nothing for others");
    assert_eq!(mode(&path), 0o640);
    for beside in ["registry.db-wal", "registry.db-shm"] {
        assert_eq!(mode(&path.with_file_name(beside)), 0o640, "{beside}");
    }
    drop(registry);
    assert!(path.with_file_name("registry.db-wal").exists(), "readers without the right to write need it");
}

#[test]
fn only_one_has_it_open() {
    let mut bench = Bench::new(Inventory::Required);
    let path = bench.path();
    assert!(matches!(open(path.clone(), Inventory::Required), Err(RegistryError::InUse { .. })));
    let link = path.with_file_name("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(open(link, Inventory::Required), Err(RegistryError::InUse { .. })), "by another name too");
    bench.close();
    open(path, Inventory::Required).unwrap();
}

#[test]
fn what_isnt_ours_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "Not a database at all, but long enough to be looked at as if it were one.\n".repeat(99))
        .unwrap();
    let database = folder.path().join("other.db");
    change_file(&database, "CREATE TABLE things (a)");
    let marked = folder.path().join("marked.db");
    change_file(&marked, "PRAGMA application_id = 7");
    for path in [text, database, marked] {
        let before = std::fs::read(&path).unwrap();
        assert!(matches!(open(path.clone(), Inventory::Required), Err(RegistryError::Foreign { .. })), "{path:?}");
        assert_eq!(std::fs::read(&path).unwrap(), before, "{path:?}");
    }
}

#[test]
fn a_newer_registry_is_refused() {
    let mut bench = Bench::new(Inventory::Required);
    bench.close();
    change_file(&bench.path(), "PRAGMA user_version = 2");
    let refused = open(bench.path(), Inventory::Required);
    assert!(matches!(refused, Err(RegistryError::Newer { found: 2, known: 1, .. })), "{refused:?}");
}

#[test]
fn what_contradicts_itself_is_refused() {
    for damage in [
        "INSERT INTO device SELECT 3, manufacturer, model, serial_number, source FROM device WHERE id = 1",
        "DELETE FROM device WHERE id = 1",
        "DELETE FROM name WHERE id = 1",
        "UPDATE claim SET device = 9",
        "INSERT INTO claim SELECT 2, device, customer, key, at FROM claim",
        "DELETE FROM customer",
    ] {
        let mut bench = Bench::new(Inventory::Required);
        bench.stock(&["1", "2"]);
        assert_eq!(bench.register(&request("fabrikam", "1", "a")), REGISTERED);
        bench.close();
        change_file(&bench.path(), &format!("PRAGMA foreign_keys = OFF; {damage}"));
        let refused = open(bench.path(), Inventory::Required);
        assert!(matches!(refused, Err(RegistryError::Damaged { .. })), "{damage}: {refused:?}");
    }
}

#[test]
fn a_copy_is_the_same_registry() {
    let bench = Bench::new(Inventory::Required);
    bench.stock(&["1", "2"]);
    let first = request("fabrikam", "1", "a");
    assert_eq!(bench.register(&first), REGISTERED);
    let path = bench.folder.path().join("copy.db");
    bench.registry().copy_to(&path).unwrap();
    assert!(matches!(bench.registry().copy_to(&path), Err(RegistryError::File { .. })), "never over another file");
    assert_eq!(mode(&path), 0o640);

    let copy = open(path, Inventory::Required).unwrap();
    assert_eq!(copy.target(), bench.registry().target());
    let verdicts = copy.rehearse(vec![first, request("tailspin", "1", "b"), request("tailspin", "2", "c")]).unwrap();
    assert_eq!(verdicts, [REGISTERED, refused(ErrorCode::DeviceClaimedByAnotherOrganization), REGISTERED]);
}
