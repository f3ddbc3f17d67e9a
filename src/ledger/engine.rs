//! The SQLite inside of this program: its version, and how it was built.

use rusqlite::Connection;

/// What it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// Its version.
    pub version: &'static str,
    /// The same as a number: 3051003 is 3.51.3.
    pub number: i32,
    /// How it was built, without `SQLITE_` before each word; empty where it doesn't say.
    pub options: Vec<String>,
}

/// Asks it.
pub fn engine() -> Engine {
    let options = || -> rusqlite::Result<Vec<String>> {
        let db = Connection::open_in_memory()?;
        let mut statement = db.prepare("PRAGMA compile_options")?;
        statement.query_map([], |row| row.get(0))?.collect()
    };
    Engine {
        version: rusqlite::version(),
        number: rusqlite::version_number(),
        options: options().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_it_was_built() {
        let engine = engine();
        assert!(engine.options.iter().any(|option| option.starts_with("THREADSAFE=")), "{engine:?}");
    }
}
