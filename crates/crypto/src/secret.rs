//! Passphrases of key files and PINs of tokens: one line each, from a file, from the environment, or from whoever sits
//! at the terminal, in this order.
//!
//! A secret is wiped when dropped and stands in no `Debug`, log or error. A file that others may read is refused. The
//! environment is only the second choice: the system keeps showing it to processes of the same user.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Bytes of the longest secret: OpenSSL takes no longer passphrase.
pub const BYTES_MAX: usize = 1000;

/// What a secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It opens key files.
    Passphrase,
    /// It is to open key files from now on.
    NewPassphrase,
    /// It opens a PKCS#11 token.
    Pin,
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Self::Passphrase => "passphrase",
            Self::NewPassphrase => "new passphrase",
            Self::Pin => "PIN",
        }
    }

    /// The environment variable that may hold it.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Passphrase => "SEALPOST_PASSPHRASE",
            Self::NewPassphrase => "SEALPOST_NEW_PASSPHRASE",
            Self::Pin => "SEALPOST_PIN",
        }
    }

    /// The setting that may name a file with it.
    const fn setting(self) -> &'static str {
        match self {
            Self::Passphrase => "passphrase_file, or --passphrase-file on the command line",
            Self::NewPassphrase => "--new-passphrase-file",
            Self::Pin => "pin_file, or pin-source in a PKCS#11 URI",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A passphrase or a PIN: one line of 1 to [`BYTES_MAX`] bytes without control characters.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes a secret as it is. `None` when it is none.
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Option<Self> {
        let is_one = (1..=BYTES_MAX).contains(&bytes.len()) && !bytes.iter().any(u8::is_ascii_control);
        is_one.then_some(Self(bytes))
    }

    /// Reads the file that holds a secret and nothing else, but for one line feed at its end.
    pub fn read(purpose: Purpose, path: &Path) -> Result<Self, Error> {
        let io = |source| Error::Io { purpose, path: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        let mode = file.metadata().map_err(io)?.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(Error::Readable { purpose, path: path.to_owned(), mode });
        }
        // Room for all that is taken, so that no copy is left behind by growing.
        let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES_MAX + 2));
        file.take(BYTES_MAX as u64 + 2).read_to_end(&mut bytes).map_err(io)?;
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        Self::new(bytes).ok_or_else(|| Error::Form { purpose, origin: path.display().to_string() })
    }

    /// The secret itself.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where a secret comes from.
#[derive(Clone, Debug)]
pub struct Source {
    purpose: Purpose,
    file: Option<PathBuf>,
    asking: Asking,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asking {
    Once,
    /// A slip of the finger would lock its maker out.
    Twice,
    /// Nobody sits there.
    Never,
}

impl Source {
    /// From this file if one is named, else from the environment, else from a prompt when standard input is a terminal.
    pub fn new(purpose: Purpose, file: Option<PathBuf>) -> Self {
        Self { purpose, file, asking: Asking::Once }
    }

    /// The same for what is to be a secret from now on: at the prompt it is typed twice.
    pub fn of_new(purpose: Purpose, file: Option<PathBuf>) -> Self {
        Self { purpose, file, asking: Asking::Twice }
    }

    /// From this file if one is named, else from the environment: a running program asks nobody.
    pub fn unattended(purpose: Purpose, file: Option<PathBuf>) -> Self {
        Self { purpose, file, asking: Asking::Never }
    }

    /// Gets the secret; may wait for somebody at the terminal.
    pub fn get(&self, what_for: &str) -> Result<Secret, Error> {
        self.find(
            |name| env::var_os(name),
            io::stdin().is_terminal(),
            |prompt| ask(self.purpose, prompt),
            what_for,
        )
    }

    fn find(
        &self,
        variable: impl FnOnce(&str) -> Option<OsString>,
        has_terminal: bool,
        mut ask: impl FnMut(&str) -> Result<Secret, Error>,
        what_for: &str,
    ) -> Result<Secret, Error> {
        let purpose = self.purpose;
        if let Some(path) = &self.file {
            return Secret::read(purpose, path);
        }
        let set = variable(purpose.variable()).map(|value| Zeroizing::new(value.into_vec()));
        if let Some(value) = set.filter(|value| !value.is_empty()) {
            let origin = || format!("the variable {}", purpose.variable());
            return Secret::new(value).ok_or_else(|| Error::Form { purpose, origin: origin() });
        }
        if !has_terminal || self.asking == Asking::Never {
            return Err(Error::Missing { purpose });
        }
        let secret = ask(&format!("{purpose} for {what_for}: "))?;
        if self.asking == Asking::Twice && secret.0 != ask("the same again: ")?.0 {
            return Err(Error::Differ);
        }
        Ok(secret)
    }
}

/// What is typed is not shown, nor is it taken when it was typed before the prompt stood there: that was meant for
/// something else, and was shown.
fn ask(purpose: Purpose, prompt: &str) -> Result<Secret, Error> {
    let typed = Quiet::begin()
        .and_then(|mut quiet| {
            quiet.terminal.write_all(prompt.as_bytes())?;
            rpassword::read_password()
        })
        .map_err(|source| Error::Prompt { purpose, source })?;
    Secret::new(Zeroizing::new(typed.into_bytes()))
        .ok_or_else(|| Error::Form { purpose, origin: "the terminal".to_owned() })
}

/// The terminal while it shows nothing of what is typed; as it was before when dropped.
struct Quiet {
    terminal: File,
    before: Termios,
}

impl Quiet {
    /// From the moment on at which a prompt may stand there.
    fn begin() -> io::Result<Self> {
        let terminal = File::options().read(true).write(true).open("/dev/tty")?;
        let before = tcgetattr(&terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes -= LocalModes::ECHO | LocalModes::ECHONL;
        tcsetattr(&terminal, OptionalActions::Flush, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

/// Why there is no secret. None of them shows one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody gives it.
    #[error(
        "no {purpose} is given: name a file that holds it ({}), or set {}, or start at a terminal to be asked",
        .purpose.setting(), .purpose.variable()
    )]
    Missing {
        /// What it would be for.
        purpose: Purpose,
    },
    /// Others may read its file.
    #[error("the {purpose} file {} has mode {mode:04o}: others may read it; run `chmod 600 {}`", path.display(), path.display())]
    Readable {
        /// What it is for.
        purpose: Purpose,
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not one line.
    #[error(
        "the {purpose} from {origin} is not usable: expected one line of 1 to {BYTES_MAX} bytes without control characters"
    )]
    Form {
        /// What it is for.
        purpose: Purpose,
        /// Where it came from.
        origin: String,
    },
    /// A slip of the finger.
    #[error("the two entries differ: nothing was done, begin again")]
    Differ,
    /// The file system refused.
    #[error("cannot read the {purpose} file {}", path.display())]
    Io {
        /// What it is for.
        purpose: Purpose,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The terminal failed.
    #[error("the {purpose} cannot be asked for at the terminal")]
    Prompt {
        /// What it is for.
        purpose: Purpose,
        /// Why not.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn written(text: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        (folder, path)
    }

    fn secret(text: &str) -> Secret {
        Secret::new(Zeroizing::new(text.as_bytes().to_vec())).unwrap()
    }

    #[test]
    fn one_line_feed_at_the_end_of_the_file_is_not_part_of_the_secret() {
        for text in ["correct horse", "correct horse\n"] {
            let (_folder, path) = written(text.as_bytes());
            assert_eq!(Secret::read(Purpose::Passphrase, &path).unwrap().as_bytes(), b"correct horse");
        }
    }

    #[test]
    fn what_is_not_one_line_is_refused_and_not_shown() {
        let long = "x".repeat(BYTES_MAX + 1);
        for text in ["", "\n", "marker\n\n", "two\nmarker", "marker\r\n", long.as_str()] {
            let (_folder, path) = written(text.as_bytes());
            let error = Secret::read(Purpose::Passphrase, &path).unwrap_err();
            assert!(matches!(error, Error::Form { .. }), "{error}");
            assert!(!format!("{error}{error:?}").contains("marker"), "{error:?}");
        }
        let (_folder, path) = written("x".repeat(BYTES_MAX).as_bytes());
        Secret::read(Purpose::Passphrase, &path).unwrap();
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_with_the_remedy() {
        let (_folder, path) = written(b"correct horse");
        for mode in [0o640, 0o604, 0o620] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let error = Secret::read(Purpose::Pin, &path).unwrap_err();
            assert!(error.to_string().contains("PIN file"), "{error}");
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        Secret::read(Purpose::Pin, &path).unwrap();
    }

    #[test]
    fn the_file_comes_before_the_environment_and_that_before_the_prompt() {
        let (_folder, path) = written(b"from the file");
        let (named, unnamed) =
            (Source::new(Purpose::Passphrase, Some(path)), Source::new(Purpose::Passphrase, None));
        let set = |name: &str| (name == "SEALPOST_PASSPHRASE").then(|| OsString::from("from the variable"));
        let found = |source: &Source, set: &dyn Fn(&str) -> Option<OsString>, terminal| {
            source.find(set, terminal, |_| Ok(secret("from the prompt")), "key.pem").map(|found| found.0)
        };
        assert_eq!(*found(&named, &set, true).unwrap(), b"from the file");
        assert_eq!(*found(&unnamed, &set, true).unwrap(), b"from the variable");
        assert_eq!(*found(&unnamed, &|_| None, true).unwrap(), b"from the prompt");
        assert_eq!(*found(&unnamed, &|_| Some(OsString::new()), true).unwrap(), b"from the prompt");
        let error = found(&unnamed, &|_| None, false).unwrap_err().to_string();
        for remedy in ["passphrase_file", "SEALPOST_PASSPHRASE", "terminal"] {
            assert!(error.contains(remedy), "{error}");
        }
        let absent = Source::new(Purpose::Passphrase, Some("/nowhere/passphrase".into()));
        assert!(matches!(found(&absent, &set, true).unwrap_err(), Error::Io { .. }), "no second choice");
    }

    #[test]
    fn a_new_passphrase_is_asked_for_twice() {
        let source = Source::of_new(Purpose::Passphrase, None);
        let typed = |answers: [&'static str; 2]| {
            let mut answers = answers.into_iter();
            source.find(|_| None, true, |_| Ok(secret(answers.next().unwrap())), "key.pem")
        };
        assert_eq!(*typed(["one", "one"]).unwrap().0, b"one");
        assert!(matches!(typed(["one", "other"]).unwrap_err(), Error::Differ));
    }

    #[test]
    fn a_secret_shows_nothing() {
        assert_eq!(format!("{:?}", secret("correct horse")), "Secret(…)");
    }
}
