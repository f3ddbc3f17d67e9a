//! When devices were used: by the last successful sync with Intune (`managedDevice.lastSyncDateTime`) and, for devices
//! that are enrolled, by their last contact (`windowsAutopilotDeviceIdentity.lastContactedDateTime`).
//!
//! Neither list tells what is new in it, and a tenant whose data comes late would be passed over by a cursor that is a
//! time. So what was told of each device is remembered, and told again only when it changed; whoever comes with another
//! cursor than the last one, as after a start, is told everything anew, which is harmless. The cursor is the time of
//! the latest use told, in milliseconds, and always moves on.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::PoisonError;

use devicedrop_core::device::Device;
use devicedrop_core::ids::CustomerKey;
use devicedrop_core::registrar::{Activity, Trouble};
use devicedrop_core::time::Timestamp;

use super::Graph;
use super::wire::{Identity, Managed};

/// Times before this one (2000-01-01) are none: what never was is written as `0001-01-01T00:00:00Z`.
const NEVER_MS: i64 = 946_684_800_000;

/// What was told, and what is to be.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// The cursor that was given last.
    cursor: Option<u64>,
    /// By a print of customer and device: the latest use told.
    told: HashMap<u64, i64>,
    /// Found and not yet told, in the order of their times.
    waiting: VecDeque<Activity>,
}

impl Graph {
    pub(super) async fn uses(&self, after: u64, limit: usize) -> Result<(Vec<Activity>, u64), Trouble> {
        let mut uses = self.uses.lock().await;
        if uses.cursor != Some(after) {
            *uses = Uses { cursor: Some(after), ..Uses::default() };
        }
        if uses.waiting.is_empty() {
            let found = self.look().await?;
            uses.take(found);
        }
        Ok(uses.tell(after, limit))
    }

    /// The uses that every customer's tenant knows of. One tenant's trouble doesn't hold up the others; the trouble is
    /// everybody's when no tenant could be asked.
    async fn look(&self) -> Result<Vec<Activity>, Trouble> {
        let mut found = Vec::new();
        let mut trouble = None;
        let mut asked = false;
        let mut unheard = Vec::new();
        for customer in (self.customers)() {
            let Some(tenant) = (self.tenant_of)(&customer) else { continue };
            match self.look_in(&tenant, &customer).await {
                Ok(uses) => {
                    asked = true;
                    found.extend(uses);
                }
                Err(why) => {
                    tracing::warn!(customer = %customer, why = %why, "a tenant can't be asked for uses of devices");
                    unheard.push((customer, why.to_string()));
                    trouble.get_or_insert(why);
                }
            }
        }
        *self.unheard.lock().unwrap_or_else(PoisonError::into_inner) = unheard;
        match trouble {
            Some(trouble) if !asked => Err(trouble),
            _ => Ok(found),
        }
    }

    async fn look_in(&self, tenant: &str, customer: &CustomerKey) -> Result<Vec<Activity>, Trouble> {
        let mut managed: HashMap<Device, i64> = HashMap::new();
        let mut by_id: HashMap<String, i64> = HashMap::new();
        let url = self.collection(&["managedDevices"]);
        self.list(tenant, url, |one: Managed| {
            if let Some(at) = one.last_sync_date_time.as_deref().and_then(time) {
                if let Some(id) = &one.id {
                    by_id.insert(id.clone(), at);
                }
                if let Some(device) = device(one.manufacturer, one.model, one.serial_number) {
                    keep_latest(&mut managed, device, at);
                }
            }
            false
        })
        .await?;
        let mut identities: Vec<Identity> = Vec::new();
        let url = self.collection(&["windowsAutopilotDeviceIdentities"]);
        self.list(tenant, url, |identity: Identity| {
            identities.push(identity);
            false
        })
        .await?;
        for identity in identities {
            let Some((device, at)) = used(identity, &by_id) else { continue };
            keep_latest(&mut managed, device, at);
        }
        let customer = customer.clone();
        let activity = move |(device, at)| Activity {
            customer: customer.clone(),
            device,
            last_seen: Timestamp::from_unix_ms(at),
        };
        Ok(managed.into_iter().map(activity).collect())
    }
}

impl Uses {
    /// Takes what was found that isn't told yet.
    fn take(&mut self, found: Vec<Activity>) {
        let told = &self.told;
        let news = |one: &Activity| told.get(&print(one)).is_none_or(|known| *known < one.last_seen.unix_ms());
        let mut news: Vec<Activity> = found.into_iter().filter(news).collect();
        news.sort_by(|a, b| {
            (a.last_seen, &a.customer, &a.device.serial_number).cmp(&(
                b.last_seen,
                &b.customer,
                &b.device.serial_number,
            ))
        });
        self.waiting = news.into();
    }

    /// Tells the next ones, and the cursor to go on from.
    fn tell(&mut self, after: u64, limit: usize) -> (Vec<Activity>, u64) {
        let count = limit.min(self.waiting.len());
        let next: Vec<Activity> = self.waiting.drain(..count).collect();
        let cursor = match next.last() {
            None => after,
            Some(last) => u64::try_from(last.last_seen.unix_ms()).unwrap_or(0).max(after.saturating_add(1)),
        };
        self.told.extend(next.iter().map(|one| (print(one), one.last_seen.unix_ms())));
        self.cursor = Some(cursor);
        (next, cursor)
    }
}

/// A registered device's use, if it is enrolled or is known to Intune under the ID of its managed device.
fn used(identity: Identity, by_id: &HashMap<String, i64>) -> Option<(Device, i64)> {
    let synced = identity.managed_device_id.as_ref().and_then(|id| by_id.get(id)).copied();
    let enrolled = identity.enrollment_state.as_deref().is_some_and(|state| state.eq_ignore_ascii_case("enrolled"));
    let contacted = identity.last_contacted_date_time.as_deref().and_then(time).filter(|_| enrolled);
    let at = synced.max(contacted)?;
    Some((device(identity.manufacturer, identity.model, Some(identity.serial_number))?, at))
}

fn device(manufacturer: Option<String>, model: Option<String>, serial_number: Option<String>) -> Option<Device> {
    Some(Device { manufacturer: manufacturer?, model: model?, serial_number: serial_number? })
}

fn keep_latest(known: &mut HashMap<Device, i64>, device: Device, at: i64) {
    let latest = known.entry(device).or_insert(at);
    *latest = (*latest).max(at);
}

/// A time as Graph writes it, in milliseconds; none where it stands for "never".
fn time(text: &str) -> Option<i64> {
    let at = text.parse::<Timestamp>().ok()?.unix_ms();
    (at >= NEVER_MS).then_some(at)
}

fn print(one: &Activity) -> u64 {
    let mut hasher = DefaultHasher::new();
    (one.customer.as_str(), &one.device.manufacturer, &one.device.model, &one.device.serial_number).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity(serial: &str, at: i64) -> Activity {
        Activity {
            customer: CustomerKey::parse("fabrikam").expect("a key"),
            device: device(Some("m".into()), Some("o".into()), Some(serial.into())).expect("a device"),
            last_seen: Timestamp::from_unix_ms(at),
        }
    }

    #[test]
    fn what_is_known_late_is_told_all_the_same_and_nothing_twice() {
        let mut uses = Uses::default();
        uses.take(vec![activity("b", 2_000), activity("a", 1_000)]);
        let (told, cursor) = uses.tell(0, 1);
        assert_eq!((told, cursor), (vec![activity("a", 1_000)], 1_000));
        let (told, cursor) = uses.tell(cursor, 10);
        assert_eq!((told, cursor), (vec![activity("b", 2_000)], 2_000));
        uses.take(vec![activity("b", 2_000), activity("a", 1_000), activity("late", 1_500)]);
        let (told, cursor) = uses.tell(cursor, 10);
        assert_eq!((told, cursor), (vec![activity("late", 1_500)], 2_001), "the cursor moves on all the same");
        assert_eq!(uses.tell(cursor, 10), (vec![], 2_001));
    }

    #[test]
    fn never_is_no_time() {
        assert_eq!(time("0001-01-01T00:00:00Z"), None);
        assert_eq!(time("2016-12-31T23:58:44.2908994-08:00"), Some(1_483_257_524_290));
        assert_eq!(time("yesterday"), None);
    }
}
