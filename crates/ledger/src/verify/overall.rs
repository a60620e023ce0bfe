//! What all records together come to: their chains, their tree, and the checkpoints over it.

use std::io;

use sealpost_domain::link::Incarnation;
use sealpost_merkle::read::Tiles as _;
use sealpost_merkle::{Tile, Tree};

use super::chains::Chains;
use super::witness::contradicting;
use super::workers::Item;
use super::{Claim, Counts, FaultKind, Judge};
use crate::tree::Files;

/// Everything up to some record.
pub(super) struct Overall<'a> {
    chains: Chains,
    tree: Tree,
    /// By size, those that are still ahead.
    claims: Vec<&'a Claim>,
    stored: &'a Files,
    wrong_tile: Option<Tile>,
}

impl<'a> Overall<'a> {
    pub(super) fn new(incarnations: Vec<(u64, Incarnation)>, claims: &'a [Claim], stored: &'a Files) -> Self {
        let mut claims: Vec<_> = claims.iter().collect();
        claims.sort_by_key(|claim| std::cmp::Reverse(claim.signed.checkpoint.size()));
        Self { chains: Chains::new(incarnations), tree: Tree::new(), claims, stored, wrong_tile: None }
    }

    pub(super) fn chains(&self) -> u64 {
        self.chains.count()
    }

    /// Puts a record in its place.
    pub(super) fn place(&mut self, item: Item, counts: &mut Counts) -> Result<(), FaultKind> {
        let Item { index: _, outcome, counts: _, judge } = item;
        let (examined, leaf) = outcome?;
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

    /// What is wrong at the end, if anything; `claims` are those of the beginning.
    pub(super) fn end(&mut self, claims: &[Claim]) -> Option<FaultKind> {
        if let Some(claim) = self.claims.pop() {
            let (checkpoint, size) = (claim.name.clone(), claim.signed.checkpoint.size());
            return Some(FaultKind::Shorter { checkpoint, size });
        }
        contradicting(self.chains.cosigned(), self.tree.size(), claims, self.stored)
    }
}
