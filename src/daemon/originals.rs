//! The copies of originals beyond the archive's own work: giving one up when it isn't to be kept, doing without one
//! that was, and keeping the configurations that were in force beside them.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::DirBuilderExt;

use devicedrop_core::device::{Format, Sha256};
use devicedrop_core::ids::SubmissionId;
use rustix::fs::{MemfdFlags, memfd_create};

use crate::beneath;
use crate::config::{Config, Source};
use crate::durable::{self, Replace};
use crate::ledger::command::NewAction;
use crate::ledger::rows::Submission;
use crate::ledger::views::{Cell, Lookup, Test, View};

use super::shared::{AskError, Shared};

/// The folder of the configurations, inside the archive's.
const CONFIGURATIONS: &str = "configurations";

/// Rows of a view that are read at once.
const PAGE: usize = 5_000;

/// Gives up the copy of a submission whose result is final and written, if copies aren't kept and no other
/// submission needs this one. On record.
pub(super) fn give_up(shared: &Shared, submission: &Submission) {
    let Some(sha256) = submission.sha256.filter(|_| !shared.config().ledger.keep_originals) else { return };
    let removed = shared
        .readers
        .ask(|reader| reader.content_is_needed(&sha256))
        .map_err(io::Error::other)
        .and_then(|needed| if needed { Ok(false) } else { shared.archive.remove(&sha256) });
    match removed {
        Ok(false) => {}
        Ok(true) => {
            let action = NewAction {
                at: shared.clock.now(),
                actor: "devicedrop".to_owned(),
                action: "remove_original".to_owned(),
                subject: Some(sha256.to_string()),
                reason: Some("keep_originals is false, and every result of it is final and written".to_owned()),
            };
            if let Err(error) = shared.writer.act(action).wait() {
                tracing::error!(error = %error, "the removal of an original's copy could not be recorded");
            }
        }
        Err(error) => tracing::warn!(error = %error, sha256 = %sha256, "an original's copy could not be removed"),
    }
}

/// The rows of a submission as a sheet made from the record, for a result when the copy was given up: our headings,
/// each row on its own line again.
pub(super) fn rebuilt(shared: &Shared, id: SubmissionId, format: Format) -> io::Result<File> {
    let file: File = memfd_create(c"devicedrop-rebuilt", MemfdFlags::CLOEXEC)?.into();
    let mut out = BufWriter::new(&file);
    let columns = format.columns();
    let headings: Vec<&str> = columns.iter().map(|column| column.heading()).collect();
    writeln!(out, "{}", headings.join(","))?;
    let mut line: i64 = 2;
    let names = ["manufacturer", "model", "serial_number", "hardware_hash"];
    let view = View::Registrations;
    let place = |name: &str| view.columns().iter().position(|column| *column == name);
    let mut after = None;
    loop {
        let rows = page(shared, id, after.clone()).map_err(io::Error::other)?;
        for row in &rows {
            let cell = |name: &str| place(name).and_then(|index| row.get(index));
            let Some(Cell::Integer(begins)) = cell("line") else { continue };
            while line < *begins {
                writeln!(out)?;
                line += 1;
            }
            let values: Vec<String> = names.iter().take(columns.len()).map(|name| quoted(cell(name))).collect();
            writeln!(out, "{}", values.join(","))?;
            line += 1;
        }
        after = rows.last().and_then(|row| row.first()).cloned();
        if rows.len() < PAGE {
            break;
        }
    }
    out.flush()?;
    drop(out);
    Ok(file)
}

fn page(shared: &Shared, id: SubmissionId, after: Option<Cell>) -> Result<Vec<Vec<Cell>>, AskError> {
    let view = View::Registrations;
    shared.readers.ask(|reader| {
        let filters = vec![view.filter("submission_id", Test::Is(Cell::Text(id.to_string())))?];
        reader.lookup(&Lookup { view, filters, limit: PAGE, after, newest_first: false })
    })
}

/// A value as a quoted cell on one line; what a refused row had of line ends can't stand in it again.
fn quoted(cell: Option<&Cell>) -> String {
    let text = match cell {
        Some(Cell::Text(text)) => text.as_str(),
        _ => "",
    };
    format!("\"{}\"", text.replace('"', "\"\"").replace(['\r', '\n'], " "))
}

/// Keeps a configuration beside the originals, by its SHA-256, so that the record's word for it can be looked up.
pub(super) fn keep_configuration(config: &Config) -> io::Result<()> {
    let Source::File { sha256, text, .. } = &config.source else { return Ok(()) };
    let folder = config.ledger.originals.join(CONFIGURATIONS);
    std::fs::DirBuilder::new().recursive(true).mode(0o750).create(&folder)?;
    let name = file_name(sha256);
    let opened = beneath::open_path(&folder.canonicalize()?)?;
    // Nobody else writes there: what lies aside is what a crash left.
    durable::remove_orphans(opened.as_fd())?;
    if beneath::look(opened.as_fd(), name.as_bytes()).is_ok() {
        return Ok(());
    }
    let written = durable::write_whole(opened.as_fd(), name.as_ref(), 0o440, Replace::Any, |out| {
        out.write_all(text.as_bytes())
    });
    written.map(drop).map_err(io::Error::other)
}

fn file_name(sha256: &Sha256) -> String {
    format!("{sha256}.toml")
}
