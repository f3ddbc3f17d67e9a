//! The command line as a whole: the help of every command, as people read it.

use std::fmt::Write as _;

use clap::CommandFactory;
use insta::assert_snapshot;

use super::*;

/// The help of a command and of all below it, one after another.
fn help_of_all(command: &mut clap::Command, name: &str, all: &mut String) {
    let help = command.clone().term_width(100).render_help().to_string();
    writeln!(all, "==== {name} --help\n{help}").expect("a String takes all");
    for below in command.get_subcommands_mut() {
        if below.get_name() != "help" {
            let name = format!("{name} {}", below.get_name());
            help_of_all(below, &name, all);
        }
    }
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn help_reads_well() {
    let mut command = Cli::command().term_width(100);
    command.build();
    let mut all = String::new();
    help_of_all(&mut command, "devicedrop", &mut all);
    let all = all.replace(env!("CARGO_PKG_VERSION"), "[version]");
    assert_snapshot!(all);
}

#[test]
fn every_command_has_an_example() {
    fn check(command: &clap::Command) {
        if command.has_subcommands() {
            command.get_subcommands().filter(|below| below.get_name() != "help").for_each(check);
        } else {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "{} has no example", command.get_name());
        }
    }
    check(&Cli::command());
}

#[test]
fn the_configuration_can_stand_before_or_after_the_command() {
    for line in [["devicedrop", "--config", "x", "status"], ["devicedrop", "status", "--config", "x"]] {
        assert_eq!(Cli::try_parse_from(line).expect("right").config, Some(PathBuf::from("x")));
    }
}

#[test]
fn what_is_senseless_is_refused() {
    for line in [
        "resolve 4711 --registered",
        "resolve 4711 --reason x",
        "resolve 4711 --reason x --registered --retry",
        "resolve 0 --reason x --registered",
        "registry release --manufacturer A",
        "registry check-in --from x --manufacturer A --model B --serial-number C",
        "retry --error device_lost",
        "devices --at yesterday",
        "customer add a/b",
        "status --watch --problems",
        "check",
    ] {
        let words = std::iter::once("devicedrop").chain(line.split(' '));
        assert!(Cli::try_parse_from(words).is_err(), "{line}");
    }
}
