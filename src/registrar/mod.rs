//! Registrars: the services that register devices.
//!
//! The trait that all of them have, and the ones that come with devicedrop. The vocabulary of requests and answers
//! is `devicedrop_core::registrar`; which row is asked for when, and what follows from an answer, is decided
//! elsewhere. One test suite, `devicedrop_testkit::registrar_suite`, holds every registrar to what is written here.

mod both;
pub mod check;
pub mod credentials;
mod device_error;
pub mod embedded;
pub mod graph;
pub mod http;
pub mod partner_center;
mod service;
mod suspects;

pub use both::Both;
pub use service::{Customers, TenantOf};

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::registrar::{
    Activity, Answer, CallIds, Capacity, Knowledge, Origin, Question, Request, Trouble,
};

/// What an asynchronous method of a [`Registrar`] gives: a boxed future, so that the trait can be a `dyn` one.
pub type Answering<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a call takes at the very most, whatever it does: a registrar that is slower than that doesn't answer at all.
pub const PATIENCE: Duration = Duration::from_mins(5);

/// A service that registers devices.
///
/// A registrar keeps no work of ours: every request is on record in the ledger before it comes here, and what isn't
/// answered is asked for again. It neither retries nor waits by itself.
pub trait Registrar: Send + Sync + std::fmt::Debug {
    /// The word for this kind of registrar in the configuration and the ledger: `embedded`, `graph`, ...
    fn kind(&self) -> &'static str;

    /// Which service it is: base URL and tenant, or the registry's own identity. The same device at two targets is
    /// two devices. Never changes while the registrar lives, and holds no secret.
    fn target(&self) -> &str;

    /// Which service it is to this customer, where each has a tenant of its own there. All rows of a call have the same
    /// target; waits, rates and trouble hold for one target and say nothing of the others.
    fn target_of(&self, _customer: &CustomerKey) -> String {
        self.target().to_owned()
    }

    /// What rows of one call must have in common: the batch that they go into, where the service has batches.
    fn group(&self, _origin: Origin<'_>) -> Option<String> {
        None
    }

    /// How much it takes at once.
    ///
    /// `batch` and `concurrency` are at least 1. The caller keeps to both; a registrar needn't defend itself
    /// against a larger batch, but must answer it. May change between two calls.
    fn capacity(&self) -> Capacity;

    /// How long the answer to a call is waited for. What hasn't come by then is in doubt; a registrar has limits of
    /// its own below that, for each thing that it waits for.
    fn patience(&self) -> Duration {
        PATIENCE
    }

    /// Whether calls carry IDs of ours. If not, those that it is given are empty.
    fn takes_ids(&self) -> bool {
        false
    }

    /// A person did something that may have mended what was called broken: it is looked at anew the next time, whatever
    /// is remembered. Waits that the service asked for stay.
    fn mended(&self) {}

    /// Asks to register the devices of `requests`, in one call with these IDs.
    ///
    /// - As many answers as requests, in their order. Rows are taken in their order too: of two rows of one device
    ///   the first has the device and the second gets what that leads to.
    /// - `Registered`, `AlreadyRegistered` and `Refused` are final and durable: they hold after a power cut.
    /// - If [`Capacity::idempotent`] says so, a request whose key had its effect before has no second one. It is
    ///   `Registered` again, or `AlreadyRegistered` where the service doesn't know one request from another.
    /// - `Deferred` says that *this* request surely had no effect. Where that isn't sure, it is `InDoubt`, never
    ///   `Deferred`: an answer that can't be read is in doubt too.
    /// - `Err` means that surely no row of the call had an effect. If one may have had, the answer is `Ok` with the
    ///   rows in doubt.
    /// - `Accepted` says that the service took the request for good, and can be asked about it by its tracking ID until
    ///   it is done, by this process or a later one. All accepted rows of a call have the same ID.
    /// - Who else has a device is never told, in no field of the answer.
    /// - Dropping the future takes nothing back: the rows are in doubt.
    fn register(&self, ids: CallIds, requests: Vec<Request>) -> Answering<'_, Result<Vec<Answer>, Trouble>>;

    /// Asks what became of requests that were accepted or are in doubt, without registering anything.
    ///
    /// - As many answers as questions, in their order.
    /// - `Answered` only for an effect that surely is there and is durable.
    /// - `UnderWay` only for one that was accepted: it will have its answer.
    /// - `Unknown` only if the request had no effect and surely will have none, or if sending it again is harmless.
    /// - `CannotTell` for all where the service has no way to ask. That is an answer and no trouble.
    fn inquire<'a>(&'a self, questions: &'a [Question]) -> Answering<'a, Result<Vec<Knowledge>, Trouble>>;

    /// Returns uses of registered devices that became known after the cursor `after` (0 at the very first), at most
    /// `limit` of them in the order in which they became known, and the cursor to go on from.
    ///
    /// - The cursor never falls below what it was, unless the service itself lost its memory; then it begins anew,
    ///   and what is told again is harmless.
    /// - A device may be told several times; the latest `last_seen` counts. Uses of devices that nobody registered
    ///   aren't told.
    /// - Fewer than `limit` uses mean that there are no more now. A service that doesn't know of uses returns
    ///   nothing and `after`.
    fn activity(&self, after: u64, limit: usize) -> Answering<'_, Result<(Vec<Activity>, u64), Trouble>>;

    /// Customers whose devices' uses couldn't be asked for when uses were last looked for, and why. Nothing follows from
    /// their silence.
    fn unheard(&self) -> Vec<(CustomerKey, String)> {
        Vec::new()
    }
}
