//! Every limit on what a file may hold, with its reason. What a customer may set (`max_rows`, `max_file_size`) is
//! configuration and not here.

/// Bytes of UTF-8 that are kept of one record, quotes and delimiters not counted. The longest real row, a self-service
/// one with a hash at its limit, has under 20,000; a lost quote makes a record of the rest of the file.
pub const RECORD_BYTES: usize = 1 << 20;

/// Bytes that are kept of a value that doesn't fit into a record: more than the longest value that is accepted has, so
/// that what is kept of it is refused too when it comes back in a result file.
pub const CUT_BYTES: usize = 128 << 10;

/// Bytes that are read at once of what isn't kept.
pub(crate) const SKIPPED_AT_ONCE: usize = 16 << 10;

/// Fields that are kept of one record: the columns of a spreadsheet, all of which Excel writes, empty, once a cell far to the right
/// was formatted. ERP exports have a few hundred at most.
pub const RECORD_FIELDS: usize = 16_384;

/// Lines over which one quoted value may go before its quote counts as never closed. A hardware hash wrapped at 64
/// characters has 256 lines at its limit, real ones a quarter of that; a lost quote that closes thousands of lines
/// later would hide all the rows between in one cell.
pub const QUOTED_LINES: u64 = 257;

/// Bytes of the first line that are looked at to find the delimiter: room for a thousand headings of 64
/// characters each, and for many more empty ones.
pub const SNIFFED_BYTES: usize = 64 << 10;

/// Lines below an unknown first one in which our headings are looked for: no report has a longer title.
pub(crate) const SEARCHED_LINES: usize = 32;

/// Characters in a manufacturer, model, serial number, order ID or purchase ID.
pub const VALUE_CHARS: usize = 1024;

/// Characters in a hardware hash; real ones have up to 4,096.
pub const HASH_CHARS: usize = 16_384;

/// Headings that a problem quotes. More would bury the message.
pub const QUOTED_HEADINGS: usize = 20;

/// Characters that a problem quotes of one heading.
pub const QUOTED_HEADING_CHARS: usize = 64;

/// Bytes of decoded text held at once, where the file isn't UTF-8.
pub(crate) const DECODED_BYTES: usize = 16 << 10;

/// Bytes of a file's beginning that tell what kind of file it is.
pub(crate) const KIND_BYTES: usize = 512;

/// A count of things in memory as problems and the ledger have it.
pub(crate) fn count(things: usize) -> u64 {
    u64::try_from(things).unwrap_or(u64::MAX)
}
