//! Why a hub does not run.

use std::path::PathBuf;
use std::sync::Arc;

use sealpost_crypto::{directory, signing, tls, trust};
use sealpost_domain::digest::KeyId;
use sealpost_domain::identity::Identity;
use sealpost_server::program::{Fault, Unsaid};
use sealpost_server::{acceptor, roots, serve, telemetry};

use crate::journal::{jetstream, local};
use crate::writer::{Failure, PublishError};

/// Why a hub does not run, or ended otherwise than in order.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The signing key.
    #[error("[keys] signing: the key is not usable")]
    Signing(#[source] signing::Error),
    /// The certificate and its key.
    #[error("[tls]: the certificate is not usable")]
    Tls(#[from] tls::Error),
    /// A certificate of somebody else.
    #[error("[tls] certificate: it is of {found}, expected is the hub {expected} (as [hub] name says)")]
    Name {
        /// Whose it is.
        found: Identity,
        /// Who this is.
        expected: String,
    },
    /// The file of the directory.
    #[error("[directory] genesis: the directory is not usable")]
    Genesis(#[from] directory::FileError),
    /// The directory of another network than the journal's.
    #[error("[directory] genesis: it is of network {found}, and {} holds the journal of {expected}", data.display())]
    OtherNetwork {
        /// The file's network.
        found: String,
        /// The journal's network.
        expected: String,
        /// The data folder.
        data: PathBuf,
    },
    /// A key that nobody would believe.
    #[error("[keys] signing: the directory (version {version}) does not list the key {key} for the hub")]
    UnlistedKey {
        /// The key.
        key: KeyId,
        /// The directory.
        version: u64,
    },
    /// A root of the directory.
    #[error("[directory] genesis: a root certificate in it is not usable")]
    Root(#[source] trust::Error),
    /// The revocation lists.
    #[error("[directory] crls: the revocation lists are not usable")]
    Roots(#[from] roots::Error),
    /// The log.
    #[error("[log] level: not usable")]
    Log(#[from] telemetry::Error),
    /// The journal on the disk.
    #[error("[hub] data: the journal cannot be opened")]
    Journal(#[from] local::Error),
    /// The journal in streams.
    #[error("[journal]: it cannot be opened")]
    JetStream(#[from] jetstream::Error),
    /// Something about the servers is not as it has to be, as was told.
    #[error("{0} faults, as told above")]
    Unfit(usize),
    /// The result could not be told.
    #[error(transparent)]
    Unsaid(#[from] Unsaid),
    /// The first directory could not be written.
    #[error("the directory could not be written to the journal")]
    Publish(#[source] PublishError),
    /// The system gives no thread, no signals or no random numbers.
    #[error("the system does not give what a hub needs")]
    System(#[source] std::io::Error),
    /// The door.
    #[error("[hub] listen: no connections can be taken")]
    Listen(#[from] acceptor::Error),
    /// Serving ended otherwise than in order.
    #[error("serving failed")]
    Serve(#[from] serve::Error),
    /// The disk failed.
    #[error("the hub had to stop")]
    Failed(#[source] Arc<Failure>),
}

impl Fault for Error {
    fn is_configuration(&self) -> bool {
        if let Self::JetStream(error) = self {
            return error.is_configuration();
        }
        !matches!(
            self,
            Self::Journal(_)
                | Self::Unfit(_)
                | Self::Unsaid(_)
                | Self::Publish(_)
                | Self::System(_)
                | Self::Listen(_)
                | Self::Serve(_)
                | Self::Failed(_)
        )
    }
}
