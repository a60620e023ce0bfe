//! A directory that stands still, steps back or forks, for this node alone.

use sealpost_crypto::digest::sha256;
use sealpost_domain::digest::Digest;
use sealpost_domain::envelope::DirectoryVersion;
use sealpost_domain::rule::Rule;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// What Germany says with its heads: that it has this version.
fn says(germany: &Station, directory: DirectoryVersion) -> Outgoing {
    let heads = Heads { directory, ..heads(germany, Bytes::new(), germany.now) };
    let statement = sign(&germany.signing, PayloadType::Heads, heads.to_payload());
    Outgoing { to: agency("HK-CED"), kind: ControlType::Heads, statement }
}

#[test]
fn a_directory_that_is_not_followed_by_a_later_one_in_time_is_told_once() {
    let network = Network::new();
    let [mut hong_kong, _] = network.nodes();
    hong_kong.wait(Duration::from_hours(24) + 5 * 60 * SECOND);
    assert!(hong_kong.evidence(Rule::DirectoryStale).is_empty());
    for _ in 0..3 {
        hong_kong.wait(SECOND);
    }
    let told = hong_kong.evidence(Rule::DirectoryStale);
    assert_eq!(told.len(), 1);
    assert!(told[0].detail.contains("version 1 of the directory was valid until"), "{}", told[0].detail);
}

#[test]
fn a_version_that_a_peer_has_and_that_does_not_come_is_told_with_the_peers_word() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    let later = DirectoryVersion { version: 2, digest: sha256(b"a later directory") };
    for minute in 0..5 {
        let said = says(&germany, later);
        hong_kong.hear(vec![said], "DE-ZKA");
        hong_kong.wait(59 * SECOND);
        germany.now = hong_kong.now;
        assert!(hong_kong.evidence(Rule::DirectoryWithheld).is_empty(), "minute {minute}");
    }
    for _ in 0..3 {
        hong_kong.wait(5 * SECOND);
    }
    let told = hong_kong.evidence(Rule::DirectoryWithheld);
    assert_eq!((told.len(), told[0].exhibits.len()), (1, 1));
    assert!(told[0].detail.contains("DE-ZKA has installed version 2"), "{}", told[0].detail);
}

#[test]
fn a_peer_that_is_no_longer_ahead_is_not_told() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    let later = DirectoryVersion { version: 2, digest: sha256(b"a later directory") };
    hong_kong.hear(vec![says(&germany, later)], "DE-ZKA");
    germany.now = germany.now.plus(SECOND);
    let ours = hong_kong.directory.version;
    hong_kong.hear(vec![says(&germany, ours)], "DE-ZKA");
    hong_kong.wait(3600 * SECOND);
    assert!(hong_kong.evidence(Rule::DirectoryWithheld).is_empty());
}

#[test]
fn a_hub_that_has_an_older_directory_or_another_one_is_told() {
    let network = Network::new();
    let [mut hong_kong, _] = network.nodes();
    let ours = hong_kong.directory.version;
    let mut shows = |version, digest| {
        let shown = DirectoryVersion { version, digest };
        hong_kong.step(|core, env, round| core.hub_shows(env, round, shown));
        let told = |rule| hong_kong.evidence(rule).len();
        (told(Rule::DirectoryRollback), told(Rule::DirectoryFork))
    };
    assert_eq!(shows(1, ours.digest), (0, 0), "the same");
    assert_eq!(shows(2, Digest::new([2; 32])), (0, 0), "it comes next");
    assert_eq!(shows(0, Digest::ZERO), (1, 0), "none, or an older one");
    assert_eq!(shows(1, Digest::new([9; 32])), (1, 1), "another one in the place of ours");
    assert_eq!(shows(1, Digest::new([9; 32])), (1, 1), "once");
}
