//! Peers that mean no good, with real sockets: the others are served.

use bytes::{Buf as _, BufMut as _, Bytes};
use rustls::pki_types::ServerName;
use sealpost_crypto::tls::Endpoint;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use super::*;
use crate::rates::Rate;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// Germany hears what Thailand sends, from before the attack on.
struct Others {
    thailand: HubClient<Channel>,
    inbox: Inbox,
    seed: u8,
}

impl Others {
    async fn connect(stage: &Stage, hub: &Running) -> Self {
        let (thailand, mut de) = (stage.node(hub, "TH-TCD").await, stage.node(hub, "DE-ZKA").await);
        Self { thailand, inbox: Inbox::open(&mut de, Priority::Routine, None, 1000).await, seed: 100 }
    }

    async fn are_served(&mut self, stage: &Stage) {
        // Not acknowledged, so that one which begins again is delivered again.
        self.seed = self.seed.checked_add(1).unwrap_or(100);
        let envelope = stage.network.envelope("TH-TCD", &["DE-ZKA"], Priority::Routine, self.seed);
        stage.submit(&mut self.thailand, std::slice::from_ref(&envelope)).await;
        assert_eq!(headers(&self.inbox.deliveries(1).await), [envelope.header]);
    }
}

pub(super) fn endpoint(stage: &Stage) -> Endpoint {
    let roots: Vec<_> = stage.network.roots.values().collect();
    let issued = stage.network.roots["HK"].issue(&format!("spiffe://{NETWORK}/HK/CED/node/main"));
    issued.endpoint(&Trust::new(trust(&roots)), [Admitted::Hub])
}

pub(super) async fn shaken(hub: &str, endpoint: &Endpoint) -> TlsStream<TcpStream> {
    let (config, _) = endpoint.client(&[b"h2"]).unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = TcpStream::connect(hub).await.unwrap();
    TlsConnector::from(config).connect(name, stream).await.unwrap()
}

/// Waits until the hub closes a connection, and gives what it said before.
pub(super) async fn closed(mut stream: impl tokio::io::AsyncRead + Unpin) -> Vec<u8> {
    let mut said = Vec::new();
    // A reset is an end as well.
    let _ = within(stream.read_to_end(&mut said)).await;
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_that_come_to_no_end_give_way() {
    const DOOR: usize = 4;
    let stage = Stage::of(Network::of_friends());
    let mut config = stage.config();
    config.limits.door.handshakes_max = DOOR;
    config.limits.door.per_address_max = 10 * DOOR;
    config.limits.door.handshake_timeout = 100 * PATIENCE;
    let hub = stage.start_as(&config).await;
    let mut half_open = Vec::new();
    for at in 0..2 * DOOR {
        let mut stream = TcpStream::connect(&hub.address).await.unwrap();
        if at % 2 == 1 {
            // The beginning of a ClientHello, and nothing more of it.
            stream.write_all(&[0x16, 0x03, 0x01, 0x02]).await.unwrap();
        }
        half_open.push(stream);
    }
    let mut others = Others::connect(&stage, &hub).await;
    others.are_served(&stage).await;
    // The oldest went for those behind them, and these are judged by nothing but the door.
    for stream in half_open.drain(..DOOR) {
        closed(stream).await;
    }
    drop(others);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_no_frames_or_too_large_end_their_own_connection_alone() {
    let stage = Stage::of(Network::of_friends());
    let hub = stage.start().await;
    let mut others = Others::connect(&stage, &hub).await;
    let endpoint = endpoint(&stage);
    let too_large = [&[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1][..], &[0; 1024]].concat();
    let data_without_a_stream = [0, 0, 1, 0, 0, 0, 0, 0, 1, 0];
    let settings_of_a_stream = [0, 0, 0, 4, 0, 0, 0, 0, 9];
    let headers_that_cannot_be_unpacked = [0, 0, 4, 1, 5, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff];
    let frames =
        [&too_large[..], &data_without_a_stream, &settings_of_a_stream, &headers_that_cannot_be_unpacked];
    for frame in frames {
        let mut stream = shaken(&hub.address, &endpoint).await;
        stream.write_all(&[PREFACE, SETTINGS, frame].concat()).await.unwrap();
        let said = closed(stream).await;
        // A GOAWAY: type 7, on stream 0.
        assert!(said.windows(6).any(|bytes| bytes == [7, 0, 0, 0, 0, 0]), "{frame:?}: {said:?}");
        others.are_served(&stage).await;
    }
    let mut no_http = shaken(&hub.address, &endpoint).await;
    no_http.write_all(b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n").await.unwrap();
    closed(no_http).await;
    others.are_served(&stage).await;
    drop(others);
    hub.stop().await;
}

/// Sends bytes as they are, as one message.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, bytes: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(bytes);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_no_messages_or_too_large_end_their_own_call_alone() {
    let stage = Stage::of(Network::of_friends());
    let hub = stage.start().await;
    let mut others = Others::connect(&stage, &hub).await;
    let channel = connect(&hub.address, &endpoint(&stage), PATIENCE).await.unwrap().channel();
    let malformed = Bytes::from_static(&[0x12, 0x7f, 1]);
    let too_large = Bytes::from(vec![0; (4 << 20) + 1]);
    for method in ["Submit", "Receive", "Control", "WatchDirectory"] {
        for (message, code) in [(&malformed, Code::InvalidArgument), (&too_large, Code::OutOfRange)] {
            let mut grpc = tonic::client::Grpc::new(channel.clone());
            grpc.ready().await.unwrap();
            let path = format!("/sealpost.v1.Hub/{method}").parse().unwrap();
            let request = Request::new(stream::iter([message.clone()]).chain(stream::pending()));
            let called = async {
                let mut answers = grpc.streaming(request, path, Raw).await?.into_inner();
                while answers.message().await?.is_some() {}
                Ok::<_, Status>(())
            };
            let status = within(called).await.unwrap_err();
            assert_eq!(status.code(), code, "{method}: {status}");
            others.are_served(&stage).await;
        }
    }
    drop((others, channel));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_operator_is_told_so_before_anything_of_a_directory_is_read() {
    let stage = Stage::new();
    let hub = stage.start().await;
    let channel = connect(&hub.address, &endpoint(&stage), PATIENCE).await.unwrap().channel();
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let path = "/sealpost.v1.Hub/PublishDirectory".parse().unwrap();
    // Nothing comes, and the answer does not wait for it.
    let refused = within(grpc.streaming(Request::new(stream::pending()), path, Raw)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    drop((grpc, channel));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_more_parts_than_it_may_have_is_refused_before_it_is_decoded() {
    let stage = Stage::of(Network::of_friends());
    let hub = stage.start().await;
    let mut others = Others::connect(&stage, &hub).await;
    let channel = connect(&hub.address, &endpoint(&stage), PATIENCE).await.unwrap().channel();
    // Each of two bytes, and a hundred in memory.
    let empty_envelopes = Bytes::from([0x12, 0].repeat(2 << 20));
    let mut of_one = vec![0x12, 0xfe, 0xff, 0x7f];
    of_one.extend([0x22, 0].repeat(0x1f_ffff >> 1));
    of_one.truncate(4 + 0x1f_fffe);
    for (message, why) in [(empty_envelopes, "envelopes"), (Bytes::from(of_one), "Envelope.wraps")] {
        let mut grpc = tonic::client::Grpc::new(channel.clone());
        grpc.ready().await.unwrap();
        let path = "/sealpost.v1.Hub/Submit".parse().unwrap();
        let request = Request::new(stream::iter([message]).chain(stream::pending()));
        let called = async {
            let mut answers = grpc.streaming(request, path, Raw).await?.into_inner();
            while answers.message().await?.is_some() {}
            Ok::<_, Status>(())
        };
        let status = within(called).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        assert!(status.message().contains(why), "{status}");
        others.are_served(&stage).await;
    }
    drop((others, channel));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn padding_is_charged_as_what_it_is_padded_to() {
    let stage = Stage::of(Network::of_friends());
    let mut config = stage.config();
    config.limits.mail.bytes = 1 << 10;
    let hub = stage.start_as(&config).await;
    let mut others = Others::connect(&stage, &hub).await;
    let channel = connect(&hub.address, &endpoint(&stage), PATIENCE).await.unwrap().channel();
    let to_thailand = |seed| stage.network.envelope("HK-CED", &["TH-TCD"], Priority::Routine, seed);
    let envelopes = vec![envelope_message(&to_thailand(1))];
    let mut padded = prost::Message::encode_to_vec(&pb::SubmitRequest { batch: 1, envelopes });
    // Field 15, of which nobody knows: far more than ten seconds' worth, and the five for which it would be slowed down.
    padded.extend([0x7a, 0x80, 0x80, 0x40]);
    padded.resize(padded.len() + (1 << 20), 0);
    let submit = async |message: Bytes| {
        let mut grpc = tonic::client::Grpc::new(channel.clone());
        grpc.ready().await.unwrap();
        let path = "/sealpost.v1.Hub/Submit".parse().unwrap();
        let request = Request::new(stream::iter([message]));
        let mut answers = grpc.streaming(request, path, Raw).await?.into_inner();
        answers.message().await.map(|answer| assert!(answer.is_some()))
    };
    within(submit(padded.into())).await.unwrap();
    let envelopes = vec![envelope_message(&to_thailand(2))];
    let honest = prost::Message::encode_to_vec(&pb::SubmitRequest { batch: 1, envelopes });
    let status = within(submit(honest.into())).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    others.are_served(&stage).await;
    drop((others, channel));
    hub.stop().await;
}

/// Ends once what was asked is charged: answers come after that, and so do faults.
async fn charged(stage: &Stage, hub: &Running, channel: &Channel, method: &str, asked: Vec<Bytes>) {
    let mut de = stage.node(hub, "DE-ZKA").await;
    let mut relayed = de.control(stream::pending()).await.unwrap().into_inner();
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let path = format!("/sealpost.v1.Hub/{method}").parse().unwrap();
    let request = Request::new(stream::iter(asked).chain(stream::pending()));
    let mut answers = grpc.streaming(request, path, Raw).await.unwrap().into_inner();
    tokio::select! {
        answer = within(answers.message()) => drop(answer),
        frame = within(relayed.message()) => drop(frame),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stream_is_padded_with_is_charged_whatever_is_called() {
    // More than ten seconds' worth, and the five for which it would be slowed down.
    let padding = vec![0_u8; 120 << 10];
    let refused_after = async |method: &str, asked: Vec<Bytes>| {
        let stage = Stage::new();
        let mut config = stage.config();
        config.limits.control = Rate { items: 1000, bytes: 8 << 10 };
        let hub = stage.start_as(&config).await;
        let channel = connect(&hub.address, &endpoint(&stage), PATIENCE).await.unwrap().channel();
        charged(&stage, &hub, &channel, method, asked).await;
        let again = HubClient::new(channel).control(stream::pending()).await;
        hub.stop().await;
        again.err().map(|status| status.code())
    };
    let receive = |event| prost::Message::encode_to_vec(&pb::ReceiveRequest { event: Some(event) });
    let open = pb::ReceiveOpen { priority: priority_number(Priority::Routine), cursor: None, credit: 1 };
    let not_delivered = pb::ReceiveAcknowledge { index: 1 };
    let frame = pb::ControlFrame {
        from: String::new(),
        to: "DE-ZKA".to_owned(),
        r#type: pb::ControlType::Void.into(),
        statement: Some(signed_message(&Network::new().genesis())),
    };
    let calls = [
        (
            "Receive",
            vec![
                receive(pb::receive_request::Event::Open(open)),
                receive(pb::receive_request::Event::Acknowledge(not_delivered)),
            ],
        ),
        ("Control", vec![prost::Message::encode_to_vec(&frame)]),
        ("WatchDirectory", vec![vec![]]),
    ];
    for (method, asked) in calls {
        for padded in 0..asked.len() {
            let mut padded_asked = asked.clone();
            // Field 15, of which nobody knows.
            prost::encoding::bytes::encode(15, &padding, &mut padded_asked[padded]);
            let padded_asked = padded_asked.into_iter().map(Bytes::from).collect();
            let refused = refused_after(method, padded_asked).await;
            assert_eq!(refused, Some(Code::ResourceExhausted), "{method}, message {padded}");
        }
        let honest = asked.into_iter().map(Bytes::from).collect();
        assert_eq!(refused_after(method, honest).await, None, "{method}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_never_read_holds_up_its_own_agency_alone() {
    let stage = Stage::of(Network::of_friends());
    let hub = stage.start().await;
    let (mut hk, mut th) = (stage.node(&hub, "HK-CED").await, stage.node(&hub, "TH-TCD").await);
    let deaf = Inbox::open(&mut hk, Priority::Routine, None, u32::MAX).await;
    let mut others = Others::connect(&stage, &hub).await;
    // Far more than the windows of its stream and connection take, and than batches between stream and transport.
    for seed in 1..=64 {
        let large = stage.network.envelope_of(100 << 10, "TH-TCD", &["HK-CED"], Priority::Routine, seed);
        assert_eq!(stage.submit(&mut th, &[large]).await.refusals, []);
    }
    others.are_served(&stage).await;

    // What it did not read it still gets.
    let mut again = Inbox::open(&mut hk, Priority::Routine, None, 100).await;
    assert_eq!(again.deliveries(64).await.len(), 64);
    drop((deaf, others));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_thousand_connections_of_one_agency_a_few_live_and_the_others_are_served() {
    const ALL: usize = 10_000;
    const WAVE: usize = 50;
    let stage = Stage::of(Network::of_friends());
    let config = stage.config();
    let hub = stage.start_as(&config).await;
    let mut others = Others::connect(&stage, &hub).await;
    let endpoint = endpoint(&stage);
    let mut before = Vec::new();
    for _ in 0..ALL / WAVE {
        let wave = (0..WAVE).map(|_| shaken(&hub.address, &endpoint));
        let wave = stream::iter(wave).buffer_unordered(16).collect::<Vec<_>>().await;
        // All of the wave before are closed for this one, which is larger than what may live.
        for stream in std::mem::replace(&mut before, wave) {
            closed(stream).await;
        }
        others.are_served(&stage).await;
    }
    // And the newest go on: the agency itself is not locked out.
    let mut hk = stage.node(&hub, "HK-CED").await;
    stage.submit(&mut hk, &[stage.routine(1)]).await;
    let living = config.limits.door.per_peer_max;
    let mut closed_of_last = 0;
    for stream in before {
        let (mut reading, _writing) = tokio::io::split(stream);
        let said = tokio::time::timeout(Duration::ZERO, reading.read_u8()).await;
        closed_of_last += usize::from(said.is_ok());
    }
    assert!(WAVE - closed_of_last <= living, "{closed_of_last} of {WAVE} are closed");
    drop((others, hk));
    hub.stop().await;
}
