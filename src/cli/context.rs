//! What every command begins with: the configuration in force and, asked for with `-v`, the words that say which.

use crate::cli::args::Cli;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::config::environment::Environment;
use crate::config::{Config, Lookup, Source};
use devicedrop_core::shown::shown;

/// What a command goes by.
#[derive(Debug)]
pub struct Context {
    /// Where the configuration is looked for; a daemon looks again on a reload.
    pub lookup: Lookup,
    /// The configuration.
    pub config: Config,
    /// What the environment says.
    pub environment: Environment,
}

impl Context {
    /// Loads the configuration, and says which when `-v` is given.
    pub fn load(cli: &Cli, environment: &Environment, output: &mut Output) -> Result<Self, CliError> {
        let lookup = Lookup::of_this_process(cli.config.clone(), environment);
        let config = lookup.load()?;
        if cli.verbose > 0 {
            say_which(&config, output);
        }
        Ok(Self { lookup, config, environment: environment.clone() })
    }
}

fn say_which(config: &Config, output: &mut Output) {
    match &config.source {
        Source::Defaults => output.note("configuration: none found; the defaults"),
        Source::File { path, sha256, .. } => {
            output.note(format_args!("configuration: {} (SHA-256 {sha256})", shown(&path.display().to_string())));
        }
    }
    output.note(format_args!("ledger: {}", shown(&config.ledger.path.display().to_string())));
}
