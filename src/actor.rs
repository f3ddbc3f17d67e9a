//! Who does something: the name that stands in the record's `actor` columns.
//!
//! No decisions on rights live here: whoever may open the control socket or the ledger's folder is let in by the
//! file system.

use std::fmt;
use std::fs;

use serde::{Deserialize, Serialize};

/// Who did something: a user of this system, with the one who logged in where `sudo` stands between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(String);

/// What the kernel writes for a process that no login stands behind (a service, for instance).
const NO_LOGIN: u32 = u32::MAX;

impl Actor {
    /// The program itself: what it does of its own accord.
    pub fn program() -> Self {
        Self("devicedrop".to_owned())
    }

    /// The user of this process. `sudo_uid` is what `sudo` says of the login behind it: it counts where the
    /// kernel doesn't know, since whoever runs this process could say anything anyway.
    pub fn of_this_process(sudo_uid: Option<u32>) -> Self {
        let uid = rustix::process::getuid().as_raw();
        let login = login_of("self").filter(|login| *login != NO_LOGIN).or(sudo_uid);
        Self::of(uid, login, &passwd())
    }

    /// Whom a command of root's acts for that runs itself again as the ledger's owner. What the owner says of
    /// itself is believed: it could write anything into its ledger's tables anyway.
    pub fn named(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The user behind a connection, as the kernel names it. The process ID gives the login behind a `sudo`.
    pub fn of_peer(uid: u32, pid: Option<i32>) -> Self {
        let login = pid.and_then(|pid| login_of(&pid.to_string()));
        Self::of(uid, login, &passwd())
    }

    /// The name as it stands in the record.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(uid: u32, login: Option<u32>, passwd: &str) -> Self {
        let name = |uid| name_in(passwd, uid).unwrap_or_else(|| format!("uid {uid}"));
        match login.filter(|login| *login != uid && *login != NO_LOGIN) {
            Some(login) => Self(format!("{} (login {})", name(uid), name(login))),
            None => Self(name(uid)),
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a user, or `uid N` where this machine's own list doesn't have it.
pub fn user_name(uid: u32) -> String {
    name_in(&passwd(), uid).unwrap_or_else(|| format!("uid {uid}"))
}

/// This machine's own list of users. Network directories aren't asked: they can hang, and a number is as good
/// a witness as a name.
fn passwd() -> String {
    fs::read_to_string("/etc/passwd").unwrap_or_default()
}

fn name_in(passwd: &str, uid: u32) -> Option<String> {
    let number = uid.to_string();
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    })
}

fn login_of(process: &str) -> Option<u32> {
    fs::read_to_string(format!("/proc/{process}/loginuid")).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nanna:x:1000:1000:Anna,,,:/home/anna:/bin/bash\n";

    #[test]
    fn an_actor_is_a_user_and_the_login_behind_it() {
        assert_eq!(Actor::of(1000, None, PASSWD).as_str(), "anna");
        assert_eq!(Actor::of(0, Some(1000), PASSWD).as_str(), "root (login anna)");
        assert_eq!(Actor::of(1000, Some(1000), PASSWD).as_str(), "anna");
        assert_eq!(Actor::of(0, Some(NO_LOGIN), PASSWD).as_str(), "root");
        assert_eq!(Actor::of(4711, None, PASSWD).as_str(), "uid 4711");
    }
}
