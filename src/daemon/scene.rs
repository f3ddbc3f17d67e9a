//! What questions about the present are answered from: the board and the ledger, or the ledger alone while no daemon
//! runs.

use std::sync::Arc;

use devicedrop_core::time::Timestamp;

use crate::config::Config;
use crate::control::protocol::DaemonHealth;
use crate::registrar::Registrar;

use super::board::{Board, State};
use super::shared::{Readers, Shared};

/// The present, as far as it is known.
pub struct Scene<'a> {
    /// The configuration.
    pub config: Arc<Config>,
    /// The ledger's readers.
    pub readers: &'a Readers,
    /// What stands on the board; empty while no daemon runs.
    pub board: State,
    /// How drop folders are watched.
    pub watched: String,
    /// The registrar's kind and target.
    pub registrar: (String, String),
    /// The registrar itself; none while no daemon runs.
    pub service: Option<Arc<dyn Registrar>>,
    /// The whole address of the web page, if there is one.
    pub web: Option<String>,
    /// Whether the daemon can do its job; none while none runs.
    pub health: Option<DaemonHealth>,
    /// The time.
    pub now: Timestamp,
    /// Whether this is the daemon's own view.
    pub daemon: bool,
}

impl<'a> Scene<'a> {
    /// The daemon's view.
    pub fn of(shared: &'a Shared) -> Self {
        let mut board = shared.board.read();
        // Taken by the registrar, which is at work on it: under way, whoever waits for it.
        board.under_way.extend(shared.followed.all());
        Self {
            config: shared.config(),
            readers: &shared.readers,
            board,
            watched: shared.watch.describe(),
            registrar: (shared.registrar.kind().to_owned(), shared.registrar.target().to_owned()),
            service: Some(Arc::clone(&shared.registrar)),
            web: shared.web.get().cloned(),
            health: Some(super::monitor::health(shared)),
            now: shared.clock.now(),
            daemon: true,
        }
    }

    /// The view of whoever has the ledger and no daemon.
    pub fn without_daemon(config: Arc<Config>, readers: &'a Readers, now: Timestamp) -> Self {
        let kind = config.registrar.kind.code().to_owned();
        let target = config.registrar.target();
        let watched = "no daemon runs".to_owned();
        Self {
            config,
            readers,
            board: Board::new(now).read(),
            watched,
            registrar: (kind, target),
            service: None,
            web: None,
            health: None,
            now,
            daemon: false,
        }
    }
}
