//! Judges signatures by the directories that the ledger itself installed, in their order.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use sealpost_crypto::digest::sha256;
use sealpost_crypto::directory;
use sealpost_crypto::dsse::{PayloadType, VerifyError, VerifyingKey};
use sealpost_crypto::signed_by::{NotSigned, signed_by};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::directory::Directory;
use sealpost_domain::envelope::{DirectoryVersion, Header, Signature};
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_domain::statement::Signed;
use sealpost_merkle::key::KeyName;
use sealpost_wire::directory::signed_directory_from_bytes;

use super::{Directories, Judge, Refusal, Signer};
use crate::tree::{self, listed};

/// Believes what was signed with a key that the directory installed at that point of the ledger lists, valid at the
/// time of the record and not revoked.
#[derive(Default)]
pub struct ByDirectory {
    installed: Arc<Installed>,
    /// What the first directory must be; `None` believes the one that is there.
    first: Option<Digest>,
    /// A directory that is known from elsewhere, and whether it was installed.
    known: Option<Digest>,
    met: bool,
}

/// The directory that is installed somewhere in a ledger, if any is, and the signing keys in it, ready to verify with.
#[derive(Default)]
struct Installed {
    directory: Option<Directory>,
    keys: BTreeMap<KeyId, VerifyingKey>,
}

/// Why a signature is not believed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A signature comes before the first directory.
    #[error("no directory was installed before it")]
    NoDirectory,
    /// The body is another directory than the leaf names, or than the first one must be.
    #[error("the directory has the digest {found}, expected {expected}")]
    Digest {
        /// Of the payload that is there.
        found: Digest,
        /// What it must be.
        expected: Digest,
    },
    /// The leaf numbers the directory otherwise than that does.
    #[error("the directory has the version {found}, the leaf says {expected}")]
    Version {
        /// Its own.
        found: u64,
        /// As the leaf has it.
        expected: u64,
    },
    /// No signature names a key that could have made it.
    #[error("no signature names a key of {signer} that was valid at {at}; named are {named:?}")]
    Key {
        /// Who must have signed.
        signer: String,
        /// When.
        at: Instant,
        /// The keys that are named.
        named: Vec<KeyId>,
    },
    /// The checkpoint is that of another ledger, or of another life of this one.
    #[error("it is of {found}, expected is {expected}")]
    Origin {
        /// Whose it is.
        found: String,
        /// Whose it must be.
        expected: KeyName,
    },
    /// No listed key signed the checkpoint.
    #[error("no listed key of a node of {signer} signed it")]
    Checkpoint {
        /// Who must have signed.
        signer: String,
    },
    /// No listed key cosigned the checkpoint.
    #[error("no listed key of a node of {cosigner} cosigned it, or a cosignature is false")]
    Cosignature {
        /// Who must have cosigned.
        cosigner: AgencyId,
    },
    /// The key is right, the signature is not.
    #[error("the signature of key {key} is wrong")]
    Signature {
        /// Which key.
        key: KeyId,
        /// Why.
        source: VerifyError,
    },
}

impl ByDirectory {
    /// Knows nothing yet, and believes the first directory as the ledger has it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Believes no other first directory than the one with this digest.
    pub fn anchored(first: Digest) -> Self {
        Self { first: Some(first), known: Some(first), ..Self::default() }
    }

    /// Believes the first directory as the ledger has it, and watches for the one with this digest.
    pub fn expecting(known: Digest) -> Self {
        Self { known: Some(known), ..Self::default() }
    }

    /// Whether the directory that is known from elsewhere was installed: those before and after it are chained to it.
    pub fn has_met(&self) -> bool {
        self.met
    }
}

impl Installed {
    fn new(directory: Directory) -> Self {
        let nodes =
            directory.agencies.values().flat_map(|agency| &agency.signing_keys).map(|record| &record.key);
        let keys = nodes.chain(&directory.hub.signing_keys);
        // One that is no key is named when something is signed with it.
        let keys =
            keys.filter_map(|key| Some((key.id, VerifyingKey::from_bytes(&key.bytes).ok()?))).collect();
        Self { directory: Some(directory), keys }
    }

    fn decide(
        &self,
        kind: PayloadType,
        signer: Signer<'_>,
        payload: &[u8],
        signatures: &[Signature],
        at: Instant,
    ) -> Result<(), Error> {
        let directory = self.directory.as_ref().ok_or(Error::NoDirectory)?;
        let listed = |id| {
            match signer {
                Signer::Hub => directory.hub_key(id)?,
                Signer::Agency(agency) => &directory.node_key(agency, id, at)?.key,
            };
            Some((self.keys.get(&id)?, ()))
        };
        match signed_by(kind, payload, signatures, listed) {
            Ok(_) => Ok(()),
            Err(NotSigned::UnknownKey { named }) => Err(Error::Key { signer: name(signer), at, named }),
            Err(NotSigned::Wrong { key, source }) => Err(Error::Signature { key, source }),
        }
    }
}

impl Directories for ByDirectory {
    fn install(&mut self, version: DirectoryVersion, body: &Bytes) -> Result<(), Refusal> {
        let signed = signed_directory_from_bytes(body)?;
        let (found, before) = (sha256(&signed.payload), self.installed.directory.as_ref());
        let must_be = self.first.filter(|_| before.is_none()).unwrap_or(version.digest);
        for expected in [version.digest, must_be] {
            if found != expected {
                return Err(Error::Digest { found, expected }.into());
            }
        }
        let directory = directory::verify(&signed, before)?;
        if directory.version != version {
            return Err(Error::Version { found: directory.version.version, expected: version.version }.into());
        }
        self.met |= self.known == Some(found);
        self.installed = Arc::new(Installed::new(directory));
        Ok(())
    }

    fn judge(&self) -> Arc<dyn Judge> {
        Arc::clone(&self.installed) as Arc<dyn Judge>
    }
}

impl Judge for Installed {
    fn header(
        &self,
        header: &Header,
        exact: &Bytes,
        signatures: &[Signature],
        recorded_at: Instant,
    ) -> Result<(), Refusal> {
        let signer = Signer::Agency(&header.sender);
        Ok(self.decide(PayloadType::Header, signer, exact, signatures, recorded_at)?)
    }

    fn statement(
        &self,
        kind: PayloadType,
        signer: Signer<'_>,
        signed: &Signed,
        recorded_at: Instant,
    ) -> Result<(), Refusal> {
        Ok(self.decide(kind, signer, &signed.payload, &signed.signatures, recorded_at)?)
    }

    /// Any key of the agency's nodes that is listed: a note does not say when it was signed.
    fn checkpoint(
        &self,
        agency: &AgencyId,
        incarnation: Incarnation,
        signed: &tree::Signed,
    ) -> Result<(), Refusal> {
        let directory = self.directory.as_ref().ok_or(Error::NoDirectory)?;
        let expected = tree::origin(&directory.network, agency, incarnation);
        let found = signed.checkpoint.origin();
        if found != expected.as_str() {
            return Err(Error::Origin { found: found.to_owned(), expected }.into());
        }
        if listed::signing_key(signed, directory, agency).is_some() {
            return Ok(());
        }
        Err(Error::Checkpoint { signer: agency.to_string() }.into())
    }

    fn cosignature(&self, cosigner: &AgencyId, signed: &tree::Signed) -> Result<(), Refusal> {
        let directory = self.directory.as_ref().ok_or(Error::NoDirectory)?;
        if listed::cosigned_at(signed, directory, cosigner).is_some() {
            return Ok(());
        }
        Err(Error::Cosignature { cosigner: cosigner.clone() }.into())
    }
}

fn name(signer: Signer<'_>) -> String {
    match signer {
        Signer::Hub => "the hub".to_owned(),
        Signer::Agency(agency) => AgencyId::to_string(agency),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;
    use sealpost_crypto::dsse::{SigningKey, sign_statement};
    use sealpost_domain::directory::{
        AgencyRecord, HubRecord, KeyUse, PublicKey, Revocation, RevocationReason, SigningKeyRecord,
    };
    use sealpost_domain::identity::NetworkName;
    use sealpost_domain::instant::Period;
    use sealpost_merkle::Hash;
    use sealpost_merkle::checkpoint::Checkpoint;
    use sealpost_merkle::note::Note;

    use super::*;

    const NOW: Instant = Instant::from_millis(1_768_464_000_000);

    fn public(key: &SigningKey) -> PublicKey {
        let key = key.verifying_key();
        PublicKey { id: key.key_id(), bytes: key.as_bytes().to_vec() }
    }

    /// One agency with one key, valid for a day; one key of the hub.
    fn installed(node: &SigningKey, hub: &SigningKey) -> Installed {
        let period = Period { from: NOW, until: Some(NOW.plus(Duration::from_hours(24))) };
        let record = AgencyRecord {
            name: "Invented".into(),
            signing_keys: vec![SigningKeyRecord { key: public(node), usage: KeyUse::Node, period }],
            sealing_keys: Vec::new(),
            approval_rules: Vec::new(),
        };
        let directory = Directory {
            network: NetworkName::parse("test.sealpost").unwrap(),
            version: DirectoryVersion { version: 1, digest: Digest::ZERO },
            previous: Digest::ZERO,
            issued_at: NOW,
            valid_until: NOW,
            authority_keys: Vec::new(),
            threshold: 1,
            hub: HubRecord { operator_root: Vec::new(), signing_keys: vec![public(hub)] },
            jurisdictions: BTreeMap::new(),
            agencies: BTreeMap::from([("HK-CED".parse().unwrap(), record)]),
            agreements: Vec::new(),
            operations: BTreeMap::new(),
            revocations: BTreeMap::new(),
            withdrawn: [].into(),
        };
        Installed::new(directory)
    }

    fn signed(key: &SigningKey) -> Signed {
        let signature = sign_statement(key, PayloadType::Receipt, b"payload").unwrap();
        let bytes = Bytes::copy_from_slice(&signature.bytes);
        let signatures = vec![Signature { key_id: signature.key_id, bytes }];
        Signed { payload: Bytes::from_static(b"payload"), signatures }
    }

    #[test]
    fn only_a_key_of_the_signer_that_is_valid_at_the_time_is_believed() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let [node, hub] = [(); 2].map(|()| SigningKey::generate(&mut rng));
        let judge = installed(&node, &hub);
        let agency = "HK-CED".parse().unwrap();
        let judged = |signer, statement: &Signed, at| {
            judge.decide(PayloadType::Receipt, signer, &statement.payload, &statement.signatures, at)
        };
        let by_node = signed(&node);
        judged(Signer::Agency(&agency), &by_node, NOW).unwrap();
        judged(Signer::Hub, &signed(&hub), NOW).unwrap();
        let late = NOW.plus(Duration::from_hours(48));
        for (signer, statement, at) in [
            (Signer::Hub, &by_node, NOW),
            (Signer::Agency(&agency), &signed(&hub), NOW),
            (Signer::Agency(&agency), &by_node, late),
        ] {
            let refused = judged(signer, statement, at).unwrap_err();
            assert!(matches!(refused, Error::Key { .. }), "{refused}");
        }
        let mut added = signed(&hub);
        added.signatures.extend(by_node.signatures);
        judged(Signer::Agency(&agency), &added, NOW).unwrap();
        let changed = Signed { payload: Bytes::from_static(b"changed"), ..added };
        let refused = judged(Signer::Agency(&agency), &changed, NOW).unwrap_err();
        assert!(matches!(refused, Error::Signature { .. }), "{refused}");
    }

    #[test]
    fn a_cosignature_is_believed_of_a_listed_key_under_the_name_of_its_agency_alone() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let [node, hub] = [(); 2].map(|()| SigningKey::generate(&mut rng));
        let judge = installed(&node, &hub);
        let (network, agency) = (NetworkName::parse("test.sealpost").unwrap(), "HK-CED".parse().unwrap());
        let other: AgencyId = "DE-ZKA".parse().unwrap();
        let checkpoint = Checkpoint::new("any log", 1, Hash::EMPTY_ROOT).unwrap();
        let note = Note::unsigned(&checkpoint.to_string()).unwrap();
        let unsigned = tree::Signed { note, checkpoint };
        let by = |agency, key: &SigningKey| listed::cosign(&unsigned, &network, agency, key, NOW).unwrap();
        judge.cosignature(&agency, &by(&agency, &node)).unwrap();
        for (cosigner, cosigned) in [
            (&agency, by(&agency, &hub)),
            (&agency, by(&other, &node)),
            (&other, by(&other, &node)),
            (&agency, unsigned.clone()),
        ] {
            let refused = judge.cosignature(cosigner, &cosigned).unwrap_err();
            assert!(refused.to_string().contains("no listed key"), "{refused}");
        }
    }

    #[test]
    fn a_checkpoint_outlives_the_key_that_signed_it_but_not_its_compromise() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let [node, hub] = [(); 2].map(|()| SigningKey::generate(&mut rng));
        let (node, agency, life) = (Arc::new(node), "HK-CED".parse().unwrap(), Incarnation([7; 16]));
        for (reason, believed) in [
            (RevocationReason::Superseded, true),
            (RevocationReason::Cessation, true),
            (RevocationReason::Compromised, false),
        ] {
            let mut directory = installed(&node, &hub).directory.unwrap();
            let revocation = Revocation { revoked_at: NOW, reason };
            directory.revocations.insert(node.verifying_key().key_id(), revocation);
            let origin = tree::origin(&directory.network, &agency, life);
            let checkpoint = Checkpoint::new(origin.as_str(), 1, Hash::EMPTY_ROOT).unwrap();
            let signer = tree::NoteSigner::new(&origin, node.clone());
            let signed = tree::Signed { note: checkpoint.sign(&signer).unwrap(), checkpoint };
            let cosigned = listed::cosign(&signed, &directory.network, &agency, &*node, NOW).unwrap();
            let judge = Installed::new(directory);
            assert_eq!(judge.checkpoint(&agency, life, &cosigned).is_ok(), believed, "{reason:?}");
            assert_eq!(judge.cosignature(&agency, &cosigned).is_ok(), believed, "{reason:?}");
        }
    }

    #[test]
    fn nothing_is_believed_before_a_directory() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let statement = signed(&SigningKey::generate(&mut rng));
        let judge = Installed::default();
        let refused =
            judge.decide(PayloadType::Receipt, Signer::Hub, &statement.payload, &statement.signatures, NOW);
        assert!(matches!(refused, Err(Error::NoDirectory)));
    }
}
