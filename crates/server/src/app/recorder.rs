//! Decisions go to the log behind the answer, in groups; an event that names a
//! decision waits until that decision is in the log.

use std::sync::Arc;

use shop::{DecisionRecord, Id};
use store::{Entry, NewEntry, Store};
use tokio::sync::{mpsc, oneshot};

/// How many decisions may wait.
const QUEUE: usize = 8_192;

/// How many go to the log at once.
const GROUP: usize = 4_096;

enum Order {
    Record(Box<DecisionRecord>),
    Flush(oneshot::Sender<()>),
}

/// The way of decisions to the log.
#[derive(Debug, Clone)]
pub struct Recorder(mpsc::Sender<Order>);

/// A place in the queue, held while the answer is worked out.
pub struct DecisionPermit(mpsc::OwnedPermit<Order>);

impl DecisionPermit {
    /// Hands in the decision.
    pub fn record(self, decision: DecisionRecord) {
        self.0.send(Order::Record(Box::new(decision)));
    }
}

impl Recorder {
    /// Starts the task that writes; it ends when the last sender is gone.
    pub fn start(store: Arc<Store>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(write(store, receiver));
        Self(sender)
    }

    /// A place for one decision, or `None` when the log cannot keep up.
    pub fn reserve_decision(&self) -> Option<DecisionPermit> {
        self.0.clone().try_reserve_owned().ok().map(DecisionPermit)
    }

    /// How many decisions wait.
    pub fn depth(&self) -> usize {
        self.0.max_capacity() - self.0.capacity()
    }

    /// Returns when everything handed in before is in the log.
    pub async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.0.send(Order::Flush(done)).await.is_ok() {
            // An error means that the writer is gone, and with it the queue.
            let _ = wait.await;
        }
    }
}

async fn write(store: Arc<Store>, mut receiver: mpsc::Receiver<Order>) {
    let mut orders = Vec::with_capacity(GROUP);
    while receiver.recv_many(&mut orders, GROUP).await > 0 {
        let mut entries = Vec::new();
        let mut waiting = Vec::new();
        for order in orders.drain(..) {
            match order {
                Order::Record(decision) => entries.push(entry(*decision)),
                Order::Flush(done) => waiting.push(done),
            }
        }
        let count = entries.len() as u64;
        if count > 0
            && let Err(error) = store.append(entries).await
        {
            metrics::counter!("shopkeeper_decisions_lost_total").increment(count);
            tracing::error!(%error, count, "decisions could not be written to the log");
        }
        for done in waiting {
            // Nobody waiting any more is no fault.
            let _ = done.send(());
        }
    }
}

fn entry(decision: DecisionRecord) -> NewEntry {
    let id: Id = decision.id.clone();
    NewEntry {
        id: Some(id),
        entry: Entry::Decision(decision),
    }
}
