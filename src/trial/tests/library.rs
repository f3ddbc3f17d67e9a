//! The service as other tests use it: started in their process, stopped, and started again on the same file.

use super::super::{Settings, start};
use super::*;
use crate::clock::SystemClock;

#[test]
fn it_starts_and_stops_and_goes_on_where_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings { state: Some(folder.path().join("trial.db")), ..Settings::default() };
    let first = start(settings.clone(), Arc::new(SystemClock)).expect("a service");
    assert!(first.address().ip().is_loopback() && first.base_url().starts_with("http://127.0.0.1:"));
    first.stock(&[device("A1")]);
    assert!(!first.check_in(&device("A1"), SystemClock.now()), "nobody has it");
    assert_eq!(first.journal(), json!({ "registrations": [] }));
    let listen = first.address();
    first.stop();
    let second = start(Settings { listen, ..settings.clone() }, Arc::new(SystemClock)).expect("the same address");
    assert_eq!(second.address(), listen);
    // One at a time: the address is taken.
    assert!(start(Settings { listen, ..settings }, Arc::new(SystemClock)).is_err());
    assert_eq!(second.manners()["toldToWait"], 0);
}
