//! The rows of a result: the sender's cells out of the archived copy, and behind each row its fate.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use devicedrop_core::locale::Locale;
use devicedrop_core::problem::RowProblem;
use devicedrop_core::result_sheet::{Fate, ResultSheet};
use devicedrop_core::row::{Content as RowContent, Row};
use devicedrop_core::sheet::{Head, SheetOptions, SheetReader};
use devicedrop_core::survey::Encoding;

/// Bytes that are gathered before they are written.
const GATHERED: usize = 64 * 1024;

/// What is asked about a row.
pub struct RowFate<'a> {
    /// The line on which it begins.
    pub line: u64,
    /// Its device, or why it is refused: so that what is on record of it can be said in the customer's language.
    pub content: Result<&'a RowContent<'a>, &'a RowProblem>,
}

/// Tells the fate of rows, in the order of their lines.
pub trait Fates {
    /// The fate of the row that begins on this line. Asked for each row once, the lines rising.
    fn fate(&mut self, row: &RowFate<'_>) -> io::Result<Fate>;
}

/// Writes all rows of a copy with their fates.
pub(super) fn write(
    out: &mut dyn Write,
    copy: &mut File,
    encoding: Encoding,
    options: &SheetOptions,
    locale: Locale,
    fates: &mut dyn Fates,
) -> io::Result<()> {
    copy.seek(SeekFrom::Start(0))?;
    let mut reader = SheetReader::new(encoding, options.clone());
    let mut writing =
        Writing { sheet: None, gathered: Vec::with_capacity(2 * GATHERED), out, fates, locale, failed: None };
    let mut buffer = vec![0; 128 * 1024];
    let changed = |_| io::Error::other("the archived copy no longer reads as it did when it was accepted");
    loop {
        let read = copy.read(&mut buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        reader.feed(bytes, &mut |head, row| writing.row(head, &row)).map_err(changed)?;
        if writing.failed.is_some() {
            break;
        }
    }
    if writing.failed.is_none() {
        let sheet = reader.finish(&mut |head, row| writing.row(head, &row)).map_err(changed)?;
        writing.begin(&sheet.head);
    }
    writing.end()
}

struct Writing<'a> {
    sheet: Option<ResultSheet>,
    gathered: Vec<u8>,
    out: &'a mut dyn Write,
    fates: &'a mut dyn Fates,
    locale: Locale,
    failed: Option<io::Error>,
}

impl Writing<'_> {
    /// The headings; once, and also when no row follows.
    fn begin(&mut self, head: &Head) {
        if self.sheet.is_none() {
            let sheet = ResultSheet::new(&head.headings, head.dialect, self.locale);
            sheet.head(&mut self.gathered);
            self.sheet = Some(sheet);
        }
    }

    fn row(&mut self, head: &Head, row: &Row<'_>) {
        if self.failed.is_none() {
            self.failed = self.try_row(head, row).err();
        }
    }

    fn try_row(&mut self, head: &Head, row: &Row<'_>) -> io::Result<()> {
        self.begin(head);
        let fate = self.fates.fate(&RowFate { line: row.line, content: row.content.as_ref() })?;
        if let Some(sheet) = &self.sheet {
            sheet.row(row.echo(head), &fate, &mut self.gathered);
        }
        if self.gathered.len() >= GATHERED {
            self.out.write_all(&self.gathered)?;
            self.gathered.clear();
        }
        Ok(())
    }

    fn end(self) -> io::Result<()> {
        match self.failed {
            Some(error) => Err(error),
            None => self.out.write_all(&self.gathered),
        }
    }
}
