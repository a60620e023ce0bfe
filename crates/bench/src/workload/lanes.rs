//! `lanes`: a FLASH to a node that takes in a backlog of ROUTINE mail, beside a FLASH on the idle network.
//!
//! Times are from handing a message to the sender's gateway until it comes out of the recipient's. The backlog waits at the
//! hub while its recipient is away; FLASH is sent from the moment at which it begins to drain until it is gone.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::StreamExt as _;
use sealpost_client::gateway::Pace;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::message::{MessageId, Priority};
use sealpost_domain::view::{Direction, Event, Filter};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::net::Net;
use crate::net::live::{Live, received_of, taken};
use crate::report::{Row, Target};
use crate::samples::{Samples, millis, rate};
use crate::workload::{Asked, Checked, Context, Needs, Outcome, Workload, runtime};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "lanes",
    about: "FLASH while a ROUTINE backlog drains to the same node, beside FLASH on the idle network",
    needs: Needs::Programs,
    asked: Asked::WithAll,
    run,
};

/// Between two FLASH.
const PAUSE: Duration = Duration::from_millis(20);
const LOOK: Duration = Duration::from_millis(20);

/// When to stop sending.
enum Until {
    /// After so many.
    Count(usize),
    /// When the recipient has received so many in all.
    Received(u64),
}

fn run(context: &Context) -> anyhow::Result<Outcome> {
    let (backlog, idle_count) = context.either((100_000, 1000), (5000, 150));
    let net = Net::make(context, 2)?;
    let (sender, recipient) = (net.agency(0)?, net.agency(1)?);
    let runtime = runtime()?;
    let (idle, busy, drained, records) = runtime.block_on(async {
        let mut live = net.live().await?;
        let (idle, mut sent) = flashes(&mut live, &sender, &recipient, Until::Count(idle_count)).await?;
        sent.extend(wait_up(&mut live, &sender, &recipient, backlog).await?);
        live.start_node(&recipient).await?;
        let before = u64::try_from(idle_count)?;
        live.received(&recipient, &sender, before + 1, Duration::from_millis(1)).await?;
        let (begun, all) = (Instant::now(), before + u64::try_from(backlog)?);
        let (busy, flash) = flashes(&mut live, &sender, &recipient, Until::Received(all)).await?;
        let drained = rate(u64::try_from(backlog)?, begun.elapsed());
        sent.extend(flash);
        live.receipted(&sender, LOOK).await?;
        let records = live.check(&recipient, &sent).await?;
        live.stop().await?;
        anyhow::Ok((idle, busy, drained, records))
    })?;
    ensure!(busy.count() > 0, "the backlog was gone before a FLASH was sent");
    let row = |metric: &str, permille, target| {
        let one = |samples: &Samples| [samples.permille(permille)].into_iter().collect::<Samples>();
        Row::new(WORKLOAD.name, format!("FLASH under backlog, {metric}"), "ms", &one(&busy)).against(
            "on the idle network",
            &one(&idle),
            target,
        )
    };
    let notes = vec![format!(
        "{} FLASH while {backlog} ROUTINE drained at {drained:.0} a second, {idle_count} on the idle network",
        busy.count()
    )];
    let rows = vec![row("p99", 990, Some(Target::AtMost(3.0))), row("p50", 500, None)];
    Ok(Outcome { checked: Checked { records }, notes, rows })
}

/// Ends the recipient's node and lets so many messages for it wait at the hub.
pub(super) async fn wait_up(
    live: &mut Live,
    sender: &AgencyId,
    recipient: &AgencyId,
    backlog: usize,
) -> anyhow::Result<Vec<MessageId>> {
    live.stop_node(recipient).await?;
    let messages = live.messages(std::slice::from_ref(recipient), Priority::Routine, backlog)?;
    let ids = live.publish(sender, messages).await?;
    if let Some(last) = ids.last() {
        live.accepted(sender, *last).await?;
    }
    Ok(ids)
}

/// Sends FLASH, one after the other with a pause; how long each took, in milliseconds.
async fn flashes(
    live: &mut Live,
    sender: &AgencyId,
    recipient: &AgencyId,
    until: Until,
) -> anyhow::Result<(Samples, Vec<MessageId>)> {
    let end = live.gateway(recipient)?.status().await?.ledger_next_index;
    let filter = Filter {
        priorities: vec![Priority::Flash],
        direction: Some(Direction::Received),
        ..Filter::default()
    };
    let mut arriving = live.gateway(recipient)?.subscribe(end, filter);
    let (hand_in, handed_in) = mpsc::channel(1);
    let sending = live.gateway(sender)?.clone();
    let mut answers = std::pin::pin!(sending.publish(ReceiverStream::new(handed_in), Pace::default()));
    let (mut latencies, mut ids) = (Samples::default(), Vec::new());
    loop {
        let goes_on = match until {
            Until::Count(count) => ids.len() < count,
            Until::Received(count) => {
                let flash = u64::try_from(ids.len())?;
                received_of(live.gateway(recipient)?, sender).await? < count + flash
            }
        };
        if !goes_on {
            return Ok((latencies, ids));
        }
        let message = live.messages(std::slice::from_ref(recipient), Priority::Flash, 1)?.pop();
        let begun = Instant::now();
        hand_in.send(message.context("no message")?).await?;
        let answer = answers.next().await.context("the gateway does not answer")??;
        let id = taken(answer.result)?.id;
        loop {
            if let Event::Message(shown) = arriving.next().await? {
                ensure!(shown.id == id, "{} arrived in place of {id}", shown.id);
                break;
            }
        }
        latencies.push(millis(begun.elapsed()));
        ids.push(id);
        tokio::time::sleep(PAUSE).await;
    }
}
