//! `scale`: what one more receiver and one more node cost the hub, as curves up to 200 nodes.
//!
//! The nodes are stations of this process with all connections and streams of a node: two connections, two Submit, three
//! Receive, Control and `WatchDirectory`.

use std::sync::Arc;
use std::time::Duration;

use sealpost_domain::message::Priority;

use super::fanout::{self, Round};
use crate::net::Net;
use crate::net::envelopes::Mail;
use crate::net::station::{Expected, Idle};
use crate::report::Row;
use crate::samples::{Samples, figure, micros, rate};
use crate::screen::Bar;
use crate::workload::{Asked, Checked, Context, Needs, Outcome, Workload, mib, runtime};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "scale",
    about: "what one more receiver and one more node cost the hub, up to 200 nodes",
    needs: Needs::Programs,
    asked: Asked::WithAll,
    run,
};

/// How many nodes are connected, or receive.
const NODES: [usize; 6] = [2, 25, 50, 100, 150, 200];
const RECEIVERS: [usize; 5] = [1, 4, 16, 32, 64];
/// To so many of the nodes mail goes, while the others are connected.
const RECEIVING: usize = 1;
/// How long the hub does nothing before its memory is looked at.
const REST: Duration = Duration::from_secs(1);

/// The figures with so many nodes or receivers.
#[derive(Default)]
struct Point {
    size: usize,
    memory: Samples,
    descriptors: Samples,
    flow: Samples,
    busy: Samples,
}

fn run(context: &Context) -> anyhow::Result<Outcome> {
    let (rounds, count) = context.either((3, 2000), (1, 300));
    let net = Net::make(context, NODES.into_iter().max().unwrap_or(2))?;
    let mut checked = Checked::default();
    let nodes = nodes(&net, rounds, count * 4, &mut checked)?;
    let receivers = receivers(&net, rounds, count, &mut checked)?;
    let name = WORKLOAD.name;
    let mut rows = Vec::new();
    for Point { size, memory, descriptors, flow, busy } in &nodes {
        let told = |what: &str| format!("{size} nodes connected: {what}");
        rows.push(Row::new(name, told("hub, memory of its own"), "MiB", memory));
        rows.push(Row::new(name, told("hub, open files"), "files", descriptors));
        rows.push(Row::new(name, told("deliveries to one of them"), "deliveries/s", flow));
        rows.push(Row::new(name, told("hub, processor time of a message"), "µs", busy));
    }
    let slope = slope(&nodes, |point| point.memory.median() * 1024.0);
    rows.push(Row::new(name, "one more node: hub, memory of its own", "KiB", &slope));
    for Point { size, memory, flow, busy, .. } in &receivers {
        let told = |what: &str| format!("to {size} receivers: {what}");
        rows.push(Row::new(name, told("deliveries"), "deliveries/s", flow));
        rows.push(Row::new(name, told("hub, processor time of a message"), "µs", busy));
        rows.push(Row::new(name, told("hub, resident memory at the most"), "MiB", memory));
    }
    let slope = self::slope(&receivers, |point| point.busy.median());
    rows.push(Row::new(name, "one more receiver: hub, processor time of a message", "µs", &slope));
    Ok(Outcome { checked, notes: Vec::new(), rows })
}

/// Nodes that are connected, and mail to one of them.
fn nodes(net: &Net, rounds: u64, count: usize, checked: &mut Checked) -> anyhow::Result<Vec<Point>> {
    let mail = Mail { net, sender: 0, recipients: 1..=RECEIVING, priority: Priority::Routine };
    let expected: Expected = Arc::new(mail.prepare(count)?);
    let runtime = runtime()?;
    let mut points = NODES.map(|size| Point { size, ..Point::default() });
    let bar = Bar::new(rounds * NODES.len() as u64, "rounds with nodes that are connected");
    for _ in 0..rounds {
        for point in &mut points {
            runtime.block_on(async {
                let mut served = net.serve().await?;
                let idle = connect(net, point.size).await?;
                tokio::time::sleep(REST).await;
                point.memory.push(mib(served.process.memory()?.own));
                point.descriptors.push(figure(served.process.descriptors()? as u64));
                let round = fanout::through(net, &served, 0, RECEIVING, &expected).await?;
                point.push(&round, count, RECEIVING);
                drop(idle);
                served.hub.stop().await?;
                anyhow::Ok(())
            })?;
            checked.records += u64::try_from(count * RECEIVING)?;
            bar.advance();
        }
    }
    Ok(points.into())
}

/// All that connect, beyond those who get mail: these have streams of their own.
async fn connect(net: &Net, nodes: usize) -> anyhow::Result<Vec<Idle>> {
    let mut idle = Vec::with_capacity(nodes);
    for place in RECEIVING + 1..nodes {
        idle.push(net.station(place)?.idle().await?);
    }
    Ok(idle)
}

/// Mail to more and more receivers.
fn receivers(net: &Net, rounds: u64, count: usize, checked: &mut Checked) -> anyhow::Result<Vec<Point>> {
    let runtime = runtime()?;
    let mut points = Vec::new();
    let bar = Bar::new(rounds * RECEIVERS.len() as u64, "rounds with more receivers");
    for size in RECEIVERS {
        let mail = Mail { net, sender: 0, recipients: 1..=size, priority: Priority::Routine };
        let expected: Expected = Arc::new(mail.prepare(count)?);
        let mut point = Point { size, ..Point::default() };
        for _ in 0..rounds {
            let round = runtime.block_on(fanout::round(net, 0, size, &expected))?;
            point.memory.push(mib(round.peak_bytes));
            point.push(&round, count, size);
            checked.records += u64::try_from(count * size)?;
            bar.advance();
        }
        points.push(point);
    }
    Ok(points)
}

impl Point {
    fn push(&mut self, round: &Round, messages: usize, receivers: usize) {
        self.flow.push(rate((messages * receivers) as u64, round.elapsed));
        self.busy.push(micros(round.busy) / figure(messages as u64));
    }
}

/// What one more costs, between the first and the last point.
fn slope(points: &[Point], value: impl Fn(&Point) -> f64) -> Samples {
    let ends = points.first().zip(points.last());
    let slope = ends.map(|(first, last)| {
        (value(last) - value(first)) / figure(last.size.saturating_sub(first.size) as u64)
    });
    slope.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_costs_the_difference_by_the_distance() {
        let point = |size, busy: f64| Point { size, busy: [busy].into_iter().collect(), ..Point::default() };
        let found = slope(&[point(2, 10.0), point(5, 90.0), point(12, 30.0)], |point| point.busy.median());
        assert!((found.median() - 2.0).abs() < 1e-9);
    }
}
