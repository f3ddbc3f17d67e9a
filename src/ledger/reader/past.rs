//! Devices as they were known at a time, out of the record alone: what came onto it later isn't looked at.

use devicedrop_core::ids::{CustomerKey, RegistrationId};
use devicedrop_core::state::State;
use devicedrop_core::time::Timestamp;
use rusqlite::types::Value;

use super::lookup::cell;
use super::{Reader, all, limited, one};
use crate::ledger::error::ReadError;
use crate::ledger::views::{View, ViewRow};

/// Registrations that are looked at in one reading transaction: some tens of milliseconds.
const STRIDE: i64 = 10_000;

/// Which devices, as they were known when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Then<'a> {
    /// The time; what happened at it counts.
    pub at: Timestamp,
    /// Only of this customer.
    pub customer: Option<&'a CustomerKey>,
    /// Only those that were in this state then.
    pub state: Option<State>,
    /// Only those that had been so from this time on.
    pub since: Option<Timestamp>,
}

/// Of each registration the last word on its state: `e` an outcome, `t` a transition; the one that is later on record
/// counts. Numbers of entries tell what was later, their times what was known.
const DEVICES_THEN: &str = "
    WITH looked_at AS MATERIALIZED (
      SELECT r.id, r.submission, r.manufacturer, r.model, r.serial_number, r.order_id, r.purchase_id,
        s.customer, s.order_id AS all_order_id, s.purchase_id AS all_purchase_id,
        (SELECT max(o.id) FROM attempt a JOIN outcome o ON o.attempt = a.id
          WHERE a.registration = r.id AND o.outcome IN (1, 2, 3) AND o.at <= ?1) AS ended,
        (SELECT max(t.id) FROM transition t WHERE t.registration = r.id AND t.at <= ?1) AS moved
      FROM registration r JOIN submission s ON s.id = r.submission
      WHERE r.id > ?2 AND r.id < ?3 AND s.at <= ?1
        AND (?4 IS NULL OR s.customer = (SELECT number FROM customer WHERE text = ?4))),
    last_word AS (
      SELECT l.*,
        CASE WHEN coalesce(l.ended, 0) > coalesce(l.moved, 0)
          THEN CASE o.outcome WHEN 3 THEN 2 ELSE 3 END ELSE t.to_state END AS state,
        CASE WHEN coalesce(l.ended, 0) > coalesce(l.moved, 0) THEN o.at ELSE t.at END AS since,
        CASE WHEN coalesce(l.ended, 0) > coalesce(l.moved, 0) THEN o.holder END AS holder
      FROM looked_at l LEFT JOIN outcome o ON o.id = l.ended LEFT JOIN transition t ON t.id = l.moved)
    SELECT c.text, m.text, n.text, w.serial_number, sw.word,
      strftime('%Y-%m-%dT%H:%M:%fZ', w.since / 1000.0, 'unixepoch'),
      strftime('%Y-%m-%dT%H:%M:%fZ', (SELECT max(t.last_seen) FROM transition t
        WHERE t.registration = w.id AND t.at <= ?1) / 1000.0, 'unixepoch'),
      w.id, coalesce(w.order_id, w.all_order_id), coalesce(w.purchase_id, w.all_purchase_id)
    FROM last_word w
    LEFT JOIN customer c ON c.number = w.customer
    LEFT JOIN manufacturer m ON m.number = w.manufacturer
    LEFT JOIN model n ON n.number = w.model
    LEFT JOIN state_word sw ON sw.number = w.state
    WHERE w.state IN (3, 4, 5) AND w.holder IS NULL AND (?5 IS NULL OR w.state = ?5)
      AND (?6 IS NULL OR w.since >= ?6)
      AND w.id NOT IN (SELECT CAST(substr(subject, 14) AS INTEGER) FROM action
        WHERE action = 'release' AND at <= ?1 AND substr(subject, 1, 13) = 'registration ')
    ORDER BY w.id DESC LIMIT ?7";

impl Reader {
    /// Devices as `audit_devices` would have shown them then, the newest registration first, at most `limit`, older
    /// than `before`.
    pub fn devices_then(
        &self,
        then: &Then<'_>,
        before: Option<RegistrationId>,
        limit: usize,
    ) -> Result<Vec<ViewRow>, ReadError> {
        let columns = View::Devices.columns().len();
        let mut end = match before {
            Some(before) => before.get(),
            None => {
                one(&self.db, "SELECT coalesce(max(id), 0) + 1 FROM registration", [], |row| row.get(0))?.unwrap_or(0)
            }
        };
        let mut found = Vec::new();
        while end > 1 && found.len() < limit {
            let begin = end.saturating_sub(STRIDE).max(1);
            let params: [Value; 7] = [
                then.at.unix_ms().into(),
                (begin - 1).into(),
                end.into(),
                then.customer.map(|customer| customer.as_str().to_owned()).into(),
                then.state.map(State::number).into(),
                then.since.map(Timestamp::unix_ms).into(),
                limited(limit.saturating_sub(found.len())).into(),
            ];
            found.extend(all(&self.db, DEVICES_THEN, params, |row| {
                (0..columns).map(|column| Ok(cell(row.get_ref(column)?))).collect::<rusqlite::Result<ViewRow>>()
            })?);
            end = begin;
        }
        Ok(found)
    }
}
