//! Every bit of an encoded envelope, flipped one at a time: between sender and hub, and by the hub itself.

use std::collections::BTreeMap;
use std::thread;

use bytes::Bytes;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use sealpost_domain::agency::AgencyId;

use crate::scene::hub::{Refused, encoded};
use crate::scene::{DE, Network, Node, Passed, Said, TH, agency, draft};

/// Threads, each with a hub of its own.
const WORKERS: usize = 2;

/// What became of a flip, by the rule that decided.
type Counts = BTreeMap<String, u64>;

#[test]
fn every_flipped_bit_is_refused_by_the_hub_or_by_the_recipient_that_it_concerns_or_changes_nothing() {
    let network = Network::new();
    let [mut hong_kong, germany, thailand] = network.nodes();
    let envelope = hong_kong.write(draft(&[DE, TH], "invented, and flipped bit by bit"));
    assert_eq!((envelope.sealed.len(), envelope.wraps.len()), (1024 + 16, 2));
    let bytes = encoded(&envelope);
    let attack = Attack { network: &network, recipients: [&germany, &thailand], bytes: &bytes };

    let intact = attack.intact();
    let counts = shared(|worker| attack.flip_share(worker, &intact));
    report("an envelope", bytes.len(), &counts);
    assert_eq!(counts.values().sum::<u64>(), 8 * bytes.len() as u64, "every flip has its class");

    // Header, signature, key id and sealed content fall at the hub; what it cannot judge, a wrap, at its recipient.
    let count = |class: &str| counts.get(class).copied().unwrap_or_default();
    assert!(count("hub: signature.invalid") >= 8 * (envelope.header.len() + 64) as u64);
    assert!(count("hub: sealed.digest") >= 8 * envelope.sealed.len() as u64);
    assert!(count("hub: key.unknown") >= 8 * 32);
    for (recipient, wrap) in [DE, TH].into_iter().zip(&envelope.wraps) {
        assert_eq!(wrap.recipient, agency(recipient));
        let hidden = wrap.encapsulated_key.len() + wrap.ciphertext.len() + 32;
        assert!(count(&format!("{recipient}: wrap.unopened")) >= 8 * hidden as u64);
    }
}

/// The hub is nobody to be trusted: what it changes on the way to a recipient is refused there. Nothing of it settles the
/// number, so that the sender's repeat is delivered.
#[test]
fn every_bit_that_the_hub_flips_is_refused_by_the_recipient_or_changes_nothing() {
    let network = Network::new();
    let [mut hong_kong, germany, _] = network.nodes();
    let envelope = hong_kong.write(draft(&[DE, TH], "invented, and flipped bit by bit"));
    let (_, bytes) = network.hub().submit(&encoded(&envelope)).unwrap().deliveries.remove(0);
    let intact = germany.judge(&bytes, &mut ChaCha20Rng::seed_from_u64(2));
    assert!(matches!(intact, Said::Shown(_)), "{intact:?}");
    let counts = shared(|worker| {
        let (mut rng, mut counts) = (ChaCha20Rng::seed_from_u64(3), Counts::new());
        for (place, bit) in share(worker, bytes.len()) {
            let class = match germany.judge(&flipped(&bytes, place, bit).into(), &mut rng) {
                Said::Unproven(rule) => rule,
                Said::Unreadable => "no delivery".to_owned(),
                // Where it lies in the hub's journal is the hub's own.
                said if said == intact => "identical".to_owned(),
                said => panic!("byte {place}, bit {bit}: {said:?}"),
            };
            *counts.entry(class).or_default() += 1;
        }
        counts
    });
    report("a delivery", bytes.len(), &counts);
    assert_eq!(counts.values().sum::<u64>(), 8 * bytes.len() as u64, "every flip has its class");
    // The number of the place has a tag and three bytes.
    assert!(counts["identical"] <= 8 * 4, "{counts:?}");
}

/// The bytes and bits of a worker's share.
fn share(worker: usize, bytes: usize) -> impl Iterator<Item = (usize, u32)> {
    (worker..bytes).step_by(WORKERS).flat_map(|place| (0..8).map(move |bit| (place, bit)))
}

fn flipped(bytes: &[u8], place: usize, bit: u32) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[place] ^= 1 << bit;
    flipped
}

/// Lets all workers do their share, and counts together what they count.
fn shared(work: impl Fn(usize) -> Counts + Sync) -> Counts {
    let mut counts = Counts::new();
    thread::scope(|scope| {
        let work = &work;
        let workers: Vec<_> = (0..WORKERS).map(|worker| scope.spawn(move || work(worker))).collect();
        for (class, count) in workers.into_iter().flat_map(|worker| worker.join().unwrap()) {
            *counts.entry(class).or_default() += count;
        }
    });
    counts
}

#[expect(clippy::print_stdout, reason = "the test harness shows it when asked")]
fn report(what: &str, bytes: usize, counts: &Counts) {
    println!("{} flips of {what} of {bytes} bytes:", 8 * bytes);
    for (class, count) in counts {
        println!("{count:>8}  {class}");
    }
}

/// What a recipient gets, and what it sees in that.
struct Intact {
    bytes: Bytes,
    said: Said,
}

struct Attack<'a> {
    network: &'a Network,
    recipients: [&'a Node; 2],
    bytes: &'a [u8],
}

impl Attack<'_> {
    /// What the recipients get and see of the envelope as it was made.
    fn intact(&self) -> [Intact; 2] {
        let deliveries = self.network.hub().submit(self.bytes).unwrap().deliveries;
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        self.recipients.map(|node| {
            let (_, bytes) = deliveries.iter().find(|(recipient, _)| *recipient == node.id()).unwrap();
            let said = node.judge(bytes, &mut rng);
            assert!(matches!(said, Said::Shown(_)), "{said:?}");
            Intact { bytes: bytes.clone(), said }
        })
    }

    /// Flips every bit of a worker's share of the bytes.
    fn flip_share(&self, worker: usize, intact: &[Intact; 2]) -> Counts {
        let mut hub = self.network.hub();
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let mut counts = Counts::new();
        for (place, bit) in share(worker, self.bytes.len()) {
            let class = match hub.submit(&flipped(self.bytes, place, bit)) {
                Err(Refused::Unreadable) => "hub: no envelope".to_owned(),
                Err(Refused::By(rule)) => format!("hub: {rule}"),
                Ok(passed) => self
                    .at_recipients(&passed, intact, &mut rng)
                    .unwrap_or_else(|fault| panic!("byte {place}, bit {bit}: {fault}")),
            };
            *counts.entry(class).or_default() += 1;
        }
        counts
    }

    /// What a flip that the hub cannot see does at the recipients: one of them at most is concerned.
    fn at_recipients(
        &self,
        passed: &Passed,
        intact: &[Intact; 2],
        rng: &mut ChaCha20Rng,
    ) -> Result<String, String> {
        let mut class = None;
        for (node, intact) in self.recipients.iter().zip(intact) {
            let id = node.id();
            let found = passed.deliveries.iter().find(|(recipient, _)| *recipient == id);
            if found.is_some_and(|(_, bytes)| *bytes == intact.bytes) {
                continue;
            }
            let said = found.map(|(_, bytes)| node.judge(bytes, rng));
            if let Some(concerned) = concerned(&id, said, &intact.said, &passed.refusals)?
                && let Some(other) = class.replace(concerned)
            {
                return Err(format!("it concerns two recipients: {other}, {class:?}"));
            }
        }
        Ok(class.unwrap_or_else(|| "identical to every recipient".to_owned()))
    }
}

/// How a flip that passed the hub concerns a recipient; `None` when it sees exactly what was sent.
fn concerned(
    recipient: &AgencyId,
    said: Option<Said>,
    intact: &Said,
    refusals: &[(AgencyId, String)],
) -> Result<Option<String>, String> {
    match said {
        // The hub tells the sender under its signature, who sends again with a wrap.
        None => {
            let refusal = refusals.iter().find(|(id, _)| id == recipient);
            let (_, rule) = refusal.ok_or(format!("{recipient} gets nothing, and nobody says so"))?;
            Ok(Some(format!("{recipient}: told by the hub: {rule}")))
        }
        Some(said) if said == *intact => Ok(None),
        Some(Said::Unproven(rule) | Said::Excepted(rule)) => Ok(Some(format!("{recipient}: {rule}"))),
        Some(said) => Err(format!("{recipient} has {said:?}")),
    }
}
