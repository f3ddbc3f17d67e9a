//! `ledger snapshot` and `ledger export`: what is asked, and what came of it.

use std::path::PathBuf;

use devicedrop_core::shown::shown;
use devicedrop_core::time::Timestamp;
use serde::Serialize;

use crate::cli::args::{ExportArgs, SnapshotArgs};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::services::Services;

/// What a snapshot is asked to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotAsk {
    /// The file that is to be made.
    pub file: PathBuf,
    /// Whether an older snapshot may be replaced.
    pub replace: bool,
}

/// What an export is asked to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportAsk {
    /// The folder that is to be made.
    pub dir: PathBuf,
    /// The snapshot that is to be exported, in place of the ledger.
    pub snapshot: Option<PathBuf>,
}

/// What was copied, and of which ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Copied {
    /// The file, or the folder.
    pub path: PathBuf,
    /// The ledger's UUID.
    pub ledger: String,
    /// The ledger's epoch.
    pub epoch: u64,
    /// The entries in it.
    pub entries: u64,
    /// The blocks in it.
    pub blocks: u64,
    /// The hash of the last block.
    pub head: String,
    /// When the last block was written.
    pub until: Timestamp,
    /// The file's size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The file's hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The files in the folder.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ExportedFile>,
}

/// A view in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportedFile {
    /// The file's name.
    pub name: String,
    /// The view.
    pub view: &'static str,
    /// How many rows are in it.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// Its content's hash.
    pub sha256: String,
}

/// Makes a snapshot.
pub fn snapshot(
    args: &SnapshotArgs,
    context: &Context,
    services: &dyn Services,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let ask = SnapshotAsk { file: args.file.clone(), replace: args.replace };
    let made = services.snapshot(&context.config, &ask, &mut |text| output.progress(text));
    output.progress_ended();
    let made = made?;
    if args.report.json {
        output.json(&made)?;
        return Ok(Exit::Done);
    }
    output.line(format_args!("snapshot     {}", shown(&made.path.display().to_string())))?;
    print_record(&made, output)?;
    let (bytes, sha256) = (made.bytes.unwrap_or(0), made.sha256.as_deref().unwrap_or_default());
    output.line(format_args!("file         bytes {bytes}, SHA-256 {sha256}"))?;
    Ok(Exit::Done)
}

/// Makes an export.
pub fn export(
    args: &ExportArgs,
    context: &Context,
    services: &dyn Services,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let ask = ExportAsk { dir: args.dir.clone(), snapshot: args.snapshot.clone() };
    let made = services.export(&context.config, &ask, &mut |text| output.progress(text));
    output.progress_ended();
    let made = made?;
    if args.report.json {
        output.json(&made)?;
        return Ok(Exit::Done);
    }
    output.line(format_args!("export       {}", shown(&made.path.display().to_string())))?;
    print_record(&made, output)?;
    let rows: Vec<Vec<String>> = made
        .files
        .iter()
        .map(|file| vec![file.name.clone(), file.rows.to_string(), file.bytes.to_string(), file.sha256.clone()])
        .collect();
    output.table(&["file", "rows", "bytes", "sha256"], &rows)?;
    Ok(Exit::Done)
}

fn print_record(made: &Copied, output: &mut Output) -> Result<(), CliError> {
    let Copied { epoch, entries, blocks, until, head, .. } = made;
    output.line(format_args!("record       entries {entries}, blocks {blocks}, epoch {epoch}, until {until}"))?;
    output.line(format_args!("head         {head}"))?;
    Ok(())
}
