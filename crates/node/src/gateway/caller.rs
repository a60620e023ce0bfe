//! Who calls, by certificate, and what that role may do.

use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::KeyId;
use sealpost_domain::identity::{Identity, Role};
use sealpost_domain::rule::Rule;
use sealpost_server::connection::Peer;
use sealpost_wire::status::Failure;
use tonic::{Request, Status};

/// Somebody who may do what they ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// Which certificate: SHA-256 of its public key. The ledger names callers in this way only.
    pub(super) key: KeyId,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// To send messages.
    Publish,
    /// To see messages, where they stand, and to say that they were read.
    Read,
    /// To see the figures.
    Stats,
    /// To see how the node is.
    Status,
    /// To see the leaves of the ledger, and proofs about them.
    Audit,
}

impl Action {
    /// Who may.
    const fn roles(self) -> &'static [Role] {
        match self {
            Self::Publish | Self::Read => &[Role::System, Role::Officer],
            Self::Stats => &[Role::Officer, Role::Auditor],
            Self::Status => &[Role::System, Role::Officer, Role::Auditor],
            Self::Audit => &[Role::Auditor],
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "send messages",
            Self::Read => "see messages",
            Self::Stats => "see the figures",
            Self::Status => "see how the node is",
            Self::Audit => "audit the ledger",
        }
    }
}

impl Caller {
    /// Admits the caller of a request, or says by which rule not.
    pub(super) fn admit<T>(request: &Request<T>, home: &AgencyId, action: Action) -> Result<Self, Status> {
        let peer = Peer::of(request)?;
        judge(peer.identity(), home, action)?;
        Ok(Self { key: peer.certificate().public_key.key_id() })
    }
}

fn judge(identity: &Identity, home: &AgencyId, action: Action) -> Result<(), Status> {
    if identity.agency() != Some(home) {
        let detail = format!(
            "{identity} is not of {home}; use the gateway of your own agency ({})",
            Rule::CallerAgency
        );
        return Err(Failure::Forbidden.status(detail));
    }
    if identity.role().is_some_and(|role| action.roles().contains(&role)) {
        return Ok(());
    }
    let roles: Vec<&str> = action.roles().iter().map(|role| role.as_str()).collect();
    let detail = format!(
        "{identity} may not {}: that takes a certificate with the role {} ({})",
        action.as_str(),
        roles.join(" or "),
        Rule::CallerRole
    );
    Err(Failure::Forbidden.status(detail))
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn may(identity: &str, action: Action) -> bool {
        let home = "HK-CED".parse().unwrap();
        match judge(&identity.parse().unwrap(), &home, action) {
            Ok(()) => true,
            Err(status) => {
                assert_eq!(status.code(), Code::PermissionDenied);
                false
            }
        }
    }

    #[test]
    fn every_role_may_do_what_the_contract_says_and_nothing_else() {
        let table = [
            (Action::Publish, [false, true, true, false]),
            (Action::Read, [false, true, true, false]),
            (Action::Stats, [false, false, true, true]),
            (Action::Status, [false, true, true, true]),
            (Action::Audit, [false, false, false, true]),
        ];
        for (action, allowed) in table {
            for (role, allowed) in Role::ALL.iter().zip(allowed) {
                let identity = format!("spiffe://sample.sealpost/HK/CED/{role}/one");
                assert_eq!(may(&identity, action), allowed, "{action:?} {role}");
            }
        }
    }

    #[test]
    fn others_than_the_own_agency_may_nothing() {
        for identity in [
            "spiffe://sample.sealpost/DE/ZKA/officer/desk-1",
            "spiffe://sample.sealpost/HK/POLICE/officer/desk-1",
            "spiffe://sample.sealpost/hub/main",
            "spiffe://sample.sealpost/operator/ops",
        ] {
            assert!(!may(identity, Action::Status), "{identity}");
        }
    }
}
