//! Keeps the tree up behind the ledger, and says when a checkpoint is due: soon after records became durable, at most
//! one in a second, and one at the end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use sealpost_crypto::dsse::Signer;
use sealpost_domain::directory::Directory;
use sealpost_ledger::Ledger;
use sealpost_ledger::tree::{self, Files, Keeper, listed};
use sealpost_server::pool::Blocking;
use sealpost_server::program::with_causes;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::Error;

/// The shortest time between two checkpoints: each costs a signature and two syncs.
const PAUSE: Duration = Duration::from_secs(1);

/// A ledger that was just made has these: its incarnation and the provisioned directory.
pub(crate) const NEW_RECORDS: u64 = 2;

/// How many records the stored checkpoint covers: they were durable when it was signed. 0 without one.
pub(super) fn known_durable(dir: &Path) -> Result<u64, Error> {
    Ok(Files::at(dir).checkpoint()?.map_or(0, |signed| signed.checkpoint.size()))
}

/// Takes up the tree of an open ledger. Reads the whole ledger only when the stored tree is missing or wrong. A stored
/// checkpoint must be signed by a key that the directory lists for a node of the agency.
pub async fn open(
    dir: &Path,
    ledger: &Ledger,
    directory: &Directory,
    signer: Arc<dyn Signer>,
    blocking: Blocking,
) -> Result<Keeper, Error> {
    let (files, network) = (Files::at(dir), directory.network.clone());
    let (history, agency) = (ledger.history().clone(), ledger.agency().clone());
    match files.checkpoint()? {
        Some(stored) if listed::signing_key(&stored, directory, &agency).is_none() => {
            return Err(Error::UnsignedCheckpoint { path: files.checkpoint_path() });
        }
        None if ledger.durable() > NEW_RECORDS => warn!(
            records = ledger.durable(),
            "the ledger has no checkpoint: nothing here shows that none of its records is missing or changed"
        ),
        _ => {}
    }
    let opened = blocking.run(move || Keeper::open(files, history, signer, &network, &agency)).await;
    let (keeper, remade) = opened.map_err(|_| Error::Interrupted)??;
    if let Some(reason) = remade {
        warn!(dir = %dir.display(), reason, "the tree was made anew from the ledger");
    }
    Ok(keeper)
}

/// Works until `stop`, and then takes one more step, which for all but a tree far behind ends in a checkpoint over all of a
/// closed ledger. Whoever finds a tile missing or wrong says so by `broken`.
pub async fn keep(
    mut keeper: Keeper,
    mut durable: watch::Receiver<u64>,
    broken: Arc<Notify>,
    stop: CancellationToken,
    blocking: Blocking,
) -> Result<(), Error> {
    loop {
        // Read before it works, so that nothing that comes meanwhile is missed.
        durable.borrow_and_update();
        let (stopping, remaking) = (stop.is_cancelled(), keeper.is_remaking());
        let advanced = blocking.run(move || {
            let advanced = keeper.advance();
            (keeper, advanced)
        });
        let (back, advanced) = advanced.await.map_err(|_| Error::Interrupted)?;
        keeper = back;
        let failed = match advanced {
            Ok(_) => false,
            Err(error @ (tree::Error::Io { .. } | tree::Error::Sign(_))) => {
                warn!(error = with_causes(&error), "no checkpoint is signed until this is mended");
                true
            }
            Err(error) => return Err(error.into()),
        };
        if remaking && !keeper.is_remaking() {
            // Whatever was found meanwhile was found in the tree as it was before.
            let _ = broken.notified().now_or_never();
        }
        // A ledger whose tree is far behind is caught up with after the next start.
        if stopping {
            return Ok(());
        }
        // Behind, though nothing came meanwhile: there was more than one step takes.
        if !failed && keeper.is_behind() && !durable.has_changed().unwrap_or(false) {
            continue;
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => continue,
            () = sleep(PAUSE) => {}
        }
        if failed {
            continue;
        }
        tokio::select! {
            biased;
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

#[cfg(test)]
mod tests {
    use std::fs;

    use rand::SeedableRng as _;
    use rand_chacha::ChaCha20Rng;
    use sealpost_crypto::dsse::SigningKey;
    use sealpost_domain::record::Record;
    use sealpost_ledger::{Commits, Draft, Options};
    use sealpost_seglog::disk::sim::Sim;

    use super::*;
    use crate::fixture::{NOW, Network, agency};

    /// The ledger of Hong Kong with its tree kept up to its end.
    fn kept(records: u64, dir: &Path) -> (Ledger, Keeper) {
        let (hong_kong, mut rng) = (agency("HK-CED"), ChaCha20Rng::seed_from_u64(5));
        let options = Options { commits: Commits::Inline, ..Options::default() };
        let disk = Arc::new(Sim::new());
        let (ledger, _) =
            Ledger::open(disk, Path::new("ledger"), &hong_kong, NOW, &mut rng, options).unwrap();
        let security = |index| Record::Security { rule: format!("rule.{index}"), peer: None, header: None };
        let draft = |index| Draft {
            recorded_at: NOW,
            salt: [7; 32],
            record: security(index),
            body: bytes::Bytes::new(),
        };
        drop(ledger.enqueue((1..records).map(draft).collect()).unwrap());
        let signer = Arc::new(SigningKey::generate(&mut rng));
        let network = Network::new().directory.network;
        let opened = Keeper::open(Files::at(dir), ledger.history().clone(), signer, &network, &hong_kong);
        let (mut keeper, _) = opened.unwrap();
        assert!(keeper.advance().unwrap());
        (ledger, keeper)
    }

    /// Time stands still while anything works, and passes at once when nothing does.
    #[tokio::test(start_paused = true)]
    async fn what_is_found_while_the_tree_is_made_anew_does_not_have_it_made_anew_again() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, mut keeper) = kept(300, dir.path());
        let tile = dir.path().join("tile/0/000");
        let genuine = fs::read(&tile).unwrap();
        fs::write(&tile, b"forged").unwrap();
        keeper.distrust();
        let (broken, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        broken.notify_one();
        let keeping =
            tokio::spawn(keep(keeper, ledger.watch(), Arc::clone(&broken), stop.clone(), Blocking::Apart));
        sleep(PAUSE / 2).await;
        assert_eq!(fs::read(&tile).unwrap(), genuine, "it is made anew");
        // Whether it is made anew once more shows by this.
        fs::write(&tile, b"forged").unwrap();
        sleep(PAUSE * 10).await;
        assert_eq!(fs::read(&tile).unwrap(), b"forged");
        broken.notify_one();
        sleep(PAUSE * 10).await;
        assert_eq!(fs::read(&tile).unwrap(), genuine, "what is found later counts");
        stop.cancel();
        keeping.await.unwrap().unwrap();
    }
}
