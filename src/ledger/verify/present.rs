//! Where each registration stands, worked out from the record, and compared with what is kept of it.

use devicedrop_core::ids::RegistrationId;
use devicedrop_core::state::State;
use rusqlite::{Row, params};

use super::super::error::ReadError;
use super::super::reader::{all, one};
use super::finding::Finding;
use super::{PIECE, Part, Progress, Verifier, Watch};

/// A registration, with what is kept of it (`p`), and its last entry that moved it: an
/// outcome (`o`) or a transition (`t`), whichever is later. `places` is in how many of its submission's ranges it
/// stands.
const COMPARED: &str = "
  SELECT r.id,
    p.state, p.error, p.entry, p.attempts, p.generation, p.last_seen, p.released, p.customer, s.customer,
    o.id, o.outcome, o.error, t.id, t.to_state, t.error,
    (SELECT count(*) FROM attempt a WHERE a.registration = r.id),
    1 + (SELECT count(*) FROM attempt a JOIN outcome e ON e.attempt = a.id
      WHERE a.registration = r.id AND e.outcome = 6)
      - (SELECT count(*) FROM transition g WHERE g.registration = r.id AND g.cause = 7),
    (SELECT max(u.last_seen) FROM transition u WHERE u.registration = r.id),
    (SELECT count(*) FROM range x WHERE x.submission = r.submission AND r.id BETWEEN x.first AND x.last),
    EXISTS (SELECT 1 FROM attempt a JOIN outcome e ON e.attempt = a.id WHERE a.registration = r.id)
  FROM registration r
  JOIN submission s ON s.id = r.submission
  LEFT JOIN present p ON p.registration = r.id
  LEFT JOIN outcome o ON o.id = (SELECT max(e.id) FROM attempt a JOIN outcome e ON e.attempt = a.id
    WHERE a.registration = r.id AND e.outcome IN (1, 2, 3))
  LEFT JOIN transition t ON t.id = (SELECT max(e.id) FROM transition e WHERE e.registration = r.id)
  WHERE r.id BETWEEN ?1 AND ?2
  ORDER BY r.id";

/// Where a registration stands.
#[derive(Debug, PartialEq, Eq)]
struct Standing {
    state: i64,
    error: Option<i64>,
    entry: i64,
    attempts: i64,
}

struct Compared {
    registration: i64,
    kept: Option<Standing>,
    given: Standing,
    generation: Option<(i64, i64)>,
    last_seen: (Option<i64>, Option<i64>),
    released: Option<i64>,
    customer: Option<(i64, i64)>,
    places: i64,
    /// Whether an attempt has ended.
    ended: bool,
}

fn compared(row: &Row<'_>) -> rusqlite::Result<Compared> {
    let registration: i64 = row.get(0)?;
    let attempts = row.get(16)?;
    let outcome: Option<i64> = row.get(10)?;
    let transition: Option<i64> = row.get(13)?;
    let given = match (outcome, transition) {
        (None, None) => Standing { state: State::Pending.number(), error: None, entry: registration, attempts },
        (Some(entry), transition) if transition.is_none_or(|transition| transition < entry) => {
            let state = if row.get::<_, i64>(11)? == 3 { State::Failed } else { State::Ready };
            Standing { state: state.number(), error: row.get(12)?, entry, attempts }
        }
        (_, entry) => {
            Standing { state: row.get(14)?, error: row.get(15)?, entry: entry.unwrap_or(registration), attempts }
        }
    };
    let kept: Option<i64> = row.get(1)?;
    let kept = match kept {
        None => None,
        Some(state) => Some(Standing { state, error: row.get(2)?, entry: row.get(3)?, attempts: row.get(4)? }),
    };
    let there = kept.is_some();
    Ok(Compared {
        registration,
        kept,
        given,
        generation: if there { Some((row.get(5)?, row.get(17)?)) } else { None },
        last_seen: (row.get(6)?, row.get(18)?),
        released: row.get(7)?,
        customer: if there { Some((row.get(8)?, row.get(9)?)) } else { None },
        places: row.get(19)?,
        ended: row.get(20)?,
    })
}

/// Compares all of them. Returns how many; none when `watch` stopped it.
pub(super) fn check(verifier: &mut Verifier, watch: Watch<'_>) -> Result<Option<u64>, ReadError> {
    let last: i64 =
        one(&verifier.db, "SELECT coalesce(max(id), 0) FROM registration", [], |row| row.get(0))?.unwrap_or(0);
    let of = u64::try_from(last).unwrap_or(0);
    let (mut first, mut count) = (1, 0);
    while first <= last {
        let end = first.saturating_add(PIECE - 1);
        // One statement is one transaction: what it sees fits together.
        let piece = all(&verifier.db, COMPARED, params![first, end], compared)?;
        for compared in &piece {
            count += 1;
            compare(verifier, compared)?;
        }
        first = end + 1;
        let done = u64::try_from(end.min(last)).unwrap_or(0);
        if !watch(Progress { part: Part::States, done, of }) {
            return Ok(None);
        }
    }
    strays(verifier)?;
    Ok(Some(count))
}

fn compare(verifier: &mut Verifier, compared: &Compared) -> Result<(), ReadError> {
    let Some(registration) = RegistrationId::new(compared.registration) else { return Ok(()) };
    let mut tell = |what, kept: String, given: String| {
        verifier.tell(Finding::Present { registration, what, kept, given });
    };
    let number = |number: Option<i64>| number.map_or_else(|| "nothing".to_owned(), |number| number.to_string());
    let given = &compared.given;
    match &compared.kept {
        // Pending, and never attempted or under way for the first time: nothing needs to be kept.
        None if given.state == State::Pending.number() && given.attempts <= 1 && !compared.ended => {}
        None => tell("state", "nothing".to_owned(), state(given.state)),
        Some(kept) => {
            if kept.state != given.state {
                tell("state", state(kept.state), state(given.state));
            } else if kept.error != given.error {
                tell("error", number(kept.error), number(given.error));
            } else if kept.entry != given.entry {
                tell("last entry", kept.entry.to_string(), given.entry.to_string());
            } else if kept.attempts != given.attempts {
                tell("number of attempts", kept.attempts.to_string(), given.attempts.to_string());
            }
        }
    }
    if let Some((kept, given)) = compared.generation.filter(|(kept, given)| kept != given) {
        tell("generation", kept.to_string(), given.to_string());
    }
    if let Some((kept, given)) = compared.customer.filter(|(kept, given)| kept != given) {
        tell("customer", kept.to_string(), given.to_string());
    }
    // A device in use is seen again and again; only the first time moves it and is on record.
    if compared.kept.is_some() && compared.last_seen.0 < compared.last_seen.1 {
        tell("last time in use", number(compared.last_seen.0), number(compared.last_seen.1));
    }
    if compared.places != 1 {
        tell("place among its submission's", compared.places.to_string(), "one".to_owned());
    }
    if let Some(action) = compared.released
        && !released(verifier, compared.registration, action)?
    {
        verifier.tell(Finding::Present {
            registration,
            what: "release",
            kept: format!("entry {action}"),
            given: "none".to_owned(),
        });
    }
    Ok(())
}

fn state(number: i64) -> String {
    State::ALL
        .iter()
        .find(|state| state.number() == number)
        .map_or_else(|| number.to_string(), |state| state.code().to_owned())
}

/// Whether this action gave the registration's device up.
fn released(verifier: &Verifier, registration: i64, action: i64) -> Result<bool, ReadError> {
    let found = one(
        &verifier.db,
        "SELECT 1 FROM action WHERE id = ? AND action = 'release' AND subject = ?",
        params![action, format!("registration {registration}")],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// What is kept of registrations that there aren't, and releases on record that aren't kept.
fn strays(verifier: &mut Verifier) -> Result<(), ReadError> {
    let strays: Vec<i64> = all(
        &verifier.db,
        "SELECT p.registration FROM present p LEFT JOIN registration r ON r.id = p.registration
         WHERE r.id IS NULL LIMIT 100",
        [],
        |row| row.get(0),
    )?;
    for registration in strays.into_iter().filter_map(RegistrationId::new) {
        verifier.tell(Finding::Present {
            registration,
            what: "state",
            kept: "something".to_owned(),
            given: "no such registration".to_owned(),
        });
    }
    let kept: Vec<i64> = all(
        &verifier.db,
        "SELECT r.id FROM action a JOIN registration r ON r.id = CAST(substr(a.subject, 14) AS INTEGER)
         LEFT JOIN present p ON p.registration = r.id
         WHERE a.action = 'release' AND a.subject GLOB 'registration [0-9]*' AND p.released IS NULL LIMIT 100",
        [],
        |row| row.get(0),
    )?;
    for registration in kept.into_iter().filter_map(RegistrationId::new) {
        verifier.tell(Finding::Present {
            registration,
            what: "release",
            kept: "nothing".to_owned(),
            given: "one".to_owned(),
        });
    }
    Ok(())
}
