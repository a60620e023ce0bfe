//! What a revocation list says, for whoever issues the next one: a certificate that was revoked stays so.

use rustls_pki_types::CertificateDer;
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::Instant;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::trust::{Error, RootHolder, TrustSet};
use crate::x509;

/// A revocation list that its root signed.
#[derive(Clone, Debug)]
pub struct RevocationList {
    /// Its number. Lists of one root count upwards.
    pub number: u64,
    /// When it was issued.
    pub issued: Instant,
    /// When the next one is due.
    pub next: Option<Instant>,
    /// What it revokes.
    pub revoked: Vec<Revoked>,
}

/// A certificate that is no longer believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Its serial number, the bytes of the DER integer.
    pub serial: Vec<u8>,
    /// Since when.
    pub revoked_at: Instant,
}

impl RevocationList {
    /// Reads a list in DER that this root must have signed.
    pub fn parse(
        network: &NetworkName,
        holder: RootHolder,
        root: &CertificateDer<'_>,
        der: &[u8],
    ) -> Result<Self, Error> {
        let mut set = TrustSet::new(network.clone());
        set.add_root(holder, root)?;
        set.install_crl(holder, der)?;
        let malformed = || Error::MalformedCrl { holder };
        let (_, crl) = CertificateRevocationList::from_der(der).map_err(|_| malformed())?;
        let number = crl.crl_number().and_then(|number| u64::try_from(number).ok()).ok_or_else(malformed)?;
        let revoked = crl.iter_revoked_certificates().map(|revoked| Revoked {
            serial: revoked.raw_serial().to_vec(),
            revoked_at: x509::instant(revoked.revocation_date),
        });
        Ok(Self {
            number,
            issued: x509::instant(crl.last_update()),
            next: crl.next_update().map(x509::instant),
            revoked: revoked.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use rustls_pki_types::CertificateDer;

    use super::*;
    use crate::chains::{NETWORK, NOW, Root};
    use crate::x509::Certificate;

    fn parse(root: &Root, certificate: &CertificateDer<'_>, der: &[u8]) -> Result<RevocationList, Error> {
        RevocationList::parse(&NetworkName::parse(NETWORK).unwrap(), root.holder, certificate, der)
    }

    #[test]
    fn a_list_says_what_it_revokes_and_since_when() {
        let root = Root::new("HK");
        let stolen = root.issue("spiffe://test.sealpost/HK/CED/node/main");
        let list = parse(&root, &root.certificate, &root.crl(&[&stolen])).unwrap();
        let serial = list.revoked[0].serial.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>();
        assert_eq!(serial.join(":"), Certificate::parse(&stolen.certificate).unwrap().serial);
        assert_eq!((list.revoked[0].revoked_at, list.issued, list.number), (NOW, NOW, 1));
    }

    #[test]
    fn a_list_of_another_root_is_refused() {
        let (hk, other) = (Root::new("HK"), Root::new("HK"));
        assert!(matches!(parse(&hk, &hk.certificate, &other.crl(&[])), Err(Error::CrlSignature { .. })));
    }
}
