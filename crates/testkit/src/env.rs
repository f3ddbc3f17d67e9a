//! A place of its own for one test: folders, configuration, environment, and the built program in it.
//!
//! Nothing of the developer's machine gets in: the program sees a cleared environment, a home and a configuration
//! below a temporary folder that is removed with the [`TestEnv`].

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Daemon, Output};

/// A temporary folder, a configuration in it, and the program that is tried there.
///
/// Its settings make the program quick (quiet times of tens of milliseconds) and lenient (every folder a customer, an
/// inventory that knows every device); a test that is about one of them sets it with [`set`](Self::set).
#[derive(Debug)]
pub struct TestEnv {
    folder: TempDir,
    program: PathBuf,
    settings: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
}

impl TestEnv {
    /// Makes a new place for `program`; a test of this package gives `env!("CARGO_BIN_EXE_devicedrop")`.
    pub fn new(program: impl Into<PathBuf>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("devicedrop-test-").tempdir()?;
        let mut env = Self { folder, program: program.into(), settings: BTreeMap::new(), variables: BTreeMap::new() };
        for name in ["home", "tmp", "runtime", "drop"] {
            fs::create_dir(env.path(name))?;
        }
        fs::DirBuilder::new().mode(0o750).create(env.path("state"))?;
        for (key, value) in env.defaults() {
            env.settings.insert(key.to_owned(), value);
        }
        env.write_config()?;
        Ok(env)
    }

    fn defaults(&self) -> [(&'static str, String); 16] {
        let text = |value: &str| format!("{value:?}");
        let path = |name: &str| text(&self.path(name).display().to_string());
        [
            ("drop.root", path("drop")),
            ("drop.customers", text("folders")),
            ("drop.settle", text("20ms")),
            ("drop.settle_open", text("500ms")),
            ("drop.settle_unsure", text("50ms")),
            ("drop.rescan", text("100ms")),
            ("drop.reserve", text("1MiB")),
            ("ledger.path", path("state/ledger.db")),
            ("ledger.originals", path("state/originals")),
            ("results.refresh", text("100ms")),
            ("registrar.kind", text("embedded")),
            ("registrar.embedded.path", path("state/registry.db")),
            ("registrar.embedded.inventory", text("open")),
            ("registrar.retry.first", text("20ms")),
            ("registrar.retry.longest", text("200ms")),
            ("web.listen", text("off")),
        ]
    }

    /// A path below the temporary folder.
    pub fn path(&self, inside: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(inside)
    }

    /// Leaves everything where it is, for a person to look at, and says where.
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }

    /// The folder that holds the customers' drop folders.
    pub fn root(&self) -> PathBuf {
        self.path("drop")
    }

    /// The ledger.
    pub fn ledger(&self) -> PathBuf {
        self.path("state/ledger.db")
    }

    /// The configuration that the program is given.
    pub fn config(&self) -> PathBuf {
        self.path("devicedrop.toml")
    }

    /// Sets one key of the configuration, as `results.receipts` or `customers."Contoso B.V.".locale`, to a value
    /// written as TOML, and writes the file anew.
    pub fn set(&mut self, key: &str, value: &str) -> Result<&mut Self> {
        self.settings.insert(key.to_owned(), value.to_owned());
        self.write_config()?;
        Ok(self)
    }

    /// Takes one key out of the configuration and writes the file anew.
    pub fn unset(&mut self, key: &str) -> Result<&mut Self> {
        self.settings.remove(key);
        self.write_config()?;
        Ok(self)
    }

    /// Sets a variable of the program's environment, as `DEVICEDROP_FILE_EVENTS`.
    pub fn set_variable(&mut self, name: &str, value: &str) -> &mut Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    fn write_config(&self) -> Result<()> {
        let mut text = String::new();
        for (key, value) in &self.settings {
            text.extend([key, " = ", value, "\n"]);
        }
        replace(&self.config(), text.as_bytes())
    }

    /// The program, with nothing of this process's environment.
    pub fn command(&self) -> Command {
        self.command_of(&self.program)
    }

    /// Any program, in the same place and with nothing of this process's environment either.
    pub fn command_of(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .env("XDG_CONFIG_HOME", self.path("home/config"))
            .env("XDG_DATA_HOME", self.path("home/data"))
            .env("XDG_STATE_HOME", self.path("home/state"))
            .env("XDG_CACHE_HOME", self.path("home/cache"))
            .env("XDG_RUNTIME_DIR", self.path("runtime"))
            .env("COLUMNS", "100")
            .env("TERM", "dumb")
            .env("TZ", "UTC")
            .env("LANG", "C.UTF-8")
            .env("DEVICEDROP_CONFIG", self.config())
            .env("DEVICEDROP_LOG", "debug")
            .envs(&self.variables)
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Result<Output> {
        Output::of(self.command().args(arguments), WATCHDOG)
    }

    /// The same for what may take long.
    pub fn run_within(&self, watchdog: Duration, arguments: &[&str]) -> Result<Output> {
        Output::of(self.command().args(arguments), watchdog)
    }

    /// Starts the program as a daemon: `run`, and whatever else is given.
    pub fn start(&self, arguments: &[&str]) -> Result<Daemon> {
        let stdout = fs::File::options().create(true).append(true).open(self.path("daemon.stdout"))?;
        Daemon::start(self.command().arg("run").args(arguments).stdout(stdout), WATCHDOG)
    }

    /// Puts a file into a customer's drop folder as careful senders do: written aside, then renamed. `name` may lie
    /// in a folder (`PO-4711/devices.csv`). Folders that aren't there are made.
    pub fn drop_file(&self, customer: &str, name: &str, bytes: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.place(customer, name)?;
        replace(&path, bytes.as_ref())?;
        Ok(path)
    }

    /// Puts a file into a customer's drop folder as most senders do: created under its name, then filled. What stands
    /// there already is overwritten in place.
    pub fn write_file(&self, customer: &str, name: &str, bytes: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.place(customer, name)?;
        fs::write(&path, bytes).with_context(|| format!("can't write {}", path.display()))?;
        Ok(path)
    }

    fn place(&self, customer: &str, name: &str) -> Result<PathBuf> {
        let path = self.root().join(customer).join(name);
        ensure!(path.starts_with(self.root()), "{} lies outside the drop folders", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(path)
    }

    /// Asks the ledger, as an auditor would: on a connection of its own that can only read. Texts, numbers and nulls
    /// come as they are, blobs in hexadecimal digits.
    pub fn query(&self, sql: &str) -> Result<Vec<Vec<Value>>> {
        self.query_file(&self.ledger(), sql)
    }

    /// Asks another SQLite file in the same way.
    pub fn query_file(&self, path: &Path, sql: &str) -> Result<Vec<Vec<Value>>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || format!("can't open {}", path.display());
        let connection = Connection::open_with_flags(path, flags).with_context(open)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        rows(&connection, sql).with_context(|| format!("{} refuses: {sql}", path.display()))
    }
}

/// What a connection answers, in the same way, for who asks it more than once.
pub fn rows(connection: &Connection, sql: &str) -> Result<Vec<Vec<Value>>> {
    let mut statement = connection.prepare(sql)?;
    let width = statement.column_count();
    let rows = statement.query_map([], |row| (0..width).map(|column| row.get_ref(column).map(value)).collect())?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How long a test waits for what must come. Far beyond any real wait: it ends a test that would hang, and no more.
pub const WATCHDOG: Duration = Duration::from_mins(1);

/// Writes a file aside and renames it into its place, so that a reader never sees half of it.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let name = path.file_name().and_then(|name| name.to_str()).context("a file needs a name in UTF-8")?;
    let aside = path.with_file_name(format!(".{name}.part"));
    let mut file = fs::File::options().write(true).create(true).truncate(true).mode(0o644).open(&aside)?;
    std::io::Write::write_all(&mut file, bytes)?;
    drop(file);
    fs::rename(&aside, path).with_context(|| format!("can't put {} in place", path.display()))
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
        ValueRef::Blob(bytes) => hexadecimal(bytes).into(),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_program_sees_nothing_of_the_machine() -> Result<()> {
        let env = TestEnv::new("/usr/bin/env")?;
        let output = env.run(&[])?;
        let names: Vec<&str> =
            output.stdout.lines().filter_map(|line| line.split_once('=')).map(|(k, _)| k).collect();
        assert!(names.contains(&"DEVICEDROP_CONFIG"));
        assert!(names.iter().all(|name| !name.starts_with("CARGO")), "{names:?}");
        assert!(output.stdout.contains(&format!("HOME={}\n", env.path("home").display())));
        Ok(())
    }

    #[test]
    fn settings_are_written_and_replaced() -> Result<()> {
        let mut env = TestEnv::new("/bin/true")?;
        env.set("results.receipts", "true")?.set("drop.settle", "\"1s\"")?.unset("web.listen")?;
        let text = fs::read_to_string(env.config())?;
        assert!(text.contains("results.receipts = true\n") && text.contains("drop.settle = \"1s\"\n"), "{text}");
        assert!(!text.contains("web.listen") && !text.contains("20ms\"\ndrop.settle ="), "{text}");
        Ok(())
    }

    #[test]
    fn a_dropped_file_lies_in_its_folder_alone() -> Result<()> {
        let env = TestEnv::new("/bin/true")?;
        let path = env.drop_file("contoso", "PO-1/devices.csv", "a,b\n")?;
        assert_eq!(fs::read_to_string(&path)?, "a,b\n");
        let there: Vec<_> = fs::read_dir(env.root().join("contoso/PO-1"))?.collect::<Result<_, _>>()?;
        assert_eq!(there.len(), 1);
        assert_eq!(fs::read_to_string(env.write_file("contoso", "PO-1/devices.csv", "c")?)?, "c");
        Ok(())
    }

    #[test]
    fn the_ledger_is_asked_without_a_way_to_write() -> Result<()> {
        let env = TestEnv::new("/bin/true")?;
        assert!(env.query("SELECT 1").is_err(), "there is no ledger yet, and asking makes none");
        Connection::open(env.ledger())?
            .execute_batch("CREATE TABLE t (a, b, c); INSERT INTO t VALUES (1, 'x', x'0f')")?;
        assert_eq!(env.query("SELECT a, b, c, NULL FROM t")?, [[json!(1), json!("x"), json!("0f"), Value::Null]]);
        assert!(env.query("DELETE FROM t").is_err());
        Ok(())
    }
}
