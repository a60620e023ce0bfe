//! The Merkle tree over a ledger, kept up behind its durable mark, and the checkpoints that the node signs over it.
//!
//! The tree is that of RFC 6962 over the exact bytes of every leaf, in the order of the records, across incarnations.
//! Its tiles and its checkpoint lie in a folder as C2SP tlog-tiles names them ([`Files`]). What it promises:
//!
//! * A checkpoint is signed only over records that are durable: the keeper reads nothing else.
//! * A checkpoint that was handed out is on the disk first, so that none is ever forgotten in a crash.
//! * Tiles are derived and never synced. They are believed only where they lead to the root of a checkpoint; what is
//!   missing or wrong is made anew from the records ([`Keeper::open`]).
//! * Records that do not lead to the root that was signed over them are a fault that nothing here repairs:
//!   [`Error::Rewritten`].
//!
//! Never here: when a checkpoint is due, and who gets it.

mod export;
mod files;
mod prove;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use sealpost_crypto::dsse::{SignError, Signer, VerifyingKey};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::identity::NetworkName;
use sealpost_domain::link::Incarnation;
use sealpost_merkle::checkpoint::{self, Checkpoint};
use sealpost_merkle::note::{KeyKind, KeyName, Note, VerifierKey};
use sealpost_merkle::{Hash, Tree, leaf_hash};
use tokio::sync::watch;

use crate::history::{History, ReadError};
pub use export::{Error as ExportError, export};
pub use files::Files;
pub use prove::{Error as ProofError, Prover};

/// How many records are taken over at once: after each stretch the tiles that it filled are written.
const STRETCH: u64 = 4096;

/// A checkpoint as it was signed, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The signed note.
    pub note: Note,
    /// What it says.
    pub checkpoint: Checkpoint,
}

impl Signed {
    /// Takes a signed note apart; nothing is said about its signatures.
    pub fn parse(note: &[u8]) -> Result<Self, checkpoint::Error> {
        let text = String::from_utf8_lossy(note);
        let note = Note::parse(&text)?;
        Ok(Self { checkpoint: Checkpoint::from_text(note.text())?, note })
    }

    /// The note, as it travels.
    pub fn to_bytes(&self) -> Bytes {
        self.note.to_string().into()
    }

    /// Whether a node with this key signed it.
    pub fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        let holds =
            |_: &[u8; 32], message: &[u8], signature: &[u8; 64]| key.verify(message, signature).is_ok();
        self.note.is_signed_by(&verifier_key(&self.checkpoint.origin, key), &holds)
    }
}

/// A node's key as the verifier of the checkpoints of one ledger.
pub fn verifier_key(origin: &KeyName, key: &VerifyingKey) -> VerifierKey {
    VerifierKey::new(origin.clone(), KeyKind::Note, *key.as_bytes())
}

/// Why the tree cannot be kept up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk did not give or take a file of the tree.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// A record cannot be read.
    #[error("cannot read the ledger")]
    Read(#[from] ReadError),
    /// The stored checkpoint is none.
    #[error("{} holds no checkpoint", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: checkpoint::Error,
    },
    /// The stored checkpoint is that of another ledger.
    #[error("{} is the checkpoint of {found}, the ledger is {expected}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: KeyName,
        /// Whose it must be.
        expected: KeyName,
    },
    /// The ledger is shorter than what was signed over it.
    #[error(
        "the ledger ends at record {records}, but its own checkpoint covers {size}: records are missing, or an older \
         copy was put in place"
    )]
    Shorter {
        /// Of the checkpoint.
        size: u64,
        /// How many records there are.
        records: u64,
    },
    /// The records are not those over which the checkpoint was signed.
    #[error(
        "the records do not lead to the root that was signed over {size} of them: the ledger was rewritten"
    )]
    Rewritten {
        /// Of the checkpoint.
        size: u64,
        /// The root that was signed.
        signed: Hash,
        /// The root of the records.
        found: Hash,
    },
    /// The key does not sign.
    #[error("cannot sign a checkpoint")]
    Sign(#[from] SignError),
}

/// The name of a ledger in its checkpoints: network, agency and incarnation.
pub fn origin(network: &NetworkName, agency: &AgencyId, incarnation: Incarnation) -> KeyName {
    let incarnation = data_encoding::HEXLOWER.encode(&incarnation.0);
    KeyName::parse(&format!("{network}/ledger/{agency}/{incarnation}"))
        .expect("names of networks and agencies hold neither blanks nor plus signs")
}

/// The one who appends to the tree and signs. Blocks on the disk.
pub struct Keeper {
    files: Files,
    history: History,
    tree: Tree,
    signer: Arc<dyn Signer>,
    origin: KeyName,
    latest: watch::Sender<Option<Signed>>,
    remade: bool,
}

impl Keeper {
    /// Takes up the tree in `files` where its checkpoint left it, or makes it anew from the records where tiles are
    /// missing or wrong.
    pub fn open(
        files: Files,
        history: History,
        signer: Arc<dyn Signer>,
        network: &NetworkName,
        agency: &AgencyId,
    ) -> Result<Self, Error> {
        let stored = files.checkpoint()?;
        let lives = history.incarnations();
        let origins = || lives.iter().map(|(_, incarnation)| origin(network, agency, *incarnation));
        let current = origins().next_back().unwrap_or_else(|| origin(network, agency, Incarnation([0; 16])));
        let (tree, latest) = (Tree::new(), watch::Sender::new(None));
        let mut keeper = Self { files, history, tree, signer, origin: current, latest, remade: false };
        let Some(stored) = stored else { return Ok(keeper) };
        if !origins().any(|origin| origin == stored.checkpoint.origin) {
            let (path, found) = (keeper.files.checkpoint_path(), stored.checkpoint.origin);
            return Err(Error::Foreign { path, found, expected: keeper.origin });
        }
        let Checkpoint { size, root, .. } = stored.checkpoint;
        if size > keeper.history.durable() {
            return Err(Error::Shorter { size, records: keeper.history.durable() });
        }
        if let Ok(tree) = Tree::resume(size, &root, &keeper.files) {
            keeper.tree = tree;
        } else {
            keeper.remade = true;
            keeper.grow(size)?;
            if keeper.tree.root() != root {
                return Err(Error::Rewritten { size, signed: root, found: keeper.tree.root() });
            }
            keeper.files.write_tiles(keeper.tree.partial())?;
        }
        // One of an earlier incarnation, or of an earlier key, has had its time: the next one takes its place.
        if stored.checkpoint.origin == keeper.origin {
            keeper.latest.send_replace(Some(stored));
        }
        Ok(keeper)
    }

    /// Whether the stored tree was missing or wrong when it was taken up.
    pub fn was_remade(&self) -> bool {
        self.remade
    }

    /// The latest checkpoint, whenever there is a new one.
    pub fn watch(&self) -> watch::Receiver<Option<Signed>> {
        self.latest.subscribe()
    }

    /// Takes over what became durable, and signs a checkpoint over it; whether there was anything.
    pub fn advance(&mut self) -> Result<bool, Error> {
        let durable = self.history.durable();
        let signed = self.latest.borrow().as_ref().map_or(0, |signed| signed.checkpoint.size);
        if durable <= signed {
            return Ok(false);
        }
        self.grow(durable)?;
        self.files.write_tiles(self.tree.partial())?;
        let checkpoint =
            Checkpoint { origin: self.origin.clone(), size: self.tree.size(), root: self.tree.root() };
        let key = verifier_key(&self.origin, self.signer.verifying_key());
        let note = checkpoint.sign(&key, |text| self.signer.sign(text))?;
        let signed = Signed { note, checkpoint };
        self.files.write_checkpoint(&signed.to_bytes())?;
        self.latest.send_replace(Some(signed));
        Ok(true)
    }

    fn grow(&mut self, size: u64) -> Result<(), Error> {
        let mut leaves = self.history.leaves(self.tree.size());
        while self.tree.size() < size {
            let stretch = size.min(self.tree.size() + STRETCH);
            while self.tree.size() < stretch {
                let Some(leaf) = leaves.next() else {
                    return Err(Error::Shorter { size, records: self.tree.size() });
                };
                self.tree.append(leaf_hash(&leaf?));
            }
            self.files.write_tiles(self.tree.take_full())?;
        }
        Ok(())
    }
}
