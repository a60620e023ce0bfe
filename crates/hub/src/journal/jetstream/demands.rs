//! What is asked of the servers, and whether they gave it. Old servers ignore options that they do not know, so that what was
//! asked and what is in force are compared field by field.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::jetstream::stream::{
    Compression, Config, DiscardPolicy, PersistenceMode, RetentionPolicy, StorageType,
};

use sealpost_domain::link::Incarnation;

use super::settings::Settings;
use crate::journal::PROPOSAL_BYTES_MAX;

/// The oldest server that is taken: those before it have bugs by which a stream can lose what it acknowledged.
pub(super) const SERVER_MIN: (u64, u64, u64) = (2, 12, 3);
/// The least that a server must take as one message: the bodies of a proposal, or its headers with their signatures.
pub(super) const MESSAGE_BYTES_MIN: usize = PROPOSAL_BYTES_MAX + (2 << 20);
/// The incarnation of the hub that the stream of entries is.
pub(super) const INCARNATION: &str = "sealpost-incarnation";

/// Another option than the one that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The option's name, as the client has it.
    pub option: &'static str,
    /// What was asked for.
    pub expected: String,
    /// What is in force.
    pub found: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { option, expected, found } = self;
        write!(f, "{option} is {found}, expected is {expected}")
    }
}

/// How the stream of entries has to be.
pub(super) fn journal(settings: &Settings, incarnation: Incarnation) -> Config {
    let description =
        "Entries of a Sealpost hub's journal: never purge, edit or restore it from a backup while hubs run";
    Config {
        // Nothing may be taken out of the middle: the sequence is the entries' index.
        deny_delete: true,
        deny_purge: true,
        metadata: HashMap::from([(INCARNATION.to_owned(), incarnation.to_string())]),
        ..stream(settings, settings.journal(), settings.journal_subject(), description)
    }
}

/// How the stream of bodies has to be.
pub(super) fn bodies(settings: &Settings) -> Config {
    let description = "Sealed bodies on their way through a Sealpost hub; the hubs purge what is settled";
    stream(settings, settings.bodies(), settings.bodies_subject(), description)
}

/// How the stream of snapshots has to be.
pub(super) fn snapshots(settings: &Settings) -> Config {
    let description =
        "What Sealpost hubs know of their journal, so that one that starts need not read all of it";
    Config {
        max_messages_per_subject: 1,
        ..stream(settings, settings.snapshots(), settings.snapshots_subjects(), description)
    }
}

fn stream(settings: &Settings, name: String, subject: String, description: &str) -> Config {
    Config {
        name,
        subjects: vec![subject],
        description: Some(description.to_owned()),
        retention: RetentionPolicy::Limits,
        // What does not fit is refused: nothing that was accepted is thrown away for it.
        discard: DiscardPolicy::New,
        storage: StorageType::File,
        num_replicas: settings.replicas,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_bytes: -1,
        max_consumers: -1,
        max_message_size: -1,
        max_age: Duration::ZERO,
        duplicate_window: Duration::from_mins(2),
        allow_direct: true,
        ..Config::default()
    }
}

/// Every option that is not as it was asked for, by the client's name for it. Left to the operator: how much a stream may hold
/// (`max_bytes`), where it lies (`placement`), its description and other metadata, and what concerns publishers and consumers that hubs are
/// not.
pub(super) fn differences(expected: &Config, found: &Config) -> Vec<Difference> {
    let mut differences = Vec::new();
    macro_rules! compare {
        (compared: [$($field:ident),* $(,)?], apart: [$($other:ident),* $(,)?]) => {
            // Without a rest: an option that a later client knows does not go by unnoticed.
            let Config { $($field,)* $($other: _,)* } = found;
            $(if expected.$field != *$field {
                differences.push(Difference {
                    option: stringify!($field),
                    expected: format!("{:?}", expected.$field),
                    found: format!("{:?}", $field),
                });
            })*
        };
    }
    compare!(
        compared: [
            name,
            subjects,
            retention,
            discard,
            discard_new_per_subject,
            storage,
            max_messages,
            max_messages_per_subject,
            max_consumers,
            max_message_size,
            max_age,
            no_ack,
            duplicate_window,
            sealed,
            allow_rollup,
            deny_delete,
            deny_purge,
            allow_direct,
            mirror_direct,
            mirror,
            sources,
            republish,
            subject_transform,
            pause_until,
            allow_message_ttl,
            subject_delete_marker_ttl,
            allow_message_schedules,
            allow_message_counter,
        ],
        apart: [
            num_replicas,
            persist_mode,
            compression,
            max_bytes,
            template_owner,
            description,
            metadata,
            consumer_limits,
            first_sequence,
            placement,
            allow_atomic_publish,
            allow_batch_publish,
        ]
    );
    let mut differ = |option, expected: String, found: String| {
        differences.push(Difference { option, expected, found });
    };
    if found.num_replicas < expected.num_replicas {
        differ("num_replicas", expected.num_replicas.to_string(), found.num_replicas.to_string());
    }
    if !matches!(found.persist_mode, None | Some(PersistenceMode::Default)) {
        differ("persist_mode", "default".to_owned(), format!("{:?}", found.persist_mode));
    }
    if !matches!(found.compression, None | Some(Compression::None)) {
        differ("compression", "none".to_owned(), format!("{:?}", found.compression));
    }
    if !matches!(found.first_sequence, None | Some(0 | 1)) {
        differ("first_sequence", "1".to_owned(), format!("{:?}", found.first_sequence));
    }
    differences
}

/// A server's version, as it names it; `None` for what is no version. A version before a release counts as older than that.
pub(super) fn version(text: &str) -> Option<(u64, u64, u64)> {
    let (numbers, early) = match text.split_once('-') {
        Some((numbers, _)) => (numbers, true),
        None => (text, false),
    };
    let mut parts = numbers.split('.').map(|part| part.parse::<u64>().ok());
    let (major, minor, patch) = (parts.next()??, parts.next()??, parts.next()??);
    match (early, patch.checked_sub(1)) {
        (false, _) => Some((major, minor, patch)),
        (true, Some(before)) => Some((major, minor, before)),
        (true, None) => Some((major, minor.saturating_sub(1), u64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            servers: vec!["nats://127.0.0.1:4222".to_owned()],
            name: "sealpost".to_owned(),
            replicas: 3,
            domain: None,
            credentials: None,
            ca: None,
            identity: None,
        }
    }

    fn options(change: impl FnOnce(&mut Config)) -> Vec<&'static str> {
        let asked = journal(&settings(), Incarnation([7; 16]));
        let mut found = asked.clone();
        change(&mut found);
        differences(&asked, &found).into_iter().map(|difference| difference.option).collect()
    }

    #[test]
    fn an_option_that_the_server_did_not_take_over_is_named() {
        assert_eq!(options(|_| {}), [""; 0]);
        assert_eq!(options(|found| found.storage = StorageType::Memory), ["storage"]);
        assert_eq!(options(|found| found.num_replicas = 1), ["num_replicas"]);
        assert_eq!(options(|found| found.num_replicas = 5), [""; 0], "more are welcome");
        assert_eq!(options(|found| found.discard = DiscardPolicy::Old), ["discard"]);
        assert_eq!(options(|found| found.deny_purge = false), ["deny_purge"]);
        assert_eq!(options(|found| found.persist_mode = Some(PersistenceMode::Async)), ["persist_mode"]);
        assert_eq!(options(|found| found.max_age = Duration::from_secs(1)), ["max_age"]);
        assert_eq!(options(|found| found.description = None), [""; 0]);
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert_eq!(version("2.12.3"), Some((2, 12, 3)));
        assert!(version("2.9.25") < Some(SERVER_MIN) && version("2.12.10") > Some(SERVER_MIN));
        assert!(version("2.12.3-RC.1") < Some(SERVER_MIN) && version("2.14.0-beta") > Some(SERVER_MIN));
        assert_eq!([version(""), version("2.12"), version("2.x.1")], [None; 3]);
    }
}
