//! The secret that the page asks for on every TCP address: made at the first start, kept in the state folder.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::fs::{FileType, Mode, OFlags};
use sha2::{Digest, Sha256};

use crate::durable;

/// Its file's name in the state folder.
pub const FILE: &str = "web.token";

/// What it is made of: more than anybody guesses.
const RANDOM_BYTES: usize = 32;

/// A token that a person chose may be of other lengths; one that is shorter than this can be guessed.
const SHORTEST: usize = 32;

/// Nothing longer goes well into an address.
const LONGEST: usize = 256;

/// Why there is no token. Says nothing of what is in the file.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file can't be read or written.
    #[error("the web page's token {file} can't be used", file = .file.display())]
    Io {
        /// Its file.
        file: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Others could read it, or it is no plain file.
    #[error(
        "the web page's token {file} isn't a plain file that its owner alone can read: remove it, and devicedrop makes \
         another one, or chmod it to 0600",
        file = .file.display()
    )]
    Open {
        /// Its file.
        file: PathBuf,
    },
    /// Something else stands in it.
    #[error(
        "the web page's token {file} doesn't hold {SHORTEST} to {LONGEST} letters, digits, - or _: remove it, and \
         devicedrop makes another one",
        file = .file.display()
    )]
    Form {
        /// Its file.
        file: PathBuf,
    },
}

/// The token. It isn't shown by `Debug`, and compared without telling how much of it was right.
#[derive(Clone)]
pub struct Token {
    text: String,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// The token in this folder; made if there is none.
    pub fn of_folder(folder: &Path) -> Result<Self, TokenError> {
        let file = folder.join(FILE);
        if let Some(token) = Self::read(&file)? {
            return Ok(token);
        }
        let io = |cause: io::Error| TokenError::Io { file: file.clone(), cause };
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random).map_err(|error| io(io::Error::other(error)))?;
        let text = URL_SAFE_NO_PAD.encode(random) + "\n";
        durable::write_new(&file, 0o600, text.as_bytes()).map_err(|error| io(io::Error::other(error)))?;
        Self::read(&file)?.ok_or_else(|| io(io::ErrorKind::NotFound.into()))
    }

    fn read(file: &Path) -> Result<Option<Self>, TokenError> {
        let io = |cause: io::Error| TokenError::Io { file: file.to_owned(), cause };
        let open = || TokenError::Open { file: file.to_owned() };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = match rustix::fs::open(file, flags, Mode::empty()) {
            Ok(opened) => opened,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(rustix::io::Errno::LOOP) => return Err(open()),
            Err(errno) => return Err(io(errno.into())),
        };
        let about = rustix::fs::fstat(&opened).map_err(|errno| io(errno.into()))?;
        if FileType::from_raw_mode(about.st_mode) != FileType::RegularFile || about.st_mode & 0o077 != 0 {
            return Err(open());
        }
        let mut text = String::new();
        let longest = u64::try_from(LONGEST + 2).unwrap_or(u64::MAX);
        File::from(opened).take(longest).read_to_string(&mut text).map_err(io)?;
        let text = text.trim_end();
        let form = (SHORTEST..=LONGEST).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if form { Ok(Some(Self { text: text.to_owned() })) } else { Err(TokenError::Form { file: file.to_owned() }) }
    }

    /// As it stands in an address.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether this is it.
    pub(super) fn is(&self, given: &str) -> bool {
        same(&self.text, given)
    }

    /// What a browser keeps of it: browsers send their cookies to every port of a host, so that it isn't the token.
    pub(super) fn cookie(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(format!("devicedrop web cookie\n{}", self.text)))
    }

    /// Whether this is what a browser keeps of it.
    pub(super) fn is_cookie(&self, given: &str) -> bool {
        same(&self.cookie(), given)
    }
}

/// Compares in a time that depends on nothing secret: what is compared are digests, all of them.
fn same(left: &str, right: &str) -> bool {
    let (left, right) = (Sha256::digest(left), Sha256::digest(right));
    left.iter().zip(right.iter()).fold(0, |differs, (left, right)| differs | (left ^ right)) == 0
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn it_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let first = Token::of_folder(folder.path()).unwrap();
        assert_eq!(first.text().len(), 43);
        let mode = folder.path().join(FILE).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = Token::of_folder(folder.path()).unwrap();
        assert!(again.is(first.text()) && again.is_cookie(&first.cookie()));
        assert!(!again.is("") && !again.is(&first.cookie()) && !again.is_cookie(first.text()));
        assert_eq!(format!("{first:?}"), "Token");
    }

    #[test]
    fn one_that_others_can_read_or_that_is_a_link_or_too_short_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        let why = |text: &str, mode: u32| {
            std::fs::write(&file, text).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            Token::of_folder(folder.path()).map(|token| token.text().to_owned())
        };
        let good = "0123456789abcdefghijklmnopqrstuv";
        assert_eq!(why(&format!("{good}\n"), 0o600).unwrap(), good);
        assert!(matches!(why(good, 0o640), Err(TokenError::Open { .. })));
        assert!(matches!(why("short", 0o600), Err(TokenError::Form { .. })));
        assert!(matches!(why(&"long".repeat(100), 0o600), Err(TokenError::Form { .. })));
        assert!(matches!(why("0123456789abcdefghijklmnop rstuv", 0o600), Err(TokenError::Form { .. })));
        std::fs::rename(&file, folder.path().join("elsewhere")).unwrap();
        symlink(folder.path().join("elsewhere"), &file).unwrap();
        assert!(matches!(Token::of_folder(folder.path()), Err(TokenError::Open { .. })));
    }
}
