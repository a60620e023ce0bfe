//! The program `sealpost-admin`: arguments in, one call of the library, text or JSON out.

mod certificate_command;
mod directory_command;
mod key_command;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Context as _;
use certificate_command::{CrlCommand, CsrCommand, RootCommand};
use clap::{Args, Parser, Subcommand, ValueEnum};
use comfy_table::{Table, presets};
use directory_command::DirectoryCommand;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use sealpost_admin::network::{self, BASE_PORT, Network, Options, Ports, Selection};
use sealpost_admin::roster::{self, Roster};
use sealpost_admin::template;
use sealpost_admin::{ceremony, certificate, key};
use sealpost_crypto::memory::{Wiping, forbid_dumps};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::instant::Instant;

use key_command::KeyCommand;

/// Makes Sealpost networks and certificates, and carries their directories from version to version.
///
/// Exit codes: 0 success, 1 refused or not found, 2 usage, roster or files, 3 the hub is not reached, 4 not allowed there.
#[derive(Debug, Parser)]
#[command(name = "sealpost-admin", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Networks: keys, certificates, directory and configurations.
    #[command(subcommand)]
    Network(NetworkCommand),
    /// Signed directories: shown, compared, changed, signed and published.
    #[command(subcommand)]
    Directory(DirectoryCommand),
    /// Key files: made, encrypted, decrypted, shown.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Root certificates, on a machine without network.
    #[command(subcommand)]
    Root(RootCommand),
    /// Requests for certificates: made, shown, judged and signed.
    #[command(subcommand)]
    Csr(CsrCommand),
    /// Revocation lists: begun, continued, shown.
    #[command(subcommand)]
    Crl(CrlCommand),
    /// Configurations.
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Subcommand)]
enum NetworkCommand {
    /// Makes a network for development in a new folder, where all keys of all parties lie side by side.
    Init(Init),
}

#[derive(Debug, Args)]
struct Init {
    /// Who takes part: a roster such as certs/roster.toml.
    #[arg(long, value_name = "FILE")]
    roster: PathBuf,
    /// The folder to make. It must not exist: nothing is ever overwritten.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only these agencies of the roster, separated by commas, such as HK-CED,DE-ZKA.
    #[arg(long, value_name = "AGENCIES", value_delimiter = ',')]
    agencies: Vec<AgencyId>,
    /// The hub's port; the gateways take those that follow, in the order of the roster.
    #[arg(long, value_name = "PORT", default_value_t = BASE_PORT)]
    base_port: u16,
    /// The address on which hub and gateways listen.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// How the result is told.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Prints a sample configuration with every key, its meaning, default and bounds.
    Sample {
        /// Whose configuration.
        #[arg(value_enum)]
        program: Program,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// For machines.
    Json,
}

impl Output {
    /// What is told, in this way.
    pub(crate) fn tell(
        self,
        text: impl FnOnce() -> String,
        value: &impl serde::Serialize,
    ) -> anyhow::Result<String> {
        match self {
            Self::Table => Ok(text()),
            Self::Json => Ok(serde_json::to_string_pretty(value)? + "\n"),
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Program {
    /// sealpost-hub.
    Hub,
    /// sealpost-node.
    Node,
    /// A profile of the sealpost command.
    Profile,
}

/// Nothing of a key stays behind in memory that was given back.
#[global_allocator]
static ALLOCATOR: Wiping = Wiping::new();

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = forbid_dumps()
        .context("core dumps cannot be forbidden, which would hold keys")
        .and_then(|()| run(arguments.command))
        .and_then(|text| Ok(io::stdout().write_all(text.as_bytes())?));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads from a pipe may stop when they have seen enough.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = format!("error: {error}\n");
            for cause in error.chain().skip(1) {
                let _ = writeln!(text, "  because: {cause}");
            }
            let remedy = error.downcast_ref::<ceremony::Error>().map(ceremony::Error::remedy);
            if let Some(remedy) = remedy.filter(|remedy| !remedy.is_empty()) {
                let _ = writeln!(text, "  what to do: {remedy}");
            }
            let _ = io::stderr().write_all(text.as_bytes());
            ExitCode::from(exit_code(&error))
        }
    }
}

/// Does what was asked for, and gives what is to be told of it.
fn run(command: Command) -> anyhow::Result<String> {
    match command {
        Command::Network(NetworkCommand::Init(arguments)) => init(arguments),
        Command::Directory(command) => directory_command::run(command),
        Command::Key(command) => key_command::run(command),
        Command::Root(command) => certificate_command::root(command),
        Command::Csr(command) => certificate_command::csr(command),
        Command::Crl(command) => certificate_command::crl(command),
        Command::Config(ConfigCommand::Sample { program }) => Ok(match program {
            Program::Hub => template::sample_hub(),
            Program::Node => template::sample_node(),
            Program::Profile => template::sample_profile(),
        }),
    }
}

fn init(arguments: Init) -> anyhow::Result<String> {
    let Init { roster, out, agencies, base_port, host, output } = arguments;
    let roster = Roster::read(&roster)?;
    let agencies: BTreeSet<_> = agencies.into_iter().collect();
    let agencies = if agencies.is_empty() { Selection::All } else { Selection::Only(agencies) };
    let options = Options { out, agencies, host, ports: Ports::From(base_port) };
    let now = now();
    let network = network::init(&roster, &options, now, &mut UnwrapErr(SysRng))?;
    output.tell(|| text(&network, &options, &network::ends(now)), &network)
}

fn text(network: &Network, options: &Options, ends: &[(&str, Instant)]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["", "Listens on", "Configuration"]);
    let row = |name: &str, address: String, config: &PathBuf| {
        [name.to_owned(), address, config.display().to_string()]
    };
    table.add_row(row("hub", network.hub.address.to_string(), &network.hub.config));
    for agency in &network.agencies {
        table.add_row(row(&agency.id, agency.gateway.to_string(), &agency.config));
    }
    let mut text = format!(
        "Network {} is in {}, with all its keys.\n{}\n",
        network.network,
        options.out.display(),
        table.trim_fmt()
    );
    for left_out in &network.left_out {
        let _ = writeln!(text, "Left out: {left_out}");
    }
    let _ = writeln!(text, "Ends, for a calendar that somebody reads:");
    for (what, end) in ends {
        let _ = writeln!(text, "  {end}  {what}");
    }
    text
}

pub(crate) fn now() -> Instant {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Instant::from_millis(0).plus(since)
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

fn exit_code(error: &anyhow::Error) -> u8 {
    if let Some(error) = error.downcast_ref::<ceremony::Error>() {
        return error.exit_code();
    }
    if let Some(error) = error.downcast_ref::<certificate::Error>() {
        return if error.is_usage() { 2 } else { 1 };
    }
    let usage = error.is::<roster::Error>()
        || error.is::<key::Error>()
        || error.downcast_ref::<network::Error>().is_some_and(network::Error::is_usage);
    if usage { 2 } else { 1 }
}
