//! Asking for something to be done: of the daemon, or of the ledger itself while none runs.

use crate::actor::Actor;
use crate::cli::acting::act_as_owner;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::services::Services;
use crate::control::client::Client;
use crate::control::protocol::{Answer, Reply, Request};
use devicedrop_core::shown::shown;

/// Asks, and waits for the answer.
pub fn ask(
    context: &Context,
    services: &dyn Services,
    request: &Request,
    output: &mut Output,
) -> Result<Answer, CliError> {
    if let Some(client) = Client::connect(&context.config.control_socket())? {
        let answer = client.ask(request, |reply| say_progress(reply, output));
        output.progress_ended();
        return Ok(answer?);
    }
    let ledger = &context.config.ledger.path;
    if matches!(request, Request::Reload | Request::ReloadIfChanged) {
        return Err(CliError::NoDaemon { ledger: ledger.clone() });
    }
    let actor = if request.changes() {
        act_as_owner(ledger, &context.environment)?
    } else {
        Actor::of_this_process(context.environment.sudo_uid)
    };
    Ok(services.answer(&context.config, &actor, request)?)
}

fn say_progress(reply: &Reply, output: &mut Output) {
    if let Reply::Progress { what, done, total } = reply {
        let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
        output.progress(format_args!("{}: {done}{of}", shown(what)));
    }
}
