//! A network of three agencies without sockets: what the attacks are aimed at.
//!
//! | module | holds |
//! |---|---|
//! | [`node`] | an agency's node: its keys, core, verifier and ledger |
//! | [`hub`] | the hub: verification, state, and what it would deliver |

pub(crate) mod hub;
pub(crate) mod node;

use std::path::Path;

use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use sealpost_admin::network::{self, Options};
use sealpost_admin::roster::Roster;
use sealpost_crypto::directory;
use sealpost_crypto::dsse::SigningKey;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::Draft;
use sealpost_domain::directory::Directory;
use sealpost_domain::instant::Instant;
use sealpost_domain::message::Priority;
use sealpost_domain::statement::Signed;
use sealpost_wire::json::parse_draft;
use serde_json::json;
use tempfile::TempDir;

pub(crate) use hub::{Hub, Passed};
pub(crate) use node::{Node, Said};

/// When everything happens.
pub(crate) const NOW: Instant = Instant::from_millis(1_790_000_000_000);
pub(crate) const HK: &str = "HK-CED";
pub(crate) const DE: &str = "DE-ZKA";
pub(crate) const TH: &str = "TH-TCD";
/// The lane of [`draft`].
pub(crate) const LANE: Priority = Priority::Urgent;

const ROSTER: &str = include_str!("../../e2e/harness/roster.toml");

pub(crate) fn agency(id: &str) -> AgencyId {
    id.parse().unwrap()
}

/// A message from Hong Kong that is sealed to 1 KiB. People, goods and cases in it are invented.
pub(crate) fn draft(to: &[&str], reason: &str) -> Draft {
    let document = json!({
        "recipients": to,
        "priority": LANE.as_str(),
        "category": "narcotics",
        "tlp": "AMBER",
        "grading": { "scale": "europol_4x4", "source": "B", "information": 2 },
        "purpose": "Customs enforcement; invented for a test",
        "retention_until": "2027-03-31",
        "content": { "suspect_shipment": {
            "mode": "sea",
            "consignor": { "name": "Example Tile Trading Ltd (invented)" },
            "suspicion": { "reason": reason },
        } },
    });
    parse_draft(document.to_string()).unwrap()
}

/// A network as the administrator makes it.
pub(crate) struct Network {
    made: network::Network,
    /// Its directory, as its authority signed it.
    pub(crate) genesis: Signed,
    pub(crate) directory: Directory,
    _folder: TempDir,
}

impl Network {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let roster = Roster::parse(ROSTER, Path::new("roster.toml")).unwrap();
        let options = Options::new(folder.path().join("network"));
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let made = network::init(&roster, &options, NOW, &mut rng).unwrap();
        let (genesis, directory) = directory::read(&made.directory).unwrap();
        Self { made, genesis, directory, _folder: folder }
    }

    pub(crate) fn hub(&self) -> Hub {
        Hub::new(self)
    }

    /// The nodes of Hong Kong, Germany and Thailand.
    pub(crate) fn nodes(&self) -> [Node; 3] {
        [HK, DE, TH].map(|id| Node::new(self, id))
    }

    /// One of the authority's keys, counted from 1.
    pub(crate) fn authority_key(&self, number: usize) -> SigningKey {
        SigningKey::read(&self.made.authority[number - 1]).unwrap()
    }

    /// The key of a jurisdiction's root.
    pub(crate) fn root_key(&self, code: &str) -> SigningKey {
        SigningKey::read(&self.made.roots.join(format!("{code}.key.pem"))).unwrap()
    }

    /// Where the keys of a node are.
    fn node_folder(&self, id: &str) -> &Path {
        self.made.agency(id).unwrap().config.parent().unwrap()
    }
}
