//! Text to records: `csv-core` over buffers of fixed size, so that no file can make a record without limit.
//!
//! Knows lines, fields and quotes, and leaves out blank lines; not what a heading or a value means.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use crate::dialect::Delimiter;
use crate::limits::{RECORD_BYTES, RECORD_FIELDS, count};
use crate::lines::{LineCount, ends_line};
use crate::problem::FileProblem;
use crate::quotes::Quotes;
use crate::row::Fields;

/// Reads records, blank lines left out.
pub(crate) struct Records {
    csv: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    /// How much of `text` and of `ends` the record has filled so far.
    filled: (usize, usize),
    quotes: Quotes,
    lines: LineCount,
    /// The line on which the record begins, while one is being read.
    begun: Option<u64>,
}

/// A `csv-core` reader that has read something, since a new one would leave out a byte order mark: the file's own is
/// gone by then, and any other is the sender's. To make one takes longer than to read a short file.
fn reader(delimiter: Delimiter) -> Reader {
    let mut csv = ReaderBuilder::new().delimiter(delimiter.byte()).build();
    csv.read_record(b"\n", &mut [0], &mut [0]);
    csv
}

impl Records {
    pub(crate) fn new(delimiter: Delimiter, lines: LineCount) -> Self {
        Self {
            csv: reader(delimiter),
            text: Vec::new(),
            ends: vec![0; RECORD_FIELDS],
            filled: (0, 0),
            quotes: Quotes::new(delimiter.byte()),
            lines,
            begun: None,
        }
    }

    pub(crate) fn lines(&self) -> &LineCount {
        &self.lines
    }

    /// Bytes of memory in use.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<usize>()
    }

    /// The record's quotes.
    pub(crate) fn quotes(&self) -> &Quotes {
        &self.quotes
    }

    /// Reads on in `input` until a record is complete, which it puts into `fields`; returns its line, or nothing if
    /// the input ended first. `any_quote` says whether there may be one in the input.
    pub(crate) fn next(
        &mut self,
        input: &mut &[u8],
        any_quote: bool,
        fields: &mut Fields,
    ) -> Result<Option<u64>, FileProblem> {
        if self.begun.is_none() {
            while let Some((byte, rest)) = input.split_first().filter(|(byte, _)| ends_line(**byte)) {
                self.lines.byte(*byte);
                *input = rest;
            }
        }
        if input.is_empty() {
            return Ok(None);
        }
        let line = if let Some(line) = self.begun {
            line
        } else {
            self.quotes.begin();
            *self.begun.insert(self.lines.line())
        };
        let (bytes, ended) = self.filled;
        // Grown with what comes, or the buffer would be all of the work that a short file makes. One more than
        // allowed, so that a record at its limit still shows where it ends.
        let room = bytes.saturating_add(input.len()).min(RECORD_BYTES) + 1;
        if self.text.len() < room {
            self.text.resize(room, 0);
        }
        let text = self.text.get_mut(bytes..).unwrap_or_default();
        let ends = self.ends.get_mut(ended..).unwrap_or_default();
        let (result, read, written, fields_read) = self.csv.read_record(input, text, ends);
        let (raw, rest) = input.split_at(read);
        *input = rest;
        self.filled = (bytes + written, ended + fields_read);
        self.quotes.feed(raw, any_quote, ended, &mut self.lines)?;
        if self.filled.0 > RECORD_BYTES {
            return Err(FileProblem::RecordTooLong { line, limit: count(RECORD_BYTES) });
        }
        if result == ReadRecordResult::Record {
            return self.complete(fields).map(|()| Some(line));
        }
        if self.filled.1 == RECORD_FIELDS {
            return Err(FileProblem::TooManyFields { line, limit: count(RECORD_FIELDS) });
        }
        Ok(None)
    }

    /// The text ends here: completes the record that is still being read, if any.
    pub(crate) fn finish(&mut self, fields: &mut Fields) -> Result<Option<u64>, FileProblem> {
        if let Some(opened) = self.quotes.open() {
            return Err(opened.never_closed());
        }
        let Some(line) = self.begun else { return Ok(None) };
        let ends = self.ends.get_mut(self.filled.1..).unwrap_or_default();
        let (result, _, _, fields_read) = self.csv.read_record(&[], &mut [], ends);
        if result != ReadRecordResult::Record {
            return Ok(None);
        }
        self.filled.1 += fields_read;
        self.complete(fields).map(|()| Some(line))
    }

    fn complete(&mut self, fields: &mut Fields) -> Result<(), FileProblem> {
        let (bytes, ended) = std::mem::take(&mut self.filled);
        let text = std::str::from_utf8(self.text.get(..bytes).unwrap_or_default());
        // Whole characters came in, and only ASCII was taken out between them; the type doesn't know.
        let text = text.map_err(|_| FileProblem::InvalidUtf8 { line: self.lines.line(), byte: 0 })?;
        fields.fill(text, self.ends.get(..ended).unwrap_or_default());
        self.begun = None;
        Ok(())
    }
}
