//! A program as a process: started from beside this test, its log in a file, its end certain.
//!
//! A [`Program`] that is dropped is killed. Nothing but processes started here is ever signalled: each is held unreaped
//! for as long as its id is used.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::eventually::eventually;

/// A program that runs.
pub(crate) struct Program {
    name: String,
    child: Child,
    stdout: PathBuf,
    log: PathBuf,
}

/// A program that ended by itself.
#[derive(Debug)]
pub(crate) struct Ended {
    /// How.
    pub(crate) status: ExitStatus,
    /// What it printed.
    pub(crate) stdout: String,
    /// What it told beside that, in this run and in earlier ones of the same name.
    pub(crate) log: String,
}

impl Ended {
    /// The exit code; a program that was killed has none.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

impl Program {
    /// Starts a program; its log goes on where an earlier one of that name ended.
    pub(crate) fn start<A: AsRef<OsStr>>(
        binary: &str,
        name: &str,
        arguments: impl IntoIterator<Item = A>,
        logs: &Path,
    ) -> Self {
        Self::start_with(binary, name, arguments, logs, Stdio::null())
    }

    /// Starts a program that is told more while it runs, by [`Self::tell`].
    pub(super) fn start_listening(binary: &str, name: &str, arguments: &[&str], logs: &Path) -> Self {
        Self::start_with(binary, name, arguments, logs, Stdio::piped())
    }

    fn start_with<A: AsRef<OsStr>>(
        binary: &str,
        name: &str,
        arguments: impl IntoIterator<Item = A>,
        logs: &Path,
        stdin: Stdio,
    ) -> Self {
        let (stdout, log) = (logs.join(format!("{name}.out")), logs.join(format!("{name}.log")));
        let file = |path: &Path| OpenOptions::new().create(true).append(true).open(path).unwrap();
        let child = Command::new(path_of(binary))
            .args(arguments)
            .current_dir(logs)
            .env("HOME", logs)
            .env_remove("SEALPOST_PROFILE")
            .stdin(stdin)
            .stdout(file(&stdout))
            .stderr(file(&log))
            .spawn()
            .unwrap_or_else(|error| panic!("{binary} does not start: {error}"));
        Self { name: name.to_owned(), child, stdout, log }
    }

    /// Fails if it has ended.
    pub(crate) fn assert_running(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("{} ended with {status}; its log:\n{}", self.name, read(&self.log));
        }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has told so far.
    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }

    /// What it has printed so far.
    pub(crate) fn stdout(&self) -> String {
        read(&self.stdout)
    }

    /// Writes to its stdin, which stays open until its end is waited for.
    pub(crate) fn tell(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().expect("it was started to listen");
        stdin.write_all(text.as_bytes()).unwrap();
    }

    /// Ends it in the middle of whatever it does: SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end: SIGTERM.
    pub(crate) async fn terminate(self) -> Ended {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).unwrap();
        self.end().await
    }

    /// Waits until it ends, and tells it nothing more.
    pub(crate) async fn end(mut self) -> Ended {
        drop(self.child.stdin.take());
        let status = eventually(&format!("the end of {}", self.name), async || {
            self.child.try_wait().unwrap().ok_or("it still runs")
        })
        .await;
        Ended { status, stdout: read(&self.stdout), log: read(&self.log) }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // An error means that it has ended.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
}

/// Where the programs are: cargo puts them into the folder above that of the tests.
pub(crate) fn program_folder() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).expect("cargo puts tests into `deps`").to_owned()
}

fn path_of(binary: &str) -> PathBuf {
    let path = program_folder().join(binary);
    assert!(path.is_file(), "{} is missing: run cargo test --workspace", path.display());
    path
}
