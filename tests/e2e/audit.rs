//! What an auditor gets of a ledger, from the command and over gRPC, and what nobody else gets.

use std::fs;

use sealpost_client::Error;
use sealpost_crypto::dsse::VerifyingKey;
use sealpost_crypto::tls::Credentials;
use sealpost_merkle::checkpoint::Checkpoint;
use sealpost_merkle::hash::leaf_hash;
use sealpost_merkle::key::VerifierKey;
use sealpost_merkle::note::{Note, Verifier};
use sealpost_merkle::proof::{verify_consistency, verify_inclusion};
use sealpost_merkle::tlog_proof::TlogProof;
use sealpost_merkle::{Hash, Tree};
use sealpost_proto::v1 as pb;
use sealpost_proto::v1::ledger_client::LedgerClient;
use serde_json::Value;
use tonic::Code;

use crate::harness::{DE, Ended, HK, Network, eventually, ids, shipments};

/// `sealpost-node ledger …` at an agency; it has to succeed.
async fn ledger(network: &Network, agency: &str, arguments: &[&str]) -> Ended {
    let ended = network.ledger(agency, arguments).await;
    assert_eq!(ended.code(), Some(0), "ledger {arguments:?}:\n{}{}", ended.stdout, ended.log);
    ended
}

async fn checkpoint(network: &Network, agency: &str, arguments: &[&str]) -> Value {
    let shown = ledger(network, agency, &[&["checkpoint", "--output", "json"], arguments].concat()).await;
    serde_json::from_str(&shown.stdout).unwrap()
}

/// Waits until a checkpoint covers a record.
async fn covered(network: &Network, agency: &str, index: u64) {
    eventually(&format!("a checkpoint over record {index}"), async || {
        let ended = network.ledger(agency, &["checkpoint", "--output", "json"]).await;
        let size = serde_json::from_str::<Value>(&ended.stdout).ok().and_then(|shown| shown["size"].as_u64());
        if size.is_some_and(|size| size > index) { Ok(()) } else { Err(format!("{size:?}")) }
    })
    .await;
}

/// The key of a ledger, as `checkpoint --verifier-key` prints it.
struct Log(VerifierKey);

impl Verifier for Log {
    fn key(&self) -> &VerifierKey {
        &self.0
    }

    fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(self.0.public_key()).is_ok_and(|key| key.verify(message, signature).is_ok())
    }
}

fn open(note: &[u8], log: &Log) -> Checkpoint {
    Checkpoint::open(&Note::parse(note).unwrap(), log).unwrap()
}

fn hashes(path: &[bytes::Bytes]) -> Vec<Hash> {
    path.iter().map(|hash| Hash::from_bytes(hash.as_ref().try_into().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_is_proved_and_exported_while_its_node_runs_and_continues_what_an_auditor_kept() {
    let mut network = Network::start("audit").await;
    let (hk, de) = (network.desk(HK).await, network.desk(DE).await);
    let early = hk.send_all("early", shipments(&[DE], 0..10)).await;
    hk.are_delivered(&ids(&early)).await;
    covered(&network, HK, early[9].index).await;
    let folder = network.node_folder(HK).to_owned();
    let place = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    fs::write(place("kept"), ledger(&network, HK, &["checkpoint"]).await.stdout).unwrap();
    let key = ledger(&network, HK, &["checkpoint", "--verifier-key"]).await.stdout;
    let key = Log(key.trim_end().parse().unwrap());

    let later = hk.send_all("later", shipments(&[DE], 10..30)).await;
    de.receives_exactly(&ids(&[early.clone(), later.clone()].concat())).await;
    covered(&network, HK, later[19].index).await;
    let index = later[19].index.to_string();
    ledger(&network, HK, &["prove", &index, "--out", &place("proof"), "--leaf", &place("leaf")]).await;
    let proof = TlogProof::parse(&fs::read(place("proof")).unwrap()).unwrap();
    let leaf = fs::read(place("leaf")).unwrap();
    assert_eq!(proof.index(), later[19].index);
    let proved = proof.verify(&leaf_hash(&leaf), &key).unwrap();
    let again = network.ledger(HK, &["prove", &index, "--out", &place("proof")]).await;
    assert_eq!(again.code(), Some(1), "an existing file is not overwritten");

    let since = checkpoint(&network, HK, &["--since", &place("kept")]).await;
    let kept = open(&fs::read(place("kept")).unwrap(), &key);
    let new = open(since["checkpoint"].as_str().unwrap().as_bytes(), &key);
    let path = since["since"]["proof"].as_array().unwrap().iter();
    let path: Vec<Hash> = path.map(|hash| hash.as_str().unwrap().parse().unwrap()).collect();
    verify_consistency(kept.size(), &kept.root(), new.size(), &new.root(), &path).unwrap();
    assert!(proved.size() <= new.size());
    let verified = ledger(&network, HK, &["verify", "--since", &place("kept"), "--output", "json"]).await;
    let verified: Value = serde_json::from_str(&verified.stdout).unwrap();
    assert_eq!((&verified["verified"], &verified["checkpoints"]), (&true.into(), &2.into()));

    ledger(&network, HK, &["export", &place("export")]).await;
    let exported = open(&fs::read(place("export/checkpoint")).unwrap(), &key);
    assert!(exported.size() >= proved.size());
    let again = network.ledger(HK, &["export", &place("export")]).await;
    assert!(again.code() == Some(1) && again.log.contains("is not empty"), "{}", again.log);

    // What was kept of one ledger says nothing of another.
    let foreign = network.ledger(DE, &["checkpoint", "--since", &place("kept")]).await;
    assert!(foreign.code() == Some(2) && foreign.log.contains("is a checkpoint of"), "{}", foreign.log);

    // A last checkpoint covers everything; the next start finds the tree as it was.
    network.terminate(HK).await;
    let ended = checkpoint(&network, HK, &[]).await;
    let verified = ledger(&network, HK, &["verify", "--output", "json"]).await;
    let verified: Value = serde_json::from_str(&verified.stdout).unwrap();
    assert_eq!(verified["records"], ended["size"]);
    network.run(HK).await;
    assert!(!network.log(HK).contains("the tree was missing"), "{}", network.log(HK));
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn auditors_of_the_agency_are_served_proofs_and_leaves_and_nobody_else_is() {
    let network = Network::start("auditor").await;
    let hk = network.desk(HK).await;
    let sent = hk.send_all("all", shipments(&[DE], 0..5)).await;
    hk.are_delivered(&ids(&sent)).await;
    covered(&network, HK, sent[4].index).await;
    let key = ledger(&network, HK, &["checkpoint", "--verifier-key"]).await.stdout;
    let key = Log(key.trim_end().parse().unwrap());

    let auditor = &network.agency(HK).auditors[0];
    let credentials = Credentials::read(&auditor.certificate, &auditor.key).unwrap();
    let mut client = LedgerClient::new(network.dial_gateway(HK, credentials).await.unwrap().channel());
    let latest = client.get_checkpoint(pb::GetCheckpointRequest {}).await.unwrap().into_inner();
    let kept = open(&latest.checkpoint, &key);

    let index = sent[4].index;
    let proof = client.prove_inclusion(pb::ProveInclusionRequest { index }).await.unwrap().into_inner();
    let against = open(&proof.checkpoint, &key);
    let (leaf, path) = (leaf_hash(&proof.leaf), hashes(&proof.path));
    verify_inclusion(&leaf, index, against.size(), &against.root(), &path).unwrap();
    let request = pb::ProveConsistencyRequest { old_size: kept.size() };
    let proof = client.prove_consistency(request).await.unwrap().into_inner();
    let new = open(&proof.checkpoint, &key);
    verify_consistency(kept.size(), &kept.root(), new.size(), &new.root(), &hashes(&proof.proof)).unwrap();

    let mut export = client.export(pb::ExportRequest { from: 0 }).await.unwrap().into_inner();
    let (mut tree, mut checkpoint) = (Tree::new(), None);
    while let Some(message) = export.message().await.unwrap() {
        assert_eq!(message.first_index, tree.size());
        checkpoint = checkpoint.or_else(|| Some(open(&message.checkpoint, &key)));
        message.leaves.iter().for_each(|leaf| drop(tree.append(leaf_hash(leaf))));
    }
    let checkpoint = checkpoint.unwrap();
    assert_eq!((tree.size(), tree.root()), (checkpoint.size(), checkpoint.root()));

    let beyond = client.prove_inclusion(pb::ProveInclusionRequest { index: u64::MAX }).await.unwrap_err();
    assert_eq!(beyond.code(), Code::OutOfRange, "{beyond}");
    let nothing = client.prove_consistency(pb::ProveConsistencyRequest { old_size: 0 }).await.unwrap_err();
    assert_eq!(nothing.code(), Code::InvalidArgument, "{nothing}");
    let beyond = client.export(pb::ExportRequest { from: u64::MAX }).await.map(drop).unwrap_err();
    assert_eq!(beyond.code(), Code::OutOfRange, "{beyond}");

    // A tile that was damaged is never proved with, and is made anew from the records.
    let request = pb::ProveInclusionRequest { index };
    eventually("a damaged tile is noticed", async || {
        let partial = network.agency(HK).data.join("tree/tile/0/000.p");
        for tile in fs::read_dir(&partial).unwrap() {
            fs::write(tile.unwrap().path(), [7; 31]).unwrap();
        }
        match client.clone().prove_inclusion(request).await {
            Err(status) if status.code() == Code::Unavailable => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    eventually("a damaged tile is made anew", async || client.clone().prove_inclusion(request).await).await;

    let agency = network.agency(HK);
    for holder in [&agency.systems[0], &agency.officers[0]] {
        let credentials = Credentials::read(&holder.certificate, &holder.key).unwrap();
        let mut client = LedgerClient::new(network.dial_gateway(HK, credentials).await.unwrap().channel());
        let refused = client.get_checkpoint(pb::GetCheckpointRequest {}).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
        assert!(refused.message().contains("caller.role"), "{refused}");
    }
    let stranger = &network.agency(DE).auditors[0];
    let credentials = Credentials::read(&stranger.certificate, &stranger.key).unwrap();
    let dialled = network.dial_gateway(HK, credentials).await;
    assert!(matches!(dialled, Err(Error::Refused { .. })), "an auditor of another agency is not let in");
    network.end().await;
}
