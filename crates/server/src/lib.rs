//! What hub and node share as servers.

pub mod config;
