//! The Merkle tree over a ledger, kept up behind its durable mark, and the checkpoints that the node signs over it.
//!
//! The tree is that of RFC 6962 over the exact bytes of every leaf, in the order of the records, across incarnations.
//! Its tiles and its checkpoint lie in a folder as C2SP tlog-tiles names them ([`Files`]). What it promises:
//!
//! * A checkpoint is signed only over records that are durable: the keeper reads nothing else.
//! * A checkpoint that was handed out is on the disk first, so that none is ever forgotten in a crash.
//! * Tiles are derived and never synced. They are believed only where they lead to the root of a checkpoint; what is
//!   missing or wrong is made anew from the records ([`Keeper::open`]). What merely cannot be read is not wrong.
//! * Records that do not lead to the root that was signed over them are a fault that nothing here repairs:
//!   [`Error::Rewritten`]. No tile is made from such records, and every later start finds the same.
//!
//! Never here: when a checkpoint is due, and who gets it.

mod export;
mod files;
mod keys;
pub mod listed;
mod prove;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use sealpost_crypto::dsse::{SignError, Signer, VerifyingKey};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::identity::NetworkName;
use sealpost_domain::link::Incarnation;
use sealpost_merkle::checkpoint::{self, Checkpoint, SignCheckpointError};
use sealpost_merkle::key::KeyName;
use sealpost_merkle::note::{Note, Signer as _};
use sealpost_merkle::{Hash, Tile, Tree, read};
use tokio::sync::watch;

use crate::history::{History, ReadError};
pub use export::{Error as ExportError, export};
pub use files::Files;
pub(crate) use files::is_of_the_tile;
pub use keys::{CosignatureVerifier, Cosigner, NoteSigner, NoteVerifier, verifier_key};
pub use prove::{Error as ProofError, Prover};

/// How many records one step takes over, and after how many bytes of them it ends: a second or two of work, after which a
/// keeper can be told to stop.
const STRETCH_RECORDS: u64 = 1 << 18;
const STRETCH_BYTES: usize = 64 << 20;

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
        let note = Note::parse(note)?;
        Ok(Self { checkpoint: note.text().parse()?, note })
    }

    /// The note, as it travels.
    pub fn to_bytes(&self) -> Bytes {
        self.note.to_string().into()
    }

    /// Whether a node with this key signed it.
    pub fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        // An origin that is no name of a key is that of none of our ledgers.
        let origin: Result<KeyName, _> = self.checkpoint.origin().parse();
        origin.is_ok_and(|origin| self.note.verify(&NoteVerifier::new(&origin, key)).is_ok())
    }
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
    #[error(
        "{} holds no checkpoint: restore that file from a backup; or, once `ledger verify --since` held against one that \
         was kept elsewhere, move it away to have a new one signed", path.display()
    )]
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
        found: String,
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
    /// There is no record, and so no incarnation to sign for.
    #[error("the ledger holds no record")]
    Empty,
    /// The key does not sign.
    #[error("cannot sign a checkpoint")]
    Sign(#[from] SignCheckpointError<SignError>),
}

/// The name of a ledger in its checkpoints: network, agency and incarnation.
pub fn origin(network: &NetworkName, agency: &AgencyId, incarnation: Incarnation) -> KeyName {
    let incarnation = data_encoding::HEXLOWER.encode(&incarnation.0);
    format!("{network}/ledger/{agency}/{incarnation}")
        .parse()
        .expect("names of networks and agencies hold neither blanks nor plus signs")
}

/// The one who appends to the tree and signs. Blocks on the disk.
pub struct Keeper {
    files: Files,
    history: History,
    tree: Tree,
    /// Full tiles that the disk has not taken yet: the tree hands out each of them once.
    filled: Vec<(Tile, Vec<u8>)>,
    signer: NoteSigner,
    latest: watch::Sender<Option<Signed>>,
    remaking: Option<Remaking>,
}

/// Every tile is to be made anew.
#[derive(Clone, Copy)]
struct Remaking {
    /// Up to where.
    size: u64,
    /// The root that was signed there.
    signed: Hash,
    pass: Pass,
}

/// What becomes of the tiles while the tree grows over the records.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// None is written. Tiles of records that were rewritten would agree with those, and hide from the next start what
    /// this one found.
    Compare,
    /// The disk takes them.
    Write,
}

impl Keeper {
    /// Takes up the tree in `files` where its checkpoint left it, or makes it anew from the records where tiles are
    /// missing or wrong, and says why.
    pub fn open(
        files: Files,
        history: History,
        signer: Arc<dyn Signer>,
        network: &NetworkName,
        agency: &AgencyId,
    ) -> Result<(Self, Option<String>), Error> {
        // So that the name of the folder lasts as long as the checkpoint in it.
        files.make_dir()?;
        let stored = files.checkpoint()?;
        let lives = history.incarnations();
        let origins: Vec<_> = lives.iter().map(|(_, life)| origin(network, agency, *life)).collect();
        let current = origins.last().ok_or(Error::Empty)?;
        let (tree, latest) = (Tree::new(), watch::Sender::new(None));
        let signer = NoteSigner::new(current, signer);
        let mut keeper = Self { files, history, tree, filled: Vec::new(), signer, latest, remaking: None };
        let Some(stored) = stored else { return Ok((keeper, None)) };
        let found = stored.checkpoint.origin();
        if !origins.iter().any(|origin| origin.as_str() == found) {
            let (path, found) = (keeper.files.checkpoint_path(), found.to_owned());
            return Err(Error::Foreign { path, found, expected: current.clone() });
        }
        let (size, root) = (stored.checkpoint.size(), stored.checkpoint.root());
        if size > keeper.history.durable() {
            return Err(Error::Shorter { size, records: keeper.history.durable() });
        }
        let remade = keeper.resume(size, root)?;
        if remade.is_some() {
            keeper.remake(size, root);
            while !keeper.has_remade()? {}
        }
        // One of an earlier incarnation, or of an earlier key, has had its time: the next one takes its place.
        let own = stored.checkpoint.origin() == current.as_str()
            && stored.is_signed_by(keeper.signer.verifying_key());
        if own {
            keeper.latest.send_replace(Some(stored));
        }
        Ok((keeper, remade))
    }

    /// Goes on with the stored tree, or says why it must be made anew.
    fn resume(&mut self, size: u64, root: Hash) -> Result<Option<String>, Error> {
        if self.files.are_distrusted()? {
            return Ok(Some("an earlier remaking of the tree did not come to its end".to_owned()));
        }
        match Tree::resume(size, root, &self.files) {
            Ok(tree) => {
                self.tree = tree;
                Ok(self.files.missing_tile(size)?.map(|tile| format!("{tile} is missing")))
            }
            Err(read::Error::Read { tile, source }) if !is_of_the_tile(&source) => {
                Err(self.files.unread(tile, source))
            }
            Err(error) => Ok(Some(error.to_string())),
        }
    }

    /// The latest checkpoint, whenever there is a new one.
    pub fn watch(&self) -> watch::Receiver<Option<Signed>> {
        self.latest.subscribe()
    }

    /// Whether there is more to do: records that the latest checkpoint does not cover, or tiles to be made anew.
    pub fn is_behind(&self) -> bool {
        let signed = self.latest.borrow().as_ref().map_or(0, |signed| signed.checkpoint.size());
        self.remaking.is_some() || signed < self.history.durable()
    }

    /// Whether tiles are being made anew.
    pub fn is_remaking(&self) -> bool {
        self.remaking.is_some()
    }

    /// A tile was found missing or wrong: the next steps of [`Keeper::advance`] make all of them anew.
    pub fn distrust(&mut self) {
        let latest = self.latest.borrow().as_ref().map(|signed| signed.checkpoint.clone());
        if let Some(latest) = latest.filter(|_| self.remaking.is_none()) {
            self.remake(latest.size(), latest.root());
        }
    }

    /// Takes a step: over what became durable, up to a number of records or bytes at once, and signs a checkpoint over it;
    /// whether it did.
    pub fn advance(&mut self) -> Result<bool, Error> {
        if !self.has_remade()? || !self.is_behind() {
            return Ok(false);
        }
        self.grow(self.history.durable(), Pass::Write)?;
        self.files.write_tiles(&self.tree.partial())?;
        let origin = self.signer.key().name().as_str();
        let checkpoint =
            Checkpoint::new(origin, self.tree.size(), self.tree.root()).map_err(SignCheckpointError::from)?;
        let signed = Signed { note: checkpoint.sign(&self.signer)?, checkpoint };
        self.files.write_checkpoint(&signed.to_bytes())?;
        self.latest.send_replace(Some(signed));
        Ok(true)
    }

    /// Every tile is to be made anew from the records, which must lead to the root that was signed over them.
    fn remake(&mut self, size: u64, signed: Hash) {
        self.tree = Tree::new();
        self.filled.clear();
        self.remaking = Some(Remaking { size, signed, pass: Pass::Compare });
    }

    /// Takes a step of making the tiles anew: the records are compared with the root first, and tiles are made of them
    /// after that. Whether nothing is left to do.
    fn has_remade(&mut self) -> Result<bool, Error> {
        let Some(Remaking { size, signed, pass }) = self.remaking else { return Ok(true) };
        if pass == Pass::Compare {
            // Before anything is found, so that whatever ends this program has the next start look again.
            self.files.distrust()?;
        }
        self.grow(size, pass)?;
        if self.tree.size() < size {
            return Ok(false);
        }
        let found = self.tree.root();
        if found != signed {
            return Err(Error::Rewritten { size, signed, found });
        }
        if pass == Pass::Compare {
            self.tree = Tree::new();
            self.remaking = Some(Remaking { size, signed, pass: Pass::Write });
            return Ok(false);
        }
        self.files.write_tiles(&self.tree.partial())?;
        self.files.trust()?;
        self.remaking = None;
        Ok(true)
    }

    /// Grows the tree over the records up to `size`, or over as many as one step takes.
    fn grow(&mut self, size: u64, pass: Pass) -> Result<(), Error> {
        // What the disk refused last time comes first.
        self.write_filled()?;
        let end = size.min(self.tree.size().saturating_add(STRETCH_RECORDS));
        let mut records = self.history.hashed(self.tree.size());
        let mut bytes = 0;
        while self.tree.size() < end && bytes < STRETCH_BYTES {
            let Some(record) = records.next() else {
                return Err(Error::Shorter { size, records: self.tree.size() });
            };
            let record = record?;
            bytes += record.bytes;
            let filled = self.tree.append(record.hash);
            if pass == Pass::Write {
                self.filled = filled;
                self.write_filled()?;
            }
        }
        Ok(())
    }

    fn write_filled(&mut self) -> Result<(), Error> {
        self.files.write_tiles(&self.filled)?;
        self.filled.clear();
        Ok(())
    }
}
