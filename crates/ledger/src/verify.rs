//! Verifies a whole ledger: checksums, contiguous indices, leaves with their bodies, signatures, the link chains of
//! what was sent and what each peer sent, the tree over all of it, and the checkpoints that were signed over that.
//! Stops at the first thing that is wrong, and names it.
//!
//! A record is judged in two steps: by itself (`record`), on all cores (`workers`), and by its place among those
//! before it (`chains`, `overall`), in their order. Signatures are the affair of a [`Judge`], who knows the directory
//! that was installed at that place.

mod by_directory;
mod chains;
mod fault;
mod overall;
mod record;
mod witness;
mod workers;

use std::io;
use std::ops::{AddAssign, ControlFlow};
use std::sync::Arc;

use bytes::Bytes;
use sealpost_crypto::dsse::PayloadType;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::envelope::{DirectoryVersion, Header, Signature};
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_domain::statement::Signed;
use sealpost_merkle::Tile;
use serde::Serialize;

use crate::history::History;
use crate::tree;
pub use by_directory::{ByDirectory, Error as SignatureError};
pub use fault::{Fault, FaultKind};
use overall::Overall;

/// Why a verifier does not believe a signature.
pub type Refusal = Box<dyn std::error::Error + Send + Sync>;

/// The directories as the ledger installed them: shown each in its order, and gives the judge of what follows it, so
/// that keys are judged by the directory that was installed at that index.
pub trait Directories {
    /// A directory was installed; `body` is its signed statement.
    fn install(&mut self, version: DirectoryVersion, body: &Bytes) -> Result<(), Refusal>;

    /// Judges what stands between the last directory and the next one.
    fn judge(&self) -> Arc<dyn Judge>;
}

/// Decides on signatures, on any thread and in any order.
pub trait Judge: Send + Sync {
    /// A header, ours or a peer's, as recorded at a time.
    fn header(
        &self,
        header: &Header,
        exact: &Bytes,
        signatures: &[Signature],
        recorded_at: Instant,
    ) -> Result<(), Refusal>;

    /// A statement of the hub, or of an agency.
    fn statement(
        &self,
        kind: PayloadType,
        signer: Signer<'_>,
        signed: &Signed,
        recorded_at: Instant,
    ) -> Result<(), Refusal>;

    /// A checkpoint of this agency's ledger over records of which the last is of this incarnation.
    fn checkpoint(
        &self,
        agency: &AgencyId,
        incarnation: Incarnation,
        signed: &tree::Signed,
    ) -> Result<(), Refusal>;

    /// The cosignature of an agency's node on a checkpoint.
    fn cosignature(&self, cosigner: &AgencyId, signed: &tree::Signed) -> Result<(), Refusal>;
}

/// A checkpoint that the ledger must continue.
#[derive(Debug, Clone)]
pub struct Claim {
    /// What it is called in a fault: the ledger's own, or the name of a file.
    pub name: String,
    /// The checkpoint.
    pub signed: tree::Signed,
}

/// Who must have signed a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signer<'a> {
    /// The hub.
    Hub,
    /// The node of an agency.
    Agency(&'a AgencyId),
}

/// What was verified.
#[derive(Debug, Default)]
pub struct Report {
    /// How much there was, up to the fault if there is one.
    pub counts: Counts,
    /// The first thing that is wrong.
    pub fault: Option<Fault>,
    /// The first stored tile that is not that of the records, which may hold all the same.
    pub wrong_tile: Option<Tile>,
    /// The first stored tile that the disk did not give: nothing is known about it.
    pub unread_tile: Option<UnreadTile>,
    /// Records whose bodies are listed as damaged and did not come again.
    pub bodies_lost: Vec<u64>,
    /// Records whose leaves are listed as lost: whatever they were is not verified, but for the hash in the tree.
    pub leaves_lost: Vec<u64>,
    /// Checkpoints of peers that were kept without a proof that holds, since what they continue may be a lost leaf.
    pub excused: Vec<Excused>,
}

/// A stored tile that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{tile} cannot be read")]
pub struct UnreadTile {
    /// Which one.
    pub tile: Tile,
    /// What the disk said.
    pub source: io::Error,
}

/// A kept checkpoint of a peer that nothing proves to continue the one before, which a lost leaf may explain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Excused {
    /// The record that keeps it.
    pub index: u64,
    /// Whose checkpoint it is.
    #[serde(serialize_with = "as_text")]
    pub peer: AgencyId,
    /// The size of the one that was kept before.
    pub kept: u64,
    /// Its size.
    pub size: u64,
}

fn as_text<S: serde::Serializer>(agency: &AgencyId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(agency)
}

/// How much was verified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Records of every kind.
    pub records: u64,
    /// Messages of our own.
    pub sent: u64,
    /// Messages of peers, delivered or not.
    pub received: u64,
    /// Signed acceptances of the hub.
    pub accepted: u64,
    /// Receipts, given and got.
    pub receipts: u64,
    /// Numbers filled without a message.
    pub voids: u64,
    /// Directories installed.
    pub directories: u64,
    /// Checkpoints of peers that were kept.
    pub witnessed: u64,
    /// Checkpoints of our own that peers have cosigned.
    pub cosigned: u64,
    /// Headers and statements whose signatures were believed.
    pub signed: u64,
    /// Chains, one for each link and incarnation.
    pub chains: u64,
    /// Checkpoints whose signature and root hold.
    pub checkpoints: u64,
    /// Full tiles of the stored tree that are the ones of these records.
    pub tiles: u64,
    /// Full tiles that are not stored: the node makes them anew.
    pub tiles_missing: u64,
    /// Stored tiles that are not those of these records.
    pub tiles_wrong: u64,
    /// Stored tiles that the disk did not give.
    pub tiles_unread: u64,
    /// Bodies that are listed as damaged.
    pub bodies_lost: u64,
    /// Those of them in whose place lie other bytes than their leaves name, by a fault of the disk or by somebody's hand.
    pub bodies_differing: u64,
    /// Bodies that came again.
    pub bodies_restored: u64,
    /// Leaves that are listed as lost.
    pub leaves_lost: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        let Self {
            records,
            sent,
            received,
            accepted,
            receipts,
            voids,
            directories,
            witnessed,
            cosigned,
            signed,
            chains,
            checkpoints,
            tiles,
            tiles_missing,
            tiles_wrong,
            tiles_unread,
            bodies_lost,
            bodies_differing,
            bodies_restored,
            leaves_lost,
        } = other;
        self.records += records;
        self.sent += sent;
        self.received += received;
        self.accepted += accepted;
        self.receipts += receipts;
        self.voids += voids;
        self.directories += directories;
        self.witnessed += witnessed;
        self.cosigned += cosigned;
        self.signed += signed;
        self.chains += chains;
        self.checkpoints += checkpoints;
        self.tiles += tiles;
        self.tiles_missing += tiles_missing;
        self.tiles_wrong += tiles_wrong;
        self.tiles_unread += tiles_unread;
        self.bodies_lost += bodies_lost;
        self.bodies_differing += bodies_differing;
        self.bodies_restored += bodies_restored;
        self.leaves_lost += leaves_lost;
    }
}

/// Verifies every record that the history holds, that the tree over them has the root of every claim where that says
/// so, and that the stored tiles are the ones of this tree. `progress` is told the number of records verified, after
/// each.
pub fn verify(
    history: &History,
    directories: &mut dyn Directories,
    claims: &[Claim],
    stored: &tree::Files,
    progress: &mut dyn FnMut(u64),
) -> Report {
    let mut report = Report::default();
    let mut overall = Overall::new(history, claims, stored);
    workers::examine(history, directories, |item| {
        report.counts += item.counts;
        let index = item.index;
        match overall.place(item, &mut report.counts) {
            Ok(()) => {
                report.counts.records += 1;
                progress(report.counts.records);
                ControlFlow::Continue(())
            }
            Err(kind) => {
                report.fault = Some(Fault { index, kind });
                ControlFlow::Break(())
            }
        }
    });
    report.counts.chains = overall.chains();
    (report.wrong_tile, report.unread_tile) = (overall.wrong_tile(), overall.unread_tile());
    (report.bodies_lost, report.leaves_lost) = overall.lost();
    report.excused = overall.excused().to_vec();
    if report.fault.is_none() {
        report.fault = overall.end(claims).map(|kind| Fault { index: report.counts.records, kind });
    }
    report
}
