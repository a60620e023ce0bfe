//! The program `sealpost-demo`: the whole network on one machine, on the sample operation, checked.

mod arguments;
mod screen;
mod show;
mod summary;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Parser as _;
use sealpost_demo::network;
use sealpost_demo::operation::generate;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::arguments::{Arguments, Command};
use crate::screen::{say, tell};
use crate::show::{Checked, Show};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Some(Command::Generate { seed }) => generate(seed).map(|()| ExitCode::SUCCESS),
        None => demonstrate(&arguments),
    };
    outcome.unwrap_or_else(|error| {
        say(&format!("error: {error}"));
        error.chain().skip(1).for_each(|cause| say(&format!("  because: {cause}")));
        ExitCode::FAILURE
    })
}

fn generate(seed: u64) -> anyhow::Result<()> {
    let text = generate::generate(seed)?.write()?;
    // Whoever reads from a pipe may stop when they have seen enough.
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

fn demonstrate(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if network::build()? {
        say("all programs are built");
    }
    let folder =
        tempfile::Builder::new().prefix("sealpost-demo-").tempdir().context("no temporary folder")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(show(arguments, folder.path()));
    match &outcome {
        Ok(Ending::Passed) if !arguments.keep => Ok(ExitCode::SUCCESS),
        Ok(Ending::Passed) => {
            keep(folder);
            Ok(ExitCode::SUCCESS)
        }
        Ok(Ending::Differs) | Err(_) => {
            keep(folder);
            outcome.map(|_| ExitCode::FAILURE)
        }
    }
}

/// How a demonstration ends that was carried out.
enum Ending {
    Passed,
    Differs,
}

/// Every way out of here stops the programs: in order at the end, at once when something fails or is interrupted.
async fn show(arguments: &Arguments, folder: &Path) -> anyhow::Result<Ending> {
    let interrupted = interruption()?;
    let perform = async {
        let mut show = Show::open(arguments, folder).await?;
        let checked = show.run(arguments).await?;
        anyhow::Ok((show, checked))
    };
    let (show, Checked { differences, summary }) = tokio::select! {
        performed = perform => performed?,
        () = interrupted.cancelled() => bail!("interrupted; all programs were stopped"),
    };
    if !differences.is_empty() {
        show.running.stop().await?;
        let count = differences.len();
        for difference in &differences {
            tell(&difference.to_string());
        }
        let noun = if count == 1 { "difference" } else { "differences" };
        tell(&format!("{count} {noun} between what should have happened and what did."));
        return Ok(Ending::Differs);
    }
    tell(&summary.to_string());
    if arguments.keep {
        tell(&format!("\n{}", show.commands()?));
        interrupted.cancelled().await;
    }
    show.running.stop().await?;
    Ok(Ending::Passed)
}

/// Listens from the beginning, so that no signal is lost between two waits: cancelled once somebody wants this program
/// to end.
fn interruption() -> io::Result<CancellationToken> {
    let (mut terminate, mut hangup) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    let mut interrupt = signal(SignalKind::interrupt())?;
    let interrupted = CancellationToken::new();
    let told = interrupted.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        told.cancel();
    });
    Ok(interrupted)
}

fn keep(folder: TempDir) {
    let folder = folder.keep();
    say(&format!(
        "the network's folder is kept: {}, what the programs said is in its logs/",
        folder.display()
    ));
}
