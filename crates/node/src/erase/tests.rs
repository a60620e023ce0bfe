use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use sealpost_crypto::seal::ContentKey;
use sealpost_domain::instant::Instant;
use sealpost_domain::rule::Rule;
use sealpost_ledger::{Commits, Draft, Ledger, Options};
use sealpost_seglog::disk::sim::Sim;
use sealpost_wire::ledger::stored_body_to_bytes;

use super::*;
use crate::core::erasures::Erasures;
use crate::fixture::{NOW, agency};

/// A ledger of texts in one bucket, each beside its leaf, and what is known of erasures.
struct Desk {
    ledger: Ledger,
    folder: tempfile::TempDir,
    erasures: Erasures,
    bucket: Bucket,
    rng: ChaCha20Rng,
}

impl Desk {
    /// Texts in the records from 1 on.
    fn with(texts: &[&str]) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let options = Options { commits: Commits::Inline, ..Options::default() };
        let (ledger, _) = Ledger::open(
            Arc::new(Sim::new()),
            Path::new("/ledger"),
            &agency("HK-CED"),
            NOW,
            &mut rng,
            options,
        )
        .unwrap();
        let bucket = "message.2027-03".parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut desk = Self { ledger, folder, erasures: Erasures::default(), bucket, rng };
        for text in texts {
            desk.add(text);
        }
        desk
    }

    /// One more text in the bucket.
    fn add(&mut self, text: &str) {
        let salt = [u8::try_from(self.ledger.history().durable()).unwrap(); 32];
        let body = self.buckets().keep_text(&mut self.rng, &self.bucket, salt, text.as_bytes()).unwrap();
        let record = Record::Access {
            key: KeyId::new([9; 32]),
            action: "search".to_owned(),
            message: None,
            refused_by: None,
        };
        let draft = Draft { recorded_at: NOW, salt, record, body: stored_body_to_bytes(&body) };
        drop(self.ledger.enqueue(vec![draft]).unwrap());
    }

    /// The keys, as after a start.
    fn buckets(&self) -> Buckets {
        Buckets::open(self.folder.path()).unwrap()
    }

    fn record(&mut self, record: &Record) {
        self.record_with(record, &Bytes::new());
    }

    fn record_with(&mut self, record: &Record, body: &Bytes) {
        let index = self.ledger.history().durable();
        let draft = Draft { recorded_at: NOW, salt: [0; 32], record: record.clone(), body: body.clone() };
        drop(self.ledger.enqueue(vec![draft]).unwrap());
        self.erasures.apply(index, NOW, record, body);
    }

    fn hold(&mut self, index: u64, held: bool) {
        self.record(&Record::Hold { index, bucket: self.bucket.to_string().into(), held });
    }

    /// The bucket ends, or one body of it.
    fn erase(&mut self, index: Option<u64>) {
        self.record_erasure(index);
        self.start();
    }

    /// The same, and nothing is destroyed yet.
    fn record_erasure(&mut self, index: Option<u64>) {
        let key = self.buckets().key_id(&self.bucket).unwrap();
        let rule = Rule::ErasureOrdered.to_string();
        self.record(&Record::Erasure { bucket: self.bucket.to_bytes(), rule, index, key });
    }

    /// A node starts on it.
    fn start(&mut self) {
        assert!(self.start_where(|_| None).is_empty());
    }

    /// The same, where bodies that were lost came again in other records.
    fn start_where(&mut self, restored_in: impl Fn(u64) -> Option<u64>) -> Vec<Undestroyed> {
        let buckets = self.buckets();
        let due = self.erasures.due(restored_in, present(&buckets));
        carry_out(due, &buckets, self.ledger.history(), &mut self.rng)
    }

    /// Which texts can be read.
    fn readable(&self, records: std::ops::RangeInclusive<u64>) -> Vec<bool> {
        let buckets = self.buckets();
        let opens = |index| {
            let entry = self.ledger.history().get(index).unwrap();
            let body = stored_body_from_bytes(&entry.body).unwrap();
            buckets.text(&body, entry.leaf.salt).is_ok()
        };
        records.map(opens).collect()
    }

    fn is_due(&self, at: Instant) -> bool {
        let present = present(&self.buckets());
        present.iter().any(|(bucket, key)| self.erasures.is_due(bucket, *key, at))
    }
}

fn after_its_month() -> Instant {
    "2027-04-01".parse::<sealpost_domain::time::Date>().unwrap().ends_at()
}

#[test]
fn a_bucket_is_due_once_its_month_is_over_and_its_key_is_destroyed() {
    let mut desk = Desk::with(&["a name", "another"]);
    assert!(!desk.is_due(NOW));
    assert!(desk.is_due(after_its_month()));
    desk.erase(None);
    assert_eq!(desk.readable(1..=2), [false, false]);
    assert!(!desk.is_due(after_its_month()));
    assert_eq!(desk.erasures.of(1, b"message.2027-03").unwrap().record, 3);
    assert_eq!(desk.erasures.of(4, b"message.2027-03"), None, "what came later did not end with it");
}

#[test]
fn what_is_held_outlives_its_bucket_until_it_is_released() {
    let mut desk = Desk::with(&["a name", "evidence", "another"]);
    desk.hold(2, true);
    assert!(desk.erasures.is_held(2));
    desk.erase(None);
    assert_eq!(desk.readable(1..=3), [false, true, false]);
    assert!(!desk.is_due(after_its_month()), "nothing changes while it is held");
    desk.start();
    assert_eq!(desk.readable(1..=3), [false, true, false], "a start destroys nothing more");

    desk.hold(2, false);
    assert!(desk.is_due(after_its_month()));
    desk.erase(None);
    assert_eq!(desk.readable(1..=3), [false, false, false]);
}

#[test]
fn one_body_ends_before_its_time_and_the_others_go_on() {
    let mut desk = Desk::with(&["a name", "an informant", "another"]);
    desk.erase(Some(2));
    assert_eq!(desk.readable(1..=3), [true, false, true]);
    assert_eq!(desk.erasures.of(2, b"message.2027-03").unwrap().rule, "erasure.ordered");
    assert_eq!(desk.erasures.of(1, b"message.2027-03"), None);
    desk.erase(Some(3));
    assert_eq!(desk.readable(1..=3), [true, false, false]);
    desk.erase(None);
    assert_eq!(desk.readable(1..=3), [false, false, false]);
}

#[test]
fn keys_that_are_put_back_from_a_backup_bring_nothing_back() {
    let mut desk = Desk::with(&["a name", "an informant", "another"]);
    let key = desk.folder.path().join("message.2027-03.key");
    let backup = std::fs::read(&key).unwrap();
    let put_back = |desk: &mut Desk| {
        for file in std::fs::read_dir(desk.folder.path()).unwrap() {
            std::fs::remove_file(file.unwrap().path()).unwrap();
        }
        let mut file = key_file(&key);
        std::io::Write::write_all(&mut file, &backup).unwrap();
        assert_eq!(desk.readable(1..=3), [true, true, true]);
        desk.start();
    };
    desk.erase(Some(2));
    put_back(&mut desk);
    assert_eq!(desk.readable(1..=3), [true, false, true]);
    desk.erase(None);
    put_back(&mut desk);
    assert_eq!(desk.readable(1..=3), [false, false, false]);
}

/// A key file as a backup puts it back.
fn key_file(path: &Path) -> std::fs::File {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap()
}

#[test]
fn a_held_body_that_came_again_goes_on_and_one_that_is_lost_keeps_its_bucket() {
    let mut desk = Desk::with(&["evidence", "the same evidence", "a name"]);
    desk.hold(1, true);
    desk.record_erasure(None);
    // The first record of a ledger has no body, as one that was lost.
    assert_held_lost(&desk.start_where(|_| Some(0)));
    assert_eq!(desk.readable(1..=3), [true, true, true], "nothing is destroyed");
    assert!(desk.start_where(|record| (record == 1).then_some(2)).is_empty());
    assert_eq!(desk.readable(1..=3), [false, true, false]);
}

fn assert_held_lost(undestroyed: &[Undestroyed]) {
    let [Undestroyed { error, .. }] = undestroyed else { panic!("{undestroyed:?}") };
    assert!(matches!(**error, Error::HeldLost { index: 0 }), "{error}");
}

#[test]
fn a_held_body_that_is_lost_holds_up_no_other_bucket_and_no_start() {
    let mut desk = Desk::with(&["evidence"]);
    desk.hold(1, true);
    desk.record_erasure(None);
    let first = std::mem::replace(&mut desk.bucket, "message.2027-04".parse().unwrap());
    desk.add("a name");
    let lost = desk.ledger.history().durable() - 1;
    desk.record_erasure(None);
    assert_held_lost(&desk.start_where(|_| Some(0)));
    assert_eq!(desk.readable(1..=1), [true]);
    assert_eq!(desk.readable(lost..=lost), [false], "the later bucket has ended");

    let buckets = desk.buckets();
    assert_eq!(buckets.list().unwrap(), [first]);
    let due = desk.erasures.due(|_| Some(0), present(&buckets));
    assert_eq!(due.len(), 1);
    carry_out_at_start(due, &buckets, desk.ledger.history(), &mut desk.rng).unwrap();
}

#[test]
fn a_hold_follows_a_body_that_came_again_into_another_bucket() {
    let mut desk = Desk::with(&["evidence"]);
    desk.hold(1, true);
    let header = Digest::new([7; 32]);
    let (again, key) = ("evidence.2027-05".parse().unwrap(), ContentKey::generate(&mut desk.rng));
    let body = desk.buckets().keep(&mut desk.rng, &again, &key, &header, Bytes::new()).unwrap();
    let came = desk.ledger.history().durable();
    desk.record_with(&Record::Body { index: 1, header }, &stored_body_to_bytes(&body));
    let restored = |record| (record == 1).then_some(came);
    let opens = |desk: &Desk| desk.buckets().content_key(&body, &header).is_ok();

    // Its first bucket ends without it, and the later one but for it.
    desk.record_erasure(None);
    assert!(desk.start_where(restored).is_empty());
    assert_eq!(desk.readable(1..=1), [false]);
    desk.bucket = again;
    desk.record_erasure(None);
    assert!(desk.start_where(restored).is_empty());
    assert!(opens(&desk));
    desk.hold(1, false);
    desk.record_erasure(None);
    assert!(desk.start_where(restored).is_empty());
    assert!(!opens(&desk));
}

#[test]
fn every_look_tries_again_to_destroy_what_could_not_be_destroyed() {
    let desk = Desk::with(&["a name"]);
    let buckets = desk.buckets();
    let ended = desk.folder.path().join("message.2027-01.key.ended");
    std::fs::write(&ended, b"a key").unwrap();
    assert_eq!(present(&buckets).len(), 1);
    assert!(!ended.exists());
}
