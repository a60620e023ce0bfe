//! A small invented network for the tests: three agencies of three jurisdictions, and what they sign.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use sealpost_crypto::chains::{NETWORK, NOW, Root};
use sealpost_crypto::digest::{key_commitment, plaintext_digest, sha256};
use sealpost_crypto::dsse::{PayloadType, Signer as _, SigningKey, sign_statement};
use sealpost_crypto::wrap::SealingPrivateKey;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::agreement::{Agreement, Parties};
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::directory::{Directory, JurisdictionRecord, KeyUse, Revocation, RevocationReason};
use sealpost_domain::envelope::{DirectoryVersion, Envelope, Header, Recipient, Recipients, Signature, Wrap};
use sealpost_domain::handling::{Handling, Tlp};
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::{Instant, Period};
use sealpost_domain::message::{Category, Kind, MessageId, Priority, SharingMode};
use sealpost_domain::statement::Signed;
use sealpost_wire::directory::{
    ListedAgency, Listing, SealingKeyTerms, SigningKeyTerms, agreement_to_payload,
};
use sealpost_wire::envelope::header_to_bytes;

pub(crate) const AGENCIES: [&str; 3] = ["DE-ZKA", "HK-CED", "TH-TCD"];
/// The agreement holds between these, unless a test asks for more; Thailand is left out.
const PARTIES: &[&str] = &["DE-ZKA", "HK-CED"];

const PERIOD: Period =
    Period { from: NOW, until: Some(Instant::from_millis(NOW.as_millis() + 1_000_000_000)) };

/// The network, with all its private keys.
pub(crate) struct Network {
    pub(crate) roots: BTreeMap<&'static str, Root>,
    pub(crate) nodes: BTreeMap<&'static str, SigningKey>,
    pub(crate) hub: SigningKey,
    parties: &'static [&'static str],
    authority: SigningKey,
    sealing: BTreeMap<&'static str, SealingPrivateKey>,
}

pub(crate) fn agency(id: &str) -> AgencyId {
    id.parse().unwrap()
}

impl Network {
    pub(crate) fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        Self {
            roots: ["DE", "HK", "TH", "hub"].map(|holder| (holder, Root::new(holder))).into(),
            nodes: AGENCIES.map(|agency| (agency, SigningKey::generate(&mut rng))).into(),
            hub: SigningKey::generate(&mut rng),
            parties: PARTIES,
            authority: SigningKey::generate(&mut rng),
            sealing: AGENCIES.map(|agency| (agency, SealingPrivateKey::generate(&mut rng))).into(),
        }
    }

    /// One in which the agreement holds between all agencies.
    pub(crate) fn of_friends() -> Self {
        Self { parties: &AGENCIES, ..Self::new() }
    }

    /// The first version of the directory.
    pub(crate) fn genesis(&self) -> Signed {
        self.issue(&self.listing(&AGENCIES))
    }

    /// The version after one, with these agencies left: the keys of the others are revoked, their agreements withdrawn.
    pub(crate) fn next_version(&self, previous: &Directory, agencies: &[&str]) -> Signed {
        let next = self.listing(agencies);
        let mut revocations = previous.revocations.clone();
        for (_, record) in previous.agencies.iter().filter(|(id, _)| !agencies.contains(&id.as_str())) {
            let keys = record.signing_keys.iter().map(|key| key.key.id);
            let revocation = Revocation { revoked_at: NOW, reason: RevocationReason::Cessation };
            revocations.extend(keys.map(|key| (key, revocation)));
        }
        let mut withdrawn = previous.withdrawn.clone();
        withdrawn.extend(previous.agreements.iter().map(|agreement| agreement.digest));
        for agreement in &next.agreements {
            withdrawn.remove(&sha256(&agreement.payload));
        }
        self.issue(&Listing {
            version: previous.version.version + 1,
            previous: previous.version.digest,
            revocations: revocations.into_iter().collect(),
            withdrawn: withdrawn.into_iter().collect(),
            ..next
        })
    }

    /// The version after one, in which the keys of an agency's node are revoked.
    pub(crate) fn stopping(&self, previous: &Directory, agency: &str) -> Signed {
        self.issue(&Listing {
            version: previous.version.version + 1,
            previous: previous.version.digest,
            revocations: self.given_up(&[agency]),
            ..self.listing(&AGENCIES)
        })
    }

    fn given_up(&self, agencies: &[&str]) -> Vec<(KeyId, Revocation)> {
        let revocation = Revocation { revoked_at: NOW, reason: RevocationReason::Cessation };
        agencies.iter().map(|agency| (self.nodes[agency].key_id(), revocation)).collect()
    }

    fn issue(&self, listing: &Listing) -> Signed {
        sign(PayloadType::Directory, listing.to_payload(), &[&self.authority])
    }

    fn listing(&self, agencies: &[&str]) -> Listing {
        let jurisdictions = ["DE", "HK", "TH"].map(|code| {
            let root = self.roots[code].certificate.to_vec();
            (code.parse().unwrap(), JurisdictionRecord { name: format!("Jurisdiction {code}"), root })
        });
        let all_parties = self.parties.iter().all(|party| agencies.contains(party));
        Listing {
            network: NetworkName::parse(NETWORK).unwrap(),
            version: 1,
            previous: Digest::ZERO,
            issued_at: NOW,
            valid_until: NOW.plus(Duration::from_hours(24)),
            authority_keys: vec![*self.authority.verifying_key().as_bytes()],
            threshold: 1,
            operator_root: Bytes::copy_from_slice(&self.roots["hub"].certificate),
            hub_keys: vec![*self.hub.verifying_key().as_bytes()],
            jurisdictions: jurisdictions.into(),
            agencies: agencies.iter().map(|id| self.listed(id)).collect(),
            agreements: all_parties.then(|| self.agreement()).into_iter().collect(),
            operations: Vec::new(),
            revocations: Vec::new(),
            withdrawn: Vec::new(),
        }
    }

    fn listed(&self, id: &str) -> ListedAgency {
        let node = &self.nodes[id];
        let signing = SigningKeyTerms {
            agency: agency(id),
            public_key: *node.verifying_key().as_bytes(),
            usage: KeyUse::Node,
            period: PERIOD,
        };
        let sealing = SealingKeyTerms {
            agency: agency(id),
            public_key: self.sealing[id].public_key().to_bytes().into(),
            epoch: 1,
            period: PERIOD,
        };
        ListedAgency {
            id: agency(id),
            name: format!("Agency {id}"),
            signing_keys: vec![sign(
                PayloadType::SigningKey,
                signing.to_payload(),
                &[&self.roots[&id[..2]].key],
            )],
            sealing_keys: vec![sign(PayloadType::SealingKey, sealing.to_payload(), &[node])],
            approval_rules: Vec::new(),
        }
    }

    fn agreement(&self) -> Signed {
        let agreement = Agreement {
            id: "CMAA-TEST".parse().unwrap(),
            digest: Digest::ZERO,
            title: "Invented for the tests".into(),
            parties: Parties::new(self.parties.iter().copied().map(agency).collect()).unwrap(),
            categories: [Category::Narcotics].into(),
            modes: [SharingMode::Spontaneous].into(),
            strictest_tlp: Tlp::Red,
            handling_codes: [].into(),
            retention_max: Duration::from_hours(24),
            period: PERIOD,
        };
        let keys: Vec<_> = self.parties.iter().map(|id| &self.nodes[id]).collect();
        sign(PayloadType::Agreement, agreement_to_payload(&agreement), &keys)
    }

    /// An envelope from one agency, told apart from others by `seed`. Its wraps open for nobody: the hub cannot tell.
    pub(crate) fn envelope(&self, sender: &str, to: &[&str], priority: Priority, seed: u8) -> Envelope {
        self.envelope_of(1040, sender, to, priority, seed)
    }

    /// One with a body of so many bytes.
    pub(crate) fn envelope_of(
        &self,
        bytes: usize,
        sender: &str,
        to: &[&str],
        priority: Priority,
        seed: u8,
    ) -> Envelope {
        let sealed = Bytes::from(vec![seed; bytes]);
        let agreement = sha256(&self.agreement().payload);
        let recipients = to.iter().map(|id| Recipient {
            agency: agency(id),
            agreement,
            link_commitment: Digest::new([seed; 32]),
        });
        let header = Header {
            id: MessageId::new(1, [seed; 10]),
            sender: agency(sender),
            sent_at: NOW,
            kind: Kind::SuspectShipment,
            priority,
            act_before: None,
            category: Category::Narcotics,
            mode: SharingMode::Spontaneous,
            handling: Handling::new(Tlp::Amber, []),
            operation: None,
            in_reply_to: None,
            directory: DirectoryVersion { version: 1, digest: Digest::ZERO },
            recipients: Recipients::new(recipients.collect()).unwrap(),
            sealed_digest: sha256(&sealed),
            key_commitment: key_commitment(&[seed; 32]),
            plaintext_digest: plaintext_digest(&[seed; 32], b"body"),
            approval_digest: None,
        };
        let header = header_to_bytes(&header);
        let wraps = to.iter().map(|id| wrap(id, seed)).collect();
        let signatures = sign(PayloadType::Header, header.clone(), &[&self.nodes[sender]]).signatures;
        Envelope { header, signatures, sealed, wraps }
    }
}

pub(crate) fn wrap(recipient: &str, seed: u8) -> Wrap {
    Wrap {
        recipient: agency(recipient),
        key_id: KeyId::new([seed; 32]),
        encapsulated_key: Bytes::from(vec![seed; 1120]),
        ciphertext: Bytes::from(vec![seed; 120]),
    }
}

fn sign(kind: PayloadType, payload: Bytes, keys: &[&SigningKey]) -> Signed {
    let signature = |key: &&SigningKey| {
        let bytes = sign_statement(*key, kind, &payload).unwrap().bytes;
        Signature { key_id: key.key_id(), bytes: Bytes::copy_from_slice(&bytes) }
    };
    let signatures = keys.iter().map(signature).collect();
    Signed { payload, signatures }
}
