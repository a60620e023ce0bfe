//! The keys of a door, as `[limits]` of hub and node have them.

use std::time::Duration;

use super::{Limits, Peers};
use crate::config::{Field, Section};

impl Limits {
    /// Reads the keys of a door that takes so many connections, and so many of one peer, where nothing else is said.
    pub fn read(
        section: &mut Section<'_, '_>,
        connections: usize,
        per_peer: usize,
        peers: Peers,
    ) -> Field<Self> {
        let connections_max = section.within(
            "connections",
            "Connections at one time; for one more, the peer that has most loses its oldest.",
            connections,
            1..=65_536,
        );
        let per_peer_max = section.within(
            "connections_per_peer",
            match peers {
                Peers::Agencies => {
                    "Connections of one agency at one time, of all its certificates together; the oldest is closed for one more."
                }
                Peers::Identities => {
                    "Connections of one certificate's identity at one time; the oldest is closed for one more."
                }
            },
            per_peer,
            2..=1024,
        );
        let handshakes_max = section.within(
            "handshakes",
            "TLS handshakes at one time; for one more, the oldest gives way of the source address that has most.",
            64_usize,
            1..=4096,
        );
        let per_address_max = section.within(
            "handshakes_per_address",
            "The same of one source address, or of one /64 of IPv6; its own oldest gives way.",
            32_usize,
            1..=4096,
        );
        let second = Duration::from_secs(1);
        let handshake_timeout = section.within(
            "handshake_timeout",
            "How long a TLS handshake may take.",
            5 * second,
            second..=60 * second,
        );
        Field::build(|| {
            Some(Self {
                connections_max: connections_max.take()?,
                per_peer_max: per_peer_max.take()?,
                peers,
                handshakes_max: handshakes_max.take()?,
                per_address_max: per_address_max.take()?,
                handshake_timeout: handshake_timeout.take()?,
            })
        })
    }
}
