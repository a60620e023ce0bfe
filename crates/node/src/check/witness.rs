//! What a ledger and its peers vouch for of each other: the checkpoints of peers that it keeps, and those of its own that
//! peers cosigned.

use std::collections::BTreeMap;

use bytes::Bytes;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::instant::Instant;
use sealpost_domain::record::Record;
use sealpost_ledger::tree::Signed;
use serde::Serialize;

use super::{Books, Error, as_text};

/// What a ledger and its peers vouch for of each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Vouched {
    /// The last checkpoint that is kept of each life of each peer's ledger.
    pub kept: Vec<Vouch>,
    /// The last checkpoint of this ledger that each peer cosigned, in each life of it.
    pub cosigned: Vec<Vouch>,
}

/// A checkpoint that one party signed and the other cosigned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Vouch {
    /// The peer.
    #[serde(serialize_with = "as_text")]
    pub agency: AgencyId,
    /// Which ledger.
    pub origin: String,
    /// How many records it covers.
    pub size: u64,
    /// Their root.
    pub root: String,
    /// The record in which it lies.
    pub index: u64,
    /// When that was made, by this node's clock.
    #[serde(serialize_with = "as_text")]
    pub recorded_at: Instant,
    /// The note with both signatures.
    pub note: String,
}

impl Books {
    /// What this ledger and its peers vouch for of each other. Reads every record; `progress` is told how many are done.
    pub fn vouched(&self, mut progress: impl FnMut(u64)) -> Result<Vouched, Error> {
        let (mut kept, mut cosigned) = (BTreeMap::new(), BTreeMap::new());
        for entry in self.entries() {
            let entry = entry?;
            let (index, recorded_at) = (entry.index, entry.leaf.recorded_at);
            let (agency, note, found) = match entry.leaf.record {
                Record::Witness(witness) => (witness.peer, witness.note, &mut kept),
                Record::Cosigned { peer, note } => (peer, note, &mut cosigned),
                _ => continue,
            };
            let vouch = vouch(index, recorded_at, agency, &note)?;
            found.insert((vouch.agency.clone(), vouch.origin.clone()), vouch);
            progress(index);
        }
        let list = |found: BTreeMap<_, Vouch>| {
            let mut list: Vec<_> = found.into_values().collect();
            list.sort_by(|one, other| (&one.agency, one.index).cmp(&(&other.agency, other.index)));
            list
        };
        Ok(Vouched { kept: list(kept), cosigned: list(cosigned) })
    }

    /// The largest checkpoint that a peer cosigned of the latest life of this ledger of which any did, with the cosignatures
    /// of all peers that cosigned just this one as their last.
    pub fn cosigned(&self, vouched: &Vouched) -> Result<Signed, Error> {
        let latest = vouched.cosigned.iter().max_by_key(|vouch| vouch.index).ok_or(Error::NotCosigned)?;
        let of_life = vouched.cosigned.iter().filter(|vouch| vouch.origin == latest.origin);
        let largest = of_life.max_by_key(|vouch| vouch.size).unwrap_or(latest);
        let mut merged = parse(largest.index, &largest.note)?;
        for other in &vouched.cosigned {
            let other = parse(other.index, &other.note)?;
            if other.checkpoint == merged.checkpoint {
                for signature in other.note.signatures() {
                    merged.note.add(signature.clone()).map_err(Error::Merged)?;
                }
            }
        }
        Ok(merged)
    }
}

fn vouch(index: u64, recorded_at: Instant, agency: AgencyId, note: &Bytes) -> Result<Vouch, Error> {
    let text = String::from_utf8_lossy(note).into_owned();
    let checkpoint = parse(index, &text)?.checkpoint;
    Ok(Vouch {
        agency,
        origin: checkpoint.origin().to_owned(),
        size: checkpoint.size(),
        root: checkpoint.root().to_string(),
        index,
        recorded_at,
        note: text,
    })
}

fn parse(index: u64, note: &str) -> Result<Signed, Error> {
    Signed::parse(note.as_bytes()).map_err(|source| Error::Vouched { index, source })
}
