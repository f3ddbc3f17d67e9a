//! The inventory and the uses of its devices: adding to both.

use devicedrop_core::device::Device;
use devicedrop_core::time::Timestamp;
use rusqlite::Connection;

use super::memory::{Memory, Refused};
use super::store::Store;
use super::{CheckInError, CheckedIn, Imported, RegistryError};

impl Store {
    /// Adds devices to the inventory, in one transaction. `origin` is the number of their source once one was
    /// recorded, which the first device that is new does.
    pub(super) fn import(
        &mut self,
        devices: &[Device],
        source: &str,
        origin: &mut Option<i64>,
    ) -> Result<Imported, RegistryError> {
        let (imported, new_origin) = self.write("add devices", |connection, memory, settings| {
            let mut imported = Imported::default();
            let mut origin = *origin;
            for device in devices {
                let (print, number) = memory.find(device);
                let known = number.and_then(|number| memory.devices.get(number));
                if known.is_some_and(|known| known.inventory) {
                    imported.known += 1;
                    continue;
                }
                let origin = match origin {
                    Some(origin) => origin,
                    None => *origin.insert(record_source(connection, source, (settings.now)())?),
                };
                match number {
                    Some(number) => {
                        move_in(connection, memory, number, origin)?;
                        memory.stands_in_inventory(device, number);
                    }
                    None => {
                        memory.add_device(connection, device, print, Some(origin))?;
                    }
                }
                imported.added += 1;
            }
            if let Some(folded) = &mut memory.folded {
                folded.settle();
            }
            Ok((imported, origin))
        })?;
        *origin = new_origin;
        Ok(imported)
    }

    /// Records uses of devices, in one transaction.
    pub(super) fn check_in(
        &mut self,
        uses: &[(Device, Timestamp)],
    ) -> Result<Vec<Result<CheckedIn, CheckInError>>, RegistryError> {
        self.write("record uses", |connection, memory, settings| {
            let now = (settings.now)();
            let mut seq: i64 =
                connection.query_row("SELECT coalesce(max(seq), 0) FROM check_in", [], |row| row.get(0))?;
            let mut upsert = connection.prepare_cached(
                "INSERT INTO check_in (device, at, seq, claim) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (device) DO UPDATE SET at = excluded.at, seq = excluded.seq, claim = excluded.claim
                 WHERE excluded.at > at",
            )?;
            let mut answers = Vec::with_capacity(uses.len());
            for (device, at) in uses {
                if *at > now {
                    answers.push(Err(CheckInError::Future { device: Box::new(device.clone()), at: *at, now }));
                    continue;
                }
                let Some(number) = memory.find(device).1 else {
                    answers.push(Err(CheckInError::UnknownDevice { device: Box::new(device.clone()) }));
                    continue;
                };
                let known = memory.devices.get(number).unwrap_or_default();
                let claim = Some(known.claim).filter(|claim| *claim != 0);
                let changed = upsert.execute((number, at.unix_ms(), seq + 1, claim))?;
                answers.push(Ok(if changed == 0 {
                    CheckedIn::Older
                } else {
                    seq += 1;
                    CheckedIn::Recorded { customer: memory.customer(known.customer) }
                }));
            }
            Ok(answers)
        })
    }
}

fn record_source(connection: &Connection, source: &str, at: Timestamp) -> Result<i64, Refused> {
    connection.prepare_cached("INSERT INTO source (name, at) VALUES (?1, ?2)")?.execute((source, at.unix_ms()))?;
    Ok(connection.last_insert_rowid())
}

/// Takes a device into the inventory that was only known because it was claimed.
fn move_in(connection: &Connection, memory: &mut Memory, number: u32, origin: i64) -> Result<(), Refused> {
    connection.prepare_cached("UPDATE device SET source = ?2 WHERE id = ?1")?.execute((number, origin))?;
    if let Some(known) = memory.devices.get_mut(number) {
        known.inventory = true;
    }
    Ok(())
}
