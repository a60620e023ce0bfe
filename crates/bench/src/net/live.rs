//! A network of real programs, used as an agency's systems use it: through the gateways.

use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroUsize;
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use futures::{StreamExt as _, stream};
use jiff::{ToSpan as _, Zoned};
use sealpost_client::gateway::{Gateway, Outgoing, Pace};
use sealpost_demo::network::{Caller, Running};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::Draft;
use sealpost_domain::message::{MessageId, Priority};
use sealpost_domain::view::{DeliveryState, Direction, Event, Filter, IdempotencyKey, Published};
use sealpost_wire::json::parse_draft;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Net;
use super::process::Process;

/// What is sent: a sample document whose body fills the smallest size class.
const SAMPLE: &str = include_str!("../../../../sample/examples/suspect_shipment.json");
/// How many messages are unanswered at a time.
const WINDOW: usize = 512;
/// How long nothing may change before a wait is given up.
const STANDSTILL: Duration = Duration::from_mins(1);

/// A network that runs, with a system at each gateway that was asked for.
pub(crate) struct Live {
    pub(crate) running: Running,
    gateways: BTreeMap<AgencyId, Gateway>,
    /// Up to where each ledger was checked.
    checked: BTreeMap<AgencyId, u64>,
    /// Messages have names of their own.
    named: u64,
    _folder: Option<TempDir>,
}

impl Net {
    /// Starts all programs; returns when every node is connected to the hub.
    pub(crate) async fn live(self) -> anyhow::Result<Live> {
        let (mut running, folder) = self.run()?;
        let agencies: Vec<AgencyId> = running.agencies().cloned().collect();
        let mut gateways = BTreeMap::new();
        for agency in agencies {
            gateways.insert(agency.clone(), running.gateway(&agency, Caller::System).await?);
        }
        running.connected(&gateways).await?;
        Ok(Live { running, gateways, checked: BTreeMap::new(), named: 0, _folder: folder })
    }
}

impl Live {
    /// The gateway of an agency.
    pub(crate) fn gateway(&self, agency: &AgencyId) -> anyhow::Result<&Gateway> {
        self.gateways.get(agency).with_context(|| format!("{agency} has no gateway"))
    }

    /// The process of an agency's node.
    pub(crate) fn process(&self, agency: &AgencyId) -> anyhow::Result<Process> {
        Process::of(self.running.process(agency))
    }

    /// Messages that are ready to be published.
    pub(crate) fn messages(
        &mut self,
        recipients: &[AgencyId],
        priority: Priority,
        count: usize,
    ) -> anyhow::Result<Vec<Outgoing>> {
        let draft = draft(recipients, priority)?;
        (0..count).map(|_| Ok(Outgoing { key: Some(self.name()?), draft: draft.clone() })).collect()
    }

    fn name(&mut self) -> anyhow::Result<IdempotencyKey> {
        self.named += 1;
        Ok(format!("bench-{}", self.named).parse()?)
    }

    /// Publishes all; returns when each is durable at its sender, with their ids.
    pub(crate) async fn publish(
        &self,
        sender: &AgencyId,
        messages: Vec<Outgoing>,
    ) -> anyhow::Result<Vec<MessageId>> {
        let gateway = self.gateway(sender)?;
        let pace = Pace { window: NonZeroUsize::new(WINDOW).unwrap_or(NonZeroUsize::MIN), ..Pace::default() };
        let mut ids = Vec::with_capacity(messages.len());
        let mut answers = pin!(gateway.publish(stream::iter(messages), pace));
        while let Some(answer) = answers.next().await {
            ids.push(taken(answer?.result)?.id);
        }
        Ok(ids)
    }

    /// Waits until the sender has the receipts of everybody for everything.
    pub(crate) async fn receipted(&self, sender: &AgencyId, look: Duration) -> anyhow::Result<()> {
        let gateway = self.gateway(sender)?;
        self.until(look, async || Ok(gateway.status().await?.outstanding)).await
    }

    /// Waits until a recipient has received so many messages of a sender.
    pub(crate) async fn received(
        &self,
        recipient: &AgencyId,
        sender: &AgencyId,
        count: u64,
        look: Duration,
    ) -> anyhow::Result<()> {
        let gateway = self.gateway(recipient)?;
        self.until(look, async || Ok(count.saturating_sub(received_of(gateway, sender).await?))).await
    }

    /// Waits until the hub has accepted a message, and so all that were published before it.
    pub(crate) async fn accepted(&self, sender: &AgencyId, message: MessageId) -> anyhow::Result<()> {
        let gateway = self.gateway(sender)?;
        let left = async || {
            let tracked = gateway.track(message).await?;
            let waits = tracked.states.iter().any(|state| state.state == DeliveryState::Published);
            Ok(u64::from(waits))
        };
        self.until(Duration::from_millis(20), left).await
    }

    /// Waits until nothing is left; gives up when nothing changes for long.
    async fn until(&self, look: Duration, left: impl AsyncFn() -> anyhow::Result<u64>) -> anyhow::Result<()> {
        let (mut before, mut changed) = (u64::MAX, Instant::now());
        loop {
            let left = left().await?;
            if left == 0 {
                return Ok(());
            }
            if left != before {
                (before, changed) = (left, Instant::now());
            }
            ensure!(changed.elapsed() < STANDSTILL, "{left} are left and none comes for {STANDSTILL:?}");
            if !look.is_zero() {
                tokio::time::sleep(look).await;
            }
        }
    }

    /// Reads what came to a recipient since it was last checked: each of these messages once, and nothing else.
    pub(crate) async fn check(&mut self, recipient: &AgencyId, sent: &[MessageId]) -> anyhow::Result<u64> {
        let from = self.checked.get(recipient).copied().unwrap_or(0);
        let filter = Filter { direction: Some(Direction::Received), ..Filter::default() };
        let mut subscription = self.gateway(recipient)?.subscribe(from, filter);
        let mut found = HashSet::with_capacity(sent.len());
        while let Event::Message(shown) = subscription.next().await? {
            let id = shown.id;
            ensure!(found.insert(id), "{recipient} has {id} twice");
        }
        for id in sent {
            ensure!(found.remove(id), "{recipient} has not received {id}");
        }
        if let Some(id) = found.iter().next() {
            bail!("{recipient} has {} messages that were not sent, such as {id}", found.len());
        }
        self.checked.insert(recipient.clone(), subscription.next_index());
        Ok(u64::try_from(sent.len())?)
    }

    /// Ends an agency's node in order.
    pub(crate) async fn stop_node(&mut self, agency: &AgencyId) -> anyhow::Result<()> {
        self.gateways.remove(agency);
        Ok(self.running.stop_node(agency).await?)
    }

    /// Starts an agency's node and waits until its gateway serves; how long that took.
    pub(crate) async fn start_node(&mut self, agency: &AgencyId) -> anyhow::Result<Duration> {
        let profile = self.running.profile(agency, Caller::System)?;
        let begun = Instant::now();
        self.running.start_node(agency)?;
        let gateway = loop {
            match Gateway::connect(&profile).await {
                Ok(gateway) => break gateway,
                Err(error) if !error.is_temporary() || begun.elapsed() > STANDSTILL => {
                    return Err(error.into());
                }
                Err(_) => self.running.alive()?,
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        let elapsed = begun.elapsed();
        self.gateways.insert(agency.clone(), gateway);
        Ok(elapsed)
    }

    /// Ends all programs in order.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        Ok(self.running.stop().await?)
    }
}

/// How many messages of a sender a node has.
pub(crate) async fn received_of(gateway: &Gateway, sender: &AgencyId) -> anyhow::Result<u64> {
    let status = gateway.status().await?;
    Ok(status.peers.iter().find(|peer| peer.agency == *sender).map_or(0, |peer| peer.received))
}

/// A message that was refused is a fault of the workload.
pub(crate) fn taken<T: std::fmt::Display>(result: Result<Published, Vec<T>>) -> anyhow::Result<Published> {
    result.map_err(|refusals| {
        let reasons: Vec<String> = refusals.iter().map(T::to_string).collect();
        anyhow::anyhow!("a message was refused: {}", reasons.join("; "))
    })
}

/// The sample document to others than its own, without deadline and operation.
fn draft(recipients: &[AgencyId], priority: Priority) -> anyhow::Result<Draft> {
    let mut document: Value = serde_json::from_str(SAMPLE)?;
    let fields = document.as_object_mut().context("the sample is no document")?;
    fields.remove("act_before");
    fields.remove("operation");
    let named: Vec<&str> = recipients.iter().map(AgencyId::as_str).collect();
    fields.insert("recipients".to_owned(), json!(named));
    fields.insert("priority".to_owned(), json!(priority.to_string()));
    let next_year = Zoned::now().date().checked_add(1.year())?;
    fields.insert("retention_until".to_owned(), json!(next_year.to_string()));
    Ok(parse_draft(serde_json::to_vec(&document)?)?)
}
