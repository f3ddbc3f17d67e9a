//! The program `devicedrop`: brings the commands and the rest of the program together.

use std::process::ExitCode;

use devicedrop::cli;
use devicedrop::cli::output::Output;
use devicedrop::config::environment::Environment;
use devicedrop::services::Program;

fn main() -> ExitCode {
    let environment = Environment::of_this_process();
    let mut output = Output::of_this_process(&environment);
    let program = Program::new(environment.clone());
    cli::main(std::env::args_os(), &environment, &program, &mut output).into()
}
