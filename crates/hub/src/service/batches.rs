//! Batches from the wire: counted before they are decoded, and weighed as they came. What is not read of a message, padding
//! or fields of a later version, has cost the hub as much as the rest of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Buf as _;
use prost::Message as _;
use sealpost_proto::v1 as pb;
use sealpost_wire::batch;
use sealpost_wire::status::Failure;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Status};

/// Envelopes in one batch.
const ENVELOPES_MAX: usize = 4096;
/// Bytes of a batch of more than one envelope: twice what the contract allows, since nobody counts like another.
const BATCH_BYTES_MAX: usize = 128 << 10;

/// Bytes of the messages of one stream that were received and not paid for.
#[derive(Clone, Debug, Default)]
pub(super) struct Received(Arc<AtomicUsize>);

impl Received {
    /// Of the stream of a request that came through the door.
    pub(super) fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        let received = request.extensions().get::<Self>().cloned();
        received.ok_or_else(|| Failure::Internal.status("this request came through no door"))
    }

    /// What came since this was last asked.
    pub(super) fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// Reads batches and writes answers.
#[derive(Clone, Debug)]
pub(super) struct Batches {
    received: Received,
}

impl Batches {
    pub(super) fn new(received: Received) -> Self {
        Self { received }
    }
}

impl Codec for Batches {
    type Encode = pb::SubmitResponse;
    type Decode = pb::SubmitRequest;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        self.clone()
    }

    fn decoder(&mut self) -> Self {
        self.clone()
    }
}

impl Encoder for Batches {
    type Item = pb::SubmitResponse;
    type Error = Status;

    fn encode(&mut self, answer: pb::SubmitResponse, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        answer.encode(buffer).map_err(|error| Failure::Internal.status(error.to_string()))
    }
}

impl Decoder for Batches {
    type Item = pb::SubmitRequest;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<pb::SubmitRequest>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        self.received.0.fetch_add(bytes.len(), Ordering::Relaxed);
        let (envelopes, length) = (batch::envelopes(&bytes)?, bytes.len());
        if envelopes > ENVELOPES_MAX || (envelopes > 1 && length > BATCH_BYTES_MAX) {
            let detail = format!(
                "SubmitRequest has {envelopes} envelopes in {length} bytes, allowed are 64 KiB together, or one envelope"
            );
            return Err(Failure::Malformed.status(detail));
        }
        let request = pb::SubmitRequest::decode(bytes);
        request.map(Some).map_err(|error| Failure::Malformed.status(format!("SubmitRequest: {error}")))
    }
}
