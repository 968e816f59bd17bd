//! Which tokens of which streams the next pass over the weights takes in.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use super::prefix::Prefixes;
use super::{EngineCounts, EngineOptions, Finish, Job, Output};
use crate::cache::Cache;
use crate::dropout::Dropout;
use crate::error::ModelError;
use crate::forward::{Activations, Memory};
use crate::prompt_lookup::PromptLookup;
use crate::transformer::Transformer;

/// What a draft must repeat: so many tokens at most, and fewer where the
/// text offers no longer match.
const LONGEST_MATCH: usize = 3;

/// A stream that runs.
#[derive(Debug)]
struct Stream {
    job: Job,
    cache: Cache,
    /// The prompt and what was produced, for drafts and penalties.
    text: PromptLookup,
    prompt: usize,
    produced: usize,
    /// Tokens that the coming pass takes in.
    next: Vec<u32>,
    /// How many of them are drafted: the last ones.
    drafted: usize,
}

impl Stream {
    /// Tokens that the cache does not hold.
    fn missing(&self) -> &[u32] {
        &self.text.tokens()[self.cache.len()..]
    }

    fn is_cancelled(&self) -> bool {
        self.job.cancelled.load(Ordering::Relaxed)
    }

    /// Says a token; the reason where it was the last.
    fn say(&mut self, token: u32, context: usize) -> Option<Finish> {
        let sampling = &self.job.request.sampling;
        if sampling.stop.contains(&token) {
            return Some(Finish::Stop);
        }
        self.text.push(token);
        self.produced += 1;
        let ended = self.produced >= sampling.maximum_tokens;
        // The reader may be gone; the next pass sees that it cancelled.
        let _ = self.job.outputs.try_send(Output::Token(token));
        if let Some(constraint) = &mut self.job.request.constraint {
            match constraint.accept(token) {
                Err(error) => return Some(Finish::Failed(error)),
                Ok(()) if constraint.is_finished() => return Some(Finish::Stop),
                Ok(()) => {}
            }
        }
        (ended || self.text.tokens().len() >= context).then_some(Finish::Length)
    }

    /// Chooses the next token by a row of logits.
    fn choose(&mut self, logits: &mut [f32]) -> Result<u32, Finish> {
        let request = &mut self.job.request;
        let mask = match &mut request.constraint {
            Some(constraint) => match constraint.mask() {
                Ok(mask) => Some(mask),
                Err(error) => return Err(Finish::Failed(error)),
            },
            None => None,
        };
        let token = self.job.sampler.choose(logits, self.text.tokens(), mask);
        token.ok_or_else(|| {
            let reason = "no token may follow: the constraint cannot be fulfilled";
            Finish::Failed(ModelError::Decoding(reason.to_owned()))
        })
    }
}

/// The streams of an engine.
#[derive(Debug)]
pub(super) struct Scheduler {
    model: Arc<Transformer>,
    options: EngineOptions,
    counts: Arc<Mutex<EngineCounts>>,
    streams: Vec<Stream>,
    prefixes: Prefixes,
    activations: Activations,
}

impl Scheduler {
    pub(super) fn new(
        model: Arc<Transformer>,
        options: EngineOptions,
        counts: Arc<Mutex<EngineCounts>>,
    ) -> Scheduler {
        Scheduler {
            streams: Vec::new(),
            prefixes: Prefixes::new(options.prefixes),
            activations: Activations::for_serving(options.threads),
            model,
            options,
            counts,
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.streams.len() < self.options.streams.max(1)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.streams.is_empty()
    }

    /// Takes a request in.
    pub(super) fn admit(&mut self, job: Job) {
        let prompt = &job.request.prompt;
        if job.request.sampling.maximum_tokens == 0 {
            let _ = job.outputs.try_send(Output::Finished(Finish::Length));
            return;
        }
        let known = self.prefixes.find(prompt);
        let cache = known.unwrap_or_else(|| {
            if self.options.compact_cache {
                Cache::compact(self.model.config())
            } else {
                Cache::new(self.model.config())
            }
        });
        self.count(|counts| counts.known_tokens += cache.len() as u64);
        let mut text = PromptLookup::new(LONGEST_MATCH);
        text.extend(prompt);
        self.streams.push(Stream {
            cache,
            prompt: prompt.len(),
            text,
            produced: 0,
            next: Vec::new(),
            drafted: 0,
            job,
        });
    }

    fn count(&self, change: impl FnOnce(&mut EngineCounts)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// One pass over the weights for all streams.
    pub(super) fn step(&mut self) {
        let prefixes = &mut self.prefixes;
        self.streams.retain(|stream| {
            let is_cancelled = stream.is_cancelled();
            if is_cancelled && stream.missing_prompt() {
                // Who asks again goes on from what was computed for nobody.
                let taken_in = &stream.job.request.prompt[..stream.cache.len()];
                prefixes.keep(taken_in, &stream.cache);
            }
            !is_cancelled
        });
        if self.streams.is_empty() {
            return;
        }
        self.plan();
        let tokens: Vec<u32> = (self.streams.iter())
            .flat_map(|stream| stream.next.clone())
            .collect();
        let mut caches: Vec<(&mut Cache, usize)> = (self.streams.iter_mut())
            .map(|stream| (&mut stream.cache, stream.next.len()))
            .collect();
        let memory = Memory::Cached(&mut caches);
        self.model
            .run(&tokens, memory, Dropout::NONE, &mut self.activations);
        self.read();
    }

    /// What each stream brings to the coming pass: a piece of its prompt, or
    /// its last token and what may follow it.
    fn plan(&mut self) {
        let mut room = self.options.prompt_chunk.max(1);
        // Drafts pay while a pass costs about the same with them: for few
        // streams.
        let draft = self.options.draft / self.streams.len();
        let context = self.model.config().context;
        for stream in &mut self.streams {
            stream.drafted = 0;
            let missing = stream.missing();
            if stream.cache.len() < stream.prompt && missing.len() > 1 {
                let piece = missing.len().min(room.max(1));
                room = room.saturating_sub(piece);
                stream.next = missing[..piece].to_vec();
                continue;
            }
            stream.next = missing.to_vec();
            let sampling = &stream.job.request.sampling;
            let left = sampling.maximum_tokens - stream.produced;
            let end = context - stream.text.tokens().len();
            let most = draft.min(left.saturating_sub(1)).min(end.saturating_sub(1));
            if most > 0 && stream.job.request.constraint.is_none() {
                let drafted = stream.text.draft(most).to_vec();
                stream.drafted = drafted.len();
                stream.next.extend(drafted);
            }
        }
    }

    /// Chooses tokens by the states of the pass.
    fn read(&mut self) {
        let (width, vocabulary) = (self.model.config().width, self.model.config().vocabulary);
        let context = self.model.config().context;
        let mut asked = Vec::new();
        let mut first = 0;
        for stream in &self.streams {
            let end = first + stream.next.len();
            if !stream.missing_prompt() {
                asked.extend_from_slice(
                    &self.activations.hidden[(end - 1 - stream.drafted) * width..end * width],
                );
            }
            first = end;
        }
        let products = &mut self.activations.scratch.products;
        let mut logits = match asked.is_empty() {
            true => Vec::new(),
            false => self.model.logits_of(&asked, products),
        };
        let mut rows = logits.chunks_exact_mut(vocabulary);
        let mut counts = EngineCounts {
            passes: 1,
            ..EngineCounts::default()
        };
        let prefixes = &mut self.prefixes;
        self.streams.retain_mut(|stream| {
            let produced = stream.produced;
            if stream.produced == 0 {
                counts.prompt_tokens += stream.next.len() as u64;
            }
            if stream.missing_prompt() {
                return true;
            }
            if produced == 0 {
                prefixes.keep(&stream.job.request.prompt, &stream.cache);
            }
            let finish = stream.read(&mut rows, context);
            counts.new_tokens += (stream.produced - produced) as u64;
            counts.drafted_tokens += stream.drafted as u64;
            counts.accepted_tokens += (stream.produced - produced).saturating_sub(1) as u64;
            match finish {
                Some(finish) => {
                    let _ = stream.job.outputs.try_send(Output::Finished(finish));
                    false
                }
                None => true,
            }
        });
        self.count(|all| {
            all.passes += counts.passes;
            all.prompt_tokens += counts.prompt_tokens;
            all.new_tokens += counts.new_tokens;
            all.drafted_tokens += counts.drafted_tokens;
            all.accepted_tokens += counts.accepted_tokens;
        });
    }
}

impl Stream {
    /// Whether its prompt is not yet taken in whole.
    fn missing_prompt(&self) -> bool {
        self.cache.len() < self.prompt
    }

    /// Chooses the token after the last one, and after each drafted one that
    /// was right.
    fn read<'r>(
        &mut self,
        rows: &mut impl Iterator<Item = &'r mut [f32]>,
        context: usize,
    ) -> Option<Finish> {
        let known = self.cache.len() - self.drafted;
        let drafted = self.next.split_off(self.next.len() - self.drafted);
        let rows: Vec<&mut [f32]> = rows.take(drafted.len() + 1).collect();
        let mut finish = None;
        let mut right = 0;
        for (index, row) in rows.into_iter().enumerate() {
            let token = match self.choose(row) {
                Ok(token) => token,
                Err(reason) => {
                    finish = Some(reason);
                    break;
                }
            };
            finish = self.say(token, context);
            // What was drafted after a wrong token was computed for nothing.
            if finish.is_some() || drafted.get(index) != Some(&token) {
                break;
            }
            right += 1;
        }
        self.cache.truncate(known + right);
        finish
    }
}
