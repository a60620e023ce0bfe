//! Canaries: markers in every text of every kind of message, looked for where nobody may be able to read them.
//!
//! | module | does |
//! |---|---|
//! | [`drafts`] | drafts of every kind with a marker in each of their texts, made along the schema |
//! | [`scan`] | looks for markers, in several forms, in files and in the memory of a process |

mod drafts;
pub(crate) mod scan;

use std::path::Path;
use std::sync::Arc;

use sealpost_domain::message::MessageId;
use sealpost_domain::view::{DeliveryState, Direction};

use crate::harness::{DE, HK, HUB, Network, TH, ids};
use drafts::Canaries;
use scan::{Forms, Places};

/// Fails when any of these places shows a marker.
fn assert_none(places: &Places, what: &str) {
    assert!(places.bytes > 0, "{what}: there was nothing to look at");
    assert!(places.found.is_empty(), "{what} shows markers:\n{}", places.found.join("\n"));
}

fn files(forms: &Forms, folder: &Path, what: &str) {
    assert_none(&scan::files(forms, folder), what);
}

/// The hub's memory, disk and log. That they are seen at all is shown by what the hub does know: a message's id.
fn assert_the_hub_knows_nothing(network: &Network, forms: &Forms, sent: &[MessageId]) {
    let memory = scan::memory(forms, network.pid(HUB));
    assert_none(&memory, "the hub's memory");
    files(forms, network.journal(), "the hub's disk");
    files(forms, &network.logs(), "a log");
    let known: Vec<_> = sent.iter().map(|id| id.as_bytes().to_vec()).collect();
    let known = Forms::exactly(known);
    assert!(!scan::memory(&known, network.pid(HUB)).found.is_empty(), "the headers are in the hub's memory");
    assert!(!scan::files(&known, network.journal()).found.is_empty(), "the headers are on the hub's disk");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_of_any_kind_of_message_is_seen_by_the_hub_or_lies_in_clear_at_a_node() {
    let canaries = Canaries::new();
    let forms = Arc::new(Forms::of(&canaries.prefix));
    let mut network = Network::make("canary");
    network.tell_everything();
    for program in [HUB, HK, DE, TH] {
        network.run(program).await;
    }
    let (hk, de) = (network.desk(HK).await, network.desk(DE).await);
    // What Hong Kong answers, and what it forwards with its originator's permission.
    let asked = de.send(canaries.first(&[HK])).await.id;
    let change = de.send(canaries.of_kind("amendment", &[HK], Some(asked)).remove(0)).await.id;
    let forwards = {
        let th = network.desk(TH).await;
        let original = th.send(canaries.first(&[HK])).await.id;
        let grant = th.send(canaries.grant(HK, original, DE)).await.id;
        let (message, granted) = (hk.enclosed(original).await, hk.enclosed(grant).await);
        canaries.forwards(&[DE], &message, (grant, &granted))
    };
    hk.has(change).await;
    // Thailand is away, so that the hub has to keep everything.
    assert_eq!(network.terminate(TH).await.code(), Some(0));
    let first = hk.send(canaries.first(&[DE, TH])).await.id;
    let to_both = canaries.about_own(&[DE, TH], first);
    let to_one = [canaries.of_kind("compliance", &[DE], Some(change)), forwards].concat();
    let mut sent = vec![first];
    sent.extend(ids(&hk.send_all("canaries", to_both.clone()).await));
    for message in &sent {
        hk.reaches(*message, TH, DeliveryState::Accepted).await;
    }
    sent.extend(ids(&hk.send_all("answers", to_one.clone()).await));
    for message in &sent {
        hk.reaches(*message, DE, DeliveryState::Delivered).await;
    }
    assert_the_hub_knows_nothing(&network, &forms, &sent);
    for program in [HUB, HK, DE] {
        assert!(network.log(program).contains("TRACE"), "{program} tells everything in its log");
    }

    network.run(TH).await;
    hk.are_delivered(&sent).await;
    // They arrived whole: what the recipient is shown holds every marker of what was sent.
    let shown: Vec<_> =
        de.receives_exactly(&sent).await.iter().map(|shown| format!("{:?}", shown.alert)).collect();
    let shown = shown.join("\n");
    let drafts = [to_both, to_one, vec![canaries.first(&[DE, TH])]].concat();
    for marker in canaries.markers(&drafts) {
        assert!(shown.contains(&marker), "{marker} is not shown to the recipient");
    }
    de.gateway().acknowledge(&sent, None).await.unwrap();
    hk.reaches(first, DE, DeliveryState::Read).await;
    assert_the_hub_knows_nothing(&network, &forms, &sent);

    // The nodes know the texts, in memory alone. The same search finds them there: it can see.
    scan::seen_while_read(&forms, &hk, Direction::Sent, network.pid(HK)).await;
    scan::seen_while_read(&forms, &de, Direction::Received, network.pid(DE)).await;
    for node in [HK, DE, TH] {
        files(&forms, &network.agency(node).data, &format!("the disk of {node}"));
    }
    for node in [HK, DE, TH] {
        assert_eq!(network.terminate(node).await.code(), Some(0));
        files(&forms, &network.agency(node).data, &format!("the disk of {node} after its end"));
    }
    files(&forms, &network.logs(), "a log");
    files(&forms, network.journal(), "the hub's disk");
    network.end().await;
}

#[test]
fn every_text_in_the_schema_of_every_kind_has_a_marker() {
    let canaries = Canaries::new();
    let missing: Vec<_> = drafts::texts_in_schema().difference(&canaries.marked()).cloned().collect();
    assert!(missing.is_empty(), "without a marker: {missing:#?}");
    assert_eq!(canaries.kinds().len(), sealpost_domain::message::Kind::ALL.len());
}
