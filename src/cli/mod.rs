//! The command line: what people type, what they are told, how it ends.
//!
//! Nothing is decided here that concerns devices; what a command needs of the rest of the program comes in by
//! [`services::Services`].

pub mod acting;
pub mod args;
pub mod ask;
pub mod audit;
pub mod backup;
pub mod check;
pub mod context;
pub mod copies;
pub mod customer;
pub mod doctor;
pub mod error;
pub mod exit;
pub mod init;
pub mod logging;
pub mod lookups;
pub mod output;
pub mod registrar;
pub mod replies;
pub mod requests;
pub mod services;
pub mod status;
#[cfg(test)]
mod testing;

use std::ffi::OsString;

use clap::{CommandFactory, Parser};

use self::args::{Cli, Command, CustomerCommand, RegistryCommand, StatusArgs};
use self::context::Context;
use self::error::CliError;
use self::exit::Exit;
use self::logging::Talk;
use self::lookups::{Asked, Filters, Subject};
use self::output::Output;
use self::services::Services;
use crate::config::environment::Environment;
use crate::config::{Lookup, control_socket};
use crate::control::client::Client;
use crate::control::protocol::{Answer, Request, Status};
use devicedrop_core::shown::shown;

/// Does what the command line says, and tells how it went.
pub fn main(
    words: impl IntoIterator<Item = OsString>,
    environment: &Environment,
    services: &dyn Services,
    output: &mut Output,
) -> Exit {
    let ended = match Cli::try_parse_from(words) {
        Ok(cli) => {
            let complaint = logging::start(environment, cli.verbose, talk(&cli.command));
            if let Some(complaint) = complaint {
                output.note(complaint);
            }
            run(&cli, environment, services, output)
        }
        Err(error) => usage(&error, output),
    };
    let ended = ended.and_then(|exit| output.flush().map(|()| exit).map_err(CliError::Print));
    ended.unwrap_or_else(|error| {
        // What was printed before comes before.
        output.flush().unwrap_or_default();
        error.tell(output);
        error.exit()
    })
}

/// Help and version are results; everything else that the parser says is a complaint.
fn usage(error: &clap::Error, output: &mut Output) -> Result<Exit, CliError> {
    if error.use_stderr() {
        // It repeats what was typed, or what a shell made of `*.csv`: names from outside.
        let told = error.render().to_string();
        told.trim_end().lines().for_each(|line| output.note(shown(line)));
        return Ok(Exit::Unable);
    }
    output.raw(error.render())?;
    Ok(Exit::Done)
}

fn talk(command: &Command) -> Talk {
    match command {
        Command::Run(_) => Talk::Daemon,
        _ => Talk::Command,
    }
}

fn run(cli: &Cli, environment: &Environment, services: &dyn Services, output: &mut Output) -> Result<Exit, CliError> {
    // Those that go by no configuration, or make do without.
    match &cli.command {
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "devicedrop", &mut script);
            output.raw(String::from_utf8_lossy(&script))?;
            return Ok(Exit::Done);
        }
        Command::Demo(args) => return Ok(services.demo(args.keep, output)?),
        Command::Init(args) => return init::run(&args.dir, output).map(|()| Exit::Done),
        Command::Restore(args) => return backup::restore(args, cli.config.clone(), environment, services, output),
        Command::Registry(RegistryCommand::Serve(args)) => return Ok(services.serve(args, output)?),
        Command::Check(args) => return check::run(args, cli.config.as_ref(), environment, services, output),
        _ => {}
    }
    let context = match Context::load(cli, environment, output) {
        Ok(context) => context,
        Err(error) => return without_configuration(cli, environment, error, output),
    };
    if let Some((request, json)) = requests::of(&cli.command)? {
        let answer = ask::ask(&context, services, &request, output)?;
        return replies::print(&answer, json, output);
    }
    match &cli.command {
        Command::Run(args) => Ok(services.run(&context, args.once)?),
        Command::Status(args) => status_command(&context, services, args, output),
        Command::Doctor(args) => doctor::run(args, &context, services, output),
        Command::Registrar(command) => registrar::run(command, &context, services, output),
        Command::Ledger(command) => audit::run(command, &context, services, output),
        Command::Backup(args) => backup::back_up(args, &context, services, output),
        Command::Customer(CustomerCommand::Add(args)) => {
            customer::add(&context, args, output)?;
            reload_if_running(&context, services, output);
            Ok(Exit::Done)
        }
        Command::Customer(CustomerCommand::List { report }) => {
            customer::list(&context.config, report.json, output).map(|()| Exit::Done)
        }
        command => match asked(command) {
            Some(asked) => lookups::run(services.lookups(&context.config)?.as_mut(), asked, output),
            None => Ok(Exit::Done),
        },
    }
}

/// Asks a running daemon how things stand although the configuration is broken: it goes on with the one that it has.
fn without_configuration(
    cli: &Cli,
    environment: &Environment,
    error: CliError,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let request = match &cli.command {
        Command::Status(_) => Some(Request::Status),
        Command::Explain(_) => requests::of(&cli.command)?.map(|(request, _)| request),
        _ => None,
    };
    let broken = matches!(&error, CliError::Config(error) if error.is_of_content());
    let ledger = Lookup::of_this_process(cli.config.clone(), environment).ledger_all_the_same();
    let (Some(request), true, Some(ledger)) = (request, broken, ledger) else { return Err(error) };
    let Some(client) = Client::connect(&control_socket(&ledger)).ok().flatten() else { return Err(error) };
    let answer = client.ask(&request, |_| {})?;
    error.tell(output);
    output.note("the daemon goes on with the configuration that it has:");
    match (&cli.command, &answer) {
        (Command::Status(args), Answer::Status(status)) if args.problems => {
            status::print_problems(status, args.report.json, output)
        }
        (Command::Status(args), Answer::Status(status)) if !args.report.json => {
            status::print(status, output).map(|()| Exit::Done)
        }
        (Command::Explain(args), answer) => replies::print(answer, args.report.json, output),
        (_, answer) => replies::print(answer, true, output),
    }
}

/// A daemon takes up a changed configuration by itself within seconds; asked, it does so at once.
fn reload_if_running(context: &Context, services: &dyn Services, output: &mut Output) {
    match ask::ask(context, services, &Request::ReloadIfChanged, output) {
        Ok(_) => output.note("the daemon has taken it up"),
        Err(CliError::NoDaemon { .. }) => {}
        Err(error) => error.tell(output),
    }
}

fn status_command(
    context: &Context,
    services: &dyn Services,
    args: &StatusArgs,
    output: &mut Output,
) -> Result<Exit, CliError> {
    if args.watch {
        return watch(context, services, args, output);
    }
    let status = ask_status(context, services, output)?;
    if args.problems {
        return status::print_problems(&status, args.report.json, output);
    }
    if args.report.json {
        output.json(&status)?;
    } else {
        status::print(&status, output)?;
    }
    Ok(Exit::Done)
}

/// Shows how things stand, again and again, until the process is ended: by Ctrl-C, as a rule. What can't be told now,
/// while a daemon is started anew for instance, can perhaps the next time.
fn watch(
    context: &Context,
    services: &dyn Services,
    args: &StatusArgs,
    output: &mut Output,
) -> Result<Exit, CliError> {
    loop {
        match ask_status(context, services, output) {
            Ok(status) if args.report.json => output.json(&status)?,
            Ok(status) => {
                output.next_screen()?;
                status::print_screen(&status, output)?;
            }
            Err(error) => error.tell(output),
        }
        output.flush()?;
        wait(WATCH);
    }
}

/// How often `status --watch` looks: often enough for eyes, seldom enough for the daemon.
const WATCH: std::time::Duration = std::time::Duration::from_secs(2);

/// Waits where nothing but the end of the process can come in between.
fn wait(time: std::time::Duration) {
    let (_never, alarm) = std::sync::mpsc::sync_channel::<()>(1);
    alarm.recv_timeout(time).unwrap_or_default();
}

fn ask_status(context: &Context, services: &dyn Services, output: &mut Output) -> Result<Box<Status>, CliError> {
    match ask::ask(context, services, &Request::Status, output)? {
        Answer::Status(status) => Ok(status),
        _ => Err(CliError::OddAnswer),
    }
}

/// The look-up that a command is; none where it isn't one.
fn asked(command: &Command) -> Option<Asked<'_>> {
    let (subject, args, state, error) = match command {
        Command::Submissions(args) => (Subject::Submissions, &args.look, args.state, args.error),
        Command::Devices(args) => (Subject::Devices { at: args.at }, &args.look, args.state, args.error),
        Command::Attempts(args) => (Subject::Attempts, &args.look, args.state, args.error),
        Command::History(args) => (Subject::History { serial_number: args.serial.clone() }, &args.look, None, None),
        Command::Find(args) => (Subject::Find { text: args.text.clone() }, &args.look, None, None),
        Command::Registry(RegistryCommand::List(args)) => (Subject::Inventory, &args.look, None, None),
        _ => return None,
    };
    let nothing_is_no = matches!(subject, Subject::History { .. } | Subject::Find { .. });
    let filters = Filters { customer: args.customer.clone(), state, error, since: args.since };
    Some(Asked { subject, filters, args, nothing_is_no })
}

#[cfg(test)]
mod tests;
