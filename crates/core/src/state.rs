//! The states of a registration, the errors it can have, and the one function that moves it.
//!
//! Live code, replay of the record and the tests all call [`next`]; the ledger's schema refuses what it refuses.

use serde::{Deserialize, Serialize};

/// Defines an enum with stable codes: a number for the ledger's tables and a word for its views and for machines.
macro_rules! coded {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $number:literal, $word:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The number that stands for it in the ledger's tables. Never changed.
            pub fn number(self) -> i64 {
                match self { $(Self::$variant => $number),* }
            }

            /// The one with this number.
            pub fn from_number(number: i64) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }

            /// The word that stands for it in the ledger's views, in `--json` and in results for machines.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// The one with this word.
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.code())
            }
        }
    };
}

coded! {
    /// Where a registration stands.
    State {
        /// Not done yet.
        Pending = 1, "registration_pending";
        /// Could not be completed; the error says why.
        Failed = 2, "registration_failed";
        /// Registered; the device can be delivered.
        Ready = 3, "ready_for_user";
        /// Registered, and used within the last days.
        Active = 4, "active";
        /// Registered and used, but not within the last days.
        Inactive = 5, "inactive";
    }
}

coded! {
    /// Why a registration failed, or what is to be said of it. The first five are the service's own.
    ErrorCode {
        /// No device with this manufacturer, model and serial number is known.
        DeviceNotFound = 1, "device_not_found";
        /// The hardware hash isn't one.
        HardwareHashNotValid = 2, "hardware_hash_not_valid";
        /// This customer has the device already. No failure.
        DeviceAlreadyRegistered = 3, "device_already_registered";
        /// Another customer has the device.
        DeviceClaimedByAnotherOrganization = 4, "device_claimed_by_another_organization";
        /// Anything else that the registrar said, or that it said nothing in time.
        UnexpectedError = 5, "unexpected_error";
        /// The row itself can't be registered.
        RowNotValid = 6, "row_not_valid";
        /// The whole file can't be read as a list of devices.
        FileNotValid = 7, "file_not_valid";
    }
}

coded! {
    /// What brought a transition about.
    Cause {
        /// The row was accepted.
        Received = 1, "received";
        /// The row was checked and refused.
        Validation = 2, "validation";
        /// A registrar answered an attempt.
        Attempt = 3, "attempt";
        /// The device was used, or no longer is.
        Activity = 4, "activity";
        /// A person asked for another try.
        Retry = 5, "retry";
        /// The same file was delivered again.
        DeliveredAgain = 6, "delivered_again";
        /// A person decided an attempt in doubt.
        Resolved = 7, "resolved";
        /// The time for trying ran out.
        GaveUp = 8, "gave_up";
    }
}

coded! {
    /// How an attempt ended. One without an outcome is under way, or in doubt.
    Outcome {
        /// The registrar registered the device.
        Registered = 1, "registered";
        /// The registrar says that this customer has the device already.
        AlreadyRegistered = 2, "already_registered";
        /// The registrar refused for good.
        Failed = 3, "failed";
        /// Not this time; it is tried again.
        Deferred = 4, "deferred";
        /// Cut off; the registrar doesn't know it, or the next attempt carries the answer.
        Interrupted = 5, "interrupted";
        /// A person decided what became of it.
        Resolved = 6, "resolved";
    }
}

/// What happened to a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// Its file was accepted.
    Received,
    /// Its row was refused before anything was sent.
    Refused(ErrorCode),
    /// The registrar registered its device.
    Registered,
    /// The registrar says that this customer has the device already.
    AlreadyRegistered,
    /// The registrar refused it for good.
    Failed(ErrorCode),
    /// No answer came in the time allowed for trying.
    GaveUp,
    /// A person asked for another try.
    Retried,
    /// Its file was delivered again.
    DeliveredAgain,
    /// A person decided that the device is registered.
    ResolvedAsRegistered,
    /// The device was used.
    Seen,
    /// The device wasn't used for so long that it counts as inactive.
    Unseen,
}

/// One change of a registration's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Transition {
    /// The state before; none for a new registration.
    pub from: Option<State>,
    /// The state after.
    pub to: State,
    /// The error it leaves behind.
    pub error: Option<ErrorCode>,
    /// What brought it about.
    pub cause: Cause,
}

/// The event can't happen to a registration in this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} can't happen to a registration in state {state:?}")]
pub struct IllegalTransition {
    /// The state in which it was met.
    pub state: Option<State>,
    /// What was said to have happened.
    pub event: Event,
}

/// Returns the change that `event` makes to a registration in `state` (`None` for one that isn't there yet).
pub fn next(state: Option<State>, event: Event) -> Result<Transition, IllegalTransition> {
    use State::{Active, Failed, Inactive, Pending, Ready};
    let (to, error, cause) = match (state, event) {
        (None, Event::Received) => (Pending, None, Cause::Received),
        (Some(Pending), Event::Refused(error)) => (Failed, Some(error), Cause::Validation),
        (Some(Pending), Event::Registered) => (Ready, None, Cause::Attempt),
        (Some(Pending), Event::AlreadyRegistered) => {
            (Ready, Some(ErrorCode::DeviceAlreadyRegistered), Cause::Attempt)
        }
        (Some(Pending), Event::Failed(error)) => (Failed, Some(error), Cause::Attempt),
        (Some(Pending), Event::GaveUp) => (Failed, Some(ErrorCode::UnexpectedError), Cause::GaveUp),
        (Some(Pending), Event::ResolvedAsRegistered) => (Ready, None, Cause::Resolved),
        (Some(Failed), Event::Retried) => (Pending, None, Cause::Retry),
        (Some(Failed), Event::DeliveredAgain) => (Pending, None, Cause::DeliveredAgain),
        (Some(Ready | Inactive), Event::Seen) => (Active, None, Cause::Activity),
        (Some(Active), Event::Unseen) => (Inactive, None, Cause::Activity),
        (state, event) => return Err(IllegalTransition { state, event }),
    };
    Ok(Transition { from: state, to, error, cause })
}

/// Whether this pair of states is one of the legal changes, whatever caused it.
pub fn is_legal(from: Option<State>, to: State) -> bool {
    use State::{Active, Failed, Inactive, Pending, Ready};
    matches!(
        (from, to),
        (None | Some(Failed), Pending)
            | (Some(Pending), Failed | Ready)
            | (Some(Ready | Inactive), Active)
            | (Some(Active), Inactive)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events() -> impl Strategy<Value = Event> {
        let error = proptest::sample::select(ErrorCode::ALL);
        prop_oneof![
            Just(Event::Received),
            error.clone().prop_map(Event::Refused),
            Just(Event::Registered),
            Just(Event::AlreadyRegistered),
            error.prop_map(Event::Failed),
            Just(Event::GaveUp),
            Just(Event::Retried),
            Just(Event::DeliveredAgain),
            Just(Event::ResolvedAsRegistered),
            Just(Event::Seen),
            Just(Event::Unseen),
        ]
    }

    proptest! {
        /// Total, and only the contract's pairs: whatever it is asked, it answers, and never with another change.
        #[test]
        fn only_legal_changes(state in proptest::option::of(proptest::sample::select(State::ALL)), event in events()) {
            match next(state, event) {
                Ok(change) => {
                    prop_assert_eq!(change.from, state);
                    prop_assert!(is_legal(state, change.to));
                    if change.to == State::Failed {
                        prop_assert!(change.error.is_some(), "a failure says why");
                    }
                }
                Err(refused) => prop_assert_eq!(refused, IllegalTransition { state, event }),
            }
        }
    }

    #[test]
    fn every_legal_pair_is_reached_by_some_event() {
        let all_events = [
            Event::Received,
            Event::Registered,
            Event::Failed(ErrorCode::DeviceNotFound),
            Event::Retried,
            Event::Seen,
            Event::Unseen,
        ];
        let states = || std::iter::once(None).chain(State::ALL.iter().copied().map(Some));
        for from in states() {
            for to in State::ALL.iter().copied() {
                let reached = all_events.iter().any(|event| next(from, *event).is_ok_and(|change| change.to == to));
                assert_eq!(reached, is_legal(from, to), "{from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn codes_and_numbers_lead_back() {
        for state in State::ALL {
            assert_eq!(State::from_code(state.code()), Some(*state));
            assert_eq!(State::from_number(state.number()), Some(*state));
        }
        assert_eq!(ErrorCode::from_code("nonsense"), None);
        assert_eq!(Cause::from_number(0), None);
    }
}
