use std::path::Path;
use std::time::Duration;

use futures::FutureExt as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use sealpost_crypto::dsse::SigningKey;
use sealpost_ledger::tree::{Files, NoteSigner};
use sealpost_ledger::{Commits, Ledger, Options};
use sealpost_merkle::Hash;
use sealpost_merkle::checkpoint::Checkpoint;
use sealpost_seglog::disk::sim::Sim;
use tokio::sync::{Notify, watch};
use tonic::Code;

use super::*;
use crate::fixture::{NOW, agency};

const LONG: Duration = Duration::from_hours(1);

/// A checkpoint over so many records, of which nobody asks here what they are.
fn signed(size: u64) -> Signed {
    let origin = "test.sealpost/ledger/HK-CED/00".parse().unwrap();
    let key = Arc::new(SigningKey::generate(&mut ChaCha20Rng::seed_from_u64(3)));
    let checkpoint = Checkpoint::new("test.sealpost/ledger/HK-CED/00", size, Hash::EMPTY_ROOT).unwrap();
    Signed { note: checkpoint.sign(&NoteSigner::new(&origin, key)).unwrap(), checkpoint }
}

fn audit(broken: Arc<Notify>) -> Audit {
    let options = Options { commits: Commits::Inline, ..Options::default() };
    let (disk, mut rng) = (Arc::new(Sim::new()), ChaCha20Rng::seed_from_u64(5));
    let opened = Ledger::open(disk, Path::new("ledger"), &agency("HK-CED"), NOW, &mut rng, options);
    let history = opened.unwrap().0.history().clone();
    let checkpoint = watch::Sender::new(Some(signed(1))).subscribe();
    let files = Files::at(Path::new("/absent"));
    let proofs = Proofs::new(history.clone(), files, checkpoint, broken);
    Audit::new(agency("HK-CED"), history, proofs, CancellationToken::new())
}

/// Of so many leaves of 64,000 bytes, of which sixteen make a message.
fn export(leaves: u64) -> Export<impl Iterator<Item = Result<Bytes, sealpost_ledger::ReadError>>> {
    let leaf = Bytes::from(vec![7; 64_000]);
    Export::new(std::iter::repeat_with(move || Ok(leaf.clone())), 0, &signed(leaves))
}

#[tokio::test]
async fn only_a_tile_at_fault_has_the_tree_made_anew() {
    let broken = Arc::<Notify>::default();
    let audit = audit(Arc::clone(&broken));
    let failing = |kind: fn(Box<dyn std::error::Error + Send + Sync>) -> ProofError| {
        audit.prove(move |_| Err::<(), _>(kind("a fault".into())))
    };
    let unread = failing(ProofError::Unread).await.unwrap_err();
    assert_eq!(unread.code(), Code::Unavailable);
    assert!(broken.notified().now_or_never().is_none());
    let wrong = failing(ProofError::Tree).await.unwrap_err();
    assert_eq!(wrong.code(), Code::Unavailable);
    assert!(broken.notified().now_or_never().is_some());
}

#[tokio::test]
async fn an_export_whose_caller_takes_nothing_ends_and_says_why() {
    let (outlet, taken) = export::outlet(CancellationToken::new(), Duration::from_millis(1));
    let runtime = Handle::current();
    spawn_blocking(move || outlet.send_all(export(100), &runtime)).await.unwrap();
    let mut taken: Vec<_> = ReceiverStream::new(taken).collect().await;
    let last = taken.pop().unwrap().unwrap_err();
    assert!(last.code() == Code::Unavailable && last.message().contains("no message was taken"), "{last}");
    let firsts = taken.into_iter().map(|message| message.unwrap().first_index);
    assert_eq!(firsts.collect::<Vec<_>>(), [0, 16], "what was read ahead is given out before that");
}

#[tokio::test]
async fn an_export_whose_caller_takes_nothing_does_not_hold_up_the_end_of_the_node() {
    let stop = CancellationToken::new();
    let (outlet, taken) = export::outlet(stop.clone(), LONG);
    let runtime = Handle::current();
    let sending = spawn_blocking(move || outlet.send_all(export(100), &runtime));
    while taken.len() < 2 {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    sending.await.unwrap();
    let last = ReceiverStream::new(taken).collect::<Vec<_>>().await.pop().unwrap().unwrap_err();
    assert!(last.message().contains("stopping"), "{last}");
}

#[tokio::test]
async fn an_export_that_is_taken_comes_to_its_end() {
    let (outlet, taken) = export::outlet(CancellationToken::new(), LONG);
    let runtime = Handle::current();
    let sending = spawn_blocking(move || outlet.send_all(export(100), &runtime));
    let messages: Vec<_> = ReceiverStream::new(taken).map(Result::unwrap).collect().await;
    sending.await.unwrap();
    assert_eq!(messages.iter().map(|message| message.leaves.len()).sum::<usize>(), 100);
    let with_checkpoint = messages.iter().filter(|message| !message.checkpoint.is_empty());
    assert_eq!(with_checkpoint.map(|message| message.first_index).collect::<Vec<_>>(), [0]);
}
