//! One module for each command.

mod ack;
mod change;
mod documents;
mod inbox;
mod message;
mod send;
mod show;
mod stats;
mod status;
mod track;
mod watch;

use sealpost_client::gateway::Gateway;
use sealpost_client::profile::Profile;

use crate::arguments::{Arguments, Command};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::profile;

/// Does what is asked for.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut out = Output::new(arguments.output);
    match arguments.command {
        Command::Schema(asked) => documents::schema(&asked, &mut out)?,
        Command::Example(asked) => documents::example(&asked, &mut out)?,
        Command::Send(asked) if asked.check => send::check(&asked, &mut out)?,
        command => {
            let profile = profile::read(arguments.profile.as_deref())?;
            // Only those who talk to a node need a runtime.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let full =
                |error| Failure::new(Exit::Failed, error, "the system has no room for another program");
            runtime.map_err(full)?.block_on(ask(command, &profile, &mut out))?;
        }
    }
    out.flush()
}

/// Connects, and does what needs the gateway.
async fn ask(command: Command, profile: &Profile, out: &mut Output) -> Result<(), Failure> {
    let gateway = Gateway::connect(profile).await?;
    match command {
        Command::Send(asked) => send::run(&gateway, asked, out).await,
        Command::Watch(asked) => watch::run(&gateway, profile, asked, out).await,
        Command::Inbox(asked) => inbox::run(&gateway, asked, out).await,
        Command::Show(asked) => show::run(&gateway, &asked, out).await,
        Command::Track(asked) => track::run(&gateway, &asked, out).await,
        Command::Ack(asked) => ack::run(&gateway, &asked, out).await,
        Command::Stats(asked) => stats::run(&gateway, &asked, out).await,
        Command::Status => status::run(&gateway, out).await,
        Command::Schema(asked) => documents::schema(&asked, out),
        Command::Example(asked) => documents::example(&asked, out),
    }
}
