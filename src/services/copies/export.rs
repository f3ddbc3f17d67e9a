//! Exports: each view as CSV and as JSON Lines, all of them as they are at one moment.
//!
//! An export is a folder. `manifest.json` says what is in it, `SHA256SUMS` comes last: a folder without it was cut
//! off.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use devicedrop_core::device::Sha256;
use serde_json::json;
use sha2::Digest;

use crate::cli::copies::{Copied, ExportAsk, ExportedFile};
use crate::cli::error::Failure;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::ledger::reader::Moment;
use crate::ledger::views::{Cell, View};
use crate::ledger::{ReadError, Reader};
use crate::services::audit::Say;
use crate::services::backup::{named, trouble};
use crate::services::lookups::failure::Told;
use crate::services::{failure, place};

/// The form of an export.
const FORM: &str = "devicedrop-export-v1";
/// What is in it, and of which ledger it is.
const MANIFEST: &str = "manifest.json";
/// The files' hashes as `sha256sum --check` reads them.
const SUMS: &str = "SHA256SUMS";
/// How often it is told how far it is, in rows.
const TOLD_EVERY: u64 = 20_000;

/// Writes an export into a new folder.
pub(in crate::services) fn export(config: &Config, ask: &ExportAsk, say: Say<'_>) -> Result<Copied, Failure> {
    let reader = match &ask.snapshot {
        Some(path) => super::open_snapshot(path)?,
        None => Reader::open(&config.ledger.path).map_err(Told::told)?,
    };
    let moment = reader.moment().map_err(Told::told)?;
    let dir = place::apart(config, &ask.dir, "an export's folder")?;
    match DirBuilder::new().mode(0o750).create(&dir) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let hint =
                "an export never replaces anything: choose another name, with the date for instance".to_owned();
            return Err(failure(format!("{} is there already", named(&dir)), Vec::new(), Some(hint)));
        }
        Err(error) => return Err(trouble("make", &dir, &error)),
    }
    let mut written = Vec::new();
    let filled = fill(&dir, &moment, &mut written, say);
    if filled.is_err() {
        for name in &written {
            std::fs::remove_file(dir.join(name)).unwrap_or_default();
        }
        // Somebody else's files stay, and the folder with them; without the sums it doesn't look whole.
        std::fs::remove_dir(&dir).unwrap_or_default();
    }
    filled
}

fn fill(dir: &Path, moment: &Moment<'_>, written: &mut Vec<String>, say: Say<'_>) -> Result<Copied, Failure> {
    let head = moment.head.as_ref().ok_or_else(super::empty)?;
    let mut copied = super::copied(dir, head);
    for view in View::ALL {
        copied.files.extend(write_view(dir, moment, *view, written, say)?);
    }
    let listed: Vec<_> = copied.files.iter().map(|file| json!(file)).collect();
    let manifest = json!({
        "form": FORM, "program": env!("CARGO_PKG_VERSION"), "made_at": SystemClock.now(), "ledger": copied.ledger,
        "epoch": head.epoch, "entries": head.entries, "blocks": head.blocks, "head": copied.head, "until": head.at,
        "files": listed,
    });
    let manifest = one_file(dir, MANIFEST, &format!("{manifest:#}\n"), written)?;
    let mut sums = String::new();
    for file in copied.files.iter().chain([&manifest]) {
        sums.extend([file.sha256.as_str(), "  ", file.name.as_str(), "\n"]);
    }
    one_file(dir, SUMS, &sums, written)?;
    let synced = sync(dir).and_then(|()| dir.parent().map_or(Ok(()), sync));
    synced.map_err(|error| trouble("bring to the disk", dir, &error))?;
    Ok(copied)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Why a view isn't written.
enum Stop {
    Read(ReadError),
    Write(io::Error),
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// Writes both files of a view.
fn write_view(
    dir: &Path,
    moment: &Moment<'_>,
    view: View,
    written: &mut Vec<String>,
    say: Say<'_>,
) -> Result<[ExportedFile; 2], Failure> {
    let told = |error: io::Error| trouble("write to", dir, &error);
    let mut csv = Summed::new(dir, format!("{}.csv", view.name()), written).map_err(told)?;
    let mut lines = Summed::new(dir, format!("{}.jsonl", view.name()), written).map_err(told)?;
    csv.line(&[view.columns().join(",").as_bytes(), b"\r\n"].concat()).map_err(told)?;
    let keys: Vec<String> = view.columns().iter().map(|column| format!("\"{column}\":")).collect();
    let (mut record, mut rows) = (Vec::new(), 0);
    let passed = moment.each_row(view, &mut |cells: &[Cell]| -> Result<(), Stop> {
        write_record(&mut record, cells)?;
        csv.line(&record)?;
        write_object(&mut record, &keys, cells)?;
        lines.line(&record)?;
        rows += 1;
        if rows % TOLD_EVERY == 0 {
            say(&format!("exporting {}: {rows}", view.name()));
        }
        Ok(())
    });
    passed.map_err(|stop| match stop {
        Stop::Read(error) => error.told(),
        Stop::Write(error) => told(error),
    })?;
    Ok([csv.finish(view.name(), rows).map_err(told)?, lines.finish(view.name(), rows).map_err(told)?])
}

/// A record of RFC 4180. Nothing is an empty field; text without a character is `""`, so that the two stay apart.
fn write_record(record: &mut Vec<u8>, cells: &[Cell]) -> io::Result<()> {
    record.clear();
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            record.push(b',');
        }
        match cell {
            Cell::Null => {}
            Cell::Integer(number) => write!(record, "{number}")?,
            Cell::Text(text) if text.is_empty() || text.contains([',', '"', '\r', '\n']) => {
                record.push(b'"');
                record.extend_from_slice(text.replace('"', "\"\"").as_bytes());
                record.push(b'"');
            }
            Cell::Text(text) => record.extend_from_slice(text.as_bytes()),
        }
    }
    record.extend_from_slice(b"\r\n");
    Ok(())
}

/// A JSON object on a line.
fn write_object(line: &mut Vec<u8>, keys: &[String], cells: &[Cell]) -> io::Result<()> {
    line.clear();
    for (index, (key, cell)) in keys.iter().zip(cells).enumerate() {
        line.push(if index == 0 { b'{' } else { b',' });
        line.extend_from_slice(key.as_bytes());
        serde_json::to_writer(&mut *line, cell)?;
    }
    line.extend_from_slice(b"}\n");
    Ok(())
}

fn one_file(dir: &Path, name: &str, text: &str, written: &mut Vec<String>) -> Result<ExportedFile, Failure> {
    let told = |error: io::Error| trouble("write to", dir, &error);
    let mut file = Summed::new(dir, name.to_owned(), written).map_err(told)?;
    file.line(text.as_bytes()).map_err(told)?;
    file.finish("", 0).map_err(told)
}

/// A file that is hashed while it is written.
struct Summed {
    name: String,
    path: PathBuf,
    file: BufWriter<File>,
    hasher: sha2::Sha256,
    bytes: u64,
}

impl Summed {
    fn new(dir: &Path, name: String, written: &mut Vec<String>) -> io::Result<Self> {
        let path = dir.join(&name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(&path)?;
        written.push(name.clone());
        let file = BufWriter::with_capacity(128 * 1024, file);
        Ok(Self { name, path, file, hasher: sha2::Sha256::new(), bytes: 0 })
    }

    fn line(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(0));
        self.file.write_all(bytes)
    }

    fn finish(self, view: &'static str, rows: u64) -> io::Result<ExportedFile> {
        let Self { name, path, file, hasher, bytes } = self;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        debug_assert!(path.is_file(), "it was made above");
        let sha256 = Sha256::from_bytes(hasher.finalize().into()).to_string();
        Ok(ExportedFile { name, view, rows, bytes, sha256 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_and_no_characters_are_told_apart_and_whatever_a_cell_holds_comes_back() {
        let cells = ["", "a,b", "say \"a\"", "two\r\nlines", " blank ", "=1+1", "\u{202e}", "ü"];
        let cells: Vec<Cell> = cells.into_iter().map(|text| Cell::Text(text.to_owned())).collect();
        let cells = [vec![Cell::Null, Cell::Integer(-7)], cells].concat();
        let mut record = Vec::new();
        write_record(&mut record, &cells).unwrap();
        let text = "|-7|\"\"|\"a,b\"|\"say \"\"a\"\"\"|\"two\r\nlines\"| blank |=1+1|\u{202e}|ü\r\n";
        assert_eq!(
            String::from_utf8(record.clone()).unwrap(),
            text.replacen("a,b", "a\u{0},b", 1).replace('|', ",").replace('\u{0}', "")
        );
        let mut read = csv::ReaderBuilder::new().has_headers(false).from_reader(record.as_slice());
        let fields = read.records().next().unwrap().unwrap();
        let told = cells.iter().map(|cell| match cell {
            Cell::Null => String::new(),
            Cell::Integer(number) => number.to_string(),
            Cell::Text(text) => text.clone(),
        });
        assert_eq!(fields.iter().map(str::to_owned).collect::<Vec<_>>(), told.collect::<Vec<_>>());

        let keys: Vec<String> = (0..cells.len()).map(|index| format!("\"{index}\":")).collect();
        write_object(&mut record, &keys, &cells).unwrap();
        let object: serde_json::Value = serde_json::from_slice(&record).unwrap();
        for (index, cell) in cells.iter().enumerate() {
            assert_eq!(object[index.to_string()], serde_json::to_value(cell).unwrap());
        }
    }
}
