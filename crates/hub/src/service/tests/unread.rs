//! Clients whose windows are shut, so that nothing of an answer is read, and its stream is not even polled.

use bytes::{BufMut as _, Bytes, BytesMut};
use prost::Message as _;
use tokio::task::JoinHandle;

use super::hostile::{endpoint, shaken};
use super::*;
use crate::service::calls::Method;

/// A connection of Hong Kong's on which the hub can send no answer, and what ends with it.
async fn shut(stage: &Stage, hub: &Running) -> (h2::client::SendRequest<Bytes>, JoinHandle<()>) {
    let stream = shaken(&hub.address, &endpoint(stage)).await;
    let (sending, connection) =
        h2::client::Builder::new().initial_window_size(0).handshake(stream).await.unwrap();
    let connection = tokio::spawn(async move {
        // An end by a reset is one as well.
        let _ = connection.await;
    });
    (sending.ready().await.unwrap(), connection)
}

/// Opens Submit, and says these batches.
fn submits(
    sending: &mut h2::client::SendRequest<Bytes>,
    batches: impl IntoIterator<Item = pb::SubmitRequest>,
) -> (h2::client::ResponseFuture, h2::SendStream<Bytes>) {
    let request = http::Request::post("http://hub/sealpost.v1.Hub/Submit")
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    let (response, mut body) = sending.send_request(request.body(()).unwrap(), false).unwrap();
    for batch in batches {
        let mut frame = BytesMut::new();
        frame.put_u8(0);
        frame.put_u32(u32::try_from(batch.encoded_len()).unwrap());
        batch.encode(&mut frame).unwrap();
        body.send_data(frame.freeze(), false).unwrap();
    }
    (response, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_no_answer_to_its_flash_holds_up_nobody_elses() {
    let stage = Stage::of(Network::of_friends());
    let hub = stage.start().await;
    let (mut hk, _connection) = shut(&stage, &hub).await;
    let flash = |agency, seed| stage.network.envelope(agency, &["DE-ZKA"], Priority::Flash, seed);
    let batch = |seed: u8| pb::SubmitRequest {
        batch: seed.into(),
        envelopes: vec![envelope_message(&flash("HK-CED", seed))],
    };
    let _held = submits(&mut hk, (1..=64).map(batch));

    let mut de = stage.node(&hub, "DE-ZKA").await;
    let mut inbox = Inbox::open(&mut de, Priority::Flash, None, 1).await;
    // The hub has begun to take what comes on that stream, and has nowhere to answer.
    assert_eq!(inbox.deliveries(1).await.len(), 1);
    let mut th = stage.node(&hub, "TH-TCD").await;
    for seed in 100..110 {
        let mail = [flash("TH-TCD", seed)];
        assert_eq!(within(stage.submit(&mut th, &mail)).await.refusals, []);
    }
    drop((inbox, de, th));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_not_read_ends_for_newer_ones_and_its_connection_with_it() {
    let stage = Stage::of(Network::of_friends());
    let hub = stage.start().await;
    let (mut hk, connection) = shut(&stage, &hub).await;
    let batch = |seed: u8| {
        let mail = stage.network.envelope("HK-CED", &["DE-ZKA"], Priority::Routine, seed);
        pb::SubmitRequest { batch: seed.into(), envelopes: vec![envelope_message(&mail)] }
    };
    let mut held = vec![submits(&mut hk, (1..=50).map(batch))];
    // With so many taken, answers stand at the transport, and the stream with them: it takes hardly more than these.
    let mut de = stage.node(&hub, "DE-ZKA").await;
    let mut inbox = Inbox::open(&mut de, Priority::Routine, None, 18).await;
    assert_eq!(inbox.deliveries(18).await.len(), 18);
    for _ in 0..Method::Submit.most() {
        assert!(!connection.is_finished());
        hk = within(hk.ready()).await.unwrap();
        held.push(submits(&mut hk, []));
    }
    within(connection).await.unwrap();
    drop((held, hk, inbox, de));
    hub.stop().await;
}
