//! Which registration holds a device: asked before an answer goes on record, and when a device is given up.

use devicedrop_core::device::Device;
use devicedrop_core::ids::{CustomerKey, RegistrationId};
use devicedrop_core::state::State;
use devicedrop_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::rows::Holder;

/// The registration that holds a device for a customer: the newest that made it ready, and wasn't given up.
pub(super) fn of(db: &Connection, customer: &CustomerKey, device: &Device) -> rusqlite::Result<Option<Holder>> {
    db.prepare_cached(
        "SELECT r.id, s.file, r.line, p.state,
           coalesce(
             (SELECT o.at FROM attempt a JOIN outcome o ON o.attempt = a.id
              WHERE a.registration = r.id AND o.outcome IN (1, 2) ORDER BY o.id DESC LIMIT 1),
             (SELECT t.at FROM transition t WHERE t.registration = r.id AND t.to_state = 3 ORDER BY t.id DESC LIMIT 1),
             s.at)
         FROM registration r
         JOIN present p ON p.registration = r.id
         JOIN submission s ON s.id = r.submission
         JOIN customer c ON c.number = p.customer
         JOIN manufacturer m ON m.number = r.manufacturer
         JOIN model n ON n.number = r.model
         LEFT JOIN outcome o ON o.id = p.entry
         WHERE r.serial_number = ?1 AND m.text = ?2 AND n.text = ?3 AND c.text = ?4
           AND p.state IN (3, 4, 5) AND p.released IS NULL AND o.holder IS NULL
         ORDER BY r.id DESC LIMIT 1",
    )?
    .query_row(
        params![device.serial_number, device.manufacturer, device.model, customer.as_str()],
        |row| read(row, 0),
    )
    .optional()
    .map(Option::flatten)
}

/// A holder out of five columns: number, file, line, state, time. None where there is none.
pub(super) fn read(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Holder>> {
    let id: Option<i64> = row.get(column)?;
    let Some(registration) = id.and_then(RegistrationId::new) else { return Ok(None) };
    let line: i64 = row.get(column + 2)?;
    let state: Option<i64> = row.get(column + 3)?;
    Ok(Some(Holder {
        registration,
        file: row.get(column + 1)?,
        line: u64::try_from(line).unwrap_or(0),
        state: state.and_then(State::from_number).unwrap_or(State::Pending),
        at: Timestamp::from_unix_ms(row.get(column + 4)?),
    }))
}
