//! What commands need from the rest of the program. `main` brings it; the commands know no more than this.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::message::WaitsFor;
use devicedrop_core::suspicion::Known;

use crate::actor::Actor;
use crate::cli::args::ServeArgs;
use crate::cli::audit::{NewKey, ProveAsk, Verified, VerifyAsk};
use crate::cli::backup::{BackedUp, BackupAsk, RestoreAsk, Restored};
use crate::cli::context::Context;
use crate::cli::copies::{Copied, ExportAsk, SnapshotAsk};
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::lookups::Lookups;
use crate::cli::output::Output;
use crate::config::{Config, CustomerSettings};
use crate::control::protocol::{Answer, Request};
use crate::doctor;
use crate::registrar::check::Finding;

/// Prints text as it is.
pub type Print<'a> = &'a mut dyn FnMut(&str) -> io::Result<()>;

/// The rest of the program, as the commands see it.
pub trait Services {
    /// Runs the daemon until it ends.
    fn run(&self, context: &Context, once: bool) -> Result<Exit, Failure>;

    /// Shows what the program does, in a temporary folder.
    fn demo(&self, keep: bool, output: &mut Output) -> Result<Exit, Failure>;

    /// Runs a registration service for trials until it is interrupted.
    fn serve(&self, args: &ServeArgs, output: &mut Output) -> Result<Exit, Failure>;

    /// Opens the ledger for reading. Never makes one.
    fn lookups(&self, config: &Config) -> Result<Box<dyn Lookups>, Failure>;

    /// Recomputes the ledger and compares it with the archive and with what `ask` brings along; `say` is told how far
    /// it is.
    fn verify(&self, config: &Config, ask: &VerifyAsk, say: &mut dyn FnMut(&str)) -> Result<Verified, Failure>;

    /// The head of the record as text, to be kept elsewhere; signed if a key is configured.
    fn checkpoint(&self, config: &Config) -> Result<String, Failure>;

    /// Prints the proof of these entries, piece by piece. The inner error is that of the printing.
    fn prove(&self, config: &Config, ask: &ProveAsk, out: Print<'_>) -> Result<io::Result<()>, Failure>;

    /// Makes a signing key of this name in a new file; the configured one signs that it is replaced by it.
    fn keygen(&self, config: &Config, file: &Path, name: &str) -> Result<NewKey, Failure>;

    /// Writes a copy of the ledger into a file of its own, whoever works on it; `say` is told how far it is.
    fn snapshot(&self, config: &Config, ask: &SnapshotAsk, say: &mut dyn FnMut(&str)) -> Result<Copied, Failure>;

    /// Writes the ledger's views, as they are at one moment, into a new folder; `say` is told how far it is.
    fn export(&self, config: &Config, ask: &ExportAsk, say: &mut dyn FnMut(&str)) -> Result<Copied, Failure>;

    /// Makes a backup of all that the configuration names, whoever works on it; `say` is told how far it is.
    fn backup(&self, config: &Config, ask: &BackupAsk, say: &mut dyn FnMut(&str)) -> Result<BackedUp, Failure>;

    /// Puts a backup back to where the configuration says, for `actor`.
    fn restore(
        &self,
        config: &Config,
        ask: &RestoreAsk,
        actor: &Actor,
        say: &mut dyn FnMut(&str),
    ) -> Result<Restored, Failure>;

    /// Looks at this environment, and at what is in the way of registering unless `offline`.
    fn doctor(&self, config: &Config, offline: bool) -> Result<Vec<doctor::Finding>, Failure>;

    /// Looks at what is in the way of registering, for all customers or for one; registers nothing.
    fn registrar_check(&self, config: &Config, customer: Option<&CustomerKey>) -> Result<Vec<Finding>, Failure>;

    /// Signs a user in whom we come to a registration service for; `say` is told what the person is to do. Returns
    /// what came of it, in a sentence.
    fn sign_in(&self, config: &Config, say: &mut dyn FnMut(&str)) -> Result<String, Failure>;

    /// Opens the ledger to ask what a customer sent before; none where there is no ledger. Never makes one.
    fn past(&self, config: &Config, customer: &CustomerKey) -> Result<Option<Box<dyn PastRows>>, Failure>;

    /// What a customer's file would wait for of what lies beside it. `inside` is its path in the drop folder, if it
    /// lies there.
    fn waits_for(
        &self,
        config: &Config,
        customer: &CustomerSettings,
        path: &Path,
        inside: Option<&Path>,
    ) -> Vec<WaitsFor>;

    /// Answers a request while no daemon runs, from the ledger and for `actor`. Called as the ledger's owner when
    /// the request [changes](Request::changes) something; takes the ledger's lock then.
    fn answer(&self, config: &Config, actor: &Actor, request: &Request) -> Result<Answer, Failure>;
}

/// Whoever knows what one customer sent before.
pub trait PastRows {
    /// Gives out what is on record under these serial numbers, in no order.
    fn known(&mut self, serial_numbers: &BTreeSet<String>, each: &mut dyn FnMut(Known)) -> Result<(), Failure>;
}
