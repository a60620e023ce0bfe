//! Publishers' own names for messages: one names one message, and none can be guessed.

use super::*;

#[test]
fn one_key_names_one_message_also_after_a_restart() {
    let network = Network::new();
    let [mut hong_kong, _] = network.nodes();
    let prepared = hong_kong.prepared(draft(Priority::Urgent), Some("case-1"));
    let answers = hong_kong.step(|core, env, round| {
        [core.publish(env, round, &prepared).unwrap(), core.publish(env, round, &prepared).unwrap()]
    });
    assert_eq!(answers[1], Answer::RepeatsPlace(0));
    hong_kong.core = hong_kong.restarted();
    let repeated = hong_kong.step(|core, env, round| core.publish(env, round, &prepared).unwrap());
    assert_eq!(repeated, Answer::RepeatsRecord(1));
    let used_as = hong_kong.buckets.idempotency_digests("case-1").unwrap();
    assert_eq!(hong_kong.core.outbox.message_of(&used_as), None, "it was let go");
    assert_eq!(crate::projection::message_of(hong_kong.shelf.index(), &used_as).unwrap(), Some(1));
}

#[test]
fn nothing_in_the_ledger_lets_the_publishers_key_be_guessed() {
    let [mut hong_kong, _] = Network::new().nodes();
    let prepared = hong_kong.prepared(draft(Priority::Urgent), Some("case-1"));
    hong_kong.step(|core, env, round| core.publish(env, round, &prepared).unwrap());
    let (_, record, body) = &hong_kong.records[1];
    let Record::Sent(sent) = record else { panic!("a message was recorded") };
    let digest = sent.idempotency_digest.unwrap();
    assert_eq!(prepared.idempotency.as_ref().unwrap().digest, digest);
    let leaf = Leaf { recorded_at: hong_kong.now, salt: [0; 32], body_digest: None, record: record.clone() };
    for bytes in [leaf_to_bytes(&leaf), body.clone()] {
        assert!(!bytes.windows(6).any(|bytes| bytes == b"case-1"));
    }
    assert_ne!(digest, sealpost_crypto::digest::sha256(b"case-1"));
    // The same key under another bucket's secret is another digest.
    let [mut other, _] = Network::new().nodes();
    other.rng = rand::SeedableRng::seed_from_u64(5);
    let elsewhere = other.prepared(draft(Priority::Urgent), Some("case-1"));
    assert_ne!(elsewhere.idempotency.unwrap().digest, digest);
}
