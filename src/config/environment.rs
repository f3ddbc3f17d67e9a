//! What the environment says: every variable that the program listens to, in one place.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// The variables of this process that mean something to us; an empty one counts as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// `DEVICEDROP_CONFIG`: the configuration to use.
    pub config: Option<PathBuf>,
    /// `DEVICEDROP_LOG`: what is logged, in the words of `tracing` (`info`, `devicedrop::inbox=debug`).
    pub log: Option<String>,
    /// `NO_COLOR`: no colours, even on a terminal.
    pub no_color: bool,
    /// `DEVICEDROP_FILE_EVENTS=off`: files are found by scanning alone. Nothing but speed depends on events.
    pub no_file_events: bool,
    /// `COLUMNS`: how wide tables may be.
    pub columns: Option<u16>,
    /// `SUDO_UID`: who is behind a `sudo`, where the kernel can't tell.
    pub sudo_uid: Option<u32>,
    /// `DEVICEDROP_ACTING_FOR`: who asked, when a command of root's runs itself again as the ledger's owner.
    pub acting_for: Option<String>,
}

/// The name of [`Environment::acting_for`].
pub const ACTING_FOR: &str = "DEVICEDROP_ACTING_FOR";

impl Environment {
    /// Reads them.
    pub fn of_this_process() -> Self {
        Self::from_vars(std::env::vars_os())
    }

    fn from_vars(vars: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let vars: BTreeMap<OsString, OsString> = vars.filter(|(_, value)| !value.is_empty()).collect();
        let value = |name: &str| vars.get(&OsString::from(name));
        let text = |name: &str| value(name).and_then(|value| value.to_str());
        Self {
            config: value("DEVICEDROP_CONFIG").map(PathBuf::from),
            log: text("DEVICEDROP_LOG").map(str::to_owned),
            no_color: value("NO_COLOR").is_some(),
            no_file_events: text("DEVICEDROP_FILE_EVENTS") == Some("off"),
            columns: text("COLUMNS").and_then(|columns| columns.parse().ok()),
            sudo_uid: text("SUDO_UID").and_then(|uid| uid.parse().ok()),
            acting_for: text(ACTING_FOR).map(str::to_owned),
        }
    }
}

/// The value of a variable that the configuration names as the place of a secret. An empty one counts as absent.
#[expect(clippy::disallowed_methods, reason = "this is the one place; the name is the configuration's")]
pub fn named(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// `CREDENTIALS_DIRECTORY`: where systemd lays a service's credentials.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn credentials_directory() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").filter(|value| !value.is_empty()).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_and_senseless_variables_count_as_absent() {
        let vars = [("NO_COLOR", ""), ("COLUMNS", "wide"), ("DEVICEDROP_LOG", "debug"), ("OTHER", "x")];
        let vars = vars.map(|(name, value)| (name.into(), value.into()));
        let expected = Environment { log: Some("debug".to_owned()), ..Environment::default() };
        assert_eq!(Environment::from_vars(vars.into_iter()), expected);
    }
}
