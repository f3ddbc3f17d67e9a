//! The part of the command line that is about registration services elsewhere.

use clap::{Args, Subcommand};
use devicedrop_core::ids::CustomerKey;

use super::ReportArgs;

/// `registrar`.
#[derive(Debug, Subcommand)]
pub enum RegistrarCommand {
    /// Signs a user in whom devicedrop comes to Partner Center for
    #[command(after_help = "\
Prints a page and a code: open the page in any browser, on any machine, and enter the code there.
What the sign-in leaves goes into the `refresh_token_file` of the configuration; a running daemon
goes on by it at once.

Example:
  sudo devicedrop registrar sign-in")]
    SignIn,

    /// Tells what the registration service would let us do; registers nothing
    #[command(after_help = "\
Asks for tokens, reads what they permit, compares clocks, and asks questions that change nothing.

Example:
  devicedrop registrar check --customer contoso")]
    Check(RegistrarCheckArgs),
}

/// `registrar check`.
#[derive(Debug, Args)]
pub struct RegistrarCheckArgs {
    /// Asks about this customer alone
    #[arg(long, value_name = "KEY")]
    pub customer: Option<CustomerKey>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub report: ReportArgs,
}
