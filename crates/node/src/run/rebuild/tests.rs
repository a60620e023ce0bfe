use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use sealpost_domain::message::Priority;
use sealpost_ledger::Commits;
use sealpost_seglog::disk::sim::Sim;
use sealpost_store::Memory;

use super::*;
use crate::fixture::{NOW, Network, agency, draft, empty_core};
use crate::projection::Changes;

/// The program ended between a durable append and the change of the index.
#[tokio::test]
async fn an_index_that_is_behind_the_ledger_catches_up_at_the_start() {
    let network = Network::new();
    let [mut station, _] = network.nodes();
    (0..2).for_each(|_| station.publish(Priority::Routine));
    let prepared = station.prepared(draft(Priority::Routine), Some("case-1"));
    station.step(|core, env, round| core.publish(env, round, &prepared).unwrap());
    let used_as = station.buckets.idempotency_digests("case-1").unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let (disk, options) = (Arc::new(Sim::new()), Options { commits: Commits::Inline, ..Options::default() });
    let folder = std::path::Path::new("/ledger");
    let (ledger, _) = Ledger::open(disk, folder, &agency("HK-CED"), NOW, &mut rng, options).unwrap();
    let drafted = |(recorded_at, record, body): &(Instant, Record, Bytes)| Draft {
        recorded_at: *recorded_at,
        salt: [0; 32],
        record: record.clone(),
        body: body.clone(),
    };
    let appended = ledger.append(station.records.iter().map(drafted).collect()).await.unwrap();

    let index = tempfile::tempdir().unwrap();
    let basis = Basis {
        boot_id: "this one",
        incarnation: ledger.incarnation().0,
        ledger_next: ledger.next(),
        schema: projection::SCHEMA,
    };
    let (store, _) = Store::open(index.path(), &basis).unwrap();
    // All but the last two messages were indexed when the index failed.
    let behind = appended.next - 2;
    let mut noted = Changes::new(&store, behind);
    for (place, (_, record, _)) in (appended.first..behind).zip(&station.records) {
        noted.note(place, record).unwrap();
    }
    noted.apply().unwrap();
    assert_eq!(listed(&store).len(), 1);
    assert_eq!(projection::message_of(&store, &used_as).unwrap(), None);

    let core = empty_core("HK-CED", ledger.incarnation(), &network.directory);
    let mut opened =
        Opened { ledger, core, store: Arc::new(store), untold: BTreeMap::new(), buckets: BTreeMap::new() };
    opened.take_over(0).unwrap();
    assert_eq!((opened.store.applied(), opened.core.next_index()), (appended.next, appended.next));

    assert_eq!(projection::message_of(opened.store.as_ref(), &used_as).unwrap(), Some(appended.next - 1));
    assert_eq!(opened.core.outbox.message_of(&used_as), None, "it was let go");

    let whole = Memory::new();
    let mut noted = Changes::new(&whole, appended.next);
    for (place, (_, record, _)) in (appended.first..).zip(&station.records) {
        noted.note(place, record).unwrap();
    }
    noted.apply().unwrap();
    assert_eq!(listed(opened.store.as_ref()), listed(&whole));
}

fn listed(projections: &dyn Projections) -> Vec<projection::Listed> {
    projection::from(projections, 0, 100).unwrap()
}
