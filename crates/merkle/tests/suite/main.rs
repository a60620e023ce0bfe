//! Trees, proofs and notes against their definitions, other implementations and forgers.

mod checkpoints;
mod forger;
mod keys;
mod memory;
mod naive;
mod notes;
mod oracle;
mod paths;
mod proof_files;
mod proofs;
mod samples;
mod trees;
mod vectors;
