//! How a customer's sheets are read: a new one by the settings of today, one that was accepted as it was then.
//!
//! A result repeats what was read at the acceptance, so the mapping of headings that was in force then is kept in the
//! ledger's notes, beside the record; each time that it changes, it is put on record, too.

use std::collections::BTreeMap;

use devicedrop_core::device::{Column, Format, Sha256};
use devicedrop_core::sheet::SheetOptions;

use crate::config::{CustomerSettings, EmptyFiles};
use crate::daemon::shared::{AskError, Shared};
use crate::ledger::Pending;
use crate::ledger::command::NewAction;
use crate::ledger::rows::Submission;

/// The topic of the notes that keep a mapping.
const COLUMNS: &str = "columns";

/// The topic of the note that keeps the mapping which is on record last.
const ON_RECORD: &str = "columns_on_record";

/// What the configuration says of a customer's sheets today.
pub(in crate::daemon) fn sheet_options(shared: &Shared, settings: &CustomerSettings) -> SheetOptions {
    SheetOptions {
        formats: settings.formats.clone(),
        columns: settings.columns.clone(),
        max_rows: shared.config().drop.max_rows,
        empty_files: settings.empty_files == EmptyFiles::Accept,
    }
}

/// What an accepted submission was read by; the limits of its time don't matter any more.
pub(in crate::daemon) fn as_accepted(shared: &Shared, submission: &Submission) -> Result<SheetOptions, AskError> {
    let noted = match &submission.sha256 {
        None => None,
        Some(sha256) => {
            let key = key(sha256, &submission.file);
            shared.readers.ask(|reader| reader.note(Some(&submission.customer), COLUMNS, &key))?
        }
    };
    Ok(options_on_record(submission.format, noted.as_deref()))
}

/// What an accepted file was read by: its format, and its customer's own headings as they were kept.
pub(crate) fn options_on_record(format: Option<Format>, columns: Option<&str>) -> SheetOptions {
    SheetOptions {
        formats: format.into_iter().collect(),
        columns: columns.map(mapping_of).unwrap_or_default(),
        max_rows: u64::MAX,
        empty_files: true,
    }
}

/// Keeps the mapping by which this content is about to be accepted at this path. To be called before the acceptance is
/// given to the writer, so that the note is on the disk no later.
pub(super) fn keep_mapping(
    shared: &Shared,
    settings: &CustomerSettings,
    sha256: &Sha256,
    file: &str,
) -> Result<Vec<Pending<()>>, AskError> {
    let mut pending = record_mapping(shared, settings)?;
    let key = key(sha256, file);
    let value = (!settings.columns.is_empty()).then(|| text_of(&settings.columns));
    // One may be left of an acceptance that was cut off before its first entry.
    if value.is_none() && shared.readers.ask(|reader| reader.note(Some(&settings.key), COLUMNS, &key))?.is_none() {
        return Ok(pending);
    }
    pending.push(shared.writer.note(Some(settings.key.clone()), COLUMNS.to_owned(), key, value));
    Ok(pending)
}

/// Puts on record by which headings a customer's files are read from here on, unless the record says so already.
fn record_mapping(shared: &Shared, settings: &CustomerSettings) -> Result<Vec<Pending<()>>, AskError> {
    let text = text_of(&settings.columns);
    let before = shared.readers.ask(|reader| reader.note(Some(&settings.key), ON_RECORD, ""))?;
    if before.as_deref().unwrap_or("{}") == text {
        return Ok(Vec::new());
    }
    let action = NewAction {
        at: shared.clock.now(),
        actor: "devicedrop".to_owned(),
        action: "use_columns".to_owned(),
        subject: Some(format!("customer {}", settings.key)),
        reason: Some(text.clone()),
    };
    let note = shared.writer.note(Some(settings.key.clone()), ON_RECORD.to_owned(), String::new(), Some(text));
    Ok(vec![shared.writer.act(action), note])
}

fn key(sha256: &Sha256, file: &str) -> String {
    format!("{sha256} {file}")
}

fn text_of(mapping: &BTreeMap<Column, String>) -> String {
    let named = mapping.iter().map(|(column, heading)| (column.heading().to_owned(), heading.clone().into()));
    serde_json::Value::Object(named.collect()).to_string()
}

fn mapping_of(text: &str) -> BTreeMap<Column, String> {
    let named: BTreeMap<String, String> = serde_json::from_str(text).unwrap_or_default();
    named.into_iter().filter_map(|(ours, theirs)| Some((Column::from_heading(&ours)?, theirs))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_read_as_it_was_kept() {
        let mapping =
            BTreeMap::from([(Column::Model, "Modell \"neu\"".to_owned()), (Column::OrderId, "Größe".to_owned())]);
        assert_eq!(mapping_of(&text_of(&mapping)), mapping);
        assert_eq!(mapping_of("{}"), BTreeMap::new());
    }
}
