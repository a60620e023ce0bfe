//! Why a node does not run, or ended otherwise than in order.

use std::path::PathBuf;
use std::time::Duration;

use sealpost_crypto::tls;
use sealpost_crypto::{directory, signing, trust};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::identity::Identity;
use sealpost_ledger::{Bucket, ReadError, append, bucket, open, tree};
use sealpost_seglog as seglog;
use sealpost_server::program::Fault;
use sealpost_server::{acceptor, roots, serve, telemetry};

use crate::own_keys::Unlisted;
use crate::{core, engine, erase};

fn named(buckets: &[Bucket]) -> String {
    buckets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Why a node does not run, or ended otherwise than in order.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A private key.
    #[error("[keys] {key}: the key is not usable")]
    Key {
        /// Which one.
        key: &'static str,
        /// Why not.
        source: Box<signing::Error>,
    },
    /// The certificate and its key.
    #[error("[tls]: the certificate is not usable")]
    Tls(#[from] tls::Error),
    /// A certificate of somebody else.
    #[error("[tls] certificate: it is of {found}, expected is a node of {expected} (as [node] agency says)")]
    Identity {
        /// Whose it is.
        found: Identity,
        /// Whose it must be.
        expected: AgencyId,
    },
    /// The file of the directory.
    #[error("[directory] genesis: the directory is not usable")]
    Genesis(#[from] directory::FileError),
    /// Others would not believe or reach it.
    #[error(transparent)]
    Unlisted(#[from] Unlisted),
    /// A root of the directory.
    #[error("[directory] genesis: a root certificate in it is not usable")]
    Root(#[source] trust::Error),
    /// The revocation lists.
    #[error("[directory] crls: the revocation lists are not usable")]
    Roots(#[from] roots::Error),
    /// The log.
    #[error("[log] level: not usable")]
    Log(#[from] telemetry::Error),
    /// The ledger.
    #[error("[node] data: the ledger cannot be opened{}", remedy(is_damaged_open(.0)))]
    Ledger(#[from] open::Error),
    /// Records that the checkpoint covers are not there.
    #[error(
        "[node] data: the checkpoint in {} covers {covered} records, and the ledger holds {held}: it lost its end, or it is \
         a copy. Put back the files that were there; where nobody has them, `sealpost-node ledger anew` lets the next \
         start begin a new life of what is left", tree.display()
    )]
    EndLost {
        /// Where the checkpoint lies.
        tree: PathBuf,
        /// How many records it covers.
        covered: u64,
        /// How many are there.
        held: u64,
        /// What the ledger says.
        source: Box<open::Error>,
    },
    /// The ledger, from which only the latest directory is read.
    #[error("[node] data: the ledger cannot be read{}", remedy(matches!(.0, seglog::open::Error::Damaged(_))))]
    Looked(#[source] seglog::open::Error),
    /// A record of the ledger.
    #[error("[node] data: the ledger cannot be read{}", remedy(is_damaged(.0)))]
    Record(#[from] ReadError),
    /// The tree over the ledger, and its checkpoint.
    #[error("[node] data: the tree over the ledger cannot be kept up{}", remedy(is_damaged_tree(.0)))]
    Tree(#[from] tree::Error),
    /// Nobody who may has signed the stored checkpoint.
    #[error(
        "[node] data: {} is signed by no key that the directory lists for a node of the agency. Either the node's key was \
         exchanged, or somebody else wrote into this folder, and may have rewritten the ledger beside it. Take a copy of \
         the whole folder first, and find out who can write there. Check the ledger against a checkpoint that was kept \
         elsewhere (`sealpost-node ledger verify --since FILE`; peers keep them too: `ledger witness --note` at their \
         nodes). Only when it holds, move this file away to have a new one signed; when it does not, restore the node from a \
         backup and tell the agencies that it writes to", path.display()
    )]
    UnsignedCheckpoint {
        /// The file.
        path: PathBuf,
    },
    /// The ledger contradicts itself.
    #[error("[node] data: the ledger is not one that this node would have written")]
    Core(#[from] core::Error),
    /// A loss could not be recorded.
    #[error("the loss of a record cannot be recorded")]
    Loss(#[source] append::Error),
    /// The directory could not be recorded.
    #[error("the first directory cannot be recorded")]
    First(#[source] append::Error),
    /// The bucket keys.
    #[error("[node] data: the bucket keys cannot be used")]
    Buckets(#[from] bucket::Error),
    /// Keys that must be there are not.
    #[error(
        "the keys of bodies that were not erased are not in {}: {}. Mount that folder, or put it back from its backup. If a key \
         is lost for good, say so by an empty file beside the others, named as the bucket with .lost (`{}.lost`): what it \
         opened stays closed", dir.display(), named(buckets), buckets.first().map(ToString::to_string).unwrap_or_default()
    )]
    KeysMissing {
        /// The folder.
        dir: PathBuf,
        /// Their buckets.
        buckets: Vec<Bucket>,
    },
    /// A key that the ledger says is destroyed is there.
    #[error("a key that the ledger says is destroyed could not be destroyed again")]
    Erase(#[from] erase::Undestroyed),
    /// The index.
    #[error("[node] data: the index cannot be opened")]
    Index(#[from] sealpost_store::Error),
    /// The system gives no threads, signals or boot id.
    #[error("the system does not give what a node needs")]
    System(#[source] std::io::Error),
    /// The door.
    #[error("[gateway] listen: no connections can be taken")]
    Listen(#[from] acceptor::Error),
    /// Serving ended otherwise than in order.
    #[error("serving failed")]
    Serve(#[from] serve::Error),
    /// The single writer ended.
    #[error("the node had to stop")]
    Writer(#[source] engine::Error),
    /// A part did not come to its end.
    #[error("the {part} did not end within {timeout:?}")]
    Stuck {
        /// Which one.
        part: &'static str,
        /// How long was waited.
        timeout: Duration,
    },
    /// A task ended without a result.
    #[error("a part of the node ended without a result; the log says more")]
    Interrupted,
}

/// What to do about a damaged record.
fn remedy(damaged: bool) -> &'static str {
    if damaged { "; `sealpost-node ledger repair` tells what of it still holds" } else { "" }
}

fn is_damaged_open(error: &open::Error) -> bool {
    match error {
        open::Error::Log(log) => matches!(log, seglog::open::Error::Damaged(_)),
        open::Error::Read { source, .. } => is_damaged(source),
        _ => false,
    }
}

fn is_damaged(error: &ReadError) -> bool {
    matches!(error, ReadError::Log(seglog::read::Error::Damaged(_)) | ReadError::Changed { .. })
}

fn is_damaged_tree(error: &tree::Error) -> bool {
    matches!(error, tree::Error::Read(source) if is_damaged(source))
}

impl Fault for Error {
    fn is_configuration(&self) -> bool {
        matches!(
            self,
            Self::Key { .. }
                | Self::Tls(_)
                | Self::Identity { .. }
                | Self::Genesis(_)
                | Self::Unlisted(_)
                | Self::Root(_)
                | Self::Roots(_)
                | Self::Log(_)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_that_nobody_who_may_has_signed_is_told_as_a_possible_compromise() {
        let told = Error::UnsignedCheckpoint { path: PathBuf::from("tree/checkpoint") }.to_string();
        for part in
            ["tree/checkpoint", "somebody else wrote into this folder", "verify --since", "Take a copy"]
        {
            assert!(told.contains(part), "expected `{part}` in: {told}");
        }
    }
}
