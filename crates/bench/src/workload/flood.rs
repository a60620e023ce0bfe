//! `flood`: the mail of one agency while another one hands in as much as the hub takes.
//!
//! One message at a time goes from one agency to another, with a pause; its time is from handing it to the hub until it
//! comes out there. The flood comes from a process of its own, from a third agency to a fourth.

pub(crate) mod child;

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use sealpost_domain::message::Priority;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;

use crate::arguments::Child;
use crate::net::Net;
use crate::net::envelopes::Mail;
use crate::net::station::{Expected, Submitting};
use crate::report::{Row, Target};
use crate::samples::{Samples, millis};
use crate::screen::Bar;
use crate::workload::{Asked, Checked, Context, Needs, Outcome, Workload, runtime};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "flood",
    about: "the mail of one agency while another floods the hub, beside the same without",
    needs: Needs::Programs,
    asked: Asked::WithAll,
    run,
};

/// Between two messages.
const PAUSE: Duration = Duration::from_millis(3);

fn run(context: &Context) -> anyhow::Result<Outcome> {
    let (rounds, count) = context.either((5, 1000), (3, 200));
    let net = Net::make(context, 4)?;
    let runtime = runtime()?;
    let [mut calm, mut calm_p50, mut flooded, mut flooded_p50] = [(); 4].map(|()| Samples::default());
    let mut checked = Checked::default();
    let bar = Bar::new(rounds, "rounds");
    for _ in 0..rounds {
        let mail = Mail { net: &net, sender: 0, recipients: 1..=1, priority: Priority::Routine };
        let expected: Expected = Arc::new(mail.prepare(count)?);
        let round = runtime.block_on(round(&net, &expected))?;
        for (samples, tail, middle) in
            [(&round[0], &mut calm, &mut calm_p50), (&round[1], &mut flooded, &mut flooded_p50)]
        {
            tail.push(samples.permille(990));
            middle.push(samples.median());
            checked.records += u64::try_from(count)?;
        }
        bar.advance();
    }
    let row = |metric, value, reference, target| {
        Row::new(WORKLOAD.name, metric, "ms", value).against("without the flood", reference, target)
    };
    let rows = vec![
        row("another agency's mail, p99", &flooded, &calm, Some(Target::AtMost(2.0))),
        row("another agency's mail, p50", &flooded_p50, &calm_p50, None),
    ];
    Ok(Outcome { checked, notes: Vec::new(), rows })
}

/// The times without and with a flood.
async fn round(net: &Net, expected: &Expected) -> anyhow::Result<[Samples; 2]> {
    let mut served = net.serve().await?;
    let calm = paced(net, expected).await?;
    served.hub.stop().await?;
    // On an empty hub, for which the same envelopes are new.
    let mut served = net.serve().await?;
    let mut flood = Command::new(std::env::current_exe()?)
        .args(Child::Flood.arguments(net.root()?))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start the flood")?;
    let told = flood.stdout.take().context("the flood has no stdout")?;
    let begins = BufReader::new(told).lines().next_line().await?;
    ensure!(begins.as_deref() == Some(child::BEGINS), "the flood did not begin");
    let flooded = paced(net, expected).await?;
    ensure!(flood.try_wait()?.is_none(), "the flood ended before it was to");
    flood.kill().await?;
    served.hub.stop().await?;
    Ok([calm, flooded])
}

/// How long each message takes from one station to the other, in milliseconds.
async fn paced(net: &Net, expected: &Expected) -> anyhow::Result<Samples> {
    let [sender, recipient] = [net.station(0)?.connect().await?, net.station(1)?.connect().await?];
    let mut receiving = net.station(1)?.receive(&recipient, Priority::Routine).await?;
    let mut submitting = Submitting::open(&sender).await?;
    let (told, mut arrived) = mpsc::channel(1);
    let arriving = tokio::spawn({
        let expected = Arc::clone(expected);
        async move {
            for prepared in expected.iter() {
                receiving.all(std::slice::from_ref(prepared), |_, _| {}).await?;
                told.send(Instant::now()).await?;
            }
            anyhow::Ok(())
        }
    });
    let mut samples = Samples::default();
    for prepared in expected.iter() {
        let begun = Instant::now();
        submitting.begin(std::slice::from_ref(prepared)).await?;
        submitting.answered().await?;
        let Some(arrived) = arrived.recv().await else { break };
        samples.push(millis(arrived.saturating_duration_since(begun)));
        tokio::time::sleep(PAUSE).await;
    }
    arriving.await??;
    Ok(samples)
}
