//! Devices in use: seen, unseen, given up.

use devicedrop_core::device::Device;
use devicedrop_core::ids::{CustomerKey, RegistrationId};
use devicedrop_core::state::{self, Event, State};
use devicedrop_core::time::Timestamp;
use rusqlite::params;

use super::super::command::NewAction;
use super::super::entries::Told;
use super::super::holder;
use super::super::transaction::{Stop, Transaction};
use super::attempts::standing;

impl Transaction<'_> {
    pub(in crate::ledger) fn seen(
        &mut self,
        devices: Vec<(RegistrationId, Timestamp)>,
        at: Timestamp,
    ) -> Result<(), Stop> {
        for (registration, last_seen) in devices {
            let now = *standing(&self.standings(&[registration])?, registration)?;
            let newest = now.last_seen.unwrap_or(i64::MIN).max(last_seen.unix_ms());
            if now.state == State::Active {
                self.db
                    .prepare_cached("UPDATE present SET last_seen = ?2 WHERE registration = ?1")?
                    .execute([registration.get(), newest])?;
                continue;
            }
            let change = state::next(Some(now.state), Event::Seen)?;
            let told = Told { last_seen: Some(last_seen.unix_ms()), ..Told::default() };
            self.used(registration, change, &told, newest, at)?;
        }
        Ok(())
    }

    pub(in crate::ledger) fn unseen(&mut self, devices: Vec<RegistrationId>, at: Timestamp) -> Result<(), Stop> {
        for registration in devices {
            let now = *standing(&self.standings(&[registration])?, registration)?;
            let change = state::next(Some(now.state), Event::Unseen)?;
            let told = Told { last_seen: now.last_seen, ..Told::default() };
            self.used(registration, change, &told, now.last_seen.unwrap_or(at.unix_ms()), at)?;
        }
        Ok(())
    }

    fn used(
        &mut self,
        registration: RegistrationId,
        change: state::Transition,
        told: &Told<'_>,
        last_seen: i64,
        at: Timestamp,
    ) -> Result<(), Stop> {
        let entry = self.enter_transition(at, registration.get(), change, told)?;
        self.db
            .prepare_cached(
                "UPDATE present SET state = ?2, error = NULL, entry = ?3, last_seen = ?4 WHERE registration = ?1",
            )?
            .execute(params![registration.get(), change.to.number(), entry, last_seen])?;
        Ok(())
    }

    pub(in crate::ledger) fn release(
        &mut self,
        customer: CustomerKey,
        device: Device,
        actor: String,
        at: Timestamp,
    ) -> Result<Option<RegistrationId>, Stop> {
        let Some(held) = holder::of(self.db, &customer, &device)? else { return Ok(None) };
        let action = self.record.next;
        self.act(NewAction {
            at,
            actor,
            action: "release".to_owned(),
            subject: Some(format!("registration {}", held.registration)),
            reason: None,
        })?;
        self.db
            .prepare_cached("UPDATE present SET released = ?2 WHERE registration = ?1")?
            .execute([held.registration.get(), action])?;
        Ok(Some(held.registration))
    }
}
