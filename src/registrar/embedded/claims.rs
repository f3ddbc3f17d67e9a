//! Claims: what a request gets for an answer, what became of one, and giving a claim up.

use devicedrop_core::device::Device;
use devicedrop_core::near::Near;
use devicedrop_core::registrar::{Answer, HashMismatch, Knowledge, Request, Verdict};
use devicedrop_core::state::ErrorCode;
use devicedrop_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::memory::Memory;
use super::resident::Known;
use super::store::Store;
use super::{Inventory, RegistryError, Released, Settings};

/// What a request leads to.
enum Judgement {
    /// Nothing changes.
    Settled(Verdict),
    /// The device becomes the customer's.
    Claim(Option<HashMismatch>),
}

impl Store {
    /// Claims devices in the order of `requests`, all in one transaction.
    pub(super) fn register(&mut self, requests: &[Request]) -> Result<Vec<Answer>, RegistryError> {
        self.write("claim devices", |connection, memory, settings| {
            let at = (settings.now)().unix_ms();
            // In a pass of its own: look-ups that don't wait for one another overlap their cache misses.
            let found: Vec<_> = requests.iter().map(|request| memory.find(&request.device)).collect();
            let mut insert = connection
                .prepare_cached("INSERT INTO claim (id, device, customer, key, at) VALUES (?1, ?2, ?3, ?4, ?5)")?;
            let mut answers = Vec::with_capacity(requests.len());
            for (request, (print, number)) in requests.iter().zip(found) {
                // A row before this one may have made the device known.
                let number = number.or_else(|| memory.devices.find(print));
                let warning = match judge(connection, memory, settings, request, number)? {
                    Judgement::Settled(verdict) => {
                        answers.push(Answer::bare(verdict));
                        continue;
                    }
                    Judgement::Claim(warning) => warning,
                };
                let number = match number {
                    Some(number) => number,
                    None => memory.add_device(connection, &request.device, print, None)?,
                };
                let customer = memory.customer_number(connection, &request.customer)?;
                let claim = memory.claims.checked_add(1).ok_or(super::memory::Refused::Full)?;
                insert.execute((claim, number, customer, request.key.as_bytes(), at))?;
                memory.claims = claim;
                if let Some(known) = memory.devices.get_mut(number) {
                    known.claim = claim;
                    known.customer = customer;
                }
                answers.push(Answer::bare(Verdict::Registered { warning }));
            }
            Ok(answers)
        })
    }

    /// Tells what requests lead to, without doing it. Two rows of one device don't know of one another.
    pub(super) fn rehearse(&mut self, requests: &[Request]) -> Result<Vec<Verdict>, RegistryError> {
        self.read(|connection, memory, settings| {
            let verdict = |request: &Request| {
                let (_, number) = memory.find(&request.device);
                Ok(match judge(connection, memory, settings, request, number)? {
                    Judgement::Settled(verdict) => verdict,
                    Judgement::Claim(warning) => Verdict::Registered { warning },
                })
            };
            requests.iter().map(verdict).collect()
        })
    }

    /// Tells what became of requests.
    ///
    /// A claim by another request, or of another customer, says that this one had no effect: sent again, it gets
    /// the answer that it would have got.
    pub(super) fn inquire(&mut self, requests: &[Request]) -> Result<Vec<Knowledge>, RegistryError> {
        self.read(|connection, memory, settings| {
            let knowledge = |request: &Request| {
                let known = memory.find(&request.device).1.and_then(|number| memory.devices.get(number));
                Ok(match known {
                    Some(known) if holds(connection, memory, request, known)? => {
                        let warning = judge_hash(settings, request).unwrap_or(None);
                        Knowledge::Answered(Answer::bare(Verdict::Registered { warning }))
                    }
                    _ => Knowledge::Unknown,
                })
            };
            requests.iter().map(knowledge).collect()
        })
    }

    /// Gives the claim of a device up.
    pub(super) fn release(&mut self, device: &Device, actor: &str) -> Result<Released, RegistryError> {
        self.ready()?;
        let found = self.read(|connection, memory, _| {
            let Some(number) = memory.find(device).1 else { return Ok(None) };
            let Some(known) = memory.devices.get(number).filter(|known| known.claim != 0) else {
                return Ok(Some(None));
            };
            let at = connection
                .prepare_cached("SELECT at FROM claim WHERE id = ?1")?
                .query_row([known.claim], |row| row.get(0))?;
            Ok(Some(memory.customer(known.customer).map(|customer| (number, known.claim, customer, at))))
        })?;
        let (number, claim, customer, at) = found
            .ok_or_else(|| RegistryError::UnknownDevice { device: Box::new(device.clone()) })?
            .ok_or_else(|| RegistryError::NotClaimed { device: Box::new(device.clone()) })?;
        self.write("give a claim up", |connection, memory, settings| {
            connection.prepare_cached("INSERT INTO release (claim, at, actor) VALUES (?1, ?2, ?3)")?.execute((
                claim,
                (settings.now)().unix_ms(),
                actor,
            ))?;
            if let Some(known) = memory.devices.get_mut(number) {
                known.claim = 0;
                known.customer = 0;
            }
            Ok(())
        })?;
        Ok(Released { customer, device: device.clone(), claimed_at: Timestamp::from_unix_ms(at) })
    }
}

/// Decides on one request. `number` is its device's, if the registry knows it.
fn judge(
    connection: &Connection,
    memory: &Memory,
    settings: &Settings,
    request: &Request,
    number: Option<u32>,
) -> rusqlite::Result<Judgement> {
    let known = number.and_then(|number| memory.devices.get(number)).unwrap_or_default();
    // The answer to a repeated request stays what it was, whatever was configured since.
    let repeated = holds(connection, memory, request, known)?;
    let findable = repeated || known.claim != 0 || known.inventory || settings.inventory == Inventory::Open;
    let refused = |error, detail| Judgement::Settled(Verdict::Refused { error, detail, near: None });
    if !findable {
        let near = nearest(connection, memory, &request.device)?;
        return Ok(Judgement::Settled(Verdict::Refused { error: ErrorCode::DeviceNotFound, detail: None, near }));
    }
    let warning = match judge_hash(settings, request) {
        Ok(warning) => warning,
        Err(_) if repeated => None,
        Err(detail) => return Ok(refused(ErrorCode::HardwareHashNotValid, Some(detail))),
    };
    Ok(if repeated {
        Judgement::Settled(Verdict::Registered { warning })
    } else if known.claim == 0 {
        Judgement::Claim(warning)
    } else if Some(known.customer) == memory.customers.number(request.customer.as_str()) {
        Judgement::Settled(Verdict::AlreadyRegistered)
    } else {
        refused(ErrorCode::DeviceClaimedByAnotherOrganization, None)
    })
}

/// Devices that are compared for one row; there are more only if somebody made them so.
const COMPARED: usize = 16;

/// What lies between a device and the one of the inventory that is nearest to it, if any is near.
///
/// Whether that one is claimed, and by whom, changes nothing: nobody learns more than where to look in his own row.
fn nearest(connection: &Connection, memory: &Memory, device: &Device) -> rusqlite::Result<Option<Near>> {
    let Some(folded) = &memory.folded else { return Ok(None) };
    let mut nearest: Option<Near> = None;
    for number in folded.like(device).take(COMPARED) {
        let near = Near::between(device, &known_device(connection, memory, number)?);
        nearest = [nearest, near].into_iter().flatten().min_by_key(Near::count);
    }
    Ok(nearest)
}

/// The device with this number.
fn known_device(connection: &Connection, memory: &Memory, number: u32) -> rusqlite::Result<Device> {
    let name = |number| memory.names.text(number).unwrap_or_default().to_owned();
    connection
        .prepare_cached("SELECT manufacturer, model, serial_number FROM device WHERE id = ?1")?
        .query_row([number], |row| {
            Ok(Device { manufacturer: name(row.get(0)?), model: name(row.get(1)?), serial_number: row.get(2)? })
        })
}

/// Whether the device's claim came from this very request.
fn holds(connection: &Connection, memory: &Memory, request: &Request, known: Known) -> rusqlite::Result<bool> {
    if known.claim == 0 || Some(known.customer) != memory.customers.number(request.customer.as_str()) {
        return Ok(false);
    }
    let key: Option<[u8; 32]> = connection
        .prepare_cached("SELECT key FROM claim WHERE id = ?1")?
        .query_row([known.claim], |row| row.get(0))
        .optional()?;
    Ok(key.as_ref() == Some(request.key.as_bytes()))
}

fn judge_hash(settings: &Settings, request: &Request) -> Result<Option<HashMismatch>, String> {
    request.hardware_hash.as_ref().map_or(Ok(None), |hash| (settings.hash_check)(hash, &request.device))
}
