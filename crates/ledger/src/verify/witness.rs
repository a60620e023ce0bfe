//! Checkpoints of peers that were kept, and checkpoints of our own that peers cosigned.

use bytes::Bytes;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::link::Incarnation;
use sealpost_domain::record::Witness;
use sealpost_merkle::checkpoint::Checkpoint;
use sealpost_merkle::{Hash, Trusted, prove};

use super::record::Examination;
use super::{Claim, FaultKind};
use crate::tree::{self, Files, listed};

/// A checkpoint of a peer whose signatures hold: what is left is that it continues the one before.
pub(super) struct Witnessed {
    pub(super) peer: AgencyId,
    pub(super) incarnation: Incarnation,
    pub(super) checkpoint: Checkpoint,
    pub(super) proof: Vec<Hash>,
}

impl Examination<'_> {
    pub(super) fn witness(&mut self, witness: Witness) -> Result<Witnessed, FaultKind> {
        const WHAT: &str = "checkpoint of a peer";
        let Witness { peer, note, proof, made_at: _ } = witness;
        let own = self.agency.ok_or(FaultKind::Beginning)?;
        let (incarnation, signed) = self.checkpoint(WHAT, &peer, &note)?;
        self.believed("cosignature on a peer's checkpoint", self.judge.cosignature(own, &signed))?;
        self.counts.witnessed += 1;
        let proof = proof.iter().map(|hash| Hash::from_bytes(*hash.as_bytes())).collect();
        Ok(Witnessed { peer, incarnation, checkpoint: signed.checkpoint, proof })
    }

    pub(super) fn cosigned(
        &mut self,
        peer: &AgencyId,
        note: &Bytes,
    ) -> Result<(Incarnation, Checkpoint), FaultKind> {
        const WHAT: &str = "checkpoint that a peer cosigned";
        let own = self.agency.ok_or(FaultKind::Beginning)?;
        let (incarnation, signed) = self.checkpoint(WHAT, own, note)?;
        self.believed("cosignature of a peer", self.judge.cosignature(peer, &signed))?;
        self.counts.cosigned += 1;
        Ok((incarnation, signed.checkpoint))
    }

    /// A checkpoint that an agency has signed, of the life of its ledger that it names.
    fn checkpoint(
        &mut self,
        what: &'static str,
        agency: &AgencyId,
        note: &Bytes,
    ) -> Result<(Incarnation, tree::Signed), FaultKind> {
        let signed = tree::Signed::parse(note).map_err(|source| FaultKind::Note { what, source })?;
        let incarnation = listed::named(&signed.checkpoint)
            .ok_or_else(|| FaultKind::Origin { what, origin: signed.checkpoint.origin().to_owned() })?;
        self.believed(what, self.judge.checkpoint(agency, incarnation, &signed))?;
        Ok((incarnation, signed))
    }
}

/// Compares what peers cosigned last with the tree that leads to the largest of the claims, all of which hold. `None` when
/// nothing contradicts; what cannot be read of the stored tree is told elsewhere, and not compared.
pub(super) fn contradicting<'a>(
    cosigned: impl Iterator<Item = (&'a AgencyId, &'a Checkpoint)>,
    records: u64,
    claims: &[Claim],
    stored: &Files,
) -> Option<FaultKind> {
    let largest = claims.iter().map(|claim| &claim.signed.checkpoint).max_by_key(|claim| claim.size());
    let trusted = largest
        .and_then(|claim| Some((claim.size(), Trusted::new(stored, claim.size(), claim.root()).ok()?)));
    for (peer, checkpoint) in cosigned {
        let (size, signed) = (checkpoint.size(), checkpoint.root());
        let name = || format!("the checkpoint that {peer} cosigned");
        if size > records {
            return Some(FaultKind::Shorter { checkpoint: name(), size });
        }
        let covered = trusted.as_ref().filter(|(covered, _)| size <= *covered);
        match covered.map(|(_, tiles)| prove::root(size, tiles)) {
            Some(Ok(found)) if found != signed => {
                return Some(FaultKind::Root { checkpoint: name(), size, signed, found });
            }
            _ => {}
        }
    }
    None
}
