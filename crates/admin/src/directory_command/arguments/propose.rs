//! The arguments of `sealpost-admin directory propose`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use sealpost_crypto::signing::Signing;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::instant::Instant;

use crate::key_command::Passphrase;

/// How the file of a key that is made along the way is protected.
#[derive(Debug, Args)]
pub(crate) struct Making {
    /// Leaves the file of a key that is made here unencrypted: for development.
    #[arg(long)]
    pub(crate) plain: bool,
    // One passphrase opens the key files that are read, and closes one that is made.
    #[command(flatten)]
    pub(crate) passphrase: Passphrase,
}

/// When something is valid.
#[derive(Debug, Args)]
pub(crate) struct Valid {
    /// From when it is valid, such as 2026-10-01T00:00:00Z; now when left out.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) from: Option<Instant>,
    /// For how many days.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3660))]
    pub(crate) days: u32,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Propose {
    /// A key with which a node or an officer signs. It signs its own statement; the jurisdiction's root follows by `endorse`.
    SigningKey {
        /// Whose key.
        #[arg(long, value_name = "AGENCY")]
        agency: AgencyId,
        /// The new key's file; where it does not exist a key is made, encrypted unless --plain is given. Or pkcs11:… for a
        /// key that was made on a token.
        #[arg(long, value_name = "KEY")]
        new: Signing,
        #[command(flatten)]
        making: Making,
        /// For whom it is.
        #[arg(long = "use", value_enum, default_value_t = Use::Node)]
        usage: Use,
        #[command(flatten)]
        valid: Valid,
        /// The statement's file, which must be new.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// A key to which others seal, signed by the agency's node.
    SealingKey {
        /// Whose key.
        #[arg(long, value_name = "AGENCY")]
        agency: AgencyId,
        /// The new key's file; where it does not exist a key is made, encrypted unless --plain is given.
        #[arg(long, value_name = "FILE")]
        new: PathBuf,
        #[command(flatten)]
        making: Making,
        /// Its epoch, one more than the last.
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
        epoch: u64,
        /// A signing key of the agency's node: a file, or pkcs11:… for one on a token.
        #[arg(long, value_name = "KEY")]
        key: Signing,
        /// The version in force: with it, the statement is judged as nodes will. Leave it out for an agency that is new.
        #[arg(long, value_name = "FILE")]
        directory: Option<PathBuf>,
        #[command(flatten)]
        valid: Valid,
        /// The statement's file, which must be new.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// An agreement, from its terms; every party signs it by `endorse`.
    Agreement(Terms),
    /// An operation, from its terms; its lead signs it by `endorse`.
    Operation {
        #[command(flatten)]
        terms: Terms,
        /// A text file that says what it is about, sealed to the members.
        #[arg(long, value_name = "FILE")]
        details: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Terms {
    /// The terms in TOML: the keys of [[agreements]] or [[operations]] in a roster, such as certs/roster.toml.
    #[arg(value_name = "TERMS")]
    pub(crate) file: PathBuf,
    /// A directory or a draft of one that lists all who take part.
    #[arg(long, value_name = "FILE")]
    pub(crate) directory: PathBuf,
    /// The statement's file, which must be new.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Use {
    /// Everything that a node signs.
    Node,
    /// Approvals alone.
    Officer,
}

fn moment(text: &str) -> Result<Instant, String> {
    let moment = text.parse::<jiff::Timestamp>();
    let moment =
        moment.map_err(|_| "expected a time with an offset, such as 2026-10-01T00:00:00Z".to_owned())?;
    Ok(Instant::from_millis(moment.as_millisecond()))
}
