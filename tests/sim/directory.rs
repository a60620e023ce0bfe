//! Later versions of the directory, as the ceremony makes them.

use sealpost_admin::ceremony::edit;
use sealpost_admin::ceremony::statement::{Kind, Statement};
use sealpost_crypto::digest::sha256;
use sealpost_crypto::directory;
use sealpost_crypto::dsse::{PayloadType, Signer as _, SigningKey, sign_statement};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::directory::{Directory, KeyUse, RevocationReason};
use sealpost_domain::envelope::Signature;
use sealpost_domain::instant::{Instant, Period};
use sealpost_domain::statement::Signed;
use sealpost_wire::directory::{Listing, SigningKeyTerms};

use crate::network::{MADE, Network};
use crate::node::Keys;

/// Without the agreement of Germany and Thailand; `None` when it ended before.
pub(crate) fn without_agreement(versions: &[Signed]) -> Option<Signed> {
    let mut listing = after(versions.last()?);
    edit::remove_agreement(&mut listing, &"SIM-DE-TH".parse().unwrap()).ok()?;
    edit::withdraw(&mut listing, &in_force(versions));
    Some(signed(&listing))
}

/// The last of the versions, each of which has to verify: whatever is published here is what the hub takes.
pub(crate) fn in_force(versions: &[Signed]) -> Directory {
    let mut last = None;
    for version in versions {
        last = Some(directory::verify(version, last.as_ref()).expect("a version as the ceremony makes it"));
    }
    last.expect("the first version is there")
}

/// With a next key of a node; the latest one before is believed no more from a moment on, if that is named.
pub(crate) fn with_key(
    versions: &[Signed],
    id: &AgencyId,
    keys: &Keys,
    next: &SigningKey,
    replaced: Option<Instant>,
) -> Signed {
    let mut listing = after(versions.last().expect("the first version is there"));
    let terms = SigningKeyTerms {
        agency: id.clone(),
        public_key: *next.verifying_key().as_bytes(),
        usage: KeyUse::Node,
        // The versions are all issued when the network was made: a key has to be valid then to sign for the next one.
        period: Period { from: MADE, until: None },
    };
    let mut statement = Statement::unsigned(Kind::SigningKey, terms.to_payload()).unwrap();
    statement.sign(&Network::get().root(&id.as_str()[..2])).unwrap();
    statement.sign(next).unwrap();
    // Every key that is believed: the one that this version revokes vouches for nothing in it where another is left.
    let before = in_force(versions);
    for key in keys.all().filter(|key| before.node_key(id, key.key_id(), MADE).is_some()) {
        statement.sign(&**key).unwrap();
    }
    edit::add_agency_key(&mut listing, statement).unwrap();
    if let Some(from) = replaced {
        edit::revoke_key(&mut listing, keys.latest().key_id(), RevocationReason::Superseded, from).unwrap();
    }
    signed(&listing)
}

fn after(version: &Signed) -> Listing {
    let listing = Listing::from_payload(&version.payload).unwrap();
    Listing { version: listing.version + 1, previous: sha256(&version.payload), ..listing }
}

fn signed(listing: &Listing) -> Signed {
    let payload = listing.to_payload();
    let made = sign_statement(&Network::get().authority(), PayloadType::Directory, &payload).unwrap();
    let signature = Signature { key_id: made.key_id, bytes: made.bytes.to_vec().into() };
    Signed { payload, signatures: vec![signature] }
}
