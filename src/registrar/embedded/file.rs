//! Opening the registry's file: folder, lock, modes, schema, settings of SQLite.
//!
//! Every connection to the file is made here. What is in it is read elsewhere.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use devicedrop_core::time::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::RegistryError;

/// "ddRG": tells SQLite files of ours from others'.
const APPLICATION_ID: i64 = 0x6464_5247;

/// One step for each version of the schema. Steps that were released are never changed.
const STEPS: [&str; 1] = [include_str!("schema.sql")];

/// How long a connection waits for another's lock: ours are held for milliseconds, a backup tool's for longer.
const BUSY: Duration = Duration::from_secs(5);

/// A registry's file, open for writing, and locked.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) connection: Connection,
    /// The identity of the registry.
    pub(super) uuid: uuid::Uuid,
    /// Held while the registry is open; the lock goes when this is dropped.
    pub(super) lock: File,
}

/// Opens the registry for writing, and makes it where there is none.
pub(super) fn open(path: &Path, now: Timestamp) -> Result<Opened, RegistryError> {
    let folder = folder_of(path);
    DirBuilder::new().recursive(true).mode(0o750).create(folder).map_err(trouble("make the folder", folder))?;
    refuse_network(path, folder)?;
    let is_new = make_file(path)?;
    // Under whatever other name the file is reached, its lock is one.
    let real = path.canonicalize().map_err(trouble("find", path))?;
    refuse_network(path, folder_of(&real))?;
    let lock = lock(path, &real)?;
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let uuid = bring_up_to_date(&mut connection, path, now)?;
    let journal = set_up_for_writing(&connection).map_err(|source| classify(path, "set up SQLite", source))?;
    if journal != "wal" {
        let source = std::io::Error::other(format!("SQLite can't keep a log beside it, only {journal:?}"));
        return Err(trouble("use", path)(source));
    }
    if is_new {
        // SQLite syncs the file, not the name under which it is found after a power cut.
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(trouble("sync the folder", folder))?;
    }
    Ok(Opened { connection, uuid, lock })
}

/// Opens another connection for writing to a registry whose lock we hold.
pub(super) fn open_anew(path: &Path) -> Result<Connection, RegistryError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    set_up_for_writing(&connection).map_err(|source| classify(path, "set up SQLite", source))?;
    Ok(connection)
}

/// Copies the whole log into the file and empties it, both durably; false if a reader is in the way.
pub(super) fn empty_log(connection: &Connection, path: &Path) -> Result<bool, RegistryError> {
    let busy: i64 = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(|source| classify(path, "write the log into the file", source))?;
    Ok(busy == 0)
}

/// Makes a new file, has `write` fill it, and syncs it and its folder. What is left of a copy that failed is removed.
pub(super) fn make_copy(path: &Path, write: impl FnOnce() -> Result<(), RegistryError>) -> Result<(), RegistryError> {
    if !make_file(path)? {
        let source = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        return Err(trouble("make", path)(source));
    }
    let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all()).map_err(trouble("sync", path));
    let written = write().and_then(|()| sync(path)).and_then(|()| sync(folder_of(path)));
    if written.is_err() {
        drop(std::fs::remove_file(path));
    }
    written
}

/// Opens a connection that only reads a registry that is open for writing already.
pub(super) fn open_reader(path: &Path) -> Result<Connection, RegistryError> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// Opens a connection that only reads a registry, whoever has it open, and makes sure that it is one.
pub(super) fn open_browser(path: &Path) -> Result<Connection, RegistryError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let (application, found) = read_kind(&connection, path)?;
    if application != APPLICATION_ID {
        return Err(RegistryError::Foreign { path: path.to_owned() });
    }
    refuse_newer(path, found)?;
    Ok(connection)
}

/// Opens a copy that nobody writes to, wherever it lies: without locks, which not every file system has.
pub(super) fn open_copy(path: &Path) -> Result<Connection, RegistryError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags_and_vfs(path, flags, c"unix-none")
        .map_err(|source| classify(path, "open SQLite", source))?;
    let (application, found) = read_kind(&connection, path)?;
    if application != APPLICATION_ID {
        return Err(RegistryError::Foreign { path: path.to_owned() });
    }
    refuse_newer(path, found)?;
    Ok(connection)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, RegistryError> {
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_PRIVATE_CACHE;
    let set_up = |connection: &Connection| {
        connection.busy_timeout(BUSY)?;
        // Or statements are prepared anew for each value that is bound.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.pragma_update(None, "trusted_schema", false)
    };
    #[expect(clippy::disallowed_methods, reason = "this is the one way into the registry")]
    let opened = Connection::open_with_flags(path, flags);
    opened
        .and_then(|connection| set_up(&connection).map(|()| connection))
        .map_err(|source| classify(path, "open SQLite", source))
}

/// Two processes would each have a table of devices in memory that doesn't know of the other's claims.
fn lock(path: &Path, real: &Path) -> Result<File, RegistryError> {
    let mut name = real.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o640)
        .open(&name)
        .map_err(trouble("open", &name))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(RegistryError::InUse { path: path.to_owned() }),
        Err(std::fs::TryLockError::Error(source)) => Err(trouble("lock", &name)(source)),
    }
}

/// Makes an empty file with our mode, which SQLite then gives to its own files beside it too. Says whether it did.
fn make_file(path: &Path) -> Result<bool, RegistryError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o640).open(path) {
        Ok(file) => {
            // Whatever the process's umask took away: the group reads.
            file.set_permissions(Permissions::from_mode(0o640)).map_err(trouble("set the mode of", path))?;
            Ok(true)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(trouble("make", path)(error)),
    }
}

/// Whose file it is, and the version of its schema.
fn read_kind(connection: &Connection, path: &Path) -> Result<(i64, i64), RegistryError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get(0));
    pragma("application_id")
        .and_then(|application| Ok((application, pragma("user_version")?)))
        .map_err(|source| classify(path, "read the schema", source))
}

/// Refuses a schema that we don't know yet. Returns the newest that we know.
fn refuse_newer(path: &Path, found: i64) -> Result<i64, RegistryError> {
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if found > known { Err(RegistryError::Newer { path: path.to_owned(), found, known }) } else { Ok(known) }
}

fn bring_up_to_date(connection: &mut Connection, path: &Path, now: Timestamp) -> Result<uuid::Uuid, RegistryError> {
    let sqlite = |source| classify(path, "read the schema", source);
    let (application, found) = read_kind(connection, path)?;
    let objects: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(sqlite)?;
    let empty = application == 0 && found == 0 && objects == 0;
    if application != APPLICATION_ID && !empty {
        return Err(RegistryError::Foreign { path: path.to_owned() });
    }
    let known = refuse_newer(path, found)?;
    if empty {
        connection.pragma_update(None, "page_size", 16_384).map_err(sqlite)?;
    }
    if found < known {
        step_up(connection, found, now).map_err(|source| classify(path, "write the schema", source))?;
    }
    let uuid: [u8; 16] = connection.query_row("SELECT uuid FROM registry", [], |row| row.get(0)).map_err(sqlite)?;
    Ok(uuid::Uuid::from_bytes(uuid))
}

/// Runs the steps above version `found`, all in one transaction.
fn step_up(connection: &mut Connection, found: i64, now: Timestamp) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(step)?;
    }
    if found == 0 {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        let uuid = uuid::Builder::from_random_bytes(random).into_uuid();
        transaction.execute(
            "INSERT INTO registry (one, uuid, created_at) VALUES (1, ?1, ?2)",
            (uuid.as_bytes(), now.unix_ms()),
        )?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    transaction.pragma_update(None, "user_version", i64::try_from(STEPS.len()).unwrap_or(i64::MAX))?;
    transaction.commit()
}

/// Returns the kind of journal that the file has now: a file system without shared memory lets SQLite keep its old one.
fn set_up_for_writing(connection: &Connection) -> rusqlite::Result<String> {
    let journal = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    // A claim that was answered must hold after a power cut; NORMAL would lose the last ones.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Tables are appended to, so few pages are touched again: 8 MB do as well as more.
    connection.pragma_update(None, "cache_size", -8_000)?;
    // About 40 MB of log between two copies into the file.
    connection.pragma_update(None, "wal_autocheckpoint", 2_500)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    // References are held by the only code that writes; checking them costs half of an insert.
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.set_prepared_statement_cache_capacity(32);
    // Readers without the right to write need these files to be there after we are gone.
    let mut keep = 1;
    connection.file_control(None::<&str>, rusqlite::FileControl::PersistWal(&mut keep))?;
    Ok(journal)
}

/// Refuses file systems on which locks or shared memory don't reach everyone who has the file open.
fn refuse_network(path: &Path, folder: &Path) -> Result<(), RegistryError> {
    let status = rustix::fs::statfs(folder)
        .map_err(|errno| trouble("tell the file system of", folder)(std::io::Error::from(errno)))?;
    let kind = shared_or_unknown(i128::from(status.f_type));
    kind.map_or(Ok(()), |kind| Err(RegistryError::NetworkFileSystem { path: path.to_owned(), kind }))
}

/// The name of such a file system, or of one that can't be told to be none. The numbers are those of `statfs(2)`.
fn shared_or_unknown(magic: i128) -> Option<&'static str> {
    match magic & 0xffff_ffff {
        0x6969 => Some("NFS"),
        0x517b | 0xfe53_4d42 | 0xff53_4d42 => Some("SMB"),
        0x6573_5546 => Some("FUSE"),
        0x0102_1997 => Some("9p"),
        0x00c3_6400 => Some("Ceph"),
        0x5346_414f | 0x6b41_4653 => Some("AFS"),
        0x7375_7245 => Some("Coda"),
        0x564c => Some("NCP"),
        0x0116_1970 => Some("GFS2"),
        0x7461_636f => Some("OCFS2"),
        0x0bd0_0bd0 => Some("Lustre"),
        _ => None,
    }
}

/// Names the kinds of an SQLite error that a person has to hear of by another name.
pub(super) fn classify(path: &Path, doing: &'static str, source: rusqlite::Error) -> RegistryError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => RegistryError::Foreign { path },
        Some(ErrorCode::DatabaseCorrupt) => RegistryError::Damaged { path, what: source.to_string() },
        _ => RegistryError::Sqlite { doing, path, source },
    }
}

fn trouble<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> RegistryError + 'a {
    move |source| RegistryError::File { doing, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::shared_or_unknown;

    #[test]
    fn a_file_system_of_others_is_refused_and_one_of_our_own_is_not() {
        for (magic, kind) in [(0x6969, "NFS"), (0xfe53_4d42, "SMB"), (0x6573_5546, "FUSE"), (0x0bd0_0bd0, "Lustre")] {
            assert_eq!(shared_or_unknown(magic), Some(kind));
        }
        // As some systems give it: with a sign.
        assert_eq!(shared_or_unknown(i128::from(0xff53_4d42_u32.cast_signed())), Some("SMB"));
        for ours in [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994] {
            assert_eq!(shared_or_unknown(ours), None, "{ours:x}: ext4, XFS, Btrfs, tmpfs");
        }
    }
}
