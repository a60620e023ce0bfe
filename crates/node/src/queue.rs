//! A bounded queue in two lanes, so that FLASH waits for FLASH alone.
//!
//! Never here: how much of each lane a reader takes: `engine::gather`.

use sealpost_domain::message::Priority;
use sealpost_server::pool::Lane;
use tokio::sync::mpsc;

use crate::pool::lane;

/// Where things are put into the queue.
#[derive(Debug)]
pub struct Sender<T> {
    express: mpsc::Sender<T>,
    ordinary: mpsc::Sender<T>,
}

/// Where they are taken out of it.
#[derive(Debug)]
pub struct Receiver<T> {
    /// FLASH, and what may not wait behind other mail.
    pub(crate) express: mpsc::Receiver<T>,
    /// Everything else.
    pub(crate) ordinary: mpsc::Receiver<T>,
}

/// A queue with so much room in each lane.
pub fn queue<T>(room: usize) -> (Sender<T>, Receiver<T>) {
    let (express, express_out) = mpsc::channel(room);
    let (ordinary, ordinary_out) = mpsc::channel(room);
    (Sender { express, ordinary }, Receiver { express: express_out, ordinary: ordinary_out })
}

impl<T> Sender<T> {
    /// The lane for what belongs to mail of this priority.
    pub fn for_mail(&self, priority: Priority) -> &mpsc::Sender<T> {
        match lane(priority) {
            Lane::Express => &self.express,
            Lane::Ordinary => &self.ordinary,
        }
    }

    /// The lane for what may not wait behind mail.
    pub fn express(&self) -> &mpsc::Sender<T> {
        &self.express
    }

    /// The lane for what belongs to no FLASH.
    pub fn ordinary(&self) -> &mpsc::Sender<T> {
        &self.ordinary
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { express: self.express.clone(), ordinary: self.ordinary.clone() }
    }
}

impl<T> Receiver<T> {
    /// The next one and its lane, FLASH first; `None` when there will be none.
    pub async fn recv(&mut self) -> Option<(Lane, T)> {
        tokio::select! {
            biased;
            Some(first) = self.express.recv() => Some((Lane::Express, first)),
            Some(first) = self.ordinary.recv() => Some((Lane::Ordinary, first)),
            else => None,
        }
    }

    /// Whether nothing waits now.
    pub fn is_empty(&self) -> bool {
        self.express.is_empty() && self.ordinary.is_empty()
    }
}
