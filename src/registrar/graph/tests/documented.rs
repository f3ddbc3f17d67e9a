//! The examples of the documentation, byte for byte.

use super::super::progress::{Progress, find};
use super::super::wire::{Collection, Identity, Imported, each};
use super::*;

#[test]
fn the_documented_answers_are_understood() {
    let read = |text| serde_json::from_str::<Collection>(text).expect("a collection");
    let imports: Vec<Imported> = each(read(include_str!("recorded/imported.json")).value);
    let import = find(&imports, "Import Id value", &request(1, "Serial Number value")).expect("it is there");
    assert_eq!(Progress::of(import), Progress::UnderWay, "pending, whatever error stands beside it");
    let devices: Vec<Identity> = each(read(include_str!("recorded/identities.json")).value);
    assert_eq!(devices[0].serial_number, "Serial Number value");
    assert_eq!(devices[0].enrollment_state.as_deref(), Some("enrolled"));
}
