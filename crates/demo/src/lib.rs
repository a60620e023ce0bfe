//! The whole network on one machine: the sample operation, the programs that carry it, and the check of what became
//! of it.
//!
//! `operation` knows no network and `history` no program: both serve simulations as well as the demonstration. This
//! crate starts the real programs and takes no short cuts around them.

pub mod evidence;
pub mod history;
pub mod network;
pub mod operation;
pub mod play;
pub mod verify;
