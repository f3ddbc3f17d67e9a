//! What stands at a name before, after and in between.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use super::*;

/// A folder, and a descriptor of it.
struct Folder {
    path: tempfile::TempDir,
    dir: File,
}

impl Folder {
    fn new() -> anyhow::Result<Self> {
        let path = tempfile::tempdir()?;
        let dir = File::open(path.path())?;
        Ok(Self { path, dir })
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.path.path().join(name)
    }

    fn write(&self, name: &str, content: &[u8], replace: Replace) -> Result<Written, DurableError> {
        write_whole(self.dir.as_fd(), OsStr::new(name), 0o640, replace, |out| out.write_all(content))
    }

    fn names(&self) -> anyhow::Result<Vec<String>> {
        let names =
            fs::read_dir(self.path.path())?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let mut names = names.collect::<io::Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }
}

fn id_of(path: &Path) -> anyhow::Result<FileId> {
    let metadata = fs::symlink_metadata(path)?;
    Ok(FileId { dev: metadata.dev(), ino: metadata.ino() })
}

fn standing(path: &Path) -> anyhow::Result<Standing> {
    Ok(Standing::from(&rustix::fs::lstat(path)?))
}

#[test]
fn a_file_is_written_with_its_mode_digest_and_size() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let content = vec![b'x'; 200_000];
    let written = folder.write("a.csv", &content, Replace::Nothing)?;
    assert_eq!(fs::read(folder.at("a.csv"))?, content);
    let found = fs::metadata(folder.at("a.csv"))?;
    let mtime_ns = found.mtime() * 1_000_000_000 + found.mtime_nsec();
    let expected =
        Written { file: id_of(&folder.at("a.csv"))?, sha256: Sha256::of(&content), bytes: 200_000, mtime_ns };
    assert_eq!(written, expected);
    assert_eq!(fs::metadata(folder.at("a.csv"))?.permissions().mode() & 0o7777, 0o640);
    assert_eq!(folder.names()?, ["a.csv"]);
    Ok(())
}

#[test]
fn what_may_not_be_replaced_stays() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let first = folder.write("a", b"first", Replace::Nothing)?;
    assert!(matches!(folder.write("a", b"x", Replace::Nothing), Err(DurableError::Taken)));
    let there = standing(&folder.at("a"))?;
    let other = Standing { file: FileId { ino: first.file.ino + 1, ..first.file }, ..there };
    assert!(matches!(folder.write("a", b"x", Replace::Only(other)), Err(DurableError::Taken)));
    assert_eq!(fs::read(folder.at("a"))?, b"first");

    let second = folder.write("a", b"second", Replace::Only(there))?;
    assert_eq!(fs::read(folder.at("a"))?, b"second");
    assert_eq!(second.file, id_of(&folder.at("a"))?);
    assert!(matches!(folder.write("a", b"x", Replace::Only(there)), Err(DurableError::Taken)));

    fs::remove_file(folder.at("a"))?;
    folder.write("a", b"third", Replace::Only(there))?;
    folder.write("a", b"fourth", Replace::Any)?;
    assert_eq!(fs::read(folder.at("a"))?, b"fourth");
    assert_eq!(folder.names()?, ["a"]);
    Ok(())
}

#[test]
fn links_and_folders_at_the_name_are_not_followed() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    fs::write(folder.at("target"), "untouched")?;
    symlink(folder.at("target"), folder.at("link"))?;
    symlink(folder.at("nowhere"), folder.at("dangling"))?;
    fs::create_dir(folder.at("folder"))?;
    assert!(matches!(folder.write("link", b"x", Replace::Nothing), Err(DurableError::Taken)));
    assert!(matches!(folder.write("dangling", b"x", Replace::Nothing), Err(DurableError::Taken)));
    let target = standing(&folder.at("target"))?;
    assert!(matches!(folder.write("link", b"x", Replace::Only(target)), Err(DurableError::Taken)));
    assert!(matches!(folder.write("folder", b"x", Replace::Any), Err(DurableError::Rename(_))));

    folder.write("link", b"new", Replace::Any)?;
    assert!(fs::symlink_metadata(folder.at("link"))?.is_file());
    assert_eq!(fs::read_to_string(folder.at("target"))?, "untouched");
    assert_eq!(folder.names()?, ["dangling", "folder", "link", "target"]);
    Ok(())
}

#[test]
fn what_was_changed_since_it_was_looked_at_stays() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    folder.write("a", b"first", Replace::Nothing)?;
    let looked = standing(&folder.at("a"))?;
    let aside = write_aside(folder.dir.as_fd(), 0o640, |out| out.write_all(b"second"))?;
    // Its sender writes into it, and sets the size and the time as they were.
    let times = fs::FileTimes::new().set_modified(fs::metadata(folder.at("a"))?.modified()?);
    fs::write(folder.at("a"), "FIRST")?;
    File::options().write(true).open(folder.at("a"))?.set_times(times)?;
    assert!(matches!(aside.place(OsStr::new("a"), Replace::Only(looked)), Err(DurableError::Taken)));
    assert_eq!(fs::read(folder.at("a"))?, b"FIRST");
    assert_eq!(folder.names()?, ["a"]);
    Ok(())
}

#[test]
fn what_somebody_puts_at_the_name_aside_is_neither_named_nor_removed() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    fs::write(folder.at("secret"), "untouched")?;
    for plant in ["link", "file", "hard link", "nothing"] {
        let aside = write_aside(folder.dir.as_fd(), 0o640, |out| out.write_all(b"ours"))?;
        let at = folder.at(&aside.name);
        fs::remove_file(&at)?;
        match plant {
            "link" => symlink(folder.at("secret"), &at)?,
            "file" => fs::write(&at, "theirs")?,
            "hard link" => fs::hard_link(folder.at("secret"), &at)?,
            _ => {}
        }
        let placed = aside.place(OsStr::new("a"), Replace::Any);
        assert!(matches!(placed, Err(DurableError::Swapped)), "{plant}: {placed:?}");
        assert!(!folder.at("a").exists(), "{plant}");
        assert_eq!(fs::symlink_metadata(&at).is_ok(), plant != "nothing", "{plant}");
        fs::remove_file(&at).unwrap_or_default();
    }
    assert_eq!(folder.names()?, ["secret"]);
    assert_eq!(fs::read(folder.at("secret"))?, b"untouched");
    Ok(())
}

#[test]
fn what_somebody_puts_at_the_name_aside_after_the_rename_stays() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let aside = write_aside(folder.dir.as_fd(), 0o640, |out| out.write_all(b"ours"))?;
    let at = folder.at(&aside.name);
    fs::rename(&at, folder.at("away"))?;
    fs::write(&at, "theirs")?;
    drop(aside);
    assert_eq!(fs::read(&at)?, b"theirs");
    Ok(())
}

#[test]
fn a_failure_leaves_nothing_behind() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    folder.write("a", b"old", Replace::Any)?;
    let failed = write_whole(folder.dir.as_fd(), OsStr::new("a"), 0o640, Replace::Any, |out| {
        out.write_all(&vec![b'x'; 100_000])?;
        Err(io::Error::other("no more"))
    });
    assert!(matches!(failed, Err(DurableError::Fill(_))));
    assert_eq!(fs::read(folder.at("a"))?, b"old");
    assert_eq!(folder.names()?, ["a"]);
    for name in ["", ".", "..", "../a", "a/b"] {
        assert!(matches!(folder.write(name, b"x", Replace::Any), Err(DurableError::Name)), "{name}");
    }
    let gone = folder.dir.try_clone()?;
    drop(folder);
    let written = write_whole(gone.as_fd(), OsStr::new("a"), 0o640, Replace::Any, |_| Ok(()));
    assert!(matches!(written, Err(DurableError::Create(_))));
    Ok(())
}

#[test]
fn a_file_aside_gets_its_name_later_or_never() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let aside = write_aside(folder.dir.as_fd(), 0o440, |out| out.write_all(b"content"))?;
    assert!(folder.names()?.iter().all(|name| is_aside(name.as_bytes())));
    let name = aside.written().sha256.to_string();
    aside.place(OsStr::new(&name), Replace::Nothing)?;
    assert_eq!(folder.names()?, [name.as_str()]);
    drop(write_aside(folder.dir.as_fd(), 0o440, |out| out.write_all(b"other"))?);
    assert_eq!(folder.names()?, [name.as_str()]);
    Ok(())
}

#[test]
fn only_our_own_orphans_are_removed() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let kept = [
        ".devicedrop-0123456789abcdef.tmp.csv",
        ".devicedrop-0123456789abcdeg.tmp",
        ".devicedrop-x.tmp",
        "devicedrop-0123456789abcdef.tmp",
    ];
    for name in kept {
        fs::write(folder.at(name), "")?;
    }
    fs::create_dir(folder.at(".devicedrop-00000000000000d1.tmp"))?;
    symlink("target", folder.at(".devicedrop-00000000000000d2.tmp"))?;
    fs::write(folder.at(".devicedrop-0123456789abcdef.tmp"), "half a fi")?;
    assert_eq!(remove_orphans(folder.dir.as_fd())?, 1);
    assert_eq!(folder.names()?.len(), kept.len() + 2);
    assert!(!folder.at(".devicedrop-0123456789abcdef.tmp").exists());
    Ok(())
}

#[test]
fn a_folder_held_for_its_names_only_is_good_enough() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let path_only = rustix::fs::open(folder.path.path(), OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?;
    write_whole(path_only.as_fd(), OsStr::new("a"), 0o640, Replace::Nothing, |out| out.write_all(b"x"))?;
    assert_eq!(folder.names()?, ["a"]);
    assert_eq!(remove_orphans(path_only.as_fd())?, 0);
    Ok(())
}

#[test]
fn a_file_that_is_replaced_keeps_its_permissions_and_stays_behind_its_link() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, link) = (folder.path().join("a"), folder.path().join("link"));
    std::fs::write(&file, "old").expect("written");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("set");
    symlink(&file, &link).expect("linked");
    replace_whole(&link, b"new").expect("replaced");
    assert_eq!(std::fs::read(&file).expect("read"), b"new");
    assert_eq!(std::fs::metadata(&file).expect("there").mode() & 0o7777, 0o640);
    assert!(std::fs::symlink_metadata(&link).expect("there").is_symlink());
    assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 2, "nothing is left aside");
    assert!(replace_whole(&folder.path().join("none"), b"new").is_err());
}

#[test]
fn what_is_there_already_is_not_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a");
    assert!(write_new(&file, 0o644, b"first").expect("written"));
    assert!(!write_new(&file, 0o644, b"second").expect("left alone"));
    assert_eq!(std::fs::read(&file).expect("read"), b"first");
}
