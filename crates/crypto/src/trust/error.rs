//! Why a root or a revocation list is not taken.

use sealpost_domain::instant::Instant;

use super::RootHolder;
use crate::dsse::VerifyError;
use crate::x509;

/// Why a root or a revocation list is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a certificate, or not of an Ed25519 key.
    #[error("the root certificate of {holder} is not usable")]
    Root {
        /// Whose root.
        holder: RootHolder,
        /// Why not.
        source: x509::Error,
    },
    /// Not a certificate authority's.
    #[error(
        "the certificate given as the root of {holder} is no certificate authority's (basic constraints)"
    )]
    NotARoot {
        /// Whose root.
        holder: RootHolder,
    },
    /// A list for a root that is not known.
    #[error("no root certificate is known for {holder}, so its revocation list cannot be checked")]
    NoRoot {
        /// Whose list.
        holder: RootHolder,
    },
    /// Not a list.
    #[error("this is no revocation list (X.509 CRL version 2 in DER)")]
    MalformedCrl,
    /// A list without a number that can be compared.
    #[error(
        "the revocation list of {holder} has no number (RFC 5280, section 5.2.3) from 0 to 2^64 - 1, by which it could \
         be told from older ones"
    )]
    UncountedCrl {
        /// Whose list.
        holder: RootHolder,
    },
    /// Nobody's list.
    #[error("this revocation list names as its issuer no root that is listed")]
    UnknownCrl,
    /// Another issuer's list.
    #[error("the revocation list given for {holder} names another issuer")]
    ForeignCrl {
        /// Whose list.
        holder: RootHolder,
    },
    /// Not signed by the root.
    #[error("the revocation list of {holder} is not signed by its root")]
    CrlSignature {
        /// Whose list.
        holder: RootHolder,
        /// Why not.
        source: VerifyError,
    },
    /// A step back.
    #[error(
        "revocation list {found} of {holder} is not taken: number {present} is in force, and lists count upwards; go on \
         with that one (`sealpost-admin crl renew` or `crl revoke`)"
    )]
    OlderCrl {
        /// Whose list.
        holder: RootHolder,
        /// The number of the refused one.
        found: u64,
        /// The number of the present one.
        present: u64,
    },
    /// It brings somebody back.
    #[error(
        "revocation list {found} of {holder} is not taken: it leaves out certificate {serial}, which list {present} \
         revokes, and what was revoked stays so; go on with that one (`sealpost-admin crl renew` or `crl revoke`)"
    )]
    ForgettingCrl {
        /// Whose list.
        holder: RootHolder,
        /// The number of the refused one.
        found: u64,
        /// The number of the present one.
        present: u64,
        /// The first serial number that it leaves out, hexadecimal.
        serial: String,
    },
    /// From the future.
    #[error(
        "revocation list {number} of {holder} is issued at {issued}, and here it is {now}: one of the two clocks is wrong"
    )]
    EarlyCrl {
        /// Whose list.
        holder: RootHolder,
        /// Its number.
        number: u64,
        /// When it says to be issued.
        issued: Instant,
        /// The time here.
        now: Instant,
    },
}
