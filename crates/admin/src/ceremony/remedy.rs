//! What to do about a step that is refused: what is missing, and the command that supplies it.

use sealpost_crypto::directory::Error;
use tonic::Code;

use super::edit;

const ENDORSE: &str = "`sealpost-admin directory endorse FILE --key";

/// The remedy for a fault of a version.
pub(super) fn of(error: &Error) -> String {
    match error {
        Error::Authority { threshold, .. } => format!(
            "`sealpost-admin directory sign` on the machines of {threshold} holders; `directory show` tells who is missing"
        ),
        Error::Threshold { .. } => {
            "`directory rotate-key authority --add PUBLIC --id ID` or another --threshold".to_owned()
        }
        Error::AuthorityRevoked { key, .. } => {
            format!(
                "`directory rotate-key authority --remove {key}`, with a threshold that the others can reach"
            )
        }
        Error::NotByRoot { jurisdiction, .. } => {
            format!("{ENDORSE} {jurisdiction}.key.pem` where the root of {jurisdiction} is kept")
        }
        Error::NotByItself { .. } => {
            "`sealpost-admin directory propose signing-key`, where the new key lies: it signs with it"
                .to_owned()
        }
        Error::NotContinued { agency, .. } => format!(
            "{ENDORSE} signing.pem` at {agency}, with the key of its node that is in use; if that is lost, stolen or \
             expired, `directory revoke --key ID` first, in the same draft"
        ),
        Error::NotByAgency { agency, .. } => {
            format!("{ENDORSE} signing.pem` at {agency}, with a signing key of its node that is not revoked")
        }
        Error::NotByParty { party, .. } => {
            format!("{ENDORSE} signing.pem` at {party}, with a signing key of its node that is not revoked")
        }
        Error::NotByLead { lead, .. } => {
            format!("{ENDORSE} signing.pem` at {lead}, with a signing key of its node that is not revoked")
        }
        Error::NoJurisdiction { agency } => format!(
            "`directory add-agency --root {}.pem --jurisdiction NAME` lists the jurisdiction with the agency",
            agency.jurisdiction()
        ),
        Error::UnknownMember { member, .. } => format!("list {member} first, by `directory add-agency`"),
        Error::OtherAgency { found, .. } => format!("the statement was made for {found}: list it there"),
        Error::Version { found, expected } if found < expected => format!(
            "this is version {found}, and --base is version {} already: to look at it, give the version before it as --base; \
             a draft of version {expected} that was begun from an earlier one, begin it anew from the one in force",
            expected.saturating_sub(1)
        ),
        Error::Version { .. } | Error::Previous { .. } | Error::Network { .. } | Error::Issued { .. } => {
            "the draft was begun from another version: begin it anew from the one in force (--base)"
                .to_owned()
        }
        Error::Early { .. } => {
            "look at the clocks of this machine and of the one where the draft was begun; with right ones, begin it anew".to_owned()
        }
        Error::RevocationDropped { .. }
        | Error::RevocationWeakened { .. }
        | Error::WithdrawalDropped { .. }
        | Error::NotWithdrawn { .. }
        | Error::KeyDropped { .. }
        | Error::EpochFell { .. }
        | Error::JurisdictionDropped { .. } => {
            "begin the draft anew from the version in force: it carries all of them over".to_owned()
        }
        Error::RootChanged { jurisdiction } => format!(
            "nobody exchanges a root: if that of {jurisdiction} is lost, its agencies go on under a new jurisdiction"
        ),
        Error::OperatorRootChanged => {
            "nobody exchanges a root: if that of the hub's operator is lost, the network begins anew"
                .to_owned()
        }
        Error::RootSubject { second, .. } => {
            format!("{second} makes a root with a name of its own, by `sealpost-admin root new`")
        }
        Error::ListedAgain { statement, .. } => format!(
            "whoever signed {statement} signs it anew, by `directory propose` with terms that differ, such as a later `from`"
        ),
        Error::AgreementTwice { agreement } => {
            format!(
                "if the draft lists it already, nothing is left to do; other terms take another id, or `directory revoke \
                 --agreement {agreement}` first, in the same draft"
            )
        }
        Error::OperationTwice { operation } => {
            format!(
                "if the draft lists it already, nothing is left to do; other terms take another id, or `directory revoke \
                 --operation {operation}` first, in the same draft"
            )
        }
        Error::Epoch { last, .. } | Error::EpochUsed { last, .. } => {
            format!("propose the key again with --epoch {}", last.saturating_add(1))
        }
        Error::EpochChanged { listed, .. } => {
            format!("leave the key at epoch {listed}, or propose another key")
        }
        Error::KeyTwice { .. } => {
            "if the draft lists this key of this holder already, nothing is left to do; else make another, since every holder \
             makes keys of its own"
                .to_owned()
        }
        Error::Validity { .. } => "`directory renew --valid-for DAYS`".to_owned(),
        _ => "docs/rules.md explains the rule".to_owned(),
    }
}

/// The remedy when a draft is not changed as asked; empty where the error says it all.
pub(super) fn of_edit(error: &edit::Error) -> String {
    use edit::Error;
    let text = match error {
        Error::AgencyListed(_) => "`directory rotate-key` gives it another key",
        Error::JurisdictionListed(_) => "leave --root and --jurisdiction out",
        Error::KeysMissing { .. } => {
            "`directory propose signing-key` and `directory propose sealing-key` at the agency, then `directory endorse` \
             of the first where the jurisdiction's root is kept"
        }
        Error::NoKey(_) => "`directory add-agreement` and `directory add-operation` list those",
        Error::OtherAgency { found, .. } => return format!("list it at {found}"),
        Error::KeyOfUnlisted(_) => "`directory add-agency` lists it with its first keys",
        Error::ProposedByUnlisted(_) => "leave --directory out where the key is to come with a new agency",
        Error::NoAgency(_) => "`directory show` lists the agencies",
        Error::NotNextEpoch { next, .. } => return format!("--epoch {next}"),
        Error::PartyUnlisted { party, .. } => {
            return format!("list {party} first, by `directory add-agency`");
        }
        Error::Unpaired { .. } => "`directory whose` tells both of a key where it lies",
        Error::OtherId { .. } => {
            "give --add and --id as `directory whose` tells them where the key lies, in the same order"
        }
        Error::NotTheirs { .. } => "`directory show` lists the keys with their ids",
        Error::RevokedAlready(_) => {
            "a revocation is never taken back; its reason changes only to `--reason compromised`"
        }
        Error::UnknownKey(_) => "`directory show --output json` lists all keys with their ids",
        Error::NoAgreement(_) | Error::NoOperation(_) => "`directory show` tells what is listed",
        Error::NothingNamed => "give one of --key, --agency, --agreement and --operation",
        Error::NoSealingKey(_)
        | Error::NotAnAgreement(_)
        | Error::NotAnOperation(_)
        | Error::StoppedAlready(_) => "",
    };
    text.to_owned()
}

/// The remedy when the hub did not take it.
pub(super) fn of_hub(error: &sealpost_client::Error) -> &'static str {
    use sealpost_client::Error as Hub;
    match error {
        Hub::Answer { status, .. } => match status.code() {
            Code::FailedPrecondition | Code::AlreadyExists | Code::Aborted => {
                "another version is in force at the hub than --base: ask whoever published it for the file, compare its \
                 digest, and begin the draft anew from it"
            }
            Code::PermissionDenied => {
                "where the hub's answer names a rule, docs/rules.md says what to do; else it does not let this operator publish"
            }
            Code::Unavailable | Code::ResourceExhausted => {
                "repeat: a version is published once, however often it is sent"
            }
            _ => "the hub's log says more",
        },
        Hub::Refused { .. } | Hub::WrongPeer { .. } => {
            "the certificate is to be an operator's of this network, and --crls current"
        }
        Hub::Address { .. } | Hub::Setup(_) => "--hub is host:port; certificate and key belong together",
        _ => {
            "is the hub running, and is this its address? Repeat: a version is published once, however often it is sent"
        }
    }
}
