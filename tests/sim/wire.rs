//! The network between nodes and hub: the shipped gRPC client calls the shipped gRPC service in memory, and every frame of a
//! call's body waits here for its time.
//!
//! Within a stream the order holds, as TCP keeps it; between streams it does not. A connection that is cut takes with it what
//! is on its way. What one node says to another by way of the hub, which promises nothing about it, is also repeated, lost
//! and reordered.
//!
//! Not here: TLS, HTTP/2 and its flow control, and the judgement of certificates: whoever calls is who the run says.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use futures::stream;
use http_body_util::{BodyExt as _, StreamBody};
use sealpost_client::Error;
use sealpost_crypto::x509::Certificate;
use sealpost_domain::agency::AgencyId;
use sealpost_hub::service::{Door, Service};
use sealpost_node::session::dial::{Calls, Dial, Line, NotCarried};
use sealpost_seglog::disk::sim::Sim;
use sealpost_server::connection::Peer;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tower::Service as _;

use crate::dice::Dice;
use crate::history::{Event, History};
use crate::kept::promised_without;

type Frame = http_body::Frame<Bytes>;

/// How many frames of a stream are on their way at most.
const WINDOW: usize = 16;
/// Flag and length before each message of a gRPC body.
const PREFIX: usize = 5;
/// A connection that was cut is noticed at the latest after so long.
const NOTICED: Duration = Duration::from_millis(1500);

/// How the network behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// How long a frame takes, from and to, in milliseconds.
    pub(crate) delay: (u64, u64),
    /// Of a thousand statements between nodes, so many come twice.
    pub(crate) repeated: u32,
    /// So many never come.
    pub(crate) lost: u32,
    /// So many come after the next one.
    pub(crate) reordered: u32,
    /// Of a thousand other messages, so many come twice: a hub that repeats itself.
    pub(crate) stuttered: u32,
}

/// The network.
pub(crate) struct Wire {
    history: Arc<History>,
    state: Mutex<State>,
}

struct State {
    hub: Option<Door>,
    /// Of the machine on which that runs.
    disk: Sim,
    dice: Dice,
    weather: Weather,
    apart: BTreeSet<AgencyId>,
    lines: BTreeMap<u64, (AgencyId, CancellationToken)>,
    next: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    ToHub,
    FromHub,
}

impl Wire {
    pub(crate) fn new(history: Arc<History>, dice: Dice, weather: Weather) -> Arc<Self> {
        let (hub, disk, apart, lines) = (None, Sim::new(), BTreeSet::new(), BTreeMap::new());
        Arc::new(Self {
            history,
            state: Mutex::new(State { hub, disk, dice, weather, apart, lines, next: 0 }),
        })
    }

    /// The hub answers from now on, with what lies on a disk.
    pub(crate) fn hub(&self, service: Service, disk: Sim) {
        let mut state = self.state();
        (state.hub, state.disk) = (Some(Door::new(service)), disk);
    }

    /// The hub answers no more.
    pub(crate) fn without_hub(&self) {
        self.state().hub = None;
        self.cut_where(|_| true);
    }

    /// No frame passes between a node and the hub, until [`Wire::rejoin`].
    pub(crate) fn part(&self, agency: &AgencyId) {
        self.state().apart.insert(agency.clone());
        self.cut(agency);
    }

    /// The way is free again.
    pub(crate) fn rejoin(&self, agency: &AgencyId) {
        self.state().apart.remove(agency);
    }

    /// The connections of a node are reset.
    pub(crate) fn cut(&self, agency: &AgencyId) {
        self.cut_where(|other| other == agency);
    }

    /// The weather changes.
    pub(crate) fn becomes(&self, weather: Weather) {
        self.state().weather = weather;
    }

    /// Calls the hub as its operator does.
    pub(crate) fn operator(self: &Arc<Self>, certificate: Certificate) -> Option<Calls> {
        let operator = "ZZ-OPERATOR".parse().expect("a name that no agency has");
        Some(self.line(operator, certificate)?.calls())
    }

    fn cut_where(&self, cut: impl Fn(&AgencyId) -> bool) {
        self.state().lines.retain(|_, (agency, line)| {
            let is_cut = cut(agency);
            if is_cut {
                line.cancel();
            }
            !is_cut
        });
    }

    fn line(self: &Arc<Self>, agency: AgencyId, certificate: Certificate) -> Option<Open> {
        let mut state = self.state();
        let hub = state.hub.clone()?;
        let number = state.next;
        state.next += 1;
        let cut = CancellationToken::new();
        state.lines.insert(number, (agency.clone(), cut.clone()));
        let peer = Peer::new(certificate, SocketAddr::from(([127, 0, 0, 1], 1)));
        drop(state);
        let listed = Listed { wire: Arc::clone(self), number };
        Some(Open { wire: Arc::clone(self), agency, hub, peer, cut, listed: Arc::new(listed) })
    }

    /// What the hub promises is on its disk.
    fn judge_promise(&self, frame: &Bytes) {
        let disk = self.state().disk.clone();
        if let Some(index) = frame.get(PREFIX..).and_then(|answer| promised_without(&disk, answer)) {
            self.history.note(Event::PromisedWithout { index });
        }
    }

    fn delay(&self) -> Duration {
        let mut state = self.state();
        let (first, last) = state.weather.delay;
        state.dice.millis(first, last)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What becomes of the messages in a frame.
    fn fate(&self, path: &str, held: &mut Option<Bytes>, frame: Frame) -> Vec<Frame> {
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(trailers) => return held.take().map(Frame::data).into_iter().chain([trailers]).collect(),
        };
        let is_between_nodes = path.ends_with("/Control");
        let mut state = self.state();
        let Weather { repeated, lost, reordered, stuttered, .. } = state.weather;
        let mut frames = Vec::new();
        for message in messages(&data) {
            if is_between_nodes {
                if state.dice.permille(lost) {
                    continue;
                }
                if held.is_none() && state.dice.permille(reordered) {
                    *held = Some(message);
                    continue;
                }
            }
            let again = if is_between_nodes { repeated } else { stuttered };
            if state.dice.permille(again) {
                frames.push(Frame::data(message.clone()));
            }
            frames.push(Frame::data(message));
            frames.extend(held.take().map(Frame::data));
        }
        frames
    }
}

/// The messages in a piece of a gRPC body: each with a flag and its length before it. The service writes whole ones.
fn messages(data: &Bytes) -> Vec<Bytes> {
    let mut rest = BytesMut::from(&data[..]);
    let mut messages = Vec::new();
    while rest.len() >= PREFIX {
        let length = usize::try_from((&rest[1..PREFIX]).get_u32()).unwrap_or(usize::MAX);
        let whole = rest.len().min(length.saturating_add(PREFIX));
        messages.push(rest.split_to(whole).freeze());
    }
    messages.extend((!rest.is_empty()).then(|| rest.freeze()));
    messages
}

/// An agency's way to the hub.
pub(crate) struct Dialler {
    pub(crate) wire: Arc<Wire>,
    pub(crate) agency: AgencyId,
    pub(crate) certificate: Certificate,
}

#[tonic::async_trait]
impl Dial for Dialler {
    async fn dial(&self, address: &str, _: Duration) -> Result<Arc<dyn Line>, Error> {
        sleep(self.wire.delay() * 2).await;
        let apart = self.wire.state().apart.contains(&self.agency);
        let line = if apart { None } else { self.wire.line(self.agency.clone(), self.certificate.clone()) };
        let unreachable = || Error::Unreachable {
            address: address.to_owned(),
            source: Arc::new(io::ErrorKind::ConnectionRefused.into()),
        };
        line.map(|line| Arc::new(line) as Arc<dyn Line>).ok_or_else(unreachable)
    }
}

/// A connection.
struct Open {
    wire: Arc<Wire>,
    agency: AgencyId,
    hub: Door,
    peer: Peer,
    cut: CancellationToken,
    listed: Arc<Listed>,
}

struct Listed {
    wire: Arc<Wire>,
    number: u64,
}

impl Drop for Listed {
    fn drop(&mut self) {
        if let Some((_, cut)) = self.wire.state().lines.remove(&self.number) {
            cut.cancel();
        }
    }
}

#[tonic::async_trait]
impl Line for Open {
    fn hub(&self) -> String {
        "the simulated hub".to_owned()
    }

    fn calls(&self) -> Calls {
        let (wire, agency, hub) = (Arc::clone(&self.wire), self.agency.clone(), self.hub.clone());
        let (peer, cut, listed) = (self.peer.clone(), self.cut.clone(), Arc::clone(&self.listed));
        Calls::new(tower::service_fn(move |request: http::Request<Body>| {
            let (wire, agency, mut hub) = (Arc::clone(&wire), agency.clone(), hub.clone());
            let (peer, cut, listed) = (peer.clone(), cut.clone(), Arc::clone(&listed));
            async move {
                let _listed = listed;
                let (mut parts, body) = request.into_parts();
                parts.extensions.insert(peer);
                let path: Arc<str> = parts.uri.path().into();
                let pipe = |way, body| {
                    let pipe =
                        Pipe { way, path: Arc::clone(&path), agency: agency.clone(), cut: cut.clone() };
                    wire.carry(pipe, body)
                };
                let request = http::Request::from_parts(parts, pipe(Way::ToHub, body));
                let answered = async {
                    sleep(wire.delay()).await;
                    let Ok(response) = hub.call(request).await;
                    sleep(wire.delay()).await;
                    response
                };
                let response = tokio::select! {
                    biased;
                    () = cut.cancelled() => return Err(NotCarried(Box::new(io::Error::from(io::ErrorKind::ConnectionReset)))),
                    response = answered => response,
                };
                let (parts, body) = response.into_parts();
                Ok(http::Response::from_parts(parts, pipe(Way::FromHub, body)))
            }
        }))
    }

    fn explain(&self, status: Status) -> Error {
        let address = "hub".to_owned();
        match std::error::Error::source(&status) {
            None => Error::Answer { address, status: Box::new(status) },
            Some(_) => Error::Lost { address, source: Box::new(status) },
        }
    }

    async fn refused(&self) -> Error {
        self.cut.cancelled().await;
        sleep(NOTICED).await;
        Error::Lost { address: "hub".to_owned(), source: Box::new(reset()) }
    }
}

fn reset() -> Status {
    Status::unavailable("the connection was reset")
}

/// One way of one call.
struct Pipe {
    way: Way,
    path: Arc<str>,
    agency: AgencyId,
    cut: CancellationToken,
}

impl Wire {
    /// The same body, later.
    fn carry(self: &Arc<Self>, pipe: Pipe, mut body: Body) -> Body {
        let (sent, arriving) = mpsc::channel::<(Instant, Result<Frame, Status>)>(WINDOW);
        let (wire, cut) = (Arc::clone(self), pipe.cut.clone());
        tokio::spawn(async move {
            let (mut last, mut held) = (Instant::now(), None);
            loop {
                let frame = tokio::select! {
                    biased;
                    () = pipe.cut.cancelled() => return,
                    () = sent.closed() => return,
                    frame = body.frame() => frame,
                };
                let frames = match frame {
                    None => return,
                    Some(Err(status)) => vec![Err(status)],
                    Some(Ok(frame)) => wire.fate(&pipe.path, &mut held, frame).into_iter().map(Ok).collect(),
                };
                for frame in frames {
                    last = last.max(Instant::now() + wire.delay());
                    if let Ok(Some(data)) = frame.as_ref().map(Frame::data_ref) {
                        let way = if pipe.way == Way::ToHub { "→ hub" } else { "← hub" };
                        wire.history.frame(&pipe.agency, way, &pipe.path, data);
                        if pipe.way == Way::FromHub && pipe.path.ends_with("/Submit") {
                            wire.judge_promise(data);
                        }
                    }
                    if sent.send((last, frame)).await.is_err() {
                        return;
                    }
                }
            }
        });
        let arrived = stream::unfold(Some((arriving, cut)), |state| async {
            let (mut arriving, cut) = state?;
            let next = async {
                let (at, frame) = arriving.recv().await?;
                sleep_until(at).await;
                Some(frame)
            };
            tokio::select! {
                biased;
                () = cut.cancelled() => Some((Err(reset()), None)),
                frame = next => frame.map(|frame| (frame, Some((arriving, cut)))),
            }
        });
        Body::new(StreamBody::new(arrived))
    }
}

impl Weather {
    /// The same distances, and nothing goes wrong.
    pub(crate) fn calm(self) -> Self {
        Self { repeated: 0, lost: 0, reordered: 0, stuttered: 0, ..self }
    }
}
