//! The program as its users meet it: the built binary in a hermetic environment, one module for each concern.
//!
//! One binary for all of them, so that it is linked once. Parts have their own tests beside their code; here stands
//! what only the whole can show.
#![allow(
    clippy::disallowed_methods,
    reason = "tests set their scene with files and times that the product must not use"
)]

#[cfg(test)]
mod answers;
#[cfg(test)]
mod arrivals;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod auditing;
#[cfg(test)]
mod backups;
#[cfg(test)]
mod checks;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod copies;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod degraded;
#[cfg(test)]
mod disks;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod erp;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod followed;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod monitored;
#[cfg(test)]
mod operation;
#[cfg(test)]
mod packets;
#[cfg(test)]
mod proofs;
#[cfg(test)]
mod receipts;
#[cfg(test)]
mod registrar_cli;
#[cfg(test)]
mod registrar_tls;
#[cfg(test)]
mod registrars;
#[cfg(test)]
mod rehearsals;
#[cfg(test)]
mod result_of_ledger;
#[cfg(test)]
mod results;
#[cfg(test)]
mod retries;
#[cfg(test)]
mod roots;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod services;
#[cfg(test)]
mod shares;
#[cfg(test)]
mod tenants;
#[cfg(test)]
mod trial_service;
#[cfg(test)]
mod uses;
#[cfg(test)]
mod watching;
#[cfg(test)]
mod web;
#[cfg(test)]
mod zoo;

/// The daemon that tests here start and kill: this binary, run with [`daemon`]'s arguments.
#[test]
fn daemon_under_test() {
    devicedrop_testkit::under_test::run_if_told();
}

/// What starts it.
#[cfg(test)]
fn daemon() -> anyhow::Result<devicedrop_testkit::under_test::UnderTest> {
    devicedrop_testkit::under_test::UnderTest::this_binary(&["--exact", "daemon_under_test", "--nocapture"])
}
