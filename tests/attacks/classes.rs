//! Sealed bodies that no sealing of ours makes: of another size, or with something in their padding.

use sealpost_crypto::digest::sha256;
use sealpost_domain::envelope::SEALED_BYTES_MAX;

use crate::gcm::{BLOCK, Gcm};
use crate::scene::hub::encoded;
use crate::scene::{DE, LANE, Network, Said, draft};

/// How a message is taken whose sender changed the text before sealing it, and signed the rest accordingly.
fn sealed_as(change: impl FnOnce(&mut Vec<u8>)) -> Said {
    let network = Network::new();
    let [mut hong_kong, mut germany, _] = network.nodes();
    let mut prepared = hong_kong.prepare(draft(&[DE], "invented, in a body of another size"));
    let gcm = Gcm::new(prepared.content_key.as_bytes());
    let mut text = gcm.open(&prepared.sealed).unwrap();
    change(&mut text);
    prepared.sealed = gcm.seal(&text).into();
    prepared.sealed_digest = sha256(&prepared.sealed);
    let envelope = hong_kong.send(&prepared);
    let passed = network.hub().submit(&encoded(&envelope)).unwrap();
    let said = germany.receive(&passed.deliveries[0].1, LANE);
    germany.assert_ledger_sound();
    said
}

#[test]
fn a_body_that_is_no_power_of_two_is_refused() {
    for class in [16, 512, 1008, 1040, 2032, 3072] {
        let said = sealed_as(|text| text.resize(class, 0));
        assert_eq!(said, Said::Excepted("sealed.unopened".to_owned()), "{class}");
    }
}

#[test]
fn a_body_in_a_larger_class_than_it_needs_is_refused() {
    for class in [2048, 4096, 1 << 20] {
        let said = sealed_as(|text| text.resize(class, 0));
        assert_eq!(said, Said::Excepted("sealed.unopened".to_owned()), "{class}");
    }
    assert!(matches!(sealed_as(|text| text.resize(1024, 0)), Said::Shown(_)), "its own class");
}

#[test]
fn padding_that_is_not_zero_is_refused_wherever_it_is() {
    let length = |text: &[u8]| 4 + u32::from_le_bytes(text[..4].try_into().unwrap()) as usize;
    for place in 0..4 {
        let said = sealed_as(|text| {
            let padding = length(text)..text.len();
            assert!(padding.len() > 64, "there is padding");
            // The first byte, one in the middle, the first of the last block, the last.
            let at = [
                padding.start,
                usize::midpoint(padding.start, padding.end),
                padding.end - BLOCK,
                padding.end - 1,
            ];
            text[at[place]] = 1;
        });
        assert_eq!(said, Said::Excepted("sealed.unopened".to_owned()), "{place}");
    }
}

#[test]
fn a_length_that_is_not_that_of_the_content_is_refused() {
    for length in [0, 1, 1021, 0xffff_ffff_u32] {
        let said = sealed_as(|text| text[..4].copy_from_slice(&length.to_le_bytes()));
        let Said::Excepted(rule) = said else { panic!("{length}: {said:?}") };
        // A shorter content has its own rest for its padding; none at all is no content.
        assert!(["sealed.unopened", "content.malformed"].contains(&rule.as_str()), "{length}: {rule}");
    }
}

#[test]
fn every_size_that_is_sealed_is_a_power_of_two_from_1_kib_on() {
    use rand::SeedableRng as _;
    use sealpost_crypto::seal::{CONTENT_MAX, seal_content};

    let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(5);
    let mut sizes = Vec::new();
    let edges = (10..=21).flat_map(|power| [(1_usize << power) - 5, (1 << power) - 4, (1 << power) - 3]);
    for content in edges.chain([0, 1, 500]).filter(|content| *content <= CONTENT_MAX) {
        let sealed = seal_content(&mut rng, &vec![0x5a; content]).unwrap().bytes.len();
        let class = sealed - BLOCK;
        assert!(class.is_power_of_two() && class >= 1024, "{content} bytes are sealed to {class}");
        assert!(
            class >= content + 4 && (class == 1024 || class / 2 < content + 4),
            "the smallest that holds it"
        );
        sizes.push(sealed);
    }
    assert_eq!(sizes.iter().max().copied(), Some((1 << 21) + BLOCK));
    assert_eq!(SEALED_BYTES_MAX, (1 << 21) + BLOCK, "the largest class travels, and no larger one");
}
