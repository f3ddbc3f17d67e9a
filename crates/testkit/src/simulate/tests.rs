//! The simulation: the same seed must give the very same again, or no violation could be looked into.

use super::*;

/// A simulation when it is run as one, and nothing otherwise.
#[test]
fn is_a_simulation_if_told() {
    run_if_told();
}

const ARGUMENTS: [&str; 3] = ["--exact", "simulate::tests::is_a_simulation_if_told", "--nocapture"];

/// What the simulation of a seed says.
fn said(seed: u64) -> String {
    let mut said = Vec::new();
    let simulation = Simulation { seed, steps: 30, ..Simulation::default() };
    simulation.run(&ARGUMENTS, &mut said).unwrap();
    String::from_utf8(said).unwrap()
}

#[test]
fn the_same_seed_gives_the_very_same_trace() {
    let (first, other) = (said(7), said(8));
    assert_eq!(first, said(7));
    let trace = |text: &str| text.split_once("trace ").unwrap().1.to_owned();
    assert_ne!(trace(&first), trace(&other), "the trace tells seeds apart");
}

/// How many seconds ten rows waited behind such a crowd.
fn waited(crowd: Crowd) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let shim = Shim { file: seeded(folder.path()).unwrap(), arguments: &ARGUMENTS };
    let task = Task { seed: 1, steps: 0, trace: None, crowd: Some(crowd) };
    simulate(&shim, &task).unwrap().unwrap_or_else(|violation| panic!("{crowd:?}: {violation}")).seconds
}

const FLOOD: Crowd = Crowd { many: 1, rows: 6_000, retry_after: 0, hung: 0, batch: 100, concurrency: 2 };

#[test]
fn ten_rows_wait_for_none_of_a_customer_who_brings_very_many() {
    assert!(waited(FLOOD) <= 5);
}

#[test]
fn ten_rows_wait_for_a_throttled_customer_no_longer_than_the_registrar_asks_for() {
    assert!(waited(Crowd { retry_after: 5, ..FLOOD }) <= 15);
}

#[test]
fn ten_rows_wait_for_no_share_that_hangs_nor_for_forty() {
    assert!(waited(Crowd { hung: 40, ..FLOOD }) <= 5);
}

#[test]
fn ten_rows_come_to_their_turn_where_a_call_has_fewer_places_than_customers_wait() {
    waited(Crowd { many: 8, rows: 300, retry_after: 2, hung: 20, batch: 4, concurrency: 1 });
}
