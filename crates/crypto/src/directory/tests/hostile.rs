//! An authority that loses keys, thieves of single keys, and jurisdictions that want to be more than they are.

use super::*;

/// Three of five, and the version that they begin with.
pub(super) fn three_of_five() -> (Network, Listing, Directory) {
    let mut network = Network::new();
    network.authority = (0..5).map(|_| SigningKey::generate(&mut network.rng)).collect();
    let listing = Listing { threshold: 3, ..network.listing() };
    let first = verify(&network.issue(&listing, &[0, 1, 2]), None).unwrap();
    (network, listing, first)
}

pub(super) fn after(previous: &Directory, listing: &Listing) -> Listing {
    Listing { version: previous.version.version + 1, previous: previous.version.digest, ..listing.clone() }
}

pub(super) fn revoked(key: KeyId, reason: RevocationReason) -> (KeyId, Revocation) {
    (key, Revocation { revoked_at: NOW, reason })
}

#[test]
fn with_three_of_five_the_directory_lives_on_when_two_keys_are_lost_or_stolen() {
    let (mut network, listing, first) = three_of_five();
    let next = after(&first, &listing);
    let thieves = network.issue(&next, &[3, 4]);
    let refused = verify(&thieves, Some(&first)).unwrap_err();
    assert!(matches!(refused, Error::Authority { version: 1, found: 2, threshold: 3 }), "{refused}");
    let [of_before, own] = quorums(&thieves, Some(&first)).unwrap().try_into().unwrap();
    assert_eq!((of_before.signed(), of_before.is_reached()), (2, false));
    assert!(of_before.keys[4].1 && !of_before.keys[0].1 && !own.is_reached());

    // The three that are left take the two off, revoke them and list two new ones.
    let stolen = [3, 4].map(|index: usize| network.authority[index].key_id());
    let old = std::mem::take(&mut network.authority);
    let fresh: Vec<_> = (0..2).map(|_| SigningKey::generate(&mut network.rng)).collect();
    network.authority = old.into_iter().chain(fresh).collect();
    let keys = [0, 1, 2, 5, 6].map(|index: usize| *network.authority[index].verifying_key().as_bytes());
    let revocations = stolen.map(|key| revoked(key, RevocationReason::Compromised)).to_vec();
    let second = Listing { authority_keys: keys.to_vec(), revocations, ..next };
    let second = verify(&network.issue(&second, &[0, 1, 2]), Some(&first)).unwrap();

    let revocations = second.revocations.iter().map(|(key, revocation)| (*key, *revocation)).collect();
    let third = Listing { authority_keys: keys.to_vec(), revocations, ..after(&second, &listing) };
    let judge = |signers: &[usize]| verify(&network.issue(&third, signers), Some(&second));
    assert!(matches!(judge(&[0, 3, 4]), Err(Error::Authority { version: 2, found: 1, .. })), "thieves");
    judge(&[2, 5, 6]).unwrap();
    // Nor do they come back by a later version.
    let kept = Listing { authority_keys: first.authority_keys.clone(), ..third.clone() };
    let refused = judge_draft(&kept, &second);
    assert!(matches!(refused, Error::AuthorityRevoked { position: 4, .. }), "{refused}");
    assert_eq!(refused.rule(), "directory.authority");
}

/// Why a draft is refused before anybody signs it.
pub(super) fn judge_draft(listing: &Listing, previous: &Directory) -> Error {
    judge(&listing.to_payload(), Some(previous)).unwrap_err()
}

#[test]
fn a_thief_of_one_authority_key_adds_no_agency_no_key_and_no_agreement() {
    let (mut network, listing, first) = three_of_five();
    let thief = SigningKey::generate(&mut network.rng);
    let good = after(&first, &listing);
    let of_thief = |agency: &str| {
        let terms = key_terms(agency, &thief, KeyUse::Node);
        sign(PayloadType::SigningKey, terms.to_payload(), &[&thief, &network.authority[0]])
    };
    let mut agency = good.clone();
    agency.agencies.push(ListedAgency {
        id: "HK-XYZ".parse().unwrap(),
        name: "Nobody's agency".into(),
        signing_keys: vec![of_thief("HK-XYZ")],
        sealing_keys: Vec::new(),
        approval_rules: Vec::new(),
    });
    let mut key = good.clone();
    key.agencies[1].signing_keys.push(of_thief("HK-CED"));
    let mut agreement = good.clone();
    let unsigned = network.agreement("CMAA-2024", &[]);
    agreement.agreements.push(sign(PayloadType::Agreement, &unsigned.payload, &[&network.authority[0]]));

    for (listing, rule) in [
        (&agency, "directory.signing_key"),
        (&key, "directory.signing_key"),
        (&agreement, "directory.agreement"),
    ] {
        let alone = verify(&network.issue(listing, &[0]), Some(&first)).unwrap_err();
        assert_eq!(alone.rule(), "directory.authority");
        // Even if all the others sign what they did not read.
        let all = verify(&network.issue(listing, &[0, 1, 2, 3, 4]), Some(&first)).unwrap_err();
        assert_eq!(all.rule(), rule);
        assert_eq!(judge_draft(listing, &first).to_string(), all.to_string(), "told before anybody signs");
    }
    judge(&good.to_payload(), Some(&first)).unwrap();
}

/// A statement about another key for Hong Kong's node, with these signatures.
fn rotation(network: &Network, new: &SigningKey, signers: &[&SigningKey]) -> Signed {
    let terms = key_terms("HK-CED", new, KeyUse::Node);
    let signers: Vec<_> = signers.iter().copied().chain([&network.roots["HK"]]).collect();
    sign(PayloadType::SigningKey, terms.to_payload(), &signers)
}

#[test]
fn a_jurisdiction_adds_no_second_key_to_an_agency_that_does_not_vouch_for_it() {
    let (mut network, listing, first) = three_of_five();
    let new = SigningKey::generate(&mut network.rng);
    let old = &network.nodes["HK-CED"];
    let with = |signers: &[&SigningKey], revocations: &[(KeyId, Revocation)]| {
        let mut next = Listing { revocations: revocations.to_vec(), ..after(&first, &listing) };
        next.agencies[1].signing_keys.push(rotation(&network, &new, signers));
        judge(&next.to_payload(), Some(&first))
    };
    assert!(matches!(with(&[], &[]), Err(Error::NotByItself { .. })));
    let refused = with(&[&new], &[]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "signing key 2 of HK-CED is new and is not signed by a key of HK-CED's node that is in use and not revoked"
    );
    assert!(matches!(with(&[&new, &network.nodes["HK-POL"]], &[]), Err(Error::NotContinued { .. })));
    let rotated = with(&[&new, old], &[]).unwrap();
    let agency = "HK-CED".parse().unwrap();
    assert!([&new, old].iter().all(|key| rotated.node_key(&agency, key.key_id(), NOW).is_some()));
    // A key that is lost or stolen vouches for nothing: the root replaces it, and everybody sees that it is revoked.
    let stolen = [revoked(old.key_id(), RevocationReason::Compromised)];
    let replaced = with(&[&new], &stolen).unwrap();
    assert!(replaced.node_key(&agency, old.key_id(), NOW).is_none());
}

#[test]
fn a_revoked_key_vouches_for_nothing_new_and_what_it_vouched_for_stands() {
    let (mut network, listing, first) = three_of_five();
    let stolen = network.nodes["HK-CED"].key_id();
    let revocations = vec![revoked(stolen, RevocationReason::Compromised)];
    let next = Listing { revocations, ..after(&first, &listing) };
    let second = judge(&next.to_payload(), Some(&first)).unwrap();
    assert_eq!((second.agreements.len(), second.operations.len()), (1, 1));
    // By itself too, as a node is provisioned with a later version.
    judge(&next.to_payload(), None).unwrap();

    let mut agreement = next.clone();
    agreement.agreements.push(network.agreement("CMAA-2024", &AGENCIES));
    assert_eq!(judge_draft(&agreement, &first).rule(), "directory.agreement");
    let mut operation = next.clone();
    operation.operations.push(network.operation("OP-2024", "HK-CED"));
    assert_eq!(judge_draft(&operation, &first).rule(), "directory.operation");
    // The same operation with other details, and the same sealing key with another end.
    let mut retold = next.clone();
    let listed = operation_from_payload(&retold.operations[0].payload, Digest::ZERO).unwrap();
    let details =
        SealedDetails { sealed: vec![7; 64].into(), wraps: Vec::new(), key_commitment: sha256(b"key") };
    let payload = operation_to_payload(&listed, Some(&details));
    retold.operations[0] = sign(PayloadType::Operation, payload, &[&network.nodes["HK-CED"]]);
    retold.withdrawn = vec![sha256(&next.operations[0].payload)];
    assert_eq!(judge_draft(&retold, &first).rule(), "directory.operation");
    let mut longer = next.clone();
    let listed = terms_of(&longer.agencies[1].sealing_keys[0]);
    let until = listed.period.until.map(|until| until.plus(Duration::from_hours(24)));
    let terms = SealingKeyTerms { period: Period { until, ..listed.period }, ..listed };
    longer.agencies[1].sealing_keys[0] = network.sealing_key(&terms, "HK-CED");
    assert_eq!(judge_draft(&longer, &first).rule(), "directory.sealing_key");
    // Both are the agency's to change as long as its key is not revoked.
    let honest =
        |listing: Listing| judge(&Listing { revocations: Vec::new(), ..listing }.to_payload(), Some(&first));
    honest(longer).unwrap();
    honest(retold).unwrap();
    let mut sealing = next;
    let theirs = SealingPrivateKey::generate(&mut network.rng);
    let terms = SealingKeyTerms {
        public_key: theirs.public_key().to_bytes().into(),
        epoch: 2,
        ..terms_of(&sealing.agencies[1].sealing_keys[0])
    };
    sealing.agencies[1].sealing_keys.push(network.sealing_key(&terms, "HK-CED"));
    assert_eq!(judge_draft(&sealing, &first).rule(), "directory.sealing_key");
}

#[test]
fn a_draft_that_drops_a_revocation_or_steps_back_is_told_before_anybody_signs() {
    let (network, listing, first) = three_of_five();
    let node = network.nodes["DE-ZKA"].key_id();
    let revocations = vec![revoked(node, RevocationReason::Superseded)];
    let second = Listing { revocations, ..after(&first, &listing) };
    let second = judge(&second.to_payload(), Some(&first)).unwrap();
    let dropped = after(&second, &listing);
    assert_eq!(judge_draft(&dropped, &second).rule(), "directory.revocation");
    assert!(matches!(judge_draft(&listing, &second), Error::Version { found: 1, expected: 3 }));
}

/// Left out in one version and listed with another root in the next, all of an agency's keys could be made up.
#[test]
fn no_authority_exchanges_a_root_by_leaving_its_jurisdiction_out_for_a_version() {
    let (_, listing, first) = three_of_five();
    let mut without = after(&first, &listing);
    without.agencies.retain(|agency| agency.id.jurisdiction().as_str() != "DE");
    without.jurisdictions.remove(0);
    (without.agreements, without.operations) = (Vec::new(), Vec::new());
    let refused = judge_draft(&without, &first);
    assert!(matches!(refused, Error::JurisdictionDropped { .. }), "{refused}");
    assert_eq!(refused.rule(), "directory.chain");
}
