//! How the connection to the hub is, for the status and the log: told when it changes, not with every attempt.

use std::error::Error as _;
use std::sync::{Arc, Mutex, PoisonError};

use sealpost_domain::view::HubStatus;
use tracing::{info, warn};

use super::{Ended, Lanes};
use crate::shared::Shared;

/// The state of both connections.
pub(super) struct State {
    shared: Arc<Shared>,
    connections: Mutex<[Connected; 2]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Connected {
    To(String),
    No(String),
}

impl State {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let not_yet = || Connected::No("not connected yet".to_owned());
        Self { shared, connections: Mutex::new([not_yet(), not_yet()]) }
    }

    pub(super) fn connected(&self, lanes: Lanes, hub: &str) {
        self.change(lanes, Connected::To(hub.to_owned()));
    }

    pub(super) fn lost(&self, lanes: Lanes, ended: &Ended) {
        let mut reason = ended.to_string();
        let mut source = ended.source();
        while let Some(cause) = source {
            reason = format!("{reason}: {cause}");
            source = cause.source();
        }
        self.change(lanes, Connected::No(reason));
    }

    fn change(&self, lanes: Lanes, now: Connected) {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let [flash, bulk] = &mut *connections;
        let this = match lanes {
            Lanes::Flash => &mut *flash,
            Lanes::Bulk => &mut *bulk,
        };
        if *this == now {
            return;
        }
        match &now {
            Connected::To(hub) => info!(?lanes, hub, "connected to the hub"),
            Connected::No(reason) => warn!(?lanes, reason, "no connection to the hub"),
        }
        *this = now;
        let (connected, detail) = match (&*flash, &*bulk) {
            (Connected::To(hub), Connected::To(_)) => (true, hub.clone()),
            (Connected::No(reason), _) | (_, Connected::No(reason)) => (false, reason.clone()),
        };
        let since = self.shared.now();
        self.shared.hub.send_modify(|status| {
            let since = if status.connected == connected { status.since } else { since };
            *status = HubStatus { connected, detail, since };
        });
    }
}
