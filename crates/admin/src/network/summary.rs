//! Where everything of a network is: for tools, and as `network.json` in its folder.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A network that was made. In `network.json` paths are relative to the folder, here they begin with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Its name.
    pub network: String,
    /// The signed directory.
    pub directory: PathBuf,
    /// The folder of the revocation lists.
    pub crls: PathBuf,
    /// The folder of the root certificates and their keys: `HK.pem`, `HK.key.pem`, …, `operator.pem`.
    pub roots: PathBuf,
    /// The authority's key files.
    pub authority: Vec<PathBuf>,
    /// The hub.
    pub hub: Hub,
    /// Those who operate the hub.
    pub operators: Vec<Holder>,
    /// The agencies, in the order of the roster.
    pub agencies: Vec<Agency>,
    /// The agreements in the directory.
    pub agreements: Vec<String>,
    /// The operations in the directory.
    pub operations: Vec<String>,
    /// What of the roster's agreements and operations is not in it, and why.
    pub left_out: Vec<String>,
}

/// The hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hub {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its configuration.
    pub config: PathBuf,
    /// Its data folder, which it makes itself.
    pub data: PathBuf,
}

/// An agency and its node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agency {
    /// Its id.
    pub id: String,
    /// As officers know it.
    pub name: String,
    /// Where its gateway listens.
    pub gateway: SocketAddr,
    /// The configuration of its node.
    pub config: PathBuf,
    /// The data folder of its node, which that makes itself.
    pub data: PathBuf,
    /// The profile of its first officer, for the `sealpost` command; without officers there is none.
    pub profile: Option<PathBuf>,
    /// Its systems.
    pub systems: Vec<Holder>,
    /// Its officers.
    pub officers: Vec<Holder>,
    /// The auditors of its ledger.
    pub auditors: Vec<Holder>,
}

/// Somebody or something with a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// The name.
    pub name: String,
    /// The certificate and its root, PEM.
    pub certificate: PathBuf,
    /// The key file.
    pub key: PathBuf,
}

impl Network {
    /// The summary's name in the network's folder.
    pub const FILE: &'static str = "network.json";

    /// Reads the summary of the network in a folder.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let text = std::fs::read_to_string(folder.join(Self::FILE))?;
        let network: Self = serde_json::from_str(&text)?;
        Ok(network.under(folder))
    }

    /// An agency by its id.
    pub fn agency(&self, id: &str) -> Option<&Agency> {
        self.agencies.iter().find(|agency| agency.id == id)
    }

    /// Lets every path begin with the folder.
    pub(super) fn under(mut self, folder: &Path) -> Self {
        let mut paths = vec![&mut self.directory, &mut self.crls, &mut self.roots];
        paths.extend(&mut self.authority);
        paths.extend([&mut self.hub.config, &mut self.hub.data]);
        paths.extend(self.operators.iter_mut().flat_map(Holder::paths));
        for agency in &mut self.agencies {
            paths.extend([&mut agency.config, &mut agency.data]);
            paths.extend(&mut agency.profile);
            let holders = [&mut agency.systems, &mut agency.officers, &mut agency.auditors];
            paths.extend(holders.into_iter().flatten().flat_map(Holder::paths));
        }
        for path in paths {
            *path = folder.join(&*path);
        }
        self
    }
}

impl Holder {
    fn paths(&mut self) -> [&mut PathBuf; 2] {
        [&mut self.certificate, &mut self.key]
    }
}
