//! What follows from a node's configuration.

use std::sync::Arc;
use std::time::Duration;

use sealpost_crypto::peer::{Admission, Admitted};
use sealpost_crypto::tls::{Credentials, Endpoint};
use sealpost_crypto::trust::Trust;
use sealpost_domain::identity::Role;
use sealpost_server::clock::Clock;

use crate::config::NodeConfig;
use crate::own_keys::OwnKeys;
use crate::session;

/// Both ends of the node's connections: towards the hub, and at the gateway, for the agency's own systems, officers and
/// auditors.
pub(super) fn ends(
    config: &NodeConfig,
    credentials: &Credentials,
    trust: &Trust,
    clock: &Clock,
) -> [Endpoint; 2] {
    let own = |role| Admitted::Agency(config.agency.clone(), role);
    let at_gateway = vec![own(Role::System), own(Role::Officer), own(Role::Auditor)];
    [vec![Admitted::Hub], at_gateway].map(|admitted| {
        let (admission, clock) = (Admission::new(admitted), Arc::new(clock.clone()));
        Endpoint::new(credentials.clone(), trust.clone(), admission, clock).exchanging(config.tls.exchange)
    })
}

/// How it keeps up its session with the hub.
pub(super) fn session(config: &NodeConfig, own_keys: OwnKeys) -> session::Settings {
    session::Settings {
        own_keys,
        addresses: config.hub.clone(),
        connect_timeout: Duration::from_secs(10),
        retry_first: Duration::from_millis(100),
        retry_max: Duration::from_secs(10),
        batch_bytes: config.outbox.batch_bytes,
        batches_in_flight: 16,
        credit: 256,
    }
}
