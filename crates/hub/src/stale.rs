//! A directory that ends without a successor: told in the log, again and again, until a later one is in force.

use std::time::Duration;

use sealpost_domain::directory::Directory;
use sealpost_domain::instant::{CLOCK_TOLERANCE, Instant};
use sealpost_server::clock::Clock;

use crate::view::View;

const TOLD_EVERY: Duration = Duration::from_hours(1);

/// Tells it for as long as the hub runs.
pub(crate) async fn warn(view: &View, clock: &Clock) {
    loop {
        if let Some(version) = stale(view.directory().as_deref(), clock.now()) {
            tracing::warn!(
                version,
                "the directory is no longer valid: the authority has to publish a later one"
            );
        }
        tokio::time::sleep(TOLD_EVERY).await;
    }
}

/// The version of a directory that is no longer valid.
fn stale(directory: Option<&Directory>, now: Instant) -> Option<u64> {
    let directory = directory?;
    (directory.valid_until.plus(CLOCK_TOLERANCE) < now).then_some(directory.version.version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Network;

    #[test]
    fn a_directory_is_stale_from_its_end_on_give_or_take_what_clocks_may_differ() {
        let network = Network::new();
        let directory = sealpost_crypto::directory::verify(&network.genesis(), None).unwrap();
        let end = directory.valid_until.plus(CLOCK_TOLERANCE);
        assert_eq!(stale(Some(&directory), end), None);
        assert_eq!(stale(Some(&directory), end.plus(Duration::from_millis(1))), Some(1));
        assert_eq!(stale(None, end), None);
    }
}
