//! Real `nats-server` processes on this machine: one, or a cluster, whose members can be stopped, killed, and lose their disk.
//!
//! Servers listen on loopback, sync before they acknowledge, and end with their value.

use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rand::RngExt as _;
use rustix::process::{Pid, Signal, kill_process};

/// The names of a cluster's servers.
pub const NAMES: [&str; 3] = ["one", "two", "three"];
/// The name of a cluster.
const CLUSTER: &str = "sealpost-test";

/// One server, running or not.
pub struct Server {
    program: PathBuf,
    config: PathBuf,
    store: PathBuf,
    log: PathBuf,
    port: u16,
    child: Option<Child>,
}

/// How servers are to be.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Further lines of the configuration.
    pub lines: String,
    /// Further lines of its section `cluster`.
    pub cluster: String,
    /// The largest message; 8 MB when it is not said.
    pub max_payload: Option<String>,
    /// Lines of its section `jetstream`; without any, they sync before they acknowledge.
    pub jetstream: Option<String>,
}

/// Where the program is, as `NATS_SERVER` says.
pub fn program() -> Option<PathBuf> {
    std::env::var_os("NATS_SERVER").map(PathBuf::from)
}

impl Server {
    /// Starts one server by itself, which works in a folder.
    pub fn start(program: &Path, folder: &Path, options: &Options) -> io::Result<Self> {
        let [port] = free_ports()?;
        let mut server = Self::write(program, folder, NAMES[0], port, "", options)?;
        server.resume()?;
        Ok(server)
    }

    /// Starts a cluster of three, each in a folder of its own.
    pub fn cluster(program: &Path, folder: &Path, options: &Options) -> io::Result<[Self; 3]> {
        let ports: [u16; 6] = free_ports()?;
        let known: Vec<String> = ports[3..].iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        Self::cluster_over(program, folder, options, ports, [&known, &known, &known])
    }

    /// The same, on these ports (for clients, and for the servers), where each has a way of its own to the others.
    pub fn cluster_over(
        program: &Path,
        folder: &Path,
        options: &Options,
        ports: [u16; 6],
        ways: [&[String]; 3],
    ) -> io::Result<[Self; 3]> {
        let start = |number: usize| {
            let name = NAMES[number];
            let (port, route, ways) = (ports[number], ports[number + 3], ways[number].join(", "));
            let lines = format!(
                "cluster {{ name: {CLUSTER}\n no_advertise: true\n {}\n listen: \"127.0.0.1:{route}\"\n \
                 routes: [{ways}] }}\n",
                options.cluster
            );
            let mut server = Self::write(program, &folder.join(name), name, port, &lines, options)?;
            server.resume()?;
            Ok::<_, io::Error>(server)
        };
        Ok([start(0)?, start(1)?, start(2)?])
    }

    /// One with a configuration of its own, in which clients connect to this port. It stores where that says.
    pub fn configured(program: &Path, folder: &Path, text: &str, port: u16) -> io::Result<Self> {
        let (config, store, log) = (folder.join("nats.conf"), folder.join("store"), folder.join("nats.log"));
        std::fs::create_dir_all(folder)?;
        std::fs::write(&config, text)?;
        let mut server = Self { program: program.to_owned(), config, store, log, port, child: None };
        server.resume()?;
        Ok(server)
    }

    fn write(
        program: &Path,
        folder: &Path,
        name: &str,
        port: u16,
        cluster: &str,
        options: &Options,
    ) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let (config, store, log) = (folder.join("nats.conf"), folder.join("store"), folder.join("nats.log"));
        let jetstream = options.jetstream.as_deref().unwrap_or("sync_interval: always");
        let text = format!(
            "server_name: {name}\nlisten: \"127.0.0.1:{port}\"\nmax_payload: {}\n\
             jetstream {{ store_dir: {:?}\n {jetstream} }}\n{cluster}{}",
            options.max_payload.as_deref().unwrap_or("8MB"),
            store.display().to_string(),
            options.lines
        );
        std::fs::write(&config, text)?;
        Ok(Self { program: program.to_owned(), config, store, log, port, child: None })
    }

    /// Asks it to end, and waits until it has.
    pub fn terminate(&mut self) -> io::Result<()> {
        self.signal(Signal::TERM)?;
        if let Some(mut child) = self.child.take() {
            child.wait()?;
        }
        Ok(())
    }

    /// Where clients connect.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The port on which clients connect.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills it at once.
    pub fn kill(&mut self) -> io::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Starts it again on what it has.
    pub fn resume(&mut self) -> io::Result<()> {
        self.kill()?;
        let log = std::fs::File::options().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(&self.config);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn()?);
        Ok(())
    }

    /// Stops it in the midst of what it does, as a machine that hangs.
    pub fn pause(&self) -> io::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on.
    pub fn go_on(&self) -> io::Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        let id =
            self.child.as_ref().map(Child::id).and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let id = id.ok_or_else(|| io::Error::other("the server does not run"))?;
        Ok(kill_process(id, signal)?)
    }

    /// Takes away everything that it stored. It must not run.
    pub fn wipe(&self) -> io::Result<()> {
        std::fs::remove_dir_all(&self.store)
    }

    /// Where it stores, to keep a copy or to put one back while it does not run.
    pub fn store(&self) -> &Path {
        &self.store
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing can be done about a process that cannot be ended.
        let _ = self.kill();
    }
}

/// Below those that the system gives to outgoing connections, so that none of them takes a port while its server is down.
const PORTS: std::ops::Range<u16> = 8_000..12_000;

/// Ports that nobody listens on.
pub fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    let mut held: Vec<TcpListener> = Vec::new();
    for _ in 0..1000 {
        if held.len() == N {
            break;
        }
        // Held until all are found, so that they differ.
        held.extend(TcpListener::bind(("127.0.0.1", rand::rng().random_range(PORTS))));
    }
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.local_addr()?.port();
    }
    if held.len() < N { Err(io::Error::other("too few free ports")) } else { Ok(ports) }
}
