//! Result files, owed and written; what people did; what the daemon's parts note for themselves.

use devicedrop_core::ids::{CustomerKey, SubmissionEntry};
use devicedrop_core::time::Timestamp;
use rusqlite::params;

use super::super::command::{NewAction, NewResult, OwedKind};
use super::super::transaction::{Stop, Transaction};

impl Transaction<'_> {
    pub(in crate::ledger) fn result_written(&mut self, result: NewResult) -> Result<(), Stop> {
        self.closed(result.submission)?;
        self.enter_result(&result)?;
        Ok(())
    }

    pub(in crate::ledger) fn owe(
        &mut self,
        submission: SubmissionEntry,
        kind: OwedKind,
        at: Timestamp,
    ) -> Result<(), Stop> {
        self.closed(submission)?;
        self.owe_result(submission.get(), kind, at)
    }

    pub(in crate::ledger) fn pay(&mut self, submission: SubmissionEntry, version: i64) -> Result<(), Stop> {
        let paid = self
            .db
            .prepare_cached("DELETE FROM owed WHERE submission = ? AND version = ?")?
            .execute([submission.get(), version])?;
        if paid == 0 {
            // Something came up meanwhile: what is owed now is no first one any more.
            self.db
                .prepare_cached(
                    "UPDATE owed SET kind = CASE kind WHEN 2 THEN 1 ELSE kind END, tries = 0, reason = NULL
                     WHERE submission = ?",
                )?
                .execute([submission.get()])?;
        }
        Ok(())
    }

    pub(in crate::ledger) fn unpaid(&mut self, submission: SubmissionEntry, reason: String) -> Result<(), Stop> {
        self.db
            .prepare_cached("UPDATE owed SET tries = tries + 1, reason = ?2 WHERE submission = ?1")?
            .execute(params![submission.get(), reason])?;
        Ok(())
    }

    pub(in crate::ledger) fn act(&mut self, action: NewAction) -> Result<(), Stop> {
        self.enter_action(&action)?;
        Ok(())
    }

    pub(in crate::ledger) fn note(
        &mut self,
        customer: Option<CustomerKey>,
        topic: String,
        key: String,
        value: Option<String>,
    ) -> Result<(), Stop> {
        let customer = customer.map_or(Ok(0), |customer| self.customer(&customer))?;
        match value {
            Some(value) => self
                .db
                .prepare_cached("INSERT OR REPLACE INTO note(customer, topic, key, value) VALUES (?, ?, ?, ?)")?
                .execute(params![customer, topic, key, value])?,
            None => self
                .db
                .prepare_cached("DELETE FROM note WHERE customer = ? AND topic = ? AND key = ?")?
                .execute(params![customer, topic, key])?,
        };
        Ok(())
    }
}
