//! Reads a file of rows that lies still: bytes into the core's survey, sheet and excerpts, in chunks.
//!
//! For whoever reads a file: the daemon its archived copies, `check` a file that nobody dropped yet. What is read is
//! judged in the core.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use devicedrop_core::excerpt::Excerpts;
use devicedrop_core::problem::FileProblem;
use devicedrop_core::row::Row;
use devicedrop_core::sheet::{Head, Sheet, SheetOptions, SheetReader};
use devicedrop_core::survey::{Encoding, Survey};

/// Bytes of a file that are read at once.
const CHUNK: usize = 128 * 1024;

/// Reads a file from its beginning, until it ends or `each` has enough.
fn chunks(file: &mut File, each: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = file.read(&mut buffer)?;
        match buffer.get(..read) {
            Some(bytes) if !bytes.is_empty() && each(bytes) => {}
            _ => return Ok(()),
        }
    }
}

/// Surveys a file: how its bytes are to be read.
pub fn survey(file: &mut File) -> io::Result<Result<Encoding, FileProblem>> {
    let mut survey = Survey::new();
    chunks(file, &mut |bytes| {
        survey.feed(bytes);
        true
    })?;
    Ok(survey.finish().encoding)
}

/// Reads a file from its beginning to its end, a row at a time. An error of `each` ends the reading.
pub fn read_sheet(
    file: &mut File,
    encoding: Encoding,
    options: &SheetOptions,
    each: &mut dyn FnMut(&Head, Row<'_>) -> io::Result<()>,
) -> io::Result<Result<Sheet, FileProblem>> {
    let mut reader = SheetReader::new(encoding, options.clone());
    let (mut stopped, mut problem) = (None, None);
    let mut sink = |head: &Head, row: Row<'_>| {
        if stopped.is_none() {
            stopped = each(head, row).err();
        }
    };
    chunks(file, &mut |bytes| {
        problem = reader.feed(bytes, &mut sink).err();
        problem.is_none()
    })?;
    let sheet = match problem {
        Some(problem) => Err(problem),
        None => reader.finish(&mut sink),
    };
    stopped.map_or(Ok(sheet), Err)
}

/// Picks lines out of a file; as bytes, not text, where its encoding can't be told.
pub fn lines(
    file: &mut File,
    encoding: Option<Encoding>,
    wanted: BTreeSet<u64>,
) -> io::Result<BTreeMap<u64, Vec<u8>>> {
    let mut excerpts = Excerpts::new(encoding, wanted);
    chunks(file, &mut |bytes| excerpts.feed(bytes))?;
    Ok(excerpts.finish())
}
