//! Keys that are stolen and revoked: whoever has one is believed by nobody any more, whatever directory his messages name, and
//! each attempt is an event in the ledger; the mail that was on its way goes again under the next key.

use bytes::Bytes;
use sealpost_crypto::dsse::{PayloadType, Signer as _, SigningKey, sign_statement};
use sealpost_domain::digest::Digest;
use sealpost_domain::directory::{Revocation, RevocationReason};
use sealpost_domain::envelope::{DirectoryVersion, Envelope, Header, Signature};
use sealpost_domain::rule::Rule;
use sealpost_domain::statement::Signed;
use sealpost_wire::envelope::{header_from_bytes, header_to_bytes};

use crate::directory::{after, signed, statement_of};
use crate::scene::hub::{Refused, encoded};
use crate::scene::{DE, HK, LANE, NOW, Network, Node, Said, draft};

/// The version in which Hong Kong's first key is stolen and its next one listed; and that one.
fn stolen(network: &Network, hong_kong: &mut Node) -> (Signed, SigningKey) {
    let next = SigningKey::generate(&mut hong_kong.rng);
    let mut listing = after(&network.genesis);
    let listed = listing.agencies.iter_mut().find(|listed| listed.id == hong_kong.id()).unwrap();
    listed.signing_keys.push(statement_of(HK, &next, &[&next, &network.root_key("HK")]));
    let revocation = Revocation { revoked_at: NOW, reason: RevocationReason::Compromised };
    listing.revocations.push((hong_kong.signing.key_id(), revocation));
    (signed(network, &listing, &[1, 2, 3]), next)
}

/// The same message under another version of the directory, signed by whoever has the key.
fn renamed(envelope: &Envelope, version: DirectoryVersion, key: &SigningKey) -> Envelope {
    let header = Header { directory: version, ..header_from_bytes(&envelope.header).unwrap() };
    let header = header_to_bytes(&header);
    let made = sign_statement(key, PayloadType::Header, &header).unwrap();
    let signature = Signature { key_id: made.key_id, bytes: made.bytes.to_vec().into() };
    Envelope { header, signatures: vec![signature], ..envelope.clone() }
}

/// What a hub that lets everything pass delivers to Germany.
fn let_pass(network: &Network, envelope: &[u8]) -> Bytes {
    network.hub().submit(envelope).unwrap().deliveries[0].1.clone()
}

#[test]
fn a_thief_of_a_revoked_key_who_names_an_old_directory_is_refused_by_the_hub_and_by_every_recipient() {
    let network = Network::new();
    let [mut hong_kong, mut germany, _] = network.nodes();
    // He has the whole node: its keys, its certificate, and the directory of that time.
    let [mut thief, ..] = network.nodes();
    let (version, next) = stolen(&network, &mut hong_kong);
    let mut hub = network.hub();
    hub.installs(&version);
    germany.installs(&version);

    let yesterday = thief.write(draft(&[DE], "of a thief, under the directory of yesterday"));
    let honest_about = |version| renamed(&yesterday, version, &thief.signing);
    let today = germany.directory.version;
    let tomorrow = DirectoryVersion { version: 99, digest: Digest::new([9; 32]) };
    let forged = [yesterday.clone(), honest_about(today), honest_about(tomorrow)];
    for envelope in &forged {
        let bytes = encoded(envelope);
        assert_eq!(hub.submit(&bytes).err(), Some(Refused::by(Rule::KeyUnknown)));
        let said = germany.receive(&let_pass(&network, &bytes), LANE);
        assert_eq!(said, Said::Unproven("key.unknown".to_owned()));
    }
    let events = germany.security();
    assert_eq!(events.len(), forged.len(), "each is an event");
    for ((rule, evidence), envelope) in events.iter().zip(&forged) {
        assert_eq!(rule, "key.unknown");
        assert_eq!(evidence.exhibits[0], envelope.header, "with its bytes");
        assert!(evidence.detail.contains("claims to be from HK-CED"), "{}", evidence.detail);
    }

    hong_kong.installs(&version);
    hong_kong.signing = next;
    let honest = hub.submit(&encoded(&hong_kong.write(draft(&[DE], "of Hong Kong")))).unwrap();
    assert!(matches!(germany.receive(&honest.deliveries[0].1, LANE), Said::Shown(_)));
    germany.assert_ledger_sound();
}

#[test]
fn mail_on_its_way_when_its_key_is_revoked_is_signed_again_and_both_ledgers_verify() {
    let network = Network::new();
    let [mut hong_kong, mut germany, _] = network.nodes();
    let mut hub = network.hub();
    let first = hong_kong.write(draft(&[DE], "on its way when the key was stolen"));
    let on_its_way = let_pass(&network, &encoded(&first));
    let (version, next) = stolen(&network, &mut hong_kong);
    hub.installs(&version);
    germany.installs(&version);
    assert_eq!(germany.receive(&on_its_way, LANE), Said::Unproven("key.unknown".to_owned()));
    assert_eq!(hub.submit(&encoded(&first)).err(), Some(Refused::by(Rule::KeyUnknown)));

    hong_kong.installs(&version);
    hong_kong.signing = next;
    let again = hong_kong.send_again();
    assert_eq!((&again.header, &again.sealed), (&first.header, &first.sealed), "the same message");
    let keys: Vec<_> = again.signatures.iter().map(|signature| signature.key_id).collect();
    assert_eq!(keys, [first.signatures[0].key_id, hong_kong.signing.key_id()]);
    assert_eq!(hong_kong.last_sent().signatures, first.signatures, "the ledger keeps what it had");
    let passed = hub.submit(&encoded(&again)).unwrap();
    let Said::Shown(shown) = germany.receive(&passed.deliveries[0].1, LANE) else { panic!("it is shown") };
    assert_eq!((shown.header, shown.signature), (again.header, again.signatures[1].bytes.clone()));
    hong_kong.assert_ledger_sound();
    germany.assert_ledger_sound();
}
