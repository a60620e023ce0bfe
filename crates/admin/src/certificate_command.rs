//! `sealpost-admin root`, `csr` and `crl`: arguments in, one call of the library, what is public out.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand, value_parser};
use comfy_table::{Table, presets};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use sealpost_admin::certificate::list::{self, Target};
use sealpost_admin::certificate::{self, OfflineRoot, request, root};
use sealpost_crypto::signing;
use sealpost_crypto::trust::RootHolder;
use sealpost_domain::agency::JurisdictionCode;
use sealpost_domain::digest::Digest;
use sealpost_domain::identity::{Identity, NetworkName};
use sealpost_domain::instant::Period;
use serde::Serialize;

use crate::key_command::Passphrase;
use crate::{Output, now};

const DAY: Duration = Duration::from_hours(24);

/// On a machine without network, where the root's key lies.
#[derive(Debug, Subcommand)]
pub(crate) enum RootCommand {
    /// Makes the certificate of a root for a key that was made with `key new`.
    #[command(group = ArgGroup::new("holder").required(true))]
    New {
        /// The certificate to make. It must not exist.
        file: PathBuf,
        /// The root's key: a file, or pkcs11:… for one on a token.
        #[arg(long, value_name = "KEY")]
        key: signing::Signing,
        /// The network, as in identities, such as customs.example.
        #[arg(long, value_name = "NAME", value_parser = network)]
        network: NetworkName,
        /// The jurisdiction for whose agencies it signs, such as HK.
        #[arg(long, value_name = "CODE", group = "holder")]
        jurisdiction: Option<JurisdictionCode>,
        /// It signs for hub and operators.
        #[arg(long, group = "holder")]
        hub_operator: bool,
        /// How long it is valid.
        #[arg(long, value_name = "DAYS", default_value_t = 3650, value_parser = value_parser!(u32).range(1..=7305))]
        days: u32,
        #[command(flatten)]
        told: Telling,
    },
    /// Shows whose root a certificate is, and its SHA-256 for comparing it over another channel.
    Show {
        /// The certificate.
        file: PathBuf,
        /// How the result is told.
        #[arg(long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
}

/// Requests for certificates (PKCS#10): they travel, private keys do not.
#[derive(Debug, Subcommand)]
pub(crate) enum CsrCommand {
    /// Makes a request, where the key lies.
    New {
        /// The key of the future certificate: a file, or pkcs11:… for one on a token.
        #[arg(long, value_name = "KEY")]
        key: signing::Signing,
        /// Whose it will be, such as `spiffe://customs.example/HK/CED/node/main`.
        #[arg(long, value_name = "SPIFFE")]
        identity: Identity,
        /// The request to make. It must not exist.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        told: Telling,
    },
    /// Shows who asks, for which key, and the SHA-256 for comparing it over another channel.
    Show {
        /// The request.
        file: PathBuf,
        /// How the result is told.
        #[arg(long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
    /// Judges a request and signs the certificate, where the root's key lies.
    Sign {
        /// The request.
        file: PathBuf,
        #[command(flatten)]
        root: Signing,
        /// How long the certificate is valid, from now.
        #[arg(long, value_name = "DAYS", value_parser = value_parser!(u32).range(1..=825))]
        days: u32,
        /// The certificate to make, with that of the root behind it. It must not exist.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The request's SHA-256 as you were told it over another channel: nothing else is signed.
        #[arg(long, value_name = "SHA256")]
        digest: Option<Digest>,
        #[command(flatten)]
        told: Telling,
    },
}

/// Revocation lists, where the root's key lies. Without a current list nobody of a root is let in.
#[derive(Debug, Subcommand)]
pub(crate) enum CrlCommand {
    /// Makes the first list of a root that has none yet; where there is one, `crl renew` goes on with it.
    ///
    /// It revokes nothing. Beside a list of the same root (*.crl in the folder of --out) it is not made.
    New {
        #[command(flatten)]
        list: Making,
        #[command(flatten)]
        told: Telling,
    },
    /// Makes the next list, which revokes more.
    #[command(group = ArgGroup::new("target").required(true).multiple(true))]
    Revoke {
        /// The list before: all that it revokes stays revoked.
        previous: PathBuf,
        /// A certificate that is no longer to be believed; as often as there are any.
        #[arg(long, value_name = "FILE", group = "target")]
        certificate: Vec<PathBuf>,
        /// The serial number of one whose file is lost, in hexadecimal.
        #[arg(long, value_name = "SERIAL", group = "target")]
        serial: Vec<String>,
        #[command(flatten)]
        list: Making,
        #[command(flatten)]
        told: Telling,
    },
    /// Makes the next list, which revokes the same and ends later.
    Renew {
        /// The list before.
        previous: PathBuf,
        #[command(flatten)]
        list: Making,
        #[command(flatten)]
        told: Telling,
    },
    /// Shows what a list revokes and when it ends.
    Show {
        /// The list.
        file: PathBuf,
        /// The root's certificate.
        #[arg(long, value_name = "FILE")]
        root: PathBuf,
        /// How the result is told.
        #[arg(long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Signing {
    /// The root's certificate.
    #[arg(long, value_name = "FILE")]
    root: PathBuf,
    /// The root's key: a file, or pkcs11:… for one on a token.
    #[arg(long, value_name = "KEY")]
    root_key: signing::Signing,
}

#[derive(Debug, Args)]
pub(crate) struct Making {
    #[command(flatten)]
    root: Signing,
    /// How long the list is valid: the next one is due before.
    #[arg(long, value_name = "DAYS", value_parser = value_parser!(u32).range(1..=366))]
    days: u32,
    /// The list to make, DER. It must not exist.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Telling {
    #[command(flatten)]
    passphrase: Passphrase,
    /// How the result is told.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

fn network(text: &str) -> Result<NetworkName, String> {
    NetworkName::parse(text).ok_or_else(|| "expected 1 to 63 of a-z, 0-9, - and .".to_owned())
}

fn days(days: u32) -> Period {
    let from = now();
    Period { from, until: Some(from.plus(DAY * days)) }
}

impl Signing {
    fn open(&self, passphrase: Passphrase) -> anyhow::Result<OfflineRoot> {
        Ok(OfflineRoot::open(&self.root, &self.root_key, &passphrase.known(), now())?)
    }
}

/// Does what was asked for, and gives what is to be told of it.
pub(crate) fn root(command: RootCommand) -> anyhow::Result<String> {
    match command {
        RootCommand::New { file, key, network, jurisdiction, hub_operator: _, days: valid, told } => {
            let holder = jurisdiction.map_or(RootHolder::HubOperator, RootHolder::Jurisdiction);
            let key = key.open(&told.passphrase.known()).map_err(certificate::Error::from)?;
            let made = root::new(holder, &network, days(valid), key, &file, &mut UnwrapErr(SysRng))?;
            tell(&made, made.rows(), told.output)
        }
        RootCommand::Show { file, output } => {
            let shown = root::show(&file)?;
            tell(&shown, shown.rows(), output)
        }
    }
}

/// Does what was asked for, and gives what is to be told of it.
pub(crate) fn csr(command: CsrCommand) -> anyhow::Result<String> {
    match command {
        CsrCommand::New { key, identity, out, told } => {
            let key = key.open(&told.passphrase.known()).map_err(certificate::Error::from)?;
            let made = request::new(&identity, &key, &out)?;
            tell(&made, made.rows(), told.output)
        }
        CsrCommand::Show { file, output } => {
            let shown = request::show(&file)?;
            tell(&shown, shown.rows(), output)
        }
        CsrCommand::Sign { file, root, days: valid, out, digest, told } => {
            let root = root.open(told.passphrase)?;
            let made = request::sign(&file, digest, &root, days(valid), &out, &mut UnwrapErr(SysRng))?;
            tell(&made, made.rows(), told.output)
        }
    }
}

/// Does what was asked for, and gives what is to be told of it.
pub(crate) fn crl(command: CrlCommand) -> anyhow::Result<String> {
    let (listed, output) = match command {
        CrlCommand::New { list, told } => {
            let Making { root, days: valid, out } = list;
            (list::new(&root.open(told.passphrase)?, days(valid), &out)?, told.output)
        }
        CrlCommand::Revoke { previous, certificate, serial, list, told } => {
            let targets: Vec<Target> = certificate
                .into_iter()
                .map(Target::Certificate)
                .chain(serial.into_iter().map(Target::Serial))
                .collect();
            let Making { root, days: valid, out } = list;
            let root = root.open(told.passphrase)?;
            (list::next(&root, &previous, &targets, days(valid), &out)?, told.output)
        }
        CrlCommand::Renew { previous, list, told } => {
            let Making { root, days: valid, out } = list;
            let root = root.open(told.passphrase)?;
            (list::next(&root, &previous, &[], days(valid), &out)?, told.output)
        }
        CrlCommand::Show { file, root, output } => (list::show(&root, &file)?, output),
    };
    tell(&listed, listed.rows(), output)
}

fn tell(value: &impl Serialize, rows: Vec<(&'static str, String)>, output: Output) -> anyhow::Result<String> {
    let text = || {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        for (name, value) in rows {
            table.add_row([name.to_owned(), value]);
        }
        format!("{}\n", table.trim_fmt())
    };
    output.tell(text, value)
}
