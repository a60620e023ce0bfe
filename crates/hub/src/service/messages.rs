//! Messages from the wire: weighed as they came, and batches counted before they are decoded. What is not read of a message,
//! padding or fields of a later version, has cost the hub as much as the rest of it.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Buf as _;
use prost::Message;
use sealpost_proto::v1 as pb;
use sealpost_wire::batch;
use sealpost_wire::status::Failure;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Status};

/// Envelopes of one batch.
const BATCH_ENVELOPES_MAX: usize = 4096;
/// Bytes of a batch of more than one envelope: twice what the contract allows, since nobody counts like another.
const BATCH_BYTES_MAX: usize = 128 << 10;

/// Bytes of the messages of one call that came and are not paid for.
#[derive(Clone, Debug, Default)]
pub(super) struct Unpaid(Arc<AtomicUsize>);

impl Unpaid {
    /// Of the call of a request that came through the door.
    pub(super) fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        let unpaid = request.extensions().get::<Self>().cloned();
        unpaid.ok_or_else(|| Failure::Internal.status("this request came through no door"))
    }

    /// What came since this was last asked.
    pub(super) fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }

    fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// What nodes send.
pub(super) trait Incoming: Message + Default + 'static {
    /// As the contract calls it.
    const NAME: &'static str;

    /// Looks at the bytes before they are decoded: whether they may be.
    fn inspect(_bytes: &[u8]) -> Result<(), Status> {
        Ok(())
    }
}

impl Incoming for pb::SubmitRequest {
    const NAME: &'static str = "SubmitRequest";

    fn inspect(bytes: &[u8]) -> Result<(), Status> {
        let (envelopes, length) = (batch::envelopes(bytes)?, bytes.len());
        if envelopes > BATCH_ENVELOPES_MAX {
            let detail = format!(
                "SubmitRequest.envelopes: has {envelopes} entries, allowed are {BATCH_ENVELOPES_MAX}"
            );
            return Err(Failure::Malformed.status(detail));
        }
        if envelopes > 1 && length > BATCH_BYTES_MAX {
            let detail = format!(
                "SubmitRequest has {envelopes} envelopes in {length} bytes, allowed are 64 KiB together, or one envelope"
            );
            return Err(Failure::Malformed.status(detail));
        }
        Ok(())
    }
}

impl Incoming for pb::ReceiveRequest {
    const NAME: &'static str = "ReceiveRequest";
}

impl Incoming for pb::ControlFrame {
    const NAME: &'static str = "ControlFrame";
}

impl Incoming for pb::WatchDirectoryRequest {
    const NAME: &'static str = "WatchDirectoryRequest";
}

/// Weighs and reads what is asked, and writes what is told.
#[derive(Debug)]
pub(super) struct Weighing<Asked, Told> {
    unpaid: Unpaid,
    of: PhantomData<fn() -> (Asked, Told)>,
}

impl<Asked, Told> Weighing<Asked, Told> {
    pub(super) fn new(unpaid: Unpaid) -> Self {
        Self { unpaid, of: PhantomData }
    }
}

impl<Asked: Incoming, Told: Message + 'static> Codec for Weighing<Asked, Told> {
    type Encode = Told;
    type Decode = Asked;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self::new(self.unpaid.clone())
    }

    fn decoder(&mut self) -> Self {
        Self::new(self.unpaid.clone())
    }
}

impl<Asked, Told: Message> Encoder for Weighing<Asked, Told> {
    type Item = Told;
    type Error = Status;

    fn encode(&mut self, told: Told, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        // At once: a buffer that grows as it is filled is copied, and wiped, several times.
        buffer.reserve(told.encoded_len());
        told.encode(buffer).map_err(|error| Failure::Internal.status(error.to_string()))
    }
}

impl<Asked: Incoming, Told> Decoder for Weighing<Asked, Told> {
    type Item = Asked;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Asked>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        self.unpaid.add(bytes.len());
        Asked::inspect(&bytes)?;
        let asked = Asked::decode(bytes);
        asked.map(Some).map_err(|error| Failure::Malformed.status(format!("{}: {error}", Asked::NAME)))
    }
}

#[cfg(test)]
mod tests {
    use sealpost_domain::envelope::HEADER_BYTES_MAX;

    use super::*;

    fn refused(envelopes: usize, of_bytes: usize) -> Option<String> {
        let envelope = pb::Envelope { sealed: vec![0; of_bytes].into(), ..pb::Envelope::default() };
        let batch = pb::SubmitRequest { batch: 1, envelopes: vec![envelope; envelopes] };
        let refused = pb::SubmitRequest::inspect(&batch.encode_to_vec()).err();
        refused.map(|status| status.message().to_owned())
    }

    #[test]
    fn a_batch_that_is_refused_is_told_which_limit_it_is_above() {
        assert_eq!(refused(BATCH_ENVELOPES_MAX, 0), None);
        let too_many = refused(BATCH_ENVELOPES_MAX + 1, 0).unwrap();
        assert_eq!(too_many, "SubmitRequest.envelopes: has 4097 entries, allowed are 4096");
        assert_eq!(refused(1, BATCH_BYTES_MAX + HEADER_BYTES_MAX), None, "one may be large");
        let too_large = refused(2, BATCH_BYTES_MAX / 2).unwrap();
        assert!(too_large.ends_with("allowed are 64 KiB together, or one envelope"), "{too_large}");
    }
}
