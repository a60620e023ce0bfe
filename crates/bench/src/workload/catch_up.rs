//! `catch-up`: a node comes back after many messages for it were published.
//!
//! Timed from the start of its process until the last message is durable in its ledger. The reference is what it cannot do
//! without: each message verified, its wrap and its content opened, on all cores. Memory is compared with a node that
//! comes back after a tenth of the messages.

use std::time::{Duration, Instant};

use sealpost_domain::agency::AgencyId;

use super::exchange::units::Units;
use super::lanes::wait_up;
use crate::net::Net;
use crate::net::live::{Live, received_of};
use crate::report::{Row, Target};
use crate::samples::{Samples, rate};
use crate::workload::{Asked, Checked, Context, Needs, Outcome, Workload, mib, runtime};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "catch-up",
    about: "a node comes back after many messages, beside the cryptography of taking them in",
    needs: Needs::Programs,
    asked: Asked::WithAll,
    run,
};

const LOOK: Duration = Duration::from_millis(10);

/// What a node that came back took.
struct Back {
    elapsed: Duration,
    peak_bytes: u64,
}

fn run(context: &Context) -> anyhow::Result<Outcome> {
    let backlog: usize = context.either(100_000, 5000);
    let net = Net::make(context, 2)?;
    let (sender, recipient) = (net.agency(0)?, net.agency(1)?);
    let runtime = runtime()?;
    let (few, all, limit, checked) = runtime.block_on(async {
        let mut live = net.live().await?;
        let mut checked = Checked::default();
        let few = back(&mut live, &sender, &recipient, backlog / 10, &mut checked).await?;
        let before = Units::measure(context)?.received_per_second();
        let all = back(&mut live, &sender, &recipient, backlog, &mut checked).await?;
        let after = Units::measure(context)?.received_per_second();
        live.stop().await?;
        anyhow::Ok((few, all, Samples::from_iter([before, after]), checked))
    })?;
    let one = |value: f64| [value].into_iter().collect::<Samples>();
    let rows = vec![
        Row::new(
            WORKLOAD.name,
            format!("{backlog} messages"),
            "messages/s",
            &one(rate(u64::try_from(backlog)?, all.elapsed)),
        )
        .against("verified and opened, all cores", &limit, Some(Target::AtLeast(0.8))),
        Row::new(WORKLOAD.name, "node, resident memory at the most", "MiB", &one(mib(all.peak_bytes)))
            .against("after a tenth of the messages", &one(mib(few.peak_bytes)), None),
    ];
    Ok(Outcome { checked, notes: Vec::new(), rows })
}

async fn back(
    live: &mut Live,
    sender: &AgencyId,
    recipient: &AgencyId,
    backlog: usize,
    checked: &mut Checked,
) -> anyhow::Result<Back> {
    let had = received_of(live.gateway(recipient)?, sender).await?;
    let ids = wait_up(live, sender, recipient, backlog).await?;
    let begun = Instant::now();
    live.start_node(recipient).await?;
    live.received(recipient, sender, had + u64::try_from(backlog)?, LOOK).await?;
    let elapsed = begun.elapsed();
    let peak_bytes = live.process(recipient)?.memory()?.peak;
    live.receipted(sender, LOOK).await?;
    checked.records += live.check(recipient, &ids).await?;
    Ok(Back { elapsed, peak_bytes })
}
