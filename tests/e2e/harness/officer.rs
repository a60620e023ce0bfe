//! An officer with the `sealpost` command.

use std::path::PathBuf;

use serde_json::Value;

use super::eventually::eventually;
use super::network::Network;
use super::program::{Ended, Program};

/// An officer and the profile of their command.
pub(crate) struct Officer<'n> {
    pub(crate) network: &'n Network,
    pub(crate) profile: PathBuf,
}

impl<'n> Officer<'n> {
    pub(crate) fn of(network: &'n Network, agency: &str) -> Self {
        Self { network, profile: network.agency(agency).profile.clone().unwrap() }
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        let profile = self.profile.to_str().unwrap();
        self.network.command("sealpost", &[&["--profile", profile], arguments].concat()).await
    }

    /// A command that reads what it is told while it runs.
    pub(crate) fn start(&self, arguments: &[&str]) -> Program {
        let profile = self.profile.to_str().unwrap();
        self.network.listening_command("sealpost", &[&["--profile", profile], arguments].concat())
    }

    /// What the command prints for programs, a document on each line.
    pub(crate) async fn documents(&self, arguments: &[&str]) -> Vec<Value> {
        let ended = self.run(&[arguments, &["--output", "json"]].concat()).await;
        assert_eq!(ended.code(), Some(0), "sealpost {arguments:?}:\n{}{}", ended.stdout, ended.log);
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) async fn document(&self, arguments: &[&str]) -> Value {
        let mut documents = self.documents(arguments).await;
        assert_eq!(documents.len(), 1, "sealpost {arguments:?}: {documents:?}");
        documents.remove(0)
    }

    /// Waits until `track` shows a message in that state at each recipient.
    pub(crate) async fn sees(&self, message: &str, states: &[(&str, &str)]) {
        eventually(&format!("{states:?} in `sealpost track`"), async || {
            let tracked = self.document(&["track", message]).await;
            let found: Vec<_> = tracked["states"].as_array().unwrap().iter().map(state).collect();
            if found == states { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    }
}

fn state(state: &Value) -> (&str, &str) {
    (state["agency"].as_str().unwrap(), state["state"].as_str().unwrap())
}
