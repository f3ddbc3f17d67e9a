//! The web page's place in the daemon: it listens, is told where it is reached, and runs beside the work.
//!
//! The page's questions are answered in `record`. Nothing of it touches the writer, and nothing of the daemon waits
//! for it.

mod record;
mod tables;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::config::Listen;
use crate::web::{self, Listening, Place, Site, Token};

use super::shared::Shared;
use super::start::StartError;

use record::LedgerRecord;

/// A page that can be reached.
pub(super) struct Opened {
    site: Arc<Site>,
    listening: Listening,
}

/// Listens where the configuration says, and tells `status` where that is; a single run has no page.
pub(super) fn open(shared: &Arc<Shared>) -> Result<Option<Opened>, StartError> {
    if shared.once {
        return Ok(None);
    }
    let config = shared.config();
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
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let record = Arc::new(LedgerRecord::new(Arc::clone(shared)));
    let site = Site::new(record, &listening, token, machine, shared.stop.clone());
    // Set once in a process's life; nobody else sets it.
    shared.web.set(site.address().to_owned()).unwrap_or_default();
    Ok(Some(Opened { site: Arc::new(site), listening }))
}

/// Serves the page, if there is one, until the daemon stops.
pub(super) async fn run(stop: CancellationToken, opened: Option<Opened>) {
    match opened {
        Some(Opened { site, listening }) => web::serve(site, listening).await,
        None => stop.cancelled().await,
    }
}
