//! The web page's place in the daemon: it listens, is told where it is reached, and runs beside the work.
//!
//! The page's questions are answered in `record`. Nothing of it touches the writer, and nothing of the daemon waits
//! for it.

mod record;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::config::{Config, Listen};
use crate::web::{self, Listening, Place, Site, Token};

use super::shared::Shared;
use super::start::StartError;

use record::LedgerRecord;

/// A page that can be reached, and isn't served yet.
pub(super) struct Opened {
    listening: Listening,
    token: Option<Token>,
}

/// Listens where the configuration says; a single run has no page.
pub(super) fn open(config: &Config, once: bool) -> Result<Option<Opened>, StartError> {
    if once {
        return Ok(None);
    }
    let place = match &config.web.listen {
        Listen::Address(address) => Place::Address(*address),
        Listen::Unix(path) => Place::Unix(path.clone()),
        Listen::Off => Place::Off,
    };
    let Some(listening) = web::open(&place)? else { return Ok(None) };
    let token = match &listening {
        Listening::Tcp(..) => Some(Token::of_folder(config.state_folder())?),
        Listening::Unix(..) => None,
    };
    Ok(Some(Opened { listening, token }))
}

/// Serves the page, if there is one, until the daemon stops.
pub(super) async fn run(shared: Arc<Shared>, opened: Option<Opened>) {
    let stop: CancellationToken = shared.stop.clone();
    let Some(Opened { listening, token }) = opened else { return stop.cancelled().await };
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let record = Arc::new(LedgerRecord::new(Arc::clone(&shared)));
    let site = Site::new(record, &listening, token, machine, stop);
    // Set once in a process's life; nobody else sets it.
    drop(shared.web.set(site.address().to_owned()));
    web::serve(Arc::new(site), listening).await;
}
