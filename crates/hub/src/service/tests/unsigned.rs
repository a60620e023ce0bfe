//! Versions of the directory that its authority did not sign: the writer, behind whom all mail waits, never sees them.

use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use sealpost_crypto::directory::trust_set;
use sealpost_crypto::dsse::SigningKey;
use sealpost_domain::digest::KeyId;
use sealpost_domain::envelope::Signature;
use sealpost_domain::statement::Signed;
use sealpost_seglog::disk::Disk;
use sealpost_seglog::disk::sim::Sim;

use super::*;
use crate::hot::Hot;
use crate::journal::Journal as _;
use crate::journal::local::{Fresh, Local};
use crate::rates::{Rate, Rates};
use crate::writer::{Reserve, Turns};

const ENOUGH: Rate = Rate { items: 1, bytes: 1 };

/// A hub with the first version in force, whose writer works only when it is told to.
async fn hub(stage: &Stage) -> (Parts, Turns) {
    let fresh = Fresh { incarnation: Incarnation([7; 16]), entries_salt: [1; 8], bodies_salt: [2; 8] };
    let disk: Arc<dyn Disk> = Arc::new(Sim::new());
    let (journal, state) = Local::open(&disk, Path::new("hub"), fresh).unwrap();
    let (incarnation, reader) = (journal.incarnation(), journal.reader());
    let (view, clock) = (Arc::new(View::new(state, Hot::new(1 << 20))), Clock::new(|| NOW));
    let (writer, mut turns) =
        Writer::by_turns(Box::new(journal), Arc::clone(&view), clock.clone(), Reserve::of(0));
    let (published, ()) = tokio::join!(writer.publish(stage.network.genesis()), async { turns.take() });
    let set = trust_set(&published.unwrap()).unwrap();
    let (crls, kept) = (stage.folder.path().join("crls"), stage.folder.path().join("kept"));
    let roots = Arc::new(Roots::open(set, &[], &crls, &kept, clock.clone()).unwrap());
    let pool = Pool::within(1);
    let parts = Parts {
        dispatch: Dispatch::new(Arc::clone(&view), reader, pool.clone(), incarnation, 1 << 20),
        view,
        writer,
        relay: Arc::new(Relay::default()),
        roots,
        pool,
        signer: Arc::new(SigningKey::generate(&mut ChaCha20Rng::seed_from_u64(7))),
        clock,
        incarnation,
        shutdown: Shutdown::new(PATIENCE),
        tasks: TaskTracker::new(),
        limits: Limits { backlog: 1, sender_bytes: 1 },
        pace: Pace::new(Rates { flash: ENOUGH, mail: ENOUGH, control: ENOUGH }),
        connections: Connections::default(),
    };
    (parts, turns)
}

#[tokio::test]
async fn a_version_that_is_not_believed_is_refused_without_the_writer() {
    let stage = Stage::new();
    let (parts, mut turns) = hub(&stage).await;
    let first = parts.view.directory().unwrap();
    let next = stage.network.next_version(&first, &["HK-CED", "TH-TCD"]);
    let publish = |signed: &Signed| {
        let request = pb::PublishDirectoryRequest { directory: Some(signed_message(signed)), crls: vec![] };
        within(directory::publish(&parts, request))
    };

    let junk = |key_id| Signature { key_id, bytes: vec![7; 64].into() };
    let named: Vec<_> = next.signatures.iter().map(|signature| junk(signature.key_id)).collect();
    let strangers = (0..=255).map(|place| junk(KeyId::new([place; 32])));
    let signatures = named.iter().cloned().chain(strangers).take(256).collect();
    let refused = publish(&Signed { signatures, ..next.clone() }).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(refused.message().starts_with("directory.authority"), "{refused}");

    let signatures = vec![named[0].clone(); 256];
    let refused = publish(&Signed { signatures, ..next.clone() }).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");

    // One that is believed waits for the writer.
    let mut believed = Box::pin(publish(&next));
    let waits = futures::future::poll_immediate(&mut believed).await;
    assert!(waits.is_none());
    let is_in_force = || parts.view.directory().is_some_and(|directory| directory.version.version == 2);
    let writing = async {
        while !is_in_force() {
            turns.take();
            tokio::task::yield_now().await;
        }
    };
    let published = tokio::join!(believed, writing).0;
    assert_eq!(published.unwrap().version, 2);
}
