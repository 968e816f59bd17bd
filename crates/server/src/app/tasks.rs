//! Work that outlasts its request: imports and training.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use shop::{Id, Timestamp};

/// How many finished tasks are remembered.
const REMEMBERED: usize = 1_000;

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Status {
    Running,
    Succeeded,
    Failed,
}

/// What is told about a task.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Task {
    /// Its id.
    pub id: Id,
    /// `import` or `train`.
    pub kind: &'static str,
    /// Where it stands.
    pub status: Status,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// What it is doing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
    /// How much of the present stage is done, from 0 to 1, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fraction: Option<f64>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Why nothing came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Every task of this process.
#[derive(Default)]
pub struct Tasks {
    by_id: Mutex<BTreeMap<Id, Task>>,
    stop: Arc<AtomicBool>,
}

impl Tasks {
    /// The flag that long work looks at.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        self.stop.clone()
    }

    /// Asks all running work to save what it has and end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<Id, Task>) -> T) -> T {
        act(&mut self.by_id.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes that a task begins; `None` when one of its kind that stands alone
    /// is running.
    pub fn begin(&self, id: Id, kind: &'static str, alone: bool, now: Timestamp) -> Option<Task> {
        self.with(|tasks| {
            let running = |task: &Task| task.kind == kind && task.status == Status::Running;
            if alone && tasks.values().any(running) {
                return None;
            }
            // Ids are in the order of time: the first is the oldest.
            while tasks.len() >= REMEMBERED {
                let oldest = tasks
                    .iter()
                    .find(|(_, task)| task.status != Status::Running)
                    .map(|(id, _)| id.clone())?;
                tasks.remove(&oldest);
            }
            let task = Task {
                id: id.clone(),
                kind,
                status: Status::Running,
                created_at: now,
                finished_at: None,
                progress: None,
                fraction: None,
                result: None,
                error: None,
            };
            tasks.insert(id, task.clone());
            Some(task)
        })
    }

    /// Notes what a task is doing, and how much of that is done.
    pub fn progress(&self, id: &Id, progress: String, fraction: Option<f64>) {
        self.with(|tasks| {
            if let Some(task) = tasks.get_mut(id) {
                task.progress = Some(progress);
                task.fraction = fraction;
            }
        });
    }

    /// Notes how a task ended.
    pub fn finish(&self, id: &Id, outcome: Result<Value, String>, now: Timestamp) {
        self.with(|tasks| {
            let Some(task) = tasks.get_mut(id) else {
                return;
            };
            task.finished_at = Some(now);
            task.progress = None;
            task.fraction = None;
            match outcome {
                Ok(result) => {
                    task.status = Status::Succeeded;
                    task.result = Some(result);
                }
                Err(error) => {
                    task.status = Status::Failed;
                    task.error = Some(error);
                }
            }
        });
    }

    /// Whether an import or a training is going on.
    pub fn is_any_running(&self) -> bool {
        self.with(|tasks| tasks.values().any(|task| task.status == Status::Running))
    }

    /// The task with this id.
    pub fn get(&self, id: &Id) -> Option<Task> {
        self.with(|tasks| tasks.get(id).cloned())
    }

    /// The last task of this kind.
    pub fn last(&self, kind: &str) -> Option<Task> {
        self.with(|tasks| tasks.values().rev().find(|task| task.kind == kind).cloned())
    }

    /// The last tasks, newest first.
    pub fn recent(&self, limit: usize) -> Vec<Task> {
        self.with(|tasks| tasks.values().rev().take(limit).cloned().collect())
    }
}

/// Shows the progress of a job in its task.
pub struct TaskProgress {
    /// Where.
    pub tasks: Arc<Tasks>,
    /// Of which task.
    pub id: Id,
    /// The stage and its total.
    pub stage: Mutex<(String, u64)>,
}

impl shop::Progress for TaskProgress {
    fn begin(&self, stage: &str, total: u64) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = (stage.to_owned(), total);
        self.tasks.progress(&self.id, stage.to_owned(), None);
    }

    fn advance(&self, done: u64, message: &str) {
        let stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        let of = if stage.1 > 0 {
            format!("/{}", stage.1)
        } else {
            String::new()
        };
        let line = format!("{}: {done}{of} {message}", stage.0);
        let fraction = (stage.1 > 0).then(|| (done as f64 / stage.1 as f64).min(1.0));
        drop(stage);
        self.tasks.progress(&self.id, line, fraction);
    }

    fn end(&self, message: &str) {
        let stage = self
            .stage
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .clone();
        self.tasks
            .progress(&self.id, format!("{stage}: {message}"), Some(1.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_stands_alone_and_imports_do_not() {
        let tasks = Tasks::default();
        let now = Timestamp::from_seconds(1);
        let id = |name: &str| Id::new(name).unwrap();
        assert!(tasks.begin(id("1"), "train", true, now).is_some());
        assert!(tasks.begin(id("2"), "train", true, now).is_none());
        assert!(tasks.begin(id("3"), "import", false, now).is_some());
        tasks.finish(&id("1"), Err("no data".into()), now);
        assert_eq!(tasks.get(&id("1")).unwrap().status, Status::Failed);
        assert!(tasks.begin(id("4"), "train", true, now).is_some());
        assert_eq!(tasks.recent(2).len(), 2);
    }
}
