//! All keys and certificates of a new network, in memory.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use rand::CryptoRng;
use rustls_pki_types::CertificateDer;
use sealpost_crypto::dsse::SigningKey;
use sealpost_crypto::trust::RootHolder;
use sealpost_crypto::wrap::SealingPrivateKey;
use sealpost_domain::agency::{AgencyId, JurisdictionCode};
use sealpost_domain::directory::ApprovalRule;
use sealpost_domain::identity::{Identity, Name, NetworkName, Role, Subject};

use super::{Error, Place, Validity};
use crate::issuer::{self, Issued, Purpose, Root};
use crate::roster::{self, Roster};

/// What is made before anything is written.
pub(super) struct Material {
    pub(super) authority: Vec<SigningKey>,
    pub(super) operator: Root,
    /// Of the jurisdictions that take part.
    pub(super) roots: BTreeMap<JurisdictionCode, Root>,
    pub(super) hub: Issued,
    pub(super) hub_signing: SigningKey,
    pub(super) operators: Vec<(Name, Issued)>,
    /// In the order of the roster.
    pub(super) agencies: Vec<AgencyMaterial>,
}

/// What an agency gets.
pub(super) struct AgencyMaterial {
    pub(super) id: AgencyId,
    pub(super) name: String,
    /// Its jurisdiction's root certificate.
    pub(super) root: CertificateDer<'static>,
    pub(super) node: Issued,
    pub(super) signing: SigningKey,
    pub(super) sealing: SealingPrivateKey,
    /// Systems, officers and auditors.
    pub(super) holders: Vec<(Role, Name, Issued)>,
    /// The keys with which its officers approve, where any of its messages need that.
    pub(super) approving: Vec<(Name, SigningKey)>,
    /// Which ones do.
    pub(super) approvals: Vec<ApprovalRule>,
}

/// A root's revocation list, DER.
pub(super) struct Crl {
    pub(super) holder: RootHolder,
    pub(super) der: Vec<u8>,
}

impl Material {
    pub(super) fn generate(
        roster: &Roster,
        places: &[Place<'_>],
        validity: &Validity,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, Error> {
        let network = &roster.network;
        let authority = (0..roster.authority.keys).map(|_| SigningKey::generate(rng)).collect();
        let operator = Root::generate(RootHolder::HubOperator, network, validity.root, rng)?;
        let issue = |subject, purpose, rng: &mut dyn CryptoRng| {
            operator.issue(Identity::new(network.clone(), subject), purpose, validity.certificate, rng)
        };
        let hub = issue(Subject::Hub(roster.hub.name.clone()), Purpose::Server, rng)?;
        let hub_signing = SigningKey::generate(rng);
        let mut operators = Vec::with_capacity(roster.hub.operators.len());
        for name in &roster.hub.operators {
            operators.push((name.clone(), issue(Subject::Operator(name.clone()), Purpose::Client, rng)?));
        }
        let mut roots = BTreeMap::new();
        let mut agencies = Vec::with_capacity(places.len());
        for place in places {
            let code = place.agency.id.jurisdiction();
            let root = match roots.entry(code) {
                Entry::Occupied(root) => root.into_mut(),
                Entry::Vacant(free) => {
                    let holder = RootHolder::Jurisdiction(code);
                    free.insert(Root::generate(holder, network, validity.root, rng)?)
                }
            };
            agencies.push(AgencyMaterial::generate(place.agency, network, root, validity, rng)?);
        }
        Ok(Self { authority, operator, roots, hub, hub_signing, operators, agencies })
    }

    /// All roots, the operator's last.
    pub(super) fn all_roots(&self) -> impl Iterator<Item = &Root> {
        self.roots.values().chain([&self.operator])
    }

    /// A list for each root, which has revoked nothing.
    pub(super) fn crls(&self, validity: &Validity) -> Result<Vec<Crl>, Error> {
        let crl = |root: &Root| {
            let der = root.crl(1, validity.crl, &[])?;
            Ok(Crl { holder: root.holder(), der })
        };
        self.all_roots().map(crl).collect()
    }
}

impl AgencyMaterial {
    fn generate(
        agency: &roster::Agency,
        network: &NetworkName,
        root: &Root,
        validity: &Validity,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, Error> {
        let issue = |role, name: &Name, purpose, rng: &mut dyn CryptoRng| -> Result<Issued, issuer::Error> {
            let subject = Subject::Agency { agency: agency.id.clone(), role, name: name.clone() };
            root.issue(Identity::new(network.clone(), subject), purpose, validity.certificate, rng)
        };
        let main = Name::parse("main").expect("letters make a name");
        let node = issue(Role::Node, &main, Purpose::Both, rng)?;
        let signing = SigningKey::generate(rng);
        let sealing = SealingPrivateKey::generate(rng);
        let roles = [
            (Role::System, &agency.systems),
            (Role::Officer, &agency.officers),
            (Role::Auditor, &agency.auditors),
        ];
        let mut holders = Vec::new();
        for (role, names) in roles {
            for name in names {
                holders.push((role, name.clone(), issue(role, name, Purpose::Client, rng)?));
            }
        }
        let approvals = agency.approvals.clone();
        let officers = if approvals.is_empty() { &[][..] } else { &agency.officers };
        let approving = officers.iter().map(|name| (name.clone(), SigningKey::generate(rng))).collect();
        let (id, name, root) = (agency.id.clone(), agency.name.clone(), root.certificate().clone());
        Ok(Self { id, name, root, node, signing, sealing, holders, approving, approvals })
    }
}
