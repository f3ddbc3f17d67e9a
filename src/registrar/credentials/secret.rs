//! A secret in memory, and reading one from where the configuration says it lies.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;

use devicedrop_core::shown::shown;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::config::SecretPlace;
use crate::config::environment;
use crate::durable::Standing;

/// No secret is longer: a chain of certificates with its key has some ten thousand bytes.
const LONGEST: u64 = 64 * 1024;

/// A secret: overwritten when it is given up, and shown by nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// A secret of these letters.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Its letters, for who sends or stores them.
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Has the system write no core dump of this process, and let no other process of the same user look into it
/// (prctl(2), `PR_SET_DUMPABLE`). Root still can.
pub(super) fn keep_out_of_dumps() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let kept = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let none = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    if let Err(error) = kept.and(none) {
        tracing::warn!(%error, "the system may write secrets into a core dump of this process");
    }
}

/// Why a secret can't be had: its place, what is wrong with it and what to do. Nothing of what is in it.
pub(super) type Why = String;

/// Reads a secret. A line end behind it isn't part of it.
pub(super) fn read(place: &SecretPlace) -> Result<Secret, Why> {
    match place {
        SecretPlace::File(path) => read_file(path),
        SecretPlace::SystemdCredential(name) => credential(name),
        SecretPlace::Environment(name) => {
            let told = shown(name);
            let value = environment::named(name).ok_or_else(|| {
                format!("the environment variable {told} isn't set: set it for the daemon, or name another place")
            })?;
            secret(&Zeroizing::new(value), &format!("the environment variable {told}"))
        }
    }
}

/// Reads a file that nobody but its owner may read. Links are followed inside of its folder and not out of it.
pub(super) fn read_file(path: &Path) -> Result<Secret, Why> {
    read_standing(path).map(|(secret, _)| secret)
}

/// The same, and which file it was.
pub(super) fn read_standing(path: &Path) -> Result<(Secret, Standing), Why> {
    let what = format!("the file {}", shown(&path.display().to_string()));
    let opened = open(path).map_err(|errno| match errno {
        Errno::NOENT => format!("{what} isn't there: put the secret there, or name the place where it is"),
        Errno::XDEV | Errno::LOOP => {
            format!("{what} is a link out of its folder, which isn't followed: name the file that it leads to")
        }
        Errno::ACCESS | Errno::PERM => {
            format!("{what} can't be read: give it to the user that runs devicedrop (`chown`)")
        }
        errno => format!("{what} can't be opened: {errno}"),
    })?;
    let stat = rustix::fs::fstat(&opened).map_err(|errno| format!("{what} can't be looked at: {errno}"))?;
    is_private(&stat, &what, path)?;
    Ok((content(File::from(opened), &what)?, Standing::from(&stat)))
}

/// Reads what systemd laid ready for the service (systemd.exec(5), `LoadCredential=`). It guards it itself: by an
/// access list that shows as rights of the group.
fn credential(name: &str) -> Result<Secret, Why> {
    let told = shown(name);
    let folder = environment::credentials_directory().ok_or_else(|| {
        format!(
            "there are no systemd credentials here ($CREDENTIALS_DIRECTORY isn't set), and {told} is to be one: add \
             LoadCredential={told}:PATH to the service, and run commands within it"
        )
    })?;
    let what = format!("the systemd credential {told}");
    let opened = open(&folder.join(name))
        .map_err(|errno| format!("{what} can't be read ({errno}): add LoadCredential={told}:PATH to the service"))?;
    content(File::from(opened), &what)
}

fn open(path: &Path) -> Result<OwnedFd, Errno> {
    let name = path.file_name().ok_or(Errno::ISDIR)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = rustix::fs::open(folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    // Not to wait where a pipe lies in place of a file.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::openat2(&folder, name, flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS)
}

fn is_private(stat: &Stat, what: &str, path: &Path) -> Result<(), Why> {
    let told = shown(&path.display().to_string()).to_string();
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(format!("{what} is no regular file"));
    }
    let ourselves = rustix::process::geteuid().as_raw();
    if stat.st_uid != ourselves && stat.st_uid != 0 {
        return Err(format!(
            "{what} belongs to the user {}, who could read and change the secret: run `chown {ourselves} {told}`",
            stat.st_uid
        ));
    }
    let mode = stat.st_mode & 0o7777;
    if mode & 0o077 != 0 {
        return Err(format!(
            "{what} has the mode {mode:04o}: others than its owner could use the secret; run `chmod 600 {told}`, and \
             if others use this machine, get a new secret"
        ));
    }
    Ok(())
}

fn content(file: File, what: &str) -> Result<Secret, Why> {
    // Room enough from the beginning: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(LONGEST).unwrap_or_default() + 1));
    let read = file.take(LONGEST + 1).read_to_string(&mut text);
    read.map_err(|error| format!("{what} can't be read: {error}"))?;
    if u64::try_from(text.len()).is_ok_and(|length| length > LONGEST) {
        return Err(format!("{what} is longer than {LONGEST} bytes, which no secret is"));
    }
    secret(&text, what)
}

fn secret(text: &Zeroizing<String>, what: &str) -> Result<Secret, Why> {
    let bare = text.strip_suffix('\n').unwrap_or(text);
    let bare = bare.strip_suffix('\r').unwrap_or(bare);
    if bare.trim().is_empty() {
        return Err(format!("{what} is empty: put the secret there"));
    }
    Ok(Secret::new(bare.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn file(folder: &Path, name: &str, text: &str, mode: u32) -> std::path::PathBuf {
        let path = folder.join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
        path
    }

    /// What is said of a file that is refused, its folder taken out.
    fn refused(path: &Path) -> String {
        let folder = path.parent().expect("a folder").display().to_string();
        read_file(path).expect_err("refused").replace(&folder, "DIR")
    }

    #[test]
    fn a_line_end_is_no_part_of_a_secret() {
        let dir = tempfile::tempdir().expect("a folder");
        for (text, secret) in
            [("s3cret", "s3cret"), ("s3cret\n", "s3cret"), ("s3cret\r\n", "s3cret"), (" s \n\n", " s \n")]
        {
            let path = file(dir.path(), "a", text, 0o400);
            assert_eq!(read_file(&path).map(|read| read.text().to_owned()), Ok(secret.to_owned()));
            fs::remove_file(path).expect("removed");
        }
    }

    #[test]
    fn a_file_that_others_can_use_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        for mode in [0o640, 0o604, 0o660, 0o601, 0o620] {
            let path = file(dir.path(), "a", "canary", mode);
            let told = refused(&path);
            assert!(told.contains(&format!("mode {mode:04o}")) && told.contains("`chmod 600 DIR/a`"), "{told}");
            assert!(!told.contains("canary"), "{told}");
        }
        assert!(read_file(&file(dir.path(), "a", "canary", 0o600)).is_ok());
    }

    #[test]
    fn links_are_followed_inside_of_the_folder_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(dir.path().join("mount/..data")).expect("made");
        file(&dir.path().join("mount/..data"), "key", "inside", 0o600);
        symlink("..data/key", dir.path().join("mount/key")).expect("linked");
        assert_eq!(
            read_file(&dir.path().join("mount/key")).map(|read| read.text().to_owned()),
            Ok("inside".to_owned())
        );
        file(dir.path(), "outside", "outside", 0o600);
        symlink("../outside", dir.path().join("mount/out")).expect("linked");
        assert!(refused(&dir.path().join("mount/out")).contains("a link out of its folder"));
    }

    #[test]
    fn a_process_with_secrets_leaves_no_core_dump() {
        use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};
        keep_out_of_dumps();
        assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
    }

    #[test]
    fn what_is_no_secret_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(
            refused(&dir.path().join("missing")),
            "the file DIR/missing isn't there: put the secret there, or name the place where it is"
        );
        assert_eq!(refused(&file(dir.path(), "a", " \n", 0o600)), "the file DIR/a is empty: put the secret there");
        let long = "x".repeat(70_000);
        assert!(refused(&file(dir.path(), "b", &long, 0o600)).contains("longer than 65536 bytes"));
        fs::create_dir(dir.path().join("c")).expect("made");
        assert_eq!(refused(&dir.path().join("c")), "the file DIR/c is no regular file");
        let told = read(&SecretPlace::Environment("DEVICEDROP_NO_SUCH".to_owned())).expect_err("not set");
        assert!(told.starts_with("the environment variable DEVICEDROP_NO_SUCH isn't set"), "{told}");
    }
}
