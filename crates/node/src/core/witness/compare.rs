//! What a peer's statement says of its ledger, of ours and of the directory, compared with what is kept.

use std::time::Duration;

use bytes::Bytes;
use sealpost_crypto::digest::sha256;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::directory::Directory;
use sealpost_domain::envelope::DirectoryVersion;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_domain::record::Record;
use sealpost_domain::rule::Rule;
use sealpost_domain::statement::Signed;
use sealpost_ledger::tree::{self, listed};
use sealpost_merkle::checkpoint::Checkpoint;
use sealpost_wire::envelope::signed_to_bytes;

use super::{Dated, Kind, LEDGERS_MAX, Later, NOTE_BYTES_MAX, Peer, Witnessing};
use crate::core::{Alarm, Core, Env, Error, Round, Said};

/// How far the clocks of two nodes may be apart.
pub(super) const CLOCKS_APART: Duration = Duration::from_mins(5);
/// How long a statement is on its way at most. Of two that are dated further ahead than is believed, the one that comes first
/// may be the later one.
const LATE_MAX: Duration = Duration::from_secs(30);

/// What a statement says beside its links.
pub(in crate::core) struct Told<'a> {
    peer: &'a AgencyId,
    /// As far as it is believed: a peer that dates a statement far ahead must not make all that it says later look old.
    made_at: Instant,
    /// As the peer dated it.
    dated: Instant,
    checkpoint: &'a Bytes,
    directory: DirectoryVersion,
    cosigned: &'a Bytes,
}

impl<'a> Told<'a> {
    /// What a peer's statement says; `None` where such a one says nothing of the kind.
    pub(in crate::core) fn of(said: &'a Said) -> Option<Self> {
        match said {
            Said::Receipt(receipt) => Some(Self {
                peer: &receipt.recipient,
                made_at: receipt.made_at,
                dated: receipt.made_at,
                checkpoint: &receipt.checkpoint,
                directory: receipt.directory,
                cosigned: &receipt.cosigned,
            }),
            Said::Heads(heads) => Some(Self {
                peer: &heads.sender,
                made_at: heads.made_at,
                dated: heads.made_at,
                checkpoint: &heads.checkpoint,
                directory: heads.directory,
                cosigned: &heads.cosigned,
            }),
            _ => None,
        }
    }
}

/// What a checkpoint of a peer is, by what is kept of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Judgement {
    /// The first of this life of the ledger.
    First,
    /// The first of one life too many.
    TooMany,
    /// It was seen before, or it is smaller and was said earlier.
    Old,
    /// Of the same size as this one, with another root.
    Fork(Bytes),
    /// Smaller than one that was said earlier.
    Rollback,
    /// Larger than all before.
    Later,
}

impl Witnessing {
    fn judge(
        &self,
        peer: &AgencyId,
        life: Incarnation,
        new: &Checkpoint,
        said_after: Instant,
        believed: Option<Instant>,
    ) -> Judgement {
        let peer = self.peers.get(peer);
        let Some(ledger) = peer.and_then(|peer| peer.ledgers.get(&life)) else {
            let many = peer.is_some_and(|peer| peer.ledgers.len() >= LEDGERS_MAX);
            return if many { Judgement::TooMany } else { Judgement::First };
        };
        let demanded = peer.and_then(|peer| peer.demand.as_ref()).map(|demand| &demand.target.signed);
        let later = ledger.later.as_ref().map(|later| &later.signed);
        let known = [Some(&ledger.kept), later, demanded.filter(|demanded| of_same_origin(demanded, new))];
        let same_size = known.into_iter().flatten().find(|known| known.checkpoint.size() == new.size());
        if let Some(known) = same_size {
            let same = known.checkpoint.root() == new.root();
            return if same { Judgement::Old } else { Judgement::Fork(known.to_bytes()) };
        }
        let (largest, largest_at) = ledger.largest();
        // By the peer's own dates it was said just before: it was on its way for longer. What is believed of the dates says
        // nothing else where our clock was set meanwhile.
        let largest_dated = peer
            .and_then(|peer| peer.dated.filter(|dated| (dated.life, dated.size) == (life, largest)))
            .map_or(largest_at, |dated| dated.at);
        let was_overtaken =
            believed.is_some_and(|date| date <= largest_dated && largest_dated.since(date) <= LATE_MAX);
        if new.size() > largest {
            Judgement::Later
        } else if said_after > largest_at && !was_overtaken {
            Judgement::Rollback
        } else {
            Judgement::Old
        }
    }
}

impl Peer {
    /// The peer says that its ledger lives so. What was demanded of an earlier life is not answered any more.
    fn lives_as(&mut self, life: Incarnation) {
        if self.current.replace(life) == Some(life) {
            return;
        }
        self.demand = self.demand.take().filter(|demand| demand.life == life);
        for (_, ledger) in self.ledgers.iter_mut().filter(|(other, _)| **other != life) {
            (ledger.later, ledger.shown) = (None, None);
        }
    }
}

impl Core {
    /// Compares what a peer's statement says with what is kept. The caller has verified its signature, and that it is for
    /// this node.
    pub(in crate::core) fn witness_told(
        &mut self,
        env: &mut Env<'_>,
        round: &mut Round,
        statement: &Signed,
        told: &Told<'_>,
    ) -> Result<(), Error> {
        let Some(directory) = self.directory().cloned() else { return Ok(()) };
        let told = &Told { made_at: told.made_at.min(env.now.plus(CLOCKS_APART)), ..*told };
        let peer = self.witness.peers.entry(told.peer.clone()).or_default();
        let fresh = peer.heard_at.is_none_or(|before| told.made_at > before);
        if fresh {
            peer.heard_at = Some(told.made_at);
            peer.directory = Some(told.directory);
            if told.directory.version <= directory.version.version {
                peer.ahead = None;
            } else if peer.ahead.is_none() {
                peer.ahead = Some((env.now, signed_to_bytes(statement).into()));
            }
        }
        self.compare_directory(env, round, statement, told);
        if !told.checkpoint.is_empty() {
            self.compare_checkpoint(env, round, statement, told, &directory, fresh)?;
        }
        if !told.cosigned.is_empty() {
            self.compare_cosigned(env, round, told, &directory);
        }
        // After the checkpoint: of an earlier life nothing is owed any more.
        self.count_unanswered(env, round, told.peer);
        Ok(())
    }

    fn compare_directory(
        &mut self,
        env: &mut Env<'_>,
        round: &mut Round,
        statement: &Signed,
        told: &Told<'_>,
    ) {
        let DirectoryVersion { version, digest } = told.directory;
        let Some((index, ours)) = self.directories.installed(version) else { return };
        if ours == digest {
            return;
        }
        let detail = format!(
            "the peer has installed a directory of version {version} with the digest {digest}; record {index} of this \
             ledger installed one with the digest {ours}"
        );
        let subject = sha256(&[told.peer.as_str().as_bytes(), digest.as_bytes()].concat());
        let alarm = Alarm {
            rule: Rule::DirectoryFork,
            peer: Some(told.peer.clone()),
            header: Some(subject),
            detail,
            exhibits: vec![signed_to_bytes(statement).into()],
        };
        self.alarm(env, round, alarm);
    }

    fn compare_checkpoint(
        &mut self,
        env: &mut Env<'_>,
        round: &mut Round,
        statement: &Signed,
        told: &Told<'_>,
        directory: &Directory,
        fresh: bool,
    ) -> Result<(), Error> {
        let Told { peer, made_at, dated, checkpoint: note, .. } = *told;
        let Some((life, signed)) = of_ledger(note, directory, peer) else {
            self.disbelieved(env, round, Rule::CheckpointInvalid, statement, told);
            return Ok(());
        };
        let said_after = made_at.min(env.now.plus(CLOCKS_APART).minus(LATE_MAX));
        let judgement = self.witness.judge(
            peer,
            life,
            &signed.checkpoint,
            said_after,
            (dated == made_at).then_some(dated),
        );
        // What was seen before was verified before.
        if judgement != Judgement::Old && listed::signing_key(&signed, directory, peer).is_none() {
            self.disbelieved(env, round, Rule::CheckpointInvalid, statement, told);
            return Ok(());
        }
        if fresh && judgement != Judgement::TooMany {
            self.witness.peers.entry(peer.clone()).or_default().lives_as(life);
        }
        if matches!(judgement, Judgement::First | Judgement::Later) {
            let size = signed.checkpoint.size();
            self.witness.peers.entry(peer.clone()).or_default().dated = Some(Dated { life, size, at: dated });
        }
        let later = Later { signed, made_at };
        match judgement {
            // Repeated by a peer whose clock was set back meanwhile.
            Judgement::Rollback if !fresh => {}
            Judgement::Old => {}
            Judgement::First => self.keep(env, round, peer, &later, Vec::new())?,
            Judgement::TooMany => self.disbelieved(env, round, Rule::CheckpointTooMany, statement, told),
            Judgement::Later => {
                let peer = self.witness.peers.get_mut(peer);
                if let Some(ledger) = peer.and_then(|peer| peer.ledgers.get_mut(&life)) {
                    ledger.later = Some(later);
                    ledger.shown = Some(signed_to_bytes(statement).into());
                }
            }
            Judgement::Fork(other) => {
                let exhibits = vec![other, note.clone(), signed_to_bytes(statement).into()];
                let detail = "the peer has signed two checkpoints of one size with two roots";
                self.caught(env, round, Rule::CheckpointFork, peer, life, detail, exhibits);
            }
            Judgement::Rollback => {
                let ledger = self.witness.peers.get(peer).and_then(|peer| peer.ledgers.get(&life));
                let largest = ledger.map(|ledger| {
                    let larger = ledger.later.as_ref().map_or(&ledger.kept, |later| &later.signed);
                    [Some(larger.to_bytes()), ledger.shown.clone()]
                });
                let mut exhibits: Vec<_> = largest.into_iter().flatten().flatten().collect();
                exhibits.push(signed_to_bytes(statement).into());
                let (size, at) = ledger.map_or((0, made_at), super::Ledger::largest);
                let detail = format!(
                    "the peer said at {at} that its ledger has {size} records, and at {made_at} that it has {}",
                    later.signed.checkpoint.size()
                );
                self.caught(env, round, Rule::CheckpointRollback, peer, life, &detail, exhibits);
            }
        }
        Ok(())
    }

    /// A peer tells a checkpoint of ours that it has cosigned.
    fn compare_cosigned(
        &mut self,
        env: &mut Env<'_>,
        round: &mut Round,
        told: &Told<'_>,
        directory: &Directory,
    ) {
        let Told { peer, cosigned: note, .. } = *told;
        let before = self.witness.peers.get(peer).and_then(|peer| peer.theirs.as_ref());
        if before.is_some_and(|before| before.note == *note) {
            return;
        }
        let ours = of_ledger(note, directory, &self.me);
        let holds = ours.as_ref().is_some_and(|(_, signed)| {
            listed::signing_key(signed, directory, &self.me).is_some()
                && listed::cosigned_at(signed, directory, peer).is_some()
        });
        let Some((life, signed)) = ours.filter(|_| holds) else {
            let alarm = Alarm {
                rule: Rule::CheckpointCosignature,
                peer: Some(peer.clone()),
                header: Some(sha256(note)),
                detail: "what the peer tells as cosigned is not a checkpoint that this node signed, or not cosigned by \
                         the peer"
                    .to_owned(),
                exhibits: vec![note.clone()],
            };
            self.alarm(env, round, alarm);
            return;
        };
        if life == self.incarnation && signed.checkpoint.size() > self.next {
            let alarm = Alarm {
                rule: Rule::LedgerRolledBack,
                peer: None,
                header: Some(sha256(note)),
                detail: format!(
                    "{peer} has cosigned a checkpoint over {} records that this node signed; its ledger has {}: it is an \
                     older copy of itself",
                    signed.checkpoint.size(),
                    self.next
                ),
                exhibits: vec![note.clone()],
            };
            self.rolled_back(env, round, alarm);
            return;
        }
        // A peer repeats the latest, and cosigns no oftener than it demands proofs.
        let pause = self.witness.policy.demand_every / 2;
        let is_news = before.is_none_or(|before| {
            signed.checkpoint.size() > before.size && env.now.since(before.recorded_at) >= pause
        });
        if life == self.incarnation && is_news && self.witness.hold(peer, Kind::Cosigned) {
            let record = Record::Cosigned { peer: peer.clone(), note: note.clone() };
            round.record(env, record, Bytes::new());
        }
    }

    /// What a peer says is not a checkpoint of its ledger, or of one too many.
    fn disbelieved(
        &mut self,
        env: &mut Env<'_>,
        round: &mut Round,
        rule: Rule,
        statement: &Signed,
        told: &Told<'_>,
    ) {
        let detail = match rule {
            Rule::CheckpointTooMany => "the peer tells of one more life of its ledger than are kept",
            _ => "what the peer tells as its checkpoint is none of its ledger, or not signed by its node",
        };
        let alarm = Alarm {
            rule,
            peer: Some(told.peer.clone()),
            header: Some(sha256(told.checkpoint)),
            detail: detail.to_owned(),
            exhibits: vec![signed_to_bytes(statement).into()],
        };
        self.alarm(env, round, alarm);
    }

    /// A peer contradicts what is kept of its ledger. Told once for each checkpoint that is kept, which stays.
    #[expect(clippy::too_many_arguments, reason = "what an alarm of this kind is made of")]
    pub(super) fn caught(
        &mut self,
        env: &mut Env<'_>,
        round: &mut Round,
        rule: Rule,
        peer: &AgencyId,
        life: Incarnation,
        detail: &str,
        exhibits: Vec<Bytes>,
    ) {
        let ledger = self.witness.peers.get(peer).and_then(|peer| peer.ledgers.get(&life));
        let subject = ledger.map(|ledger| sha256(ledger.kept.note.text().as_bytes()));
        let alarm =
            Alarm { rule, peer: Some(peer.clone()), header: subject, detail: detail.to_owned(), exhibits };
        self.alarm(env, round, alarm);
    }
}

/// A checkpoint of an agency's ledger, and of which life of it; its signatures are not looked at.
fn of_ledger(note: &[u8], directory: &Directory, agency: &AgencyId) -> Option<(Incarnation, tree::Signed)> {
    if note.len() > NOTE_BYTES_MAX {
        return None;
    }
    let signed = tree::Signed::parse(note).ok()?;
    let life = listed::incarnation(&signed.checkpoint, &directory.network, agency)?;
    (signed.checkpoint.size() > 0).then_some((life, signed))
}

fn of_same_origin(known: &tree::Signed, new: &Checkpoint) -> bool {
    known.checkpoint.origin() == new.origin()
}
