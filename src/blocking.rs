//! Work that blocks, and what a simulation puts in the place of threads and of the disk's moods.
//!
//! The product's work goes to tokio's pool of threads. In a simulation it waits for its turn by the simulation's clock
//! and is done on the one thread that there is, so that the same seed gives the same run. Nothing here knows what is
//! simulated; that is the testkit's.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use tokio::task::JoinHandle;

/// What is about to be done to the disk, or was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// A transaction of the ledger is about to be committed.
    Commit,
    /// It is committed; nobody was told yet.
    Committed,
    /// A copy for the archive is being written.
    Copy,
    /// A copy is about to get its place in the archive.
    Keep,
    /// The content of a file aside is written.
    Write,
    /// A file aside is about to get its name.
    Place,
    /// It has its name, which isn't synced yet.
    SyncFolder,
}

/// What a simulation brings.
pub trait Simulated: Send + Sync {
    /// Waits until work may begin, or until who waits for it learns that it ended; for ever in a process that is to be
    /// taken for dead.
    fn turn(&self) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// What the disk says of an effect.
    fn meet(&self, effect: Effect) -> io::Result<()>;

    /// Whether whoever looks into this folder waits for ever.
    fn hangs(&self, _: &Path) -> bool {
        false
    }
}

static SIMULATED: OnceLock<Arc<dyn Simulated>> = OnceLock::new();

/// Has everything in this process simulated from here on. Returns whether nothing was before.
pub fn simulate(with: Arc<dyn Simulated>) -> bool {
    SIMULATED.set(with).is_ok()
}

/// The same for work that looks into a folder, whose share may hang.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn run_in<T: Send + 'static>(folder: &Path, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    if simulated().is_some_and(|simulated| simulated.hangs(folder)) {
        return tokio::spawn(std::future::pending());
    }
    run(work)
}

/// What this process is simulated with, if it is.
pub(crate) fn simulated() -> Option<&'static Arc<dyn Simulated>> {
    SIMULATED.get()
}

/// Has work done that blocks, in a thread of its own. Dropping the handle doesn't end it.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let Some(simulated) = simulated() else { return tokio::task::spawn_blocking(work) };
    tokio::spawn(async move {
        simulated.turn().await;
        let done = work();
        simulated.turn().await;
        done
    })
}

/// Passes an effect on the disk. Nothing, but in a simulation, where the disk may fail.
pub(crate) fn meet(effect: Effect) -> io::Result<()> {
    simulated().map_or(Ok(()), |simulated| simulated.meet(effect))
}
