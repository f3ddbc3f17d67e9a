//! Text to records: `csv-core` over buffers of fixed size, so that no file can make a record without limit.
//!
//! Knows lines, fields and quotes, and leaves out blank lines; not what a heading or a value means. Of a record that is
//! over the limits, what fits is kept and the rest is counted.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use crate::dialect::Delimiter;
use crate::limits::{CUT_BYTES, RECORD_BYTES, RECORD_FIELDS, SKIPPED_AT_ONCE, count};
use crate::lines::{LineCount, ends_line};
use crate::problem::FileProblem;
use crate::quotes::{Quotes, characters};
use crate::row::{Fields, Over};

/// Reads records, blank lines left out.
pub(crate) struct Records {
    csv: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    /// How much of `text` and of `ends` the record has filled so far.
    filled: (usize, usize),
    skipping: Skipping,
    quotes: Quotes,
    lines: LineCount,
    /// The line on which the record begins, while one is being read.
    begun: Option<u64>,
}

/// What of a record is read and not kept.
#[derive(Default)]
struct Skipping {
    what: Option<Skip>,
    over: Over,
    /// Bytes of the record that weren't kept.
    bytes: usize,
    /// Where the field before ended, those bytes included.
    field: usize,
    /// Takes what isn't kept. Made when it is needed first.
    text: Vec<u8>,
    ends: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Skip {
    /// The rest of this value.
    Value,
    /// All values from here on.
    Values,
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
            skipping: Skipping::default(),
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
        let Skipping { text, ends, .. } = &self.skipping;
        self.text.capacity() + text.capacity() + (self.ends.capacity() + ends.capacity()) * size_of::<usize>()
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
        while !input.is_empty() {
            let line = if let Some(line) = self.begun {
                line
            } else {
                self.quotes.begin();
                *self.begun.insert(self.lines.line())
            };
            let ended = self.ended();
            let (result, read) = if self.skipping.what.is_none() { self.keep(input) } else { self.skip(input) };
            let (raw, rest) = input.split_at(read);
            *input = rest;
            self.quotes.feed(raw, any_quote, ended, &mut self.lines)?;
            if result == ReadRecordResult::Record {
                return self.complete(fields).map(|()| Some(line));
            }
        }
        Ok(None)
    }

    /// The text ends here: completes the record that is still being read, if any.
    pub(crate) fn finish(&mut self, fields: &mut Fields) -> Result<Option<u64>, FileProblem> {
        if let Some(opened) = self.quotes.open() {
            return Err(opened.never_closed());
        }
        let Some(line) = self.begun else { return Ok(None) };
        let (result, _) = if self.skipping.what.is_none() { self.keep(&[]) } else { self.skip(&[]) };
        if result != ReadRecordResult::Record {
            return Ok(None);
        }
        self.complete(fields).map(|()| Some(line))
    }

    /// The fields of the record that ended, kept or not.
    fn ended(&self) -> usize {
        self.filled.1.saturating_add(self.skipping.over.fields)
    }

    /// Reads on and keeps what is read. Says how much that is.
    fn keep(&mut self, input: &[u8]) -> (ReadRecordResult, usize) {
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
        if self.skipping.bytes > 0 {
            ends.iter_mut().take(fields_read).for_each(|end| *end -= self.skipping.bytes);
        }
        self.filled = (bytes + written, ended + fields_read);
        if result != ReadRecordResult::Record {
            if self.filled.0 > RECORD_BYTES {
                self.cut();
            } else if self.filled.1 == RECORD_FIELDS {
                self.skipping.what = Some(Skip::Values);
                self.skipping.field = self.filled.0 + self.skipping.bytes;
            }
        }
        (result, read)
    }

    /// No more text fits. If that is due to this value, the beginning of it is kept and what comes behind it; else
    /// nothing more is.
    fn cut(&mut self) {
        let (bytes, ended) = self.filled;
        let start = ended.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0);
        let skipping = &mut self.skipping;
        let mut kept = start;
        if bytes - start > CUT_BYTES {
            kept += CUT_BYTES;
            while self.text.get(kept).is_some_and(|byte| byte & 0xC0 == 0x80) {
                kept -= 1;
            }
            let more = characters(self.text.get(kept..bytes).unwrap_or_default());
            skipping.over.cut.push((ended, count(more)));
            skipping.what = Some(Skip::Value);
        } else {
            skipping.over.dropped = true;
            skipping.what = Some(Skip::Values);
            skipping.field = start + skipping.bytes;
        }
        skipping.bytes += bytes - kept;
        self.filled.0 = kept;
    }

    /// Reads on and keeps nothing but where fields end. Says how much was read.
    fn skip(&mut self, input: &[u8]) -> (ReadRecordResult, usize) {
        let Skipping { what, over, bytes, field, text, ends } = &mut self.skipping;
        if text.is_empty() {
            *text = vec![0; SKIPPED_AT_ONCE];
            *ends = vec![0; SKIPPED_AT_ONCE / 8];
        }
        // What comes behind this value is kept again.
        let most = if *what == Some(Skip::Value) { 1 } else { ends.len() };
        let room = ends.get_mut(..most).unwrap_or_default();
        let (result, read, written, fields_read) = self.csv.read_record(input, text, room);
        *bytes += written;
        if *what == Some(Skip::Value)
            && let Some((_, more)) = over.cut.last_mut()
        {
            *more += count(characters(text.get(..written).unwrap_or_default()));
            *what = if fields_read > 0 { None } else { *what };
        }
        for end in room.iter().take(fields_read) {
            if let Some(kept) = self.ends.get_mut(self.filled.1) {
                *kept = self.filled.0;
                self.filled.1 += 1;
            } else {
                over.fields += 1;
                if *end > *field {
                    over.named = over.fields;
                }
            }
            *field = *end;
        }
        if what.is_none() && self.filled.1 == RECORD_FIELDS {
            *what = Some(Skip::Values);
        }
        (result, read)
    }

    fn complete(&mut self, fields: &mut Fields) -> Result<(), FileProblem> {
        let (bytes, ended) = std::mem::take(&mut self.filled);
        let text = std::str::from_utf8(self.text.get(..bytes).unwrap_or_default());
        // Whole characters came in, and only ASCII was taken out between them; the type doesn't know.
        let text = text.map_err(|_| FileProblem::InvalidUtf8 { line: self.lines.line(), byte: 0 })?;
        let over = std::mem::take(&mut self.skipping.over);
        (self.skipping.what, self.skipping.bytes) = (None, 0);
        fields.fill(text, self.ends.get(..ended).unwrap_or_default(), over);
        self.begun = None;
        Ok(())
    }
}
