//! Waiting for conditions, never for time to pass.

use std::fmt::Display;
use std::time::Duration;

use tokio::time::{self, Instant};

/// How long a condition may take to come true: far longer than it does, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often it is looked at.
const INTERVAL: Duration = Duration::from_millis(50);

/// Waits until a condition holds and gives what it found; otherwise fails with what it said last.
pub(crate) async fn eventually<T, E: Display>(
    what: &str,
    mut condition: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let begun = Instant::now();
    loop {
        let last = match time::timeout(PATIENCE, condition()).await {
            Ok(Ok(found)) => return found,
            Ok(Err(last)) => last.to_string(),
            Err(_) => "it could not even be looked at".to_owned(),
        };
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}; last: {last}");
        time::sleep(INTERVAL).await;
    }
}

#[tokio::test]
async fn a_condition_that_comes_true_gives_what_it_found() {
    let mut looked = 0;
    let found = eventually("the third look", async || {
        looked += 1;
        (looked == 3).then_some(looked).ok_or("not yet")
    })
    .await;
    assert_eq!(found, 3);
}
