//! What a device's error means that Partner Center or Intune tells of: both pass on what the Device Directory Service
//! said, as a code and a name. What becomes of a whole call that was refused is each client's own affair.
//!
//! The codes and names are those of the first draft of Microsoft's page "Register devices in Microsoft Managed
//! Desktop", which names 801 to 814 with their reasons, confirmed by the list in
//! <https://oofhours.com/2019/07/07/what-happens-when-you-register-a-device-with-windows-autopilot>; the names that
//! administrators see (`ZtdDeviceAssignedToAnotherTenant`, `StorageError`) by "Manually register devices with Windows
//! Autopilot" (Microsoft, 2025).

use devicedrop_core::registrar::Verdict;
use devicedrop_core::state::ErrorCode;

/// How much of a service's own words is kept, in characters.
const WORDS: usize = 300;

/// What an error says of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// This customer has it.
    Already,
    /// Another one has it.
    Claimed,
    /// Nothing is known by this manufacturer, model and serial number.
    NotFound,
    /// Its hardware hash isn't one.
    HashNotValid,
    /// The service had trouble of its own: "try again later".
    Later,
    /// Something else, for good.
    Other,
}

/// The verdict on a device of which the service told an error.
///
/// A code and a name that contradict each other are an unexpected error: that a device is registered is believed of
/// nobody who also says that it isn't.
pub(super) fn verdict(code: &str, name: &str) -> Verdict {
    let meaning = match (of_code(code), of_name(name)) {
        (Some(code), Some(name)) if code == name => code,
        (Some(meaning), None) | (None, Some(meaning)) => meaning,
        (None, None) | (Some(_), Some(_)) => Meaning::Other,
    };
    let refused = |error, detail| Verdict::Refused { error, detail, near: None };
    match meaning {
        Meaning::Already => Verdict::AlreadyRegistered,
        Meaning::Claimed => refused(ErrorCode::DeviceClaimedByAnotherOrganization, None),
        Meaning::NotFound => refused(ErrorCode::DeviceNotFound, None),
        Meaning::HashNotValid => refused(ErrorCode::HardwareHashNotValid, None),
        Meaning::Later => Verdict::Deferred { why: words(code, name), retry_after: None },
        Meaning::Other => refused(ErrorCode::UnexpectedError, Some(words(code, name))),
    }
}

/// Whether a text names an error, whatever stands beside it.
pub(super) fn names_an_error(text: &str) -> bool {
    of_name(text).is_some()
}

fn of_code(code: &str) -> Option<Meaning> {
    match code.trim().parse::<u32>().ok()? {
        802 => Some(Meaning::HashNotValid),
        806 => Some(Meaning::Already),
        808 => Some(Meaning::Claimed),
        812 => Some(Meaning::NotFound),
        // Known not to be one of ours. Others (0, HTTP's own) say nothing of the device.
        800..=899 => Some(Meaning::Other),
        _ => None,
    }
}

/// The one known name that stands in a text, which may be a sentence around it.
fn of_name(text: &str) -> Option<Meaning> {
    let mut known = text.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(of_word);
    let first = known.next()?;
    if known.all(|other| other == first) { Some(first) } else { Some(Meaning::Other) }
}

fn of_word(word: &str) -> Option<Meaning> {
    let names = [
        ("ZtdDeviceAlreadyAssigned", Meaning::Already),
        ("ZtdDeviceAssignedToOtherTenant", Meaning::Claimed),
        ("ZtdDeviceAssignedToAnotherTenant", Meaning::Claimed),
        ("ZtdDeviceNotFound", Meaning::NotFound),
        ("InvalidZtdHardwareHash", Meaning::HashNotValid),
        ("HashNot4k", Meaning::HashNotValid),
        ("StorageError", Meaning::Later),
    ];
    names.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, meaning)| meaning)
}

/// Code and name as the service wrote them, for the record.
pub(super) fn words(code: &str, name: &str) -> String {
    let parts: Vec<&str> = [code.trim(), name.trim()].into_iter().filter(|part| !part.is_empty()).collect();
    let text = if parts.is_empty() { "an error without a code".to_owned() } else { parts.join(" ") };
    text.chars().take(WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(code: &str, name: &str) -> Option<ErrorCode> {
        match verdict(code, name) {
            Verdict::Refused { error, .. } => Some(error),
            _ => None,
        }
    }

    #[test]
    fn codes_and_names_say_the_same() {
        for (code, name) in [("806", "ZtdDeviceAlreadyAssigned"), ("806", ""), ("", "ztddevicealreadyassigned")] {
            assert_eq!(verdict(code, name), Verdict::AlreadyRegistered, "{code} {name}");
        }
        let sentence = "Device is already registered to the same Tenant. Error code: 806 - ZtdDeviceAlreadyAssigned";
        assert_eq!(verdict("400", sentence), Verdict::AlreadyRegistered);
        let claimed = Some(ErrorCode::DeviceClaimedByAnotherOrganization);
        assert_eq!(error("808", "ZtdDeviceAssignedToOtherTenant"), claimed);
        assert_eq!(error("0", "ZtdDeviceAssignedToAnotherTenant"), claimed);
        assert_eq!(error("812", "ZtdDeviceNotFound"), Some(ErrorCode::DeviceNotFound));
        assert_eq!(error("802", "InvalidZtdHardwareHash"), Some(ErrorCode::HardwareHashNotValid));
        assert_eq!(error("", "HashNot4k"), Some(ErrorCode::HardwareHashNotValid));
        assert!(matches!(verdict("", "StorageError"), Verdict::Deferred { .. }));
    }

    #[test]
    fn everything_else_is_unexpected_and_told_with_its_code_and_name() {
        for (code, name) in [("801", "InvalidZtdRequestBody"), ("814", "ZtdDeviceAlreadyAadRegistered"), ("", "")] {
            assert_eq!(error(code, name), Some(ErrorCode::UnexpectedError), "{code} {name}");
        }
        let Verdict::Refused { detail, .. } = verdict("807", "ZtdDeviceIsNotRegistered") else { panic!("refused") };
        assert_eq!(detail.as_deref(), Some("807 ZtdDeviceIsNotRegistered"));
    }

    #[test]
    fn who_contradicts_himself_is_not_believed() {
        assert_eq!(error("806", "ZtdDeviceAssignedToOtherTenant"), Some(ErrorCode::UnexpectedError));
        assert_eq!(error("803", "ZtdDeviceAlreadyAssigned"), Some(ErrorCode::UnexpectedError));
        assert_eq!(error("", "ZtdDeviceAlreadyAssigned ZtdDeviceNotFound"), Some(ErrorCode::UnexpectedError));
    }

    proptest! {
        #[test]
        fn no_error_registers_a_device(code in ".{0,12}", name in ".{0,400}") {
            let verdict = verdict(&code, &name);
            prop_assert!(!matches!(verdict, Verdict::Registered { .. } | Verdict::Accepted { .. }), "{verdict:?}");
        }
    }
}
