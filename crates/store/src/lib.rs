//! Projections: cursors, indexes and states derived from a ledger, kept so that a start need not read it all.
//!
//! Nothing lies here that must not be lost. Every batch of changes carries the index of the ledger up to which it
//! was derived, and both become visible together ([`Projections::apply`]); whoever derives them goes on from
//! [`Projections::applied`] after a restart. [`Store`] keeps them in redb, [`Memory`] in memory, for simulations and
//! tests.
//!
//! Nothing is synced while they are open: after a loss of power a file may hold its cursor and have lost the data. So a
//! marker file of our own says whether what is there can be believed; if not, [`Store::open`] starts empty and says why.
//!
//! Never here: what keys and values mean; the only copy of anything.

mod backend;
mod batch;
mod database;
mod error;
mod marker;
mod memory;
mod store;

pub use batch::{Batch, Keyspace, Order, Range};
pub use error::Error;
pub use memory::Memory;
pub use store::{Basis, Opened, Reason, Store};

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// What is derived from a ledger.
pub trait Projections: Send + Sync {
    /// The ledger index up to which everything here was derived: the first one that was not yet applied.
    fn applied(&self) -> u64;

    /// The value under a key.
    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;

    /// The pairs in a range, in its order, up to its limit, as of one moment: a batch that is applied meanwhile shows whole or not at all.
    fn scan(&self, keyspace: Keyspace, range: &Range<'_>) -> Result<Vec<Pair>, Error>;

    /// Makes all changes of the batch, and its applied index, visible at once. An index below the current one is
    /// refused and changes nothing.
    fn apply(&self, batch: Batch) -> Result<(), Error>;

    /// Something is not here that must have been derived: nothing here is believed after this, and the next opening
    /// starts anew. The error to end with.
    fn distrust_lacking(&self, keyspace: Keyspace) -> Error;

    /// Whether anything failed here, or was lacking, whoever met it: nothing here is read or changed any more
    /// ([`Error::Failed`]), and the program has to end.
    fn has_failed(&self) -> bool;
}
