//! The turns of one conversation come one after the other. Each conversation
//! has a queue of its own: who comes while it is full is refused at once.

use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;
use shop::Id;

use super::QueueError;

/// How many turns of one conversation may wait behind the one being answered.
const MOST_WAITING: usize = 3;

/// A conversation that somebody is at, or waits for.
#[derive(Debug, Default)]
struct Waiting {
    turn: Arc<tokio::sync::Mutex<()>>,
    /// At work or waiting.
    count: usize,
}

/// The queues of the conversations that go on now; one that nobody is at has none.
#[derive(Debug, Clone, Default)]
pub struct ConversationQueues(Arc<Mutex<FxHashMap<Id, Waiting>>>);

/// Whoever holds this is the only one whose turn it is in a conversation.
#[derive(Debug)]
pub struct ConversationTurn {
    _turn: tokio::sync::OwnedMutexGuard<()>,
    _place: QueuePlace,
}

/// A place in the queue, given back when it is dropped: also by a caller who
/// no longer waits.
#[derive(Debug)]
struct QueuePlace {
    queues: ConversationQueues,
    conversation: Id,
}

impl ConversationQueues {
    /// Waits for the turn in a conversation, first come, first served.
    pub async fn turn(&self, conversation: &Id) -> Result<ConversationTurn, QueueError> {
        let (turn, place) = self.join(conversation)?;
        Ok(ConversationTurn {
            _turn: turn.lock_owned().await,
            _place: place,
        })
    }

    /// Whether somebody waits for the one whose turn it is.
    pub fn is_awaited(&self, conversation: &Id) -> bool {
        let queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        queues
            .get(conversation)
            .is_some_and(|waiting| waiting.count > 1)
    }

    fn join(
        &self,
        conversation: &Id,
    ) -> Result<(Arc<tokio::sync::Mutex<()>>, QueuePlace), QueueError> {
        let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = queues.entry(conversation.clone()).or_default();
        if waiting.count > MOST_WAITING {
            return Err(QueueError::Full);
        }
        waiting.count += 1;
        let place = QueuePlace {
            queues: self.clone(),
            conversation: conversation.clone(),
        };
        Ok((waiting.turn.clone(), place))
    }
}

impl Drop for QueuePlace {
    fn drop(&mut self) {
        let mut queues = self.queues.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = queues.get_mut(&self.conversation) {
            waiting.count -= 1;
            if waiting.count == 0 {
                queues.remove(&self.conversation);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_holds_up_no_other_conversation() {
        let queues = ConversationQueues::default();
        let first = queues.turn(&id("one")).await.unwrap();
        let waiting: Vec<_> = (0..MOST_WAITING)
            .map(|_| queues.join(&id("one")).unwrap())
            .collect();
        let refused = queues.turn(&id("one")).await;
        assert_eq!(refused.err(), Some(QueueError::Full));
        drop(queues.turn(&id("two")).await.unwrap());
        drop(first);
        // Who stops waiting gives the place back.
        drop(waiting);
        assert!(queues.0.lock().unwrap().is_empty());
        assert!(queues.turn(&id("one")).await.is_ok());
    }

    #[tokio::test]
    async fn turns_never_interleave_and_come_in_order() {
        let queues = ConversationQueues::default();
        let (said, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let first = queues.turn(&id("one")).await.unwrap();
        let mut tasks = Vec::new();
        for number in 0..MOST_WAITING {
            let (queues, said) = (queues.clone(), said.clone());
            let (joined, is_joined) = tokio::sync::oneshot::channel();
            tasks.push(tokio::spawn(async move {
                let one = id("one");
                let turn = queues.turn(&one);
                tokio::pin!(turn);
                // Asked once, it stands in the queue.
                let early = std::future::poll_fn(|context| {
                    std::task::Poll::Ready(turn.as_mut().poll(context).is_ready())
                });
                assert!(!early.await);
                joined.send(()).unwrap();
                let _turn = turn.await.unwrap();
                said.send((number, "begins")).unwrap();
                tokio::task::yield_now().await;
                said.send((number, "ends")).unwrap();
            }));
            is_joined.await.unwrap();
        }
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        let mut order = Vec::new();
        while let Ok(one) = heard.try_recv() {
            order.push(one);
        }
        let expected: Vec<_> = (0..MOST_WAITING)
            .flat_map(|number| [(number, "begins"), (number, "ends")])
            .collect();
        assert_eq!(order, expected);
    }
}
