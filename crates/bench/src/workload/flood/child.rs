//! The flood, in a process of its own.

use std::path::Path;

use sealpost_domain::message::Priority;

use crate::net::Net;
use crate::net::envelopes::Mail;
use crate::net::station::Submitting;
use crate::screen::tell;
use crate::workload::runtime;

/// How far its process stands back: at an agency it would have a machine of its own, and is not to take that of the hub.
const NICE: i32 = 19;
/// Said once the hub has taken the first envelopes.
pub(super) const BEGINS: &str = "the flood begins";
/// Prepared once, and handed in again and again: what was delivered is new to the hub.
const ENVELOPES: usize = 500;

/// Hands in as much as the hub takes, from the third agency of a network to the fourth, until it is killed.
pub(crate) fn flood_until_killed(network: &Path) -> anyhow::Result<()> {
    rustix::process::nice(NICE)?;
    let net = Net::open(network)?;
    let mail = Mail { net: &net, sender: 2, recipients: 3..=3, priority: Priority::Routine };
    let prepared = mail.prepare(ENVELOPES)?;
    runtime()?.block_on(async {
        let [sender, recipient] = [net.station(2)?.connect().await?, net.station(3)?.connect().await?];
        let mut receiving = net.station(3)?.receive(&recipient, Priority::Routine).await?;
        let mut submitting = Submitting::open(&sender).await?;
        let flood = async {
            submitting.all(&prepared).await?;
            tell(BEGINS);
            loop {
                submitting.all(&prepared).await?;
            }
        };
        tokio::select! {
            ended = flood => ended,
            ended = receiving.whatever_comes() => ended,
        }
    })
}
