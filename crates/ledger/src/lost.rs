//! What is noted of a damaged record when it is listed: the hash of its leaf, which is that in the tree, and where the
//! leaf is.
//!
//! The note of [`sealpost_seglog::damaged`]: a version of one byte, 1; 32 bytes of the leaf's hash; one byte that says
//! where the leaf is; and where it is kept in the note, its exact bytes.

use bytes::Bytes;
use sealpost_merkle::Hash;
use sealpost_merkle::hash::leaf_hash;
use sealpost_seglog::Listed;

const VERSION: u8 = 1;
const IN_PLACE: u8 = 0;
const KEPT: u8 = 1;
const LOST: u8 = 2;

/// What is noted of a damaged record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    /// Of its leaf.
    pub(crate) hash: Hash,
    pub(crate) leaf: Kept,
}

/// Where the leaf of a damaged record is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    /// In its frame, as it was written.
    InPlace,
    /// Beside it: somebody had it.
    Here(Bytes),
    /// Nowhere.
    Nowhere,
}

impl Note {
    pub(crate) fn to_bytes(&self) -> Bytes {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(self.hash.as_bytes());
        match &self.leaf {
            Kept::InPlace => bytes.push(IN_PLACE),
            Kept::Here(leaf) => {
                bytes.push(KEPT);
                bytes.extend_from_slice(leaf);
            }
            Kept::Nowhere => bytes.push(LOST),
        }
        bytes.into()
    }

    /// `None` for what no version up to this one has noted.
    pub(crate) fn parse(bytes: &Bytes) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (hash, rest) = rest.split_first_chunk()?;
        let (place, rest) = rest.split_first()?;
        let leaf = match (*place, rest) {
            (IN_PLACE, []) => Kept::InPlace,
            (KEPT, leaf) => Kept::Here(bytes.slice_ref(leaf)),
            (LOST, []) => Kept::Nowhere,
            _ => return None,
        };
        (*version == VERSION).then(|| Self { hash: Hash::from_bytes(*hash), leaf })
    }
}

/// A record that is listed as damaged, as far as it holds.
pub(crate) enum Held {
    /// Its leaf is the one in the tree; the body is whatever lies there.
    Leaf(Bytes, Bytes),
    /// Its leaf is lost.
    Nothing(Hash),
    /// What lies there is not what was listed.
    Changed,
}

/// Checks what lies in the place of a damaged record against what was noted of it.
pub(crate) fn held(listed: Listed) -> Held {
    let Listed { index: _, leaf, body, note } = listed;
    let Some(Note { hash, leaf: kept }) = Note::parse(&note) else { return Held::Changed };
    let leaf = match kept {
        Kept::InPlace => leaf,
        Kept::Here(kept) => kept,
        Kept::Nowhere => return Held::Nothing(hash),
    };
    if leaf_hash(&leaf) == hash { Held::Leaf(leaf, body) } else { Held::Changed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_read_back_and_others_are_none() {
        let hash = leaf_hash(b"leaf");
        for leaf in [Kept::InPlace, Kept::Here(Bytes::from_static(b"leaf")), Kept::Nowhere] {
            let note = Note { hash, leaf };
            assert_eq!(Note::parse(&note.to_bytes()), Some(note.clone()));
            let mut later = note.to_bytes().to_vec();
            later[0] = 2;
            assert_eq!(Note::parse(&later.into()), None);
            assert_eq!(Note::parse(&note.to_bytes().slice(..33)), None);
        }
    }

    #[test]
    fn a_leaf_that_is_not_the_one_that_was_listed_is_not_believed() {
        let note = |leaf| Note { hash: leaf_hash(b"leaf"), leaf }.to_bytes();
        let listed = |leaf: &'static [u8], note| {
            held(Listed { index: 1, leaf: Bytes::from_static(leaf), body: Bytes::new(), note })
        };
        assert!(matches!(listed(b"leaf", note(Kept::InPlace)), Held::Leaf(..)));
        assert!(matches!(listed(b"less", note(Kept::InPlace)), Held::Changed));
        assert!(matches!(listed(b"", note(Kept::Here(Bytes::from_static(b"leaf")))), Held::Leaf(..)));
        assert!(matches!(listed(b"", note(Kept::Here(Bytes::from_static(b"else")))), Held::Changed));
        assert!(matches!(listed(b"leaf", Bytes::new()), Held::Changed));
    }
}
