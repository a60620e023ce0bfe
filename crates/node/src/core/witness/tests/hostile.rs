//! Peers that lie, rewrite their ledgers, or fall silent; and those that only look so.

use sealpost_domain::digest::Digest;
use sealpost_domain::envelope::DirectoryVersion;
use sealpost_domain::statement::Proof;

use super::*;
use crate::core::witness::compare::CLOCKS_APART;

#[test]
fn a_rewritten_ledger_of_the_same_size_is_a_fork_and_both_notes_are_kept() {
    let [mut hong_kong, mut germany] = acquainted();
    let honest = hong_kong.core.witness.peers[&agency(DE)].ours.clone();
    rewrite(&mut germany, 1);
    for _ in 0..2 {
        hears(&mut hong_kong, &germany, 3);
    }
    let alarms = alarms(&hong_kong);
    assert_eq!((alarms.len(), alarms[0].0.as_str()), (1, "checkpoint.fork"));
    assert_eq!(alarms[0].1.exhibits[..2], [honest, germany.checkpoint_over(3)]);
    assert_eq!(kept(&hong_kong), 1, "the kept one stays");
}

#[test]
fn a_rewritten_ledger_that_grew_cannot_prove_it_and_all_of_the_evidence_is_kept() {
    let [mut hong_kong, mut germany] = acquainted();
    let honest = hong_kong.core.witness.peers[&agency(DE)].ours.clone();
    rewrite(&mut germany, 1);
    hears(&mut hong_kong, &germany, 5);
    proves(&mut hong_kong, &mut germany);
    let alarms = alarms(&hong_kong);
    assert_eq!((alarms.len(), alarms[0].0.as_str()), (1, "checkpoint.inconsistent"));
    let exhibits = &alarms[0].1.exhibits;
    assert_eq!(exhibits[..2], [honest, germany.checkpoint_over(5)]);
    assert_eq!(exhibits.len(), 3, "and the signed answer");
    assert_eq!((kept(&hong_kong), size_kept(&hong_kong)), (1, 3));

    // Whether it goes on as it is or not: the kept checkpoint is not continued, which is told once.
    advance([&mut hong_kong, &mut germany], MINUTE);
    proves(&mut hong_kong, &mut germany);
    assert_eq!((rules(&hong_kong).len(), size_kept(&hong_kong)), (1, 3));
}

#[test]
fn a_node_that_never_answers_is_told_after_three_demands() {
    let [mut hong_kong, mut germany] = acquainted();
    hears(&mut hong_kong, &germany, 5);
    for unanswered in 0..3 {
        assert_eq!(rules(&hong_kong), [""; 0], "after {unanswered}");
        assert_eq!(demands(&mut hong_kong).len(), 1);
        advance([&mut hong_kong, &mut germany], MINUTE);
        hears(&mut hong_kong, &germany, 5);
    }
    assert_eq!(rules(&hong_kong), ["checkpoint.unproven"]);
    assert_eq!(alarms(&hong_kong)[0].1.exhibits.len(), 2);
    assert_eq!(size_kept(&hong_kong), 3);
    // It may still answer.
    proves(&mut hong_kong, &mut germany);
    assert_eq!((size_kept(&hong_kong), rules(&hong_kong).len()), (5, 1));
}

#[test]
fn a_node_that_is_away_is_not_asked_for_ever_and_not_told() {
    let [mut hong_kong, mut germany] = acquainted();
    hears(&mut hong_kong, &germany, 5);
    let mut asked = 0;
    for _ in 0..30 {
        asked += demands(&mut hong_kong).len();
        advance([&mut hong_kong, &mut germany], MINUTE);
    }
    assert_eq!((asked, rules(&hong_kong).len()), (3, 0));
    hears(&mut hong_kong, &germany, 5);
    proves(&mut hong_kong, &mut germany);
    assert_eq!((size_kept(&hong_kong), rules(&hong_kong).len()), (5, 0));
}

#[test]
fn proofs_that_were_not_demanded_are_passed_over_and_those_of_garbage_are_told() {
    let [mut hong_kong, germany] = acquainted();
    let life = tree::origin(&germany.directory.network, &agency(DE), germany.life());
    let proof = |first_size, second_size, hashes| Proof {
        from: agency(DE),
        to: agency(HK),
        origin: life.to_string(),
        first_size,
        second_size,
        hashes,
        made_at: germany.now,
    };
    let hear = |hong_kong: &mut Station, proof: &Proof| {
        hong_kong.hear(vec![germany.claims(HK, ControlType::Proof, proof)], DE);
    };
    hear(&mut hong_kong, &proof(3, 5, Vec::new()));
    hears(&mut hong_kong, &germany, 5);
    demands(&mut hong_kong);
    for (first, second) in [(0, 5), (3, 4), (2, 5), (3, u64::MAX)] {
        hear(&mut hong_kong, &proof(first, second, Vec::new()));
    }
    hear(&mut hong_kong, &Proof { origin: "elsewhere".to_owned(), ..proof(3, 5, Vec::new()) });
    assert_eq!((rules(&hong_kong).len(), kept(&hong_kong)), (0, 1));
    hear(&mut hong_kong, &proof(3, 5, vec![Digest::new([7; 32]); 64]));
    assert_eq!((rules(&hong_kong), kept(&hong_kong)), (vec!["checkpoint.inconsistent".to_owned()], 1));
}

#[test]
fn old_heads_that_are_replayed_change_nothing_and_a_ledger_that_shrinks_is_told() {
    let [mut hong_kong, mut germany] = acquainted();
    let old = heads(&germany, germany.checkpoint_over(2), NOW);
    let old = germany.claims(HK, ControlType::Heads, &old);
    hears(&mut hong_kong, &germany, 5);
    for _ in 0..3 {
        hong_kong.hear(vec![old.clone()], DE);
    }
    assert_eq!((rules(&hong_kong).len(), size_kept(&hong_kong)), (0, 3));

    advance([&mut hong_kong, &mut germany], MINUTE);
    hears(&mut hong_kong, &germany, 4);
    let alarms = alarms(&hong_kong);
    assert_eq!((alarms.len(), alarms[0].0.as_str()), (1, "checkpoint.rollback"));
    let exhibits = &alarms[0].1.exhibits;
    assert_eq!((exhibits.len(), &exhibits[0]), (3, &germany.checkpoint_over(5)));
}

#[test]
fn heads_that_later_ones_overtook_are_no_rollback_where_a_clock_is_far_ahead() {
    let [mut hong_kong, germany] = acquainted();
    let ahead = germany.now.plus(2 * CLOCKS_APART);
    let [first, second] = [(4, 0), (5, 1)].map(|(records, later)| {
        let made_at = ahead.plus(Duration::from_secs(later));
        let heads = heads(&germany, germany.checkpoint_over(records), made_at);
        germany.claims(HK, ControlType::Heads, &heads)
    });
    hong_kong.hear(vec![second], DE);
    hong_kong.now = hong_kong.now.plus(Duration::from_secs(3));
    hong_kong.hear(vec![first], DE);
    assert_eq!(rules(&hong_kong), [""; 0]);
}

#[test]
fn heads_that_later_ones_overtook_are_no_rollback_where_the_own_clock_was_behind_and_is_set() {
    let [mut hong_kong, germany] = acquainted();
    let [first, second] = [(4, 0), (5, 1)].map(|(records, later)| {
        let made_at = germany.now.plus(Duration::from_secs(later));
        let heads = heads(&germany, germany.checkpoint_over(records), made_at);
        germany.claims(HK, ControlType::Heads, &heads)
    });
    let right = hong_kong.now;
    hong_kong.now = right.minus(2 * CLOCKS_APART);
    hong_kong.hear(vec![second], DE);
    hong_kong.now = right.plus(Duration::from_secs(3));
    hong_kong.hear(vec![first], DE);
    assert_eq!(rules(&hong_kong), [""; 0]);
}

#[test]
fn a_node_whose_clock_is_set_back_dates_nothing_before_what_it_said() {
    let [mut hong_kong, _] = acquainted();
    let date = |station: &mut Station| {
        let now = station.now;
        station.core.date(now)
    };
    let first = date(&mut hong_kong);
    hong_kong.now = first.minus(10 * MINUTE);
    assert_eq!(date(&mut hong_kong), first);
    hong_kong.now = first.plus(MINUTE);
    assert_eq!(date(&mut hong_kong), first.plus(MINUTE));
    // A clock that had been wrong by years is right at once.
    hong_kong.now = NOW.minus(Duration::from_hours(24 * 365));
    assert_eq!(date(&mut hong_kong), hong_kong.now);
}

#[test]
fn a_peer_that_dates_its_statements_far_ahead_is_caught_all_the_same() {
    let [mut hong_kong, mut germany] = acquainted();
    let hear = |hong_kong: &mut Station, germany: &Station, records| {
        let ahead = heads(germany, germany.checkpoint_over(records), Instant::from_millis(i64::MAX));
        hong_kong.hear(vec![germany.claims(HK, ControlType::Heads, &ahead)], DE);
    };
    for _ in 0..4 {
        hear(&mut hong_kong, &germany, 5);
        demands(&mut hong_kong);
        advance([&mut hong_kong, &mut germany], MINUTE);
    }
    assert_eq!(rules(&hong_kong), ["checkpoint.unproven"]);
    hear(&mut hong_kong, &germany, 4);
    assert_eq!(rules(&hong_kong)[1..], ["checkpoint.rollback"]);
}

#[test]
fn an_older_copy_of_our_own_ledger_is_shown_by_what_a_peer_cosigned_of_it() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    grows(&mut germany, 4);
    hears(&mut hong_kong, &germany, 5);
    let told = std::mem::take(&mut hong_kong.said);
    let mut copy = germany.older_copy(&network, 4);
    copy.hear(told.clone(), HK);
    assert_eq!((rules(&copy), copy.core.is_rolled_back()), (vec!["ledger.rolled_back".to_owned()], true));
    germany.hear(told, HK);
    assert_eq!((cosigned(&germany), germany.core.is_rolled_back()), (1, false));
}

#[test]
fn a_statement_that_is_repeated_after_the_peers_clock_was_set_back_is_no_rollback() {
    let [mut hong_kong, mut germany] = acquainted();
    let early = heads(&germany, germany.checkpoint_over(4), germany.now);
    let early = germany.claims(HK, ControlType::Heads, &early);
    hong_kong.hear(vec![early.clone()], DE);
    germany.now = NOW.minus(MINUTE);
    hears(&mut hong_kong, &germany, 5);
    hong_kong.hear(vec![early], DE);
    assert_eq!(rules(&hong_kong), [""; 0]);
}

#[test]
fn a_peer_that_was_restored_into_a_new_life_is_kept_beside_the_old_one() {
    let [mut hong_kong, mut germany] = acquainted();
    hears(&mut hong_kong, &germany, 5);
    assert_eq!(demands(&mut hong_kong).len(), 1);
    let before = germany.checkpoint_over(3);
    // From a backup of two records, and one that says so.
    germany.other_life = Some(Incarnation([1; 16]));
    rewrite(&mut germany, 2);
    for _ in 0..4 {
        advance([&mut hong_kong, &mut germany], MINUTE);
        hears(&mut hong_kong, &germany, 3);
    }
    assert_eq!((rules(&hong_kong), kept(&hong_kong)), (Vec::new(), 2));
    assert!(demands(&mut hong_kong).is_empty(), "nothing is demanded of the old life");
    let peer = &hong_kong.core.witness.peers[&agency(DE)];
    let of_old = peer.ledgers.values().find(|ledger| ledger.kept.checkpoint.origin() != origin(&germany));
    let of_old = &of_old.unwrap().kept.checkpoint;
    assert_eq!(*of_old, tree::Signed::parse(&before).unwrap().checkpoint);
    hears(&mut hong_kong, &germany, 5);
    advance([&mut hong_kong, &mut germany], MINUTE);
    proves(&mut hong_kong, &mut germany);
    assert_eq!(size_kept(&hong_kong), 5);
}

fn origin(station: &Station) -> String {
    tree::origin(&station.directory.network, station.core.agency(), station.life()).to_string()
}

#[test]
fn lives_of_a_peers_ledger_are_kept_up_to_a_number() {
    let [mut hong_kong, mut germany] = acquainted();
    for life in 1..=40 {
        germany.other_life = Some(Incarnation([life; 16]));
        advance([&mut hong_kong, &mut germany], MINUTE);
        hears(&mut hong_kong, &germany, 1);
    }
    assert_eq!(kept(&hong_kong), LEDGERS_MAX);
    assert!(rules(&hong_kong).iter().all(|rule| rule == "checkpoint.too_many"));
    assert_eq!(rules(&hong_kong).len(), 41 - LEDGERS_MAX);
}

#[test]
fn what_is_no_checkpoint_of_the_peer_is_told_and_not_kept() {
    let [mut hong_kong, mut germany] = Network::new().nodes();
    grows(&mut hong_kong, 2);
    grows(&mut germany, 2);
    let mut flipped = germany.checkpoint_over(2).to_vec();
    let digit = flipped.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    flipped[digit] = b'3';
    let long = [germany.checkpoint_over(2).to_vec(), vec![b'x'; 1 << 15]].concat();
    let notes = [b"no note".to_vec(), hong_kong.checkpoint_over(2).to_vec(), flipped, long];
    for (count, note) in (1..).zip(notes) {
        let heads = heads(&germany, note.into(), germany.now);
        hong_kong.hear(vec![germany.claims(HK, ControlType::Heads, &heads)], DE);
        assert_eq!((rules(&hong_kong).len(), kept(&hong_kong)), (count, 0));
    }
    assert!(rules(&hong_kong).iter().all(|rule| rule == "checkpoint.invalid"));
}

#[test]
fn a_cosignature_that_is_none_is_told() {
    let [mut hong_kong, mut germany] = acquainted();
    grows(&mut hong_kong, 1);
    let told = std::mem::take(&mut hong_kong.said);
    let honest = Heads::from_payload(&told[0].statement.payload).unwrap();
    let unsigned = germany.checkpoint_over(4);
    let mut twisted = honest.cosigned.to_vec();
    let last = twisted.len() - 4;
    twisted[last] = if twisted[last] == b'A' { b'B' } else { b'A' };
    for (count, note) in (1..).zip([unsigned, twisted.into(), hong_kong.checkpoint_over(2)]) {
        let heads = Heads { cosigned: note, ..honest.clone() };
        germany.hear(vec![hong_kong.claims(DE, ControlType::Heads, &heads)], HK);
        assert_eq!((rules(&germany).len(), cosigned(&germany)), (count, 0));
    }
    assert!(rules(&germany).iter().all(|rule| rule == "checkpoint.cosignature"));
}

#[test]
fn another_directory_under_the_same_version_is_told_with_both_digests() {
    let [mut hong_kong, germany] = acquainted();
    let ours = hong_kong.directory.version;
    let theirs = Digest::new([9; 32]);
    let mut heads = heads(&germany, Bytes::new(), germany.now);
    for directory in [
        DirectoryVersion { version: ours.version + 1, digest: theirs },
        DirectoryVersion { version: ours.version, digest: theirs },
        DirectoryVersion { version: ours.version, digest: theirs },
    ] {
        heads.directory = directory;
        hong_kong.hear(vec![germany.claims(HK, ControlType::Heads, &heads)], DE);
    }
    let alarms = alarms(&hong_kong);
    assert_eq!((alarms.len(), alarms[0].0.as_str()), (1, "directory.fork"));
    let told = &alarms[0].1.detail;
    assert!(told.contains(&theirs.to_string()) && told.contains(&ours.digest.to_string()), "{told}");
}
