//! What all records together come to: their chains, their tree, and the checkpoints over it.

use std::collections::BTreeSet;
use std::io;

use sealpost_crypto::digest::sha256;
use sealpost_domain::digest::Digest;
use sealpost_domain::record::Record;
use sealpost_merkle::hash::leaf_hash;
use sealpost_merkle::read::Tiles as _;
use sealpost_merkle::{Tile, Tree};

use super::chains::Chains;
use super::record::{Examined, Meaning};
use super::witness::contradicting;
use super::workers::Item;
use super::{Claim, Counts, Excused, FaultKind, Judge, UnreadTile};
use crate::history::{History, ReadError};
use crate::tree::{Files, is_of_the_tile};
use sealpost_wire::envelope::header_from_bytes;

/// Everything up to some record.
pub(super) struct Overall<'a> {
    chains: Chains,
    tree: Tree,
    /// By size, those that are still ahead.
    claims: Vec<&'a Claim>,
    stored: &'a Files,
    wrong_tile: Option<Tile>,
    unread_tile: Option<UnreadTile>,
    history: &'a History,
    /// Records whose bodies are lost and did not come again.
    bodies_lost: BTreeSet<u64>,
    leaves_lost: BTreeSet<u64>,
}

impl<'a> Overall<'a> {
    pub(super) fn new(history: &'a History, claims: &'a [Claim], stored: &'a Files) -> Self {
        let mut claims: Vec<_> = claims.iter().collect();
        claims.sort_by_key(|claim| std::cmp::Reverse(claim.signed.checkpoint.size()));
        let chains = Chains::new(history.incarnations());
        let (bodies_lost, leaves_lost) = Default::default();
        Self {
            chains,
            tree: Tree::new(),
            claims,
            stored,
            wrong_tile: None,
            unread_tile: None,
            history,
            bodies_lost,
            leaves_lost,
        }
    }

    pub(super) fn chains(&self) -> u64 {
        self.chains.count()
    }

    /// Puts a record in its place.
    pub(super) fn place(&mut self, item: Item, counts: &mut Counts) -> Result<(), FaultKind> {
        let Item { index: _, outcome, counts: _, judge } = item;
        let (examined, leaf) = outcome?;
        self.note_losses(&examined, counts)?;
        self.chains.place(examined)?;
        let filled = self.tree.append(leaf);
        self.compare(filled, counts);
        while let Some(claim) = self.claims.pop_if(|claim| claim.signed.checkpoint.size() <= self.tree.size())
        {
            self.settle(claim, judge.as_ref())?;
            counts.checkpoints += 1;
        }
        Ok(())
    }

    /// What is lost, and what came again: that is compared with the record that it belongs to.
    fn note_losses(&mut self, examined: &Examined, counts: &mut Counts) -> Result<(), FaultKind> {
        if examined.body_lost {
            self.bodies_lost.insert(examined.index);
        }
        match &examined.meaning {
            Meaning::Lost => {
                self.leaves_lost.insert(examined.index);
            }
            Meaning::Body { index, header, sealed: Some(sealed) } => {
                if *index >= examined.index || !self.is_body_of(*index, header, sealed) {
                    return Err(FaultKind::Restored { index: *index });
                }
                self.bodies_lost.remove(index);
                counts.bodies_restored += 1;
            }
            Meaning::Loss { index, leaf_hash } => {
                let found = match self.history.get(*index) {
                    Ok(entry) => Some(self::leaf_hash(&entry.leaf_bytes)),
                    Err(ReadError::Lost { leaf_hash, .. }) => Some(leaf_hash),
                    Err(_) => None,
                };
                if *index >= examined.index
                    || found.is_none_or(|found| found.as_bytes() != leaf_hash.as_bytes())
                {
                    return Err(FaultKind::Loss { index: *index });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn is_body_of(&self, index: u64, digest: &Digest, sealed: &Digest) -> bool {
        let Ok(entry) = self.history.get(index) else { return false };
        let Record::Received(received) = entry.leaf.record else { return false };
        let header = header_from_bytes(&received.header);
        sha256(&received.header) == *digest && header.is_ok_and(|header| header.sealed_digest == *sealed)
    }

    /// Records whose bodies are lost and did not come again, and those whose leaves are lost.
    pub(super) fn lost(&self) -> (Vec<u64>, Vec<u64>) {
        let all = |lost: &BTreeSet<u64>| lost.iter().copied().collect();
        (all(&self.bodies_lost), all(&self.leaves_lost))
    }

    /// Checkpoints of peers whose proofs do not hold, and need not.
    pub(super) fn excused(&self) -> &[Excused] {
        self.chains.excused()
    }

    fn settle(&self, claim: &Claim, judge: &dyn Judge) -> Result<(), FaultKind> {
        let Claim { name, signed } = claim;
        let (size, root) = (signed.checkpoint.size(), signed.checkpoint.root());
        let refused = |source| FaultKind::Checkpoint { checkpoint: name.clone(), source };
        if size != self.tree.size() {
            return Err(refused("it covers no record".into()));
        }
        let (agency, incarnation) = self.chains.own().ok_or(FaultKind::Beginning)?;
        judge.checkpoint(agency, incarnation, signed).map_err(refused)?;
        let found = self.tree.root();
        if found == root {
            return Ok(());
        }
        Err(FaultKind::Root { checkpoint: name.clone(), size, signed: root, found })
    }

    /// Compares the tiles that a record filled with those that are stored. They are derived: a wrong one says nothing
    /// about the records. The stored tree may be behind them.
    fn compare(&mut self, filled: Vec<(Tile, Vec<u8>)>, counts: &mut Counts) {
        for (tile, hashes) in filled {
            match self.stored.tile(tile) {
                Ok(stored) if stored == hashes => counts.tiles += 1,
                Err(error) if error.kind() == io::ErrorKind::NotFound => counts.tiles_missing += 1,
                // The disk did not give it: that says nothing about what it holds.
                Err(source) if !is_of_the_tile(&source) => {
                    counts.tiles_unread += 1;
                    self.unread_tile.get_or_insert(UnreadTile { tile, source });
                }
                _ => {
                    counts.tiles_wrong += 1;
                    self.wrong_tile.get_or_insert(tile);
                }
            }
        }
    }

    /// The first stored tile that is not that of the records.
    pub(super) fn wrong_tile(&self) -> Option<Tile> {
        self.wrong_tile
    }

    /// The first stored tile that the disk did not give.
    pub(super) fn unread_tile(&mut self) -> Option<UnreadTile> {
        self.unread_tile.take()
    }

    /// What is wrong at the end, if anything; `claims` are those of the beginning.
    pub(super) fn end(&mut self, claims: &[Claim]) -> Option<FaultKind> {
        if let Some(claim) = self.claims.pop() {
            let (checkpoint, size) = (claim.name.clone(), claim.signed.checkpoint.size());
            return Some(FaultKind::Shorter { checkpoint, size });
        }
        contradicting(self.chains.cosigned(), self.tree.size(), claims, self.stored)
    }
}
