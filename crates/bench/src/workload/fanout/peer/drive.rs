//! One run of the peer: servers on empty folders, a stream, consumers, messages.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use async_nats::HeaderMap;
use async_nats::jetstream::consumer::pull::MessagesErrorKind;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::{self, stream};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use sealpost_testkit::nats::{self, Server};
use tokio::task::JoinSet;

use super::{Plan, Servers, Sync, Way};
use crate::samples::rate;

const STREAM: &str = "bench";
const SUBJECT: &str = "bench.mail";
/// Unacknowledged publishes at a time.
const WINDOW: usize = 1024;
/// Messages in an atomic batch; the server takes a thousand.
const ATOMIC: u64 = 1000;
/// Messages that a consumer asks for at a time.
const PULLED: usize = 1000;
const ACKNOWLEDGED_AT_ONCE: u64 = 64;
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(10);
/// Durable single publishes wait for a sync each: fewer do.
const SLOW_MESSAGES_MAX: u64 = 1000;

/// Deliveries a second.
pub(super) async fn run(program: &Path, plan: &Plan, sync: Sync, way: Way) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir_in(plan.folder.path())?;
    let servers = start(program, folder.path(), plan.servers, sync)?;
    let address = servers.first().context("there is a server")?.url();
    let client = connected(&address).await?;
    let context = jetstream::new(client.clone());
    let config = stream::Config {
        name: STREAM.to_owned(),
        subjects: vec![SUBJECT.to_owned()],
        storage: stream::StorageType::File,
        num_replicas: servers.len(),
        allow_atomic_publish: way == Way::Atomic,
        ..stream::Config::default()
    };
    let begun = Instant::now();
    while let Err(error) = context.create_stream(config.clone()).await {
        // Several servers have to find a leader first.
        ensure!(begun.elapsed() < PATIENCE, "the peer makes no stream: {error}");
        tokio::time::sleep(LOOK).await;
    }
    let slow = sync == Sync::Always && way != Way::Atomic || way == Way::Single;
    let messages = if slow { plan.messages.min(SLOW_MESSAGES_MAX) } else { plan.messages };
    let size = usize::try_from(plan.message_bytes)?;
    let mut consuming = JoinSet::new();
    for number in 0..plan.consumers {
        let consumer = consumer(&servers[number % servers.len()].url(), number).await?;
        consuming.spawn(consume(consumer, messages, size));
    }
    let payloads: Vec<Bytes> = (0..messages).map(|number| payload(number, size)).collect();
    let begun = Instant::now();
    let published = async {
        match way {
            Way::Single => one_by_one(&context, payloads).await,
            Way::Window => many(&context, payloads).await,
            Way::Atomic => atomic(&client, payloads).await,
        }
    };
    let consumed = async {
        while let Some(ended) = consuming.join_next().await {
            ended??;
        }
        anyhow::Ok(())
    };
    tokio::try_join!(published, consumed)?;
    Ok(rate(messages * u64::try_from(plan.consumers)?, begun.elapsed()))
}

/// The servers end with their values.
fn start(program: &Path, folder: &Path, servers: Servers, sync: Sync) -> anyhow::Result<Vec<Server>> {
    let jetstream = match sync {
        Sync::Always => None,
        Sync::Default => Some(String::new()),
    };
    let options = nats::Options { jetstream, ..nats::Options::default() };
    let started = match servers {
        Servers::One => Server::start(program, folder, &options).map(|server| vec![server]),
        Servers::Three => Server::cluster(program, folder, &options).map(Vec::from),
    };
    started.with_context(|| format!("cannot start {}", program.display()))
}

async fn connected(address: &str) -> anyhow::Result<async_nats::Client> {
    let begun = Instant::now();
    loop {
        match async_nats::connect(address).await {
            Ok(client) => return Ok(client),
            Err(error) if begun.elapsed() > PATIENCE => return Err(error).context("the peer does not serve"),
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

async fn consumer(address: &str, number: usize) -> anyhow::Result<PullConsumer> {
    let context = jetstream::new(connected(address).await?);
    let config = pull::Config {
        durable_name: Some(format!("receiver-{number}")),
        ack_policy: AckPolicy::All,
        max_ack_pending: -1,
        ..pull::Config::default()
    };
    let made = context.create_consumer_on_stream(config, STREAM).await;
    made.context("the peer makes no consumer")
}

async fn consume(consumer: PullConsumer, count: u64, size: usize) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut messages = consumer.stream().max_messages_per_batch(PULLED).messages().await?;
    let mut number = 0;
    while number < count {
        let message = match messages.next().await.context("the peer's stream ended")? {
            Ok(message) => message,
            // On several servers a new consumer has to find a leader first.
            Err(error) if error.kind() == MessagesErrorKind::NoResponders && number == 0 => {
                ensure!(begun.elapsed() < PATIENCE, "the peer's consumer does not answer");
                tokio::time::sleep(LOOK).await;
                messages = consumer.stream().max_messages_per_batch(PULLED).messages().await?;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let found = message.payload.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
        let whole = message.payload.len() == size && found == Some(number);
        ensure!(whole, "the peer delivered {found:?} in place of {number}");
        number += 1;
        if number.is_multiple_of(ACKNOWLEDGED_AT_ONCE) || number == count {
            message.ack().await.map_err(anyhow::Error::from_boxed)?;
        }
    }
    Ok(())
}

fn payload(number: u64, size: usize) -> Bytes {
    let mut bytes = BytesMut::zeroed(size.max(size_of::<u64>()));
    bytes[..size_of::<u64>()].copy_from_slice(&number.to_be_bytes());
    bytes.freeze()
}

async fn one_by_one(context: &jetstream::Context, payloads: Vec<Bytes>) -> anyhow::Result<()> {
    for payload in payloads {
        context.publish(SUBJECT, payload).await?.await?;
    }
    Ok(())
}

async fn many(context: &jetstream::Context, payloads: Vec<Bytes>) -> anyhow::Result<()> {
    let publish = |payload| async { anyhow::Ok(context.publish(SUBJECT, payload).await?) };
    let acknowledged = futures::stream::iter(payloads).then(publish).map(|sent| async { Ok(sent?.await?) });
    let mut acknowledged = std::pin::pin!(acknowledged.buffered(WINDOW));
    while let Some(acknowledgement) = acknowledged.next().await {
        acknowledgement.map_err(|error: anyhow::Error| error.context("the peer did not take a message"))?;
    }
    Ok(())
}

/// Only the first and the last of a batch are answered.
async fn atomic(client: &async_nats::Client, payloads: Vec<Bytes>) -> anyhow::Result<()> {
    let total = u64::try_from(payloads.len())?;
    for (number, payload) in (0..).zip(payloads) {
        let place = number % ATOMIC + 1;
        let last = place == ATOMIC || number + 1 == total;
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Batch-Id", format!("batch-{}", number / ATOMIC).as_str());
        headers.insert("Nats-Batch-Sequence", place.to_string().as_str());
        if last {
            headers.insert("Nats-Batch-Commit", "1");
            let answer = client.request_with_headers(SUBJECT, headers, payload).await?;
            ensure!(
                !answer.payload.windows(7).any(|part| part == b"\"error\""),
                "the peer refused a batch: {:?}",
                answer.payload
            );
        } else {
            client.publish_with_headers(SUBJECT, headers, payload).await?;
        }
    }
    Ok(())
}
