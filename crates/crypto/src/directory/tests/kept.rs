//! What no authority and no root drops, weakens or brings back, together or alone, without the agency or a sign that all see.

use super::hostile::{after, judge_draft, revoked, three_of_five};
use super::*;

/// The version after one, with all that it revokes and withdraws.
fn carried_on(previous: &Directory, listing: &Listing) -> Listing {
    let revocations = previous.revocations.iter().map(|(key, revocation)| (*key, *revocation)).collect();
    let withdrawn = previous.withdrawn.iter().copied().collect();
    Listing { revocations, withdrawn, ..after(previous, listing) }
}

/// A version without Hong Kong's customs, and what is signed by them.
fn without_customs(listing: &Listing) -> Listing {
    let mut without = listing.clone();
    without.agencies.remove(1);
    let gone = without.agreements.drain(..).chain(without.operations.drain(..));
    without.withdrawn = gone.map(|signed| sha256(&signed.payload)).collect();
    without.withdrawn.sort_unstable();
    without
}

#[test]
fn no_agency_and_no_key_is_left_out_for_a_version_to_come_back_with_another() {
    let (network, listing, first) = three_of_five();
    let key = network.nodes["HK-CED"].key_id();
    let mut keyless = without_customs(&after(&first, &listing));
    let refused = judge_draft(&keyless, &first);
    assert_eq!(
        refused.to_string(),
        format!("signing key {key} of HK-CED is in the version before, and here neither listed nor revoked")
    );
    assert_eq!(refused.rule(), "directory.signing_key");

    // The agency alone stays, without its keys.
    let mut empty = listing.agencies[1].clone();
    (empty.signing_keys, empty.sealing_keys) = (Vec::new(), Vec::new());
    keyless.agencies.insert(1, empty);
    assert!(matches!(judge_draft(&keyless, &first), Error::KeyDropped { .. }));

    // It leaves with its keys revoked, which everybody sees; who comes back has other ones.
    let revocations = vec![revoked(key, RevocationReason::Cessation)];
    let left = Listing { revocations, ..without_customs(&after(&first, &listing)) };
    let second = judge(&left.to_payload(), Some(&first)).unwrap();
    let agency = "HK-CED".parse().unwrap();
    assert!(!second.agencies.contains_key(&agency));
    let mut back = carried_on(&second, &left);
    back.agencies.insert(1, listing.agencies[1].clone());
    let refused = judge_draft(&back, &second);
    assert!(
        matches!(refused, Error::NotByAgency { .. }),
        "a revoked key vouches for no sealing key: {refused}"
    );
}

#[test]
fn no_authority_exchanges_the_root_of_the_hubs_operator() {
    let (network, listing, first) = three_of_five();
    let other = certificate(&network.authority[4], "hub", IsCa::Ca(BasicConstraints::Constrained(0)));
    let exchanged = Listing { operator_root: other.into(), ..after(&first, &listing) };
    let refused = judge_draft(&exchanged, &first);
    assert!(matches!(refused, Error::OperatorRootChanged), "{refused}");
    assert_eq!(refused.rule(), "directory.chain");
}

#[test]
fn a_root_adds_no_officer_and_changes_no_terms_without_the_agency() {
    let (mut network, listing, first) = three_of_five();
    let officer = SigningKey::generate(&mut network.rng);
    let (root, node) = (&network.roots["HK"], &network.nodes["HK-CED"]);
    let judged = |terms: &SigningKeyTerms, place: usize, signers: &[&SigningKey]| {
        let mut next = after(&first, &listing);
        let statement = sign(PayloadType::SigningKey, terms.to_payload(), signers);
        let keys = &mut next.agencies[1].signing_keys;
        if place < keys.len() {
            keys[place] = statement;
        } else {
            keys.push(statement);
        }
        judge(&next.to_payload(), Some(&first))
    };
    let terms = key_terms("HK-CED", &officer, KeyUse::Officer);
    assert!(matches!(judged(&terms, 1, &[root, node]), Err(Error::NotByItself { .. })));
    let refused = judged(&terms, 1, &[root, &officer]).unwrap_err();
    assert!(matches!(refused, Error::NotContinued { novelty: Novelty::Key, .. }), "{refused}");
    let second = judged(&terms, 1, &[root, &officer, node]).unwrap();
    assert_eq!(second.agencies[&"HK-CED".parse().unwrap()].signing_keys.len(), 2);

    let until = PERIOD.until.map(|until| until.plus(Duration::from_hours(24)));
    let longer =
        SigningKeyTerms { period: Period { until, ..PERIOD }, ..key_terms("HK-CED", node, KeyUse::Node) };
    let lower = key_terms("HK-CED", node, KeyUse::Officer);
    for terms in [&longer, &lower] {
        let refused = judged(terms, 0, &[root]).unwrap_err();
        assert!(
            refused.to_string().contains("has another use or period than in the version before"),
            "{refused}"
        );
        assert_eq!(refused.rule(), "directory.signing_key");
    }
    judged(&longer, 0, &[root, node]).unwrap();
}

#[test]
fn an_expired_key_vouches_for_no_other_and_is_revoked_before_the_root_alone_gives_one() {
    let (mut network, listing, first) = three_of_five();
    let new = SigningKey::generate(&mut network.rng);
    let (root, node) = (&network.roots["HK"], &network.nodes["HK-CED"]);
    let judged = |issued_at: Instant, signers: &[&SigningKey], revocations: &[(KeyId, Revocation)]| {
        let mut next = Listing { issued_at, revocations: revocations.to_vec(), ..after(&first, &listing) };
        next.valid_until = issued_at.plus(Duration::from_hours(24));
        let terms = key_terms("HK-CED", &new, KeyUse::Node);
        next.agencies[1].signing_keys.push(sign(PayloadType::SigningKey, terms.to_payload(), signers));
        judge(&next.to_payload(), Some(&first))
    };
    judged(NOW, &[root, &new, node], &[]).unwrap();
    let ended = PERIOD.until.unwrap().plus(Duration::from_hours(1));
    for signers in [&[root, &new, node][..], &[root, &new]] {
        assert!(matches!(judged(ended, signers, &[]), Err(Error::NotContinued { .. })));
    }
    judged(ended, &[root, &new], &[revoked(node.key_id(), RevocationReason::Superseded)]).unwrap();
}

#[test]
fn an_agreement_or_operation_that_ended_does_not_come_back() {
    let (_, listing, first) = three_of_five();
    for (rule, digest) in [
        ("directory.agreement", sha256(&listing.agreements[0].payload)),
        ("directory.operation", sha256(&listing.operations[0].payload)),
    ] {
        let mut ended = after(&first, &listing);
        ended.agreements.retain(|signed| sha256(&signed.payload) != digest);
        ended.operations.retain(|signed| sha256(&signed.payload) != digest);
        let silent = judge_draft(&ended, &first);
        assert!(matches!(&silent, Error::NotWithdrawn { digest: found, .. } if *found == digest), "{silent}");
        assert_eq!(silent.rule(), rule);
        ended.withdrawn = vec![digest];
        let second = judge(&ended.to_payload(), Some(&first)).unwrap();

        let again = carried_on(&second, &listing);
        let refused = judge_draft(&again, &second);
        assert!(
            matches!(&refused, Error::ListedAgain { digest: found, .. } if *found == digest),
            "{refused}"
        );
        assert_eq!(refused.rule(), rule);
        let forgotten = Listing { withdrawn: Vec::new(), ..again };
        let refused = judge_draft(&forgotten, &second);
        assert!(matches!(refused, Error::WithdrawalDropped { .. }), "{refused}");
        assert_eq!(refused.rule(), "directory.revocation");
        // By itself too: nobody is provisioned with a version that says both.
        let both = Listing { withdrawn: vec![digest], ..listing.clone() };
        assert!(matches!(judge(&both.to_payload(), None), Err(Error::ListedAgain { .. })));
        for unordered in [[digest, Digest::ZERO], [digest, digest]] {
            let withdrawn = unordered.to_vec();
            let refused = judge_draft(&Listing { withdrawn, ..after(&first, &listing) }, &first);
            assert_eq!(refused.rule(), "directory.malformed");
        }
    }
}

#[test]
fn a_revocation_is_not_watered_down() {
    use RevocationReason::{Cessation, Compromised, Superseded};
    let (network, listing, first) = three_of_five();
    let key = network.nodes["DE-ZKA"].key_id();
    let (earlier, later) = (NOW.minus(Duration::from_hours(1)), NOW.plus(Duration::from_hours(1)));
    for (before, after_it, revoked_at, is_taken) in [
        (Compromised, Superseded, NOW, false),
        (Compromised, Cessation, earlier, false),
        (Superseded, Cessation, NOW, false),
        (Compromised, Compromised, later, false),
        (Superseded, Compromised, later, false),
        (Superseded, Compromised, NOW, true),
        (Cessation, Compromised, earlier, true),
        (Compromised, Compromised, earlier, true),
    ] {
        let second = Listing { revocations: vec![revoked(key, before)], ..after(&first, &listing) };
        let second = judge(&second.to_payload(), Some(&first)).unwrap();
        let revocations = vec![(key, Revocation { revoked_at, reason: after_it })];
        let third = Listing { revocations, ..after(&second, &listing) };
        match judge(&third.to_payload(), Some(&second)) {
            Ok(third) => assert!(is_taken && third.revocations[&key].revoked_at == revoked_at),
            Err(refused) => {
                assert!(!is_taken, "{before:?} to {after_it:?}: {refused}");
                assert!(matches!(refused, Error::RevocationWeakened { .. }), "{refused}");
            }
        }
    }
}

#[test]
fn a_sealing_epoch_is_given_out_once_and_never_falls() {
    let (mut network, listing, first) = three_of_five();
    let (second, third) = [2, 3].map(|epoch| made(&mut network, &listing, epoch)).into();
    let with = |previous: &Directory, keys: &[&Signed]| {
        let mut next = after(previous, &listing);
        next.agencies[1].sealing_keys = keys.iter().copied().cloned().collect();
        judge(&next.to_payload(), Some(previous))
    };
    let one = listing.agencies[1].sealing_keys[0].clone();
    let version = with(&first, &[&one, &third]).unwrap();
    // An epoch that was passed over, one that is taken, and none any more.
    let used = with(&version, &[&one, &second, &third]).unwrap_err();
    assert!(matches!(used, Error::EpochUsed { found: 2, last: 3, .. }), "{used}");
    let other = made(&mut network, &listing, 3);
    let used = with(&version, &[&one, &other]).unwrap_err();
    assert!(matches!(used, Error::EpochUsed { found: 3, last: 3, .. }), "{used}");
    let fell = with(&version, &[&one]).unwrap_err();
    assert!(matches!(fell, Error::EpochFell { found: 1, last: 3, .. }), "{fell}");
    assert_eq!(fell.rule(), "directory.sealing_key");
    let renamed = SealingKeyTerms { epoch: 4, ..terms_of(&third) };
    let renamed = with(&version, &[&one, &network.sealing_key(&renamed, "HK-CED")]).unwrap_err();
    assert!(matches!(renamed, Error::EpochChanged { found: 4, listed: 3, .. }), "{renamed}");
    // The older one may go.
    with(&version, &[&third]).unwrap();
}

/// Another sealing key of Hong Kong's customs.
fn made(network: &mut Network, listing: &Listing, epoch: u64) -> Signed {
    let key = SealingPrivateKey::generate(&mut network.rng);
    let terms = SealingKeyTerms {
        public_key: key.public_key().to_bytes().into(),
        epoch,
        ..terms_of(&listing.agencies[1].sealing_keys[0])
    };
    network.sealing_key(&terms, "HK-CED")
}
