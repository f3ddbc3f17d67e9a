//! The answering side of the control socket: one request a connection, the peer's user as the actor.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::actor::Actor;
use crate::control::protocol::{MAX_LINE, Refusal, Reply, Request};

use super::commands;
use super::lanes::pause;
use super::shared::Shared;

/// Requests that are served at the same time; whoever comes then waits.
const AT_ONCE: usize = 16;

/// A peer that sends no request for so long is hung up on.
const PATIENCE: Duration = Duration::from_secs(30);

/// After a connection couldn't be taken (too many open files, as a rule), the next try comes after this.
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// Listens at `path`, for the owner and the group. The caller holds the ledger's lock, so that a socket that lies
/// there is a dead daemon's.
pub(super) fn listen(path: &Path) -> io::Result<UnixListener> {
    match rustix::fs::unlink(path) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// Serves until the daemon stops.
pub(super) async fn run(shared: Arc<Shared>, listener: UnixListener) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut served = JoinSet::new();
    loop {
        tokio::select! {
            taken = listener.accept() => match taken {
                Ok((stream, _)) => {
                    served.spawn(serve(Arc::clone(&shared), Arc::clone(&places), stream));
                }
                Err(error) => {
                    tracing::warn!(error = %error, "a control connection could not be taken");
                    pause(AFTER_ERROR).await;
                }
            },
            Some(ended) = served.join_next(), if !served.is_empty() => {
                if let Err(error) = ended {
                    std::panic::resume_unwind(Box::new(format!("serving a control request failed: {error}")));
                }
            }
            () = shared.stop.cancelled() => break,
        }
    }
    served.shutdown().await;
}

async fn serve(shared: Arc<Shared>, places: Arc<Semaphore>, stream: UnixStream) {
    let Ok(_place) = places.acquire().await else { return };
    let actor = match stream.peer_cred() {
        Ok(peer) => Actor::of_peer(peer.uid(), peer.pid()),
        Err(error) => {
            tracing::warn!(error = %error, "a control connection without a user was hung up on");
            return;
        }
    };
    if let Err(error) = converse(shared, actor, stream).await {
        tracing::debug!(error = %error, "a control connection broke off");
    }
}

async fn converse(shared: Arc<Shared>, actor: Actor, stream: UnixStream) -> io::Result<()> {
    let (reading, mut answers) = stream.into_split();
    let mut line = Vec::new();
    let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
    let mut reading = BufReader::new(reading.take(limit));
    tokio::time::timeout(PATIENCE, reading.read_until(b'\n', &mut line)).await??;
    let request: Request = match serde_json::from_slice(&line) {
        Ok(request) => request,
        Err(error) => {
            let refusal = Refusal {
                message: "the daemon doesn't understand this request".to_owned(),
                because: vec![error.to_string()],
                hint: Some("use the devicedrop command of the daemon's version".to_owned()),
            };
            return send(&mut answers, &Reply::Refused(refusal)).await;
        }
    };
    let (replies, mut incoming) = mpsc::channel(16);
    let work = crate::blocking::run(move || {
        let told = replies.clone();
        let reply = commands::answer(&shared, request, &actor, &mut |progress| {
            // Whoever hung up misses the progress; the work goes on.
            drop(told.blocking_send(progress));
        });
        drop(replies.blocking_send(reply));
    });
    while let Some(reply) = incoming.recv().await {
        send(&mut answers, &reply).await?;
    }
    work.await.map_err(io::Error::other)
}

async fn send(to: &mut (impl AsyncWriteExt + Unpin), reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply).map_err(io::Error::other)?;
    line.push(b'\n');
    to.write_all(&line).await
}
