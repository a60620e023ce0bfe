//! The arguments of `sealpost-admin directory`.

mod propose;

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use sealpost_crypto::signing::Signing;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::agreement::AgreementId;
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::directory::RevocationReason;
use sealpost_domain::message::OperationId;

use crate::Output;
use crate::key_command::{Passphrase, Protection};
pub(crate) use propose::{Making, Propose, Terms, Use, Valid};

#[derive(Debug, Subcommand)]
pub(crate) enum DirectoryCommand {
    /// Shows a directory, a draft of one or a statement: what it lists, who signed it and who is missing.
    Show(Show),
    /// Tells what a draft changes in the version in force, or a later version in an earlier one.
    Diff(Diff),
    /// Tells a key's id and public half, and whose it is.
    Whose(Whose),
    /// Makes a signing key in a new file of mode 0600, such as one of the authority's, and tells its id and public half.
    NewKey {
        /// The file, which must be new. It is encrypted unless --plain is given.
        file: PathBuf,
        #[command(flatten)]
        protection: Protection,
    },
    /// Makes a statement that a directory is to list, and signs it with the key that is given.
    #[command(subcommand)]
    Propose(Propose),
    /// Adds a signature to a statement: a root's to a signing key, a party's to an agreement.
    Endorse(Endorse),
    /// Lists an agency with its first keys, and its jurisdiction where that is new.
    AddAgency(AddAgency),
    /// Lists an agreement that all its parties signed.
    AddAgreement(Listed),
    /// Lists an operation that its lead signed.
    AddOperation(Listed),
    /// Lists another key of an agency, of the authority or of the hub. Roots are never exchanged.
    #[command(subcommand)]
    RotateKey(RotateKey),
    /// Revokes a key or all keys of an agency for ever, or takes an agreement or operation off the list.
    Revoke(Revoke),
    /// Changes nothing but for how long the directory is valid.
    Renew(Renew),
    /// Signs a draft with one of the authority's keys, and shows what it changes. Repeat it on the machines of the others.
    Sign(Sign),
    /// Hands a version that enough of the authority signed, or revocation lists, to the hub, and waits until they are in force
    /// there.
    Publish(Publish),
    /// Opens what an operation is about, with a member's sealing key.
    Details(Details),
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// A directory such as directory.bin of a network's folder, a draft, or a statement.
    pub(crate) file: PathBuf,
    /// The version before, your own copy: the file is judged as its successor. Without it, by the keys that it lists itself.
    #[arg(long, value_name = "FILE")]
    pub(crate) base: Option<PathBuf>,
    /// How it is shown.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The draft, or another version.
    pub(crate) draft: PathBuf,
    /// The version in force, your own copy. What does not follow it directly is judged by the keys that it lists itself.
    #[arg(long, value_name = "FILE")]
    pub(crate) base: PathBuf,
    /// Revocation lists that are to be published with it, DER; compared with those in --crls.
    #[arg(long = "list", value_name = "FILE", requires = "crls")]
    pub(crate) lists: Vec<PathBuf>,
    /// The folder of the revocation lists in force.
    #[arg(long, value_name = "DIR")]
    pub(crate) crls: Option<PathBuf>,
    /// How it is shown.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Whose {
    /// A signing key, of whoever's: a file, or pkcs11:… for one on a token.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Signing,
    #[command(flatten)]
    pub(crate) passphrase: Passphrase,
    /// A directory or a draft of one, to tell whose it is.
    #[arg(long, value_name = "FILE")]
    pub(crate) directory: Option<PathBuf>,
    /// How it is shown.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Endorse {
    /// The statement's file; the signature is added to it.
    pub(crate) statement: PathBuf,
    /// The key that signs: a file, or pkcs11:… for one on a token.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Signing,
    #[command(flatten)]
    pub(crate) passphrase: Passphrase,
    /// A directory or a draft of one, to tell whose the key is.
    #[arg(long, value_name = "FILE")]
    pub(crate) directory: PathBuf,
    /// The digest of the statement as you were told it over another channel: nothing else is signed.
    #[arg(long, value_name = "SHA256")]
    pub(crate) digest: Option<Digest>,
}

/// What is changed.
#[derive(Debug, Args)]
pub(crate) struct Editing {
    /// The version in force, your own copy.
    #[arg(long, value_name = "FILE")]
    pub(crate) base: PathBuf,
    /// The draft that is changed; it is begun where it does not exist.
    #[arg(long, value_name = "FILE")]
    pub(crate) draft: PathBuf,
    /// How the result is told.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct AddAgency {
    /// Its id, such as HK-CED.
    pub(crate) id: AgencyId,
    /// As officers know it.
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: String,
    /// The statements of its signing and sealing keys.
    #[arg(long = "key", value_name = "STATEMENT", required = true)]
    pub(crate) keys: Vec<PathBuf>,
    /// Which of its messages need approvals, in TOML: [[approvals]] as in a roster.
    #[arg(long, value_name = "FILE")]
    pub(crate) approvals: Option<PathBuf>,
    /// The root certificate of its jurisdiction, PEM, where that is not listed yet.
    #[arg(long, value_name = "FILE", requires = "jurisdiction")]
    pub(crate) root: Option<PathBuf>,
    /// The English short name of that jurisdiction.
    #[arg(long, value_name = "NAME", requires = "root")]
    pub(crate) jurisdiction: Option<String>,
    #[command(flatten)]
    pub(crate) editing: Editing,
}

#[derive(Debug, Args)]
pub(crate) struct Listed {
    /// The statement's file.
    pub(crate) statement: PathBuf,
    #[command(flatten)]
    pub(crate) editing: Editing,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RotateKey {
    /// A signing key, signed by the root, by itself and by the node's present key.
    Signing(Listed),
    /// A sealing key of the next epoch, signed by the agency's node.
    Sealing(Listed),
    /// The authority's keys and how many must sign: the next version is signed by the old ones and by the new ones.
    Authority {
        #[command(flatten)]
        keys: Keys,
        /// How many must sign from then on.
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=32))]
        threshold: Option<u32>,
        #[command(flatten)]
        editing: Editing,
    },
    /// The keys under which the hub signs.
    Hub {
        #[command(flatten)]
        keys: Keys,
        #[command(flatten)]
        editing: Editing,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Keys {
    /// A public key to list, 64 hexadecimal digits as `directory whose` shows them.
    #[arg(long, value_name = "PUBLIC", value_parser = public_key, requires = "id")]
    pub(crate) add: Vec<[u8; 32]>,
    /// The id of that key, as `directory whose` shows it beside: one for each --add, in the same order.
    #[arg(long, value_name = "ID", requires = "add")]
    pub(crate) id: Vec<KeyId>,
    /// The id of a key to take off.
    #[arg(long, value_name = "ID")]
    pub(crate) remove: Vec<KeyId>,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["key", "agency", "agreement", "operation"]))]
pub(crate) struct Revoke {
    /// The id of a key.
    #[arg(long, value_name = "ID")]
    pub(crate) key: Option<KeyId>,
    /// All keys of an agency.
    #[arg(long, value_name = "AGENCY")]
    pub(crate) agency: Option<AgencyId>,
    /// An agreement, which ends.
    #[arg(long, value_name = "ID", conflicts_with = "reason")]
    pub(crate) agreement: Option<AgreementId>,
    /// An operation, which ends.
    #[arg(long, value_name = "ID", conflicts_with = "reason")]
    pub(crate) operation: Option<OperationId>,
    /// Why. Of a compromised key nothing is believed, whenever it was said; the others keep their word until then.
    #[arg(long, value_enum, required_unless_present_any = ["agreement", "operation"])]
    pub(crate) reason: Option<Reason>,
    #[command(flatten)]
    pub(crate) editing: Editing,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Reason {
    /// Another key took its place.
    Superseded,
    /// Somebody else may have it.
    Compromised,
    /// Its holder stopped.
    Cessation,
}

impl From<Reason> for RevocationReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Superseded => Self::Superseded,
            Reason::Compromised => Self::Compromised,
            Reason::Cessation => Self::Cessation,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Renew {
    /// For how many days from its issue the draft is valid.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3660))]
    pub(crate) valid_for: u32,
    #[command(flatten)]
    pub(crate) editing: Editing,
}

#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// The draft; the signature is added to it.
    pub(crate) draft: PathBuf,
    /// The version in force, your own copy.
    #[arg(long, value_name = "FILE")]
    pub(crate) base: PathBuf,
    /// One of the authority's keys: a file, or pkcs11:… for one on a token.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Signing,
    #[command(flatten)]
    pub(crate) passphrase: Passphrase,
    /// The digest of the draft as you were told it over another channel: nothing else is signed.
    #[arg(long, value_name = "SHA256")]
    pub(crate) digest: Option<Digest>,
    /// How the result is told.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// The signed version; left out where revocation lists go alone.
    #[arg(required_unless_present = "lists")]
    pub(crate) draft: Option<PathBuf>,
    /// The version in force, your own copy: the hub is believed by its roots.
    #[arg(long, value_name = "FILE")]
    pub(crate) base: PathBuf,
    /// Where the hub is.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) hub: String,
    /// The operator's certificate, PEM.
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: PathBuf,
    /// Its key: a file, or pkcs11:… for one on a token.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Signing,
    #[command(flatten)]
    pub(crate) passphrase: Passphrase,
    /// The folder of the revocation lists; operator.crl is needed.
    #[arg(long, value_name = "DIR")]
    pub(crate) crls: PathBuf,
    /// A revocation list to publish, DER, with the version or alone.
    #[arg(long = "list", value_name = "FILE")]
    pub(crate) lists: Vec<PathBuf>,
    /// How the result is told.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Details {
    /// Which operation.
    pub(crate) operation: OperationId,
    /// A directory that lists it.
    #[arg(long, value_name = "FILE")]
    pub(crate) directory: PathBuf,
    /// The member.
    #[arg(long, value_name = "AGENCY")]
    pub(crate) agency: AgencyId,
    /// The file of its sealing key.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    #[command(flatten)]
    pub(crate) passphrase: Passphrase,
}

/// The same 64 digits as an id; they are another thing.
fn public_key(text: &str) -> Result<[u8; 32], String> {
    let key = text.parse::<KeyId>().map_err(|_| "expected 64 hexadecimal digits".to_owned())?;
    Ok(*key.as_bytes())
}
