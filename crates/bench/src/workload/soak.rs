//! `soak`: half of the highest rate, for as long as one wants: memory and open files of hub and nodes stay flat, and
//! everything arrives once.
//!
//! A system listens at the recipient all the time and notes every message. The first quarter lets caches fill; what is compared is the last
//! quarter with the second.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use futures::StreamExt as _;
use sealpost_client::gateway::{Outgoing, Pace, Subscription};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::message::{MessageId, Priority};
use sealpost_domain::view::{Direction, Event, Filter};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use super::exchange;
use crate::net::Net;
use crate::net::live::{Live, received_of, taken};
use crate::net::process::Process;
use crate::report::{Row, Target};
use crate::samples::{Samples, figure, rate};
use crate::screen::Bar;
use crate::workload::{Asked, Checked, Context, Needs, Outcome, Workload, mib, runtime};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "soak",
    about: "half of the highest rate for a while: memory and open files stay flat",
    needs: Needs::Programs,
    asked: Asked::ByName,
    run,
};

/// How many messages show the highest rate.
const PROBE: usize = 3000;
/// Messages are handed in this often.
const TICK: Duration = Duration::from_millis(10);
/// Programs are looked at this often.
const LOOK: Duration = Duration::from_secs(1);
/// How much more than before is still flat: an allocator does not give back everything at once.
const MEMORY_MORE: f64 = 1.1;
/// Segments come, and a few files are open now and then: more than that would be a leak.
const FILES_MORE: f64 = 1.25;

/// A program that is watched.
struct Watched {
    name: String,
    process: Process,
    memory: Vec<f64>,
    files: Vec<f64>,
}

/// Everything that a listener got.
type Listener = JoinHandle<anyhow::Result<HashSet<MessageId>>>;

fn run(context: &Context) -> anyhow::Result<Outcome> {
    let lasting = context.lasting.unwrap_or(Duration::from_mins(context.either(30, 1)));
    let net = Net::make(context, 2)?;
    let (sender, recipient) = (net.agency(0)?, net.agency(1)?);
    runtime()?.block_on(async {
        let mut live = net.live().await?;
        let to = std::slice::from_ref(&recipient);
        let (elapsed, probe) = exchange::throughput(&mut live, &sender, to, PROBE).await?;
        live.check(&recipient, &probe).await?;
        let top = rate(u64::try_from(probe.len())?, elapsed);
        let mut watched = vec![
            Watched::new("hub", Process::of(live.running.hub.process())?),
            Watched::new("sending node", live.process(&sender)?),
            Watched::new("receiving node", live.process(&recipient)?),
        ];
        let (sent, took) = steady(&mut live, &sender, &recipient, top / 2.0, lasting, &mut watched).await?;
        live.stop().await?;
        let reached: Samples = [rate(sent, took)].into_iter().collect();
        let asked: Samples = [top / 2.0].into_iter().collect();
        let mut rows = vec![Row::new(WORKLOAD.name, "messages", "messages/s", &reached).against(
            "half of the highest rate",
            &asked,
            Some(Target::AtLeast(0.95)),
        )];
        rows.extend(watched.iter().flat_map(Watched::rows));
        let notes = vec![format!("{sent} messages in {:.1} minutes", took.as_secs_f64() / 60.0)];
        Ok(Outcome { checked: Checked { records: sent }, notes, rows })
    })
}

/// Sends at a steady rate and looks at the programs meanwhile; how many were sent, in which time.
async fn steady(
    live: &mut Live,
    sender: &AgencyId,
    recipient: &AgencyId,
    rate: f64,
    lasting: Duration,
    watched: &mut [Watched],
) -> anyhow::Result<(u64, Duration)> {
    let from = live.gateway(recipient)?.status().await?.ledger_next_index;
    let filter = Filter { direction: Some(Direction::Received), ..Filter::default() };
    let stop = CancellationToken::new();
    let listener = listen(live.gateway(recipient)?.subscribe(from, filter), stop.clone());
    let (hand_in, handed_in) = mpsc::channel::<Outgoing>(1024);
    let gateway = live.gateway(sender)?.clone();
    let publishing = tokio::spawn(async move {
        let mut ids = Vec::new();
        let mut answers = std::pin::pin!(gateway.publish(ReceiverStream::new(handed_in), Pace::default()));
        while let Some(answer) = answers.next().await {
            ids.push(taken(answer?.result)?.id);
        }
        anyhow::Ok(ids)
    });
    let bar = Bar::new(lasting.as_secs(), "seconds");
    let (begun, mut ticks) = (Instant::now(), tokio::time::interval(TICK));
    let (mut handed, mut looked) = (0.0, begun);
    while begun.elapsed() < lasting {
        ticks.tick().await;
        let due = begun.elapsed().as_secs_f64() * rate;
        while handed < due {
            let message = live.messages(std::slice::from_ref(recipient), Priority::Routine, 1)?.pop();
            if hand_in.send(message.context("no message")?).await.is_err() {
                publishing.await??;
                bail!("the gateway takes nothing more");
            }
            handed += 1.0;
        }
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            watched.iter_mut().try_for_each(Watched::look)?;
            bar.set(begun.elapsed().as_secs());
        }
    }
    drop(hand_in);
    let (ids, took) = (publishing.await??, begun.elapsed());
    live.receipted(sender, Duration::from_millis(50)).await?;
    let (count, known) = (u64::try_from(ids.len())?, received_of(live.gateway(recipient)?, sender).await?);
    ensure!(known >= count, "of {count} messages the recipient counts {known}");
    stop.cancel();
    let mut found = listener.await??;
    for id in &ids {
        ensure!(found.remove(id), "{recipient} was not told of {id}");
    }
    ensure!(found.is_empty(), "{recipient} was told of {} messages that were not sent", found.len());
    Ok((count, took))
}

/// Notes every message that comes, each once, until it is told to stop and has caught up with what lies there.
fn listen(mut subscription: Subscription, stop: CancellationToken) -> Listener {
    tokio::spawn(async move {
        let mut found = HashSet::new();
        loop {
            let event = subscription.next().await?;
            match event {
                Event::Message(shown) => {
                    let id = shown.id;
                    ensure!(found.insert(id), "a system was told twice of {id}");
                }
                // Nothing was new for a while.
                Event::Heartbeat { .. } if stop.is_cancelled() => return Ok(found),
                Event::CaughtUp { .. } | Event::Heartbeat { .. } => {}
            }
        }
    })
}

impl Watched {
    fn new(name: &str, process: Process) -> Self {
        Self { name: name.to_owned(), process, memory: Vec::new(), files: Vec::new() }
    }

    fn look(&mut self) -> anyhow::Result<()> {
        self.memory.push(mib(self.process.memory()?.resident));
        self.files.push(figure(self.process.descriptors()? as u64));
        Ok(())
    }

    fn rows(&self) -> [Row; 2] {
        let row = |what: &str, unit, values: &[f64], more| {
            let [before, after] = quarters(values);
            Row::new(WORKLOAD.name, format!("{}, {what}, last quarter", self.name), unit, &after).against(
                "second quarter",
                &before,
                Some(Target::AtMost(more)),
            )
        };
        [
            row("resident memory", "MiB", &self.memory, MEMORY_MORE),
            row("open files", "files", &self.files, FILES_MORE),
        ]
    }
}

/// The second and the last.
fn quarters(values: &[f64]) -> [Samples; 2] {
    let quarter = values.len().div_ceil(4).max(1);
    let part = |number| values.chunks(quarter).nth(number).unwrap_or_default().iter().copied().collect();
    [part(1), part(3)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_quarter_is_compared_with_the_last() {
        let values: Vec<f64> = (0..12).map(f64::from).collect();
        let [before, after] = quarters(&values);
        assert_eq!((before.spread(), after.spread()), ([3.0, 5.0], [9.0, 11.0]));
    }
}
