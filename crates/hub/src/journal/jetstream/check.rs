//! Looks at the servers without changing anything: whether they are as a hub needs them, and what of that cannot be seen.

use std::fmt;
use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{Config, Info};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use sealpost_domain::link::Incarnation;
use sealpost_server::config::HostPort;
use tokio::net::TcpStream;

use super::demands::{self, MESSAGE_BYTES_MIN};
use super::engine::{Engine, Error, incarnation_of, is_missing};
use super::settings::Settings;

/// How long the monitor of a server may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// What it says is shorter.
const MONITOR_BYTES_MAX: usize = 4 << 20;

/// What was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How it is.
    pub verdict: Verdict,
    /// What it is about.
    pub about: String,
    /// What was found, and what to do where that is not as it has to be.
    pub found: String,
}

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it has to be.
    Sound,
    /// Not so.
    Fault,
    /// It cannot be seen.
    Unseen,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Sound => "ok",
            Verdict::Fault => "FAULT",
            Verdict::Unseen => "unseen",
        };
        write!(f, "{verdict:<7} {}: {}", self.about, self.found)
    }
}

fn finding(verdict: Verdict, about: impl Into<String>, found: impl Into<String>) -> Finding {
    Finding { verdict, about: about.into(), found: found.into() }
}

/// Looks at the servers, the streams, and the monitors that are named.
pub async fn check(settings: &Settings, monitors: &[HostPort]) -> Result<Vec<Finding>, Error> {
    let engine = Engine::connect(settings).await?;
    let mut findings = vec![server(&engine).await];
    // The incarnation is not compared: it is that of the stream.
    let wanted = [
        demands::journal(settings, Incarnation([0; 16])),
        demands::bodies(settings),
        demands::snapshots(settings),
    ];
    for wanted in wanted {
        findings.extend(stream(&engine, &wanted).await);
    }
    if let Err(error @ Error::Torn { .. }) = engine.whole().await {
        findings.push(finding(Verdict::Fault, "streams", error.to_string()));
    }
    for monitor in monitors {
        findings.push(syncs(monitor).await);
    }
    if monitors.is_empty() {
        findings.push(finding(
            Verdict::Unseen,
            "sync before acknowledging",
            "set `sync_interval: always` in the section jetstream of every server; name their monitors (--monitor HOST:PORT, \
             each server's `http`) to have it looked at",
        ));
    }
    Ok(findings)
}

/// The server that answers. That it is not too old, and takes what it must, was judged when it was connected to.
async fn server(engine: &Engine) -> Finding {
    let (info, begun) = (engine.client.server_info(), Instant::now());
    let about = format!("server {}", info.server_name);
    match engine.context.query_account().await {
        Ok(_) => {
            let millis = begun.elapsed().as_secs_f64() * 1e3;
            let (version, bytes) = (&info.version, info.max_payload);
            let text = format!(
                "version {version}, messages of {bytes} bytes (at least {MESSAGE_BYTES_MIN}), answers in {millis:.1} ms"
            );
            finding(Verdict::Sound, about, text)
        }
        Err(error) => finding(
            Verdict::Fault,
            about,
            format!("JetStream does not answer: {error}. Is it enabled, and do its servers have a leader?"),
        ),
    }
}

/// A stream and its replicas.
async fn stream(engine: &Engine, wanted: &Config) -> Vec<Finding> {
    let about = format!("stream {}", wanted.name);
    let info = match engine.context.get_stream(&wanted.name).await {
        Ok(stream) => stream.cached_info().clone(),
        Err(error) if is_missing(&error) => {
            return vec![finding(Verdict::Sound, about, "not there; the first hub that starts makes it")];
        }
        Err(error) => {
            let text = format!("{error}. Do most of the servers run, and may the hub ask for it?");
            return vec![finding(Verdict::Fault, about, text)];
        }
    };
    let differences = demands::differences(wanted, &info.config);
    let mut findings = Vec::new();
    let is_ours =
        !wanted.metadata.contains_key(demands::INCARNATION) || incarnation_of(&info.config).is_some();
    if !is_ours {
        let text = "not made by a Sealpost hub; name another journal in [journal] name";
        findings.push(finding(Verdict::Fault, about.clone(), text));
    }
    if differences.is_empty() && is_ours {
        let state = &info.state;
        let text = format!("as it has to be; {} messages, {} bytes", state.messages, state.bytes);
        findings.push(finding(Verdict::Sound, about.clone(), text));
    }
    for difference in differences {
        findings.push(finding(
            Verdict::Fault,
            about.clone(),
            format!(
                "{difference}; with all hubs stopped, change it (`nats stream edit`), or name another journal"
            ),
        ));
    }
    findings.push(replicas(about, wanted.num_replicas, &info));
    findings
}

fn replicas(about: String, wanted: usize, info: &Info) -> Finding {
    let Some(cluster) = &info.cluster else {
        let (verdict, text) = match wanted {
            0 | 1 => (Verdict::Sound, "on one server alone, as configured".to_owned()),
            wanted => {
                (Verdict::Fault, format!("on a server that is in no cluster, expected are {wanted} replicas"))
            }
        };
        return finding(verdict, about, text);
    };
    let Some(leader) = &cluster.leader else {
        return finding(
            Verdict::Fault,
            about,
            "no leader: nothing is taken until most of its servers are back",
        );
    };
    let behind: Vec<&str> = cluster
        .replicas
        .iter()
        .filter(|replica| replica.offline || !replica.current)
        .map(|replica| replica.name.as_str())
        .collect();
    if behind.is_empty() {
        return finding(
            Verdict::Sound,
            about,
            format!("led by {leader}, {} replicas have everything", cluster.replicas.len() + 1),
        );
    }
    let text = format!(
        "led by {leader}; away or behind: {}. Start what does not run, and restart no other server until these have everything",
        behind.join(", ")
    );
    finding(Verdict::Fault, about, text)
}

/// Whether a server syncs before it acknowledges, as its monitor tells.
async fn syncs(monitor: &HostPort) -> Finding {
    let about = format!("monitor {monitor}");
    let told = match tokio::time::timeout(PATIENCE, varz(monitor)).await {
        Ok(Ok(told)) => told,
        Ok(Err(reason)) => return finding(Verdict::Fault, about, reason),
        Err(_) => return finding(Verdict::Fault, about, format!("no answer within {PATIENCE:?}")),
    };
    let server = told["server_name"].as_str().unwrap_or("?").to_owned();
    if told["jetstream"]["config"].is_null() {
        return finding(Verdict::Fault, about, format!("{server} does not serve JetStream"));
    }
    let (version, bytes) =
        (told["version"].as_str().unwrap_or("?"), told["max_payload"].as_u64().unwrap_or(0));
    if demands::version(version).is_none_or(|version| version < demands::SERVER_MIN) {
        let text =
            format!("{server} is of version {version}, which hubs refuse: upgrade it to 2.12.3 or later");
        return finding(Verdict::Fault, about, text);
    }
    if bytes < MESSAGE_BYTES_MIN as u64 {
        let text = format!(
            "{server} takes messages of {bytes} bytes, expected are {MESSAGE_BYTES_MIN}: set max_payload: 8MB"
        );
        return finding(Verdict::Fault, about, text);
    }
    if told["jetstream"]["config"]["sync_always"].as_bool() == Some(true) {
        return finding(Verdict::Sound, about, format!("{server} syncs before it acknowledges"));
    }
    let text = format!(
        "{server} acknowledges before it syncs: power lost at most servers at a time loses what was accepted. Set \
         `sync_interval: always` in its section jetstream"
    );
    finding(Verdict::Fault, about, text)
}

/// What a server tells of itself.
async fn varz(monitor: &HostPort) -> Result<serde_json::Value, String> {
    let told = |error: &dyn fmt::Display| {
        format!("it does not tell: {error}. Is this the `http` port of a server, and open from here?")
    };
    let stream = TcpStream::connect(monitor.as_str()).await.map_err(|error| told(&error))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| told(&error))?;
    // Ends with the answer.
    tokio::spawn(connection);
    let request = http::Request::get("/varz").header(http::header::HOST, monitor.as_str());
    let request = request.body(Empty::<bytes::Bytes>::new()).map_err(|error| told(&error))?;
    let answer = sender.send_request(request).await.map_err(|error| told(&error))?;
    if answer.status() != http::StatusCode::OK {
        return Err(told(&answer.status()));
    }
    let body = Limited::new(answer.into_body(), MONITOR_BYTES_MAX).collect().await;
    let body = body.map_err(|error| told(&error))?.to_bytes();
    serde_json::from_slice(&body).map_err(|error| told(&error))
}
