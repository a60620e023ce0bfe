//! Nodes that keep, prove and cosign one another's checkpoints, and one whose ledger is set back.

use std::fs;

use sealpost_crypto::dsse::VerifyingKey;
use sealpost_domain::view::PeerStatus;
use sealpost_merkle::checkpoint::Checkpoint;
use sealpost_merkle::cosignature;
use sealpost_merkle::key::{KeyType, VerifierKey};
use sealpost_merkle::note::{Note, Verifier};
use serde_json::Value;

use crate::harness::{DE, Ended, HK, HUB, Network, TH, eventually, id, ids, shipments, told};

/// `sealpost-node ledger …` at an agency.
async fn ledger(network: &Network, agency: &str, arguments: &[&str]) -> Ended {
    let config = network.agency(agency).config.to_str().unwrap();
    network.command("sealpost-node", &[&["ledger", "--config", config], arguments].concat()).await
}

/// The same; it has to succeed.
async fn shown(network: &Network, agency: &str, arguments: &[&str]) -> String {
    let ended = ledger(network, agency, arguments).await;
    assert_eq!(ended.code(), Some(0), "ledger {arguments:?}:\n{}{}", ended.stdout, ended.log);
    ended.stdout
}

/// Up to how many records an agency's ledger keeps a peer's, and up to how many that has cosigned it.
async fn standing(network: &Network, agency: &str, peer: &str) -> (u64, u64) {
    let told: Value =
        serde_json::from_str(&shown(network, agency, &["witness", "--output", "json"]).await).unwrap();
    let size = |list: &str| {
        let list = told[list].as_array().unwrap().iter();
        list.filter(|vouch| vouch["agency"] == peer).filter_map(|vouch| vouch["size"].as_u64()).max()
    };
    (size("kept").unwrap_or(0), size("cosigned").unwrap_or(0))
}

/// Waits until an agency keeps more of a peer's ledger than `kept`, and the peer vouches for more than `cosigned` of its.
async fn vouch(network: &Network, agency: &str, peer: &str, (kept, cosigned): (u64, u64)) -> (u64, u64) {
    eventually(
        &format!("{agency} and {peer} vouch for each other beyond {kept} and {cosigned}"),
        async || {
            let found = standing(network, agency, peer).await;
            if found.0 > kept && found.1 > cosigned { Ok(found) } else { Err(format!("{found:?}")) }
        },
    )
    .await
}

/// A key in a note.
struct Key(VerifierKey);

impl Verifier for Key {
    fn key(&self) -> &VerifierKey {
        &self.0
    }

    fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(self.0.public_key()).is_ok_and(|key| key.verify(message, signature).is_ok())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_keep_and_cosign_one_anothers_checkpoints_and_continue_them_by_proofs() {
    let network = Network::start("witness").await;
    let (hk, de) = (network.desk(HK).await, network.desk(DE).await);
    let early = hk.send_all("early", shipments(&[DE], 0..5)).await;
    de.receives_exactly(&ids(&early)).await;
    let first = [vouch(&network, HK, DE, (0, 0)).await, vouch(&network, DE, HK, (0, 0)).await];
    // What was kept first is continued, again and again: by now only with a proof.
    let later = hk.send_all("later", shipments(&[DE], 5..10)).await;
    de.receives_exactly(&ids(&[early, later].concat())).await;
    vouch(&network, HK, DE, first[0]).await;
    let (kept_of_hk, _) = vouch(&network, DE, HK, first[1]).await;

    let of_de = |peers: &[PeerStatus]| peers.iter().find(|peer| peer.agency == id(DE)).cloned().unwrap();
    let status = hk.gateway().status().await.unwrap_or_else(|error| panic!("{}", told(&error)));
    let of_de = of_de(&status.peers);
    assert!(of_de.kept.is_some() && of_de.cosigned.is_some(), "{of_de:?}");
    assert_eq!(of_de.directory_version, Some(status.directory_version));

    // What Hong Kong's node shows as cosigned holds under its own key and under that of Germany's.
    let note = Note::parse(shown(&network, HK, &["checkpoint", "--cosigned"]).await.as_bytes()).unwrap();
    let own = Key(shown(&network, HK, &["checkpoint", "--verifier-key"]).await.trim_end().parse().unwrap());
    let checkpoint = Checkpoint::open(&note, &own).unwrap();
    let directory = network.directory();
    let listed = directory.agencies[&id(DE)].signing_keys[0].key.bytes.as_slice().try_into().unwrap();
    let name = format!("{}/witness/{DE}", directory.network).parse().unwrap();
    let witness = Key(VerifierKey::new(name, KeyType::CosignatureV1, listed));
    assert!(cosignature::verify(&note, &witness).unwrap() > 0);
    assert!(checkpoint.size() > first[0].1);

    // Germany's auditor hands over what Germany keeps, and Hong Kong's ledger continues it.
    let kept = network.node_folder(HK).join("kept-by-germany");
    fs::write(&kept, shown(&network, DE, &["witness", "--note", HK]).await).unwrap();
    let kept = kept.to_str().unwrap();
    let proved = shown(&network, HK, &["checkpoint", "--since", kept, "--output", "json"]).await;
    let proved: Value = serde_json::from_str(&proved).unwrap();
    assert!(proved["since"]["size"].as_u64().unwrap() >= kept_of_hk);
    let verified = shown(&network, HK, &["verify", "--since", kept, "--output", "json"]).await;
    let verified: Value = serde_json::from_str(&verified).unwrap();
    assert!(
        verified["witnessed"].as_u64() >= Some(2) && verified["cosigned"].as_u64() >= Some(2),
        "{verified}"
    );
    assert!(!network.log(DE).contains("checkpoint."), "{}", network.log(DE));
    network.assert_ledgers_sound().await;
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_ledger_is_set_back_is_caught_by_its_peer() {
    let mut network = Network::start("set-back").await;
    let (hk, de) = (network.desk(HK).await, network.desk(DE).await);
    let early = hk.send_all("early", shipments(&[DE], 0..5)).await;
    hk.are_delivered(&ids(&early)).await;
    network.terminate(HK).await;
    let data = network.agency(HK).data.clone();
    let places = ["ledger/00000000000000000000.seg", "tree/checkpoint", "life"].map(|place| data.join(place));
    let older = places.each_ref().map(|place| fs::read(place).unwrap());
    network.run(HK).await;
    let hk = network.desk(HK).await;
    let later = hk.send_all("later", shipments(&[DE], 5..10)).await;
    de.receives_exactly(&ids(&[early, later.clone()].concat())).await;
    eventually("Germany's node has heard of the later records", async || {
        let kept = standing(&network, DE, HK).await.0;
        if kept > later[4].index { Ok(()) } else { Err(kept) }
    })
    .await;
    network.terminate(HK).await;

    // Whoever does this leaves no trace on the node's own disk: file by file in place, the index made anew.
    for (place, content) in places.iter().zip(older) {
        fs::write(place, content).unwrap();
    }
    fs::remove_dir_all(data.join("index")).unwrap();
    assert_eq!(network.verify_ledger(HK).await.code(), Some(0), "by itself it is a sound ledger");
    // It may notice by itself as soon as it meets its peer, and end.
    network.launch(HK);
    eventually("Germany's node tells it", async || {
        let log = network.log(DE);
        if log.contains("checkpoint.rollback") { Ok(()) } else { Err(log) }
    })
    .await;
    for program in [DE, TH, HUB] {
        network.terminate(program).await;
    }
    network.assert_ledger_sound(DE).await;
}
