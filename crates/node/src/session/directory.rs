//! Watching the directory: each new version is verified by the chain, recorded, and in force from then on; what the hub
//! shows instead of the next one is recorded too. Revocation lists hold at once.

use sealpost_crypto::directory::trust_set;
use sealpost_domain::statement::Signed;
use sealpost_proto::v1 as pb;
use sealpost_server::program::with_causes;
use sealpost_server::roots::Older;
use sealpost_wire::hub::{DirectoryNews, directory_news};
use tokio::sync::oneshot;
use tracing::warn;

use super::connection::Wire;
use super::{Ended, Session};
use crate::engine::Input;

/// Watches until the stream ends.
pub(super) async fn run(session: &Session, wire: &Wire) -> Result<(), Ended> {
    let after_version = installed(session);
    let mut client = wire.client();
    let answered = client.watch_directory(pb::WatchDirectoryRequest { after_version }).await;
    let mut updates = answered.map_err(|status| wire.failed(status))?.into_inner();
    while let Some(update) = updates.message().await.map_err(|status| wire.failed(status))? {
        let DirectoryNews { directory, crls, in_force } = directory_news(update)?;
        if let Some(directory) = directory {
            install(session, directory).await?;
        }
        if let Some(in_force) = in_force {
            let input = Input::HubDirectory { in_force };
            session.engine.send(input).await.map_err(|_| Ended::Stopping)?;
        }
        if let Err(error) = session.roots.take(&crls, Older::PassedOver) {
            warn!(reason = with_causes(&error), "a revocation list of the hub is not kept");
        }
    }
    Err(Ended::Protocol("WatchDirectory ended".to_owned()))
}

fn installed(session: &Session) -> u64 {
    session.shared.directory.borrow().as_ref().map_or(0, |directory| directory.version.version)
}

async fn install(session: &Session, signed: Signed) -> Result<(), Ended> {
    let (answer, installed) = oneshot::channel();
    let input = Input::Directory { signed, answer };
    session.engine.send(input).await.map_err(|_| Ended::Stopping)?;
    match installed.await.map_err(|_| Ended::Stopping)? {
        Ok(()) => {
            let directory = session.shared.directory.borrow().clone();
            match directory.map(|directory| trust_set(&directory)) {
                Some(Ok(set)) => session.roots.follow(set),
                Some(Err(error)) => warn!(%error, "the roots of the new directory are not usable"),
                None => {}
            }
            Ok(())
        }
        Err(refused) => Err(Ended::Protocol(refused)),
    }
}
