//! A connection whose peer is known, and the list of those that live.
//!
//! Every live connection can be closed from outside: when its peer's certificate is revoked, and at the end of the
//! program. Whoever handles a request finds its [`Peer`] in the request's extensions, in gRPC and in REST alike.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use rustls::pki_types::CertificateDer;
use sealpost_crypto::peer::Refusal;
use sealpost_crypto::tls::Endpoint;
use sealpost_crypto::trust::Usage;
use sealpost_crypto::x509::Certificate;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::identity::Identity;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;
use tonic::transport::server::Connected;

use crate::acceptor::Peers;
use crate::giving_way;
use crate::roots::Roots;

/// Who is on the other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    certificate: Arc<Certificate>,
    address: SocketAddr,
}

impl Peer {
    /// Whoever showed this certificate, once it was believed: that is decided before.
    pub fn new(certificate: Certificate, address: SocketAddr) -> Self {
        Self { certificate: Arc::new(certificate), address }
    }

    /// The peer of a gRPC request.
    pub fn of<T>(request: &tonic::Request<T>) -> Result<&Self, Status> {
        let missing = || Status::unauthenticated("this request came over no connection of the acceptor");
        request.extensions().get::<Self>().ok_or_else(missing)
    }

    /// Who it is, proven by its certificate.
    pub fn identity(&self) -> &Identity {
        &self.certificate.identity
    }

    /// The certificate that it showed.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// From where it came.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// How many connections may live, and whose count together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Of all peers.
    pub(crate) all: usize,
    /// Of one peer.
    pub(crate) of_peer: usize,
    /// Who is one peer.
    pub(crate) peers: Peers,
}

/// Those whose connections count together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Party {
    Agency(AgencyId),
    Other(Identity),
}

impl Party {
    fn of(identity: &Identity, peers: Peers) -> Self {
        match (peers, identity.agency()) {
            (Peers::Agencies, Some(agency)) => Self::Agency(agency.clone()),
            _ => Self::Other(identity.clone()),
        }
    }
}

/// The connections that live.
#[derive(Clone, Debug, Default)]
pub struct Connections(Arc<Mutex<Live>>);

#[derive(Debug, Default)]
struct Live {
    next: u64,
    entries: HashMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    peer: Peer,
    party: Party,
    der: CertificateDer<'static>,
    closing: CancellationToken,
}

impl Connections {
    /// How many live.
    pub fn count(&self) -> usize {
        self.lock().entries.len()
    }

    /// Closes all whose peer meets a condition, and says how many.
    pub fn close_where(&self, condition: impl Fn(&Peer) -> bool) -> usize {
        let live = self.lock();
        let closing = live.entries.values().filter(|entry| condition(&entry.peer));
        closing.map(|entry| entry.closing.cancel()).count()
    }

    /// Closes all whose peer would be refused now, and says whom and why: after a new revocation list or directory.
    pub fn close_refused(&self, endpoint: &Endpoint) -> Vec<(Peer, Refusal)> {
        let live = self.lock();
        let refused = live.entries.values().filter_map(|entry| {
            let refusal = endpoint.judge(&entry.der, Usage::Client).err()?;
            entry.closing.cancel();
            Some((entry.peer.clone(), refusal))
        });
        refused.collect()
    }

    /// Does that whenever roots or revocation lists change, and from time to time for what ends by itself, until it is
    /// dropped.
    pub async fn keep_closing_refused(&self, roots: &Roots, endpoint: &Endpoint) {
        let mut judging = roots.judging();
        loop {
            judging.due().await;
            for (peer, refusal) in self.close_refused(endpoint) {
                tracing::warn!(address = %peer.address(), %refusal, "connection closed");
            }
        }
    }

    /// Lists a connection whose handshake is done, and closes others where it takes their room. Its certificate was judged
    /// during the handshake. Who was revoked since then is refused here: a closing of all who are refused did not find this
    /// connection on the list.
    pub(crate) fn admit(
        &self,
        stream: TlsStream<TcpStream>,
        certificate: Certificate,
        address: SocketAddr,
        room: Room,
        endpoint: &Endpoint,
    ) -> Result<Connection, Box<Refusal>> {
        let der = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let der = der.cloned().unwrap_or_else(|| CertificateDer::from(Vec::new()));
        let peer = Peer::new(certificate, address);
        let closing = CancellationToken::new();
        let closed = Box::pin(closing.clone().cancelled_owned());
        let party = Party::of(peer.identity(), room.peers);
        let listed = self.list(Entry { peer: peer.clone(), party, der: der.clone(), closing }, room);
        endpoint.judge(&der, Usage::Client)?;
        Ok(Connection { stream, peer, closed, _listed: listed })
    }

    /// Closes the oldest connection of the party that has most, where the system has no room for another one.
    pub(crate) fn give_way(&self) {
        let live = self.lock();
        let living = live.living();
        let oldest = giving_way::of_heaviest(living.iter().map(|entry| &entry.party), None);
        if let Some(entry) = oldest.and_then(|oldest| living.get(oldest)) {
            tracing::warn!(
                address = %entry.peer.address(), identity = %entry.peer.identity(),
                "no room for another connection: the oldest of who has most is closed"
            );
            entry.closing.cancel();
        }
    }

    fn list(&self, entry: Entry, room: Room) -> Listed {
        let mut live = self.lock();
        for displaced in live.make_room(&entry.party, room) {
            tracing::warn!(
                address = %displaced.address(), identity = %displaced.identity(),
                newcomer = %entry.peer.identity(), "too many connections: the oldest of who has most is closed"
            );
        }
        let number = live.next;
        live.next += 1;
        live.entries.insert(number, entry);
        Listed { connections: self.clone(), number }
    }

    fn lock(&self) -> MutexGuard<'_, Live> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    /// Those that are not being closed, the oldest first.
    fn living(&self) -> Vec<&Entry> {
        let mut living: Vec<_> =
            self.entries.iter().filter(|(_, entry)| !entry.closing.is_cancelled()).collect();
        living.sort_unstable_by_key(|(number, _)| **number);
        living.into_iter().map(|(_, entry)| entry).collect()
    }

    /// Closes the oldest connections of a newcomer's party until it may have one more, and then of the party that has most,
    /// the newcomer counted, until there may be one more at all.
    fn make_room(&self, newcomer: &Party, room: Room) -> Vec<Peer> {
        let mut living = self.living();
        let mut displaced = Vec::new();
        loop {
            let parties = living.iter().map(|entry| &entry.party);
            let gives_way = giving_way::to_newcomer(parties, newcomer, room.all, room.of_peer);
            let Some(gives_way) = gives_way else { return displaced };
            let entry = living.remove(gives_way);
            entry.closing.cancel();
            displaced.push(entry.peer.clone());
        }
    }
}

/// Takes a connection off the list when it ends.
#[derive(Debug)]
struct Listed {
    connections: Connections,
    number: u64,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.connections.lock().entries.remove(&self.number);
    }
}

/// A connection that tonic can serve.
#[derive(Debug)]
pub struct Connection {
    stream: TlsStream<TcpStream>,
    peer: Peer,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
    _listed: Listed,
}

impl Connection {
    /// Fails once the connection is closed from outside. Serving polls for reading all the time, so that a
    /// connection wakes up to be closed.
    fn open(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.closed.as_mut().poll(context) {
            Poll::Pending => Ok(()),
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.open(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.open(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.open(context)?;
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests;
