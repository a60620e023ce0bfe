//! Keys and roots that a directory may list.

use super::*;

#[test]
fn a_key_has_one_holder() {
    let mut network = Network::new();
    let good = network.listing();
    let mut shared = good.clone();
    shared.agencies[2].signing_keys = vec![network.signing_key("HK-POL", "HK", "HK-CED")];
    let error = network.refused(&shared);
    assert!(matches!(error, Error::KeyTwice { .. }), "{error}");
    assert!(error.to_string().contains("signing key 1 of HK-CED and as signing key 1 of HK-POL"), "{error}");
    let hub_keys = vec![*network.nodes["HK-CED"].verifying_key().as_bytes()];
    assert!(matches!(network.refused(&Listing { hub_keys, ..good }), Error::KeyTwice { .. }));
}

/// A key of low order signs for whoever asks, and a second encoding gives one key two names: nobody is listed with one.
#[test]
fn no_key_of_low_order_or_in_a_second_encoding_is_listed_for_anybody() {
    let (mut identity, mut second) = ([0; 32], [0xff; 32]);
    identity[0] = 1;
    (second[0], second[31]) = (0xee, 0x7f);
    for (key, why) in [(identity, VerifyError::KeyOrder), (second, VerifyError::KeyEncoding)] {
        let mut network = Network::new();
        let mut listing = network.listing();
        listing.authority_keys[1] = key;
        let refused = network.refused(&listing);
        assert!(matches!(&refused, Error::AuthorityKey { source, .. } if *source == why), "{refused:?}");

        let mut listing = network.listing();
        listing.hub_keys[0] = key;
        let refused = network.refused(&listing);
        assert!(matches!(&refused, Error::HubKey { source, .. } if *source == why), "{refused:?}");

        let mut listing = network.listing();
        let terms = SigningKeyTerms {
            agency: "DE-ZKA".parse().unwrap(),
            public_key: key,
            usage: KeyUse::Node,
            period: PERIOD,
        };
        let signed = sign(PayloadType::SigningKey, terms.to_payload(), &[&network.roots["DE"]]);
        listing.agencies[0].signing_keys = vec![signed];
        let refused = network.refused(&listing);
        assert!(matches!(&refused, Error::SigningKey { source, .. } if *source == why), "{refused:?}");
    }
}

#[test]
fn a_root_is_the_certificate_of_an_authority() {
    let mut network = Network::new();
    let mut listing = network.listing();
    listing.jurisdictions[0].1.root = certificate(&network.roots["DE"], "DE", IsCa::NoCa);
    assert!(matches!(network.refused(&listing), Error::NotARoot { .. }));
    listing.jurisdictions[0].1.root = b"no certificate".to_vec();
    assert_eq!(network.refused(&listing).to_string(), "the root certificate of DE is not usable");
}

/// A revocation list names its root by the subject: with two roots of one subject, one jurisdiction's list would be taken
/// for another's and stop everybody who is to have it.
#[test]
fn no_two_roots_have_one_subject_and_none_has_the_operators() {
    let ca = || IsCa::Ca(BasicConstraints::Constrained(0));
    for (subject, first, second) in [("DE", "DE", "HK"), ("hub", "the hub's operator", "HK")] {
        let mut network = Network::new();
        let mut listing = network.listing();
        listing.jurisdictions[1].1.root = certificate(&network.roots["HK"], subject, ca());
        let refused = network.refused(&listing);
        let told = format!("the roots of {first} and of {second} have the same subject");
        assert!(refused.to_string().starts_with(&told), "{refused}");
        assert_eq!(refused.rule(), "directory.root");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is changed in the signed bytes, the version is not believed.
    #[test]
    fn no_byte_of_the_payload_can_be_changed(position in any::<prop::sample::Index>(), mask in 1_u8..) {
        let mut network = Network::new();
        let listing = network.listing();
        let signed = network.issue(&listing, &[0, 1]);
        let mut payload = signed.payload.to_vec();
        let position = position.index(payload.len());
        payload[position] ^= mask;
        let changed = Signed { payload: payload.into(), ..signed };
        prop_assert!(verify(&changed, None).is_err());
    }
}
