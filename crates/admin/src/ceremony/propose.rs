//! The statements of the ceremony, made where the key that vouches for them first lies, or from a file of terms. What has
//! to be signed by others goes on with [`Statement::endorse`](super::statement::Statement::endorse).

use std::path::Path;

use bytes::Bytes;
use rand::CryptoRng;
use sealpost_crypto::directory;
use sealpost_crypto::dsse::Signer;
use sealpost_crypto::wrap::SealingPublicKey;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::directory::KeyUse;
use sealpost_domain::instant::{Instant, Period};
use sealpost_wire::directory::{
    Listing, SealingKeyTerms, SigningKeyTerms, agreement_to_payload, operation_to_payload,
};

use super::statement::{self, Kind, Statement};
use super::{Error, details, draft, edit, terms};

/// A signing key of an agency, which signs its own statement: so nobody lists a key that they have not.
pub fn signing_key(
    agency: AgencyId,
    usage: KeyUse,
    period: Period,
    new: &dyn Signer,
) -> Result<Statement, Error> {
    let public_key = *new.verifying_key().as_bytes();
    let terms = SigningKeyTerms { agency, public_key, usage, period };
    let mut statement = unsigned(Kind::SigningKey, terms.to_payload())?;
    statement.sign(new)?;
    Ok(statement)
}

/// A sealing key of an agency, signed by a key of its node.
pub fn sealing_key(
    agency: AgencyId,
    epoch: u64,
    period: Period,
    new: &SealingPublicKey,
    key: &dyn Signer,
) -> Result<Statement, Error> {
    let terms = SealingKeyTerms { agency, public_key: new.to_bytes().into(), epoch, period };
    let mut statement = unsigned(Kind::SealingKey, terms.to_payload())?;
    statement.sign(key)?;
    Ok(statement)
}

/// Judges a sealing key by the version in force, as nodes will where it is listed next. Gives what would be listed then.
pub fn judge_sealing_key(statement: &Statement, base: &Path, now: Instant) -> Result<Listing, Error> {
    draft::attempt(base, now, |listing| edit::propose_sealing_key(listing, statement.clone()))
}

/// An agreement by its terms, among agencies that a directory or a draft lists. Nobody signed it yet.
pub fn agreement(file: &Path, directory: &Path) -> Result<Statement, Error> {
    let agreement = terms::agreement(file, &draft::listing(directory)?)?;
    unsigned(Kind::Agreement, agreement_to_payload(&agreement))
}

/// An operation by its terms, with the text of a file sealed to its members. Nobody signed it yet.
pub fn operation(
    file: &Path,
    about: Option<&Path>,
    directory: &Path,
    now: Instant,
    rng: &mut dyn CryptoRng,
) -> Result<Statement, Error> {
    let operation = terms::operation(file, &draft::listing(directory)?)?;
    let seal = |text: &Path| {
        let text = statement::read_details(text)?;
        let directory = directory::judge(&draft::read(directory)?.payload, None)?;
        details::seal(&operation, &text, &directory, now, rng)
    };
    let sealed = about.map(seal).transpose()?;
    unsigned(Kind::Operation, operation_to_payload(&operation, sealed.as_ref()))
}

fn unsigned(kind: Kind, payload: Bytes) -> Result<Statement, Error> {
    Statement::unsigned(kind, payload).map_err(Error::Unlistable)
}
