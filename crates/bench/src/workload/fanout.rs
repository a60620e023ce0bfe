//! `fanout`: one sender to 16 receivers through the real hub, with everything that a hub does for real mail: mutual TLS,
//! signatures verified, durable before it is accepted, and to each receiver its own wrap.
//!
//! Sender and receivers are of this process: they send prepared envelopes and compare what comes, byte by byte. Two
//! references take turns with it: one raw TLS stream of the delivered bytes, and NATS JetStream with a message of one
//! delivery's size for 16 durable pull consumers (see `peer`).

pub(crate) mod peer;
mod raw;

use std::sync::Arc;
use std::time::{Duration, Instant};

use sealpost_domain::message::Priority;
use tokio::task::JoinSet;

use crate::net::envelopes::Mail;
use crate::net::station::{Expected, Submitting};
use crate::net::{Net, Served};
use crate::report::{Row, Target};
use crate::samples::{Samples, figure, micros, rate};
use crate::screen::Bar;
use crate::workload::{Asked, Checked, Context, Needs, Outcome, Workload, mib, runtime};
use peer::Servers;

pub(crate) const WORKLOAD: Workload = Workload {
    name: "fanout",
    about: "one sender to 16 receivers through the hub, beside TLS alone and JetStream",
    needs: Needs::Programs,
    asked: Asked::WithAll,
    run,
};

pub(crate) const RECEIVERS: usize = 16;
/// What is counted, and in which unit.
pub(crate) const DELIVERIES: (&str, &str) = ("deliveries to 16 receivers", "deliveries/s");
/// How long nobody may get anything more after the last one.
const STILLNESS: Duration = Duration::from_millis(50);

/// What one round of the hub took.
pub(crate) struct Round {
    pub(crate) elapsed: Duration,
    /// Processor time of the hub.
    pub(crate) busy: Duration,
    /// Of the hub, at the most.
    pub(crate) peak_bytes: u64,
}

fn run(context: &Context) -> anyhow::Result<Outcome> {
    let (rounds, count) = context.either((5, 5000), (3, 1000));
    let net = Net::make(context, RECEIVERS + 1)?;
    let mail = Mail { net: &net, sender: 0, recipients: 1..=RECEIVERS, priority: Priority::Routine };
    let expected: Expected = Arc::new(mail.prepare(count)?);
    let deliveries = u64::try_from(count * RECEIVERS)?;
    let bytes: usize = expected.iter().map(|prepared| prepared.delivered_bytes * RECEIVERS).sum();
    let bytes = u64::try_from(bytes)?;
    let runtime = runtime()?;
    let mut peer =
        peer::Peer::find(context, u64::try_from(count)?, bytes / deliveries, RECEIVERS, Servers::One)?;
    let [mut value, mut flow, mut tls, mut busy, mut peak] = [(); 5].map(|()| Samples::default());
    let mut checked = Checked::default();
    let bar = Bar::new(rounds, "rounds");
    for _ in 0..rounds {
        let Round { elapsed, busy: used, peak_bytes } =
            runtime.block_on(round(&net, 0, RECEIVERS, &expected))?;
        value.push(rate(deliveries, elapsed));
        flow.push(rate(bytes, elapsed) / 1e6);
        busy.push(micros(used) / figure(deliveries));
        peak.push(mib(peak_bytes));
        tls.push(rate(bytes, runtime.block_on(raw::stream(&net, bytes))?) / 1e6);
        peer.round(&runtime)?;
        checked.records += deliveries;
        bar.advance();
    }
    let name = WORKLOAD.name;
    let mut rows = vec![Row::new(name, "bytes delivered", "MB/s", &flow).against(
        "one raw TLS stream of them",
        &tls,
        Some(Target::AtLeast(0.5)),
    )];
    rows.extend(peer.rows(name, DELIVERIES, &value));
    rows.push(Row::new(name, "hub, processor time of a delivery", "µs", &busy));
    rows.push(Row::new(name, "hub, resident memory at the most", "MiB", &peak));
    let mut notes = vec![format!(
        "each message was submitted with {RECEIVERS} wraps in {} bytes, and delivered in {} to each receiver",
        expected.first().map_or(0, |prepared| prepared.bytes),
        bytes / deliveries,
    )];
    notes.extend(peer.notes());
    Ok(Outcome { checked, notes, rows })
}

/// One round on a new hub: all envelopes of one sender to the stations that follow it.
pub(crate) async fn round(
    net: &Net,
    sender: usize,
    receivers: usize,
    expected: &Expected,
) -> anyhow::Result<Round> {
    let mut served = net.serve().await?;
    let round = through(net, &served, sender, receivers, expected).await?;
    served.hub.stop().await?;
    Ok(round)
}

/// One round through a hub that serves.
pub(crate) async fn through(
    net: &Net,
    served: &Served,
    sender: usize,
    receivers: usize,
    expected: &Expected,
) -> anyhow::Result<Round> {
    let process = served.process;
    let mut receiving = JoinSet::new();
    for place in sender + 1..=sender + receivers {
        let station = net.station(place)?;
        let connection = station.connect().await?;
        let mut stream = station.receive(&connection, Priority::Routine).await?;
        let expected = Arc::clone(expected);
        receiving.spawn(async move {
            stream.all(&expected, |_, _| {}).await?;
            let done = Instant::now();
            stream.nothing_more(STILLNESS).await?;
            drop(connection);
            anyhow::Ok(done)
        });
    }
    let connection = net.station(sender)?.connect().await?;
    let mut submitting = Submitting::open(&connection).await?;
    let (begun, busy) = (Instant::now(), process.busy()?);
    let submitted = async { submitting.all(expected).await.map(|()| Instant::now()) };
    let received = async {
        let mut last = begun;
        while let Some(done) = receiving.join_next().await {
            last = last.max(done??);
        }
        anyhow::Ok(last)
    };
    let (accepted, received) = tokio::try_join!(submitted, received)?;
    Ok(Round {
        elapsed: accepted.max(received).saturating_duration_since(begun),
        busy: process.busy()?.saturating_sub(busy),
        peak_bytes: process.memory()?.peak,
    })
}
