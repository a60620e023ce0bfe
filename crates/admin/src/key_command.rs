//! `sealpost-admin key`: arguments in, one call of the library, what is public about the key out.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use sealpost_admin::key::{self, Told, Use};
use sealpost_crypto::keyfile::Unlock;
use sealpost_crypto::secret::{Purpose, Secret, Source};

use crate::Output;

/// Where a passphrase comes from, after the command: the file that is named, else `SEALPOST_PASSPHRASE`, else a prompt.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Makes a key in a new file, encrypted unless --plain is given.
    New {
        /// The file to make. It must not exist.
        file: PathBuf,
        /// What the key is for.
        #[arg(long, value_enum, default_value_t = Use::Signing)]
        r#for: Use,
        #[command(flatten)]
        protection: Protection,
        /// How the result is told.
        #[arg(long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
    /// Encrypts a plain key file in its place.
    Encrypt {
        /// The key file.
        file: PathBuf,
        #[command(flatten)]
        passphrase: Passphrase,
        /// How the result is told.
        #[arg(long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
    /// Gives an encrypted key file another passphrase, in its place.
    Change {
        /// The key file.
        file: PathBuf,
        #[command(flatten)]
        passphrase: Passphrase,
        /// The file of mode 0600 with the new passphrase; else the variable `SEALPOST_NEW_PASSPHRASE`, else a prompt.
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
        /// How the result is told.
        #[arg(long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
    /// Writes the key of an encrypted file into a new, plain one.
    Decrypt {
        /// The key file; it stays as it is.
        file: PathBuf,
        /// The file to make. It must not exist.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        passphrase: Passphrase,
        /// How the result is told.
        #[arg(long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
    /// Shows what is public about the key in a file. An encrypted one is opened only when its passphrase is named or set;
    /// otherwise it is believed which key it says to hold.
    Show {
        /// The key file.
        file: PathBuf,
        #[command(flatten)]
        passphrase: Passphrase,
        /// How the result is told.
        #[arg(long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Passphrase {
    /// The file of mode 0600 with the passphrase; else the variable `SEALPOST_PASSPHRASE`, else a prompt.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Passphrase {
    /// Opens files that are encrypted.
    pub(crate) fn known(self) -> Unlock {
        Unlock::from(Source::new(Purpose::Passphrase, self.passphrase_file))
    }

    fn chosen(self) -> Source {
        Source::of_new(Purpose::Passphrase, self.passphrase_file)
    }

    /// Gets the passphrase under which a new key is written.
    pub(crate) fn choose(self, file: &Path) -> Result<Secret, key::Error> {
        key::chosen(&self.chosen(), file)
    }
}

/// How the file of a new key is protected.
#[derive(Debug, Args)]
pub(crate) struct Protection {
    /// Leaves the file unencrypted: for development.
    #[arg(long, conflicts_with = "passphrase_file")]
    plain: bool,
    #[command(flatten)]
    passphrase: Passphrase,
}

impl Protection {
    /// The passphrase of the new file; nothing for a plain one.
    pub(crate) fn choose(self, file: &Path) -> Result<Option<Secret>, key::Error> {
        (!self.plain).then(|| self.passphrase.choose(file)).transpose()
    }
}

/// Does what was asked for, and gives what is to be told of it.
pub(crate) fn run(command: KeyCommand) -> anyhow::Result<String> {
    let rng = &mut UnwrapErr(SysRng);
    match command {
        KeyCommand::New { file, r#for, protection, output } => {
            let secret = protection.choose(&file)?;
            told(&key::new(&file, r#for, secret.as_ref(), rng)?, output)
        }
        KeyCommand::Encrypt { file, passphrase, output } => {
            told(&key::encrypt(&file, &passphrase.chosen(), rng)?, output)
        }
        KeyCommand::Change { file, passphrase, new_passphrase_file, output } => {
            let new = Source::of_new(Purpose::NewPassphrase, new_passphrase_file);
            told(&key::change(&file, &passphrase.known(), &new, rng)?, output)
        }
        KeyCommand::Decrypt { file, out, passphrase, output } => {
            told(&key::decrypt(&file, &out, &passphrase.known(), rng)?, output)
        }
        KeyCommand::Show { file, passphrase, output } => {
            told(&key::show(&file, key::given(passphrase.passphrase_file).as_ref())?, output)
        }
    }
}

fn told(told: &Told, output: Output) -> anyhow::Result<String> {
    output.tell(|| told.to_text(), told)
}
