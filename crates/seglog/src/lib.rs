//! The durable segmented log that node and hub share.
//!
//! A log is a directory of segment files with one record after the other, counted from 0 without a gap. One
//! [`Log`] writes; a lock file keeps every second process away. What it promises:
//!
//! * An append is acknowledged only after its bytes, and the name of the file that holds them, were synced.
//! * A failed sync is final ([`append::Fatal`]): it is never tried again, the program must end and read the log anew.
//! * A full disk refuses what does not fit, whole, and the log goes on by itself when there is space again.
//! * After a crash every acknowledged record is there. What is damaged at or above the highest durable mark was
//!   never acknowledged by this log's own account: it is cut and reported. Damage below stops [`Log::open`] with the
//!   record and the file named, and nothing is changed then.
//!
//! ```text
//!  Writer ──bounded queue──▶ one thread: drain, one write, one fdatasync, one cumulative acknowledgement
//!    │                          │
//!    └─ Pending ◀───────────────┤                       Reader (any number, any thread)
//!                               ▼                          │ below the durable mark alone
//!                              Log ──▶ <first index>.seg ◀─┘
//! ```
//!
//! Memory does not grow with the records: see [`Log::open`] and [`Reader::get`], which finds a record without an index.
//!
//! A damaged record can be taken apart and listed ([`salvage`]): then it is told as such, and the log goes on behind it.
//!
//! The formats are [`frame`], [`segment`] and [`damaged`]. Never here: what a record means, clocks, randomness, a runtime.

pub mod append;
pub mod damaged;
pub mod disk;
pub mod frame;
mod frames;
mod locate;
mod log;
mod marks;
pub mod open;
pub mod read;
mod record;
mod recover;
pub mod salvage;
pub mod segment;
mod segments;
pub mod writer;

pub use log::Log;
pub use open::{Options, Recovery, TornTail};
pub use read::Reader;
pub use record::{Appended, Damage, Entry, Listed, Location, Record};
pub use writer::{Capacity, Pending, Writer};
