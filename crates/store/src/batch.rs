//! What is asked of the projections: changes that belong together, and ranges of keys.

/// One kind of projection: keys of different keyspaces never meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Keyspace(&'static str);

impl Keyspace {
    /// A keyspace of this name.
    ///
    /// # Panics
    /// At compile time, for a name that is empty or holds anything but lower-case letters and hyphens.
    pub const fn new(name: &'static str) -> Self {
        let bytes = name.as_bytes();
        assert!(!bytes.is_empty(), "a keyspace has a name");
        let mut at = 0;
        while at < bytes.len() {
            assert!(
                bytes[at].is_ascii_lowercase() || bytes[at] == b'-',
                "lower-case letters and hyphens alone"
            );
            at += 1;
        }
        Self(name)
    }

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        self.0
    }

    /// The key as it stands among those of all keyspaces. No name holds the zero byte that ends it, so that no
    /// keyspace reaches into another.
    pub(crate) fn full_key(self, key: &[u8]) -> Vec<u8> {
        [self.0.as_bytes(), &[0], key].concat()
    }
}

/// Changes that become visible together, with the ledger index up to which they were derived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub(crate) applied: u64,
    pub(crate) changes: Vec<Change>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) keyspace: Keyspace,
    pub(crate) key: Vec<u8>,
    /// `None` deletes.
    pub(crate) value: Option<Vec<u8>>,
}

impl Batch {
    /// A batch without changes, after which every ledger record below `applied` counts as applied.
    pub fn new(applied: u64) -> Self {
        Self { applied, changes: Vec::new() }
    }

    /// Sets the value under a key. Of several changes to one key the last one counts. Values are small: what is large
    /// lies in the ledger.
    pub fn put(
        &mut self,
        keyspace: Keyspace,
        key: impl Into<Vec<u8>>,
        value: impl Into<Vec<u8>>,
    ) -> &mut Self {
        self.changes.push(Change { keyspace, key: key.into(), value: Some(value.into()) });
        self
    }

    /// Deletes a key, if it is there.
    pub fn delete(&mut self, keyspace: Keyspace, key: impl Into<Vec<u8>>) -> &mut Self {
        self.changes.push(Change { keyspace, key: key.into(), value: None });
        self
    }
}

/// Keys with a common beginning, a page at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range<'a> {
    pub(crate) prefix: &'a [u8],
    pub(crate) after: Option<&'a [u8]>,
    pub(crate) order: Order,
    pub(crate) limit: usize,
}

/// In which order keys are read: by their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The smallest first.
    Ascending,
    /// The largest first.
    Descending,
}

impl<'a> Range<'a> {
    /// At most `limit` pairs whose key begins with `prefix`, ascending.
    pub fn prefix(prefix: &'a [u8], limit: usize) -> Self {
        Self { prefix, after: None, order: Order::Ascending, limit }
    }

    /// The same in this order.
    #[must_use]
    pub fn ordered(self, order: Order) -> Self {
        Self { order, ..self }
    }

    /// The same from behind this key on, in the order of the range: the last key of one page gives the next.
    #[must_use]
    pub fn after(self, key: &'a [u8]) -> Self {
        Self { after: Some(key), ..self }
    }
}
