//! Opening the ledger: where it may be, what SQLite is told, and the schema brought up to date.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, DEFAULT_NAME, FileControl, OpenFlags};

use super::error::{OpenError, Untrusted};
use super::schema;

/// `ddrp`: what tells a ledger from another program's database.
pub(super) const APPLICATION: i64 = 0x6464_7270;

/// The oldest SQLite without the bug that loses commits when two connections checkpoint at once.
const OLDEST_SQLITE: i32 = 3_051_003;

/// How long a connection waits for another one's lock: longer than any checkpoint or recovery takes.
const BUSY: Duration = Duration::from_secs(5);

/// Statements kept prepared for each connection; the writer has about seventy.
const STATEMENTS: usize = 128;

/// What both kinds of connections are told. Nothing in the file is trusted to name functions.
const COMMON: &str = "PRAGMA trusted_schema = OFF; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;";

/// What the writer is told. Pages of 16 KiB and a checkpoint every 40 MB were measured to be the cheapest; FULL,
/// since what is answered must be on the disk.
const WRITER: &str = "
    PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 2500;
    PRAGMA cache_size = -16000; PRAGMA journal_size_limit = 67108864; PRAGMA recursive_triggers = ON;
    PRAGMA foreign_keys = OFF; PRAGMA cell_size_check = ON;";

/// What a reader is told. There may be some dozens, and the system has the file cached, too.
const READER: &str = "PRAGMA query_only = ON; PRAGMA cache_size = -2000;";

fn sqlite(path: &Path) -> impl Fn(rusqlite::Error) -> OpenError + Copy + '_ {
    |source| OpenError::Sqlite { path: path.to_owned(), source }
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> OpenError + Copy + '_ {
    |source| OpenError::Io { path: path.to_owned(), source }
}

/// The ledger's folder; relative paths begin where the process is.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes the ledger's folder, closed to others, if it isn't there.
pub(super) fn make_folder(path: &Path) -> Result<(), OpenError> {
    let folder = folder(path);
    DirBuilder::new().recursive(true).mode(0o750).create(folder).map_err(io(folder))
}

/// Refuses what no ledger can live with, and one that is only half put back from a backup.
pub(super) fn check_place(path: &Path) -> Result<(), OpenError> {
    if super::restoring::Restoring::is_at(path) {
        return Err(OpenError::Restoring(path.to_owned()));
    }
    check_disk(path)
}

/// Refuses what no ledger can live with: an old SQLite, a network file system, a link.
pub(super) fn check_disk(path: &Path) -> Result<(), OpenError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(OpenError::OldSqlite(rusqlite::version()));
    }
    let folder = folder(path);
    let about = match rustix::fs::statfs(folder) {
        Ok(about) => about,
        Err(rustix::io::Errno::NOENT) => return Err(OpenError::Missing(path.to_owned())),
        Err(error) => return Err(io(folder)(error.into())),
    };
    if let Some(kind) = network(i128::from(about.f_type)) {
        return Err(OpenError::Network { path: folder.to_owned(), kind });
    }
    match path.symlink_metadata() {
        Ok(about) if about.is_symlink() => Err(OpenError::Link(path.to_owned())),
        // SQLite takes a file of one byte for an empty one, and removes the log beside it, which may hold all there is.
        Ok(about) if about.len() == 1 => Err(Untrusted::Damaged("it was cut down to one byte".to_owned()).into()),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io(path)(error)),
    }
}

/// The name of a file system that other machines may write to, or that can't be told: WAL needs memory that all
/// processes share, and locks that work. The numbers are those of `statfs(2)`.
pub fn network(magic: i128) -> Option<&'static str> {
    match magic & 0xffff_ffff {
        0x6969 => Some("NFS"),
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => Some("SMB"),
        0x6573_5546 => Some("FUSE"),
        0x0102_1997 => Some("9P"),
        0x5346_414f | 0x6b41_4653 => Some("AFS"),
        0x00c3_6400 => Some("Ceph"),
        0x564c => Some("NCP"),
        0x7375_7245 => Some("Coda"),
        0x0116_1970 => Some("GFS2"),
        0x7461_636f => Some("OCFS2"),
        0x0bd0_0bd0 => Some("Lustre"),
        _ => None,
    }
}

/// Opens a connection that can write, of which a process has one; brings the schema up to date. Returns it and whether
/// the last run left the ledger in order.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub(super) fn writer(path: &Path, create: bool) -> Result<(Connection, bool), OpenError> {
    let empty = match path.symlink_metadata() {
        Ok(about) => about.len() == 0,
        Err(_) => true,
    };
    if empty && !create {
        return Err(OpenError::Missing(path.to_owned()));
    }
    if empty {
        // SQLite gives -wal and -shm the same mode and owner.
        let made = OpenOptions::new().write(true).create_new(true).mode(0o640).open(path);
        match made {
            Ok(file) => drop(file),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(io(path)(error)),
        }
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags).map_err(sqlite(path))?;
    db.busy_timeout(BUSY).map_err(sqlite(path))?;
    check_kind(&db, path, create)?;
    prepare(&db, WRITER).map_err(sqlite(path))?;
    // The guards are for everybody else: they refuse all that this connection does, and a trigger on each row would
    // cost it more than the row itself (docs/decisions/0010-the-shape-of-the-ledger.md).
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).map_err(sqlite(path))?;
    // Keeps -wal and -shm when the last connection closes: a reader that can't write couldn't make them.
    let mut persist = 1;
    db.file_control(DEFAULT_NAME, FileControl::PersistWal(&mut persist)).map_err(sqlite(path))?;
    schema::migrate(&mut db, path)?;
    schema::put_statistics(&db).map_err(sqlite(path))?;
    let clean: bool = db.query_row("SELECT clean FROM run", [], |row| row.get(0)).map_err(sqlite(path))?;
    if !clean {
        quick_check(&db).map_err(sqlite(path))??;
    }
    db.execute_batch("BEGIN IMMEDIATE; UPDATE run SET clean = 0; COMMIT").map_err(sqlite(path))?;
    Ok((db, clean))
}

/// Opens a connection that can only read.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub(super) fn reader(path: &Path) -> Result<Connection, OpenError> {
    match path.symlink_metadata() {
        Ok(about) if about.len() > 0 => {}
        _ => return Err(OpenError::Missing(path.to_owned())),
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(sqlite(path))?;
    db.busy_timeout(BUSY).map_err(sqlite(path))?;
    read_alone(db, path)
}

/// Opens a copy that nobody writes to, wherever it lies: without locks, which not every file system has.
pub(super) fn copy_reader(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags_and_vfs(path, flags, c"unix-none").map_err(sqlite(path))?;
    read_alone(db, path)
}

/// Makes a connection ready that only reads.
fn read_alone(db: Connection, path: &Path) -> Result<Connection, OpenError> {
    check_kind(&db, path, false)?;
    prepare(&db, READER).map_err(sqlite(path))?;
    let found = schema::version(&db).map_err(sqlite(path))?;
    if found < schema::LATEST {
        return Err(OpenError::Older { found, known: schema::LATEST });
    }
    Ok(db)
}

/// Writes a copy of a ledger, as it is at one moment, into an empty file. Whoever writes to the ledger goes on.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub(super) fn copy(path: &Path, name: &str) -> Result<(), OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(sqlite(path))?;
    db.busy_timeout(BUSY).map_err(sqlite(path))?;
    check_kind(&db, path, false)?;
    db.execute_batch(COMMON).map_err(sqlite(path))?;
    let written = db.execute("VACUUM INTO ?1", [name]);
    written.map(|_| ()).map_err(|source| OpenError::Copy { path: name.into(), source })
}

fn prepare(db: &Connection, told: &str) -> rusqlite::Result<()> {
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    // Without this, SQLite prepares a statement anew for each new value that is bound in it, to see whether another
    // plan would suit that value better. That took a fifth of all time under load.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.execute_batch(COMMON)?;
    db.execute_batch(told)
}

/// Refuses another program's database, and one that is newer than this program. One without a single table is taken
/// for a ledger whose making was cut off, if one may be made.
fn check_kind(db: &Connection, path: &Path, create: bool) -> Result<(), OpenError> {
    let (application, tables): (i64, i64) = db
        .query_row(
            "SELECT application_id, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .map_err(sqlite(path))?;
    match (application, tables) {
        (APPLICATION, 1..) => {}
        (0, 0) if create => {}
        (0, 0) => return Err(OpenError::Missing(path.to_owned())),
        _ => return Err(OpenError::Foreign(path.to_owned())),
    }
    let found = schema::version(db).map_err(sqlite(path))?;
    if found > schema::LATEST {
        return Err(OpenError::Newer { found, known: schema::LATEST });
    }
    Ok(())
}

fn quick_check(db: &Connection) -> rusqlite::Result<Result<(), Untrusted>> {
    let said: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok(if said == "ok" { Ok(()) } else { Err(Untrusted::Damaged(said)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_that_others_write_to_or_that_tell_nothing_are_refused_and_local_ones_are_not() {
        for (magic, kind) in [(0x6969, "NFS"), (0xfe53_4d42, "SMB"), (0x6573_5546, "FUSE"), (0x0bd0_0bd0, "Lustre")] {
            assert_eq!(network(magic), Some(kind));
            // As a system tells it whose numbers have a sign.
            assert_eq!(network(magic | !0xffff_ffff), Some(kind));
        }
        for local in [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994] {
            assert_eq!(network(local), None);
        }
    }

    #[test]
    fn no_connection_prepares_anew_for_each_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let (writer, _) = writer(&path, true).unwrap();
        for db in [writer, reader(&path).unwrap()] {
            assert!(db.db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG).unwrap());
        }
    }
}
