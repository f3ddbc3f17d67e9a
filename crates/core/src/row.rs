//! One data row: its cells as read, and what they say about a device if all is well with them.

use crate::device::{Column, Device};
use crate::dialect::Delimiter;
use crate::headings::{Layout, Place};
use crate::limits::{RECORD_BYTES, VALUE_CHARS, count};
use crate::locale::Locale;
use crate::message::names_device;
use crate::problem::{ColumnName, RowProblem};
use crate::sheet::Head;
use crate::state::{ErrorCode, State};

/// The cells of one record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    /// All cells, one behind the other.
    text: String,
    ends: Vec<usize>,
    over: Over,
}

/// What a record had that isn't kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Over {
    /// The values of which only the beginning is kept, by their index, and how many characters more they have.
    pub(crate) cut: Vec<(usize, u64)>,
    /// Whether values are missing, though each would have fitted.
    pub(crate) dropped: bool,
    /// Fields behind the last one kept.
    pub(crate) fields: usize,
    /// The same up to the last that isn't empty.
    pub(crate) named: usize,
}

impl Fields {
    pub(crate) fn fill(&mut self, text: &str, ends: &[usize], over: Over) {
        self.over = over;
        self.text.clear();
        self.text.push_str(text);
        self.ends.clear();
        self.ends.extend_from_slice(ends);
    }

    /// Bytes of memory in use.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<usize>()
    }

    /// What isn't kept of the record.
    pub(crate) fn over(&self) -> &Over {
        &self.over
    }

    /// The characters of a cell that aren't kept.
    fn cut_from(&self, index: usize) -> u64 {
        self.over.cut.iter().find(|(cut, _)| *cut == index).map_or(0, |(_, more)| *more)
    }

    /// The cell with this index, from 0; only its beginning if it is longer than any record.
    pub fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        self.text.get(self.end_of(index)..end)
    }

    /// How many cells there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All cells.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map_while(|index| self.get(index))
    }

    /// Where in the text the first `cells` cells end.
    fn end_of(&self, cells: usize) -> usize {
        cells
            .checked_sub(1)
            .and_then(|last| self.ends.get(last.min(self.len().saturating_sub(1))))
            .copied()
            .unwrap_or(0)
    }

    /// Whether the cells from `index` on are all empty.
    pub(crate) fn empty_from(&self, index: usize) -> bool {
        self.end_of(index) == self.text.len() && self.over.named == 0
    }

    /// Whether the first `cells` cells are all empty.
    fn empty_before(&self, cells: usize) -> bool {
        self.end_of(cells) == 0
    }

    /// Whether this is a blank line to a person's eye: no cell but blanks.
    pub(crate) fn is_blank_line(&self) -> bool {
        (self.text.is_empty() && self.over.named == 0) || (self.len() == 1 && self.text.trim().is_empty())
    }

    /// Whether no cell holds anything but blanks: headings are none of these, so above them it is as good as blank.
    pub(crate) fn holds_blanks_only(&self) -> bool {
        let whole = self.over.named == 0 && !self.over.dropped && self.over.cut.is_empty();
        whole && self.text.trim().is_empty()
    }

    fn may_hold_control(&self) -> bool {
        // U+0080 to 009F begin with C2 in UTF-8. Written to be vectorized.
        let suspect = |byte: &u8| u8::from(*byte < 0x20) | u8::from(*byte == 0x7F) | u8::from(*byte == 0xC2);
        self.text.as_bytes().iter().fold(0, |found, byte| found | suspect(byte)) != 0
    }
}

/// One data row of a sheet.
#[derive(Debug)]
pub struct Row<'a> {
    /// The line of the file on which it begins, the first line being 1.
    pub line: u64,
    /// Its cells as read, those that are ignored included.
    pub fields: &'a Fields,
    /// What it says, or why it is refused.
    pub content: Result<Content<'a>, RowProblem>,
    /// The first column that isn't quoted and has a quote in it (`15" Book`): fine, and yet seldom meant.
    pub bare_quote: Option<Column>,
    layout: &'a Layout,
}

/// What a row says. Values are byte for byte as in the file (as UTF-8), and within their limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content<'a> {
    /// The manufacturer.
    pub manufacturer: &'a str,
    /// The model.
    pub model: &'a str,
    /// The serial number.
    pub serial_number: &'a str,
    /// The hardware hash, where the format has one.
    pub hardware_hash: Option<&'a str>,
    /// The row's own order ID, where there is a column for it and the cell isn't empty.
    pub order_id: Option<&'a str>,
    /// The row's own purchase ID, likewise.
    pub purchase_id: Option<&'a str>,
}

impl Content<'_> {
    /// The device that it names.
    pub fn device(&self) -> Device {
        Device {
            manufacturer: self.manufacturer.to_owned(),
            model: self.model.to_owned(),
            serial_number: self.serial_number.to_owned(),
        }
    }
}

impl<'a> Row<'a> {
    /// Columns whose heading is nearly one that means something: where they stand, what they would be, and the heading
    /// that they would need.
    pub(crate) fn nearly(&self) -> impl Iterator<Item = (usize, Column, &'a str)> + use<'a> {
        self.layout.nearly.iter().map(|place| (place.index, place.column, place.heading.as_str()))
    }
}

impl Row<'_> {
    /// The device of a row of a result file that was refused for its form and is still what its echo made of it. What a
    /// result adds means nothing for what the row says; but nobody seems to have looked at it.
    pub(crate) fn uncorrected(&self) -> Option<Device> {
        let own = self.layout.own;
        let (error, details) = (self.fields.get(own + 1)?, self.fields.get(own + 2)?);
        let refused = || Locale::ALL.into_iter().any(|locale| locale.error(ErrorCode::RowNotValid) == error);
        if self.layout.named == own || error.is_empty() || !refused() {
            return None;
        }
        let device = self.content.as_ref().ok()?.device();
        names_device(details, &device).then_some(device)
    }
}

impl<'a> Row<'a> {
    /// Judges the cells of one record; nothing comes of one that only looks like a row: a blank line, or one without
    /// anything in the columns that count.
    pub(crate) fn judge(
        line: u64,
        fields: &'a Fields,
        layout: &'a Layout,
        strays: &[usize],
        delimiter: Delimiter,
    ) -> Option<Self> {
        let nothing = fields.empty_before(layout.own) && fields.empty_from(layout.named);
        if nothing || fields.is_blank_line() {
            return None;
        }
        let content = content(fields, layout, strays, delimiter);
        Some(Self { line, fields, content, bare_quote: None, layout })
    }

    /// Takes note of the field that isn't quoted and has a quote in it, from 0.
    pub(crate) fn note_bare_quote(&mut self, field: Option<usize>) {
        let place = field.and_then(|field| self.layout.places.iter().find(|place| place.index == field));
        self.bare_quote = place.map(|place| place.column);
    }

    /// The row's cells as a result file repeats them: exactly one for each of `head.headings`.
    pub fn echo(&self, head: &Head) -> impl Iterator<Item = &'a str> + use<'a> {
        let fields = self.fields;
        (0..head.headings.len()).map(|index| fields.get(index).unwrap_or_default())
    }

    /// What stands in a column, also in a row that is refused: nothing if there is no such column, the row is too
    /// short, the cell is empty, or the value is over its limit. It may hold control characters.
    pub fn value(&self, column: Column) -> Option<&'a str> {
        let place = self.layout.places.iter().find(|place| place.column == column)?;
        let value = self.fields.get(place.index)?;
        (!value.is_empty() && length_over(value, place.limit).is_none()).then_some(value)
    }

    /// Where in the row a column stands, from 0: nothing if the file has no such column.
    pub fn index(&self, column: Column) -> Option<usize> {
        self.layout.places.iter().find(|place| place.column == column).map(|place| place.index)
    }

    /// Whether it has fewer cells than headings, as a row that was cut off has.
    pub(crate) fn is_short(&self) -> bool {
        matches!(self.content, Err(RowProblem::FieldCount { expected, found, .. }) if found < expected)
    }
}

fn content<'a>(
    fields: &'a Fields,
    layout: &Layout,
    strays: &[usize],
    delimiter: Delimiter,
) -> Result<Content<'a>, RowProblem> {
    if fields.over.dropped {
        check_lengths(fields, layout)?;
        return Err(RowProblem::RowTooLong { limit: count(RECORD_BYTES) });
    }
    let fits = check_field_count(fields, layout);
    if fits.is_err() && !fields.text.is_empty() && fields.text.chars().all(|character| character == '\u{1a}') {
        return Err(RowProblem::EndMark);
    }
    if fits.is_err() && is_one_cell(fields, layout, delimiter) {
        return Err(RowProblem::OneCell);
    }
    if fits.is_err()
        && let Some(row) = other_delimiter(fields, layout, delimiter)
    {
        return Err(RowProblem::OtherDelimiter { headings: delimiter, row, echoed: echoed(fields, layout) });
    }
    // Quotes come before the count: lost ones are also what makes rows too long or too short. In any column: where one
    // was lost, values of several rows may stand in one.
    if let Some(index) = strays.iter().copied().filter(|index| *index < layout.named).min() {
        return Err(RowProblem::Quotes { column: layout.name(index), echoed: echoed(fields, layout) });
    }
    fits?;
    let content = values(fields, layout)?;
    check_beside(fields, layout)?;
    Ok(content)
}

/// Which value is too long, of a row that is too long itself.
fn check_lengths(fields: &Fields, layout: &Layout) -> Result<(), RowProblem> {
    for index in 0..layout.own {
        let limit = layout.places.iter().find(|place| place.index == index).map_or(VALUE_CHARS, |place| place.limit);
        let cell = (fields.get(index).unwrap_or_default(), fields.cut_from(index));
        check_form(cell, limit, false, char::is_control, || layout.name(index))?;
    }
    Ok(())
}

/// The columns that mean nothing to us keep the limits of those that do, since a result file repeats them. Those that a
/// result file added are repeated by nobody, but a line break in one hides the rows behind it: we never write one.
fn check_beside(fields: &Fields, layout: &Layout) -> Result<(), RowProblem> {
    let may_hold_control = fields.may_hold_control();
    if layout.places.len() == layout.named || (!may_hold_control && fields.text.len() <= VALUE_CHARS) {
        return Ok(());
    }
    let beside = |index: &usize| layout.places.iter().all(|place| place.index != *index);
    for index in (0..layout.named).filter(beside) {
        let value = (fields.get(index).unwrap_or_default(), fields.cut_from(index));
        let name = || layout.name(index);
        if index < layout.own {
            check_form(value, VALUE_CHARS, may_hold_control, char::is_control, name)?;
        } else {
            check_form(value, usize::MAX, may_hold_control, |character| matches!(character, '\r' | '\n'), name)?;
        }
    }
    Ok(())
}

/// Whether a value is too long or holds a character that it can't hold. `more` are the characters of it that aren't
/// kept.
fn check_form(
    (value, more): (&str, u64),
    limit: usize,
    may_hold_control: bool,
    is_wrong: fn(char) -> bool,
    name: impl Fn() -> ColumnName,
) -> Result<(), RowProblem> {
    if let Some(found) = length_over(value, limit) {
        return Err(RowProblem::TooLong { column: name(), found: found + more, limit: count(limit) });
    }
    if may_hold_control && let Some((index, character)) = value.chars().enumerate().find(|(_, one)| is_wrong(*one)) {
        return Err(RowProblem::ControlCharacter { column: name(), character, position: count(index + 1) });
    }
    Ok(())
}

fn values<'a>(fields: &'a Fields, layout: &Layout) -> Result<Content<'a>, RowProblem> {
    let may_hold_control = fields.may_hold_control();
    let mut content = Content {
        manufacturer: "",
        model: "",
        serial_number: "",
        hardware_hash: None,
        order_id: None,
        purchase_id: None,
    };
    for place in &layout.places {
        let value = fields.get(place.index).unwrap_or_default();
        check((value, fields.cut_from(place.index)), place, may_hold_control)?;
        let unless_empty = (!value.is_empty()).then_some(value);
        match place.column {
            Column::Manufacturer => content.manufacturer = value,
            Column::Model => content.model = value,
            Column::SerialNumber => content.serial_number = value,
            Column::HardwareHash => content.hardware_hash = unless_empty,
            Column::OrderId => content.order_id = unless_empty,
            Column::PurchaseId => content.purchase_id = unless_empty,
        }
    }
    Ok(content)
}

/// The four columns of a result file may be missing in a row, since people add rows to result files; and empty cells
/// behind the last heading don't count.
fn check_field_count(fields: &Fields, layout: &Layout) -> Result<(), RowProblem> {
    if fields.len() >= layout.own
        && (fields.len() <= layout.named || fields.empty_from(layout.named))
        && fields.over.named == 0
        && (fields.len() == layout.named || has_state(fields, layout))
    {
        return Ok(());
    }
    let mut found = fields.len();
    while has_state(fields, layout) && found > layout.named && fields.empty_from(found - 1) {
        found -= 1;
    }
    let (expected, found) = (count(layout.named), count(found.saturating_add(fields.over.named)));
    Err(RowProblem::FieldCount { expected, found, echoed: echoed(fields, layout) })
}

/// Whether a row is one field that, read as a row itself, has the right number of them.
fn is_one_cell(fields: &Fields, layout: &Layout, delimiter: Delimiter) -> bool {
    if fields.is_empty() || !fields.empty_from(1) {
        return false;
    }
    let mut quoted = false;
    let between = |byte: &u8| {
        // A doubled quote closes and opens again at once.
        quoted ^= *byte == b'"';
        !quoted && *byte == delimiter.byte()
    };
    let cells = fields.text.bytes().filter(between).count() + 1;
    [layout.own, layout.named].contains(&cells)
}

/// The delimiter that would make the right number of fields of the row.
fn other_delimiter(fields: &Fields, layout: &Layout, delimiter: Delimiter) -> Option<Delimiter> {
    let others = Delimiter::ALL.into_iter().filter(|other| *other != delimiter);
    let cells = |other: &Delimiter| fields.text.bytes().filter(|byte| *byte == other.byte()).count() + 1;
    others.into_iter().find(|other| [layout.own, layout.named].contains(&cells(other)))
}

/// The device that a row names once it is padded or cut to the headings and its quotes are gone, as a result file
/// echoes it: nobody meant that one.
fn echoed(fields: &Fields, layout: &Layout) -> Option<Box<Device>> {
    values(fields, layout).ok().map(|content| Box::new(content.device()))
}

/// Whether a row of another length than the headings still has its State where that belongs. Programs leave empty
/// cells at the end away, so a row of a corrected result may be shorter; but in one that a delimiter tore, what stands
/// there was a value.
fn has_state(fields: &Fields, layout: &Layout) -> bool {
    let Some(cell) = fields.get(layout.own).filter(|cell| !cell.is_empty()) else { return true };
    let known = |locale: Locale| State::ALL.iter().any(|state| locale.state(*state) == cell);
    layout.named == layout.own || [Locale::En, Locale::Nl, Locale::Code].into_iter().any(known)
}

fn check((value, more): (&str, u64), place: &Place, may_hold_control: bool) -> Result<(), RowProblem> {
    // A value of blanks alone is none: no device reports one, and a person can't tell it from an empty cell.
    let blank = |character: char| character.is_whitespace() && !character.is_control();
    if (place.required || !value.is_empty()) && value.chars().all(blank) {
        return Err(RowProblem::EmptyValue { column: place.name() });
    }
    check_form((value, more), place.limit, may_hold_control, char::is_control, || place.name())?;
    if place.column == Column::SerialNumber && is_scientific(value) {
        return Err(RowProblem::Scientific { column: place.name(), found: value.to_owned() });
    }
    Ok(())
}

/// The value's length in characters if that is over the limit.
fn length_over(value: &str, limit: usize) -> Option<u64> {
    // Most values are so short in bytes that nothing must be counted.
    if value.len() <= limit {
        return None;
    }
    let found = value.chars().count();
    (found > limit).then(|| count(found))
}

/// Whether Excel or LibreOffice wrote a long number like this: one digit, perhaps more behind a decimal mark, and an
/// exponent with its sign and two or three digits. `1E5` is none: they write it `1.00E+05`, and there are serial
/// numbers like it.
fn is_scientific(value: &str) -> bool {
    // Blanks around it don't make it a serial number again.
    let value = value.trim();
    // Asked of every serial number, so the cheap question comes first.
    if !value.bytes().rev().take(4).any(|byte| byte == b'+') {
        return false;
    }
    let Some((mantissa, exponent)) = value.split_once(['E', 'e']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_fits = exponent.strip_prefix('+').is_some_and(|rest| digits(rest) && matches!(rest.len(), 2 | 3));
    let (whole, fraction) = mantissa.split_once(['.', ',']).map_or((mantissa, None), |(a, b)| (a, Some(b)));
    exponent_fits && whole.len() == 1 && digits(whole) && fraction.is_none_or(digits)
}

impl Place {
    fn name(&self) -> ColumnName {
        ColumnName { column: Some(self.column), heading: self.heading.clone(), index: self.index }
    }
}

impl Layout {
    /// The column with this index, from 0.
    fn name(&self, index: usize) -> ColumnName {
        self.places.iter().find(|place| place.index == index).map_or_else(
            || ColumnName { column: None, heading: self.headings.get(index).cloned().unwrap_or_default(), index },
            Place::name,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::is_scientific;

    #[test]
    fn what_a_spreadsheet_leaves_of_a_serial_number_is_told_from_a_genuine_one() {
        for damaged in ["1.23E+11", "1,23E+11", "1E+11", "4.567e+012", "1.23457E+11", "9,0E+300", " 1E+11\u{a0}"] {
            assert!(is_scientific(damaged), "{damaged}");
        }
        for genuine in [
            "1E5",
            "1.23E11",
            "5E+1",
            "12E+11",
            "1.E+11",
            ".5E+11",
            "E+11",
            "1E+",
            "1E+1234",
            "1E-11",
            "1E+1A",
            "-1.2E+11",
            "000123",
            "1.2.3E+11",
            "",
        ] {
            assert!(!is_scientific(genuine), "{genuine}");
        }
    }
}
