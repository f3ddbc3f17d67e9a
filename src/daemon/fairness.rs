//! How long one customer's few rows wait behind everybody else's many: the bound that the operator's guide states, held
//! against the sharing of calls in virtual time.
//!
//! The dispatcher's loop is written here once more, without ledger, registrar and clock: a call begins whenever one
//! ends, its places are shared among the customers who wait, and each call takes as long as chance says.

use devicedrop_core::share::shares;
use proptest::prelude::*;

/// The rows of the customer who brings few.
const FEW: usize = 10;

/// What a registrar takes, and who waits for it.
#[derive(Debug, Clone)]
struct Load {
    batch: usize,
    concurrency: usize,
    /// The rows of each other customer.
    others: Vec<usize>,
    /// What calls take, in milliseconds, over and over.
    calls: Vec<u64>,
    /// Which place among the customers the one with few rows has.
    place: usize,
    /// When its rows come.
    comes: u64,
}

/// The most calls that begin until all of the few rows are in one: what the guide says.
fn bound(customers: usize, batch: usize) -> usize {
    match batch / customers {
        0 => customers * FEW.div_ceil(batch) + FEW,
        each => FEW.div_ceil(each),
    }
}

/// Runs it until the few rows have ended; returns how long they took from when they came.
fn took(load: &Load) -> u64 {
    let mut waiting = load.others.clone();
    let place = load.place.min(waiting.len());
    waiting.insert(place, 0);
    // When each call under way ends, and how many of the few rows are in it.
    let mut calls: Vec<(u64, usize)> = Vec::new();
    let (mut now, mut start, mut came, mut ended) = (0, 0, false, 0);
    let mut lengths = load.calls.iter().copied().cycle();
    loop {
        if !came && now >= load.comes {
            (came, waiting[place]) = (true, FEW);
        }
        while calls.len() < load.concurrency && waiting.iter().any(|rows| *rows > 0) {
            let given = shares(&waiting, load.batch, start);
            start += 1;
            waiting.iter_mut().zip(&given).for_each(|(rows, places)| *rows -= places);
            calls.push((now + lengths.next().unwrap_or(1), given[place]));
        }
        let next = calls.iter().map(|(end, _)| *end).min().unwrap_or(u64::MAX);
        now = if came { next } else { next.min(load.comes) };
        calls.retain(|(end, few)| {
            ended += if *end <= now { *few } else { 0 };
            *end > now
        });
        if ended == FEW {
            return now - load.comes;
        }
    }
}

fn load() -> impl Strategy<Value = Load> {
    let others = prop::collection::vec(prop_oneof![1usize..50, Just(1_000_000)], 1..40);
    (1usize..300, 1usize..5, others, prop::collection::vec(1u64..=1_000, 1..20), 0usize..40, 0u64..5_000).prop_map(
        |(batch, concurrency, others, calls, place, comes)| Load { batch, concurrency, others, calls, place, comes },
    )
}

#[test]
fn ten_rows_are_in_the_next_call_of_the_embedded_registrar_whatever_a_million_others_do() {
    assert_eq!(bound(200, 2_000), 1);
    let calls = vec![1_000];
    let load = Load { batch: 2_000, concurrency: 2, others: vec![1_000_000; 199], calls, place: 7, comes: 500 };
    // The rest of the calls under way, and one call.
    assert_eq!(took(&load), 1_500);
}

proptest! {
    #[test]
    fn few_rows_wait_no_longer_than_the_guide_says(load in load()) {
        let longest = load.calls.iter().copied().max().unwrap_or(1);
        let calls = bound(load.others.len() + 1, load.batch);
        let most = longest * u64::try_from(calls + 1).unwrap();
        prop_assert!(took(&load) <= most, "{} ms, not {most} ms", took(&load));
    }
}
