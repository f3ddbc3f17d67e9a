//! The texts of states and errors in each locale.
//!
//! Whole sentences (details) are in the module `message`.

use serde::{Deserialize, Serialize};

use crate::state::{ErrorCode, State};

/// The language of a customer's result files, or codes for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    /// English.
    #[default]
    En,
    /// Dutch.
    Nl,
    /// Codes in place of texts, with English details.
    Code,
}

impl Locale {
    /// All locales.
    pub const ALL: [Self; 3] = [Self::En, Self::Nl, Self::Code];

    /// The word for it in the configuration.
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Nl => "nl",
            Self::Code => "code",
        }
    }

    /// The locale with this word.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|locale| locale.code() == code)
    }

    /// What a sender reads of a state.
    pub fn state(self, state: State) -> &'static str {
        match (self, state) {
            (Self::Code, state) => state.code(),
            (Self::En, State::Pending) => "Registration pending",
            (Self::En, State::Failed) => "Registration failed",
            (Self::En, State::Ready) => "Ready for user",
            (Self::En, State::Active) => "Active",
            (Self::En, State::Inactive) => "Inactive",
            (Self::Nl, State::Pending) => "Inschrijving in behandeling",
            (Self::Nl, State::Failed) => "Registratie is mislukt",
            (Self::Nl, State::Ready) => "Klaar voor gebruiker",
            (Self::Nl, State::Active) => "Actief",
            (Self::Nl, State::Inactive) => "Inactief",
        }
    }

    /// What a sender reads of an error.
    pub fn error(self, error: ErrorCode) -> &'static str {
        use ErrorCode as E;
        match (self, error) {
            (Self::Code, error) => error.code(),
            (Self::En, E::DeviceNotFound) => "Device not found",
            (Self::En, E::HardwareHashNotValid) => "Hardware hash not valid",
            (Self::En, E::DeviceAlreadyRegistered) => "Device already registered",
            (Self::En, E::DeviceClaimedByAnotherOrganization) => "Device claimed by another organization",
            (Self::En, E::UnexpectedError) => "Unexpected error",
            (Self::En, E::RowNotValid) => "Row not valid",
            (Self::En, E::FileNotValid) => "File not valid",
            (Self::Nl, E::DeviceNotFound) => "Apparaat niet gevonden",
            (Self::Nl, E::HardwareHashNotValid) => "Hardwarehash niet geldig",
            (Self::Nl, E::DeviceAlreadyRegistered) => "Apparaat dat al is geregistreerd",
            (Self::Nl, E::DeviceClaimedByAnotherOrganization) => {
                "Apparaat dat door een andere organisatie wordt geclaimd"
            }
            (Self::Nl, E::UnexpectedError) => "Onverwachte fout",
            (Self::Nl, E::RowNotValid) => "Rij niet geldig",
            (Self::Nl, E::FileNotValid) => "Bestand niet geldig",
        }
    }
}

impl std::fmt::Display for Locale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contract's tables, to the letter.
    #[test]
    fn texts_are_those_of_the_contract() {
        let states: Vec<String> = State::ALL
            .iter()
            .map(|s| format!("{} | {} | {}", Locale::Code.state(*s), Locale::En.state(*s), Locale::Nl.state(*s)))
            .collect();
        insta::assert_snapshot!(states.join("\n"), @r"
        registration_pending | Registration pending | Inschrijving in behandeling
        registration_failed | Registration failed | Registratie is mislukt
        ready_for_user | Ready for user | Klaar voor gebruiker
        active | Active | Actief
        inactive | Inactive | Inactief
        ");
        let errors: Vec<String> = ErrorCode::ALL
            .iter()
            .map(|e| format!("{} | {} | {}", Locale::Code.error(*e), Locale::En.error(*e), Locale::Nl.error(*e)))
            .collect();
        insta::assert_snapshot!(errors.join("\n"), @r"
        device_not_found | Device not found | Apparaat niet gevonden
        hardware_hash_not_valid | Hardware hash not valid | Hardwarehash niet geldig
        device_already_registered | Device already registered | Apparaat dat al is geregistreerd
        device_claimed_by_another_organization | Device claimed by another organization | Apparaat dat door een andere organisatie wordt geclaimd
        unexpected_error | Unexpected error | Onverwachte fout
        row_not_valid | Row not valid | Rij niet geldig
        file_not_valid | File not valid | Bestand niet geldig
        ");
    }

    #[test]
    fn codes_lead_back() {
        for locale in Locale::ALL {
            assert_eq!(Locale::from_code(locale.code()), Some(locale));
        }
        assert_eq!(Locale::from_code("de"), None);
    }
}
