//! Many replies at once from one model: the streams that run share each pass
//! over the weights (continuous batching, Yu et al., 2022), a prompt's
//! beginning that was seen before is not computed again, and text that a
//! reply copies from its prompt is drafted from there and only checked.

mod prefix;
mod schedule;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::architecture::AttentionKind;
use crate::constrain::Constraint;
use crate::error::ModelError;
use crate::sampling::{Sampler, Sampling};
use crate::transformer::Transformer;

use schedule::Scheduler;

/// How an engine runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineOptions {
    /// How many threads compute.
    pub threads: usize,
    /// Streams that run at once.
    pub streams: usize,
    /// Requests that wait for one of them; beyond, a request is refused.
    pub queue: usize,
    /// Beginnings of prompts whose keys and values are kept.
    pub prefixes: usize,
    /// The most tokens that are drafted from the stream's own text and checked
    /// at once; 0 drafts none.
    pub draft: usize,
    /// Tokens of prompts that one pass takes in, so that long prompts do not
    /// hold up the streams that run.
    pub prompt_chunk: usize,
    /// Whether keys and values are kept in 8 bits: a quarter of the memory.
    pub compact_cache: bool,
}

impl Default for EngineOptions {
    fn default() -> EngineOptions {
        EngineOptions {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            streams: 8,
            queue: 64,
            prefixes: 4,
            draft: 6,
            prompt_chunk: 512,
            compact_cache: false,
        }
    }
}

/// What is asked of an engine.
#[derive(Debug)]
pub struct Request {
    /// The tokens so far.
    pub prompt: Vec<u32>,
    /// How the next ones are chosen.
    pub sampling: Sampling,
    /// What they may be.
    pub constraint: Option<Constraint>,
}

/// What comes of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// The next token.
    Token(u32),
    /// The last of a stream.
    Finished(Finish),
}

/// Why a stream ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Finish {
    /// A stop token, or the constraint was fulfilled.
    Stop,
    /// The most tokens that were asked for, or the end of the context.
    Length,
    /// A constraint that nothing can fulfil any more.
    Failed(ModelError),
}

/// What an engine did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EngineCounts {
    /// Passes over the weights.
    pub passes: u64,
    /// Tokens of prompts that were computed.
    pub prompt_tokens: u64,
    /// Tokens of prompts that were known from before.
    pub known_tokens: u64,
    /// Tokens produced.
    pub new_tokens: u64,
    /// Tokens drafted.
    pub drafted_tokens: u64,
    /// Tokens drafted and right.
    pub accepted_tokens: u64,
}

/// A request on its way to a stream.
#[derive(Debug)]
struct Job {
    request: Request,
    sampler: Sampler,
    outputs: SyncSender<Output>,
    cancelled: Arc<AtomicBool>,
}

/// One model that answers many requests, on a thread of its own.
#[derive(Debug)]
pub struct Engine {
    jobs: Option<SyncSender<Box<Job>>>,
    counts: Arc<Mutex<EngineCounts>>,
    context: usize,
    vocabulary: usize,
    queue: usize,
    thread: Option<JoinHandle<()>>,
}

/// The tokens of one request as they come. Dropping it frees the stream.
#[derive(Debug)]
pub struct Reply {
    outputs: Receiver<Output>,
    cancelled: Arc<AtomicBool>,
}

impl Engine {
    /// Starts an engine.
    ///
    /// # Errors
    /// Where the model is an encoder, or the threads cannot be started.
    pub fn start(model: Arc<Transformer>, options: EngineOptions) -> Result<Engine, ModelError> {
        let refuse = |error: &dyn std::fmt::Display| {
            ModelError::Decoding(format!("the engine did not start: {error}"))
        };
        if model.config().attention == AttentionKind::Bidirectional {
            return Err(refuse(&"an encoder does not write; give it a decoder"));
        }
        let (jobs, waiting) = sync_channel(options.queue.max(1));
        let counts = Arc::new(Mutex::new(EngineCounts::default()));
        let (context, vocabulary) = (model.config().context, model.config().vocabulary);
        let queue = options.queue.max(1);
        let scheduler = Scheduler::new(model, options.clone(), Arc::clone(&counts));
        // The streams are computed on a thread of the pool: a product then
        // starts without waking another thread first.
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(options.threads.max(1))
            .thread_name(|index| format!("engine-{index}"))
            .build()
            .map_err(|error| refuse(&error))?;
        let run = move || pool.install(move || work(scheduler, waiting));
        let thread = std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(run);
        Ok(Engine {
            jobs: Some(jobs),
            counts,
            context,
            vocabulary,
            queue,
            thread: Some(thread.map_err(|error| refuse(&error))?),
        })
    }

    /// Asks for a reply.
    ///
    /// # Errors
    /// Where the prompt is empty, longer than the context or not of this
    /// vocabulary, the sampling makes no sense, or too many requests wait.
    pub fn submit(&self, request: Request) -> Result<Reply, ModelError> {
        let (length, context) = (request.prompt.len(), self.context);
        if length == 0 {
            return Err(ModelError::Decoding("the prompt is empty".to_owned()));
        }
        if length >= context {
            return Err(ModelError::Decoding(format!(
                "the prompt has {length} tokens, and the model's context of {context} must hold \
                 it and at least one more; shorten it"
            )));
        }
        let unknown = |token: &&u32| **token as usize >= self.vocabulary;
        if let Some(token) = request.prompt.iter().find(unknown) {
            return Err(ModelError::Decoding(format!(
                "token {token} lies outside of the vocabulary of {}",
                self.vocabulary
            )));
        }
        let sampler = Sampler::new(&request.sampling)?;
        // Room for the whole reply: the engine never waits for its reader.
        let most = request.sampling.maximum_tokens.min(context - length) + 1;
        let (outputs, reader) = sync_channel(most + 1);
        let cancelled = Arc::new(AtomicBool::new(false));
        let job = Box::new(Job {
            request,
            sampler,
            outputs,
            cancelled: Arc::clone(&cancelled),
        });
        let jobs = self.jobs.as_ref();
        match jobs.map(|jobs| jobs.try_send(job)) {
            Some(Ok(())) => Ok(Reply {
                outputs: reader,
                cancelled,
            }),
            Some(Err(TrySendError::Full(_))) => Err(ModelError::Busy(self.queue)),
            Some(Err(TrySendError::Disconnected(_))) | None => {
                Err(ModelError::Decoding("the engine has stopped".to_owned()))
            }
        }
    }

    /// What it did so far.
    pub fn counts(&self) -> EngineCounts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed; there is nothing to add.
            let _ = thread.join();
        }
    }
}

impl Reply {
    /// The next token, or why there is none; nothing after the end.
    pub fn next_output(&mut self) -> Option<Output> {
        self.outputs.recv().ok()
    }

    /// [`Reply::next_output`], but no longer than this.
    ///
    /// # Errors
    /// Where nothing came in time.
    pub fn next_output_within(&mut self, time: Duration) -> Result<Option<Output>, ModelError> {
        match self.outputs.recv_timeout(time) {
            Ok(output) => Ok(Some(output)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(ModelError::Decoding(format!(
                "no token within {} ms",
                time.as_millis()
            ))),
        }
    }

    /// All tokens, and why they ended.
    pub fn collect(mut self) -> (Vec<u32>, Option<Finish>) {
        let mut tokens = Vec::new();
        while let Some(output) = self.next_output() {
            match output {
                Output::Token(token) => tokens.push(token),
                Output::Finished(finish) => return (tokens, Some(finish)),
            }
        }
        (tokens, None)
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

/// Runs until nobody can ask any more.
fn work(mut scheduler: Scheduler, waiting: Receiver<Box<Job>>) {
    loop {
        while scheduler.has_room() {
            let job = if scheduler.is_idle() {
                waiting.recv().ok()
            } else {
                waiting.try_recv().ok()
            };
            match job {
                Some(job) => scheduler.admit(*job),
                None if scheduler.is_idle() => return,
                None => break,
            }
        }
        scheduler.step();
    }
}
