//! What a revocation list says, and whether it goes on with the one before: a certificate that was revoked stays so.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use rustls_pki_types::CertificateDer;
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::Instant;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::trust::{Error, RootHolder, TrustSet};
use crate::{file, x509};

/// No list is larger, so that it travels in one message of 4 MiB: some 80 000 certificates.
pub const LIST_BYTES_MAX: u64 = 3 << 20;

/// A revocation list that its root signed.
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl Revoked {
    /// Its serial number, hexadecimal with colons, as certificates and `openssl` show it.
    pub fn serial(&self) -> String {
        shown(&self.serial)
    }
}

/// A serial number in hexadecimal with colons.
pub fn shown(serial: &[u8]) -> String {
    serial.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

/// Reads the file of a list, DER, up to the limit.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    file::read(path, LIST_BYTES_MAX)
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
        set.read_crl(der).map(|(_, list)| list)
    }

    /// What a list says, whoever signed it.
    pub(crate) fn of(holder: RootHolder, crl: &CertificateRevocationList<'_>) -> Result<Self, Error> {
        let number = crl.crl_number().and_then(|number| u64::try_from(number).ok());
        let revoked = crl.iter_revoked_certificates().map(|revoked| Revoked {
            serial: revoked.raw_serial().to_vec(),
            revoked_at: x509::instant(revoked.revocation_date),
        });
        Ok(Self {
            number: number.ok_or(Error::UncountedCrl { holder })?,
            issued: x509::instant(crl.last_update()),
            next: crl.next_update().map(x509::instant),
            revoked: revoked.collect(),
        })
    }

    /// Whether it may take the place of the present list of the same root: with a higher number, and with everything
    /// that is revoked. Certificates that have ended since are no exception, as the list alone does not tell them.
    pub fn goes_on_with(&self, holder: RootHolder, present: &Self) -> Result<(), Error> {
        if self.number <= present.number {
            return Err(Error::OlderCrl { holder, found: self.number, present: present.number });
        }
        let revoked: HashSet<&[u8]> = self.revoked.iter().map(|revoked| revoked.serial.as_slice()).collect();
        match present.revoked.iter().find(|earlier| !revoked.contains(earlier.serial.as_slice())) {
            Some(left_out) => Err(Error::ForgettingCrl {
                holder,
                found: self.number,
                present: present.number,
                serial: left_out.serial(),
            }),
            None => Ok(()),
        }
    }
}

/// The parts of a list in DER, whole and nothing behind it.
pub(crate) fn parse(der: &[u8]) -> Result<CertificateRevocationList<'_>, Error> {
    match CertificateRevocationList::from_der(der) {
        Ok(([], crl)) => Ok(crl),
        _ => Err(Error::MalformedCrl),
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
        let list = parse(&root, &root.certificate, &root.crl_numbered(7, &[&stolen])).unwrap();
        assert_eq!(list.revoked[0].serial(), Certificate::parse(&stolen.certificate).unwrap().serial);
        assert_eq!((list.revoked[0].revoked_at, list.issued, list.number), (NOW, NOW, 7));
    }

    #[test]
    fn a_list_of_another_root_is_refused() {
        let (hk, other) = (Root::new("HK"), Root::new("HK"));
        assert!(matches!(parse(&hk, &hk.certificate, &other.crl(&[])), Err(Error::CrlSignature { .. })));
    }
}
