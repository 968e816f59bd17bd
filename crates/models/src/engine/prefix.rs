//! Beginnings of prompts whose keys and values are kept, the least used
//! forgotten first.

use crate::cache::Cache;

/// A beginning shorter than this is computed again.
const SHORTEST: usize = 16;

/// The beginnings that are kept.
#[derive(Debug)]
pub(super) struct Prefixes {
    /// The last used at the end.
    kept: Vec<(Vec<u32>, Cache)>,
    most: usize,
}

fn common(left: &[u32], right: &[u32]) -> usize {
    left.iter().zip(right).take_while(|(l, r)| l == r).count()
}

impl Prefixes {
    pub(super) fn new(most: usize) -> Prefixes {
        Prefixes {
            kept: Vec::new(),
            most,
        }
    }

    /// The keys and values of the longest beginning of a prompt that is known;
    /// at least the last token is left to compute.
    pub(super) fn find(&mut self, prompt: &[u32]) -> Option<Cache> {
        let usable = |tokens: &[u32]| common(tokens, prompt).min(prompt.len() - 1);
        let lengths = self.kept.iter().map(|(tokens, _)| usable(tokens));
        let (index, length) = lengths.enumerate().max_by_key(|(_, length)| *length)?;
        if length < SHORTEST {
            return None;
        }
        let entry = self.kept.remove(index);
        let mut cache = entry.1.clone();
        cache.truncate(length);
        self.kept.push(entry);
        Some(cache)
    }

    /// Keeps a prompt's keys and values, unless they are known.
    pub(super) fn keep(&mut self, prompt: &[u32], cache: &Cache) {
        if self.most == 0 || prompt.len() < SHORTEST {
            return;
        }
        let known = |(tokens, _): &(Vec<u32>, Cache)| common(tokens, prompt) == prompt.len();
        if self.kept.iter().any(known) {
            return;
        }
        // What this prompt goes on from is held by it.
        self.kept
            .retain(|(tokens, _)| common(tokens, prompt) < tokens.len());
        if self.kept.len() == self.most {
            self.kept.remove(0);
        }
        let mut cache = cache.clone();
        cache.truncate(prompt.len());
        self.kept.push((prompt.to_vec(), cache));
    }
}
