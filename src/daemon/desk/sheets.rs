//! How a customer's sheets are read: a new one by the settings of today, one that was accepted as it was then.
//!
//! A result repeats what was read at the acceptance, so the mapping of headings that was in force then is kept in the
//! ledger's notes, beside the record.

use std::collections::BTreeMap;

use devicedrop_core::device::{Column, Sha256};
use devicedrop_core::sheet::SheetOptions;

use crate::config::{CustomerSettings, EmptyFiles};
use crate::daemon::shared::{AskError, Shared};
use crate::ledger::Pending;
use crate::ledger::rows::Submission;

/// The topic of the notes that keep a mapping.
const COLUMNS: &str = "columns";

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
    Ok(SheetOptions {
        formats: submission.format.into_iter().collect(),
        columns: noted.as_deref().map(mapping_of).unwrap_or_default(),
        max_rows: u64::MAX,
        empty_files: true,
    })
}

/// Keeps the mapping by which this content is about to be accepted at this path. To be called before the acceptance is
/// given to the writer, so that the note is on the disk no later.
pub(super) fn keep_mapping(
    shared: &Shared,
    settings: &CustomerSettings,
    sha256: &Sha256,
    file: &str,
) -> Result<Option<Pending<()>>, AskError> {
    let key = key(sha256, file);
    let value = (!settings.columns.is_empty()).then(|| text_of(&settings.columns));
    // One may be left of an acceptance that was cut off before its first entry.
    if value.is_none() && shared.readers.ask(|reader| reader.note(Some(&settings.key), COLUMNS, &key))?.is_none() {
        return Ok(None);
    }
    Ok(Some(shared.writer.note(Some(settings.key.clone()), COLUMNS.to_owned(), key, value)))
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
