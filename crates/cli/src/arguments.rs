//! The command line.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::message::{Category, Kind, MessageId, OperationId, Priority};
use sealpost_domain::stats::Dimension;
use sealpost_domain::time::Date;
use sealpost_domain::view::{Direction, Filter};

const AFTER_HELP: &str = "\
Profile: --profile FILE, else the file that SEALPOST_PROFILE names, else ~/.config/sealpost/sealpost.toml.
It says who you are and where the gateway of your agency's node is.

Exit codes:
  0  done, also when the reader of our output went away
  1  what was asked for did not succeed: a message was refused, nothing was found
  2  wrong arguments, a wrong profile, or a file that cannot be read
  3  the gateway cannot be reached, or takes no work now
  4  not allowed: a certificate was refused, or its role does not suffice";

/// Sends alerts to other agencies and shows what came, through your own agency's node.
#[derive(Debug, Parser)]
#[command(name = "sealpost", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Who you are and where the gateway is.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) profile: Option<PathBuf>,
    /// How results are written to stdout.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Tables for people.
    Text,
    /// JSON for programs; lists are JSON Lines.
    Json,
}

/// What is asked for.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sends messages from a file or stdin: one JSON document, or one on each line.
    Send(SendArguments),
    /// Shows messages as they come, and goes on where it was left.
    Watch(Watch),
    /// Lists messages, the newest first.
    Inbox(Inbox),
    /// Shows one message with its content and what was verified.
    Show(Show),
    /// Shows how far a message of your own came, for each recipient, and who answered an amendment or recall.
    Track(One),
    /// Says that messages were read: their senders see READ.
    Ack(Many),
    /// Shows the figures of the outcome messages: cases, arrests, weight, value.
    Stats(Stats),
    /// Shows how the node is: connection, backlog, ledger, directory.
    Status,
    /// Prints the JSON schema of what is sent or shown.
    Schema(Schema),
    /// Prints a valid message to begin from; without a kind, lists the kinds.
    Example(Example),
}

/// `sealpost send`
#[derive(Debug, Args)]
pub(crate) struct SendArguments {
    /// A file, or - for stdin.
    #[arg(value_name = "FILE|-")]
    pub(crate) file: PathBuf,
    /// Only checks whether the messages are well-formed; sends nothing.
    #[arg(long)]
    pub(crate) check: bool,
    /// Names the messages PREFIX-1, PREFIX-2 and so on, by line; a name that was used before is not sent again.
    /// Without it a message is named by its content, so that the same content is sent once.
    #[arg(long, value_name = "PREFIX", value_parser = prefix)]
    pub(crate) idempotency_prefix: Option<String>,
}

/// `sealpost watch`
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Begins at this ledger index instead of where it was left; 0 is the beginning.
    #[arg(long, value_name = "INDEX")]
    pub(crate) from: Option<u64>,
    /// Remembers here where to go on [default: a file for each agency in ~/.local/state/sealpost].
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Ends when everything that lies in the ledger was shown.
    #[arg(long)]
    pub(crate) once: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArguments,
}

/// `sealpost inbox`
#[derive(Debug, Args)]
pub(crate) struct Inbox {
    /// How many messages.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) limit: u32,
    /// Only messages below this ledger index: the next page.
    #[arg(long, value_name = "INDEX")]
    pub(crate) before: Option<u64>,
    #[command(flatten)]
    pub(crate) filter: FilterArguments,
}

/// One message of one's own.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// The message.
    #[arg(value_name = "ID")]
    pub(crate) id: MessageId,
}

/// One message, of whoever.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The message.
    #[arg(value_name = "ID")]
    pub(crate) id: MessageId,
    /// Whose message, where several agencies used the id.
    #[arg(long, value_name = "AGENCY")]
    pub(crate) sender: Option<AgencyId>,
    /// Also as its sender signed it, to be enclosed in a forward.
    #[arg(long)]
    pub(crate) enclose: bool,
}

/// Some messages.
#[derive(Debug, Args)]
pub(crate) struct Many {
    /// The messages.
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<MessageId>,
    /// Whose messages, where several agencies used an id.
    #[arg(long, value_name = "AGENCY")]
    pub(crate) sender: Option<AgencyId>,
}

/// `sealpost stats`
#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// From this day on, in UTC.
    #[arg(long, value_name = "DATE")]
    pub(crate) from: Option<Date>,
    /// Until this day, in UTC, which counts too.
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<Date>,
    /// Only along these dimensions.
    #[arg(long, value_name = "DIMENSION", value_parser = named::<Dimension>(Dimension::ALL.iter().map(|value| value.as_str())))]
    pub(crate) by: Vec<Dimension>,
}

/// `sealpost schema`
#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// Of which document.
    #[arg(value_enum, default_value_t = Document::Draft)]
    pub(crate) document: Document,
}

/// A document with a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Document {
    /// What is sent.
    Draft,
    /// What is shown.
    Message,
}

/// `sealpost example`
#[derive(Debug, Args)]
pub(crate) struct Example {
    /// Of which kind.
    #[arg(value_parser = named::<Kind>(Kind::ALL.iter().map(|value| value.as_str())))]
    pub(crate) kind: Option<Kind>,
}

/// Which messages.
#[derive(Debug, Args)]
pub(crate) struct FilterArguments {
    /// Of this kind; may be repeated.
    #[arg(long, value_parser = named::<Kind>(Kind::ALL.iter().map(|value| value.as_str())))]
    pub(crate) kind: Vec<Kind>,
    /// About this subject; may be repeated.
    #[arg(long, value_parser = named::<Category>(Category::ALL.iter().map(|value| value.as_str())))]
    pub(crate) category: Vec<Category>,
    /// Of this priority; may be repeated.
    #[arg(long, value_parser = named::<Priority>(Priority::ALL.iter().map(|value| value.as_str())))]
    pub(crate) priority: Vec<Priority>,
    /// With this agency on the other side, such as DE-ZKA; may be repeated.
    #[arg(long)]
    pub(crate) agency: Vec<AgencyId>,
    /// Of this joint operation.
    #[arg(long)]
    pub(crate) operation: Option<OperationId>,
    /// Received or sent.
    #[arg(long, value_enum, default_value_t = Way::Received)]
    pub(crate) direction: Way,
    /// Only what was not acknowledged.
    #[arg(long)]
    pub(crate) unread: bool,
}

/// Which way messages went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// From other agencies.
    Received,
    /// To other agencies.
    Sent,
    /// Both.
    Both,
}

impl FilterArguments {
    pub(crate) fn into_filter(self) -> Filter {
        Filter {
            kinds: self.kind,
            categories: self.category,
            priorities: self.priority,
            agencies: self.agency,
            operation: self.operation,
            direction: match self.direction {
                Way::Received => Some(Direction::Received),
                Way::Sent => Some(Direction::Sent),
                Way::Both => None,
            },
            unread: self.unread,
        }
    }
}

/// Reads a value of a closed list, and lists the values in the help.
fn named<T>(names: impl Iterator<Item = &'static str>) -> impl TypedValueParser<Value = T>
where
    T: std::str::FromStr + Clone + Send + Sync + 'static,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    PossibleValuesParser::new(names).try_map(|name| name.parse::<T>())
}

/// Room is left for a hyphen and the number of a line.
fn prefix(text: &str) -> Result<String, String> {
    if (1..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("expected 1 to 40 visible ASCII characters without blanks".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
