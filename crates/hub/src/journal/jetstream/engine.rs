//! The servers: connecting to them, and what is asked of them before anything is written.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::context::{
    Context, ContextBuilder, GetStreamError, PublishAckFuture, PublishError,
};
use async_nats::jetstream::stream::{Config, Info, Stream};
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, ReconnectToServer, Server};
use sealpost_domain::link::Incarnation;
use tokio::sync::watch;

use super::demands::{self, Difference, INCARNATION, MESSAGE_BYTES_MIN, SERVER_MIN};
use super::settings::Settings;

/// How long the servers may take to be there when a hub starts.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// How long one answer of theirs may take.
pub(super) const ANSWER_PATIENCE: Duration = Duration::from_secs(3);
/// Between two attempts.
const ATTEMPTS_APART: Duration = Duration::from_millis(250);

/// Why the streams are not used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the configuration.
    #[error("[journal] {key}: {} is not usable", file.display())]
    File {
        /// What names it.
        key: &'static str,
        /// Which file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// No server answers.
    #[error(
        "[journal] servers: none of {servers} can be used: {reason}. Do they run, do they take the certificate or the credentials \
             of [journal], does a firewall let the hub through?"
    )]
    Connect {
        /// Those that were tried.
        servers: String,
        /// What the last one said.
        reason: String,
    },
    /// A server that is too old.
    #[error(
        "the NATS server {name} is of version {found}; expected is {}.{}.{} or later, since older ones can lose what they \
         acknowledged. Upgrade all servers of the cluster",
        SERVER_MIN.0, SERVER_MIN.1, SERVER_MIN.2
    )]
    Version {
        /// The server's name.
        name: String,
        /// Its version.
        found: String,
    },
    /// A server that takes small messages alone.
    #[error(
        "the NATS server {name} takes messages of {found} bytes; expected are {MESSAGE_BYTES_MIN} or more. Set \
             max_payload: 8MB in the configuration of all servers"
    )]
    MessageBytes {
        /// The server's name.
        name: String,
        /// Its `max_payload`.
        found: usize,
    },
    /// A stream cannot be made or found.
    #[error(
        "the stream {stream} cannot be used: {reason}. `sealpost-hub check` tells how the servers are; without an answer, look whether \
             most of them run, and whether the hub may publish what deploy/jetstream/nats.conf lists"
    )]
    Stream {
        /// Its name.
        stream: String,
        /// What the server said.
        reason: String,
    },
    /// A stream that is otherwise than it has to be.
    #[error(
        "the stream {stream} is not as the hub needs it: {}. Change it with `nats stream edit`, or name another journal in \
             [journal] name",
        list(differences)
    )]
    Differs {
        /// Its name.
        stream: String,
        /// What is otherwise.
        differences: Vec<Difference>,
    },
    /// A part of the journal is gone.
    #[error(
        "the stream {missing} is not there, and {present} is: what was on its way lay in it. Delete {present} too, with all hubs \
             stopped, or name another journal in [journal] name: a new life of the hub begins, and the nodes send again what is not \
             receipted"
    )]
    Torn {
        /// The stream that is gone.
        missing: String,
        /// The one that is left.
        present: String,
    },
    /// A stream that somebody else made.
    #[error(
        "the stream {stream} was not made by a Sealpost hub: it has no {INCARNATION}. Name another journal in [journal] name"
    )]
    Foreign {
        /// Its name.
        stream: String,
    },
}

fn list(differences: &[Difference]) -> String {
    let texts: Vec<String> = differences.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// The streams, and the connection to the servers. Clones share everything.
#[derive(Clone)]
pub(super) struct Engine {
    pub(super) client: Client,
    pub(super) context: Context,
    pub(super) settings: Arc<Settings>,
    pub(super) journal: Stream<()>,
    pub(super) bodies: Stream<()>,
    pub(super) snapshots: Stream<()>,
    /// Counts the connections that were made: whatever was under way on an older one may be lost.
    pub(super) connections: watch::Receiver<u64>,
}

/// What is known of the stream of entries when a hub starts.
pub(super) struct Found {
    pub(super) incarnation: Incarnation,
    /// The sequence of its last message.
    pub(super) last: u64,
}

impl Engine {
    /// Connects, and waits for the servers for a while.
    pub(super) async fn connect(settings: &Settings) -> Result<Self, Error> {
        check_files(settings)?;
        let begun = Instant::now();
        let (connected, connections) = watch::channel(0);
        let turn = Turn::begin();
        let (mut told, mut refusals) = (String::new(), 0);
        let client = loop {
            let error = match options(settings, connected.clone(), turn.clone())
                .await?
                .connect(&settings.servers)
                .await
            {
                Ok(client) => break client,
                Err(error) => error,
            };
            // Whoever is not let in by any of them is not let in later either.
            let is_refused = matches!(
                error.kind(),
                ConnectErrorKind::Tls
                    | ConnectErrorKind::Authentication
                    | ConnectErrorKind::AuthorizationViolation
            );
            refusals = if is_refused { refusals + 1 } else { 0 };
            if refusals >= settings.servers.len() || begun.elapsed() > START_PATIENCE {
                return Err(Error::Connect { servers: settings.addresses(), reason: error.to_string() });
            }
            let text = error.to_string();
            if text != told {
                tracing::warn!(
                    servers = settings.addresses(),
                    error = text,
                    "the journal's servers cannot be reached yet"
                );
                told = text;
            }
            tokio::time::sleep(ATTEMPTS_APART).await;
        };
        fit(&client)?;
        let builder = ContextBuilder::new();
        let context = match &settings.domain {
            Some(domain) => builder
                .domain(domain)
                .timeout(ANSWER_PATIENCE)
                .ack_timeout(ANSWER_PATIENCE)
                .build(client.clone()),
            None => builder.timeout(ANSWER_PATIENCE).ack_timeout(ANSWER_PATIENCE).build(client.clone()),
        };
        let handle = async |name: String| {
            context.get_stream_no_info(&name).await.map_err(|error| unusable(name, &error))
        };
        let (journal, bodies) = (handle(settings.journal()).await?, handle(settings.bodies()).await?);
        let snapshots = handle(settings.snapshots()).await?;
        Ok(Self {
            client,
            context,
            settings: Arc::new(settings.clone()),
            journal,
            bodies,
            snapshots,
            connections,
        })
    }

    /// Makes the streams if they are not there, and compares what is there with what is asked. The incarnation is that of a
    /// stream which is made now.
    pub(super) async fn prepare(&self, fresh: Incarnation) -> Result<Found, Error> {
        let settings = &*self.settings;
        self.whole().await?;
        self.made(demands::bodies(settings)).await?;
        self.made(demands::snapshots(settings)).await?;
        let wanted = demands::journal(settings, fresh);
        let info = self.made(wanted).await?;
        let stream = settings.journal();
        let incarnation = incarnation_of(&info.config).ok_or(Error::Foreign { stream })?;
        Ok(Found { incarnation, last: info.state.last_sequence })
    }

    /// Entries without a stream of bodies would wait for what nobody has.
    pub(super) async fn whole(&self) -> Result<(), Error> {
        let [present, missing] = [self.settings.journal(), self.settings.bodies()];
        // Whoever does not answer is waited for below.
        let is_torn = self.context.get_stream(&present).await.is_ok()
            && self.context.get_stream(&missing).await.is_err_and(|error| is_missing(&error));
        if is_torn { Err(Error::Torn { missing, present }) } else { Ok(()) }
    }

    /// A stream as it is, made if need be. Two hubs may make it at a time: then that of the first one counts.
    async fn made(&self, wanted: Config) -> Result<Info, Error> {
        let (begun, mut told) = (Instant::now(), String::new());
        let name = wanted.name.clone();
        loop {
            let refused = match self.found_or_made(&wanted).await {
                Ok(info) => {
                    let differences = demands::differences(&wanted, &info.config);
                    if differences.is_empty() {
                        return Ok(info);
                    }
                    return Err(Error::Differs { stream: name, differences });
                }
                Err(refused) => refused,
            };
            if begun.elapsed() > START_PATIENCE {
                return Err(Error::Stream { stream: name, reason: refused });
            }
            if refused != told {
                tracing::warn!(stream = name, reason = refused, "the journal's stream cannot be used yet");
                told = refused;
            }
            tokio::time::sleep(ATTEMPTS_APART).await;
        }
    }

    async fn found_or_made(&self, wanted: &Config) -> Result<Info, String> {
        match self.context.get_stream(&wanted.name).await {
            Ok(stream) => return Ok(stream.cached_info().clone()),
            Err(error) if is_missing(&error) => {}
            Err(error) => return Err(error.to_string()),
        }
        match self.context.create_stream(wanted.clone()).await {
            Ok(stream) => {
                tracing::warn!(stream = wanted.name, "the journal's stream was not there: made");
                Ok(stream.cached_info().clone())
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Which life of the hub a stream of entries is.
pub(super) fn incarnation_of(config: &Config) -> Option<Incarnation> {
    config.metadata.get(INCARNATION)?.parse().ok()
}

/// The sequence of a message that was published, once a server has acknowledged it.
pub(super) async fn acknowledged(
    published: Result<PublishAckFuture, PublishError>,
) -> Result<u64, PublishError> {
    Ok(published?.await?.sequence)
}

pub(super) fn is_missing(error: &GetStreamError) -> bool {
    use jetstream::context::GetStreamErrorKind::JetStream;
    matches!(error.kind(), JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

fn unusable(stream: String, error: &GetStreamError) -> Error {
    Error::Stream { stream, reason: error.to_string() }
}

/// The server that answers is one that is taken.
pub(super) fn fit(client: &Client) -> Result<(), Error> {
    let info = client.server_info();
    if demands::version(&info.version).is_none_or(|version| version < SERVER_MIN) {
        return Err(Error::Version { name: info.server_name, found: info.version });
    }
    if info.max_payload < MESSAGE_BYTES_MIN {
        return Err(Error::MessageBytes { name: info.server_name, found: info.max_payload });
    }
    Ok(())
}

async fn options(
    settings: &Settings,
    connected: watch::Sender<u64>,
    turn: Turn,
) -> Result<ConnectOptions, Error> {
    let mut options = ConnectOptions::new()
        .name("sealpost-hub")
        .request_timeout(Some(ANSWER_PATIENCE))
        .connection_timeout(ANSWER_PATIENCE)
        // Those that are configured, and no addresses that servers have inside.
        .ignore_discovered_servers()
        .ping_interval(Duration::from_secs(2))
        .reconnect_to_server_callback(move |servers, _| {
            let next = turn.next(servers);
            async move { next }
        })
        .event_callback(move |event| {
            let connected = connected.clone();
            async move {
                match event {
                    Event::Connected => connected.send_modify(|count| *count += 1),
                    // That it stays away is told once, by whoever watches it.
                    Event::ClientError(error) => {
                        tracing::debug!(%error, "connection to the journal's servers");
                    }
                    other => tracing::warn!(event = %other, "connection to the journal's servers"),
                }
            }
        });
    if settings.servers.iter().any(|server| server.starts_with("tls://")) {
        options = options.require_tls(true);
    }
    if let Some(ca) = &settings.ca {
        options = options.add_root_certificates(ca.clone()).require_tls(true);
    }
    if let Some((certificate, key)) = &settings.identity {
        options = options.add_client_certificate(certificate.clone(), key.clone()).require_tls(true);
    }
    match &settings.credentials {
        None => Ok(options),
        Some(file) => options.credentials_file(file).await.map_err(|source| Error::File {
            key: "credentials",
            file: file.clone(),
            source,
        }),
    }
}

/// The server whose turn it is: one after the other, since the one before may answer and be of no use, cut off from the others.
#[derive(Clone)]
struct Turn(Arc<Mutex<(usize, Option<Instant>)>>);

impl Turn {
    /// Begins anywhere: not all hubs at the same server.
    fn begin() -> Self {
        Self(Arc::new(Mutex::new((usize::from(rand::random::<u16>()), None))))
    }

    /// The next one; at once, unless another one was tried just before.
    fn next(&self, mut servers: Vec<Server>) -> Option<ReconnectToServer> {
        servers.sort_by_key(|server| format!("{:?}", server.addr));
        let mut turn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, last) = *turn;
        let server = servers.into_iter().cycle().nth(number % 64)?;
        *turn = (number.wrapping_add(1), Some(Instant::now()));
        let just_before = last.is_some_and(|last| last.elapsed() < 4 * ATTEMPTS_APART);
        let delay = if just_before { ATTEMPTS_APART } else { Duration::ZERO };
        Some(ReconnectToServer { addr: server.addr, delay: Some(delay) })
    }
}

/// The files are there, and nobody else can read those that are secret.
pub fn check_files(settings: &Settings) -> Result<(), Error> {
    let (certificate, key) = settings.identity.as_ref().map(|(certificate, key)| (certificate, key)).unzip();
    let (open, secret) = (
        [("ca", settings.ca.as_ref()), ("identity", certificate)],
        [("credentials", settings.credentials.as_ref()), ("identity", key)],
    );
    let files = open.map(|file| (file, false)).into_iter().chain(secret.map(|file| (file, true)));
    for ((key, file), is_secret) in files {
        let Some(file) = file else { continue };
        let refused = |source| Error::File { key, file: file.clone(), source };
        let mode = std::fs::metadata(file).map_err(refused)?.mode() & 0o7777;
        if is_secret && mode & 0o077 != 0 {
            let text = format!("its mode is {mode:04o}, and others can read it: chmod 600");
            return Err(refused(io::Error::other(text)));
        }
    }
    Ok(())
}
