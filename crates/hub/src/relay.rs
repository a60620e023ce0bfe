//! Control frames on their way between nodes. Nothing is promised but bounds: whoever needs a statement to arrive
//! repeats it.
//!
//! Every agency has a mailbox. While its node is connected, frames queue there in order; while it is away, or when
//! the mailbox is full, the latest frame of a sender and type takes the place of the one before. Where that is not enough,
//! the oldest frame of the sender goes who takes most of the room: nobody can push the others' frames out.
//!
//! Where several hubs keep one journal, every frame goes to all of them. The one to which its recipient is connected delivers it;
//! the others keep nothing for an agency of which they heard that it is connected elsewhere.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sealpost_domain::agency::AgencyId;
use sealpost_domain::statement::Signed;
use sealpost_wire::hub::Control;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::journal::Said;
use crate::verify::{apart, signature_apart};

/// Frames that may wait in one mailbox.
const FRAMES_MAX: usize = 1024;
/// Bytes that may wait in one mailbox.
const BYTES_MAX: usize = 4 << 20;

/// All mailboxes.
#[derive(Default)]
pub struct Relay {
    mailboxes: Mutex<HashMap<AgencyId, Mailbox>>,
    /// The way to the other hubs.
    neighbours: Option<mpsc::Sender<Said>>,
}

#[derive(Default)]
struct Mailbox {
    frames: VecDeque<Control>,
    bytes: usize,
    bell: Arc<Notify>,
    /// The connected node's; cancelled when a newer call takes its place.
    seat: Option<CancellationToken>,
    /// Whether the node is connected to another hub.
    is_elsewhere: bool,
}

impl Relay {
    /// One beside those of other hubs.
    pub fn among(neighbours: mpsc::Sender<Said>) -> Self {
        Self { neighbours: Some(neighbours), ..Self::default() }
    }

    /// Takes what another hub says.
    pub fn hear(&self, said: Said) {
        match said {
            Said::Frame(frame) => self.put(frame),
            Said::Sits(agency) => {
                let mut mailboxes = self.lock();
                let mailbox = mailboxes.entry(agency).or_default();
                mailbox.is_elsewhere = true;
                mailbox.frames.clear();
                mailbox.bytes = 0;
                // What is left of a connection here is the older one.
                mailbox.seat.take().iter().for_each(CancellationToken::cancel);
            }
            Said::Left(agency) => self.lock().entry(agency).or_default().is_elsewhere = false,
        }
    }

    /// Whoever does not take it in time hears it when it is said again.
    fn say(&self, said: impl FnOnce() -> Said) {
        if let Some(neighbours) = &self.neighbours {
            let _ = neighbours.try_send(said());
        }
    }

    /// Puts a frame into its recipient's mailbox: a copy, since the message in which it came may be larger.
    pub fn post(&self, frame: Control) {
        let Signed { payload, signatures } = frame.statement;
        let signatures = signatures.iter().map(signature_apart).collect();
        let statement = Signed { payload: apart(&payload), signatures };
        let frame = Control { statement, ..frame };
        self.say(|| Said::Frame(frame.clone()));
        self.put(frame);
    }

    fn put(&self, frame: Control) {
        let mut mailboxes = self.lock();
        let mailbox = mailboxes.entry(frame.to.clone()).or_default();
        if !mailbox.is_elsewhere {
            mailbox.put(frame);
        }
    }

    /// A node takes its mail from now on; an older call of the same agency is replaced.
    pub fn sit(self: &Arc<Self>, agency: &AgencyId) -> Seat {
        let mut mailboxes = self.lock();
        let mailbox = mailboxes.entry(agency.clone()).or_default();
        let token = CancellationToken::new();
        if let Some(older) = mailbox.seat.replace(token.clone()) {
            older.cancel();
        }
        mailbox.is_elsewhere = false;
        let bell = Arc::clone(&mailbox.bell);
        bell.notify_one();
        self.say(|| Said::Sits(agency.clone()));
        Seat { relay: Arc::clone(self), agency: agency.clone(), replaced: token, bell }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AgencyId, Mailbox>> {
        self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailbox {
    fn put(&mut self, frame: Control) {
        let away = self.seat.is_none();
        if away || self.frames.len() >= FRAMES_MAX || self.bytes + size(&frame) > BYTES_MAX {
            self.drop_older(&frame);
        }
        while self.frames.len() >= FRAMES_MAX || self.bytes + size(&frame) > BYTES_MAX {
            let heaviest = self.heaviest();
            let oldest = self.frames.iter().position(|other| Some(&other.from) == heaviest.as_ref());
            let Some(oldest) = oldest.and_then(|at| self.frames.remove(at)) else { break };
            self.bytes -= size(&oldest);
        }
        self.bytes += size(&frame);
        self.frames.push_back(frame);
        self.bell.notify_one();
    }

    /// Whose frames take most of the room, each with what it costs to keep.
    fn heaviest(&self) -> Option<AgencyId> {
        let mut weights = BTreeMap::<&AgencyId, usize>::new();
        for frame in &self.frames {
            *weights.entry(&frame.from).or_default() += size(frame) + BYTES_MAX / FRAMES_MAX;
        }
        let heaviest = weights.into_iter().max_by_key(|(_, weight)| *weight);
        heaviest.map(|(sender, _)| sender.clone())
    }

    fn drop_older(&mut self, frame: &Control) {
        let same = |other: &Control| other.from == frame.from && other.kind == frame.kind;
        self.frames.retain(|other| !same(other));
        self.bytes = self.frames.iter().map(size).sum();
    }

    fn take(&mut self) -> Option<Control> {
        let frame = self.frames.pop_front()?;
        self.bytes -= size(&frame);
        Some(frame)
    }
}

fn size(frame: &Control) -> usize {
    let signatures = frame.statement.signatures.iter().map(|signature| signature.bytes.len() + 100);
    frame.statement.payload.len() + signatures.sum::<usize>()
}

/// A connected node's place at its mailbox. Dropping it leaves the mailbox to fill.
pub struct Seat {
    relay: Arc<Relay>,
    agency: AgencyId,
    replaced: CancellationToken,
    bell: Arc<Notify>,
}

impl Seat {
    /// The next frame; `None` when a newer call took this one's place.
    pub async fn next(&self) -> Option<Control> {
        loop {
            if self.replaced.is_cancelled() {
                // A bell that this seat heard was for its successor.
                self.bell.notify_one();
                return None;
            }
            if let Some(frame) = self.relay.lock().get_mut(&self.agency).and_then(Mailbox::take) {
                return Some(frame);
            }
            tokio::select! {
                biased;
                () = self.replaced.cancelled() => {}
                () = self.bell.notified() => {}
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut mailboxes = self.relay.lock();
        if let Some(mailbox) = mailboxes.get_mut(&self.agency)
            && !self.replaced.is_cancelled()
        {
            mailbox.seat = None;
            self.relay.say(|| Said::Left(self.agency.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sealpost_domain::envelope::Signature;
    use sealpost_domain::statement::ControlType;

    use super::*;
    use crate::fixture::agency;

    fn frame(from: &str, kind: ControlType, payload: &'static [u8]) -> Control {
        let statement = Signed { payload: Bytes::from_static(payload), signatures: Vec::new() };
        Control { from: agency(from), to: agency("DE-ZKA"), kind, statement }
    }

    async fn payloads(seat: &Seat, count: usize) -> Vec<Bytes> {
        let mut payloads = Vec::new();
        for _ in 0..count {
            payloads.push(seat.next().await.unwrap().statement.payload);
        }
        payloads
    }

    #[tokio::test]
    async fn a_connected_node_gets_every_frame_in_order() {
        let relay = Arc::new(Relay::default());
        let seat = relay.sit(&agency("DE-ZKA"));
        for payload in [b"1", b"2", b"3"] {
            relay.post(frame("HK-CED", ControlType::Void, payload));
        }
        assert_eq!(payloads(&seat, 3).await, ["1", "2", "3"]);
    }

    #[tokio::test]
    async fn a_frame_that_waits_keeps_nothing_of_the_message_in_which_it_came() {
        let relay = Arc::new(Relay::default());
        let message = Bytes::from(vec![7; 4 << 20]);
        let mut frame = frame("HK-CED", ControlType::Heads, b"");
        frame.statement.payload = message.slice(..100);
        let key_id = sealpost_domain::digest::KeyId::new([1; 32]);
        frame.statement.signatures.push(Signature { key_id, bytes: message.slice(100..164) });
        relay.post(frame);
        let came = relay.sit(&agency("DE-ZKA")).next().await.unwrap().statement;
        for kept in [&came.payload, &came.signatures[0].bytes] {
            assert!(!message.as_ptr_range().contains(&kept.as_ptr()));
        }
    }

    #[tokio::test]
    async fn for_a_node_that_is_away_the_latest_of_each_sender_and_type_is_kept() {
        let relay = Arc::new(Relay::default());
        drop(relay.sit(&agency("DE-ZKA")));
        relay.post(frame("HK-CED", ControlType::Heads, b"heads 1"));
        relay.post(frame("HK-CED", ControlType::Receipt, b"receipt"));
        relay.post(frame("TH-TCD", ControlType::Heads, b"theirs"));
        relay.post(frame("HK-CED", ControlType::Heads, b"heads 2"));
        let seat = relay.sit(&agency("DE-ZKA"));
        assert_eq!(payloads(&seat, 3).await, ["receipt", "theirs", "heads 2"]);
    }

    #[tokio::test]
    async fn a_full_mailbox_stays_bounded_and_keeps_the_latest() {
        let relay = Arc::new(Relay::default());
        let seat = relay.sit(&agency("DE-ZKA"));
        for _ in 0..3 * FRAMES_MAX {
            relay.post(frame("HK-CED", ControlType::Heads, b"old"));
        }
        relay.post(frame("HK-CED", ControlType::Heads, b"new"));
        let waiting = relay.lock()[&agency("DE-ZKA")].frames.len();
        assert!(waiting <= FRAMES_MAX, "{waiting} frames wait");
        assert_eq!(payloads(&seat, waiting).await.last().unwrap(), "new");
    }

    #[tokio::test]
    async fn who_says_most_pushes_out_nobody_elses_frames() {
        let relay = Arc::new(Relay::default());
        let seat = relay.sit(&agency("DE-ZKA"));
        relay.post(frame("TH-TCD", ControlType::Heads, b"theirs"));
        let kinds = [ControlType::Heads, ControlType::Void, ControlType::Receipt];
        for kind in kinds.into_iter().cycle().take(FRAMES_MAX - 2) {
            relay.post(frame("HK-CED", kind, b"flood"));
        }
        // Full by bytes as well, in one frame.
        let mut large = frame("HK-CED", ControlType::Resend, b"");
        large.statement.payload = Bytes::from(vec![0; BYTES_MAX - 100]);
        relay.post(large);
        assert_eq!(seat.next().await.unwrap().statement.payload, "theirs");
    }

    /// Two hubs, and what one says to the other.
    struct Two {
        relays: [Arc<Relay>; 2],
        said: [mpsc::Receiver<Said>; 2],
    }

    impl Two {
        fn new() -> Self {
            let ((one, from_one), (other, from_other)) = (mpsc::channel(64), mpsc::channel(64));
            let relays = [one, other].map(|neighbours| Arc::new(Relay::among(neighbours)));
            Self { relays, said: [from_one, from_other] }
        }

        /// What was said is heard.
        fn exchange(&mut self) {
            for (from, to) in [(0, 1), (1, 0)] {
                while let Ok(said) = self.said[from].try_recv() {
                    self.relays[to].hear(said);
                }
            }
        }
    }

    #[tokio::test]
    async fn a_frame_reaches_the_hub_to_which_its_recipient_is_connected() {
        let mut hubs = Two::new();
        let seat = hubs.relays[1].sit(&agency("DE-ZKA"));
        hubs.exchange();
        hubs.relays[0].post(frame("HK-CED", ControlType::Heads, b"1"));
        hubs.exchange();
        assert_eq!(payloads(&seat, 1).await, ["1"]);
        assert_eq!(
            hubs.relays[0].lock()[&agency("DE-ZKA")].frames.len(),
            0,
            "nothing is kept where it is not"
        );
    }

    #[tokio::test]
    async fn a_node_that_moves_leaves_nothing_behind_and_is_waited_for_everywhere_when_it_goes() {
        let mut hubs = Two::new();
        let before = hubs.relays[0].sit(&agency("DE-ZKA"));
        hubs.exchange();
        let seat = hubs.relays[1].sit(&agency("DE-ZKA"));
        hubs.exchange();
        assert!(before.next().await.is_none(), "the older connection ends");
        drop(before);
        hubs.exchange();
        hubs.relays[0].post(frame("HK-CED", ControlType::Heads, b"old"));
        hubs.exchange();
        assert_eq!(payloads(&seat, 1).await, ["old"]);

        drop(seat);
        hubs.exchange();
        hubs.relays[1].post(frame("HK-CED", ControlType::Heads, b"new"));
        hubs.exchange();
        for relay in &hubs.relays {
            assert_eq!(payloads(&relay.sit(&agency("DE-ZKA")), 1).await, ["new"]);
        }
    }

    #[tokio::test]
    async fn a_newer_call_takes_the_place_of_the_older_one() {
        let relay = Arc::new(Relay::default());
        let older = relay.sit(&agency("DE-ZKA"));
        let newer = relay.sit(&agency("DE-ZKA"));
        assert!(older.next().await.is_none());
        drop(older);
        relay.post(frame("HK-CED", ControlType::Heads, b"1"));
        relay.post(frame("HK-CED", ControlType::Heads, b"2"));
        assert_eq!(payloads(&newer, 2).await, ["1", "2"]);
    }
}
