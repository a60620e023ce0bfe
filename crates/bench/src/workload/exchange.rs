//! `exchange`: the whole way with the real programs: published, sealed, signed and durable at one node, verified and
//! durable at the hub, verified, opened and durable at each recipient, and the signed receipt durable at the sender.
//!
//! The reference is what nobody can do without, counted and multiplied by what each costs on this machine in the same
//! rounds: see `units`. The acceptances, receipts and syncs that many messages share are not in it.

pub(super) mod units;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::StreamExt as _;
use sealpost_client::gateway::Pace;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::message::{MessageId, Priority};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::net::Net;
use crate::net::live::{Live, taken};
use crate::report::{Row, Target};
use crate::samples::{Samples, micros, rate};
use crate::screen::Bar;
use crate::workload::{Asked, Checked, Context, Needs, Outcome, Workload, runtime};
use units::Units;

pub(crate) const WORKLOAD: Workload = Workload {
    name: "exchange",
    about: "the whole way from node to node and the receipt back, beside its cryptography and syncs alone",
    needs: Needs::Programs,
    asked: Asked::WithAll,
    run,
};

/// How many recipients.
const SIZES: [usize; 2] = [1, 16];
/// Between two looks at a sender's status: a look costs it a tenth of that.
const LOOK: Duration = Duration::from_millis(5);

/// The rounds with so many recipients.
#[derive(Default)]
struct Series {
    many: Samples,
    limit: Samples,
    lone: Samples,
    lone_limit: Samples,
}

fn run(context: &Context) -> anyhow::Result<Outcome> {
    let (rounds, many, few) = context.either((5, 5000, 100), (3, 1000, 30));
    let runtime = runtime()?;
    let (mut rows, mut checked, mut told) = (Vec::new(), Checked::default(), String::new());
    let bar = Bar::new(rounds * 2, "rounds");
    for size in SIZES {
        let net = Net::make(context, size + 1)?;
        let (sender, recipients) = (net.agency(0)?, net.agencies(1, size)?);
        let mut live = runtime.block_on(net.live())?;
        let mut series = Series::default();
        for _ in 0..rounds {
            let units = Units::measure(context)?;
            runtime.block_on(async {
                let (elapsed, ids) = throughput(&mut live, &sender, &recipients, many / size.min(4)).await?;
                series.many.push(rate(u64::try_from(ids.len())?, elapsed));
                series.limit.push(units.messages_per_second(size));
                let (latencies, lone_ids) = latency(&mut live, &sender, &recipients, few).await?;
                series.lone.push(latencies.median());
                series.lone_limit.push(units.lone_micros(size));
                for recipient in &recipients {
                    let sent: Vec<MessageId> = ids.iter().chain(&lone_ids).copied().collect();
                    checked.records += live.check(recipient, &sent).await?;
                }
                anyhow::Ok(())
            })?;
            told = units.to_string();
            bar.advance();
        }
        runtime.block_on(live.stop())?;
        rows.extend(series.rows(size));
    }
    Ok(Outcome { checked, notes: vec![told], rows })
}

impl Series {
    fn rows(&self, size: usize) -> [Row; 2] {
        let row = |metric: &str, unit, samples| {
            Row::new(WORKLOAD.name, format!("{metric}, to {size}"), unit, samples)
        };
        [
            row("messages", "messages/s", &self.many).against(
                "cryptography on all cores",
                &self.limit,
                Some(Target::AtLeast(0.5)),
            ),
            row("one in flight, p50", "µs", &self.lone).against(
                "4 syncs and cryptography",
                &self.lone_limit,
                Some(Target::AtMost(2.0)),
            ),
        ]
    }
}

/// How long it takes until the sender has all receipts for so many messages, handed in as fast as they are taken.
pub(super) async fn throughput(
    live: &mut Live,
    sender: &AgencyId,
    recipients: &[AgencyId],
    count: usize,
) -> anyhow::Result<(Duration, Vec<MessageId>)> {
    let messages = live.messages(recipients, Priority::Routine, count)?;
    let begun = Instant::now();
    let ids = live.publish(sender, messages).await?;
    live.receipted(sender, LOOK).await?;
    Ok((begun.elapsed(), ids))
}

/// The latencies of messages of which each waits for the receipts of the one before, in microseconds. The sender is asked
/// again and again, so that the answer to a question is the resolution.
async fn latency(
    live: &mut Live,
    sender: &AgencyId,
    recipients: &[AgencyId],
    count: usize,
) -> anyhow::Result<(Samples, Vec<MessageId>)> {
    let messages = live.messages(recipients, Priority::Routine, count)?;
    let (hand_in, handed_in) = mpsc::channel(1);
    let gateway = live.gateway(sender)?;
    let mut answers = std::pin::pin!(gateway.publish(ReceiverStream::new(handed_in), Pace::default()));
    let (mut latencies, mut ids) = (Samples::default(), Vec::with_capacity(count));
    for message in messages {
        let begun = Instant::now();
        hand_in.send(message).await?;
        let answer = answers.next().await.context("the gateway does not answer")??;
        ids.push(taken(answer.result)?.id);
        live.receipted(sender, Duration::ZERO).await?;
        latencies.push(micros(begun.elapsed()));
    }
    Ok((latencies, ids))
}
