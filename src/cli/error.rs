//! Why a command couldn't be done, and how that is told: once, at the edge, with its causes and a way out.

use std::error::Error;
use std::io;

use crate::cli::acting::ActingError;
use crate::cli::customer::CustomerError;
use crate::cli::exit::Exit;
use crate::cli::init::InitError;
use crate::cli::output::{Output, Paint};
use crate::config::ConfigError;
use crate::control::client::ClientError;
use crate::control::protocol::Refusal;
use devicedrop_core::shown::shown;

/// Why a command couldn't be done.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// No configuration to go by.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The daemon couldn't be asked, or refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// What was to be done without a daemon couldn't be.
    #[error("{}", .0.refusal.message)]
    Failed(Failure),
    /// Not as this user.
    #[error(transparent)]
    Acting(#[from] ActingError),
    /// `init` couldn't be done.
    #[error(transparent)]
    Init(#[from] InitError),
    /// `customer` couldn't be done.
    #[error(transparent)]
    Customer(#[from] CustomerError),
    /// A file named on the command line can't be read.
    #[error("can't read {}", path.display())]
    Read {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The command asks for something that only a running daemon has.
    #[error("no daemon is running on {}", ledger.display())]
    NoDaemon {
        /// The ledger.
        ledger: std::path::PathBuf,
    },
    /// A daemon answered another question than was asked.
    #[error("the daemon's answer doesn't fit what it was asked")]
    OddAnswer,
    /// The command names something that isn't there.
    #[error("{message}")]
    Usage {
        /// What.
        message: String,
        /// What to do.
        hint: String,
    },
    /// Printing failed.
    #[error("can't print")]
    Print(#[from] io::Error),
}

/// A failure that knows its exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// How the command ends.
    pub exit: Exit,
    /// Why.
    pub refusal: Refusal,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self { exit: Exit::Unable, refusal }
    }
}

impl From<Failure> for CliError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl CliError {
    /// How a command ends that failed so.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Failed(failure) => failure.exit,
            Self::Print(error) if Output::ended(error) => Exit::Done,
            _ => Exit::Unable,
        }
    }

    /// What to do about it.
    fn hint(&self) -> Option<String> {
        match self {
            Self::Config(ConfigError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Some("devicedrop init writes a commented one".to_owned())
            }
            Self::Client(ClientError::Refused(refusal)) => refusal.hint.clone(),
            Self::Client(ClientError::Connect { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("use sudo, or let an administrator add you to the group of that socket".to_owned())
            }
            Self::Failed(failure) => failure.refusal.hint.clone(),
            Self::NoDaemon { .. } => Some("devicedrop run".to_owned()),
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("look at the name and the folder: there is no such file".to_owned())
            }
            Self::Read { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("run it as a user who may read the file, or change the file's permissions".to_owned())
            }
            Self::OddAnswer => Some("use the command and the daemon of one version".to_owned()),
            Self::Usage { hint, .. } => Some(hint.clone()),
            Self::Acting(error) => error.hint(),
            Self::Init(error) => error.hint(),
            Self::Customer(error) => error.hint(),
            _ => None,
        }
    }

    /// The causes, the nearest first.
    fn because(&self) -> Vec<String> {
        match self {
            Self::Client(ClientError::Refused(refusal)) => refusal.because.clone(),
            Self::Failed(failure) => failure.refusal.because.clone(),
            _ => chain(self),
        }
    }

    /// Tells it.
    pub fn tell(&self, output: &mut Output) {
        if matches!(self, Self::Print(error) if Output::ended(error)) {
            return;
        }
        let mut lines = self.to_string().lines().map(|line| shown(line).to_string()).collect::<Vec<_>>().into_iter();
        let error = output.painted(Paint::Bad, "error:");
        output.note(format_args!("{error} {}", lines.next().unwrap_or_default()));
        lines.for_each(|line| output.note(line));
        for cause in self.because() {
            output.note(format_args!("  because {}", shown(&cause)));
        }
        if let Some(hint) = self.hint() {
            output.note(format_args!("  try: {}", shown(&hint)));
        }
    }
}

fn chain(error: &dyn Error) -> Vec<String> {
    std::iter::successors(error.source(), |cause: &&dyn Error| (*cause).source()).map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::Printed;
    use insta::assert_snapshot;

    fn told(error: &CliError) -> String {
        let mut printed = Printed::default();
        error.tell(&mut printed.output(100));
        assert_eq!(printed.out(), "");
        printed.err()
    }

    #[test]
    fn an_error_is_told_with_causes_and_a_way_out() {
        let missing = io::Error::new(io::ErrorKind::NotFound, "No such file or directory");
        let config = ConfigError::Read { path: "/etc/d\u{1b}.toml".into(), source: missing };
        assert_snapshot!(told(&config.into()), @r"
        error: can't read the configuration /etc/d\u{1b}.toml
          because No such file or directory
          try: devicedrop init writes a commented one
        ");
        let refusal = Refusal {
            message: "the registration 7 isn't in doubt".into(),
            because: vec!["its last attempt ended on 2026-11-22".into()],
            hint: Some("devicedrop retry".into()),
        };
        assert_snapshot!(told(&ClientError::Refused(refusal).into()), @r"
        error: the registration 7 isn't in doubt
          because its last attempt ended on 2026-11-22
          try: devicedrop retry
        ");
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        let error = CliError::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(error.exit(), Exit::Done);
        assert_eq!(told(&error), "");
    }
}
