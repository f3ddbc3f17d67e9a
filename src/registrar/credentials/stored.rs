//! The file of a user's refresh token: written whole and durably, and for its owner alone.

use std::os::fd::AsFd;
use std::path::Path;

use devicedrop_core::shown::shown;
use rustix::fs::{Mode, OFlags};

use super::secret::{Secret, Why};
use crate::durable::{self, DurableError, Replace, Standing};

/// Stores a refresh token in place of the one before, which is there unchanged if `over` names it. Returns whether it is
/// in place; if not, somebody put another one there meanwhile.
pub(super) fn store(file: &Path, token: &Secret, over: Option<Standing>) -> Result<bool, Why> {
    let told = shown(&file.display().to_string()).to_string();
    let failed = |why: String| {
        format!("the sign-in can't be stored in {told}: {why}; let the user that runs devicedrop write that folder")
    };
    let name = file.file_name().ok_or_else(|| failed("it is the name of no file".to_owned()))?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = rustix::fs::open(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| failed(errno.to_string()))?;
    let replace = over.map_or(Replace::Any, Replace::Only);
    match durable::write_whole(folder.as_fd(), name, 0o600, replace, |out| writeln!(out, "{}", token.text())) {
        Ok(_) => Ok(true),
        Err(DurableError::Taken) => Ok(false),
        Err(error) => {
            let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(" ({cause})"));
            Err(failed(format!("{error}{cause}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::registrar::credentials::secret::{read_file, read_standing};

    #[test]
    fn a_stored_token_is_its_owners_alone_and_replaces_the_one_before() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("token");
        for text in ["one", "two"] {
            store(&file, &Secret::new(text.to_owned()), None).expect("stored");
            assert_eq!(read_file(&file).map(|read| read.text().to_owned()), Ok(text.to_owned()));
        }
        let mode = std::fs::metadata(&file).expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).expect("listed").count(), 1, "nothing else is left");
    }

    #[test]
    fn what_somebody_put_there_meanwhile_stays() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("token");
        let secret = |text: &str| Secret::new(text.to_owned());
        store(&file, &secret("one"), None).expect("stored");
        let (_, standing) = read_standing(&file).expect("read");
        store(&file, &secret("by a person"), None).expect("stored");
        assert_eq!(store(&file, &secret("two"), Some(standing)), Ok(false));
        let (read, standing) = read_standing(&file).expect("read");
        assert_eq!(read.text(), "by a person");
        assert_eq!(store(&file, &secret("two"), Some(standing)), Ok(true));
    }

    #[test]
    fn where_it_cannot_be_stored_is_told_without_it() {
        let why = store(Path::new("/nowhere/token"), &Secret::new("canary".to_owned()), None).expect_err("no folder");
        assert!(why.contains("/nowhere/token") && !why.contains("canary"), "{why}");
    }
}
