//! Requests for certificates (PKCS#10, RFC 2986): the holder's key and identity, signed by that key.
//!
//! A request that exists is proven: whoever made it had the private key. It asks for nothing but an identity; every other
//! extension is the root's to give, so one that is asked for is refused rather than left out silently.

use std::io;
use std::path::Path;

use rustls_pki_types::CertificateSigningRequestDer;
use rustls_pki_types::pem::{self, PemObject as _};
use sealpost_domain::digest::Digest;
use sealpost_domain::identity::{self, Identity};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::ParsedCriAttribute;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::OID_SIG_ED25519;
use x509_parser::prelude::FromDer as _;

use crate::digest::sha256;
use crate::dsse::{VerifyError, VerifyingKey};
use crate::file;

/// No request is larger: one of ours has less than 400 bytes.
const FILE_SIZE_MAX: u64 = 16 << 10;

/// Who asks for a certificate, for which key.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who its holder claims to be.
    pub identity: Identity,
    /// The holder's key, with which the request is signed.
    pub public_key: VerifyingKey,
    /// SHA-256 of the request in DER, to be compared over another channel.
    pub digest: Digest,
}

impl Request {
    /// Reads a request in PEM.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = file::read(path, FILE_SIZE_MAX)?;
        Self::parse(&CertificateSigningRequestDer::from_pem_slice(&text)?)
    }

    /// Reads a request in DER.
    pub fn parse(der: &[u8]) -> Result<Self, Error> {
        let Ok(([], request)) = X509CertificationRequest::from_der(der) else {
            return Err(Error::Malformed);
        };
        let info = &request.certification_request_info;
        for algorithm in [&info.subject_pki.algorithm, &request.signature_algorithm] {
            if algorithm.algorithm != OID_SIG_ED25519 {
                return Err(Error::Algorithm { found: algorithm.algorithm.to_id_string() });
            }
        }
        let public_key =
            VerifyingKey::from_bytes(&info.subject_pki.subject_public_key.data).map_err(Error::Key)?;
        public_key.verify(info.raw, &request.signature_value.data).map_err(Error::Possession)?;
        Ok(Self { identity: identity_of(&request)?, public_key, digest: sha256(der) })
    }
}

fn identity_of(request: &X509CertificationRequest<'_>) -> Result<Identity, Error> {
    let mut names = Vec::new();
    for attribute in request.certification_request_info.iter_attributes() {
        let ParsedCriAttribute::ExtensionRequest(asked) = attribute.parsed_attribute() else {
            return Err(Error::Attribute { found: attribute.oid.to_id_string() });
        };
        for extension in &asked.extensions {
            let ParsedExtension::SubjectAlternativeName(asked) = extension.parsed_extension() else {
                return Err(Error::Extension { found: extension.oid.to_id_string() });
            };
            names.extend(&asked.general_names);
        }
    }
    match names.as_slice() {
        [GeneralName::URI(uri)] => Ok(uri.parse()?),
        names => Err(Error::Names { found: names.len() }),
    }
}

/// Why a request is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refused.
    #[error("it cannot be read")]
    Io(#[from] io::Error),
    /// No PEM, or of another kind.
    #[error("it does not hold a certificate request in PEM")]
    Pem(#[from] pem::Error),
    /// Not the DER of a request.
    #[error("it is no PKCS#10 certificate request")]
    Malformed,
    /// Another algorithm.
    #[error("its key or signature has algorithm {found}, expected Ed25519 (1.3.101.112)")]
    Algorithm {
        /// The object identifier.
        found: String,
    },
    /// A key that the strict rule refuses.
    #[error("its key is not usable")]
    Key(#[source] VerifyError),
    /// Not signed by its own key.
    #[error("it is not signed by the key that it names: nothing shows that whoever made it has that key")]
    Possession(#[source] VerifyError),
    /// Something beside an identity.
    #[error("it asks for the extension {found}, expected is the subject alternative name (2.5.29.17) alone")]
    Extension {
        /// The object identifier.
        found: String,
    },
    /// Something beside extensions.
    #[error(
        "it has the attribute {found}, expected is a request for extensions (1.2.840.113549.1.9.14) alone"
    )]
    Attribute {
        /// The object identifier.
        found: String,
    },
    /// No name, several, or one of another kind.
    #[error("it has {found} alternative names, expected exactly one URI: the holder's SPIFFE id")]
    Names {
        /// How many there are.
        found: usize,
    },
    /// The URI name is not an identity.
    #[error(transparent)]
    Identity(#[from] identity::Error),
}

#[cfg(test)]
mod tests {
    use rcgen::{
        CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519,
        SanType,
    };

    use super::*;

    const NODE: &str = "spiffe://test.sealpost/HK/CED/node/main";

    fn asking_for(names: &[&str]) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.subject_alt_names =
            names.iter().map(|name| SanType::URI((*name).try_into().unwrap())).collect();
        params
    }

    fn made(params: &CertificateParams) -> Vec<u8> {
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        params.serialize_request(&key).unwrap().der().to_vec()
    }

    fn refused(params: &CertificateParams) -> String {
        Request::parse(&made(params)).unwrap_err().to_string()
    }

    #[test]
    fn a_request_names_its_holder_and_every_changed_bit_of_it_is_refused() {
        let der = made(&asking_for(&[NODE]));
        assert_eq!(Request::parse(&der).unwrap().identity.to_string(), NODE);
        let (_, request) = X509CertificationRequest::from_der(&der).unwrap();
        let info = request.certification_request_info.raw;
        let start = der.windows(info.len()).position(|bytes| bytes == info).unwrap();
        // What is signed, and the signature.
        for byte in (start..start + info.len()).chain(der.len() - 64..der.len()) {
            for bit in 0..8 {
                let mut changed = der.clone();
                changed[byte] ^= 1 << bit;
                assert!(Request::parse(&changed).is_err(), "bit {bit} of byte {byte}");
            }
        }
    }

    #[test]
    fn a_request_for_somebody_elses_key_is_refused() {
        let own = made(&asking_for(&[NODE]));
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let mut stolen = own.clone();
        let place =
            own.windows(32).position(|bytes| bytes == Request::parse(&own).unwrap().public_key.as_bytes());
        stolen[place.unwrap()..][..32].copy_from_slice(key.public_key_raw());
        assert!(matches!(Request::parse(&stolen), Err(Error::Possession(_))));
    }

    #[test]
    fn what_is_asked_for_beside_one_identity_is_refused_by_its_name() {
        let mut authority = asking_for(&[NODE]);
        authority.is_ca = IsCa::ExplicitNoCa;
        assert!(refused(&authority).contains("asks for the extension 2.5.29.19"), "{}", refused(&authority));
        let mut purpose = asking_for(&[NODE]);
        purpose.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        assert!(refused(&purpose).contains("asks for the extension 2.5.29.37"), "{}", refused(&purpose));
        for names in [&[][..], &[NODE, NODE]] {
            assert!(refused(&asking_for(names)).contains("expected exactly one URI"));
        }
        let mut host = asking_for(&[]);
        host.subject_alt_names = vec![SanType::DnsName("node.example".try_into().unwrap())];
        assert!(refused(&host).contains("expected exactly one URI"));
        assert!(
            refused(&asking_for(&["spiffe://test.sealpost/HK/CED/director/main"]))
                .contains("is not an identity")
        );
    }

    #[test]
    fn another_kind_of_key_is_refused() {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let der = asking_for(&[NODE]).serialize_request(&key).unwrap().der().to_vec();
        let error = Request::parse(&der).unwrap_err();
        assert!(matches!(&error, Error::Algorithm { found } if found == "1.2.840.10045.2.1"), "{error}");
    }
}
