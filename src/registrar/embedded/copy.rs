//! Copies of the registry for backups, made beside whoever has it open.

use std::path::Path;

use super::{RegistryError, file};

/// Writes a copy of the registry at `from`, as it is at one moment, into the new file `to`, durably.
pub fn copy(from: &Path, to: &Path) -> Result<(), RegistryError> {
    let connection = file::open_browser(from)?;
    let name = to.to_str().ok_or_else(|| RegistryError::File {
        doing: "name to SQLite",
        path: to.to_owned(),
        source: std::io::Error::other("the name isn't UTF-8: choose another folder"),
    })?;
    file::make_copy(to, || {
        connection
            .execute("VACUUM INTO ?1", [name])
            .map(|_| ())
            .map_err(|source| file::classify(to, "write the copy", source))
    })
}

/// Looks through a copy that nobody writes to.
pub fn check_copy(path: &Path) -> Result<(), RegistryError> {
    let said: String = file::open_copy(path)?
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|source| file::classify(path, "check the copy", source))?;
    if said == "ok" { Ok(()) } else { Err(RegistryError::Damaged { path: path.to_owned(), what: said }) }
}
