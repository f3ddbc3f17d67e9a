//! Files that nobody has any business with: whether they were read, changed, or their content turns up anywhere.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};

use crate::env::TestEnv;

/// Stands in every canary's content, and in nothing else.
pub const SONG: &str = "SANG-BY-A-CANARY";

/// A folder of canaries.
#[derive(Debug)]
pub struct Canaries {
    folder: PathBuf,
    before: BTreeMap<PathBuf, Seen>,
}

/// What is compared of a file or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    ino: u64,
    links: u64,
    mode: u32,
    owner: (u32, u32),
    size: u64,
    written: (i64, i64),
    /// Nobody can set that.
    changed: (i64, i64),
    /// When it was last read; of files only: who looks through a folder reads that.
    read: Option<(i64, i64)>,
}

impl Canaries {
    /// Puts canaries into a new folder: CSVs that would be accepted, if anybody read them.
    pub fn put_into(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder.join("PO-1"))?;
        for name in ["devices.csv", "secret.csv", "a.csv", "PO-1/devices.csv", "PO-1/a.csv", "notes.txt"] {
            let text = format!("Manufacturer,Model,Serial Number\nContoso,Book,{SONG}\n");
            fs::write(folder.join(name), text)?;
        }
        let mut canaries = Self { folder: folder.to_owned(), before: BTreeMap::new() };
        canaries.settle()?;
        ensure!(canaries.shows_a_read()?, "the file system below {} doesn't tell who reads", folder.display());
        Ok(canaries)
    }

    /// What is there now is as it should be: links that the test itself made count.
    pub fn settle(&mut self) -> Result<()> {
        // A time of reading long before that of writing is renewed by the next read, whatever the mount's options.
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        for path in all_in(&self.folder)?.into_iter().filter(|path| path.is_file()) {
            File::open(path)?
                .set_times(FileTimes::new().set_accessed(then).set_modified(then + Duration::from_secs(9)))?;
        }
        self.before = BTreeMap::new();
        for path in all_in(&self.folder)? {
            self.before.insert(path.clone(), see(&path)?);
        }
        Ok(())
    }

    /// Fails if any of them was read or changed, or if any is gone or new.
    pub fn are_untouched(&self) -> Result<()> {
        let now = all_in(&self.folder)?;
        ensure!(now.len() == self.before.len(), "other canaries than before: {now:?}");
        for (path, before) in &self.before {
            let now = see(path).with_context(|| format!("{} is gone", path.display()))?;
            ensure!(now == *before, "{} was touched:\nbefore {before:?}\nnow    {now:?}", path.display());
        }
        Ok(())
    }

    fn shows_a_read(&mut self) -> Result<bool> {
        fs::read(self.folder.join("notes.txt"))?;
        let shows = self.are_untouched().is_err();
        self.settle()?;
        Ok(shows)
    }
}

/// Fails if a canary's content lies anywhere in a place's state, or in a regular file of its drop folders that the
/// daemon wrote.
pub fn none_sang(env: &TestEnv) -> Result<()> {
    let mut looked = 0_u32;
    for top in [env.path("state"), env.root()] {
        for path in all_in(&top)? {
            let metadata = fs::symlink_metadata(&path)?;
            let is_ours = path.starts_with(env.path("state")) || is_output(&path);
            // A hard link is the sender's doing: what devicedrop writes has one name.
            if !metadata.is_file() || !is_ours || metadata.nlink() > 1 {
                continue;
            }
            looked += 1;
            ensure!(!sings(&fs::read(&path)?), "a canary's content is in {}", path.display());
        }
    }
    ensure!(looked > 0, "nothing was looked at");
    Ok(())
}

/// Whether a canary's content is in there.
pub fn sings(bytes: &[u8]) -> bool {
    bytes.windows(SONG.len()).any(|window| window == SONG.as_bytes())
}

fn is_output(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let text = String::from_utf8_lossy(name).to_lowercase();
    text.contains(".result") || text.contains(".receipt") || text.starts_with(".devicedrop-")
}

/// Everything below a folder and the folder itself; links aren't followed.
fn all_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = vec![folder.to_owned()];
    let mut next = 0;
    while let Some(path) = found.get(next).cloned() {
        next += 1;
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => continue,
            // Temporary files come and go.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => bail!("can't look at {}: {error}", path.display()),
        }
        for entry in fs::read_dir(&path).with_context(|| format!("can't list {}", path.display()))? {
            found.push(entry?.path());
        }
    }
    Ok(found)
}

fn see(path: &Path) -> Result<Seen> {
    let metadata = fs::symlink_metadata(path)?;
    Ok(Seen {
        ino: metadata.ino(),
        links: metadata.nlink(),
        mode: metadata.mode(),
        owner: (metadata.uid(), metadata.gid()),
        size: metadata.size(),
        written: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
        read: metadata.is_file().then(|| (metadata.atime(), metadata.atime_nsec())),
    })
}
