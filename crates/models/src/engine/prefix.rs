//! Beginnings of prompts whose keys and values are kept. What costs least to
//! compute again is forgotten first, and what was long not used loses its
//! worth by and by (GreedyDual, Young, 1994): short questions between the turns
//! of a conversation do not push out what the conversation begins with.

use crate::cache::Cache;

/// A beginning shorter than this is computed again.
const SHORTEST: usize = 16;

/// The beginnings that are kept.
#[derive(Debug)]
pub(super) struct Prefixes {
    kept: Vec<Kept>,
    most: usize,
    /// What the last one that was forgotten was worth.
    clock: usize,
}

/// A beginning.
#[derive(Debug)]
struct Kept {
    tokens: Vec<u32>,
    cache: Cache,
    /// The tokens that no other one has, and the clock when it was last used.
    worth: usize,
}

fn common(left: &[u32], right: &[u32]) -> usize {
    left.iter().zip(right).take_while(|(l, r)| l == r).count()
}

impl Prefixes {
    pub(super) fn new(most: usize) -> Prefixes {
        Prefixes {
            kept: Vec::new(),
            most,
            clock: 0,
        }
    }

    /// The keys and values of the longest beginning of a prompt that is known;
    /// at least the last token is left to compute.
    pub(super) fn find(&mut self, prompt: &[u32]) -> Option<Cache> {
        let usable = |kept: &Kept| common(&kept.tokens, prompt).min(prompt.len() - 1);
        let lengths = self.kept.iter().map(usable);
        let (index, length) = lengths.enumerate().max_by_key(|(_, length)| *length)?;
        if length < SHORTEST {
            return None;
        }
        let mut entry = self.kept.remove(index);
        entry.worth = self.worth(&entry.tokens);
        let mut cache = entry.cache.clone();
        cache.truncate(length);
        self.kept.push(entry);
        Some(cache)
    }

    /// Keeps a prompt's keys and values, unless they are known.
    pub(super) fn keep(&mut self, prompt: &[u32], cache: &Cache) {
        if self.most == 0 || prompt.len() < SHORTEST {
            return;
        }
        let known = |kept: &Kept| common(&kept.tokens, prompt) == prompt.len();
        if self.kept.iter().any(known) {
            return;
        }
        // What this prompt goes on from is held by it.
        self.kept
            .retain(|kept| common(&kept.tokens, prompt) < kept.tokens.len());
        if self.kept.len() == self.most {
            self.forget();
        }
        let mut cache = cache.clone();
        cache.truncate(prompt.len());
        self.kept.push(Kept {
            worth: self.worth(prompt),
            tokens: prompt.to_vec(),
            cache,
        });
    }

    /// What it is worth to keep a prompt beside the others.
    fn worth(&self, prompt: &[u32]) -> usize {
        let shared = self.kept.iter().map(|kept| common(&kept.tokens, prompt));
        self.clock + prompt.len() - shared.max().unwrap_or(0)
    }

    /// Forgets the one that is worth least, of equals the one that was not used
    /// for longest.
    fn forget(&mut self) {
        let worths = self.kept.iter().map(|kept| kept.worth).enumerate();
        if let Some((index, worth)) = worths.min_by_key(|(_, worth)| *worth) {
            self.clock = worth;
            self.kept.remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TransformerConfig;

    #[test]
    fn short_questions_do_not_push_out_a_long_beginning() {
        let cache = Cache::new(&TransformerConfig::new(1, 32, 2, 4_096, 300));
        let prompt = |fixed: u32, length: u32, own: u32| -> Vec<u32> {
            let fixed = (0..length).map(|token| fixed + token);
            fixed.chain([own; 20]).collect()
        };
        let known = |prefixes: &mut Prefixes, prompt: &[u32], least: usize| {
            let longest = prefixes
                .kept
                .iter()
                .map(|kept| common(&kept.tokens, prompt));
            assert!(longest.max().unwrap_or(0) >= least);
            prefixes.find(prompt);
            prefixes.keep(prompt, &cache);
        };
        let mut prefixes = Prefixes::new(3);
        known(&mut prefixes, &prompt(10_000, 400, 1), 0);
        for number in 2..30 {
            known(&mut prefixes, &prompt(20_000, 40, number), 0);
        }
        known(&mut prefixes, &prompt(10_000, 400, 2), 400);
        // What nobody asks for any more is forgotten in the end.
        for number in 2..300 {
            known(
                &mut prefixes,
                &prompt(20_000 + 1_000 * number, 40, number),
                0,
            );
        }
        let old = |kept: &Kept| kept.tokens[0] == 10_000;
        assert!(!prefixes.kept.iter().any(old));
        assert_eq!(prefixes.kept.len(), 3);
    }
}
