//! Files that arrive: accepted in steps or at once, rejected, delivered again, moved, touched, refused unread.

use devicedrop_core::ids::{CustomerKey, SubmissionEntry};
use devicedrop_core::state::{self, Event, State};
use devicedrop_core::time::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::super::command::{KnownFile, NewDelivery, NewRegistration, NewSubmission, OwedKind};
use super::super::entries::{DeliveryKind, Told, whole};
use super::super::error::Refusal;
use super::super::transaction::{Stop, Transaction};

fn entry(id: i64) -> Result<SubmissionEntry, Stop> {
    SubmissionEntry::new(id).ok_or_else(|| Refusal::Schema(format!("{id} can't be an entry's number")).into())
}

impl Transaction<'_> {
    pub(in crate::ledger) fn open_submission(&mut self, new: NewSubmission) -> Result<SubmissionEntry, Stop> {
        let customer = self.customer(&new.customer)?;
        let judging = self.judging(&new, customer)?;
        let id = self.enter_submission(&new, customer, judging, None)?;
        self.db
            .prepare_cached("INSERT INTO acceptance(submission, customer, rows, failed) VALUES (?, ?, 0, 0)")?
            .execute([id, customer])?;
        entry(id)
    }

    /// How often this content was judged at this path, this time included.
    fn judging(&self, new: &NewSubmission, customer: i64) -> Result<i64, Stop> {
        let sha256 = new.sha256.as_ref().map(|sha256| sha256.as_bytes().as_slice());
        Ok(self
            .db
            .prepare_cached(
                "SELECT coalesce(max(judging), 0) + 1 FROM submission WHERE customer = ? AND file = ? AND sha256 IS ?",
            )?
            .query_row(params![customer, new.file, sha256], |row| row.get(0))?)
    }

    pub(in crate::ledger) fn add_registrations(
        &mut self,
        submission: SubmissionEntry,
        rows: Vec<NewRegistration>,
    ) -> Result<(), Stop> {
        let (customer, at) = self.acceptance(submission)?;
        let before = self.record.last_registration;
        let first = self.record.next;
        let mut refused = Vec::new();
        for row in &rows {
            let id = self.enter_registration(row, submission.get())?;
            if let Some((error, detail)) = &row.refused {
                refused.push((id, *error, detail.as_str()));
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        self.lengthen_range(submission, before, first)?;
        let failed = whole(u64::try_from(refused.len()).unwrap_or(u64::MAX));
        for (id, error, detail) in refused {
            let change = state::next(Some(State::Pending), Event::Refused(error))?;
            let transition =
                self.enter_transition(at, id, change, &Told { detail: Some(detail), ..Told::default() })?;
            self.db
                .prepare_cached(
                    "INSERT INTO present(registration, customer, state, error, entry, attempts) VALUES (?, ?, ?, ?, ?, 0)",
                )?
                .execute(params![id, customer, change.to.number(), error.number(), transition])?;
        }
        self.at = Some(at);
        self.db
            .prepare_cached("UPDATE acceptance SET rows = rows + ?2, failed = failed + ?3 WHERE submission = ?1")?
            .execute([submission.get(), whole(u64::try_from(rows.len()).unwrap_or(u64::MAX)), failed])?;
        Ok(())
    }

    /// The customer of a submission that is being accepted, and when it was received.
    fn acceptance(&self, submission: SubmissionEntry) -> Result<(i64, Timestamp), Stop> {
        let found: Option<(i64, i64)> = self
            .db
            .prepare_cached(
                "SELECT a.customer, s.at FROM acceptance a JOIN submission s ON s.id = a.submission
                 WHERE a.submission = ?",
            )?
            .query_row([submission.get()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if let Some((customer, at)) = found {
            return Ok((customer, Timestamp::from_unix_ms(at)));
        }
        self.closed(submission)?;
        Err(Refusal::Closed(submission).into())
    }

    /// Registrations `first` and on belong to the submission; `before` is the last one of any before them.
    fn lengthen_range(&mut self, submission: SubmissionEntry, before: i64, first: i64) -> Result<(), Stop> {
        let last = self.record.last_registration;
        let lengthened = self
            .db
            .prepare_cached("UPDATE range SET last = ?3 WHERE submission = ?1 AND last = ?2")?
            .execute([submission.get(), before, last])?;
        if lengthened == 0 {
            self.db.prepare_cached("INSERT INTO range(submission, first, last) VALUES (?, ?, ?)")?.execute([
                submission.get(),
                first,
                last,
            ])?;
        }
        Ok(())
    }

    pub(in crate::ledger) fn close_submission(
        &mut self,
        submission: SubmissionEntry,
        delivery: NewDelivery,
        file: KnownFile,
    ) -> Result<(), Stop> {
        let (customer, _) = self.acceptance(submission)?;
        let (rows, failed, said): (i64, i64, i64) = self
            .db
            .prepare_cached(
                "SELECT a.rows, a.failed, s.rows FROM acceptance a JOIN submission s ON s.id = a.submission
                 WHERE a.submission = ?",
            )?
            .query_row([submission.get()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        if rows != said {
            let count = |number| u64::try_from(number).unwrap_or(0);
            return Err(Refusal::Rows { said: count(said), added: count(rows) }.into());
        }
        self.enter_delivery(&delivery, submission.get(), DeliveryKind::New)?;
        self.db.prepare_cached("DELETE FROM acceptance WHERE submission = ?")?.execute([submission.get()])?;
        let pending = rows - failed;
        self.begin_tally(submission, customer, &delivery, (rows, pending, failed))?;
        if pending > 0 {
            self.set_cursor(customer, submission.get(), 0)?;
        }
        self.supersede(submission, customer, &delivery.file)?;
        self.know(submission, customer, &file)?;
        let kind = if pending == 0 { OwedKind::Final } else { OwedKind::First };
        self.owe_result(submission.get(), kind, delivery.at)
    }

    fn begin_tally(
        &mut self,
        submission: SubmissionEntry,
        customer: i64,
        delivery: &NewDelivery,
        (rows, pending, failed): (i64, i64, i64),
    ) -> Result<(), Stop> {
        let completed = (pending == 0).then_some(delivery.at.unix_ms());
        self.db
            .prepare_cached(
                "INSERT INTO tally(submission, customer, path, rows, pending, ready, failed, already, completed_at)
                 VALUES (?, ?, ?, ?, ?, 0, ?, 0, ?)",
            )?
            .execute(params![submission.get(), customer, delivery.file, rows, pending, failed, completed])?;
        Ok(())
    }

    /// What lies at this path now is this submission's content; the failed rows of others count no more.
    fn supersede(&mut self, submission: SubmissionEntry, customer: i64, path: &str) -> Result<(), Stop> {
        self.db
            .prepare_cached(
                "UPDATE tally SET superseded_by = CASE submission WHEN ?1 THEN NULL ELSE ?1 END
                 WHERE customer = ?2 AND path = ?3",
            )?
            .execute(params![submission.get(), customer, path])?;
        Ok(())
    }

    fn know(&mut self, submission: SubmissionEntry, customer: i64, file: &KnownFile) -> Result<(), Stop> {
        self.db
            .prepare_cached(
                "INSERT INTO known_file(customer, path, dev, ino, size, mtime_ns, ctime_ns, submission, born_ns)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT(customer, path) DO UPDATE SET dev = excluded.dev, ino = excluded.ino,
                   size = excluded.size, mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns,
                   submission = excluded.submission, born_ns = excluded.born_ns",
            )?
            .execute(params![
                customer,
                file.path,
                file.dev.cast_signed(),
                file.ino.cast_signed(),
                whole(file.size),
                file.mtime_ns,
                file.ctime_ns,
                submission.get(),
                file.born_ns
            ])?;
        Ok(())
    }

    pub(in crate::ledger) fn accept_whole(
        &mut self,
        new: NewSubmission,
        rows: Vec<NewRegistration>,
        delivery: NewDelivery,
        file: KnownFile,
    ) -> Result<SubmissionEntry, Stop> {
        let submission = self.open_submission(new)?;
        self.add_registrations(submission, rows)?;
        self.close_submission(submission, delivery, file)?;
        Ok(submission)
    }

    pub(in crate::ledger) fn reject(
        &mut self,
        new: NewSubmission,
        why: String,
        delivery: NewDelivery,
        file: KnownFile,
    ) -> Result<SubmissionEntry, Stop> {
        let customer = self.customer(&new.customer)?;
        let judging = self.judging(&new, customer)?;
        let submission = entry(self.enter_submission(&new, customer, judging, Some(&why))?)?;
        self.enter_delivery(&delivery, submission.get(), DeliveryKind::New)?;
        self.begin_tally(submission, customer, &delivery, (0, 0, 0))?;
        self.know(submission, customer, &file)?;
        self.owe_result(submission.get(), OwedKind::Final, delivery.at)?;
        Ok(submission)
    }

    pub(in crate::ledger) fn deliver_again(
        &mut self,
        submission: SubmissionEntry,
        delivery: NewDelivery,
        file: KnownFile,
    ) -> Result<u64, Stop> {
        self.closed(submission)?;
        let customer = self.customer(&file.customer)?;
        self.enter_delivery(&delivery, submission.get(), DeliveryKind::Again)?;
        self.place(submission, customer, &delivery.file)?;
        self.know(submission, customer, &file)?;
        let failed = self.failed_of(submission)?;
        for registration in &failed {
            self.again(*registration, Event::DeliveredAgain, None, delivery.at)?;
        }
        self.settle()?;
        let pending: bool = self
            .db
            .prepare_cached("SELECT pending > 0 FROM tally WHERE submission = ?")?
            .query_row([submission.get()], |row| row.get(0))?;
        let kind = if pending { OwedKind::First } else { OwedKind::Final };
        self.owe_result(submission.get(), kind, delivery.at)?;
        Ok(u64::try_from(failed.len()).unwrap_or(u64::MAX))
    }

    /// The submission's file lies at this path now.
    fn place(&mut self, submission: SubmissionEntry, customer: i64, path: &str) -> Result<(), Stop> {
        self.db
            .prepare_cached("UPDATE tally SET path = ? WHERE submission = ?")?
            .execute(params![path, submission.get()])?;
        let accepted: bool = self
            .db
            .prepare_cached("SELECT outcome = 1 FROM submission WHERE id = ?")?
            .query_row([submission.get()], |row| row.get(0))?;
        if accepted { self.supersede(submission, customer, path) } else { Ok(()) }
    }

    pub(in crate::ledger) fn moved(
        &mut self,
        submission: SubmissionEntry,
        from: String,
        delivery: NewDelivery,
        file: KnownFile,
    ) -> Result<(), Stop> {
        self.closed(submission)?;
        let customer = self.customer(&file.customer)?;
        self.enter_delivery(&delivery, submission.get(), DeliveryKind::Moved)?;
        self.db
            .prepare_cached("DELETE FROM known_file WHERE customer = ? AND path = ?")?
            .execute(params![customer, from])?;
        self.place(submission, customer, &delivery.file)?;
        self.know(submission, customer, &file)?;
        let pending: bool = self
            .db
            .prepare_cached("SELECT pending > 0 FROM tally WHERE submission = ?")?
            .query_row([submission.get()], |row| row.get(0))?;
        let kind = if pending { OwedKind::First } else { OwedKind::Final };
        self.owe_result(submission.get(), kind, delivery.at)
    }

    pub(in crate::ledger) fn touch(&mut self, file: KnownFile) -> Result<(), Stop> {
        let customer = self.customer(&file.customer)?;
        self.db
            .prepare_cached(
                "UPDATE known_file SET dev = ?, ino = ?, size = ?, mtime_ns = ?, ctime_ns = ?, born_ns = ?
                 WHERE customer = ? AND path = ?",
            )?
            .execute(params![
                file.dev.cast_signed(),
                file.ino.cast_signed(),
                whole(file.size),
                file.mtime_ns,
                file.ctime_ns,
                file.born_ns,
                customer,
                file.path
            ])?;
        Ok(())
    }

    pub(in crate::ledger) fn refuse(
        &mut self,
        customer: CustomerKey,
        file: String,
        reason: String,
        at: Timestamp,
    ) -> Result<bool, Stop> {
        let number = self.customer(&customer)?;
        let known = self
            .db
            .prepare_cached("SELECT 1 FROM refusal WHERE customer = ? AND file = ? AND reason = ?")?
            .exists(params![number, file, reason])?;
        if !known {
            self.enter_refusal(at, (number, customer.as_str()), &file, &reason)?;
        }
        Ok(!known)
    }
}
