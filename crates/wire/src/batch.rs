//! A submitted batch before it is decoded: of how many parts it is made.
//!
//! A part that is empty takes two bytes on the wire and a hundred in memory. So the parts are counted first, in passing
//! over the bytes and without keeping anything, and a batch that has too many of them is not decoded.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use sealpost_domain::envelope::RECIPIENTS_MAX;

use crate::Error;
use crate::envelope::SIGNATURES_MAX;
use crate::field::In;

/// Numbers of fields, as `proto/` has them.
const ENVELOPES: u32 = 2;
const SIGNATURES: u32 = 2;
const WRAPS: u32 = 4;

/// Counts the envelopes of an encoded `SubmitRequest`; one that has more signatures or wraps than it may is a fault.
pub fn envelopes(request: &[u8]) -> Result<usize, Error> {
    let mut envelopes = 0;
    each_part("SubmitRequest", request, |number, part| {
        if number == ENVELOPES {
            envelopes += 1;
            envelope(part)?;
        }
        Ok(())
    })?;
    Ok(envelopes)
}

fn envelope(envelope: &[u8]) -> Result<(), Error> {
    let at = In("Envelope");
    let (mut signatures, mut wraps) = (0, 0);
    each_part(at.0, envelope, |number, _| {
        signatures += usize::from(number == SIGNATURES);
        wraps += usize::from(number == WRAPS);
        Ok(())
    })?;
    at.count("signatures", signatures, SIGNATURES_MAX)?;
    at.count("wraps", wraps, RECIPIENTS_MAX)
}

/// Shows every part of a message that has a length, with the number of its field.
fn each_part(
    message: &'static str,
    mut bytes: &[u8],
    mut part: impl FnMut(u32, &[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let fault = |source| Error::Protobuf { message, source };
    while !bytes.is_empty() {
        let (number, wire_type) = decode_key(&mut bytes).map_err(fault)?;
        let from = bytes;
        skip_field(wire_type, number, &mut bytes, DecodeContext::default()).map_err(fault)?;
        if wire_type == WireType::LengthDelimited {
            let (mut found, _) = from.split_at(from.len() - bytes.len());
            decode_varint(&mut found).map_err(fault)?;
            part(number, found)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use prost::Message as _;
    use sealpost_proto::v1 as pb;

    use super::*;

    fn envelope(signatures: usize, wraps: usize) -> pb::Envelope {
        pb::Envelope {
            header: Bytes::from_static(b"header"),
            signatures: vec![pb::Signature::default(); signatures],
            sealed: Bytes::from_static(b"sealed"),
            wraps: vec![pb::Wrap::default(); wraps],
        }
    }

    fn counted(envelopes: Vec<pb::Envelope>) -> Result<usize, String> {
        let request = pb::SubmitRequest { batch: u64::MAX, envelopes }.encode_to_vec();
        super::envelopes(&request).map_err(|error| error.to_string())
    }

    #[test]
    fn parts_are_counted_as_the_decoder_finds_them_and_too_many_are_a_fault() {
        assert_eq!(counted(vec![]), Ok(0));
        assert_eq!(counted(vec![envelope(SIGNATURES_MAX, RECIPIENTS_MAX); 3]), Ok(3));
        assert_eq!(counted(vec![pb::Envelope::default(); 5000]), Ok(5000), "two bytes each");
        let fault = counted(vec![envelope(1, 1), envelope(SIGNATURES_MAX + 1, 1)]).unwrap_err();
        assert_eq!(fault, "Envelope.signatures: has 5 entries, allowed are 4");
        let fault = counted(vec![envelope(1, RECIPIENTS_MAX + 1)]).unwrap_err();
        assert_eq!(fault, "Envelope.wraps: has 65 entries, allowed are 64");
    }

    #[test]
    fn fields_that_this_version_does_not_know_are_passed_over() {
        let mut request = pb::SubmitRequest { batch: 1, envelopes: vec![envelope(1, 1)] }.encode_to_vec();
        // Field 15: a number, eight bytes, a text, and a group with a number in it.
        request.extend([0x78, 1, 0x79, 0, 0, 0, 0, 0, 0, 0, 0, 0x7a, 2, 1, 2, 0x7b, 0x78, 1, 0x7c]);
        assert_eq!(envelopes(&request).unwrap(), 1);
        assert!(pb::SubmitRequest::decode(&request[..]).is_ok());
    }

    #[test]
    fn what_is_cut_off_anywhere_is_a_fault_wherever_it_is_one_to_the_decoder() {
        let whole = pb::SubmitRequest { batch: 1, envelopes: vec![envelope(1, 1)] }.encode_to_vec();
        for end in 0..whole.len() {
            let cut = &whole[..end];
            assert_eq!(envelopes(cut).is_ok(), pb::SubmitRequest::decode(cut).is_ok(), "{end}");
        }
    }
}
