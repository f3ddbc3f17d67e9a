//! The inventory, who has which device, and which are in use.

use devicedrop_core::device::Device;
use devicedrop_core::time::Timestamp;
use rusqlite::{OptionalExtension, Row};

use super::{Asked, Session, time};

/// A device that is about to be registered.
#[derive(Debug, Clone, Copy)]
pub(in crate::trial) struct Claim<'a> {
    pub(in crate::trial) guid: &'a str,
    pub(in crate::trial) at: Timestamp,
    pub(in crate::trial) tenant: &'a str,
    /// What no two registered devices have in common.
    pub(in crate::trial) identity: &'a str,
    pub(in crate::trial) device: &'a Asked,
    pub(in crate::trial) item: i64,
}

/// A device that is registered.
#[derive(Debug, Clone)]
pub(in crate::trial) struct Known {
    pub(in crate::trial) id: i64,
    pub(in crate::trial) guid: String,
    pub(in crate::trial) tenant: String,
    pub(in crate::trial) at: Timestamp,
    pub(in crate::trial) manufacturer: Option<String>,
    pub(in crate::trial) model: Option<String>,
    pub(in crate::trial) serial_number: Option<String>,
    pub(in crate::trial) product_key: Option<String>,
    pub(in crate::trial) group_tag: Option<String>,
    pub(in crate::trial) enrolled: Option<Enrolled>,
}

/// A device in use.
#[derive(Debug, Clone)]
pub(in crate::trial) struct Enrolled {
    pub(in crate::trial) guid: String,
    pub(in crate::trial) since: Timestamp,
    pub(in crate::trial) last_sync: Timestamp,
}

/// A registration that took effect.
#[derive(Debug, Clone)]
pub(in crate::trial) struct JournalLine {
    pub(in crate::trial) known: Known,
    pub(in crate::trial) released_at: Option<Timestamp>,
    pub(in crate::trial) surface: String,
    pub(in crate::trial) batch: Option<String>,
    pub(in crate::trial) tracking: String,
    pub(in crate::trial) request_id: String,
    pub(in crate::trial) import_id: Option<String>,
}

const KNOWN: &str = "SELECT registration.id, registration.guid, registration.tenant, registration.at,
    registration.manufacturer, registration.model, registration.serial_number, registration.product_key,
    registration.group_tag, enrolment.guid, enrolment.enrolled_at, enrolment.last_sync
    FROM registration LEFT JOIN enrolment ON enrolment.registration = registration.id";

fn known(row: &Row<'_>) -> rusqlite::Result<Known> {
    let enrolled: Option<String> = row.get(9)?;
    let enrolled = match enrolled {
        Some(guid) => Some(Enrolled { guid, since: time(row, 10)?, last_sync: time(row, 11)? }),
        None => None,
    };
    Ok(Known {
        id: row.get(0)?,
        guid: row.get(1)?,
        tenant: row.get(2)?,
        at: time(row, 3)?,
        manufacturer: row.get(4)?,
        model: row.get(5)?,
        serial_number: row.get(6)?,
        product_key: row.get(7)?,
        group_tag: row.get(8)?,
        enrolled,
    })
}

impl Session<'_> {
    /// Adds a device to the inventory, unless it is there.
    pub(in crate::trial) fn stock(&self, device: &Device, hash: Option<&str>) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(
                "INSERT OR IGNORE INTO inventory (manufacturer, model, serial_number, hardware_hash)
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute((&device.manufacturer, &device.model, &device.serial_number, hash))
            .map(|_| ())
    }

    /// Whether the inventory has the device, byte for byte.
    pub(in crate::trial) fn is_stocked(&self, device: &Device) -> rusqlite::Result<bool> {
        self.connection
            .prepare_cached("SELECT 1 FROM inventory WHERE manufacturer = ?1 AND model = ?2 AND serial_number = ?3")?
            .exists((&device.manufacturer, &device.model, &device.serial_number))
    }

    /// Whoever has the device.
    pub(in crate::trial) fn holder(&self, identity: &str) -> rusqlite::Result<Option<Known>> {
        let mut statement =
            self.connection.prepare_cached(&format!("{KNOWN} WHERE identity = ?1 AND released_at IS NULL"))?;
        statement.query_row([identity], known).optional()
    }

    /// Registers a device.
    pub(in crate::trial) fn register(&self, claim: &Claim<'_>) -> rusqlite::Result<i64> {
        let Claim { guid, at, tenant, identity, device, item } = *claim;
        self.connection
            .prepare_cached(
                "INSERT INTO registration (guid, at, tenant, identity, manufacturer, model, serial_number,
                                           product_key, group_tag, item)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .insert((
                guid,
                at.unix_ms(),
                tenant,
                identity,
                &device.manufacturer,
                &device.model,
                &device.serial_number,
                &device.product_key,
                &device.group_tag,
                item,
            ))
    }

    /// Gives a device up.
    pub(in crate::trial) fn release(&self, registration: i64, at: Timestamp) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("UPDATE registration SET released_at = ?2 WHERE id = ?1 AND released_at IS NULL")?
            .execute((registration, at.unix_ms()))
            .map(|_| ())
    }

    /// A batch's registered devices behind this one, the oldest first.
    pub(in crate::trial) fn devices_of_batch(
        &self,
        batch: i64,
        after: i64,
        limit: i64,
    ) -> rusqlite::Result<Vec<Known>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "{KNOWN} JOIN item ON item.id = registration.item JOIN job ON job.id = item.job
             WHERE job.batch = ?1 AND released_at IS NULL AND registration.id > ?2
             ORDER BY registration.id LIMIT ?3"
        ))?;
        statement.query_map((batch, after, limit), known)?.collect()
    }

    /// A batch's registered device.
    pub(in crate::trial) fn device_of_batch(&self, batch: i64, guid: &str) -> rusqlite::Result<Option<Known>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "{KNOWN} JOIN item ON item.id = registration.item JOIN job ON job.id = item.job
             WHERE job.batch = ?1 AND released_at IS NULL AND registration.guid = ?2"
        ))?;
        statement.query_row((batch, guid), known).optional()
    }

    /// A tenant's registered devices, the oldest first.
    pub(in crate::trial) fn devices(&self, tenant: &str) -> rusqlite::Result<Vec<Known>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "{KNOWN} WHERE registration.tenant = ?1 AND released_at IS NULL ORDER BY registration.id"
        ))?;
        statement.query_map([tenant], known)?.collect()
    }

    /// One of them.
    pub(in crate::trial) fn device(&self, tenant: &str, guid: &str) -> rusqlite::Result<Option<Known>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "{KNOWN} WHERE registration.tenant = ?1 AND released_at IS NULL AND registration.guid = ?2"
        ))?;
        statement.query_row((tenant, guid), known).optional()
    }

    /// Records that a registered device was used; an earlier use than the last one known changes nothing.
    pub(in crate::trial) fn check_in(&self, registration: i64, guid: &str, at: Timestamp) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO enrolment (guid, registration, enrolled_at, last_sync) VALUES (?2, ?1, ?3, ?3)
                 ON CONFLICT (registration) DO UPDATE SET last_sync = max(last_sync, excluded.last_sync)",
            )?
            .execute((registration, guid, at.unix_ms()))
            .map(|_| ())
    }

    /// Every registration that took effect, in the order in which they did.
    pub(in crate::trial) fn journal(&self) -> rusqlite::Result<Vec<JournalLine>> {
        let with_origin = KNOWN.replace(
            "enrolment.last_sync",
            "enrolment.last_sync, released_at, job.surface, batch.name, job.tracking, job.request_id,
             item.import_id",
        );
        let mut statement = self.connection.prepare_cached(&format!(
            "{with_origin} JOIN item ON item.id = registration.item JOIN job ON job.id = item.job
             LEFT JOIN batch ON batch.id = job.batch ORDER BY registration.id"
        ))?;
        let line = |row: &Row<'_>| {
            let released_at: Option<i64> = row.get(12)?;
            Ok(JournalLine {
                known: known(row)?,
                released_at: released_at.map(Timestamp::from_unix_ms),
                surface: row.get(13)?,
                batch: row.get(14)?,
                tracking: row.get(15)?,
                request_id: row.get(16)?,
                import_id: row.get(17)?,
            })
        };
        statement.query_map([], line)?.collect()
    }
}
