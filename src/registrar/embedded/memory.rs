//! What the registry keeps in memory: the table of all devices, and the few names that stand at many of them.
//!
//! Filled from the file when it is opened, and again after a transaction that was rolled back. Between the two, it
//! is changed together with the file by the one thread that writes.

use std::collections::HashMap;
use std::path::Path;

use devicedrop_core::device::Device;
use devicedrop_core::ids::CustomerKey;
use rusqlite::Connection;

use super::file::classify;
use super::folded::Folded;
use super::resident::{Known, Print, Resident};
use super::{Inventory, RegistryError};

/// Everything that is looked up for a row.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) devices: Resident,
    /// Manufacturers and models, by their names.
    pub(super) names: Names,
    /// Customers, by their keys.
    pub(super) customers: Names,
    /// The last claim's number.
    pub(super) claims: u32,
    /// The inventory, to find devices that are nearly the one asked for; none where every device is accepted anyway.
    pub(super) folded: Option<Folded>,
}

/// Texts that are numbered from 1 in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<String, u32>,
    texts: Vec<String>,
}

impl Names {
    pub(super) fn number(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    pub(super) fn text(&self, number: u32) -> Option<&str> {
        self.texts.get(usize::try_from(number.checked_sub(1)?).ok()?).map(String::as_str)
    }

    /// The number that the next text gets.
    fn next(&self) -> Option<u32> {
        u32::try_from(self.texts.len()).ok()?.checked_add(1)
    }

    fn push(&mut self, text: &str, number: u32) {
        self.numbers.insert(text.to_owned(), number);
        self.texts.push(text.to_owned());
    }
}

/// Why something couldn't be added to memory and file.
pub(super) enum Refused {
    /// Numbers have run out.
    Full,
    /// SQLite's error.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Refused {
    fn from(source: rusqlite::Error) -> Self {
        Self::Sqlite(source)
    }
}

impl Memory {
    /// Reads everything, and refuses what contradicts itself.
    pub(super) fn read(connection: &Connection, path: &Path, rule: Inventory) -> Result<Self, RegistryError> {
        let sqlite = |source| classify(path, "read the devices", source);
        let damaged = |what: String| RegistryError::Damaged { path: path.to_owned(), what };
        let names = read_names(connection, "SELECT id, text FROM name ORDER BY id").map_err(sqlite)?;
        let customers = read_names(connection, "SELECT id, key FROM customer ORDER BY id").map_err(sqlite)?;
        let (names, customers) = names.zip(customers).ok_or_else(|| damaged("names are missing".to_owned()))?;
        let claims: u32 =
            connection.query_row("SELECT coalesce(max(id), 0) FROM claim", [], |row| row.get(0)).map_err(sqlite)?;
        let (devices, folded) = read_devices(connection, &names, rule).map_err(sqlite)?.map_err(damaged)?;
        let mut memory = Self { devices, names, customers, claims, folded };
        memory.read_claims(connection).map_err(sqlite)?.map_err(damaged)?;
        Ok(memory)
    }

    fn read_claims(&mut self, connection: &Connection) -> rusqlite::Result<Result<(), String>> {
        let mut statement = connection.prepare(
            "SELECT id, device, customer FROM claim WHERE id NOT IN (SELECT claim FROM release) ORDER BY id",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (claim, number, customer): (u32, u32, u32) = (row.get(0)?, row.get(1)?, row.get(2)?);
            match self.devices.get_mut(number) {
                Some(known) if known.claim == 0 && self.customers.text(customer).is_some() => {
                    known.claim = claim;
                    known.customer = customer;
                }
                Some(_) => return Ok(Err(format!("device {number} has two claims, or one of nobody"))),
                None => return Ok(Err(format!("claim {claim} is for a device that isn't there"))),
            }
        }
        Ok(Ok(()))
    }

    /// The device's print and, if the registry knows it, its number.
    pub(super) fn find(&self, device: &Device) -> (Print, Option<u32>) {
        let print = self.devices.print(device);
        (print, self.devices.find(print))
    }

    /// The customer with this number. Keys were checked before they came in.
    pub(super) fn customer(&self, number: u32) -> Option<CustomerKey> {
        CustomerKey::parse(self.customers.text(number)?).ok()
    }

    /// The number of a manufacturer's or model's name, which is added where it is new.
    fn name(&mut self, connection: &Connection, text: &str) -> Result<u32, Refused> {
        add_name(connection, &mut self.names, text, "INSERT INTO name (id, text) VALUES (?1, ?2)")
    }

    /// The number of a customer, which is added where it is new.
    pub(super) fn customer_number(&mut self, connection: &Connection, key: &CustomerKey) -> Result<u32, Refused> {
        let sql = "INSERT INTO customer (id, key) VALUES (?1, ?2)";
        add_name(connection, &mut self.customers, key.as_str(), sql)
    }

    /// Adds a device that the registry doesn't know yet, and returns its number. Without a source it doesn't stand
    /// in the inventory.
    pub(super) fn add_device(
        &mut self,
        connection: &Connection,
        device: &Device,
        print: Print,
        source: Option<i64>,
    ) -> Result<u32, Refused> {
        let manufacturer = self.name(connection, &device.manufacturer)?;
        let model = self.name(connection, &device.model)?;
        let known = Known { inventory: source.is_some(), ..Known::default() };
        let number = self.devices.insert(print, known).ok_or(Refused::Full)?;
        connection
            .prepare_cached(
                "INSERT INTO device (id, manufacturer, model, serial_number, source) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((number, manufacturer, model, &device.serial_number, source))?;
        if source.is_some() {
            self.stands_in_inventory(device, number);
        }
        Ok(number)
    }

    /// A device came into the inventory, under whatever number.
    pub(super) fn stands_in_inventory(&mut self, device: &Device, number: u32) {
        if let Some(folded) = &mut self.folded {
            folded.add(&device.manufacturer, &device.model, &device.serial_number, number);
        }
    }
}

fn add_name(connection: &Connection, names: &mut Names, text: &str, sql: &str) -> Result<u32, Refused> {
    if let Some(number) = names.number(text) {
        return Ok(number);
    }
    let number = names.next().ok_or(Refused::Full)?;
    connection.prepare_cached(sql)?.execute((number, text))?;
    names.push(text, number);
    Ok(number)
}

/// Reads numbered texts; `None` if there is a gap in their numbers.
fn read_names(connection: &Connection, sql: &str) -> rusqlite::Result<Option<Names>> {
    let mut names = Names::default();
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let number: u32 = row.get(0)?;
        if names.next() != Some(number) {
            return Ok(None);
        }
        names.push(row.get_ref(1)?.as_str()?, number);
    }
    Ok(Some(names))
}

/// Reads all devices; the inner error says what contradicts itself.
fn read_devices(
    connection: &Connection,
    names: &Names,
    rule: Inventory,
) -> rusqlite::Result<Result<(Resident, Option<Folded>), String>> {
    let count: u32 = connection.query_row("SELECT coalesce(max(id), 0) FROM device", [], |row| row.get(0))?;
    let room = usize::try_from(count).unwrap_or(0);
    let mut devices = Resident::with_room(room);
    let mut folded = (rule == Inventory::Required).then(|| Folded::with_room(room));
    let mut statement = connection
        .prepare("SELECT id, manufacturer, model, serial_number, source IS NOT NULL FROM device ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let number: u32 = row.get(0)?;
        let (Some(manufacturer), Some(model)) = (names.text(row.get(1)?), names.text(row.get(2)?)) else {
            return Ok(Err(format!("device {number} has no manufacturer or no model")));
        };
        let serial_number = row.get_ref(3)?.as_str()?;
        let print = devices.print_of(manufacturer, model, serial_number);
        if let Some(other) = devices.find(print) {
            return Ok(Err(format!("devices {other} and {number} are the same one")));
        }
        let known = Known { inventory: row.get(4)?, ..Known::default() };
        if devices.insert(print, known) != Some(number) {
            return Ok(Err(format!("a device before device {number} is missing")));
        }
        if let Some(folded) = folded.as_mut().filter(|_| known.inventory) {
            folded.add(manufacturer, model, serial_number, number);
        }
    }
    if let Some(folded) = &mut folded {
        folded.settle();
    }
    Ok(Ok((devices, folded)))
}
