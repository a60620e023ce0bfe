//! `footprint`: what hub and node take when they have nothing to do, and how soon they are ready.

use std::time::Duration;

use crate::net::Net;
use crate::net::process::Process;
use crate::report::{Row, Target};
use crate::samples::{Samples, millis};
use crate::workload::{Asked, Checked, Context, Needs, Outcome, Workload, mib, runtime};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "footprint",
    about: "memory of an idle hub and an idle node, and the time until they are ready",
    needs: Needs::Programs,
    asked: Asked::WithAll,
    run,
};

const MEMORY_MIB: f64 = 20.0;
const READY_MS: f64 = 150.0;
/// How long programs do nothing before they are looked at.
const REST: Duration = Duration::from_secs(2);

fn run(context: &Context) -> anyhow::Result<Outcome> {
    let rounds = context.either(9, 3);
    let runtime = runtime()?;
    let [mut hub_ready, mut node_ready, mut hub_memory, mut node_memory, mut hub_own, mut node_own] =
        [(); 6].map(|()| Samples::default());
    runtime.block_on(async {
        let net = Net::make(context, 2)?;
        let agency = net.agency(1)?;
        for _ in 0..rounds {
            let mut served = net.serve().await?;
            hub_ready.push(millis(served.ready_after));
            served.hub.stop().await?;
        }
        let mut live = net.live().await?;
        for _ in 0..rounds {
            live.stop_node(&agency).await?;
            node_ready.push(millis(live.start_node(&agency).await?));
            tokio::time::sleep(REST).await;
            let (hub, node) =
                (Process::of(live.running.hub.process())?.memory()?, live.process(&agency)?.memory()?);
            hub_memory.push(mib(hub.resident));
            node_memory.push(mib(node.resident));
            hub_own.push(mib(hub.own));
            node_own.push(mib(node.own));
        }
        live.stop().await
    })?;
    let memory = |metric, samples: &Samples| {
        Row::new(WORKLOAD.name, metric, "MiB", samples).within(MEMORY_MIB, Target::Below(1.0))
    };
    let ready = |metric, samples: &Samples| {
        Row::new(WORKLOAD.name, metric, "ms", samples).within(READY_MS, Target::Below(1.0))
    };
    let rows = vec![
        memory("idle hub, resident", &hub_memory),
        memory("idle node, resident", &node_memory),
        Row::new(WORKLOAD.name, "idle hub, of its own (without the program's file)", "MiB", &hub_own),
        Row::new(WORKLOAD.name, "idle node, of its own (without the program's file)", "MiB", &node_own),
        ready("hub, from start until it serves", &hub_ready),
        ready("node, from start until its gateway serves", &node_ready),
    ];
    Ok(Outcome { checked: Checked::default(), notes: Vec::new(), rows })
}
