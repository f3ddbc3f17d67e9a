//! `doctor`: what in this environment would hurt, and the remedy.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::actor::{Actor, user_name};
use crate::cli::args::DoctorArgs;
use crate::cli::ask;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::{Output, Paint};
use crate::cli::replies::{self, counted};
use crate::cli::services::Services;
use crate::config::environment::ACTING_FOR;
use crate::control::protocol::Request;
use crate::doctor::{Finding, Rank};
use devicedrop_core::shown::shown;

/// Looks, and tells; or accepts the clock.
pub fn run(
    args: &DoctorArgs,
    context: &Context,
    services: &dyn Services,
    output: &mut Output,
) -> Result<Exit, CliError> {
    if args.accept_clock {
        let request = Request::AcceptClock { reason: args.reason.clone() };
        let answer = ask::ask(context, services, &request, output)?;
        return replies::print(&answer, false, output);
    }
    look_as_owner(context)?;
    let findings = services.doctor(&context.config, args.offline)?;
    if args.report.json {
        findings.iter().try_for_each(|finding| output.json(finding))?;
    } else {
        print(&findings, output)?;
    }
    Ok(exit(&findings))
}

/// How it ends: 1 if something would hurt, 2 if nothing was found that does, and not everything could be looked at.
fn exit(findings: &[Finding]) -> Exit {
    if findings.iter().any(|finding| finding.rank == Rank::Bad) {
        Exit::No
    } else if findings.iter().any(|finding| !finding.looked) {
        Exit::Unable
    } else {
        Exit::Done
    }
}

/// Root may do anything, so that a look of root's shows nothing of what the daemon may do: it goes on as the ledger's
/// owner, with all of his groups.
fn look_as_owner(context: &Context) -> Result<(), CliError> {
    let Ok(found) = std::fs::metadata(&context.config.ledger.path) else { return Ok(()) };
    if rustix::process::geteuid().as_raw() != 0 || found.uid() == 0 {
        return Ok(());
    }
    let actor = Actor::of_this_process(context.environment.sudo_uid);
    let Ok(program) = std::env::current_exe() else { return Ok(()) };
    let (uid, gid) = (found.uid().to_string(), found.gid().to_string());
    // Who has no name has no groups to be looked up, either.
    let groups = if user_name(found.uid()).starts_with("uid ") { "--clear-groups" } else { "--init-groups" };
    let source = Command::new("setpriv")
        .args(["--reuid", &uid, "--regid", &gid, groups, "--"])
        .arg(program)
        .args(std::env::args_os().skip(1))
        .env(ACTING_FOR, actor.as_str())
        .exec();
    // A system without it: the groups are lost, and what they permit is told as forbidden.
    if source.kind() == io::ErrorKind::NotFound {
        crate::cli::acting::act_as_owner(&context.config.ledger.path, &context.environment)?;
    }
    Ok(())
}

fn print(findings: &[Finding], output: &mut Output) -> Result<(), CliError> {
    for finding in findings {
        let (paint, word) = match (finding.looked, finding.rank) {
            (false, _) => (Paint::Care, "not seen"),
            (true, Rank::Good) => (Paint::Good, "good"),
            (true, Rank::Care) => (Paint::Care, "take care"),
            (true, Rank::Bad) => (Paint::Bad, "BAD"),
        };
        let word = output.painted(paint, &format!("{word:<9}"));
        let of = finding.customer.as_ref().map(|customer| format!(" of {}", shown(customer))).unwrap_or_default();
        output.line(format_args!("{word}  {}{of}: {}", finding.subject, shown(&finding.found)))?;
        let details = [("expected", &finding.expected), ("hurts", &finding.hurts), ("try", &finding.remedy)];
        for (name, detail) in details.into_iter().filter_map(|(name, detail)| Some((name, detail.as_ref()?))) {
            let name = output.painted(Paint::Dim, &format!("{name:<8}"));
            output.line(format_args!("             {name}  {}", shown(detail)))?;
        }
    }
    let count = |wanted: &dyn Fn(&&Finding) -> bool| {
        u64::try_from(findings.iter().filter(wanted).count()).unwrap_or(u64::MAX)
    };
    let bad = count(&|finding| finding.rank == Rank::Bad);
    let care = count(&|finding| finding.rank == Rank::Care && finding.looked);
    let unlooked = count(&|finding| !finding.looked);
    let (paint, first) = match bad {
        0 => (Paint::Good, "nothing hurts".to_owned()),
        1 => (Paint::Bad, "1 thing hurts".to_owned()),
        more => (Paint::Bad, format!("{more} things hurt")),
    };
    let mut words = vec![output.painted(paint, &first)];
    words.extend((care > 0).then(|| format!("{} to take care of", counted(care, "thing"))));
    words.extend((unlooked > 0).then(|| format!("{} that couldn't be looked at", counted(unlooked, "thing"))));
    Ok(output.line(format_args!("\n{}", words.join(", ")))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::Printed;
    use insta::assert_snapshot;

    #[test]
    fn a_screen_says_what_is_and_what_to_do() {
        let findings = [
            Finding::good("ledger", "it opens"),
            Finding::bad("drop folder", "no file can be made\u{1b}[2J: Permission denied")
                .of("contoso")
                .expected("a folder that can be written to")
                .hurts("senders get no answer")
                .remedy("chmod g+rwxs /srv/devicedrop/contoso"),
            Finding::care("leases", "none"),
            Finding::unlooked("secret", "it may not be looked at").remedy("sudo devicedrop doctor"),
        ];
        let mut printed = Printed::default();
        print(&findings, &mut printed.output(100)).expect("printed");
        assert_snapshot!(printed.out(), @r"
        good       ledger: it opens
        BAD        drop folder of contoso: no file can be made\u{1b}[2J: Permission denied
                     expected  a folder that can be written to
                     hurts     senders get no answer
                     try       chmod g+rwxs /srv/devicedrop/contoso
        take care  leases: none
        not seen   secret: it may not be looked at
                     try       sudo devicedrop doctor

        1 thing hurts, 1 thing to take care of, 1 thing that couldn't be looked at
        ");
    }

    #[test]
    fn the_end_says_whether_something_hurts_or_was_not_seen() {
        let (good, care) = (Finding::good("a", "x"), Finding::care("a", "x"));
        let (bad, unlooked) = (Finding::bad("a", "x"), Finding::unlooked("a", "x"));
        assert_eq!(exit(&[good.clone(), care]), Exit::Done);
        assert_eq!(exit(&[good, unlooked.clone()]), Exit::Unable);
        assert_eq!(exit(&[bad, unlooked]), Exit::No);
    }
}
