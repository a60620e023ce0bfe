//! The first directory of a network: every statement by those who must sign it, the whole by the authority.

use bytes::Bytes;
use sealpost_crypto::dsse::{PayloadType, SignError, SigningKey, sign_statement};
use sealpost_crypto::{directory, trust};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::agreement::Parties;
use sealpost_domain::digest::Digest;
use sealpost_domain::directory::{JurisdictionRecord, KeyUse};
use sealpost_domain::envelope::Signature;
use sealpost_domain::instant::Instant;
use sealpost_domain::statement::Signed;
use sealpost_wire::directory::{
    ListedAgency, Listing, SealingKeyTerms, SigningKeyTerms, agreement_to_payload, operation_to_payload,
};

use super::material::{AgencyMaterial, Crl, Material};
use super::{Error, Validity};
use crate::issuer::Root;
use crate::roster::{Campaign, Roster};

/// A signed directory, and what of the roster's agreements and operations is in it.
pub(super) struct Issue {
    pub(super) signed: Signed,
    pub(super) agreements: Vec<String>,
    pub(super) operations: Vec<String>,
    /// What could not be, and why.
    pub(super) left_out: Vec<String>,
}

pub(super) fn issue(roster: &Roster, material: &Material, validity: &Validity) -> Result<Issue, Error> {
    let mut issue = Issue {
        signed: Signed { payload: Bytes::new(), signatures: Vec::new() },
        agreements: Vec::new(),
        operations: Vec::new(),
        left_out: Vec::new(),
    };
    let (agreements, operations) = (issue.agreements(roster, material)?, issue.operations(roster, material)?);
    let jurisdictions = material.roots.iter().map(|(code, root)| {
        let name = roster.jurisdictions.get(code).cloned().unwrap_or_else(|| code.to_string());
        (*code, JurisdictionRecord { name, root: root.certificate().to_vec() })
    });
    let mut agencies = Vec::with_capacity(material.agencies.len());
    for (agency, root) in agencies_with_roots(material) {
        agencies.push(listed(agency, root, validity)?);
    }
    agencies.sort_by(|one, other| one.id.cmp(&other.id));
    let listing = Listing {
        network: roster.network.clone(),
        version: 1,
        previous: Digest::ZERO,
        issued_at: validity.directory.from,
        valid_until: validity.directory.until.unwrap_or(Instant::from_millis(i64::MAX)),
        authority_keys: material.authority.iter().map(|key| *key.verifying_key().as_bytes()).collect(),
        threshold: roster.authority.threshold,
        operator_root: Bytes::copy_from_slice(material.operator.certificate()),
        hub_keys: vec![*material.hub_signing.verifying_key().as_bytes()],
        jurisdictions: jurisdictions.collect(),
        agencies,
        agreements,
        operations,
        revocations: Vec::new(),
        withdrawn: Vec::new(),
    };
    issue.signed = sign(PayloadType::Directory, listing.to_payload(), &material.authority)?;
    Ok(issue)
}

/// Judges what was made as its readers will.
pub(super) fn check(signed: &Signed, crls: &[Crl]) -> Result<(), Error> {
    let directory = directory::verify(signed, None)?;
    let mut trust: trust::TrustSet = directory::trust_set(&directory)?;
    for crl in crls {
        trust.install_crl(crl.holder, &crl.der)?;
    }
    Ok(())
}

fn agencies_with_roots(material: &Material) -> impl Iterator<Item = (&AgencyMaterial, &Root)> {
    material
        .agencies
        .iter()
        .filter_map(|agency| Some((agency, material.roots.get(&agency.id.jurisdiction())?)))
}

fn listed(agency: &AgencyMaterial, root: &Root, validity: &Validity) -> Result<ListedAgency, SignError> {
    let terms = |key: &SigningKey, usage| SigningKeyTerms {
        agency: agency.id.clone(),
        public_key: *key.verifying_key().as_bytes(),
        usage,
        period: validity.signing_key,
    };
    let officers = agency.approving.iter().map(|(_, key)| terms(key, KeyUse::Officer));
    let keys = std::iter::once(terms(&agency.signing, KeyUse::Node)).chain(officers);
    let by_root = |terms: SigningKeyTerms| sign(PayloadType::SigningKey, terms.to_payload(), [root.key()]);
    let sealing = SealingKeyTerms {
        agency: agency.id.clone(),
        public_key: agency.sealing.public_key().to_bytes().into(),
        epoch: 1,
        period: validity.sealing_key,
    };
    Ok(ListedAgency {
        id: agency.id.clone(),
        name: agency.name.clone(),
        signing_keys: keys.map(by_root).collect::<Result<_, _>>()?,
        sealing_keys: vec![sign(PayloadType::SealingKey, sealing.to_payload(), [&agency.signing])?],
        approval_rules: agency.approvals.clone(),
    })
}

impl Issue {
    fn agreements(&mut self, roster: &Roster, material: &Material) -> Result<Vec<Signed>, SignError> {
        let mut signed = Vec::new();
        for arrangement in &roster.agreements {
            let id = &arrangement.id;
            let members = arrangement.parties.among(ids(material));
            let keys = keys_of(material, &members);
            let Ok(parties) = Parties::new(members) else {
                self.left_out.push(format!("agreement {id}: fewer than two of its parties take part"));
                continue;
            };
            let agreement = arrangement.between(parties);
            signed.push(sign(PayloadType::Agreement, agreement_to_payload(&agreement), keys)?);
            self.agreements.push(id.to_string());
        }
        Ok(signed)
    }

    fn operations(&mut self, roster: &Roster, material: &Material) -> Result<Vec<Signed>, SignError> {
        let mut signed = Vec::new();
        for campaign in &roster.operations {
            let Campaign { id, lead, .. } = campaign;
            let lead_key = keys_of(material, std::slice::from_ref(lead));
            if lead_key.is_empty() {
                self.left_out.push(format!("operation {id}: its lead {lead} does not take part"));
                continue;
            }
            let Ok(members) = Parties::new(campaign.members.among(ids(material))) else {
                self.left_out.push(format!("operation {id}: fewer than two of its members take part"));
                continue;
            };
            let operation = campaign.with(members);
            signed.push(sign(PayloadType::Operation, operation_to_payload(&operation, None), lead_key)?);
            self.operations.push(id.to_string());
        }
        Ok(signed)
    }
}

fn ids(material: &Material) -> impl Iterator<Item = &AgencyId> {
    material.agencies.iter().map(|agency| &agency.id)
}

fn keys_of<'m>(material: &'m Material, agencies: &[AgencyId]) -> Vec<&'m SigningKey> {
    let chosen = material.agencies.iter().filter(|agency| agencies.contains(&agency.id));
    chosen.map(|agency| &agency.signing).collect()
}

fn sign<'k>(
    kind: PayloadType,
    payload: Bytes,
    keys: impl IntoIterator<Item = &'k SigningKey>,
) -> Result<Signed, SignError> {
    let signature = |key: &SigningKey| {
        let signature = sign_statement(key, kind, &payload)?;
        Ok(Signature { key_id: signature.key_id, bytes: signature.bytes.to_vec().into() })
    };
    let signatures = keys.into_iter().map(signature).collect::<Result<_, _>>()?;
    Ok(Signed { payload, signatures })
}
