//! The door: TCP in, connections with a proven identity out.
//!
//! Handshakes run beside one another, bounded in number and time, so that a slow peer delays nobody; a refused peer
//! is logged with the reason and told the kind of it. Nobody is left standing outside: a full door takes the newcomer, and
//! whoever has most gives way at once, of handshakes a source address, of connections a peer. So neither a few addresses
//! without certificates nor a peer with one can hold the door against the others.

mod limits;
mod unfinished;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use sealpost_crypto::peer::Refusal;
use sealpost_crypto::tls::{self, Endpoint};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::connection::{Connection, Connections, Room};
use crate::descriptors;
use unfinished::Unfinished;

/// A pause after the system had no file or no memory for another connection.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// How often and how long a peer is read from that is refused already.
const HEARD_MAX: usize = 16;
const HEARD_TIMEOUT: Duration = Duration::from_secs(1);
/// When the system asks a peer that says nothing whether it is there, how often, and when it gives up.
const SILENT_AFTER: Duration = Duration::from_secs(15);
const SILENT_ASKED: u32 = 3;

/// What the door takes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at one time, beside the handshakes.
    pub connections_max: usize,
    /// Connections of one peer at one time.
    pub per_peer_max: usize,
    /// Who is one peer.
    pub peers: Peers,
    /// Handshakes at one time.
    pub handshakes_max: usize,
    /// Handshakes of one source address at one time.
    pub per_address_max: usize,
    /// How long a handshake may take.
    pub handshake_timeout: Duration,
}

/// Whose connections count together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peers {
    /// All of an agency's: the agency is the one in the SPIFFE id, `/<jurisdiction>/<agency>/`, which the root of that
    /// jurisdiction has signed, whatever role and name stand behind it. Whoever is of no agency, as an operator of the hub,
    /// counts by identity.
    Agencies,
    /// Those of one SPIFFE id: where all who come are of the same agency.
    Identities,
}

/// Which HTTP a door speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocols {
    /// gRPC alone.
    Http2,
    /// gRPC, and REST over either HTTP.
    Http2AndHttp1,
}

impl Protocols {
    fn names(self) -> &'static [&'static [u8]] {
        match self {
            Self::Http2 => &[b"h2"],
            Self::Http2AndHttp1 => &[b"h2", b"http/1.1"],
        }
    }
}

/// A listening socket with an identity.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    door: Door,
    limits: Limits,
    protocols: Protocols,
    refused: Option<mpsc::Sender<Refused>>,
}

/// Somebody who was refused at the door.
#[derive(Clone, Debug)]
pub struct Refused {
    /// From where.
    pub address: SocketAddr,
    /// Why.
    pub reason: Reason,
}

/// Why somebody was refused at the door.
#[derive(Clone, Debug)]
pub enum Reason {
    /// For the certificate that was shown.
    Certificate(Box<Refusal>),
    /// For the key exchange: only post-quantum ones are taken here.
    KeyExchange,
}

impl fmt::Display for Reason {
    /// With everything that led to it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(refusal) => f.write_str(&reason(refusal)),
            Self::KeyExchange => {
                f.write_str("no post-quantum key exchange is offered, and here it is required")
            }
        }
    }
}

/// What every handshake needs.
#[derive(Clone, Debug)]
struct Door {
    endpoint: Endpoint,
    connections: Connections,
    room: Room,
}

impl Acceptor {
    /// Binds the address; port 0 takes a free one.
    pub async fn bind(
        address: SocketAddr,
        endpoint: Endpoint,
        limits: Limits,
        protocols: Protocols,
    ) -> Result<Self, Error> {
        descriptors::warn_if_few(limits.connections_max, limits.handshakes_max);
        let listener = TcpListener::bind(address).await.map_err(|source| Error::Bind { address, source })?;
        let Limits { connections_max: all, per_peer_max: of_peer, peers, .. } = limits;
        let door = Door { endpoint, connections: Connections::default(), room: Room { all, of_peer, peers } };
        Ok(Self { listener, door, limits, protocols, refused: None })
    }

    /// Tells who is refused, as long as there is room in the channel: whoever knocks decides how often.
    #[must_use]
    pub fn telling(self, refused: mpsc::Sender<Refused>) -> Self {
        Self { refused: Some(refused), ..self }
    }

    /// The address that is bound.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The connections that live.
    pub fn connections(&self) -> Connections {
        self.door.connections.clone()
    }

    pub(crate) fn protocols(&self) -> Protocols {
        self.protocols
    }

    /// Starts to accept, until `stop`. The task is the caller's to wait for.
    pub(crate) fn start(
        self,
        stop: CancellationToken,
        tasks: &mut JoinSet<()>,
    ) -> ReceiverStream<io::Result<Connection>> {
        let (sender, receiver) = mpsc::channel(self.limits.handshakes_max.max(1));
        tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.run(&sender) => {}
            }
        });
        ReceiverStream::new(receiver)
    }

    async fn run(self, ready: &mpsc::Sender<io::Result<Connection>>) {
        let mut handshakes = JoinSet::new();
        let mut unfinished = Unfinished::new(self.limits.handshakes_max, self.limits.per_address_max);
        loop {
            tokio::select! {
                Some(ended) = handshakes.join_next_with_id() => {
                    let id = ended.as_ref().map_or_else(tokio::task::JoinError::id, |(id, _)| *id);
                    unfinished.end(|handle: &AbortHandle| handle.id() == id);
                    let Ok((_, Some(connection))) = ended else { continue };
                    if ready.send(Ok(connection)).await.is_err() {
                        return;
                    }
                }
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, address)) => {
                        if let Some(oldest) = unfinished.make_room(address.ip()) {
                            debug!(%address, "the door is full: an unfinished handshake gives way");
                            oldest.abort();
                        }
                        let handle = handshakes.spawn(self.handshake(stream, address));
                        unfinished.begin(address.ip(), handle);
                    }
                    Err(error) => {
                        warn!(%error, "no connection could be accepted");
                        if descriptors::are_exhausted(&error) {
                            self.give_way(&mut unfinished);
                        }
                        time::sleep(EXHAUSTED_PAUSE).await;
                    }
                },
            }
        }
    }

    /// Makes room in the system for whoever comes: by a handshake, and where there is none by a connection. So nobody without
    /// a certificate displaces one who has one.
    fn give_way(&self, unfinished: &mut Unfinished<AbortHandle>) {
        match unfinished.give_way() {
            Some(oldest) => oldest.abort(),
            None => self.door.connections.give_way(),
        }
    }

    /// The work of a newcomer.
    fn handshake(
        &self,
        stream: TcpStream,
        address: SocketAddr,
    ) -> impl Future<Output = Option<Connection>> + use<> {
        let handshake = self.door.clone().handshake(stream, address, self.protocols);
        with_timeout(self.limits.handshake_timeout, address, self.refused.clone(), handshake)
    }
}

async fn with_timeout(
    timeout: Duration,
    address: SocketAddr,
    told: Option<mpsc::Sender<Refused>>,
    handshake: impl Future<Output = Result<Connection, HandshakeError>>,
) -> Option<Connection> {
    match time::timeout(timeout, handshake).await {
        Ok(Ok(connection)) => return Some(connection),
        Ok(Err(HandshakeError::Refused(reason))) => {
            info!(%address, %reason, "peer refused");
            if let Some(told) = told {
                let _ = told.try_send(Refused { address, reason });
            }
        }
        Ok(Err(HandshakeError::Setup(error))) => warn!(%address, %error, "handshake not possible"),
        Ok(Err(HandshakeError::Io(error))) => debug!(%address, %error, "handshake failed"),
        Err(_) => info!(%address, ?timeout, "handshake took too long"),
    }
    None
}

/// A refusal with everything that led to it, for the log.
fn reason(refusal: &Refusal) -> String {
    let mut text = refusal.to_string();
    let mut source = std::error::Error::source(refusal);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

impl Door {
    async fn handshake(
        self,
        stream: TcpStream,
        address: SocketAddr,
        protocols: Protocols,
    ) -> Result<Connection, HandshakeError> {
        stream.set_nodelay(true).map_err(HandshakeError::Io)?;
        notice_silence(&stream).map_err(HandshakeError::Io)?;
        let (config, verdict) = self.endpoint.server(protocols.names())?;
        let accepted = match TlsAcceptor::from(config).accept(stream).into_fallible().await {
            Ok(stream) => Ok(stream),
            Err((error, stream)) => {
                let _ = time::timeout(HEARD_TIMEOUT, hear_out(stream)).await;
                Err(error)
            }
        };
        match (accepted, verdict.get()) {
            (_, Some(Err(refusal))) => {
                Err(HandshakeError::Refused(Reason::Certificate(Box::new(refusal.clone()))))
            }
            (Ok(stream), Some(Ok(certificate))) => {
                debug!(%address, identity = %certificate.identity, "peer connected");
                let admitted =
                    self.connections.admit(stream, certificate.clone(), address, self.room, &self.endpoint);
                admitted.map_err(|refusal| HandshakeError::Refused(Reason::Certificate(refusal)))
            }
            (Ok(_), None) => Err(HandshakeError::Io(io::ErrorKind::PermissionDenied.into())),
            (Err(error), _) if tls::lacks_key_exchange(&error) => {
                Err(HandshakeError::Refused(Reason::KeyExchange))
            }
            (Err(error), _) => Err(HandshakeError::Io(error)),
        }
    }
}

/// Lets the system find out that a peer is gone without a word, also before it has said anything in HTTP.
fn notice_silence(stream: &TcpStream) -> io::Result<()> {
    use rustix::net::sockopt;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, SILENT_AFTER)?;
    sockopt::set_tcp_keepintvl(stream, SILENT_AFTER / SILENT_ASKED)?;
    sockopt::set_tcp_keepcnt(stream, SILENT_ASKED)?;
    let given_up = (SILENT_AFTER * 2).as_millis();
    sockopt::set_tcp_user_timeout(stream, u32::try_from(given_up).unwrap_or(u32::MAX))?;
    Ok(())
}

/// Reads what a refused peer still sends. A socket that is closed over unread bytes
/// resets the connection, and the peer would see the reset and not the alert with the reason.
async fn hear_out(mut stream: TcpStream) {
    let _ = stream.shutdown().await;
    let mut scratch = [0; 4096];
    for _ in 0..HEARD_MAX {
        if !matches!(stream.read(&mut scratch).await, Ok(1..)) {
            return;
        }
    }
}

/// Why a handshake gave no connection.
#[derive(Debug)]
enum HandshakeError {
    Refused(Reason),
    Setup(tls::Error),
    Io(io::Error),
}

impl From<tls::Error> for HandshakeError {
    fn from(error: tls::Error) -> Self {
        Self::Setup(error)
    }
}

/// Why there is no door.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
}
