//! Who a system or an officer is, and where their gateway is: the file `sealpost.toml`.
//!
//! ```toml
//! agency = "HK-CED"
//! gateway = "127.0.0.1:7401"
//! certificate = "officers/desk-1/certificate.pem"
//! key = "officers/desk-1/key.pem"
//! roots = "../../directory.bin"
//! crls = "../../crls"
//! # passphrase_file = "passphrase"
//! ```
//!
//! An encrypted key is opened with the passphrase in `passphrase_file`, else in the variable `SEALPOST_PASSPHRASE`, else
//! it is asked for where standard input is a terminal.
//! Paths are relative to the file. All faults of the file are told at once, and none is repaired.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::time_provider::TimeProvider;
use sealpost_crypto::directory;
use sealpost_crypto::keyfile::Unlock;
use sealpost_crypto::peer::{Admission, Admitted};
use sealpost_crypto::revocation;
use sealpost_crypto::secret::{Purpose, Source};
use sealpost_crypto::tls::{self, Credentials, Endpoint};
use sealpost_crypto::trust::{self, RootHolder, Trust, TrustSet};
use sealpost_crypto::x509;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::identity::{Identity, Role};
use sealpost_wire::directory::signed_directory_from_bytes;

/// What the file may hold, with an example of each.
const KEYS: [(&str, &str); 6] = [
    ("agency", "HK-CED"),
    ("gateway", "127.0.0.1:7401"),
    ("certificate", "certificate.pem"),
    ("key", "key.pem"),
    ("roots", "directory.bin"),
    ("crls", "crls"),
];

/// What it may hold, and need not.
const PASSPHRASE_FILE: (&str, &str) = ("passphrase_file", "passphrase");

/// Who one is, and where one's gateway is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The own agency: only its node is taken for the gateway.
    pub agency: AgencyId,
    /// Host and port of the gateway.
    pub gateway: String,
    /// The own certificate, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM, plain or encrypted, mode 0600.
    pub key: PathBuf,
    /// A file of mode 0600 with the passphrase of an encrypted key.
    pub passphrase_file: Option<PathBuf>,
    /// The network's directory, or the root certificate of one's own jurisdiction as PEM.
    pub roots: PathBuf,
    /// A folder with the revocation list of each root, in DER: `HK.crl`, and `operator.crl` of the hub's operator. That
    /// of one's own jurisdiction is needed.
    pub crls: PathBuf,
}

impl Profile {
    /// Reads a profile.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|source| Error::Read {
            what: "profile",
            path: path.to_owned(),
            source,
        })?;
        let table: toml::Table = toml::from_str(&text)
            .map_err(|source| Error::Syntax { path: path.to_owned(), source: Box::new(source) })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::from_table(&table, folder)
            .map_err(|faults| Error::Values { path: path.to_owned(), faults: Faults(faults) })
    }

    fn from_table(table: &toml::Table, folder: &Path) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        for key in table.keys() {
            let mut known = KEYS.iter().chain([&PASSPHRASE_FILE]).map(|(known, _)| *known);
            if !known.clone().any(|known| known == key) {
                let known: Vec<&str> = known.by_ref().collect();
                faults.push(format!("{key}: is not known here, expected {}", known.join(", ")));
            }
        }
        let [agency, gateway, certificate, key, roots, crls] =
            KEYS.map(|(key, example)| text(table, key, example, &mut faults));
        let (name, example) = PASSPHRASE_FILE;
        let passphrase_file =
            table.contains_key(name).then(|| text(table, name, example, &mut faults)).flatten();
        let agency = agency.and_then(|text| match text.parse() {
            Ok(agency) => Some(agency),
            Err(error) => {
                faults.push(format!("agency: {error}"));
                None
            }
        });
        let file = |path: String| folder.join(path);
        match (agency, gateway, certificate, key, roots, crls) {
            (Some(agency), Some(gateway), Some(certificate), Some(key), Some(roots), Some(crls))
                if faults.is_empty() =>
            {
                Ok(Self {
                    agency,
                    gateway,
                    certificate: file(certificate),
                    key: file(key),
                    passphrase_file: passphrase_file.map(file),
                    roots: file(roots),
                    crls: file(crls),
                })
            }
            _ => Err(faults),
        }
    }

    /// Reads the files that the profile names: our end of a connection to the gateway, which admits nobody but the
    /// node of our own agency.
    pub fn endpoint(&self, clock: Arc<dyn TimeProvider>) -> Result<Endpoint, Error> {
        let unlock = Unlock::from(Source::new(Purpose::Passphrase, self.passphrase_file.clone()));
        let credentials = Credentials::read_with(&self.certificate, &self.key, &unlock)?;
        let identity = credentials.identity();
        if identity.agency() != Some(&self.agency) {
            let (identity, agency) = (identity.clone(), self.agency.clone());
            return Err(Error::OtherAgency { identity, agency });
        }
        let mut trusted = self.roots(identity)?;
        let home = RootHolder::Jurisdiction(self.agency.jurisdiction());
        let holders: Vec<RootHolder> = trusted.holders().collect();
        for holder in holders {
            let path = self.revocation_list(holder);
            // The lists of others are not needed: they make it possible to say whom one has met instead.
            if holder == home || path.exists() {
                install(&mut trusted, holder, path)?;
            }
        }
        let admission = Admission::new([Admitted::Agency(self.agency.clone(), Role::Node)]);
        Ok(Endpoint::new(credentials, Trust::new(trusted), admission, clock))
    }

    fn revocation_list(&self, holder: RootHolder) -> PathBuf {
        self.crls.join(holder.crl_file_name())
    }

    fn roots(&self, identity: &Identity) -> Result<TrustSet, Error> {
        let path = || self.roots.clone();
        let bytes = fs::read(&self.roots).map_err(|source| Error::Read {
            what: "file of roots",
            path: path(),
            source,
        })?;
        if !bytes.starts_with(b"-----BEGIN") {
            let signed = signed_directory_from_bytes(&bytes.into())
                .map_err(|source| Error::DirectoryForm { path: path(), source })?;
            let directory = directory::verify(&signed, None)
                .map_err(|source| Error::Directory { path: path(), source: Box::new(source) })?;
            return directory::trust_set(&directory).map_err(|source| Error::Roots { path: path(), source });
        }
        let certificates: Vec<CertificateDer<'static>> = x509::read_certificates(&self.roots)
            .map_err(|source| Error::RootFile { path: path(), source })?;
        let mut trusted = TrustSet::new(identity.network().clone());
        let holder = RootHolder::Jurisdiction(self.agency.jurisdiction());
        for certificate in certificates.iter().take(1) {
            trusted.add_root(holder, certificate).map_err(|source| Error::Roots { path: path(), source })?;
        }
        Ok(trusted)
    }
}

fn install(trusted: &mut TrustSet, holder: RootHolder, path: PathBuf) -> Result<(), Error> {
    let crl = revocation::read_file(&path).map_err(|source| Error::Read {
        what: "revocation list",
        path: path.clone(),
        source,
    })?;
    trusted.install_crl(holder, &crl).map_err(|source| Error::Roots { path, source })
}

fn text(table: &toml::Table, key: &str, example: &str, faults: &mut Vec<String>) -> Option<String> {
    match table.get(key) {
        Some(toml::Value::String(text)) if !text.is_empty() => return Some(text.clone()),
        Some(other) => {
            faults.push(format!("{key}: found {other}, expected a text such as \"{example}\""));
        }
        None => faults.push(format!("{key}: is missing, expected a text such as \"{example}\"")),
    }
    None
}

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that cannot be read.
    #[error("the {what} {} cannot be read", .path.display())]
    Read {
        /// What it is.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Not TOML.
    #[error("the profile {} is not TOML", .path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Where it ends to be TOML.
        source: Box<toml::de::Error>,
    },
    /// Keys that are wrong, missing or not known; all of them.
    #[error("the profile {} is not valid: {faults}", .path.display())]
    Values {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        faults: Faults,
    },
    /// The certificate or its key.
    #[error("the own certificate cannot be used")]
    Credentials(#[from] tls::Error),
    /// A certificate of somebody else.
    #[error("the certificate is of {identity}, and the profile's agency is {agency}")]
    OtherAgency {
        /// Whose certificate it is.
        identity: Identity,
        /// What the profile says.
        agency: AgencyId,
    },
    /// Neither a directory nor a certificate.
    #[error("{} is neither a directory nor a root certificate in PEM", .path.display())]
    DirectoryForm {
        /// Which file.
        path: PathBuf,
        /// Where it ends to be a directory.
        source: sealpost_wire::Error,
    },
    /// A directory that does not verify.
    #[error("the directory {} does not verify", .path.display())]
    Directory {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: Box<directory::Error>,
    },
    /// Not a certificate.
    #[error("the root certificate {} cannot be used", .path.display())]
    RootFile {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: x509::Error,
    },
    /// A root or a revocation list that is not taken.
    #[error("{} cannot be used", .path.display())]
    Roots {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: trust::Error,
    },
}

/// What is wrong with a profile: key and problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(Vec<String>);

impl std::fmt::Display for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
        agency = "HK-CED"
        gateway = "127.0.0.1:7401"
        certificate = "desk/certificate.pem"
        key = "/keys/key.pem"
        roots = "directory.bin"
        crls = "crls"
    "#;

    fn read(text: &str) -> Result<Profile, Vec<String>> {
        Profile::from_table(&toml::from_str(text).unwrap(), Path::new("/etc/sealpost"))
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let profile = read(WHOLE).unwrap();
        assert_eq!(profile.certificate, Path::new("/etc/sealpost/desk/certificate.pem"));
        assert_eq!(profile.key, Path::new("/keys/key.pem"));
        assert_eq!(profile.passphrase_file, None);
        let profile = read(&format!("{WHOLE}\npassphrase_file = \"phrase\"")).unwrap();
        assert_eq!(profile.passphrase_file.as_deref(), Some(Path::new("/etc/sealpost/phrase")));
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let faults = read(
            r#"
            agency = "Hong Kong"
            gatway = "127.0.0.1:7401"
            certificate = 7
            key = ""
            roots = "directory.bin"
            "#,
        )
        .unwrap_err();
        let keys: Vec<&str> = faults.iter().filter_map(|fault| fault.split(':').next()).collect();
        assert_eq!(keys, ["gatway", "gateway", "certificate", "key", "crls", "agency"]);
    }

    #[test]
    fn a_profile_that_is_not_there_is_named() {
        let error = Profile::read(Path::new("/nowhere/sealpost.toml")).unwrap_err();
        assert_eq!(error.to_string(), "the profile /nowhere/sealpost.toml cannot be read");
    }
}
