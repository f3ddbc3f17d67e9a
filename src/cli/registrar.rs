//! `registrar`: credentials, and what a service would let us do.

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::shown::shown;

use crate::cli::acting::{ActingError, act_as_owner};
use crate::cli::args::RegistrarCommand;
use crate::cli::ask;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::{Output, Paint};
use crate::cli::replies::counted;
use crate::cli::services::Services;
use crate::config::{Config, RegistrarKind};
use crate::control::client::Client;
use crate::control::protocol::Request;
use crate::registrar::check::{Finding, Rank};

/// Does what is asked for.
pub fn run(
    command: &RegistrarCommand,
    context: &Context,
    services: &dyn Services,
    output: &mut Output,
) -> Result<Exit, CliError> {
    as_owner(context)?;
    match command {
        RegistrarCommand::SignIn => {
            let done = services.sign_in(&context.config, &mut |line| output.note(line))?;
            output.line(shown(&done))?;
            take_up(context, services, output);
            Ok(Exit::Done)
        }
        RegistrarCommand::Check(args) => {
            if let Some(key) = &args.customer {
                is_known(&context.config, key)?;
            }
            let findings = services.registrar_check(&context.config, args.customer.as_ref())?;
            if args.report.json {
                findings.iter().try_for_each(|finding| output.json(finding))?;
            } else {
                print(&findings, output)?;
            }
            Ok(Exit::answer(findings.iter().all(|finding| finding.rank != Rank::Bad)))
        }
    }
}

/// Has a running daemon go on by the new sign-in at once, and puts on record that there was one.
fn take_up(context: &Context, services: &dyn Services, output: &mut Output) {
    if !context.config.ledger.path.exists() {
        return;
    }
    let runs = matches!(Client::connect(&context.config.control_socket()), Ok(Some(_)));
    match ask::ask(context, services, &Request::SignedIn, output) {
        Ok(_) if runs => output.note("the daemon goes on by it"),
        Ok(_) => {}
        Err(error) => {
            error.tell(output);
            output.note("the daemon wasn't told; it takes the sign-in up by itself within `registrar.retry.longest`");
        }
    }
}

/// Goes on as the ledger's owner, where a service elsewhere is used: secrets are to be found as the daemon finds them,
/// and what is written is to be the daemon's to write again.
fn as_owner(context: &Context) -> Result<(), CliError> {
    let ledger = &context.config.ledger.path;
    if context.config.registrar.kind == RegistrarKind::Embedded || !ledger.exists() {
        return Ok(());
    }
    match act_as_owner(ledger, &context.environment) {
        Err(ActingError::OtherOwner { owner, .. }) => Err(CliError::Usage {
            message: format!("this is for {owner} to do, whom the ledger belongs to, and the secrets"),
            hint: format!("sudo -u {owner} devicedrop registrar ..."),
        }),
        acted => Ok(acted.map(drop)?),
    }
}

fn is_known(config: &Config, key: &CustomerKey) -> Result<(), CliError> {
    if config.customer(key).is_some() {
        return Ok(());
    }
    Err(CliError::Usage {
        message: format!("there is no customer {key}"),
        hint: "devicedrop customer list".to_owned(),
    })
}

/// What is to be done about what, and for whom; the same thing for several customers once.
fn remedies(findings: &[Finding]) -> Vec<String> {
    let mut about: Vec<(&Finding, &str, Vec<&str>)> = Vec::new();
    for finding in findings {
        let Some(remedy) = finding.remedy.as_deref() else { continue };
        let customer = finding.customer.as_deref();
        let same = |(other, told, _): &&mut (&Finding, &str, Vec<&str>)| {
            (other.registrar, other.subject, *told) == (finding.registrar, finding.subject, remedy)
        };
        match about.iter_mut().find(same) {
            Some((_, _, customers)) => customers.extend(customer),
            None => about.push((finding, remedy, customer.into_iter().collect())),
        }
    }
    let told = |(finding, remedy, customers): &(&Finding, &str, Vec<&str>)| {
        let customers = if customers.is_empty() { String::new() } else { format!(" of {}", customers.join(", ")) };
        format!("{} {}{customers}: {remedy}", finding.registrar, finding.subject)
    };
    about.iter().map(told).collect()
}

fn print(findings: &[Finding], output: &mut Output) -> Result<(), CliError> {
    let row = |finding: &Finding| {
        let word = match finding.rank {
            Rank::Good => "good",
            Rank::Care => "take care",
            Rank::Bad => "BAD",
        };
        let subject = finding.subject.to_owned();
        let customer = finding.customer.clone().unwrap_or_default();
        vec![finding.registrar.to_owned(), subject, customer, word.to_owned(), finding.found.clone()]
    };
    let rows: Vec<_> = findings.iter().map(row).collect();
    output.table(&["registrar", "subject", "customer", "is", "found"], &rows)?;
    let remedies = remedies(findings);
    if !remedies.is_empty() {
        output.line("\nWhat to do:")?;
        remedies.iter().try_for_each(|remedy| output.line(format_args!("  {}", shown(remedy))))?;
    }
    let bad = findings.iter().filter(|finding| finding.rank == Rank::Bad).count();
    let (paint, words) = if bad == 0 {
        (Paint::Good, "nothing was registered, and nothing is in the way of registering".to_owned())
    } else {
        let things = counted(u64::try_from(bad).unwrap_or(u64::MAX), "thing");
        (Paint::Bad, format!("{things} in the way of registering"))
    };
    let words = output.painted(paint, &words);
    output.line(format_args!("\n{words}"))?;
    Ok(())
}
