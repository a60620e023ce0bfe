//! A new network from a roster: everything in one folder, or nothing at all.
//!
//! ```text
//! DIR/directory.bin                      the signed directory, version 1
//! DIR/network.json                       where everything is, for tools
//! DIR/authority/key-N.pem                the authority's keys
//! DIR/roots/HK.pem, HK.key.pem           a root for each jurisdiction, and operator.pem for the hub's operator
//! DIR/crls/HK.crl                        a revocation list for each root, DER
//! DIR/hub/                               hub.toml, certificate.pem, key.pem, signing.pem
//! DIR/operators/NAME/                    certificate.pem, key.pem
//! DIR/nodes/HK-CED/                      node.toml, certificate.pem, key.pem, signing.pem, sealing-1.pem
//! DIR/agencies/HK-CED/sealpost.toml      the profile of the agency's first officer
//! DIR/agencies/HK-CED/ROLE/NAME/         certificate.pem, key.pem of systems, officers and auditors; approval.pem of the
//!                                        officers of an agency whose messages need approvals
//! ```
//!
//! All keys of all parties lie side by side: this is for development, demonstrations and tests. certs/README.md says
//! what a real ceremony does instead. The folder is built beside its place under another name and takes its own name
//! at the end; a folder that exists is never touched. What was made is verified as its readers will before that.

mod directory;
mod error;
mod folder;
mod material;
mod summary;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use rand::CryptoRng;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::instant::{Instant, Period};

use crate::roster::{self, Roster};

pub use error::Error;
pub use summary::{Agency, Holder, Hub, Network};

/// The port of the hub unless another is given; the gateways follow it.
pub const BASE_PORT: u16 = 7400;

const DAY: Duration = Duration::from_hours(24);
const YEAR: Duration = Duration::from_hours(24 * 365);

/// How a network is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder that is to be made; its parent exists, itself it does not.
    pub out: PathBuf,
    /// Which agencies of the roster take part.
    pub agencies: Selection,
    /// The address on which hub and gateways listen.
    pub host: IpAddr,
    /// Their ports.
    pub ports: Ports,
}

impl Options {
    /// All agencies of the roster, on the loopback and the usual ports.
    pub fn new(out: impl Into<PathBuf>) -> Self {
        Self {
            out: out.into(),
            agencies: Selection::All,
            host: Ipv4Addr::LOCALHOST.into(),
            ports: Ports::From(BASE_PORT),
        }
    }
}

/// Which agencies of a roster take part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All.
    All,
    /// These, in the order of the roster.
    Only(BTreeSet<AgencyId>),
}

/// On which ports hub and gateways listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ports {
    /// The hub on this one, the gateways on those that follow, in the order of the roster.
    From(u16),
    /// Ports that somebody found free.
    Listed {
        /// The hub's.
        hub: u16,
        /// The gateways', in the order of the roster.
        gateways: Vec<u16>,
    },
}

/// How long what is made for a new network is valid.
#[derive(Clone, Copy, Debug)]
struct Validity {
    root: Period,
    certificate: Period,
    signing_key: Period,
    sealing_key: Period,
    crl: Period,
    directory: Period,
}

impl Validity {
    /// From the full second before `now`: certificates know no smaller unit.
    fn from(now: Instant) -> Self {
        let from = Instant::from_millis(now.as_millis().div_euclid(1000) * 1000);
        let lasting = |duration| Period { from, until: Some(from.plus(duration)) };
        Self {
            root: lasting(10 * YEAR),
            certificate: lasting(YEAR),
            signing_key: lasting(2 * YEAR),
            sealing_key: lasting(YEAR),
            crl: lasting(90 * DAY),
            directory: lasting(YEAR),
        }
    }
}

/// When what is made for a network at that moment ends, the soonest first.
pub fn ends(now: Instant) -> Vec<(&'static str, Instant)> {
    let Validity { root, certificate, signing_key, sealing_key, crl, directory } = Validity::from(now);
    let mut ends: Vec<_> = [
        ("revocation lists: `crl renew`", crl),
        ("directory: `directory renew`", directory),
        ("certificates: `csr new`", certificate),
        ("sealing keys: `directory propose sealing-key`", sealing_key),
        ("signing keys: `directory propose signing-key`", signing_key),
        ("root certificates", root),
    ]
    .into_iter()
    .filter_map(|(what, period)| Some((what, period.until?)))
    .collect();
    ends.sort_by_key(|(_, end)| *end);
    ends
}

/// An agency that takes part, and where its gateway listens.
struct Place<'r> {
    agency: &'r roster::Agency,
    gateway: SocketAddr,
}

/// Makes a network: keys, certificates, the signed directory, configurations.
pub fn init(
    roster: &Roster,
    options: &Options,
    now: Instant,
    rng: &mut dyn CryptoRng,
) -> Result<Network, Error> {
    folder::absent(&options.out)?;
    let (hub, places) = places(roster, options)?;
    let validity = Validity::from(now);
    let material = material::Material::generate(roster, &places, &validity, rng)?;
    let directory = directory::issue(roster, &material, &validity)?;
    let crls = material.crls(&validity)?;
    directory::check(&directory.signed, &crls)?;
    let network = folder::Draft { roster, places: &places, hub, material: &material, directory: &directory }
        .write(&options.out, &crls)?;
    Ok(network.under(&options.out))
}

/// Who takes part and where each listens.
fn places<'r>(roster: &'r Roster, options: &Options) -> Result<(SocketAddr, Vec<Place<'r>>), Error> {
    let known = || roster.agencies.iter().map(|agency| agency.id.clone()).collect();
    let chosen: Vec<_> = match &options.agencies {
        Selection::All => roster.agencies.iter().collect(),
        Selection::Only(ids) => {
            let unknown = ids.iter().find(|id| !roster.agencies.iter().any(|agency| agency.id == **id));
            if let Some(agency) = unknown {
                return Err(Error::UnknownAgency { agency: agency.clone(), known: known() });
            }
            roster.agencies.iter().filter(|agency| ids.contains(&agency.id)).collect()
        }
    };
    if chosen.len() < 2 {
        return Err(Error::TooFewAgencies { found: chosen.len() });
    }
    let (hub, gateways) = match &options.ports {
        Ports::From(base) => {
            let last = usize::from(*base) + chosen.len();
            if *base == 0 || last > usize::from(u16::MAX) {
                return Err(Error::BasePort { base: *base, needed: chosen.len() + 1 });
            }
            (*base, (base + 1..=u16::MAX).take(chosen.len()).collect())
        }
        Ports::Listed { hub, gateways } => (*hub, gateways.clone()),
    };
    if gateways.len() != chosen.len() {
        return Err(Error::Ports { found: gateways.len(), needed: chosen.len() });
    }
    let place = |(agency, port)| Place { agency, gateway: SocketAddr::new(options.host, port) };
    Ok((SocketAddr::new(options.host, hub), chosen.into_iter().zip(gateways).map(place).collect()))
}

#[cfg(test)]
mod tests;
