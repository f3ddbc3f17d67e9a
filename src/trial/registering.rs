//! What becomes of a device that was asked for: the service's verdicts, and when they take effect.
//!
//! Nothing runs in the background. Each device of a job has its time on record, and whoever asks next has all whose
//! time has come settled first, in the order of their times; nobody can tell that from a service at work, and a
//! service that was killed goes on where it was.

use std::time::Duration;

use devicedrop_core::device::{Device, Sha256};
use devicedrop_core::oa3;
use devicedrop_core::time::Timestamp;

use super::desk::Desk;
use super::store::{Asked, Claim, Item, Session, Trouble};

/// Devices that are settled in one step.
const STEP: i64 = 1_000;

/// Why a device isn't registered: a code of the Device Directory Service and its name. The codes and their reasons
/// stood in the first drafts of "Register devices in Microsoft Managed Desktop", and the same in
/// <https://oofhours.com/2019/07/07/what-happens-when-you-register-a-device-with-windows-autopilot>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DeviceError {
    pub(super) code: i64,
    pub(super) name: &'static str,
}

/// The hardware hash isn't one, or doesn't name manufacturer and serial number.
pub(super) const BAD_HASH: DeviceError = DeviceError { code: 802, name: "InvalidZtdHardwareHash" };
/// Nothing that identifies a device was sent.
pub(super) const NOTHING_TO_GO_BY: DeviceError =
    DeviceError { code: 803, name: "MissingZtdSerialNumberAndProductKey" };
/// This tenant has it.
pub(super) const ALREADY_ASSIGNED: DeviceError = DeviceError { code: 806, name: "ZtdDeviceAlreadyAssigned" };
/// Another tenant has it.
pub(super) const OTHER_TENANT: DeviceError = DeviceError { code: 808, name: "ZtdDeviceAssignedToOtherTenant" };
/// No device of this manufacturer, model and serial number is known.
pub(super) const NOT_FOUND: DeviceError = DeviceError { code: 812, name: "ZtdDeviceNotFound" };

/// A device that can be told from all others.
#[derive(Debug, PartialEq, Eq)]
struct Identified {
    identity: String,
    /// What is known of it.
    device: Asked,
    /// Whether the supplier must know it: a hash or a product key is proof enough by itself.
    must_be_stocked: Option<Device>,
}

/// Finds out which device is meant. The ways to name one are those of Partner Center's "Upload a list of devices":
/// a hardware hash, a product key, or serial number, manufacturer and model together.
fn identify(asked: &Asked, any_hash: bool) -> Result<Identified, DeviceError> {
    if let Some(text) = &asked.hardware_hash {
        return by_hash(asked, text, any_hash);
    }
    if let (Some(manufacturer), Some(model), Some(serial_number)) =
        (&asked.manufacturer, &asked.model, &asked.serial_number)
    {
        let device =
            Device { manufacturer: manufacturer.clone(), model: model.clone(), serial_number: serial_number.clone() };
        let identity = tuple(manufacturer, model, serial_number);
        return Ok(Identified { identity, device: asked.clone(), must_be_stocked: Some(device) });
    }
    let key = asked.product_key.as_ref().ok_or(NOTHING_TO_GO_BY)?;
    Ok(Identified { identity: format!("key\u{1f}{key}"), device: asked.clone(), must_be_stocked: None })
}

/// "Manually register devices with Windows Autopilot" has it that a hash without manufacturer or serial number in it
/// isn't valid.
fn by_hash(asked: &Asked, text: &str, any_hash: bool) -> Result<Identified, DeviceError> {
    let hash = oa3::check(text).map_err(|_| BAD_HASH)?;
    let mut device = asked.clone();
    let manufacturer = hash.manufacturer.or(device.manufacturer.take());
    let serial_number = hash.serial_number.or(device.serial_number.take());
    let model = hash.model.or(device.model.take()).unwrap_or_default();
    let identity = match (&manufacturer, &serial_number) {
        (Some(manufacturer), Some(serial_number)) => tuple(manufacturer, &model, serial_number),
        _ if any_hash => format!("hash\u{1f}{}", Sha256::of(text.as_bytes())),
        _ => return Err(BAD_HASH),
    };
    device.manufacturer = manufacturer;
    device.serial_number = serial_number;
    device.model = Some(model).filter(|model| !model.is_empty());
    Ok(Identified { identity, device, must_be_stocked: None })
}

/// What no two devices named by all three have in common.
pub(super) fn tuple(manufacturer: &str, model: &str, serial_number: &str) -> String {
    format!("tuple\u{1f}{manufacturer}\u{1f}{model}\u{1f}{serial_number}")
}

/// When the devices of a job take effect: the first quarter of the latency it waits in the queue, then one device
/// follows the other until it is over.
pub(super) fn due(accepted_at: Timestamp, latency: Duration, index: usize, of: usize) -> Timestamp {
    let queued = latency / 4;
    let (index, of) = (u32::try_from(index).unwrap_or(u32::MAX), u32::try_from(of.max(1)).unwrap_or(u32::MAX));
    let share = latency.saturating_sub(queued).mul_f64((f64::from(index) + 1.0) / f64::from(of));
    accepted_at.plus(queued).plus(share)
}

/// Has all devices take effect whose time has come.
pub(super) fn settle_all(desk: &Desk<'_>) -> Result<(), Trouble> {
    loop {
        let due = desk.session.due(desk.now, STEP)?;
        if due.is_empty() {
            return Ok(());
        }
        for item in due {
            settle(desk, &item)?;
        }
    }
}

fn settle(desk: &Desk<'_>, item: &Item) -> Result<(), Trouble> {
    let by_script = item.asked.serial_number.as_deref().and_then(|serial_number| desk.watch.of_device(serial_number));
    if let Some((code, name)) = by_script {
        return desk.session.settle(item.id, None, Some((code, &name)));
    }
    match register(desk.session, desk.settings.open, desk.settings.any_hash, item, &desk.clock.new_guid())? {
        Ok(registration) => desk.session.settle(item.id, Some(registration), None),
        Err(error) => desk.session.settle(item.id, None, Some((error.code, error.name))),
    }
}

fn register(
    session: &Session<'_>,
    open: bool,
    any_hash: bool,
    item: &Item,
    guid: &str,
) -> Result<Result<i64, DeviceError>, Trouble> {
    let identified = match identify(&item.asked, any_hash) {
        Ok(identified) => identified,
        Err(error) => return Ok(Err(error)),
    };
    if let Some(device) = &identified.must_be_stocked
        && !open
        && !session.is_stocked(device)?
    {
        return Ok(Err(NOT_FOUND));
    }
    if let Some(holder) = session.holder(&identified.identity)? {
        return Ok(Err(if holder.tenant == item.tenant { ALREADY_ASSIGNED } else { OTHER_TENANT }));
    }
    let claim = Claim {
        guid,
        at: item.due_at,
        tenant: &item.tenant,
        identity: &identified.identity,
        device: &identified.device,
        item: item.id,
    };
    session.register(&claim).map(Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_no_device_is_refused_by_its_reason() {
        let text = |text: &str| Some(text.to_owned());
        let tuple = Asked { manufacturer: text("A"), model: text("B"), serial_number: text("C"), ..Asked::default() };
        for (asked, expected) in [
            (Asked::default(), Err(NOTHING_TO_GO_BY)),
            (Asked { serial_number: text("C"), ..Asked::default() }, Err(NOTHING_TO_GO_BY)),
            (Asked { hardware_hash: text("DummyHash123"), ..tuple.clone() }, Err(BAD_HASH)),
            (Asked { hardware_hash: text("T0EA"), ..Asked::default() }, Err(BAD_HASH)),
            (Asked { product_key: text("K"), ..Asked::default() }, Ok("key\u{1f}K")),
            (tuple, Ok("tuple\u{1f}A\u{1f}B\u{1f}C")),
        ] {
            let found = identify(&asked, false).map(|found| found.identity);
            assert_eq!(found, expected.map(ToOwned::to_owned), "{asked:?}");
        }
    }

    #[test]
    fn one_device_of_a_job_follows_the_other() {
        let start = Timestamp::from_unix_ms(1_000_000);
        let at = |index| due(start, Duration::from_secs(8), index, 3).since(start);
        assert_eq!([at(0), at(1), at(2)], [Duration::from_secs(4), Duration::from_secs(6), Duration::from_secs(8)]);
        assert_eq!(due(start, Duration::ZERO, 0, 1), start);
    }
}
