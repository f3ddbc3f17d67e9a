//! The simulation: the same seed must give the very same again, or no violation could be looked into.

use super::*;

/// A simulation when it is run as one, and nothing otherwise.
#[test]
fn is_a_simulation_if_told() {
    run_if_told();
}

/// What the simulation of a seed says.
fn said(seed: u64) -> String {
    let mut said = Vec::new();
    let simulation = Simulation { seed, steps: 30, ..Simulation::default() };
    simulation.run(&["--exact", "simulate::tests::is_a_simulation_if_told", "--nocapture"], &mut said).unwrap();
    String::from_utf8(said).unwrap()
}

#[test]
fn the_same_seed_gives_the_very_same_trace() {
    let (first, other) = (said(7), said(8));
    assert_eq!(first, said(7));
    let trace = |text: &str| text.split_once("trace ").unwrap().1.to_owned();
    assert_ne!(trace(&first), trace(&other), "the trace tells seeds apart");
}
