//! What a hub knows after a group of its journal's stream, as it is stored.

use bytes::Bytes;
use prost::Message as _;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::link::Incarnation;
use sealpost_domain::message::Priority;
use sealpost_domain::statement::Signed;
use sealpost_proto::v1 as pb;

use super::journal::{BodyLocation, ENTRY_BYTES_MAX, location, location_message};
use crate::Error;
use crate::envelope::{signed, signed_message};
use crate::field::{In, digest_bytes, incarnation_bytes};
use crate::names;

/// The largest snapshot: of some ten million envelopes that wait.
pub const SNAPSHOT_BYTES_MAX: usize = 1 << 30;

/// What a hub knows after a group of its journal's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The sequence of the group.
    pub sequence: u64,
    /// The digest of its message.
    pub group_digest: Digest,
    /// Of which life of the hub.
    pub incarnation: Incarnation,
    /// Bodies before this sequence are deleted.
    pub bodies_before: u64,
    /// Whose groups are taken how far.
    pub proposers: Vec<Proposer>,
    /// What follows from the entries.
    pub state: State,
}

/// How far the groups of a proposer are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposer {
    /// Who it is.
    pub id: [u8; 16],
    /// The last serial that was taken.
    pub serial: u64,
    /// The sequence of that group.
    pub sequence: u64,
}

/// What a hub knows of its mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The least index that the next entry can have.
    pub next: u64,
    /// The directory in force.
    pub directory: Option<Signed>,
    /// Versions of it, each with the index of its entry.
    pub versions: Vec<(u64, u64)>,
    /// The entries with the latest revocation lists.
    pub lists: Vec<u64>,
    /// In the order in which the journal names them.
    pub agencies: Vec<AgencyId>,
    /// What waits, by recipient and priority, each in the order of the journal.
    pub waiting: Vec<Waiting>,
}

/// An envelope that waits for a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The recipient, by its position among the agencies.
    pub recipient: u32,
    /// The sender, by the same.
    pub sender: u32,
    /// In which lane.
    pub priority: Priority,
    /// Its place.
    pub index: u64,
    /// The digest of its header.
    pub header: Digest,
    /// Where the rest lies.
    pub payload: BodyLocation,
}

/// Which snapshot is the latest that is stored whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The sequence of the group after which it was taken.
    pub sequence: u64,
    /// In so many messages.
    pub parts: u32,
    /// The digest of all of it.
    pub digest: Digest,
}

impl Stored {
    /// Parses it.
    pub fn from_bytes(bytes: &Bytes) -> Result<Self, Error> {
        let at = In("SnapshotStored");
        let pb::SnapshotStored { sequence, parts, digest } = at.decode(bytes, ENTRY_BYTES_MAX)?;
        Ok(Self { sequence, parts, digest: at.bytes("digest", &digest)? })
    }

    /// The bytes of it.
    pub fn to_bytes(&self) -> Bytes {
        let Self { sequence, parts, digest } = *self;
        pb::SnapshotStored { sequence, parts, digest: digest_bytes(digest) }.encode_to_vec().into()
    }
}

impl Snapshot {
    /// Parses a snapshot.
    pub fn from_bytes(bytes: &Bytes) -> Result<Self, Error> {
        let at = In("JournalSnapshot");
        let pb::JournalSnapshot { sequence, group_digest, incarnation, bodies_before, proposers, state } =
            at.decode(bytes, SNAPSHOT_BYTES_MAX)?;
        Ok(Self {
            sequence,
            group_digest: at.bytes("group_digest", &group_digest)?,
            incarnation: at.bytes("incarnation", &incarnation)?,
            bodies_before,
            proposers: proposers.into_iter().map(proposer).collect::<Result<_, _>>()?,
            state: state_of(at.required("state", state)?)?,
        })
    }

    /// The bytes of a snapshot.
    pub fn to_bytes(&self) -> Bytes {
        let proposer = |proposer: &Proposer| pb::KnownProposer {
            proposer: Bytes::copy_from_slice(&proposer.id),
            serial: proposer.serial,
            sequence: proposer.sequence,
        };
        let Self { sequence, group_digest, incarnation, bodies_before, proposers, state } = self;
        pb::JournalSnapshot {
            sequence: *sequence,
            group_digest: digest_bytes(*group_digest),
            incarnation: incarnation_bytes(*incarnation),
            bodies_before: *bodies_before,
            proposers: proposers.iter().map(proposer).collect(),
            state: Some(state_message(state)),
        }
        .encode_to_vec()
        .into()
    }
}

fn proposer(message: pb::KnownProposer) -> Result<Proposer, Error> {
    let pb::KnownProposer { proposer, serial, sequence } = message;
    Ok(Proposer { id: In("KnownProposer").bytes("proposer", &proposer)?, serial, sequence })
}

fn state_of(message: pb::HubState) -> Result<State, Error> {
    let at = In("HubState");
    let pb::HubState { next, directory, versions, lists, agencies, waiting } = message;
    Ok(State {
        next,
        directory: directory.map(signed).transpose()?,
        versions: versions.into_iter().map(|installed| (installed.version, installed.entry)).collect(),
        lists,
        agencies: agencies.iter().map(|agency| at.agency("agencies", agency)).collect::<Result<_, _>>()?,
        waiting: waiting.into_iter().map(waiting_of).collect::<Result<_, _>>()?,
    })
}

fn state_message(state: &State) -> pb::HubState {
    let version = |&(version, entry): &(u64, u64)| pb::InstalledVersion { version, entry };
    let State { next, directory, versions, lists, agencies, waiting } = state;
    pb::HubState {
        next: *next,
        directory: directory.as_ref().map(signed_message),
        versions: versions.iter().map(version).collect(),
        lists: lists.clone(),
        agencies: agencies.iter().map(ToString::to_string).collect(),
        waiting: waiting.iter().map(waiting_message).collect(),
    }
}

fn waiting_of(message: pb::WaitingEnvelope) -> Result<Waiting, Error> {
    let at = In("WaitingEnvelope");
    let pb::WaitingEnvelope { recipient, sender, priority, index, header_digest, payload } = message;
    Ok(Waiting {
        recipient,
        sender,
        priority: names::priority(at, "priority", priority)?,
        index,
        header: at.bytes("header_digest", &header_digest)?,
        payload: location(at.required("payload", payload)?),
    })
}

fn waiting_message(waiting: &Waiting) -> pb::WaitingEnvelope {
    let Waiting { recipient, sender, priority, index, header, payload } = *waiting;
    pb::WaitingEnvelope {
        recipient,
        sender,
        priority: names::priority_number(priority),
        index,
        header_digest: digest_bytes(header),
        payload: Some(location_message(&payload)),
    }
}
