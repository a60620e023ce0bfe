//! The demonstration from its beginning to its end: network, play, receipts, checks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use sealpost_admin::roster::Roster;
use sealpost_client::gateway::Gateway;
use sealpost_demo::evidence;
use sealpost_demo::history::{self, Difference, Found};
use sealpost_demo::network::{self, Caller, Programs, Running};
use sealpost_demo::operation::Operation;
use sealpost_demo::play::{Deviation, Event, Play, States, settle};
use sealpost_demo::verify::{self, Verdict, Verified};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::message::MessageId;
use sealpost_domain::stats::Period;
use sealpost_domain::view::DeliveryState;
use tokio::time::{self, Instant};

use crate::arguments::{Arguments, Sabotage};
use crate::screen::{Bar, Screen};
use crate::summary::Summary;

const ROSTER: &str = include_str!("../../../certs/roster.toml");
/// How long a node's checkpoint may take to cover its ledger, and how often that is looked at.
const COVERED_PATIENCE: Duration = Duration::from_secs(30);
const COVERED_LOOK: Duration = Duration::from_millis(50);
/// How long the hub stays away when it was killed.
const HUB_AWAY: Duration = Duration::from_secs(2);

/// A demonstration whose network runs.
pub(crate) struct Show {
    pub(crate) running: Running,
    pub(crate) folder: PathBuf,
    screen: Screen,
    operation: Arc<Operation>,
    gateways: BTreeMap<AgencyId, Gateway>,
}

/// What was published, and what happened on the way.
#[derive(Default)]
struct Played {
    /// By place in the operation.
    published: BTreeMap<usize, MessageId>,
    by_sender: BTreeMap<AgencyId, Vec<MessageId>>,
    names: BTreeMap<MessageId, String>,
    arrived: usize,
    hub_away: Option<Away>,
}

/// How the hub was away.
#[derive(Clone)]
pub(crate) struct Away {
    /// After how many messages it was killed.
    pub(crate) after: usize,
    /// For how long.
    pub(crate) duration: Duration,
    /// How many messages were published meanwhile.
    pub(crate) meanwhile: usize,
}

/// What the checks gave.
pub(crate) struct Checked {
    pub(crate) differences: Vec<Difference>,
    pub(crate) summary: Summary,
}

impl Show {
    /// Makes the network and starts it.
    pub(crate) async fn open(arguments: &Arguments, folder: &Path) -> anyhow::Result<Self> {
        let screen = Screen::new();
        let mut operation = Operation::sample().context("the sample operation cannot be read")?;
        let agencies: Option<BTreeSet<AgencyId>> =
            (!arguments.agencies.is_empty()).then(|| arguments.agencies.iter().cloned().collect());
        if let Some(agencies) = &agencies {
            operation = operation.among(agencies);
        }
        let roster = Roster::parse(ROSTER, Path::new("certs/roster.toml"))?;
        let programs = Programs::beside_this_one()?;
        let count = agencies.as_ref().map_or(roster.agencies.len(), BTreeSet::len);
        screen.step(&format!("making a network of {count} agencies in {}", folder.display()));
        let network = network::make(&roster, &folder.join("network"), agencies)?;
        let mut running = Running::start(network, programs, folder)?;
        let agencies: Vec<AgencyId> = running.agencies().cloned().collect();
        let bar = screen.bar(count + 1, "programs ready");
        let mut gateways = BTreeMap::new();
        for agency in agencies {
            gateways.insert(agency.clone(), running.gateway(&agency, Caller::System).await?);
            bar.set(gateways.len());
        }
        running.connected(&gateways).await?;
        bar.end();
        screen.step(&format!("the hub and {count} nodes are ready and connected"));
        Ok(Self { running, folder: folder.to_owned(), screen, operation: Arc::new(operation), gateways })
    }

    /// Plays, waits for receipts, and checks.
    pub(crate) async fn run(&mut self, arguments: &Arguments) -> anyhow::Result<Checked> {
        let played = self.play(arguments).await?;
        let states = self.receipts(&played).await?;
        if arguments.sabotage == Some(Sabotage::Flip) {
            self.flip_a_byte().await?;
        }
        self.check(&played, states).await
    }

    async fn play(&mut self, arguments: &Arguments) -> anyhow::Result<Played> {
        let deviation = match arguments.sabotage {
            Some(Sabotage::Drop) => Some(Deviation::Drop),
            Some(Sabotage::Double) => Some(Deviation::Double),
            Some(Sabotage::Misroute) => Some(Deviation::Misroute),
            Some(Sabotage::Flip) | None => None,
        };
        let total = self.operation.messages.len();
        self.screen.step(&format!("playing {total} messages"));
        let bar = self.screen.bar(total, "messages published");
        let mut played = Played::default();
        let mut play = Play::begin(&self.operation, &self.gateways, deviation.as_ref());
        let mut hub_back_at: Option<Instant> = None;
        loop {
            let back_at = hub_back_at.unwrap_or_else(Instant::now);
            tokio::select! {
                event = play.next() => match event? {
                    Some(event) => played.take(event, &self.operation, &bar),
                    None if hub_back_at.is_none() => break,
                    None => {}
                },
                () = time::sleep_until(back_at), if hub_back_at.is_some() => {
                    self.running.hub.start()?;
                    hub_back_at = None;
                    played.hub_is_back(&bar);
                }
            }
            if arguments.hub_restart && played.hub_away.is_none() && played.published.len() * 2 >= total {
                self.running.hub.kill().await?;
                hub_back_at = Some(Instant::now() + HUB_AWAY);
                played.hub_is_away(&bar);
            }
        }
        play.end().await?;
        bar.end();
        self.running.alive()?;
        self.screen.step(&format!(
            "{} messages published, {} arrived",
            played.published.len(),
            played.arrived
        ));
        Ok(played)
    }

    async fn receipts(&self, played: &Played) -> anyhow::Result<States> {
        let bar = self.screen.bar(played.arrived, "receipts back at their senders");
        let states = settle(&self.gateways, &played.by_sender, |settled| bar.set(settled)).await?;
        bar.end();
        Ok(states)
    }

    async fn check(&self, played: &Played, mut states: States) -> anyhow::Result<Checked> {
        self.screen.step("checking ledgers, receipts and figures");
        let members: Vec<AgencyId> = self.gateways.keys().cloned().collect();
        let expected = evidence::expected(&self.operation, &played.published, &members);
        let bar = self.screen.bar(members.len(), "ledgers verified");
        let (mut found, mut verified) = (BTreeMap::new(), Vec::new());
        for agency in &members {
            let (at_agency, whole) =
                self.found(agency, played, states.remove(agency).unwrap_or_default()).await?;
            found.insert(agency.clone(), at_agency);
            verified.extend(whole);
            bar.set(found.len());
        }
        bar.end();
        let differences = history::differences(&expected, &found);
        let summary =
            Summary::new(&expected, &found, &verified, played.hub_away.clone(), self.screen.elapsed());
        Ok(Checked { differences, summary })
    }

    /// What there is at one agency, and what its own program says about its ledger.
    async fn found(
        &self,
        agency: &AgencyId,
        played: &Played,
        states: BTreeMap<MessageId, BTreeMap<AgencyId, DeliveryState>>,
    ) -> anyhow::Result<(Found, Option<Verified>)> {
        let listed = self.running.network.agency(agency.as_str());
        let listed = listed.with_context(|| format!("{agency} is not in the network"))?;
        let ledger = evidence::ledger_folder(&listed.data);
        let (mut records, unreadable) =
            tokio::task::spawn_blocking(move || evidence::records(&ledger)).await?;
        let gateway = self.gateways.get(agency).with_context(|| format!("{agency} has no gateway"))?;
        evidence::name_copies(&mut records, gateway, &self.operation, &played.published).await;
        let (verified, fault) = match verify::verify(&self.running.programs().node, &listed.config).await? {
            Verdict::Holds(verified) => (Some(verified), unreadable),
            Verdict::Fails(fault) => (None, Some(fault)),
        };
        // Systems hand in and take over; figures are for officers and auditors.
        let officer = Gateway::connect(&self.running.profile(agency, Caller::Officer)?).await?;
        let figures = match officer.stats(Period::default()).await {
            Ok(figures) => Some(figures),
            // A node whose ledger is damaged may be unable to give any.
            Err(_) if fault.is_some() => None,
            Err(error) => return Err(error).with_context(|| format!("{agency} gave no figures")),
        };
        Ok((Found { records, fault, states, figures }, verified))
    }

    /// Commands to try, one for each role, in a network that is left running.
    pub(crate) fn commands(&self) -> anyhow::Result<String> {
        let (network, programs) = (&self.running.network, self.running.programs());
        let Some(lead) = network.agencies.first() else { bail!("the network has no agencies") };
        let officer = lead.profile.as_deref().context("the lead has no officer")?.display();
        let sealpost = programs.officer.display();
        let (node, config) = (programs.node.display(), lead.config.display());
        let hub = self.running.hub.process().map_or_else(|| "PID".to_owned(), |id| id.to_string());
        let log = self.folder.join("logs").join("hub.log");
        Ok(format!(
            "The network is running in {folder}. To try, in another terminal:\n\n\
             officer of {id}: look at the mail, at the figures, at the node\n  \
               {sealpost} --profile {officer} inbox --limit 10\n  \
               {sealpost} --profile {officer} stats\n  \
               {sealpost} --profile {officer} status\n\n\
             agency system of {id}: send an alert of your own\n  \
               {sealpost} example suspect_shipment > alert.json\n  \
               {sealpost} --profile {officer} send alert.json\n\n\
             auditor of {id}: verify the ledger\n  \
               {node} --config {config} ledger verify\n\n\
             operator of the hub: stop it in order, and see what it said\n  \
               kill -TERM {hub}; cat {log}\n\n\
             Ctrl-C here stops everything; the folder stays.",
            folder = self.folder.display(),
            id = lead.id,
            log = log.display(),
        ))
    }

    /// Changes one byte in the middle of the lead's ledger, as a bad disk or a bad operator would.
    async fn flip_a_byte(&self) -> anyhow::Result<()> {
        let Some(listed) = self.running.network.agencies.first() else {
            bail!("the network has no agencies")
        };
        // The node reads its records once more for the tree, and would end by itself on one that is damaged.
        let begun = Instant::now();
        while !evidence::is_covered(&listed.data) {
            if begun.elapsed() > COVERED_PATIENCE {
                bail!("the checkpoint in {} does not come to cover the ledger", listed.data.display());
            }
            time::sleep(COVERED_LOOK).await;
        }
        let folder = evidence::ledger_folder(&listed.data);
        let mut segments: Vec<PathBuf> = fs::read_dir(&folder)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "seg"))
            .collect();
        segments.sort();
        let segment = segments.first().with_context(|| format!("no segments in {}", folder.display()))?;
        let file = File::options().read(true).write(true).open(segment)?;
        let middle = file.metadata()?.len() / 2;
        let mut byte = [0];
        file.read_exact_at(&mut byte, middle)?;
        file.write_all_at(&[byte[0] ^ 1], middle)?;
        Ok(())
    }
}

impl Played {
    fn take(&mut self, event: Event, operation: &Operation, bar: &Bar) {
        match event {
            Event::Published { place, published } => {
                if let Some((place, message)) =
                    place.and_then(|place| Some((place, operation.messages.get(place)?)))
                {
                    self.published.insert(place, published.id);
                    self.names.insert(published.id, message.reference.clone());
                    self.by_sender.entry(message.from.clone()).or_default().push(published.id);
                }
                bar.set(self.published.len());
            }
            Event::Arrived { at, message } => {
                self.arrived += 1;
                // An arrival may be told before its publication.
                let name = self.names.get(&message.id).cloned().unwrap_or_else(|| message.id.to_string());
                bar.arrived(&at, &name, &message);
            }
        }
    }

    fn hub_is_away(&mut self, bar: &Bar) {
        let after = self.published.len();
        bar.note(&format!("hub killed after {after} messages"));
        self.hub_away = Some(Away { after, duration: HUB_AWAY, meanwhile: 0 });
    }

    fn hub_is_back(&mut self, bar: &Bar) {
        if let Some(away) = &mut self.hub_away {
            away.meanwhile = self.published.len() - away.after;
            bar.note(&format!("hub started again; {} messages were published meanwhile", away.meanwhile));
        }
    }
}
