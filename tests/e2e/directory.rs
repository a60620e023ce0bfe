//! The directory's life after its first version: the ceremony of docs/directory.md, run to the letter; thieves; a hub that shows
//! one node something else.

use std::fs;
use std::path::Path;

use sealpost_crypto::dsse::{PayloadType, SigningKey, sign_statement};
use sealpost_crypto::tls::Credentials;
use sealpost_domain::envelope::Signature;
use sealpost_domain::statement::Signed;
use sealpost_domain::view::DeliveryState;
use sealpost_proto::v1 as pb;
use sealpost_proto::v1::hub_client::HubClient;
use sealpost_wire::directory::Listing;
use sealpost_wire::envelope::signed_message;
use serde_json::Value;
use tonic::Code;

use crate::harness::{
    DE, HK, HubLine, Network, Officer, Pen, TH, done, eventually, refused, run, scripts, set, shipment,
    table, told,
};

const PAGE: &str = include_str!("../../docs/directory.md");

/// Runs the scripts of the page up to the first that publishes; what is left of them.
fn publishes_next<'s>(
    network: &Network,
    table: &Path,
    scripts: &'s [(&'static str, &'static str)],
) -> &'s [(&'static str, &'static str)] {
    let publishes = |(_, script): &(&str, &str)| script.contains("directory publish draft");
    let count = scripts.iter().position(publishes).unwrap() + 1;
    for (_, script) in &scripts[..count] {
        done(network, table, script);
    }
    &scripts[count..]
}

/// Waits until every node has installed a version.
async fn installed_everywhere(network: &Network, version: u64) {
    installed_at(network, &[HK, DE, TH], version).await;
}

/// Waits until these nodes have installed a version.
async fn installed_at(network: &Network, agencies: &[&str], version: u64) {
    for agency in agencies {
        let desk = network.desk(agency).await;
        eventually(&format!("{agency} installs version {version}"), async || {
            let status = desk.gateway().status().await.map_err(|error| told(&error))?;
            let found = status.directory_version;
            if found == version { Ok(()) } else { Err(format!("it has {found}")) }
        })
        .await;
    }
}

fn rules(refusals: &[sealpost_domain::view::Refusal]) -> Vec<&str> {
    refusals.iter().map(|refusal| refusal.rule.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ceremony_of_the_page_changes_what_nodes_permit() {
    let network = Network::start("directory").await;
    let table = table(&network);
    let (de, th) = (network.desk(DE).await, network.desk(TH).await);
    assert_eq!(rules(&de.refused(shipment(&[TH], "FLASH", "too early")).await), ["agreement.none"]);

    let scripts = scripts(PAGE);
    let later = publishes_next(&network, &table, &scripts);
    installed_everywhere(&network, 2).await;
    let sent = de.send(shipment(&[TH], "FLASH", "under the new agreement")).await.id;
    th.receives_exactly(&[sent]).await;
    de.are_delivered(&[sent]).await;

    let later = publishes_next(&network, &table, later);
    installed_everywhere(&network, 3).await;
    let again = de.send(shipment(&[TH], "URGENT", "under the next version")).await.id;
    th.receives_exactly(&[sent, again]).await;
    de.are_delivered(&[sent, again]).await;

    keeps_every_version(&network, &table).await;

    let rest = publishes_next(&network, &table, later);
    assert!(rest.is_empty(), "a script of the page is not run: {rest:?}");
    installed_everywhere(&network, 4).await;
    assert_eq!(rules(&de.refused(shipment(&[TH], "FLASH", "denounced")).await), ["agreement.none"]);
    network.assert_ledgers_sound().await;
    network.end().await;
}

/// Each version that was installed so far can be had from a node, to the byte, and its status names the one in force.
async fn keeps_every_version(network: &Network, table: &Path) {
    let listed = network.ledger(HK, &["directory", "--output", "json"]).await;
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    let versions = listed.as_array().unwrap();
    assert_eq!(versions.len(), 3, "{listed}");
    for (number, version) in (1..).zip(versions) {
        assert_eq!(version["version"], number);
        let installed = fs::read(table.join(format!("version-{number}.bin"))).unwrap();
        let file = table.join(format!("exported-{number}.bin"));
        let asked = ["directory", "--version", &number.to_string(), "--out", file.to_str().unwrap()];
        let ended = network.ledger(HK, &asked).await;
        assert_eq!(ended.code(), Some(0), "{}", ended.log);
        assert!(ended.log.contains(version["digest"].as_str().unwrap()), "{}", ended.log);
        assert_eq!(fs::read(&file).unwrap(), installed, "version {number}");
        let again = network.ledger(HK, &asked).await;
        assert_eq!(again.code(), Some(1), "an existing file is not overwritten");
    }
    let latest = table.join("exported.bin");
    let ended = network.ledger(HK, &["directory", "--out", latest.to_str().unwrap()]).await;
    assert_eq!(ended.code(), Some(0), "{}", ended.log);
    assert_eq!(fs::read(&latest).unwrap(), fs::read(table.join("version-3.bin")).unwrap());
    let unknown = network.ledger(HK, &["directory", "--version", "9"]).await;
    assert!(unknown.code() == Some(2) && unknown.log.contains("no version 9"), "{}", unknown.log);

    let officer = Officer::of(network, HK);
    let status = officer.document(&["status"]).await;
    for field in ["version", "digest", "valid_until"] {
        assert_eq!(status["directory"][field], versions[2][field], "{field}");
    }
    let shown = officer.run(&["status"]).await.stdout;
    assert!(shown.contains(status["directory"]["digest"].as_str().unwrap()), "{shown}");
    // The authority begins the next version from it.
    done(
        network,
        table,
        "sealpost-admin directory renew --valid-for 9 --base exported.bin --draft begun-4.bin",
    );
}

/// Hands a version to the hub as an operator who asks nobody; the answer.
async fn publish(network: &Network, signed: &Signed) -> Result<u64, tonic::Status> {
    let operator = network.folder().join("operators/ops");
    let credentials =
        Credentials::read(&operator.join("certificate.pem"), &operator.join("key.pem")).unwrap();
    let hub = network.dial_hub(credentials).await.unwrap();
    let request = pb::PublishDirectoryRequest { directory: Some(signed_message(signed)), crls: Vec::new() };
    let answer = HubClient::new(hub.channel()).publish_directory(request).await?;
    Ok(answer.into_inner().version)
}

fn signed_by(network: &Network, listing: &Listing, keys: &[usize]) -> Signed {
    let payload = listing.to_payload();
    let signature = |number: &usize| {
        let key = network.folder().join(format!("authority/key-{number}.pem"));
        let made =
            sign_statement(&SigningKey::read(&key).unwrap(), PayloadType::Directory, &payload).unwrap();
        Signature { key_id: made.key_id, bytes: made.bytes.to_vec().into() }
    };
    let signatures = keys.iter().map(signature).collect();
    Signed { payload, signatures }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thieves_of_five_publish_nothing_and_nobody_makes_up_an_agreement() {
    let network = Network::start("thieves").await;
    let table = table(&network);
    let setup = r#"
cp net/directory.bin version-1.bin
printf 'id = "FORGED"\ntitle = "Invented"\nparties = ["DE-ZKA", "TH-TCD"]\nfrom = 2026-01-01T00:00:00Z\n' > terms.toml
sealpost-admin directory propose agreement terms.toml --directory version-1.bin --out forged.pem
sealpost-admin directory renew --valid-for 30 --base version-1.bin --draft draft.bin
sealpost-admin directory sign draft.bin --base version-1.bin --key net/authority/key-1.pem
sealpost-admin directory sign draft.bin --base version-1.bin --key net/authority/key-2.pem
"#;
    done(&network, &table, setup);
    let told = refused(
        &network,
        &table,
        "sealpost-admin directory add-agreement forged.pem --base version-1.bin --draft draft.bin",
    );
    assert!(told.contains("rule directory.agreement") && told.contains("directory endorse"), "{told}");
    let told = refused(
        &network,
        &table,
        "sealpost-admin directory publish draft.bin --base version-1.bin --hub 127.0.0.1:7400 --crls net/crls \
         --certificate net/operators/ops/certificate.pem --key net/operators/ops/key.pem",
    );
    assert!(told.contains("2 of the authority's keys") && told.contains("directory sign"), "{told}");

    // The thieves have a program of their own: the hub refuses the same, and what is signed and made up.
    let draft = sealpost_admin::ceremony::draft::read(&table.join("draft.bin")).unwrap();
    let status = publish(&network, &draft).await.unwrap_err();
    assert!(
        status.code() == Code::PermissionDenied && status.message().contains("directory.authority"),
        "{status}"
    );
    let forged = sealpost_admin::ceremony::statement::Statement::read(&table.join("forged.pem")).unwrap();
    let mut listing = Listing::from_payload(&draft.payload).unwrap();
    listing.agreements.push(forged.signed);
    let status = publish(&network, &signed_by(&network, &listing, &[1, 2, 3])).await.unwrap_err();
    assert!(
        status.code() == Code::PermissionDenied && status.message().contains("directory.agreement"),
        "{status}"
    );
    listing.agreements.pop();
    listing.version = 3;
    let status = publish(&network, &signed_by(&network, &listing, &[1, 2, 3])).await.unwrap_err();
    assert!(
        status.code() == Code::FailedPrecondition && status.message().contains("directory.chain"),
        "{status}"
    );

    // A third holder signs what is honest: it is published, and once more by an operator who did not hear the answer.
    let publishes = "
sealpost-admin directory sign draft.bin --base version-1.bin --key net/authority/key-4.pem
for attempt in first second; do
    sealpost-admin directory publish draft.bin --base version-1.bin --hub 127.0.0.1:7400 --crls net/crls \
        --certificate net/operators/ops/certificate.pem --key net/operators/ops/key.pem
done";
    done(&network, &table, publishes);
    installed_everywhere(&network, 2).await;
    network.assert_ledgers_sound().await;
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_goes_on_under_its_next_keys_loses_no_mail_and_the_stolen_one_is_refused() {
    let mut network = Network::start("rotation").await;
    let table = table(&network);
    let (hk, de) = (network.desk(HK).await, network.desk(DE).await);
    let first = hk.send(shipment(&[DE], "URGENT", "under the first key")).await.id;
    hk.are_delivered(&[first]).await;
    // What is signed by the first key, and on its way to Thailand until all of this is over.
    assert_eq!(network.terminate(TH).await.code(), Some(0));
    let on_its_way = hk.send(shipment(&[TH], "URGENT", "on its way")).await.id;
    hk.reaches(on_its_way, TH, DeliveryState::Accepted).await;
    // Both keys are with the node before anybody uses them.
    let rotates = "
cp net/directory.bin version-1.bin
keys=net/nodes/HK-CED
sealpost-admin directory propose signing-key --agency HK-CED --new $keys/signing-2.pem --plain --days 30 --out signing.pem
sealpost-admin directory endorse signing.pem --key net/roots/HK.key.pem --directory version-1.bin
sealpost-admin directory endorse signing.pem --key $keys/signing.pem --directory version-1.bin
sealpost-admin directory propose sealing-key --agency HK-CED --new $keys/sealing-2.pem --plain --epoch 2 --days 30 \
    --key $keys/signing.pem --out sealing.pem
sealpost-admin directory rotate-key signing signing.pem --base version-1.bin --draft version-2.bin
sealpost-admin directory rotate-key sealing sealing.pem --base version-1.bin --draft version-2.bin
for holder in 1 3 5; do
    sealpost-admin directory sign version-2.bin --base version-1.bin --key net/authority/key-$holder.pem
done
sealpost-admin directory publish version-2.bin --base version-1.bin --hub 127.0.0.1:7400 --crls net/crls \
    --certificate net/operators/ops/certificate.pem --key net/operators/ops/key.pem";
    done(&network, &table, rotates);
    installed_at(&network, &[HK, DE], 2).await;
    eventually("the node tells that it lacks its next key", async || {
        let log = network.log(HK);
        let unfit = "the new directory and the keys of this node do not fit";
        if log.contains(unfit) { Ok(()) } else { Err(log) }
    })
    .await;
    let check = "sealpost-node --config net/nodes/HK-CED/node.toml check-config";
    let lacks = run(&table, check);
    assert_eq!(lacks.status.code(), Some(2), "others seal to its next key by now");
    assert!(
        String::from_utf8_lossy(&lacks.stderr)
            .contains("(directory version 2), which is in none of the files")
    );
    assert_eq!(network.terminate(HK).await.code(), Some(0));
    let config = network.agency(HK).config.clone();
    set(&config, "signing = \"signing.pem\"", "signing = \"signing-2.pem\"");
    set(&config, "sealing = [\"sealing-1.pem\"]", "sealing = [\"sealing-1.pem\", \"sealing-2.pem\"]");
    let judged = "judged by version 2 of the directory, the last in the ledger";
    assert!(done(&network, &table, check).starts_with(judged));
    network.run(HK).await;
    assert!(done(&network, &table, check).starts_with(judged), "also while it runs");
    let hk = network.desk(HK).await;
    let second = hk.send(shipment(&[DE], "URGENT", "under the next key")).await.id;
    de.receives_exactly(&[first, second]).await;
    hk.are_delivered(&[second]).await;
    let back = de.send(shipment(&[HK], "URGENT", "sealed to the next epoch")).await.id;
    hk.receives_exactly(&[back]).await;

    // The old one turns out to be stolen.
    let mut thief = Pen::of(&network, HK);
    let revokes = r#"
stolen=$(sealpost-admin directory whose --key net/nodes/HK-CED/signing.pem --output json | sed -n 's/.*"id": "\(.*\)",/\1/p')
sealpost-admin directory revoke --key "$stolen" --reason compromised --base version-2.bin --draft version-3.bin
for holder in 2 3 4; do
    sealpost-admin directory sign version-3.bin --base version-2.bin --key net/authority/key-$holder.pem
done
sealpost-admin directory publish version-3.bin --base version-2.bin --hub 127.0.0.1:7400 --crls net/crls \
    --certificate net/operators/ops/certificate.pem --key net/operators/ops/key.pem"#;
    done(&network, &table, revokes);
    installed_at(&network, &[HK, DE], 3).await;
    let third = hk.send(shipment(&[DE], "FLASH", "after the theft")).await.id;
    hk.are_delivered(&[third]).await;
    // Signed again by the present key, as the same message, without anybody's doing.
    network.run(TH).await;
    network.desk(TH).await.receives_exactly(&[on_its_way]).await;
    hk.are_delivered(&[on_its_way]).await;
    assert_eq!(network.terminate(HK).await.code(), Some(0));
    let line = HubLine::of(&network, HK).await;
    let refusals = line.submit(&[thief.write(&shipment(&[DE], "URGENT", "of a thief"))]).await.unwrap();
    assert_eq!((refusals.len(), refusals[0].rule.as_str()), (1, "key.unknown"));
    de.receives_exactly(&[first, second, third]).await;
    network.assert_ledgers_sound().await;
    network.end().await;
}
