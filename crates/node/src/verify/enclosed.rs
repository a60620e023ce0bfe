//! Messages that are shown as evidence: a forward encloses one, and the permission under which it goes on.
//!
//! What is enclosed was signed by somebody else than the one who encloses it. Nothing in it is believed before that
//! signature holds and the body is the one that the signed header names. Who forwards and who gets a forward judge alike.

use sealpost_crypto::digest::plaintext_digest;
use sealpost_crypto::dsse::PayloadType;
use sealpost_crypto::signed_by::signed_by;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::{Alert, Enclosed, Fault, Faults, Forward};
use sealpost_domain::directory::Directory;
use sealpost_domain::envelope::Header;
use sealpost_domain::handling::Handling;
use sealpost_domain::instant::Instant;
use sealpost_domain::message::{Category, Kind};
use sealpost_domain::sharing::{Onward, Withdrawn};
use sealpost_wire::alert::{self, alert_from_bytes};
use sealpost_wire::envelope::header_from_bytes;

use crate::handle::ViewError;
use crate::known::Known;

/// A message whose originator signed its header, and whose body is the one that it names.
pub(crate) struct Proven {
    header: Header,
    alert: Alert,
}

/// Why an enclosed message is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} is not proven: {why}")]
pub(crate) struct Unproven {
    what: &'static str,
    why: String,
}

/// A forward with what it encloses, proven.
pub(crate) struct Opened {
    message: Proven,
    grant: Option<Proven>,
}

/// Proves what a forward encloses.
pub(crate) fn open(forward: &Forward, directory: &Directory) -> Result<Opened, Unproven> {
    let unproven = |what| move |why| Unproven { what, why };
    let message = prove(&forward.enclosed(), directory).map_err(unproven("the enclosed message"))?;
    let grant = forward.grant.as_ref().map(|grant| prove(grant, directory)).transpose();
    let grant = grant.map_err(unproven("the permission that travels with it"))?;
    if let Some(grant) = &grant {
        if forward.permission != Some(grant.header.id) {
            let why = format!("it is message {}, and another one is named", grant.header.id);
            return Err(Unproven { what: "the permission that travels with it", why });
        }
        if grant.header.kind != Kind::Permission {
            let why = format!("expected a permission, its kind is {}", grant.header.kind);
            return Err(Unproven { what: "the permission that travels with it", why });
        }
    }
    Ok(Opened { message, grant })
}

/// Proves an enclosed message under a directory: by a key that its originator's node had when it sent it.
fn prove(enclosed: &Enclosed, directory: &Directory) -> Result<Proven, String> {
    let listed = |id| {
        let (agency, record) = directory.evidence_key(id)?;
        Some((record.key.bytes.as_slice(), (agency, record)))
    };
    let ((signer, key), _) = signed_by(PayloadType::Header, &enclosed.header, &enclosed.signatures, listed)
        .map_err(|not| not.to_string())?;
    let header = header_from_bytes(&enclosed.header).map_err(|error| error.to_string())?;
    if header.sender != *signer {
        return Err(format!("{} is named as its sender, {signer} signed", header.sender));
    }
    if !directory.in_use_at(key, header.sent_at) {
        return Err(format!("its key was not valid when it was sent, {}", header.sent_at));
    }
    if plaintext_digest(&enclosed.salt, &enclosed.body) != header.plaintext_digest {
        return Err("its content is not the one that the signed header names".to_owned());
    }
    let alert = alert_from_bytes(&enclosed.body).map_err(|error| match error {
        alert::Error::Content(faults) => places(&faults),
        error @ (alert::Error::TooLarge { .. } | alert::Error::Protobuf(_)) => error.to_string(),
    })?;
    alert.agrees_with(header.kind, &header.handling).map_err(|faults| places(&faults))?;
    Ok(Proven { header, alert })
}

/// Where faults are, and not what stands there: that is content, and what is told of a breach stays for ever.
fn places(faults: &Faults) -> String {
    let paths: Vec<&str> = faults.as_slice().iter().map(Fault::path).collect();
    format!("its content is not valid: {}", paths.join(", "))
}

impl Opened {
    /// What its originator has withdrawn, as far as this node knows.
    pub(crate) fn withdrawn(&self, known: &dyn Known) -> Result<Withdrawn, ViewError> {
        let recalled = |proven: &Proven| known.is_recalled(&proven.header);
        Ok(Withdrawn {
            message: recalled(&self.message)?,
            grant: self.grant.as_ref().map(recalled).transpose()?.unwrap_or(false),
        })
    }

    /// What is to be decided about the forward: it is what `alert` says, sent in the way that the rest tells.
    pub(crate) fn onward<'a>(
        &'a self,
        forwarder: &'a AgencyId,
        (category, handling): (Category, &'a Handling),
        alert: &'a Alert,
        withdrawn: Withdrawn,
        now: Instant,
    ) -> Onward<'a> {
        let Proven { header, alert: enclosed } = &self.message;
        Onward {
            forwarder,
            category,
            handling,
            handling_text: alert.handling_text(),
            purpose: alert.purpose(),
            retention_until: alert.retention_until(),
            enclosed: (header, enclosed),
            grant: self.grant.as_ref().map(|grant| (&grant.header, &grant.alert)),
            withdrawn,
            now,
        }
    }
}
