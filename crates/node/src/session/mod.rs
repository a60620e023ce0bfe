//! The session with the hub: two connections, FLASH on its own, kept up for ever.
//!
//! Everything that goes out is taken from the ledger and goes again until it is receipted; everything that comes in is
//! acknowledged only after it is durable. So a stream may break at any moment: the next one begins at the durable
//! cursor. A hub that is down is survived silently, and shown in the status.

mod chunk;
mod connection;
mod control;
pub mod dial;
mod directory;
mod pauses;
mod prove;
mod receive;
mod state;
mod submit;

use std::sync::Arc;
use std::time::Duration;

use sealpost_client::Backoff;
use sealpost_domain::message::Priority;
use sealpost_server::pool::GivenUp;
use sealpost_server::roots::Roots;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use crate::core::Outgoing;
use crate::doors;
use crate::engine::Input;
use crate::own_keys::OwnKeys;
use crate::pool::Pool;
use crate::queue;
use crate::shared::Shared;
use crate::verify::Verifier;
use chunk::Patience;
use dial::Dial;
pub use prove::Prover;
use state::State;

/// How the session behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// With which keys the node runs.
    pub own_keys: OwnKeys,
    /// `host:port` of the hub, in the order in which they are tried.
    pub addresses: Vec<String>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// The first pause after a connection failed.
    pub retry_first: Duration,
    /// The longest such pause.
    pub retry_max: Duration,
    /// How much one submitted batch holds on the wire.
    pub batch_bytes: usize,
    /// How many batches of one stream may wait for the hub.
    pub batches_in_flight: usize,
    /// How many envelopes of one stream may wait for this node.
    pub credit: u32,
}

/// What the session works with.
pub struct Session {
    shared: Arc<Shared>,
    engine: queue::Sender<Input>,
    verifier: Arc<Verifier>,
    prover: Prover,
    pool: Pool,
    dial: Arc<dyn Dial>,
    roots: Arc<Roots>,
    settings: Settings,
    state: State,
    directory_patience: Patience,
    /// What is to be said to peers. Held by the FLASH connection while it lives.
    outgoing: Mutex<mpsc::Receiver<Outgoing>>,
}

/// One of the two connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lanes {
    /// FLASH, and what is said between nodes.
    Flash,
    /// Everything else.
    Bulk,
}

impl Lanes {
    fn priorities(self) -> &'static [Priority] {
        match self {
            Self::Flash => &[Priority::Flash],
            Self::Bulk => &[Priority::Urgent, Priority::Routine],
        }
    }

    /// With which mail the work for this connection waits for workers.
    fn pace(self) -> Priority {
        match self {
            Self::Flash => Priority::Flash,
            Self::Bulk => Priority::Routine,
        }
    }
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    /// It broke, or was never there.
    #[error(transparent)]
    Connection(#[from] sealpost_client::Error),
    /// The hub is about to stop.
    #[error("the hub is stopping")]
    Drain(Duration),
    /// The hub takes no more now, and says for how long.
    #[error("the hub takes no more now: {detail}")]
    Full {
        /// When it may.
        retry_after: Duration,
        /// Why, in the hub's words.
        detail: String,
    },
    /// The hub said something that it must not say.
    #[error("the hub breaks the protocol: {0}")]
    Protocol(String),
    /// This node could not take what came.
    #[error("this node could not take what came: {0}")]
    Own(String),
    /// This node is stopping.
    #[error("the node is stopping")]
    Stopping,
}

impl From<sealpost_wire::Error> for Ended {
    fn from(error: sealpost_wire::Error) -> Self {
        Self::Protocol(error.to_string())
    }
}

impl From<GivenUp> for Ended {
    fn from(ended: GivenUp) -> Self {
        Self::Own(ended.to_string())
    }
}

impl Session {
    /// A session that reaches the hub by `dial` and hands what it verified to `engine`.
    #[expect(clippy::too_many_arguments, reason = "the one place where the parts of a session meet")]
    pub fn new(
        shared: Arc<Shared>,
        engine: queue::Sender<Input>,
        verifier: Verifier,
        prover: Prover,
        pool: Pool,
        dial: Arc<dyn Dial>,
        roots: Arc<Roots>,
        outgoing: mpsc::Receiver<Outgoing>,
        settings: Settings,
    ) -> Self {
        Self {
            state: State::new(Arc::clone(&shared)),
            directory_patience: Patience::default(),
            shared,
            engine,
            verifier: Arc::new(verifier),
            prover,
            pool,
            dial,
            roots,
            settings,
            outgoing: Mutex::new(outgoing),
        }
    }

    /// Keeps both connections up until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let session = Arc::new(self);
        tokio::join!(session.keep(Lanes::Flash, &stop), session.keep(Lanes::Bulk, &stop));
    }

    fn left(&self, lanes: Lanes) {
        let mut core = self.shared.core_mut();
        core.outbox.requeue_lanes(lanes.priorities());
        if lanes == Lanes::Flash {
            core.disconnected();
        }
    }

    async fn keep(self: &Arc<Self>, lanes: Lanes, stop: &CancellationToken) {
        let mut backoff = Backoff::new(self.settings.retry_first, self.settings.retry_max);
        for address in self.settings.addresses.iter().cycle() {
            let ended = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                ended = self.connect_and_serve(lanes, address, &mut backoff) => ended,
            };
            self.left(lanes);
            self.state.lost(lanes, &ended);
            if let Ended::Connection(sealpost_client::Error::WrongPeer { address, refusal }) = &ended {
                // Where the writer is busy: it is dialled again, and told then.
                let _ = self.engine.ordinary().try_send(doors::at_hub(address, refusal));
            }
            let mut random = self.pool.random();
            let pause = match ended {
                Ended::Drain(pause) => backoff.next_after(pause, random.as_mut()),
                _ => backoff.next(random.as_mut()),
            };
            drop(random);
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}
