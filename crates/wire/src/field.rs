//! Reading single fields: every conversion names the message and the field at fault.

use bytes::Bytes;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;

/// Why bytes are not the message that they should be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not protobuf, or of other types.
    #[error("{message} cannot be parsed as protobuf")]
    Protobuf {
        /// The message's name in `proto/`.
        message: &'static str,
        /// Where the parser stopped.
        #[source]
        source: prost::DecodeError,
    },
    /// A field that is missing, or has a value that it must not have.
    #[error("{message}.{field}: {problem}")]
    Field {
        /// The message's name in `proto/`.
        message: &'static str,
        /// The field's name there.
        field: &'static str,
        /// What was found and what was expected.
        problem: String,
    },
    /// More bytes than allowed.
    #[error("{message} has {found} bytes, allowed are {max}")]
    TooLarge {
        /// The message's name in `proto/`.
        message: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        max: usize,
    },
}

/// A message in which a field is being read.
#[derive(Clone, Copy)]
pub(crate) struct In(pub(crate) &'static str);

impl In {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "errors and texts alike are handed over where they arise"
    )]
    pub(crate) fn fault(self, field: &'static str, problem: impl ToString) -> Error {
        Error::Field { message: self.0, field, problem: problem.to_string() }
    }

    pub(crate) fn decode<M: prost::Message + Default>(self, bytes: &Bytes, max: usize) -> Result<M, Error> {
        if bytes.len() > max {
            return Err(Error::TooLarge { message: self.0, found: bytes.len(), max });
        }
        M::decode(bytes.clone()).map_err(|source| Error::Protobuf { message: self.0, source })
    }

    pub(crate) fn required<T>(self, field: &'static str, value: Option<T>) -> Result<T, Error> {
        value.ok_or_else(|| self.fault(field, "is missing"))
    }

    pub(crate) fn parse<T>(self, field: &'static str, text: &str) -> Result<T, Error>
    where
        T: std::str::FromStr,
        T::Err: ToString,
    {
        text.parse().map_err(|error: T::Err| self.fault(field, error))
    }

    /// Reads a text that may be empty, which means that it is absent.
    pub(crate) fn parse_optional<T>(self, field: &'static str, text: &str) -> Result<Option<T>, Error>
    where
        T: std::str::FromStr,
        T::Err: ToString,
    {
        if text.is_empty() { Ok(None) } else { self.parse(field, text).map(Some) }
    }

    pub(crate) fn agency(self, field: &'static str, text: &str) -> Result<AgencyId, Error> {
        self.parse(field, text)
    }

    /// Reads a digest, an incarnation, a message id or anything else of a fixed length.
    pub(crate) fn bytes<'a, T>(self, field: &'static str, bytes: &'a [u8]) -> Result<T, Error>
    where
        T: TryFrom<&'a [u8]>,
        T::Error: ToString,
    {
        T::try_from(bytes).map_err(|error| self.fault(field, error))
    }

    /// Reads bytes of a fixed length that may be empty, which means that they are absent.
    pub(crate) fn bytes_optional<'a, T>(
        self,
        field: &'static str,
        bytes: &'a [u8],
    ) -> Result<Option<T>, Error>
    where
        T: TryFrom<&'a [u8]>,
        T::Error: ToString,
    {
        if bytes.is_empty() { Ok(None) } else { self.bytes(field, bytes).map(Some) }
    }

    pub(crate) fn array<const N: usize>(self, field: &'static str, bytes: &[u8]) -> Result<[u8; N], Error> {
        bytes.try_into().map_err(|_| self.fault(field, format!("has {} bytes, expected {N}", bytes.len())))
    }

    pub(crate) fn count(self, field: &'static str, found: usize, max: usize) -> Result<(), Error> {
        if found <= max {
            Ok(())
        } else {
            Err(self.fault(field, format!("has {found} entries, allowed are {max}")))
        }
    }
}

pub(crate) fn digest_bytes(digest: Digest) -> Bytes {
    Bytes::copy_from_slice(digest.as_bytes())
}

pub(crate) fn incarnation_bytes(incarnation: Incarnation) -> Bytes {
    Bytes::copy_from_slice(&incarnation.0)
}

pub(crate) fn instant(unix_ms: i64) -> Instant {
    Instant::from_millis(unix_ms)
}

/// Declares the two directions between an enum of the contract and one of the domain.
macro_rules! enumeration {
    ($read:ident, $write:ident, $proto:ty, $domain:ty { $($p:ident = $d:ident,)+ }) => {
        #[allow(dead_code, reason = "some enums are only ever read")]
        pub(crate) fn $read(at: $crate::field::In, field: &'static str, value: i32) -> Result<$domain, $crate::Error> {
            match <$proto>::try_from(value) {
                $(Ok(<$proto>::$p) => Ok(<$domain>::$d),)+
                Ok(<$proto>::Unspecified) => Err(at.fault(field, "is not specified")),
                Err(_) => Err(at.fault(field, format!("has the value {value}, which this version does not know"))),
            }
        }

        #[allow(dead_code, reason = "some enums are only ever read")]
        pub(crate) fn $write(value: $domain) -> i32 {
            match value {
                $(<$domain>::$d => <$proto>::$p as i32,)+
            }
        }
    };
}
pub(crate) use enumeration;
