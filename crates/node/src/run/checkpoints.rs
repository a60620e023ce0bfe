//! Keeps the tree up behind the ledger, and says when a checkpoint is due: soon after records became durable, at most
//! one in a second, and one at the end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sealpost_crypto::dsse::Signer;
use sealpost_domain::identity::NetworkName;
use sealpost_ledger::Ledger;
use sealpost_ledger::tree::{self, Files, Keeper};
use tokio::sync::{Notify, watch};
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Error;

/// The shortest time between two checkpoints: each costs a signature and two syncs.
const PAUSE: Duration = Duration::from_secs(1);

/// How many records the stored checkpoint covers: they were durable when it was signed. 0 without one.
pub(super) fn known_durable(dir: &Path) -> Result<u64, Error> {
    Ok(Files::at(dir).checkpoint()?.map_or(0, |signed| signed.checkpoint.size()))
}

/// Takes up the tree of an open ledger. Reads the whole ledger only when the stored tree is missing or wrong.
pub(super) async fn open(
    dir: &Path,
    ledger: &Ledger,
    network: &NetworkName,
    signer: Arc<dyn Signer>,
) -> Result<Keeper, Error> {
    let (files, network) = (Files::at(dir), network.clone());
    let (history, agency) = (ledger.history().clone(), ledger.agency().clone());
    let opened = spawn_blocking(move || Keeper::open(files, history, signer, &network, &agency)).await;
    let keeper = opened.map_err(|_| Error::Interrupted)??;
    if keeper.was_remade() {
        info!(dir = %dir.display(), "the tree was missing or wrong, and was made anew from the ledger");
    }
    Ok(keeper)
}

/// Works until `stop`, and then once more, so that a ledger that was closed has a checkpoint over all of it. Whoever finds
/// a tile missing or wrong says so by `broken`.
pub(super) async fn keep(
    mut keeper: Keeper,
    mut durable: watch::Receiver<u64>,
    broken: Arc<Notify>,
    stop: CancellationToken,
) -> Result<(), tree::Error> {
    loop {
        // Read before it works, so that nothing that comes meanwhile is missed.
        durable.borrow_and_update();
        let stopping = stop.is_cancelled();
        let advanced = spawn_blocking(move || {
            let advanced = keeper.advance();
            (keeper, advanced)
        });
        // A keeper that panicked said so; without checkpoints the ledger is still whole.
        let Ok((back, advanced)) = advanced.await else { return Ok(()) };
        keeper = back;
        let failed = match advanced {
            Ok(_) => false,
            Err(error @ tree::Error::Io { .. }) => {
                warn!(%error, "no checkpoint is signed until this is mended");
                true
            }
            Err(error) => return Err(error),
        };
        // A ledger whose tree is far behind is caught up with after the next start.
        if stopping {
            return Ok(());
        }
        // Behind, though nothing came meanwhile: there was more than one step takes.
        if !failed && keeper.is_behind() && !durable.has_changed().unwrap_or(false) {
            continue;
        }
        tokio::select! {
            () = stop.cancelled() => continue,
            () = sleep(PAUSE) => {}
        }
        if failed {
            continue;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            // Its sender goes when the ledger is closed; what then is left to do is told by `stop`.
            Ok(()) = durable.changed() => {}
            () = broken.notified() => {
                warn!("a tile of the tree is missing or wrong: all are made anew from the ledger");
                keeper.distrust();
            }
        }
    }
}
