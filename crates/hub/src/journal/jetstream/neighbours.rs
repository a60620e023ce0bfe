//! What hubs say to one another beside the journal: plain messages of NATS, of which nothing is stored.

use async_nats::{Client, HeaderMap, Subject};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures::StreamExt as _;
use sealpost_wire::hub::{control_from_bytes, control_to_bytes};
use tokio::sync::mpsc;

use super::order::Proposer;
use super::settings::Settings;
use crate::journal::{Neighbours, Said};

/// What may wait in either direction.
const AHEAD: usize = 1024;
/// Which hub says it: who hears itself says nothing new.
const FROM: &str = "Sealpost-Hub";

/// The subjects: `NAME.beside.frame`, `.sits` and `.left`.
fn subject(settings: &Settings, what: &str) -> String {
    format!("{}.beside.{what}", settings.name)
}

/// Begins to say and to hear, until nobody says anything any more.
pub(super) fn start(client: &Client, settings: &Settings, own: &Proposer) -> Neighbours {
    let ((say, said), (heard, hear)) = (mpsc::channel(AHEAD), mpsc::channel(AHEAD));
    let own = HEXLOWER.encode(own);
    let serving = serve(client.clone(), settings.clone(), own, said, heard);
    tokio::spawn(async move {
        serving.await;
        tracing::warn!("this hub hears and says nothing more beside the journal");
    });
    Neighbours { say, hear }
}

async fn serve(
    client: Client,
    settings: Settings,
    own: String,
    mut said: mpsc::Receiver<Said>,
    heard: mpsc::Sender<Said>,
) {
    let mut headers = HeaderMap::new();
    headers.insert(FROM, own.as_str());
    // Only a subject that cannot be is refused, or a client that is closed.
    let Ok(mut incoming) = client.subscribe(subject(&settings, "*")).await else { return };
    loop {
        tokio::select! {
            next = said.recv() => {
                // The hub is ending.
                let Some(next) = next else { std::future::pending().await };
                let (what, payload) = match &next {
                    Said::Frame(frame) => ("frame", control_to_bytes(frame)),
                    Said::Sits(agency) => ("sits", Bytes::from(agency.to_string())),
                    Said::Left(agency) => ("left", Bytes::from(agency.to_string())),
                };
                if client.publish_with_headers(subject(&settings, what), headers.clone(), payload).await.is_err() {
                    return;
                }
            }
            message = incoming.next() => {
                let Some(message) = message else { return };
                let from = message.headers.as_ref().and_then(|headers| headers.get(FROM));
                if from.is_some_and(|from| from.as_str() == own) {
                    continue;
                }
                // Whoever does not read in time hears it when it is said again.
                if let Some(said) = parse(&message.subject, &message.payload) {
                    let _ = heard.try_send(said);
                }
            }
        }
    }
}

fn parse(subject: &Subject, payload: &Bytes) -> Option<Said> {
    let agency = || std::str::from_utf8(payload).ok()?.parse().ok();
    match subject.rsplit('.').next()? {
        "frame" => control_from_bytes(payload).ok().map(Said::Frame),
        "sits" => agency().map(Said::Sits),
        "left" => agency().map(Said::Left),
        _ => None,
    }
}
