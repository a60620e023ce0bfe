//! One program as a child process: started, watched, stopped in order or killed. It never outlives its owner's
//! value, also when that is dropped in a panic.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time;

use super::Error;

/// How long a program may take to end in order before it is killed.
const GRACE: Duration = Duration::from_secs(30);
/// How much of a log is shown when its program fails.
const TAIL_LINES: usize = 12;

/// A running program.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts a program on a configuration; what it says is appended to a log.
    pub fn start(name: &str, program: &Path, config: &Path, log: &Path) -> Result<Self, Error> {
        let refused = |source| Error::Start { name: name.to_owned(), program: program.to_owned(), source };
        let file = File::options().create(true).append(true).open(log).map_err(refused)?;
        let output = file.try_clone().map_err(refused)?;
        let child = Command::new(program)
            .arg("--config")
            .arg(config)
            .arg("run")
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .map_err(refused)?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    /// What it is called in messages: `hub`, or the agency of a node.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process, while it runs.
    pub fn process(&self) -> Option<u32> {
        self.child.id()
    }

    /// An error if it has ended, with the end of its log.
    pub fn running(&mut self) -> Result<(), Error> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.ended(status)),
            Err(source) => Err(self.lost(source)),
        }
    }

    /// Ends it at once, as a power failure would end it (SIGKILL), and waits until it is gone.
    pub async fn kill(mut self) -> Result<(), Error> {
        self.child.kill().await.map_err(|source| self.lost(source))
    }

    /// Asks it to end (SIGTERM) and waits; kills it when that takes too long. Ends that are not in order are errors.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.running()?;
        self.ask_to_end();
        match time::timeout(GRACE, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(self.ended(status)),
            Ok(Err(source)) => Err(self.lost(source)),
            Err(_) => {
                let name = self.name.clone();
                self.kill().await?;
                Err(Error::TooSlow { name, grace: GRACE })
            }
        }
    }

    fn ask_to_end(&self) {
        let process = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(process) = process {
            // It may just have ended by itself; waiting for it tells.
            let _ = kill_process(process, Signal::TERM);
        }
    }

    fn ended(&self, status: ExitStatus) -> Error {
        Error::Ended { name: self.name.clone(), status, log: self.log.clone(), tail: tail(&self.log) }
    }

    fn lost(&self, source: io::Error) -> Error {
        Error::Lost { name: self.name.clone(), source }
    }
}

/// The last lines of a log.
fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines.get(lines.len().saturating_sub(TAIL_LINES)..).unwrap_or_default();
    tail.iter().map(|line| format!("\n  {line}")).collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;

    /// A script that is started as programs are: `--config FILE run`.
    fn script(folder: &Path, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder.join("script");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    /// One at a time: a process that another test begins meanwhile would have the script open for writing for a moment, and
    /// the system starts no program that somebody writes.
    fn start(folder: &Path, text: &str) -> Program {
        static ALONE: Mutex<()> = Mutex::new(());
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        Program::start("HK-CED", &script(folder, text), Path::new("node.toml"), &folder.join("log")).unwrap()
    }

    async fn until(mut condition: impl FnMut() -> bool) {
        let watch = async {
            while !condition() {
                time::sleep(Duration::from_millis(5)).await;
            }
        };
        time::timeout(Duration::from_secs(20), watch).await.unwrap();
    }

    #[tokio::test]
    async fn a_program_that_ends_by_itself_is_told_with_the_end_of_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut program = start(folder.path(), "echo \"$@\" is wrong >&2; exit 2");
        until(|| program.running().is_err()).await;
        let error = program.running().unwrap_err().to_string();
        assert!(error.starts_with("HK-CED ended (exit status: 2)"), "{error}");
        assert!(error.contains("--config node.toml run is wrong"), "{error}");
    }

    #[tokio::test]
    async fn a_program_is_asked_to_end_and_its_exit_status_counts() {
        let folder = tempfile::tempdir().unwrap();
        let ready = folder.path().join("ready");
        let waiting = |code: u8| {
            let ready = ready.display();
            format!("trap 'exit {code}' TERM; touch {ready}; while true; do sleep 0.02; done")
        };
        for code in [0, 1] {
            let program = start(folder.path(), &waiting(code));
            until(|| ready.exists()).await;
            std::fs::remove_file(&ready).unwrap();
            assert_eq!(program.stop().await.is_ok(), code == 0);
        }
    }

    #[tokio::test]
    async fn a_program_does_not_outlive_its_value() {
        let folder = tempfile::tempdir().unwrap();
        let program = start(folder.path(), "exec sleep 1000");
        let process = program.process().unwrap();
        drop(program);
        let folder = PathBuf::from(format!("/proc/{process}"));
        let state = || std::fs::read_to_string(folder.join("stat")).unwrap_or_default();
        // Gone, or a zombie that nobody has waited for yet.
        until(|| state().is_empty() || state().contains(") Z")).await;
    }
}
