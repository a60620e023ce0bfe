//! What of that which waits goes into a round: FLASH first, and little beside it, since it waits for all of its round.

use sealpost_server::pool::Lane;
use tokio::sync::mpsc;

use super::input::Input;
use crate::queue;

/// How much one round takes of a lane, beside the input that begins it.
const ROUND: Amount = Amount { inputs: 256, bytes: 4 << 20 };
/// How much of other mail it takes beside FLASH: so much always, so that FLASH stops none of it.
const BESIDE_FLASH: Amount = Amount { inputs: 16, bytes: 256 << 10 };

#[derive(Clone, Copy)]
struct Amount {
    inputs: usize,
    bytes: usize,
}

/// The inputs of the round that begins with one of a lane, or with none.
pub(super) fn round(first: Option<(Lane, Input)>, waiting: &mut queue::Receiver<Input>) -> Vec<Input> {
    let mut inputs = Vec::new();
    let mut has_flash = false;
    if let Some((lane, input)) = first {
        has_flash = lane == Lane::Express;
        inputs.push(input);
    }
    has_flash |= take(ROUND, &mut waiting.express, &mut inputs) > 0;
    take(if has_flash { BESIDE_FLASH } else { ROUND }, &mut waiting.ordinary, &mut inputs);
    inputs
}

/// Takes what waits, at most so much, or one too large. How many those were.
fn take(at_most: Amount, waiting: &mut mpsc::Receiver<Input>, inputs: &mut Vec<Input>) -> usize {
    // What follows a version of the directory is judged by it: in the next round.
    let changes = |input: &Input| matches!(input, Input::Directory { .. });
    let (mut count, mut bytes) = (0, 0);
    while count < at_most.inputs && bytes < at_most.bytes && !inputs.last().is_some_and(changes) {
        let Ok(input) = waiting.try_recv() else { break };
        count += 1;
        bytes += input.bytes();
        inputs.push(input);
    }
    count
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sealpost_domain::link::Incarnation;
    use sealpost_domain::message::Priority;
    use sealpost_domain::statement::Signed;
    use tokio::sync::oneshot;

    use super::*;

    /// An input that can be told from others.
    fn numbered(number: u8) -> Input {
        Input::HubReset { hub: Incarnation([number; 16]) }
    }

    fn number(input: &Input) -> u8 {
        match input {
            Input::HubReset { hub } => hub.0[0],
            _ => panic!("another one"),
        }
    }

    async fn put(into: &mpsc::Sender<Input>, numbers: std::ops::Range<u8>) {
        for input in numbers.map(numbered) {
            assert!(into.send(input).await.is_ok());
        }
    }

    #[tokio::test]
    async fn flash_comes_before_all_that_waited_and_takes_little_of_it_along() {
        let (queue, mut waiting) = queue::queue(256);
        put(queue.ordinary(), 100..200).await;
        put(queue.for_mail(Priority::Flash), 0..3).await;
        let first = waiting.recv().await;
        let taken: Vec<u8> = round(first, &mut waiting).iter().map(number).collect();
        assert_eq!(taken, [0, 1, 2].into_iter().chain(100..116).collect::<Vec<_>>());
        let taken: Vec<u8> = round(None, &mut waiting).iter().map(number).collect();
        assert_eq!(taken, (116..200).collect::<Vec<_>>());
        drop(queue);
        assert!(waiting.recv().await.is_none());
    }

    #[tokio::test]
    async fn however_much_flash_waits_the_others_go_on() {
        let (queue, mut waiting) = queue::queue(1024);
        for _ in 0..4 {
            put(queue.for_mail(Priority::Flash), 0..255).await;
        }
        put(queue.ordinary(), 254..255).await;
        let inputs = round(None, &mut waiting);
        assert_eq!((inputs.len(), number(inputs.last().unwrap())), (257, 254));
    }

    #[tokio::test]
    async fn nothing_follows_a_version_of_the_directory_in_its_round() {
        let (queue, mut waiting) = queue::queue(8);
        let signed = Signed { payload: Bytes::new(), signatures: Vec::new() };
        let (answer, _) = oneshot::channel();
        assert!(queue.express().send(Input::Directory { signed, answer }).await.is_ok());
        put(queue.ordinary(), 1..2).await;
        let first = waiting.recv().await;
        put(queue.for_mail(Priority::Flash), 0..1).await;
        assert_eq!(round(first, &mut waiting).len(), 1);
        let first = waiting.recv().await;
        assert_eq!(round(first, &mut waiting).iter().map(number).collect::<Vec<_>>(), [0, 1]);
    }
}
