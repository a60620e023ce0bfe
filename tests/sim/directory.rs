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

/// With a next key of a node; the one before is believed no more if it is replaced.
pub(crate) fn with_key(
    before: &Signed,
    id: &AgencyId,
    present: &SigningKey,
    next: &SigningKey,
    is_replaced: bool,
    now: Instant,
) -> Option<Signed> {
    let mut listing = after(before);
    let terms = SigningKeyTerms {
        agency: id.clone(),
        public_key: *next.verifying_key().as_bytes(),
        usage: KeyUse::Node,
        // The versions are all issued when the network was made: a key has to be valid then to sign for the next one.
        period: Period { from: MADE, until: None },
    };
    let mut statement = Statement::unsigned(Kind::SigningKey, terms.to_payload()).unwrap();
    let root = Network::get().root(&id.as_str()[..2]);
    for signer in [&root, next, present] {
        statement.sign(signer).unwrap();
    }
    edit::add_agency_key(&mut listing, statement).unwrap();
    if is_replaced {
        edit::revoke_key(&mut listing, present.key_id(), RevocationReason::Superseded, now).ok()?;
    }
    Some(signed(&listing))
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
