//! Digests and the ids of keys, as values that can be compared and shown. Computing them is the crypto crate's part.

use std::fmt;
use std::str::FromStr;

macro_rules! thirty_two_bytes {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Wraps 32 bytes.
            pub const fn new(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = Error;

            fn try_from(bytes: &[u8]) -> Result<Self, Error> {
                bytes.try_into().map(Self).map_err(|_| Error { what: $what, found: bytes.len() })
            }
        }

        impl FromStr for $name {
            type Err = Error;

            /// Reads 64 hexadecimal digits.
            fn from_str(text: &str) -> Result<Self, Error> {
                let refuse = || Error { what: $what, found: text.len() / 2 };
                if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Err(refuse());
                }
                let mut bytes = [0; 32];
                for (index, byte) in bytes.iter_mut().enumerate() {
                    *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).map_err(|_| refuse())?;
                }
                Ok(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0[..8].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("…")
            }
        }
    };
}

thirty_two_bytes!(
    /// A SHA-256 digest.
    Digest,
    "digest"
);
thirty_two_bytes!(
    /// The name of a public key: SHA-256 over its algorithm, a zero byte and its raw bytes.
    KeyId,
    "key id"
);

impl Digest {
    /// What stands before the first header of a link.
    pub const ZERO: Self = Self([0; 32]);
}

/// A digest or key id of the wrong length.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {what} has 32 bytes, found {found}")]
pub struct Error {
    what: &'static str,
    found: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_text_is_read_back() {
        let digest = Digest::new([0xa7; 32]);
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert!("a7".parse::<Digest>().is_err());
        assert!("+7".repeat(32).parse::<Digest>().is_err());
    }
}
