use sealpost_server::pool::Pool as Workers;
use sealpost_store::Keyspace;

use super::*;
use crate::fixture::{Network, Station, agency, draft};
use crate::pool::system_random;

/// The publisher of a node, and what it hands to the writer.
async fn publisher_of(station: &Station, network: &Network) -> (Publisher, queue::Receiver<Input>) {
    let (shared, _) = station.shared(network).await;
    let views = Arc::new(LedgerViews::new(Arc::clone(&shared)));
    let known = Arc::clone(&views) as Arc<dyn crate::known::Known>;
    let preparer = Preparer::new(agency("HK-CED"), Arc::clone(&station.buckets), known);
    let (engine, handed_on) = queue::queue(4);
    let pool = Pool::new(Workers::of_cores().unwrap(), system_random());
    (Publisher::new(shared, views, preparer, pool, engine), handed_on)
}

fn publication() -> Publication {
    Publication {
        draft: draft(Priority::Urgent),
        release: None,
        idempotency_key: Some("case-1".parse().unwrap()),
        publisher: KeyId::new([9; 32]),
    }
}

#[tokio::test]
async fn nobody_is_told_to_come_back_where_the_index_failed() {
    let network = Network::new();
    let station = Station::new(&network, "HK-CED");
    let (publisher, _handed_on) = publisher_of(&station, &network).await;
    assert!(matches!(publisher.draft(&publication().into()).await, Ok(Draft::Prepared(_))));
    publisher.shared.projections.distrust_lacking(Keyspace::new("any"));
    let drafted = publisher.draft(&publication().into()).await;
    assert_eq!(drafted.err(), Some(PublishError::Stopping));
    let (answer, read) = oneshot::channel();
    let message = MessageId::new(1, [0; 10]);
    publisher.acknowledge(vec![message], None, KeyId::new([9; 32]), answer).await;
    assert_eq!(read.await.unwrap(), Err(AcknowledgeError::Stopping));
}
