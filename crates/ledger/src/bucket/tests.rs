use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::*;

fn bucket() -> Bucket {
    "message.2027-03".parse().unwrap()
}

#[test]
fn a_content_key_comes_back_after_a_restart_until_the_key_file_is_destroyed() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (key, header) = (ContentKey::generate(&mut rng), Digest::new([1; 32]));
    let buckets = Buckets::open(dir.path()).unwrap();
    let body = buckets.keep(&mut rng, &bucket(), &key, &header, Bytes::new()).unwrap();
    let second = buckets.keep(&mut rng, &bucket(), &key, &header, Bytes::new()).unwrap();
    assert_ne!(body.wrapped_key, second.wrapped_key);

    let buckets = Buckets::open(dir.path()).unwrap();
    for kept in [&body, &second] {
        assert_eq!(buckets.content_key(kept, &header).unwrap().as_bytes(), key.as_bytes());
    }
    let moved = buckets.content_key(&body, &Digest::ZERO);
    assert!(matches!(moved, Err(Error::Kept { .. })));

    fs::remove_file(dir.path().join("message.2027-03.key")).unwrap();
    let erased = Buckets::open(dir.path()).unwrap().content_key(&body, &header).err().unwrap();
    assert!(matches!(erased, Error::Erased { .. }), "{erased}");
}

#[test]
fn a_publishers_key_is_looked_for_in_every_bucket_that_did_not_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let buckets = Buckets::open(dir.path()).unwrap();
    let months = ["message.2027-03", "message.2027-11"].map(|name| name.parse::<Bucket>().unwrap());
    let digests = || buckets.idempotency_digests("case-1").unwrap();
    // Each change is seen, however soon after the last question it comes.
    for count in 1..=months.len() {
        let (bucket, key) = (&months[count - 1], ContentKey::generate(&mut rng));
        buckets.keep(&mut rng, bucket, &key, &Digest::ZERO, Bytes::new()).unwrap();
        assert_eq!(digests().len(), count);
    }
    assert_eq!(buckets.list().unwrap(), months);
    let own = months.clone().map(|bucket| buckets.idempotency_digest(&bucket, "case-1").unwrap());
    assert_eq!(digests(), own);
    assert_ne!(own[0], own[1]);
    buckets.end(&months[0]).unwrap();
    assert_eq!(digests(), own[1..]);
}

#[test]
fn a_key_is_seen_that_somebody_else_made_and_one_that_was_made_within_a_tick_of_the_clock() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let key = ContentKey::generate(&mut rng);
    let (buckets, other) = (Buckets::open(dir.path()).unwrap(), Buckets::open(dir.path()).unwrap());
    let mut made = |by: &Buckets, name: &str| {
        by.keep(&mut rng, &name.parse().unwrap(), &key, &Digest::ZERO, Bytes::new()).unwrap();
    };
    let count = || buckets.idempotency_digests("case-1").unwrap().len();
    let folder = fs::File::open(dir.path()).unwrap();
    let early = std::time::SystemTime::UNIX_EPOCH;
    folder.set_modified(early).unwrap();
    assert_eq!(count(), 0);
    made(&other, "message.2027-03");
    assert_eq!(count(), 1);
    folder.set_modified(early).unwrap();
    assert_eq!(count(), 1);
    made(&buckets, "message.2027-04");
    folder.set_modified(early).unwrap();
    assert_eq!(count(), 2);
}

#[test]
fn what_a_crash_left_of_a_new_key_does_not_stand_in_its_way() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("message.2027-03.key.new"), b"-----BEGIN").unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let key = ContentKey::generate(&mut rng);
    let buckets = Buckets::open(dir.path()).unwrap();
    let body = buckets.keep(&mut rng, &bucket(), &key, &Digest::ZERO, Bytes::new()).unwrap();
    assert!(buckets.content_key(&body, &Digest::ZERO).is_ok());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_text_opens_beside_its_own_leaf_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let buckets = Buckets::open(dir.path()).unwrap();
    let body = buckets.keep_text(&mut rng, &bucket(), [7; 32], b"read by an officer").unwrap();
    assert!(!body.sealed.windows(7).any(|bytes| bytes == b"officer"));
    assert_eq!(**buckets.text(&body, [7; 32]).unwrap(), *b"read by an officer");
    assert!(buckets.text(&body, [8; 32]).is_err());
}

#[test]
fn only_a_class_and_a_month_name_a_bucket() {
    assert_eq!(bucket().to_string(), "message.2027-03");
    for text in ["", "message", "Message.2027-03", "a/b.2027-03", "..2027-03", "message.2027-13", ".2027-03"]
    {
        assert!(text.parse::<Bucket>().is_err(), "{text}");
    }
}

/// Bodies of a bucket, each with the digest of its header and its content key.
fn kept(buckets: &Buckets, rng: &mut ChaCha20Rng, headers: &[u8]) -> Vec<(Digest, StoredBody, ContentKey)> {
    let keep = |header: &u8| {
        let (key, header) = (ContentKey::generate(rng), Digest::new([*header; 32]));
        let body = buckets.keep(rng, &bucket(), &key, &header, Bytes::new()).unwrap();
        (header, body, key)
    };
    headers.iter().map(keep).collect()
}

/// The bucket ends, but for these bodies.
fn end_but(buckets: &Buckets, rng: &mut ChaCha20Rng, bodies: &[&(Digest, StoredBody, ContentKey)]) {
    let bucket = bucket();
    let mut ending = buckets.ending(rng, &bucket).unwrap();
    for (header, body, _) in bodies {
        ending.keep(rng, *header, body).unwrap();
    }
    ending.conclude(rng).unwrap();
}

fn opens(buckets: &Buckets, (header, body, key): &(Digest, StoredBody, ContentKey)) -> bool {
    match buckets.content_key(body, header) {
        Ok(found) => {
            assert_eq!(found.as_bytes(), key.as_bytes());
            true
        }
        Err(Error::Erased { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn one_body_ends_before_the_others_of_its_bucket() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let buckets = Buckets::open(dir.path()).unwrap();
    let bodies = kept(&buckets, &mut rng, &[3, 1, 4, 2, 9]);
    let (before, digest) =
        (buckets.key_id(&bucket()).unwrap(), buckets.idempotency_digest(&bucket(), "case-1").unwrap());
    let others = bodies.iter().filter(|(header, ..)| *header != Digest::new([4; 32]));
    end_but(&buckets, &mut rng, &others.collect::<Vec<_>>());
    let later = kept(&buckets, &mut rng, &[5]);
    for buckets in [&buckets, &Buckets::open(dir.path()).unwrap()] {
        let open: Vec<bool> = bodies.iter().map(|body| opens(buckets, body)).collect();
        assert_eq!(open, [true, true, false, true, true]);
        assert!(opens(buckets, &later[0]));
        assert_ne!(buckets.key_id(&bucket()).unwrap(), before);
        assert_eq!(buckets.idempotency_digest(&bucket(), "case-1").unwrap(), digest, "it is known again");
    }
    assert_eq!(names(dir.path()), ["message.2027-03.key", "message.2027-03.rewrapped"]);

    // And once more: what came after the first time is rewrapped too.
    end_but(&buckets, &mut rng, &[&later[0], &bodies[0], &bodies[2]]);
    let open: Vec<bool> = bodies.iter().chain(&later).map(|body| opens(&buckets, body)).collect();
    assert_eq!(open, [true, false, false, false, false, true]);

    end_but(&buckets, &mut rng, &[]);
    assert!(!opens(&buckets, &later[0]));
    assert!(names(dir.path()).is_empty());
}

#[test]
fn what_a_crash_leaves_of_an_ending_is_taken_back_or_brought_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(6);
    let buckets = Buckets::open(dir.path()).unwrap();
    let bodies = kept(&buckets, &mut rng, &[1, 2]);
    let at = |name: &str| dir.path().join(format!("message.2027-03.{name}"));
    let old_key = fs::read(at("key")).unwrap();
    end_but(&buckets, &mut rng, &[&bodies[0]]);
    let (new_key, rewrapped) = (fs::read(at("key")).unwrap(), fs::read(at("rewrapped")).unwrap());

    // Whether the second body still opens after a start on what was left.
    let left = |files: &[(&str, &[u8])]| {
        for name in names(dir.path()) {
            fs::remove_file(dir.path().join(name)).unwrap();
        }
        for (name, bytes) in files {
            use std::os::unix::fs::OpenOptionsExt as _;
            let mut file =
                fs::File::options().write(true).create_new(true).mode(0o600).open(at(name)).unwrap();
            io::Write::write_all(&mut file, bytes).unwrap();
        }
        let buckets = Buckets::open(dir.path()).unwrap();
        assert!(opens(&buckets, &bodies[0]));
        assert!(names(dir.path()).iter().all(|name| !name.contains(".next")));
        opens(&buckets, &bodies[1])
    };
    assert!(left(&[("key", &old_key), ("key.next", &new_key[..20])]), "half a key");
    assert!(left(&[("key", &old_key), ("key.next", &new_key), ("rewrapped.next", &rewrapped[..150])]));
    assert!(left(&[("key", &old_key), ("key.next", &new_key), ("rewrapped.next", &rewrapped)]));
    assert!(!left(&[("key", &old_key), ("key.next", &new_key), ("rewrapped", &rewrapped)]), "it counts");
    assert!(!left(&[("key.next", &new_key), ("rewrapped", &rewrapped)]), "the old key is destroyed");
    assert!(!left(&[("key", &new_key), ("rewrapped", &rewrapped)]));
}

#[test]
fn a_bucket_that_ended_begins_anew_with_another_key() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let buckets = Buckets::open(dir.path()).unwrap();
    let bodies = kept(&buckets, &mut rng, &[1]);
    let id = buckets.key_id(&bucket()).unwrap();
    buckets.end(&bucket()).unwrap();
    assert!(matches!(buckets.key_id(&bucket()), Err(Error::Erased { .. })));
    let late = kept(&buckets, &mut rng, &[2]);
    assert_ne!(buckets.key_id(&bucket()).unwrap(), id);
    assert!(opens(&buckets, &late[0]));
    assert!(matches!(buckets.content_key(&bodies[0].1, &bodies[0].0), Err(Error::Kept { .. })));
}

#[test]
fn a_file_of_rewrapped_keys_that_is_cut_off_is_an_error_and_no_erasure() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(8);
    let buckets = Buckets::open(dir.path()).unwrap();
    let bodies = kept(&buckets, &mut rng, &[1]);
    end_but(&buckets, &mut rng, &[&bodies[0]]);
    let path = dir.path().join("message.2027-03.rewrapped");
    let bytes = fs::read(&path).unwrap();
    for cut in [0, 50, bytes.len() - 1] {
        fs::write(&path, &bytes[..cut]).unwrap();
        let buckets = Buckets::open(dir.path()).unwrap();
        let fault = buckets.content_key(&bodies[0].1, &bodies[0].0).err().unwrap();
        assert!(matches!(fault, Error::Rewrapped { .. }), "{fault}");
    }
}

#[test]
fn a_key_that_was_being_destroyed_is_gone_after_the_next_start_and_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(9);
    let buckets = Buckets::open(dir.path()).unwrap();
    let bodies = kept(&buckets, &mut rng, &[1]);
    for name in ["message.2027-03.key", "message.2027-03.key.next"] {
        fs::write(dir.path().join(format!("{name}.ended")), [0; 100]).unwrap();
    }
    let buckets = Buckets::open(dir.path()).unwrap();
    assert!(opens(&buckets, &bodies[0]));
    assert_eq!(names(dir.path()), ["message.2027-03.key"]);
}

#[test]
fn the_only_key_of_what_goes_on_is_never_destroyed_because_it_cannot_be_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(10);
    let buckets = Buckets::open(dir.path()).unwrap();
    let bodies = kept(&buckets, &mut rng, &[1, 2]);
    end_but(&buckets, &mut rng, &[&bodies[0]]);
    // As a crash leaves it, and then somebody changed who may read it.
    let (key, next) = (dir.path().join("message.2027-03.key"), dir.path().join("message.2027-03.key.next"));
    fs::rename(key, &next).unwrap();
    fs::set_permissions(&next, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(Buckets::open(dir.path()), Err(Error::File { .. })));
    fs::set_permissions(&next, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(opens(&Buckets::open(dir.path()).unwrap(), &bodies[0]));
}

/// A second name of a file, to see what became of its bytes.
fn watch(path: &Path) -> PathBuf {
    let watched = path.with_extension("watched");
    fs::hard_link(path, &watched).unwrap();
    watched
}

fn is_overwritten(watched: &Path) -> bool {
    let bytes = fs::read(watched).unwrap();
    !bytes.is_empty() && bytes.iter().all(|byte| *byte == 0)
}

#[test]
fn a_key_that_could_not_be_overwritten_is_tried_again_and_no_later_one_takes_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(11);
    let buckets = Buckets::open(dir.path()).unwrap();
    kept(&buckets, &mut rng, &[1]);
    // As an attempt leaves it whose overwriting failed after the rename.
    let ended = dir.path().join("message.2027-03.key.ended");
    fs::write(&ended, b"an earlier key").unwrap();
    let watched = watch(&ended);
    buckets.end(&bucket()).unwrap();
    assert_eq!(fs::read(&watched).unwrap(), b"an earlier key", "nothing was put over it");
    assert!(ended.exists());
    buckets.recover().unwrap();
    assert!(is_overwritten(&watched));
    assert_eq!(names(dir.path()), ["message.2027-03.key.watched"]);
}

#[test]
fn what_cannot_be_overwritten_is_told_at_every_look_and_stops_neither_a_start_nor_what_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(12);
    // What no program can overwrite.
    let ended = dir.path().join("evidence.2027-01.key.ended");
    fs::create_dir(&ended).unwrap();
    let buckets = Buckets::open(dir.path()).unwrap();
    for _ in 0..2 {
        let told = buckets.recover().unwrap_err();
        assert!(matches!(&told, Error::Ended { path, .. } if *path == ended), "{told}");
    }
    let bodies = kept(&buckets, &mut rng, &[1, 2]);
    end_but(&buckets, &mut rng, &[&bodies[0]]);
    assert!(opens(&buckets, &bodies[0]));
    assert!(!opens(&buckets, &bodies[1]));
}

#[test]
fn no_new_key_is_made_where_the_next_one_waits_to_take_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(13);
    let buckets = Buckets::open(dir.path()).unwrap();
    let bodies = kept(&buckets, &mut rng, &[1, 2]);
    end_but(&buckets, &mut rng, &[&bodies[0]]);
    // As a disk leaves it that failed between the two renames.
    let key = dir.path().join("message.2027-03.key");
    fs::rename(&key, key.with_extension("key.next")).unwrap();
    let buckets = Buckets::read_only(dir.path());
    let (content_key, header) = (ContentKey::generate(&mut rng), Digest::new([3; 32]));
    let refused = buckets.keep(&mut rng, &bucket(), &content_key, &header, Bytes::new());
    assert!(matches!(refused, Err(Error::Unconcluded { .. })));
    buckets.recover().unwrap();
    assert!(opens(&buckets, &bodies[0]));
    assert!(buckets.keep(&mut rng, &bucket(), &content_key, &header, Bytes::new()).is_ok());
}
