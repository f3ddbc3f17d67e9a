//! Batches and jobs.

use devicedrop_core::time::Timestamp;
use rusqlite::{OptionalExtension, Row};

use super::{Session, time};

/// A list of devices at Partner Center.
#[derive(Debug, Clone)]
pub(in crate::trial) struct Batch {
    pub(in crate::trial) id: i64,
    pub(in crate::trial) name: String,
    pub(in crate::trial) created_at: Timestamp,
    /// How many of its devices are registered.
    pub(in crate::trial) devices: i64,
}

/// What was accepted and is done later.
#[derive(Debug, Clone)]
pub(in crate::trial) struct Job {
    pub(in crate::trial) id: i64,
    pub(in crate::trial) tracking: String,
    pub(in crate::trial) starts_at: Timestamp,
}

/// What a job belongs to.
#[derive(Debug, Clone, Copy)]
pub(in crate::trial) struct NewJob<'a> {
    pub(in crate::trial) tracking: &'a str,
    pub(in crate::trial) tenant: &'a str,
    pub(in crate::trial) surface: &'a str,
    pub(in crate::trial) batch: Option<i64>,
    pub(in crate::trial) request_id: &'a str,
    pub(in crate::trial) accepted_at: Timestamp,
    pub(in crate::trial) starts_at: Timestamp,
}

const BATCH: &str = "SELECT batch.id, name, created_at,
    (SELECT count(*) FROM registration JOIN item ON item.id = registration.item JOIN job ON job.id = item.job
     WHERE job.batch = batch.id AND released_at IS NULL)
    FROM batch WHERE customer = ?1";

fn batch(row: &Row<'_>) -> rusqlite::Result<Batch> {
    Ok(Batch { id: row.get(0)?, name: row.get(1)?, created_at: time(row, 2)?, devices: row.get(3)? })
}

impl Session<'_> {
    /// A customer's batches, the oldest first.
    pub(in crate::trial) fn batches(&self, customer: &str) -> rusqlite::Result<Vec<Batch>> {
        let mut statement = self.connection.prepare_cached(&format!("{BATCH} ORDER BY batch.id"))?;
        statement.query_map([customer], batch)?.collect()
    }

    /// The customer's batch of this name, in any case.
    pub(in crate::trial) fn batch(&self, customer: &str, name: &str) -> rusqlite::Result<Option<Batch>> {
        let mut statement = self.connection.prepare_cached(&format!("{BATCH} AND folded = ?2"))?;
        statement.query_row((customer, name.to_lowercase()), batch).optional()
    }

    /// Makes a batch.
    pub(in crate::trial) fn add_batch(&self, customer: &str, name: &str, at: Timestamp) -> rusqlite::Result<i64> {
        self.connection
            .prepare_cached("INSERT INTO batch (customer, name, folded, created_at) VALUES (?1, ?2, ?3, ?4)")?
            .insert((customer, name, name.to_lowercase(), at.unix_ms()))
    }

    /// Puts a job on record.
    pub(in crate::trial) fn add_job(&self, new: &NewJob<'_>) -> rusqlite::Result<i64> {
        let NewJob { tracking, tenant, surface, batch, request_id, accepted_at, starts_at } = *new;
        self.connection
            .prepare_cached(
                "INSERT INTO job (tracking, tenant, surface, batch, request_id, accepted_at, starts_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .insert((tracking, tenant, surface, batch, request_id, accepted_at.unix_ms(), starts_at.unix_ms()))
    }

    /// A tenant's job by its tracking ID.
    pub(in crate::trial) fn job(&self, tenant: &str, tracking: &str) -> rusqlite::Result<Option<Job>> {
        self.connection
            .prepare_cached("SELECT id, tracking, starts_at FROM job WHERE tenant = ?1 AND tracking = ?2")?
            .query_row((tenant, tracking), |row| {
                Ok(Job { id: row.get(0)?, tracking: row.get(1)?, starts_at: time(row, 2)? })
            })
            .optional()
    }
}
