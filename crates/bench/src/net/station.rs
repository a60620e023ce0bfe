//! A node that only counts: it speaks to the hub as a node does, keeps nothing, and opens nothing.
//!
//! Everything that comes is compared, byte by byte, with what was prepared: nothing lost, nothing doubled, nothing out of
//! order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use sealpost_client::{Connection, connect};
use sealpost_crypto::tls::Endpoint;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::message::Priority;
use sealpost_domain::statement::Accepted;
use sealpost_proto::v1 as pb;
use sealpost_proto::v1::hub_client::HubClient;
use sealpost_proto::v1::receive_request::Event as Ask;
use sealpost_proto::v1::receive_response::Event as Told;
use sealpost_proto::v1::submit_response::Event;
use sealpost_wire::hub::priority_number;
use sealpost_wire::statement::Payload as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;

use super::envelopes::Prepared;

/// As a node has it.
const BATCHES_IN_FLIGHT: usize = 16;
const CREDIT: u32 = 256;
/// A node acknowledges what one sync made durable: here, this many deliveries.
const ACKNOWLEDGED_AT_ONCE: u32 = 64;
/// The most that one batch holds on the wire, by the contract.
const BATCH_BYTES_MAX: usize = 64 << 10;
const TIMEOUT: Duration = Duration::from_secs(10);

/// An agency's node in this process.
pub(crate) struct Station {
    agency: AgencyId,
    hub: String,
    endpoint: Endpoint,
}

/// A Submit stream.
pub(crate) struct Submitting {
    requests: mpsc::Sender<pb::SubmitRequest>,
    answers: Streaming<pb::SubmitResponse>,
    number: u64,
    /// How many envelopes each batch that was not answered has.
    unanswered: VecDeque<u32>,
}

/// A Receive stream.
pub(crate) struct Receiving {
    agency: AgencyId,
    requests: mpsc::Sender<pb::ReceiveRequest>,
    incoming: Streaming<pb::ReceiveResponse>,
    unacknowledged: u32,
}

/// All connections and streams of a node that idles.
pub(crate) struct Idle {
    _connections: [Connection; 2],
    _submitting: [Submitting; 2],
    _receiving: [Receiving; 3],
    _control: (mpsc::Sender<pb::ControlFrame>, Streaming<pb::ControlFrame>),
    _directory: Streaming<pb::DirectoryUpdate>,
}

impl Station {
    pub(super) fn new(agency: AgencyId, hub: String, endpoint: Endpoint) -> Self {
        Self { agency, hub, endpoint }
    }

    /// A connection to the hub, which has admitted this node when it is here.
    pub(crate) async fn connect(&self) -> Result<Connection, sealpost_client::Error> {
        connect(&self.hub, &self.endpoint, TIMEOUT).await
    }

    /// Opens what a node opens when it connects, and leaves it.
    pub(crate) async fn idle(&self) -> anyhow::Result<Idle> {
        let [flash, bulk] = [self.connect().await?, self.connect().await?];
        let submitting = [Submitting::open(&flash).await?, Submitting::open(&bulk).await?];
        let receiving = [
            self.receive(&flash, Priority::Flash).await?,
            self.receive(&bulk, Priority::Urgent).await?,
            self.receive(&bulk, Priority::Routine).await?,
        ];
        let (said, frames) = mpsc::channel(1);
        let control = client(&flash).control(ReceiverStream::new(frames)).await?.into_inner();
        let known = pb::WatchDirectoryRequest { after_version: 1 };
        let directory = client(&bulk).watch_directory(known).await?.into_inner();
        Ok(Idle {
            _connections: [flash, bulk],
            _submitting: submitting,
            _receiving: receiving,
            _control: (said, control),
            _directory: directory,
        })
    }

    /// Begins to receive one priority; the hub knows when this returns.
    pub(crate) async fn receive(
        &self,
        connection: &Connection,
        priority: Priority,
    ) -> anyhow::Result<Receiving> {
        let (requests, outgoing) = mpsc::channel(16);
        let open = pb::ReceiveOpen { priority: priority_number(priority), cursor: None, credit: CREDIT };
        requests.send(pb::ReceiveRequest { event: Some(Ask::Open(open)) }).await?;
        let incoming = client(connection).receive(ReceiverStream::new(outgoing)).await?.into_inner();
        Ok(Receiving { agency: self.agency.clone(), requests, incoming, unacknowledged: 0 })
    }
}

fn client(connection: &Connection) -> HubClient<Channel> {
    HubClient::new(connection.channel()).max_decoding_message_size(4 << 20).max_encoding_message_size(4 << 20)
}

impl Submitting {
    pub(crate) async fn open(connection: &Connection) -> anyhow::Result<Self> {
        let (requests, outgoing) = mpsc::channel(BATCHES_IN_FLIGHT);
        let answers = client(connection).submit(ReceiverStream::new(outgoing)).await?.into_inner();
        Ok(Self { requests, answers, number: 0, unanswered: VecDeque::new() })
    }

    /// Submits all in batches of at most 64 KiB, as many at a time as a node does; returns when the hub has accepted all
    /// of them.
    pub(crate) async fn all(&mut self, prepared: &[Prepared]) -> anyhow::Result<()> {
        let mut rest = prepared;
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(fitting(rest));
            rest = later;
            if self.unanswered.len() == BATCHES_IN_FLIGHT {
                self.answered().await?;
            }
            self.begin(batch).await?;
        }
        while !self.unanswered.is_empty() {
            self.answered().await?;
        }
        Ok(())
    }

    /// Hands over one batch.
    pub(crate) async fn begin(&mut self, batch: &[Prepared]) -> anyhow::Result<()> {
        self.number += 1;
        self.unanswered.push_back(u32::try_from(batch.len())?);
        let envelopes = batch.iter().map(|prepared| prepared.message.clone()).collect();
        let request = pb::SubmitRequest { batch: self.number, envelopes };
        self.requests.send(request).await.context("the hub takes no more batches")
    }

    /// The answer to the oldest batch.
    pub(crate) async fn answered(&mut self) -> anyhow::Result<()> {
        let answer = self.answers.message().await?.context("Submit ended")?;
        let Some(Event::Accepted(accepted)) = answer.event else { bail!("the hub stops") };
        let statement = accepted.statement.context("an answer without a statement")?;
        let Accepted { count, refusals, .. } = Accepted::from_payload(&statement.payload)?;
        if let Some(refusal) = refusals.first() {
            bail!("the hub refused {} of a batch, the first by {}", refusals.len(), refusal.rule);
        }
        let expected = self.unanswered.pop_front().context("the hub answers what was not asked")?;
        ensure!(count == expected, "of a batch of {expected} the hub accepted {count}");
        Ok(())
    }
}

/// How many of the first go into one batch.
fn fitting(prepared: &[Prepared]) -> usize {
    let mut bytes = 0;
    let fits = |prepared: &&Prepared| {
        bytes += prepared.bytes;
        bytes <= BATCH_BYTES_MAX
    };
    prepared.iter().take_while(fits).count().max(1)
}

impl Receiving {
    /// Receives all that was prepared, in its order and nothing else, and acknowledges it. The times of arrival, where
    /// they are wanted.
    pub(crate) async fn all(
        &mut self,
        expected: &[Prepared],
        mut arrived: impl FnMut(usize, Instant),
    ) -> anyhow::Result<()> {
        let mut next = 0;
        while next < expected.len() {
            let message = self.incoming.message().await?.context("Receive ended")?;
            let Some(Told::Batch(batch)) = message.event else { bail!("no batch, but {:?}", message.event) };
            let now = Instant::now();
            let mut last = 0;
            for delivery in &batch.deliveries {
                let prepared = expected.get(next).context("more came than was sent")?;
                self.check(next, prepared, delivery)?;
                arrived(next, now);
                next += 1;
                last = delivery.index;
            }
            self.unacknowledged += u32::try_from(batch.deliveries.len())?;
            if self.unacknowledged >= ACKNOWLEDGED_AT_ONCE || next == expected.len() {
                self.acknowledge(last).await?;
            }
        }
        Ok(())
    }

    /// Receives and acknowledges for ever, without a look.
    pub(crate) async fn whatever_comes(&mut self) -> anyhow::Result<()> {
        loop {
            let message = self.incoming.message().await?.context("Receive ended")?;
            let Some(Told::Batch(batch)) = message.event else { bail!("the hub stops") };
            self.unacknowledged += u32::try_from(batch.deliveries.len())?;
            if let Some(last) = batch.deliveries.last() {
                self.acknowledge(last.index).await?;
            }
        }
    }

    fn check(&self, number: usize, prepared: &Prepared, delivery: &pb::Delivery) -> anyhow::Result<()> {
        let pb::Envelope { header, sealed, signatures, .. } = &prepared.message;
        let same =
            delivery.header == *header && delivery.sealed == *sealed && delivery.signatures == *signatures;
        ensure!(
            same,
            "{}: delivery {number} is not envelope {number}: lost, doubled or changed",
            self.agency
        );
        let wrap = delivery.wrap.as_ref().map(|wrap| wrap.recipient.as_str());
        ensure!(
            wrap == Some(self.agency.as_str()),
            "{}: delivery {number} has the wrap of {wrap:?}",
            self.agency
        );
        Ok(())
    }

    async fn acknowledge(&mut self, index: u64) -> anyhow::Result<()> {
        let envelopes = std::mem::take(&mut self.unacknowledged);
        let asked = [
            Ask::Acknowledge(pb::ReceiveAcknowledge { index }),
            Ask::Credit(pb::ReceiveCredit { envelopes }),
        ];
        for ask in asked {
            self.requests.send(pb::ReceiveRequest { event: Some(ask) }).await.context("Receive ended")?;
        }
        Ok(())
    }

    /// Nothing more comes for a moment: what was sent to nobody twice was not doubled.
    pub(crate) async fn nothing_more(&mut self, within: Duration) -> anyhow::Result<()> {
        match tokio::time::timeout(within, self.incoming.message()).await {
            Err(_) => Ok(()),
            Ok(message) => {
                bail!("{}: something came that was not sent: {:?}", self.agency, message.map(|_| ()))
            }
        }
    }
}

/// What stations of one workload expect.
pub(crate) type Expected = Arc<Vec<Prepared>>;
