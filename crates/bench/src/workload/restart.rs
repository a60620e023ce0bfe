//! `restart`: how long no mail arrives while the hub is stopped in order and started again, and while it is killed.
//!
//! A message is published every few milliseconds; the pause is the longest time between two arrivals around the restart.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::StreamExt as _;
use sealpost_client::gateway::Pace;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::message::{MessageId, Priority};
use sealpost_domain::view::{Direction, Event, Filter};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::net::Net;
use crate::net::live::{Live, taken};
use crate::report::{Row, Target};
use crate::samples::{Samples, millis};
use crate::screen::Bar;
use crate::workload::{Asked, Checked, Context, Needs, Outcome, Workload, runtime};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "restart",
    about: "how long no mail arrives while the hub is started again",
    needs: Needs::Programs,
    asked: Asked::WithAll,
    run,
};

const PAUSE_MS: f64 = 1000.0;
/// Between two messages.
const EVERY: Duration = Duration::from_millis(5);
/// How many are published before the restart and once it was begun: mail flows again long before the last.
const BEFORE: usize = 100;
const AFTER: usize = 1000;

/// How the hub ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    InOrder,
    Killed,
}

fn run(context: &Context) -> anyhow::Result<Outcome> {
    let rounds = context.either(7, 3);
    let net = Net::make(context, 2)?;
    let (sender, recipient) = (net.agency(0)?, net.agency(1)?);
    let runtime = runtime()?;
    let [mut in_order, mut killed] = [(); 2].map(|()| Samples::default());
    let checked = runtime.block_on(async {
        let mut live = net.live().await?;
        let mut checked = Checked::default();
        let bar = Bar::new(rounds * 2, "restarts");
        for _ in 0..rounds {
            for (end, samples) in [(End::InOrder, &mut in_order), (End::Killed, &mut killed)] {
                let (pause, ids) = pause(&mut live, &sender, &recipient, end).await?;
                samples.push(millis(pause));
                live.receipted(&sender, Duration::from_millis(20)).await?;
                checked.records += live.check(&recipient, &ids).await?;
                bar.advance();
            }
        }
        live.stop().await?;
        anyhow::Ok(checked)
    })?;
    let row = |metric, samples: &Samples| {
        Row::new(WORKLOAD.name, metric, "ms", samples).within(PAUSE_MS, Target::Below(1.0))
    };
    let rows = vec![
        row("pause, hub stopped in order and started", &in_order),
        row("pause, hub killed and started", &killed),
    ];
    Ok(Outcome { checked, notes: Vec::new(), rows })
}

async fn pause(
    live: &mut Live,
    sender: &AgencyId,
    recipient: &AgencyId,
    end: End,
) -> anyhow::Result<(Duration, Vec<MessageId>)> {
    let messages = live.messages(std::slice::from_ref(recipient), Priority::Routine, BEFORE + AFTER)?;
    let from = live.gateway(recipient)?.status().await?.ledger_next_index;
    let filter = Filter { direction: Some(Direction::Received), ..Filter::default() };
    let mut arriving = live.gateway(recipient)?.subscribe(from, filter);
    let count = messages.len();
    let arrivals = tokio::spawn(async move {
        let mut arrivals = Vec::with_capacity(count);
        while arrivals.len() < count {
            if let Event::Message(_) = arriving.next().await? {
                arrivals.push(Instant::now());
            }
        }
        anyhow::Ok(arrivals)
    });
    let (hand_in, handed_in) = mpsc::channel(1);
    let (half, reached) = tokio::sync::oneshot::channel();
    let pacing = tokio::spawn(async move {
        let (mut ticks, mut half) = (tokio::time::interval(EVERY), Some(half));
        for (number, message) in messages.into_iter().enumerate() {
            ticks.tick().await;
            hand_in.send(message).await?;
            if number == BEFORE
                && let Some(half) = half.take()
            {
                let _ = half.send(());
            }
        }
        anyhow::Ok(())
    });
    let gateway = live.gateway(sender)?.clone();
    let publishing = tokio::spawn(async move {
        let mut ids = Vec::with_capacity(count);
        let mut answers = std::pin::pin!(gateway.publish(ReceiverStream::new(handed_in), Pace::default()));
        while let Some(answer) = answers.next().await {
            ids.push(taken(answer?.result)?.id);
        }
        anyhow::Ok(ids)
    });
    reached.await.context("not enough was published")?;
    match end {
        End::InOrder => live.running.hub.stop().await?,
        End::Killed => live.running.hub.kill().await?,
    }
    live.running.hub.start()?;
    pacing.await??;
    let (ids, arrivals) = (publishing.await??, arrivals.await??);
    let gaps =
        arrivals.iter().zip(arrivals.iter().skip(1)).map(|(one, next)| next.saturating_duration_since(*one));
    Ok((gaps.max().unwrap_or_default(), ids))
}
