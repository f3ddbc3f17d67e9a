//! Whether somebody's long reading keeps the ledger's log from being taken back, and who that is.
//!
//! It holds nobody up, but the log grows with all that is written meanwhile, and with it the disk's use. When the
//! reader has left, the log is cut down by what is written next.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::ledger::log;

use super::lanes::pause;
use super::shared::Shared;

/// A log that is longer than this isn't due to what the daemon itself writes: it is taken back at 40 MB, and cut down to
/// 64 MiB.
const MUCH: u64 = 128 * 1024 * 1024;

/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Says when a reader makes the log grow, and when it no longer does, once for each change.
pub(super) async fn watch(shared: Arc<Shared>) {
    let stop: CancellationToken = shared.stop.clone();
    while !stop.is_cancelled() {
        let asked = Arc::clone(&shared);
        let held = crate::blocking::run(move || held(&asked.config().ledger.path, MUCH)).await.ok().flatten();
        let change = {
            let mut board = shared.board.lock();
            let change = board.held.is_some() != held.is_some();
            let since = board.held.take().map_or(shared.clock.now(), |(_, since)| since);
            board.held = held.clone().map(|why| (why, since));
            change
        };
        match held {
            Some(why) if change => {
                tracing::warn!(why = %why, remedy = REMEDY, "a reader makes the ledger's log grow");
            }
            None if change => tracing::info!("nobody holds the ledger's log any more"),
            _ => {}
        }
        tokio::select! {
            () = pause(LOOK) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// What to do about it.
pub(super) const REMEDY: &str = "end that reading; who reads for long takes a copy: devicedrop ledger snapshot FILE";

/// Who keeps how much, in a sentence; none where the log isn't long, or nobody but ourselves reads.
fn held(ledger: &Path, much: u64) -> Option<String> {
    let bytes = log::bytes(ledger);
    if bytes <= much {
        return None;
    }
    let others = log::readers(ledger).map(|readers| {
        readers.into_iter().filter(|process| *process != std::process::id()).map(log::named).collect::<Vec<_>>()
    });
    let who = match others {
        // The system doesn't tell.
        None => "somebody".to_owned(),
        Some(others) if others.is_empty() => return None,
        Some(others) => others.join(", "),
    };
    Some(format!(
        "the log beside the ledger has grown to {} MiB, since {who} is in the middle of reading",
        bytes >> 20
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn the_process_that_reads_is_named() {
        use std::io::{BufRead, BufReader};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let writer = rusqlite::Connection::open(&path).unwrap();
        writer.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t(x); INSERT INTO t VALUES (1)").unwrap();
        assert_eq!(held(&path, 0), None, "nobody reads");
        let script = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None); db.execute('BEGIN'); \
            db.execute('SELECT * FROM t').fetchall(); print('reading', flush=True); sys.stdin.read()";
        let mut reader = Command::new("python3")
            .args(["-c", script])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(reader.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "reading\n");
        let said = held(&path, 0).unwrap();
        assert!(said.contains(&format!("process {} (python3", reader.id())), "{said}");
        assert_eq!(held(&path, 1 << 40), None, "the log isn't long");
        drop(reader.stdin.take());
        reader.wait().unwrap();
        assert_eq!(held(&path, 0), None);
    }
}
