//! Commands that change the ledger while no daemon runs act as its owner, so that no file of another user's,
//! root's least of all, is left beside it.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::actor::{Actor, user_name};
use crate::config::environment::{ACTING_FOR, Environment};

/// Why a command can't act.
#[derive(Debug, thiserror::Error)]
pub enum ActingError {
    /// There is no ledger to act on.
    #[error("there is no ledger at {}", ledger.display())]
    NoLedger {
        /// Where.
        ledger: PathBuf,
    },
    /// Whose the ledger is can't be seen.
    #[error("can't look at the ledger {}", ledger.display())]
    Look {
        /// The ledger.
        ledger: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else's ledger.
    #[error("the ledger {} belongs to {owner}, and no daemon is running that could be asked", ledger.display())]
    OtherOwner {
        /// The ledger.
        ledger: PathBuf,
        /// Its owner.
        owner: String,
    },
    /// The owner can't be become.
    #[error("can't go on as {owner}, whom the ledger belongs to")]
    Become {
        /// The owner.
        owner: String,
        /// Why.
        source: io::Error,
    },
}

impl ActingError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoLedger { .. } => {
                Some("devicedrop run makes one; -v tells which configuration is used".to_owned())
            }
            Self::OtherOwner { owner, .. } => Some(format!("sudo -u {owner} devicedrop ...")),
            Self::Look { .. } | Self::Become { .. } => None,
        }
    }
}

/// What a process of one user must do to act on a ledger of another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Go on: it is the owner.
    GoOn,
    /// Run itself again as the owner.
    Become,
    /// Leave it.
    Refuse,
}

fn way(own: u32, owner: u32) -> Way {
    match own {
        own if own == owner => Way::GoOn,
        0 => Way::Become,
        _ => Way::Refuse,
    }
}

/// Returns as the ledger's owner, with the person who acts; root's process is replaced by one of the owner's.
pub fn act_as_owner(ledger: &Path, environment: &Environment) -> Result<Actor, ActingError> {
    let found = std::fs::metadata(ledger).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => ActingError::NoLedger { ledger: ledger.to_owned() },
        _ => ActingError::Look { ledger: ledger.to_owned(), source },
    })?;
    let myself = Actor::of_this_process(environment.sudo_uid);
    match way(rustix::process::geteuid().as_raw(), found.uid()) {
        Way::GoOn => Ok(environment.acting_for.as_deref().map_or(myself, Actor::named)),
        Way::Refuse => Err(ActingError::OtherOwner { ledger: ledger.to_owned(), owner: user_name(found.uid()) }),
        Way::Become => {
            let source = run_again_as(found.uid(), found.gid(), &myself);
            Err(ActingError::Become { owner: user_name(found.uid()), source })
        }
    }
}

/// Replaces this process by the same command as another user; returns only when that fails. The standard library
/// gives up root's supplementary groups on the way.
fn run_again_as(uid: u32, gid: u32, actor: &Actor) -> io::Error {
    match std::env::current_exe() {
        Ok(program) => Command::new(program)
            .args(std::env::args_os().skip(1))
            .env(ACTING_FOR, actor.as_str())
            .uid(uid)
            .gid(gid)
            .exec(),
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_becomes_somebody_else() {
        assert_eq!(way(1000, 1000), Way::GoOn);
        assert_eq!(way(0, 0), Way::GoOn);
        assert_eq!(way(0, 990), Way::Become);
        assert_eq!(way(1000, 990), Way::Refuse);
        assert_eq!(way(1000, 0), Way::Refuse);
    }

    #[test]
    fn without_a_ledger_nobody_acts() {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = folder.path().join("ledger.db");
        let refused = act_as_owner(&ledger, &Environment::default()).expect_err("no ledger");
        assert!(matches!(refused, ActingError::NoLedger { .. }));
    }
}
