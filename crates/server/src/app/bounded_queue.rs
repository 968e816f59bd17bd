//! Model work runs off the async threads. Each kind of it has a queue: so many
//! at work, so many waiting, and one more is refused at once.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Why work was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// As many as allowed are waiting.
    #[error("the queue is full")]
    Full,
    /// The work panicked.
    #[error("the work failed")]
    Failed,
}

/// One kind of work.
#[derive(Debug)]
pub struct BoundedQueue {
    name: &'static str,
    capacity: usize,
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl BoundedQueue {
    /// `threads` at work, `waiting` behind them.
    pub fn new(name: &'static str, threads: usize, waiting: usize) -> Self {
        let capacity = threads + waiting;
        Self {
            name,
            capacity,
            admitted: Arc::new(Semaphore::new(capacity)),
            running: Arc::new(Semaphore::new(threads)),
        }
    }

    /// What it is called in metrics and errors.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How many are at work or waiting.
    pub fn depth(&self) -> usize {
        self.capacity - self.admitted.available_permits()
    }

    /// Runs `work` on a thread of its own, in its turn. The place in the queue
    /// is held until the work has ended, even if nobody waits for it any more.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, QueueError> {
        let admitted = self
            .admitted
            .clone()
            .try_acquire_owned()
            .map_err(|_| QueueError::Full)?;
        let running = self
            .running
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| QueueError::Failed)?;
        let task = tokio::task::spawn_blocking(move || {
            let _held = (admitted, running);
            work()
        });
        task.await.map_err(|_| QueueError::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_more_than_allowed_is_refused_at_once() {
        let queue = Arc::new(BoundedQueue::new("test", 1, 1));
        let (release, gate) = std::sync::mpsc::channel::<()>();
        let first = tokio::spawn({
            let queue = queue.clone();
            async move { queue.run(move || gate.recv().is_ok()).await }
        });
        while queue.running.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let second = tokio::spawn({
            let queue = queue.clone();
            async move { queue.run(|| 2).await }
        });
        while queue.depth() < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(queue.run(|| 3).await, Err(QueueError::Full));
        release.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(true));
        assert_eq!(second.await.unwrap(), Ok(2));
        assert_eq!(queue.depth(), 0);
        let panicked: Result<(), _> = queue.run(|| panic!("on purpose")).await;
        assert_eq!(panicked, Err(QueueError::Failed));
        assert_eq!(queue.run(|| 4).await, Ok(4));
    }
}
