//! Servers and streams on which a hub does not begin, each with what is said about it.

use std::path::PathBuf;

use async_nats::jetstream::{self, stream};
use sealpost_domain::link::Incarnation;
use sealpost_hub::journal::jetstream::check::{Verdict, check};
use sealpost_hub::journal::jetstream::{EngineError, Error, Fresh, JetStream, Settings};
use sealpost_server::program::with_causes;
use sealpost_testkit::nats::{Options, Server, free_ports};
use tempfile::TempDir;

use crate::servers::{program, settings};

/// A program of another version, which tests/jetstream/run names.
fn of_version(variable: &str) -> PathBuf {
    std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} names no program")).into()
}

fn started(program: &std::path::Path, options: &Options) -> (TempDir, Server, Settings) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(program, folder.path(), options).unwrap();
    let settings = settings(vec![server.url()], 1);
    (folder, server, settings)
}

async fn opened(settings: &Settings) -> Result<(), Error> {
    let fresh = Fresh { incarnation: Incarnation(rand::random()), proposer: rand::random() };
    JetStream::open(settings, fresh).await.map(drop)
}

async fn refusal(settings: &Settings) -> (EngineError, String) {
    match opened(settings).await {
        Err(error @ Error::Engine(_)) => {
            let text = with_causes(&error);
            let Error::Engine(error) = error else { unreachable!() };
            (error, text)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn servers_before_2_12_3_are_refused_and_that_one_is_taken() {
    let (_folder, _server, settings) = started(&of_version("NATS_SERVER_REFUSED"), &Options::default());
    let (error, text) = refusal(&settings).await;
    assert!(matches!(error, EngineError::Version { .. }));
    assert!(text.contains("version 2.12.2; expected is 2.12.3 or later"), "{text}");
    let (_folder, _server, settings) = started(&of_version("NATS_SERVER_LEAST"), &Options::default());
    opened(&settings).await.unwrap();
}

#[tokio::test]
async fn a_server_that_takes_small_messages_alone_is_refused() {
    let options = Options { max_payload: Some("1MB".to_owned()), ..Options::default() };
    let (_folder, _server, settings) = started(&program(), &options);
    let (error, text) = refusal(&settings).await;
    assert!(matches!(error, EngineError::MessageBytes { .. }) && text.contains("max_payload: 8MB"), "{text}");
}

#[tokio::test]
async fn streams_that_are_otherwise_are_refused_with_every_difference() {
    let (_folder, server, settings) = started(&program(), &Options::default());
    // Whoever connects at once finds no server yet.
    opened(&settings).await.unwrap();
    let context = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let config = context.get_stream("sealpost-bodies").await.unwrap().cached_info().config.clone();
    let named = |name: &str| Settings { name: name.to_owned(), ..settings.clone() };

    let bodies = stream::Config {
        name: "memory-bodies".to_owned(),
        subjects: vec!["memory.bodies".to_owned()],
        storage: stream::StorageType::Memory,
        discard: stream::DiscardPolicy::Old,
        max_age: std::time::Duration::from_hours(1),
        ..config.clone()
    };
    context.create_stream(bodies).await.unwrap();
    let (error, text) = refusal(&named("memory")).await;
    assert!(matches!(error, EngineError::Differs { .. }));
    for part in ["memory-bodies", "storage is Memory, expected is File", "discard is Old", "max_age is 3600s"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }

    opened(&named("torn")).await.unwrap();
    context.delete_stream("torn-bodies").await.unwrap();
    let (error, text) = refusal(&named("torn")).await;
    assert!(matches!(error, EngineError::Torn { .. }) && text.contains("torn-bodies is not there"), "{text}");

    let fewer = Settings { replicas: 3, ..settings.clone() };
    let (_, text) = refusal(&fewer).await;
    assert!(text.contains("num_replicas is 1, expected is 3"), "{text}");

    let foreign = stream::Config {
        name: "foreign-journal".to_owned(),
        subjects: vec!["foreign.journal".to_owned()],
        deny_delete: true,
        deny_purge: true,
        metadata: std::collections::HashMap::new(),
        ..config
    };
    let bodies = stream::Config {
        name: "foreign-bodies".to_owned(),
        subjects: vec!["foreign.bodies".to_owned()],
        deny_delete: false,
        deny_purge: false,
        ..foreign.clone()
    };
    context.create_stream(bodies).await.unwrap();
    context.create_stream(foreign).await.unwrap();
    let (error, text) = refusal(&named("foreign")).await;
    assert!(matches!(error, EngineError::Foreign { .. }) && text.contains("foreign-journal"), "{text}");
}

#[tokio::test]
async fn check_tells_what_is_not_as_it_has_to_be_and_what_cannot_be_seen() {
    let [monitor] = free_ports().unwrap();
    let lines = format!("http: \"127.0.0.1:{monitor}\"\n");
    let options = Options { lines, jetstream: Some(String::new()), ..Options::default() };
    let (_folder, _server, settings) = started(&program(), &options);
    let seen = async |monitors: &[_]| check(&settings, monitors).await.unwrap();
    let told = |findings: &[_], verdict| -> Vec<String> {
        let of = |finding: &&sealpost_hub::journal::jetstream::check::Finding| finding.verdict == verdict;
        findings.iter().filter(of).map(ToString::to_string).collect()
    };
    let before = seen(&[]).await;
    assert_eq!(told(&before, Verdict::Fault), [""; 0]);
    let [unseen] = &told(&before, Verdict::Unseen)[..] else { panic!("{before:?}") };
    assert!(unseen.contains("sync_interval: always"), "{unseen}");
    assert_eq!(before.iter().filter(|finding| finding.found.contains("not there")).count(), 3, "{before:?}");

    opened(&settings).await.unwrap();
    let after = seen(&[format!("127.0.0.1:{monitor}").parse().unwrap()]).await;
    let [fault] = &told(&after, Verdict::Fault)[..] else { panic!("{after:?}") };
    assert!(fault.contains("acknowledges before it syncs"), "{fault}");
    assert_eq!(
        after.iter().filter(|finding| finding.found.contains("as it has to be;")).count(),
        3,
        "{after:?}"
    );
    let nobody = seen(&["127.0.0.1:1".parse().unwrap()]).await;
    assert!(told(&nobody, Verdict::Fault)[0].contains("does not tell"), "{nobody:?}");
}
