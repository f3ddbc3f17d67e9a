//! What a file is checked against, and the reading of it: the daemon's own way, by the core's survey and sheet.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use devicedrop_core::locale::Locale;
use devicedrop_core::problem::FileProblem;
use devicedrop_core::row::Row;
use devicedrop_core::sheet::{Head, Sheet, SheetOptions};
use devicedrop_core::survey::Encoding;

use crate::config::{CustomerSettings, DropSettings, EmptyFiles};
use crate::reading;

/// What a file is checked against.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) options: SheetOptions,
    pub(super) max_bytes: u64,
    /// In whose words a sender would be told.
    pub(super) locale: Locale,
}

impl Default for Settings {
    fn default() -> Self {
        let options = SheetOptions {
            formats: Vec::new(),
            columns: std::collections::BTreeMap::new(),
            max_rows: u64::MAX,
            empty_files: false,
        };
        Self { options, max_bytes: u64::MAX, locale: Locale::En }
    }
}

impl Settings {
    /// Those of a customer, or of one without settings of its own.
    pub(super) fn of(customer: Option<&CustomerSettings>, limits: &DropSettings) -> Self {
        let mut settings = Self { max_bytes: limits.max_file_size, ..Self::default() };
        settings.options.max_rows = limits.max_rows;
        if let Some(customer) = customer {
            settings.options.formats.clone_from(&customer.formats);
            settings.options.columns.clone_from(&customer.columns);
            settings.options.empty_files = customer.empty_files == EmptyFiles::Accept;
            settings.locale = customer.locale;
        }
        settings
    }
}

/// A file that was read.
pub(super) struct Read {
    /// Kept open, so that the lines shown are those of the file that was judged.
    pub(super) file: File,
    /// How its bytes are to be read; none where that can't be told.
    pub(super) encoding: Option<Encoding>,
    /// What it came to. Why a file would be rejected can show at its very end.
    pub(super) sheet: Result<Sheet, FileProblem>,
}

/// Reads a file row by row.
pub(super) fn read(path: &Path, settings: &Settings, on_row: &mut dyn FnMut(&Head, &Row<'_>)) -> io::Result<Read> {
    let mut file = fs::File::open(path)?;
    let (bytes, limit) = (file.metadata()?.len(), settings.max_bytes);
    if bytes > limit {
        return Ok(Read { file, encoding: None, sheet: Err(FileProblem::TooLarge { bytes, limit }) });
    }
    let encoding = match reading::survey(&mut file)? {
        Ok(encoding) => encoding,
        Err(problem) => return Ok(Read { file, encoding: None, sheet: Err(problem) }),
    };
    let sheet = reading::read_sheet(&mut file, encoding, &settings.options, &mut |head, row| {
        on_row(head, &row);
        Ok(())
    })?;
    Ok(Read { file, encoding: Some(encoding), sheet })
}
