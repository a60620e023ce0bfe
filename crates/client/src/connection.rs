//! A connection to a hub or a gateway: mutual TLS under gRPC, told apart when it fails.
//!
//! Under TLS 1.3 a client has connected before the server has judged its certificate. So [`connect`] asks the peer's
//! health once: when it returns, the peer has admitted us and takes work. Whom we believe to be the peer is decided
//! by its identity, never by its host name.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::AlertDescription;
use rustls::pki_types::{CertificateDer, ServerName};
use sealpost_crypto::peer::Refusal;
use sealpost_crypto::tls::Endpoint;
use sealpost_crypto::trust::Usage;
use sealpost_domain::identity::Identity;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::Channel;
use tonic::{Code, Status, transport};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::error::{Error, RefusedBecause};

/// What a stream may have in flight before the receiver asks for more: several batches of 64 KiB.
const STREAM_WINDOW: u32 = 1 << 20;
/// The same for all streams of a connection together.
const CONNECTION_WINDOW: u32 = 4 << 20;
/// The largest frame that is taken: a whole batch of the hub, so that it is sealed, written and read in one piece.
const FRAME_MAX: u32 = 128 << 10;
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection whose peer has admitted us.
#[derive(Clone, Debug)]
pub struct Connection {
    channel: Channel,
    dialled: Arc<Dialled>,
}

/// Connects to `host:port` within a time.
pub async fn connect(address: &str, endpoint: &Endpoint, timeout: Duration) -> Result<Connection, Error> {
    let connecting = establish(address, endpoint.clone());
    let slow = || Error::Timeout { address: address.to_owned(), timeout };
    time::timeout(timeout, connecting).await.map_err(|_| slow())?
}

impl Connection {
    /// For the generated clients.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Where it goes.
    pub fn address(&self) -> &str {
        &self.dialled.address
    }

    /// Who the peer has proven to be.
    pub fn peer(&self) -> Option<Identity> {
        self.dialled.lock().peer.clone()
    }

    /// Judges the peer again, as a handshake would now: its certificate may be revoked since.
    pub fn judge_again(&self, endpoint: &Endpoint) -> Result<(), Error> {
        let Some(certificate) = self.dialled.lock().certificate.clone() else { return Ok(()) };
        let judged = endpoint.judge(&certificate, Usage::Server);
        judged.map(drop).map_err(|refusal| Fault::WrongPeer(refusal).at(self.dialled.address.clone()))
    }

    /// Says what a failed call means: an answer of the peer, or the end of the connection.
    pub fn explain(&self, status: Status) -> Error {
        let address = || self.dialled.address.clone();
        // The transport's faults carry a source, a peer's answer never does.
        if std::error::Error::source(&status).is_none() {
            return Error::Answer { address: address(), status: Box::new(status) };
        }
        let lost = |status| Error::Lost { address: address(), source: Box::new(status) };
        self.dialled.take_fault().map_or_else(|| lost(status), |fault| fault.at(address()))
    }
}

async fn establish(address: &str, endpoint: Endpoint) -> Result<Connection, Error> {
    let dialled = Arc::new(Dialled { address: address.to_owned(), state: Mutex::default() });
    let host = address.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']']).to_owned());
    let invalid = || Error::Address { address: address.to_owned() };
    let name = host.and_then(|host| ServerName::try_from(host).ok()).ok_or_else(invalid)?;
    let http = transport::Endpoint::from_shared(format!("http://{address}"))
        .map_err(|_| invalid())?
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME_MAX)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true);

    let dialling = Arc::clone(&dialled);
    let connector = tower::service_fn(move |_: Uri| {
        let (dialled, endpoint, name) = (Arc::clone(&dialling), endpoint.clone(), name.clone());
        async move { dial(dialled, endpoint, name).await.map(TokioIo::new) }
    });
    let channel = http.connect_with_connector(connector).await.map_err(|source| {
        let address = address.to_owned();
        match dialled.take_fault() {
            Some(fault) => fault.at(address),
            None => Error::Http { address, source },
        }
    })?;
    let connection = Connection { channel, dialled };
    connection.ask_health().await?;
    Ok(connection)
}

impl Connection {
    async fn ask_health(&self) -> Result<(), Error> {
        let request = HealthCheckRequest { service: String::new() };
        match HealthClient::new(self.channel()).check(request).await {
            Ok(response) if response.get_ref().status() == ServingStatus::Serving => Ok(()),
            Ok(_) => Err(Error::NotServing { address: self.dialled.address.clone() }),
            // A peer without the health service has admitted us all the same.
            Err(status) if status.code() == Code::Unimplemented => Ok(()),
            Err(status) => Err(self.explain(status)),
        }
    }
}

/// Dials and shakes hands. What goes wrong is noted with its type, because the layers above make text of it.
async fn dial(dialled: Arc<Dialled>, endpoint: Endpoint, name: ServerName<'static>) -> io::Result<Stream> {
    let unreachable = |error: io::Error| dialled.note(Fault::Unreachable, error);
    let stream = TcpStream::connect(&dialled.address).await.map_err(unreachable)?;
    stream.set_nodelay(true)?;
    let (config, verdict) = endpoint.client(&[b"h2"]).map_err(io::Error::other)?;
    let shaken = TlsConnector::from(config).connect(name, stream).await;
    match verdict.get() {
        Some(Err(refusal)) => dialled.lock().fault = Some(Fault::WrongPeer(refusal.clone())),
        Some(Ok(certificate)) => dialled.lock().peer = Some(certificate.identity.clone()),
        None => {}
    }
    if let Ok(stream) = &shaken {
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        dialled.lock().certificate = shown.cloned().map(CertificateDer::into_owned);
    }
    match shaken {
        Ok(stream) => Ok(Stream { stream, dialled }),
        Err(error) if dialled.has_fault() => Err(error),
        Err(error) => Err(dialled.note(Fault::Handshake, error)),
    }
}

/// What is known of the connection below HTTP.
#[derive(Debug)]
struct Dialled {
    address: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    peer: Option<Identity>,
    certificate: Option<CertificateDer<'static>>,
    fault: Option<Fault>,
}

#[derive(Clone, Debug)]
enum Fault {
    Unreachable(Arc<io::Error>),
    Refused(RefusedBecause),
    WrongPeer(Refusal),
    Handshake(Arc<io::Error>),
}

impl Fault {
    fn at(self, address: String) -> Error {
        match self {
            Self::Unreachable(source) => Error::Unreachable { address, source },
            Self::Refused(reason) => Error::Refused { address, reason },
            Self::WrongPeer(refusal) => Error::WrongPeer { address, refusal: Box::new(refusal) },
            Self::Handshake(source) => Error::Handshake { address, source },
        }
    }
}

impl Dialled {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_fault(&self) -> bool {
        self.lock().fault.is_some()
    }

    fn take_fault(&self) -> Option<Fault> {
        self.lock().fault.take()
    }

    /// Keeps an error, as a refusal when it is one, and gives its text on to the layers above.
    fn note(&self, fault: impl FnOnce(Arc<io::Error>) -> Fault, error: io::Error) -> io::Error {
        let (kind, text) = (error.kind(), error.to_string());
        let refused = alert(&error).and_then(RefusedBecause::from_alert).map(Fault::Refused);
        self.lock().fault = Some(refused.unwrap_or_else(|| fault(Arc::new(error))));
        io::Error::new(kind, text)
    }
}

fn alert(error: &io::Error) -> Option<AlertDescription> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

/// Watches for the alert by which a server refuses us after the handshake.
struct Stream {
    stream: TlsStream<TcpStream>,
    dialled: Arc<Dialled>,
}

impl Stream {
    fn watch<T>(&self, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        polled.map_err(|error| {
            if let Some(reason) = alert(&error).and_then(RefusedBecause::from_alert) {
                self.dialled.lock().fault = Some(Fault::Refused(reason));
            }
            error
        })
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.watch(polled)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
