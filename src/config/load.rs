//! Finding the configuration, reading it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use devicedrop_core::device::Sha256;

use super::document::{Document, Problem};
use super::environment::Environment;
use super::raw::Raw;
use super::resolve::{Places, resolve};
use super::{Config, Source};

/// The largest configuration that is read, in bytes: ten thousand customers with every key take less.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Where a configuration is looked for: the first of these that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The one named on the command line.
    pub given: Option<PathBuf>,
    /// The one that `DEVICEDROP_CONFIG` names.
    pub environment: Option<PathBuf>,
    /// The one in the user's configuration folder.
    pub user: Option<PathBuf>,
    /// The system's.
    pub system: PathBuf,
    /// The user's data folder, for the defaults.
    pub data: Option<PathBuf>,
}

/// Why there is no configuration to go by.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that is there, or was named, can't be read.
    #[error("can't read the configuration {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It isn't text.
    #[error("the configuration {} isn't UTF-8 text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// Where.
        source: std::str::Utf8Error,
    },
    /// It is far larger than any configuration.
    #[error("the configuration {} is larger than {MAX_BYTES} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Something in it is wrong.
    #[error("the configuration {} can't be used{}", path.display(), listed(problems))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What, in the file's order.
        problems: Vec<Problem>,
    },
    /// The defaults themselves don't fit this machine.
    #[error("the defaults can't be used{}", listed(problems))]
    Defaults {
        /// Why.
        problems: Vec<Problem>,
    },
}

impl ConfigError {
    /// Whether there is a file, and what stands in it is wrong.
    pub fn is_of_content(&self) -> bool {
        matches!(self, Self::Invalid { .. } | Self::NotText { .. })
    }
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |text, problem| format!("{text}\n  {problem}"))
}

impl Lookup {
    /// The places of this process: its environment and its user's folders.
    pub fn of_this_process(given: Option<PathBuf>, environment: &Environment) -> Self {
        let folders = directories::ProjectDirs::from("", "", "devicedrop");
        Self {
            given,
            environment: environment.config.clone(),
            user: folders.as_ref().map(|folders| folders.config_dir().join("devicedrop.toml")),
            system: PathBuf::from("/etc/devicedrop/devicedrop.toml"),
            data: folders.as_ref().map(|folders| folders.data_dir().to_owned()),
        }
    }

    /// Finds, reads and checks.
    pub fn load(&self) -> Result<Config, ConfigError> {
        // One that somebody named must be there; the others may be missing, but not unreadable.
        if let Some(path) = self.given.as_ref().or(self.environment.as_ref()) {
            return self.read(path);
        }
        for path in self.user.iter().chain([&self.system]) {
            match fs::metadata(path) {
                Err(error) if is_missing(&error) => {}
                _ => return self.read(path),
            }
        }
        let places = self.data.as_deref().map_or_else(Places::of_the_system, Places::below);
        resolve(&Document::default(), Raw::default(), Source::Defaults, Path::new("/"), &places)
            .map_err(|problems| ConfigError::Defaults { problems })
    }

    /// Checks a text as if it stood in the file at `path`, which this lookup found.
    pub fn check(&self, path: &Path, bytes: &[u8]) -> Result<Config, ConfigError> {
        parse(path, bytes, &self.places_for(path))
    }

    /// The ledger that a configuration names which can't be used as a whole: enough to find the daemon by.
    pub fn ledger_all_the_same(&self) -> Option<PathBuf> {
        let named = self.given.as_ref().or(self.environment.as_ref());
        let path = match named {
            Some(path) => path,
            None => self.user.iter().chain([&self.system]).find(|path| fs::metadata(path).is_ok())?,
        };
        let path = std::path::absolute(path).ok()?;
        let text = String::from_utf8_lossy(&fs::read(&path).ok()?).into_owned();
        let ledger = ledger_in(&text).unwrap_or_else(|| self.places_for(&path).state.join("ledger.db"));
        Some(path.parent()?.join(ledger))
    }

    fn read(&self, path: &Path) -> Result<Config, ConfigError> {
        let failed = |source| ConfigError::Read { path: path.to_owned(), source };
        let path = std::path::absolute(path).map_err(failed)?;
        if fs::metadata(&path).map_err(failed)?.len() > MAX_BYTES {
            return Err(ConfigError::TooLarge { path });
        }
        let bytes = fs::read(&path).map_err(failed)?;
        parse(&path, &bytes, &self.places_for(&path))
    }

    /// A user's own configuration speaks of the user's own folders; any other of the system's.
    fn places_for(&self, path: &Path) -> Places {
        match &self.data {
            Some(data) if self.user.as_deref() == Some(path) => Places::below(data),
            _ => Places::of_the_system(),
        }
    }
}

/// Checks a configuration that was read from `path`.
pub fn parse(path: &Path, bytes: &[u8], places: &Places) -> Result<Config, ConfigError> {
    let text = std::str::from_utf8(bytes).map_err(|source| ConfigError::NotText { path: path.to_owned(), source })?;
    // Notepad's byte order mark is no reason to refuse.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let invalid = |problems| ConfigError::Invalid { path: path.to_owned(), problems };
    let (document, raw) = Document::parse(text).map_err(invalid)?;
    let source = Source::File { path: path.to_owned(), sha256: Sha256::of(bytes), text: text.to_owned() };
    let base = path.parent().unwrap_or(Path::new("/"));
    resolve(&document, raw, source, base, places).map_err(invalid)
}

/// The ledger's path in a text that may be no TOML elsewhere.
fn ledger_in(text: &str) -> Option<PathBuf> {
    let mut table = "";
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            table = line.split('#').next().unwrap_or_default().trim_matches(['[', ']', ' ']);
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        if matches!((table, key.trim()), ("ledger", "path") | ("", "ledger.path")) {
            let read: toml::Table = toml::from_str(&format!("path = {}", value.trim())).ok()?;
            return read.get("path")?.as_str().map(PathBuf::from);
        }
    }
    None
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
