//! Watching the directory: each new version is verified by the chain, recorded, and in force from then on; what the hub
//! shows instead of the next one is recorded too, and no traffic stops for it. Revocation lists hold at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use sealpost_crypto::digest::sha256;
use sealpost_crypto::directory::trust_set;
use sealpost_domain::digest::Digest;
use sealpost_domain::directory::Directory;
use sealpost_domain::statement::Signed;
use sealpost_proto::v1 as pb;
use sealpost_server::clock::Clock;
use sealpost_server::program::with_causes;
use sealpost_server::roots::{Older, Roots};
use sealpost_wire::hub::{DirectoryNews, directory_news};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::warn;

use super::connection::Wire;
use super::pauses::Pauses;
use super::{Ended, Session};
use crate::core::NotInstalled;
use crate::engine::Input;
use crate::own_keys::{OwnKeys, Unlisted};

/// How many versions that are not believed one connection may show: each is verified by the one writer.
const UNBELIEVED_MAX: usize = 16;

/// Watches until the connection ends.
pub(super) async fn run(session: &Session, wire: &Wire) -> Result<(), Ended> {
    let mut pauses = Pauses::new(session, "WatchDirectory");
    while let Err(ended) = listen(session, wire, &mut pauses).await {
        pauses.sit_out(ended).await?;
    }
    Ok(())
}

/// Watches until the stream ends.
async fn listen(session: &Session, wire: &Wire, pauses: &mut Pauses) -> Result<(), Ended> {
    let directory = session.shared.directory.subscribe();
    let (own, clock) = (&session.settings.own_keys, &session.shared.clock);
    let mut watching = Watching::new(session.engine.express(), &session.roots, directory, own, clock);
    let after_version = watching.in_force().map_or(0, |directory| directory.version.version);
    let mut client = wire.client();
    let answered = client.watch_directory(pb::WatchDirectoryRequest { after_version }).await;
    let mut updates = answered.map_err(|status| wire.failed(status))?.into_inner();
    while let Some(update) = updates.message().await.map_err(|status| wire.failed(status))? {
        pauses.over();
        watching.hear(directory_news(update)?).await?;
    }
    Err(Ended::Protocol("WatchDirectory ended".to_owned()))
}

/// What one connection shows of the directory.
struct Watching<'a> {
    engine: &'a mpsc::Sender<Input>,
    roots: &'a Roots,
    directory: watch::Receiver<Option<Arc<Directory>>>,
    own: &'a OwnKeys,
    clock: &'a Clock,
    /// What this node lacks by the last version that came.
    unlisted: Option<Unlisted>,
    /// What it showed and was not believed: not judged twice.
    unbelieved: BTreeSet<Digest>,
}

impl<'a> Watching<'a> {
    fn new(
        engine: &'a mpsc::Sender<Input>,
        roots: &'a Roots,
        directory: watch::Receiver<Option<Arc<Directory>>>,
        own: &'a OwnKeys,
        clock: &'a Clock,
    ) -> Self {
        Self { engine, roots, directory, own, clock, unlisted: None, unbelieved: BTreeSet::new() }
    }

    fn in_force(&self) -> Option<Arc<Directory>> {
        self.directory.borrow().clone()
    }

    async fn hear(&mut self, news: DirectoryNews) -> Result<(), Ended> {
        let DirectoryNews { directory, crls, in_force } = news;
        // Whoever is revoked is out whether or not the version is believed; only lists of roots that it brings in must wait.
        let (now, later): (Vec<_>, Vec<_>) = crls.into_iter().partition(|list| self.roots.knows_signer(list));
        self.take(&now);
        if let Some(directory) = directory {
            self.install(directory).await?;
        }
        if let Some(in_force) = in_force {
            let input = Input::HubDirectory { in_force };
            self.engine.send(input).await.map_err(|_| Ended::Stopping)?;
        }
        self.take(&later);
        Ok(())
    }

    fn take(&self, lists: &[Bytes]) {
        if let Err(error) = self.roots.take(lists, Older::PassedOver) {
            warn!(reason = with_causes(&error), "a revocation list of the hub is not kept");
        }
    }

    async fn install(&mut self, signed: Signed) -> Result<(), Ended> {
        let digest = sha256(&signed.payload);
        if self.unbelieved.contains(&digest) {
            return Ok(());
        }
        let (answer, installed) = oneshot::channel();
        let input = Input::Directory { signed, answer };
        self.engine.send(input).await.map_err(|_| Ended::Stopping)?;
        match installed.await.map_err(|_| Ended::Stopping)? {
            Ok(()) => {
                if let Some(directory) = self.in_force() {
                    self.follow(&directory);
                }
                Ok(())
            }
            Err(unbelieved @ NotInstalled::NotBelieved(_)) if self.unbelieved.len() < UNBELIEVED_MAX => {
                warn!(error = %unbelieved, "the hub shows a directory that is not believed; the one before stays in force");
                self.unbelieved.insert(digest);
                Ok(())
            }
            Err(NotInstalled::NotBelieved(fault)) => Err(Ended::Protocol(format!(
                "more than {UNBELIEVED_MAX} versions of the directory are not believed, the last one: {fault}"
            ))),
            // The next connection asks for it again.
            Err(not_now @ (NotInstalled::Busy | NotInstalled::NoSpace)) => {
                Err(Ended::Own(not_now.to_string()))
            }
        }
    }
}

impl Watching<'_> {
    /// A version is in force: its roots are, and this node may need a key that it does not run with.
    fn follow(&mut self, directory: &Directory) {
        match trust_set(directory) {
            Ok(set) => self.roots.follow(set),
            Err(error) => warn!(%error, "the roots of the new directory are not usable"),
        }
        self.unlisted = self.own.judge(directory, self.clock.now()).err();
        if let Some(unlisted) = &self.unlisted {
            warn!(
                %unlisted,
                "the new directory and the keys of this node do not fit: give it the key that is named, and restart it"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sealpost_crypto::chains::{self, NOW, Root};
    use sealpost_crypto::dsse::Signer as _;
    use sealpost_domain::envelope::DirectoryVersion;
    use sealpost_domain::identity::NetworkName;

    use super::*;
    use crate::fixture::{Network, agency};

    /// A writer that believes no version; it tells the lists that held when each was shown, and what else it was told.
    async fn disbelieves(
        mut inputs: mpsc::Receiver<Input>,
        roots: Arc<Roots>,
    ) -> (Vec<Vec<Bytes>>, Vec<DirectoryVersion>) {
        let (mut shown, mut in_force) = (Vec::new(), Vec::new());
        while let Some(input) = inputs.recv().await {
            match input {
                Input::Directory { answer, .. } => {
                    shown.push(roots.lists());
                    answer.send(Err(NotInstalled::NotBelieved("a fork".to_owned()))).unwrap();
                }
                Input::HubDirectory { in_force: told } => in_force.push(told),
                _ => panic!("nothing else is told"),
            }
        }
        (shown, in_force)
    }

    fn roots(root: &Root, folder: &std::path::Path) -> Arc<Roots> {
        std::fs::write(folder.join("HK.crl"), root.crl(&[])).unwrap();
        let network = NetworkName::parse(chains::NETWORK).unwrap();
        let mut set = sealpost_crypto::trust::TrustSet::new(network);
        set.add_root(root.holder, &root.certificate).unwrap();
        let kept = folder.join("kept");
        Arc::new(Roots::open(set, &[root.holder], folder, &kept, Clock::new(|| NOW)).unwrap())
    }

    /// The keys of Hong Kong's node, and no sealing key.
    fn own_keys() -> OwnKeys {
        let signing = Network::new().nodes()[0].signing.key_id();
        OwnKeys { agency: agency("HK-CED"), signing, sealing: Vec::new() }
    }

    #[tokio::test]
    async fn a_key_that_a_new_version_lists_and_the_node_does_not_run_with_is_told_at_once() {
        let (folder, hk) = (tempfile::tempdir().unwrap(), Root::new("HK"));
        let roots = roots(&hk, folder.path());
        let (engine, mut inputs) = mpsc::channel(4);
        let (directories, directory) = watch::channel(None);
        let writer = tokio::spawn(async move {
            while let Some(input) = inputs.recv().await {
                let Input::Directory { answer, .. } = input else { panic!("nothing else is told") };
                directories.send_replace(Some(Arc::new(Network::new().directory)));
                answer.send(Ok(())).unwrap();
            }
        });
        let clock = Clock::new(|| NOW);
        let listed = Network::new().directory.agencies[&agency("HK-CED")].sealing_keys[0].key.id;
        let lacking = own_keys();
        let complete = OwnKeys { sealing: vec![listed], ..lacking.clone() };
        for (own, unlisted) in
            [(&lacking, Some(Unlisted::Sealing { key: listed, version: 1 })), (&complete, None)]
        {
            let mut watching = Watching::new(&engine, &roots, directory.clone(), own, &clock);
            let news = DirectoryNews { directory: Some(version(1)), crls: Vec::new(), in_force: None };
            watching.hear(news).await.unwrap();
            assert_eq!(watching.unlisted, unlisted);
        }
        drop(engine);
        writer.await.unwrap();
    }

    fn version(number: u8) -> Signed {
        Signed { payload: Bytes::from(vec![number]), signatures: Vec::new() }
    }

    #[tokio::test]
    async fn a_version_that_is_not_believed_ends_no_connection_and_its_lists_hold_all_the_same() {
        let (folder, hk, other) = (tempfile::tempdir().unwrap(), Root::new("HK"), Root::new("TH"));
        let roots = roots(&hk, folder.path());
        let (engine, inputs) = mpsc::channel(4);
        let writer = tokio::spawn(disbelieves(inputs, Arc::clone(&roots)));
        let (_directories, directory) = watch::channel(None);
        let (own, clock) = (own_keys(), Clock::new(|| NOW));
        let mut watching = Watching::new(&engine, &roots, directory, &own, &clock);

        let later = NOW.plus(Duration::from_mins(1));
        let list = Bytes::from(hk.crl_between(&[], later, later.plus(Duration::from_hours(1))));
        let in_force = Some(DirectoryVersion { version: 2, digest: Digest::ZERO });
        // One of a root that the version would have brought in.
        let crls = vec![Bytes::from(other.crl(&[])), list.clone()];
        let news = |number, crls| DirectoryNews { directory: Some(version(number)), crls, in_force };
        watching.hear(news(0, crls)).await.unwrap();
        watching.hear(news(0, Vec::new())).await.unwrap();
        for number in 1..u8::try_from(UNBELIEVED_MAX).unwrap() {
            watching.hear(news(number, Vec::new())).await.unwrap();
        }
        let ended = watching.hear(news(u8::MAX, Vec::new())).await.unwrap_err();
        assert!(matches!(&ended, Ended::Protocol(fault) if fault.ends_with("a fork")), "{ended}");
        drop(engine);
        let (shown, told) = writer.await.unwrap();
        assert_eq!(shown.len(), UNBELIEVED_MAX + 1, "the same one is not judged twice");
        assert_eq!(shown[0], [list], "the list holds before the version is judged");
        assert_eq!(told.len(), UNBELIEVED_MAX + 1, "the rest of the news is heard");
    }
}
