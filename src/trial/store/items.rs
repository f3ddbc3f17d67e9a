//! The devices of jobs: asked for, then settled.

use devicedrop_core::time::Timestamp;
use rusqlite::{OptionalExtension, Row};

use super::{Session, time};

/// A device as a request names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::trial) struct Asked {
    pub(in crate::trial) manufacturer: Option<String>,
    pub(in crate::trial) model: Option<String>,
    pub(in crate::trial) serial_number: Option<String>,
    pub(in crate::trial) product_key: Option<String>,
    pub(in crate::trial) hardware_hash: Option<String>,
    pub(in crate::trial) group_tag: Option<String>,
    pub(in crate::trial) import_id: Option<String>,
    pub(in crate::trial) assigned_user: Option<String>,
}

/// A device of a job.
#[derive(Debug, Clone)]
pub(in crate::trial) struct Item {
    pub(in crate::trial) id: i64,
    pub(in crate::trial) guid: String,
    pub(in crate::trial) tenant: String,
    pub(in crate::trial) asked: Asked,
    pub(in crate::trial) starts_at: Timestamp,
    pub(in crate::trial) due_at: Timestamp,
    pub(in crate::trial) settled: bool,
    /// Why it wasn't registered.
    pub(in crate::trial) error: Option<(i64, String)>,
    /// The registration's GUID, if it was.
    pub(in crate::trial) device_guid: Option<String>,
}

const ITEM: &str = "SELECT item.id, item.guid, job.tenant, item.manufacturer, item.model, item.serial_number,
    item.product_key, item.hardware_hash, item.group_tag, item.import_id, item.assigned_user, job.starts_at, item.due_at, item.settled, item.error_code, item.error_name, registration.guid
    FROM item JOIN job ON job.id = item.job LEFT JOIN registration ON registration.id = item.registration";

fn item(row: &Row<'_>) -> rusqlite::Result<Item> {
    let code: Option<i64> = row.get(14)?;
    let name: Option<String> = row.get(15)?;
    Ok(Item {
        id: row.get(0)?,
        guid: row.get(1)?,
        tenant: row.get(2)?,
        asked: Asked {
            manufacturer: row.get(3)?,
            model: row.get(4)?,
            serial_number: row.get(5)?,
            product_key: row.get(6)?,
            hardware_hash: row.get(7)?,
            group_tag: row.get(8)?,
            import_id: row.get(9)?,
            assigned_user: row.get(10)?,
        },
        starts_at: time(row, 11)?,
        due_at: time(row, 12)?,
        settled: row.get(13)?,
        error: code.zip(name),
        device_guid: row.get(16)?,
    })
}

impl Session<'_> {
    /// Puts a device of a job on record.
    pub(in crate::trial) fn add_item(
        &self,
        job: i64,
        guid: &str,
        asked: &Asked,
        due_at: Timestamp,
    ) -> rusqlite::Result<i64> {
        self.connection
            .prepare_cached(
                "INSERT INTO item (job, guid, manufacturer, model, serial_number, product_key, hardware_hash,
                                   group_tag, import_id, assigned_user, due_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .insert((
                job,
                guid,
                &asked.manufacturer,
                &asked.model,
                &asked.serial_number,
                &asked.product_key,
                &asked.hardware_hash,
                &asked.group_tag,
                &asked.import_id,
                &asked.assigned_user,
                due_at.unix_ms(),
            ))
    }

    /// A job's devices, in the order sent.
    pub(in crate::trial) fn items(&self, job: i64) -> rusqlite::Result<Vec<Item>> {
        let mut statement =
            self.connection.prepare_cached(&format!("{ITEM} WHERE item.job = ?1 ORDER BY item.id"))?;
        statement.query_map([job], item)?.collect()
    }

    /// Some of the devices whose time has come, in the order of their times.
    pub(in crate::trial) fn due(&self, now: Timestamp, limit: i64) -> rusqlite::Result<Vec<Item>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "{ITEM} WHERE item.settled = 0 AND item.due_at <= ?1 ORDER BY item.due_at, item.id LIMIT ?2"
        ))?;
        statement.query_map((now.unix_ms(), limit), item)?.collect()
    }

    /// What became of a device.
    pub(in crate::trial) fn settle(
        &self,
        item: i64,
        registration: Option<i64>,
        error: Option<(i64, &str)>,
    ) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(
                "UPDATE item SET settled = 1, registration = ?2, error_code = ?3, error_name = ?4 WHERE id = ?1",
            )?
            .execute((item, registration, error.map(|(code, _)| code), error.map(|(_, name)| name)))
            .map(|_| ())
    }

    /// A tenant's imports by Graph behind this one, the oldest first.
    pub(in crate::trial) fn imports(&self, tenant: &str, after: i64, limit: i64) -> rusqlite::Result<Vec<Item>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "{ITEM} WHERE job.surface = 'graph' AND job.tenant = ?1 AND item.deleted = 0 AND item.id > ?2
             ORDER BY item.id LIMIT ?3"
        ))?;
        statement.query_map((tenant, after, limit), item)?.collect()
    }

    /// One of them.
    pub(in crate::trial) fn import(&self, tenant: &str, guid: &str) -> rusqlite::Result<Option<Item>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "{ITEM} WHERE job.surface = 'graph' AND job.tenant = ?1 AND item.deleted = 0 AND item.guid = ?2"
        ))?;
        statement.query_row((tenant, guid), item).optional()
    }

    /// Takes an import out of the list; what it registered stays.
    pub(in crate::trial) fn delete_import(&self, item: i64) -> rusqlite::Result<()> {
        self.connection.prepare_cached("UPDATE item SET deleted = 1 WHERE id = ?1")?.execute([item]).map(|_| ())
    }
}
