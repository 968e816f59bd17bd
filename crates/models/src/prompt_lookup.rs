//! Prompt-lookup decoding (Saxena, 2023): speculative decoding whose drafts are
//! what followed the last n-gram where it occurred earlier in the same text.
//! The model verifies a whole draft in one pass, so that quoting and repeating
//! cost little.

use rustc_hash::FxHashMap;

/// The tokens so far with an index of their n-grams.
#[derive(Debug, Clone)]
pub struct PromptLookup {
    tokens: Vec<u32>,
    /// For each length of n-gram from 1: where the latest one ended, by hash.
    ends: Vec<FxHashMap<u64, u32>>,
    /// For each length: where the n-gram that the text ends with ended when it
    /// came before.
    earlier: Vec<Option<u32>>,
}

/// An odd number with well mixed bits: the golden ratio times 2⁶⁴.
const MIX: u64 = 0x9E37_79B9_7F4A_7C15;

impl PromptLookup {
    /// An empty text. Matches of up to `longest` tokens are looked for (3 is
    /// usual); the longest counts. Of 0 there are no drafts.
    pub fn new(longest: usize) -> PromptLookup {
        PromptLookup {
            tokens: Vec::new(),
            ends: vec![FxHashMap::default(); longest],
            earlier: vec![None; longest],
        }
    }

    /// The tokens so far.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Takes in more tokens, in time that grows with `longest` alone for each.
    pub fn extend(&mut self, tokens: &[u32]) {
        for &token in tokens {
            self.push(token);
        }
    }

    /// Takes in one more token.
    pub fn push(&mut self, token: u32) {
        self.tokens.push(token);
        let end = self.tokens.len();
        let mut hash = 0u64;
        for length in 1..=self.ends.len() {
            let Some(start) = end.checked_sub(length) else {
                return;
            };
            let first = u64::from(self.tokens[start]) + 1;
            hash = (hash ^ first).wrapping_mul(MIX).rotate_left(29);
            let before = self.ends[length - 1].insert(hash, end as u32);
            // Two n-grams may share a hash.
            self.earlier[length - 1] = before.filter(|&before| {
                let before = before as usize;
                self.tokens[before - length..before] == self.tokens[start..]
            });
        }
    }

    /// At most `count` tokens that followed the latest earlier occurrence of
    /// the longest n-gram that the text ends with; empty where it never came
    /// before.
    pub fn draft(&self, count: usize) -> &[u32] {
        let found = self.earlier.iter().rev().find_map(|&end| end);
        let rest = found.and_then(|end| self.tokens.get(end as usize..));
        let rest = rest.unwrap_or_default();
        &rest[..rest.len().min(count)]
    }
}

/// How many tokens of a draft hold. `chosen[i]` is what was chosen by the
/// logits after the first `i` tokens of the draft; with `n` accepted,
/// `chosen[..=n]` continues the text (all of a draft and one more token at
/// best), and the cache forgets what it holds of the rest.
///
/// Greedy choices give the text that decoding without drafts gives. So do
/// sampled ones, if they are drawn in order and only up to the first that
/// differs: a draft proposes one token with certainty, for which the exact
/// rule of speculative sampling (Leviathan et al., 2023) comes down to this.
/// Then `chosen` is shorter than the draft.
pub fn accept(draft: &[u32], chosen: &[u32]) -> usize {
    let pairs = draft.iter().zip(chosen);
    pairs
        .take_while(|(drafted, chosen)| drafted == chosen)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(tokens: &[u32], longest: usize) -> PromptLookup {
        let mut lookup = PromptLookup::new(longest);
        lookup.extend(tokens);
        lookup
    }

    #[test]
    fn a_draft_is_what_followed_the_last_time() {
        let check = |tokens: &[u32], longest, count, draft: &[u32]| {
            assert_eq!(of(tokens, longest).draft(count), draft, "{tokens:?}");
        };
        check(&[1, 2, 3, 4, 1, 2], 3, 2, &[3, 4]);
        check(&[1, 2, 3, 4, 1, 2], 3, 9, &[3, 4, 1, 2]);
        check(&[1, 2, 3, 1, 2, 4, 1, 2], 3, 1, &[4]);
        check(&[1, 2, 3], 3, 4, &[]);
        check(&[7, 7], 3, 4, &[7]);
        check(&[1, 2, 9, 5, 2, 8, 1, 2], 2, 1, &[9]);
        check(&[1, 2, 9, 5, 2, 8, 1, 2], 1, 1, &[8]);
        check(&[1, 1, 1], 0, 4, &[]);
        check(&[], 3, 4, &[]);
    }

    #[test]
    fn the_part_that_agrees_is_accepted() {
        assert_eq!(accept(&[5, 6, 7], &[5, 6, 7, 8]), 3);
        assert_eq!(accept(&[5, 6, 7], &[5, 9]), 1);
        assert_eq!(accept(&[5], &[6, 7]), 0);
        assert_eq!(accept(&[], &[6]), 0);
    }

    fn searched(tokens: &[u32], longest: usize, count: usize) -> Vec<u32> {
        for length in (1..=longest.min(tokens.len())).rev() {
            let suffix = &tokens[tokens.len() - length..];
            let ends = (length..tokens.len()).rev();
            for end in ends {
                if &tokens[end - length..end] == suffix {
                    return tokens[end..tokens.len().min(end + count)].to_vec();
                }
            }
        }
        Vec::new()
    }

    proptest! {
        #[test]
        fn the_index_finds_what_a_search_finds(
            tokens in proptest::collection::vec(0u32..4, 0..40),
            longest in 0usize..5,
            count in 0usize..6,
        ) {
            let lookup = of(&tokens, longest);
            prop_assert_eq!(lookup.draft(count), searched(&tokens, longest, count));
        }

        #[test]
        fn drafts_never_change_a_text(seed in 0u32..1000, longest in 1usize..4, count in 0usize..6) {
            // A "model" whose next token depends on the last two.
            let next = |tokens: &[u32]| {
                let last = tokens.iter().rev().take(2).fold(seed, |sum, &t| sum * 31 + t + 1);
                (last / 7) % 5
            };
            let mut plain = vec![1, 2];
            while plain.len() < 40 {
                plain.push(next(&plain));
            }
            let mut lookup = of(&[1, 2], longest);
            while lookup.tokens().len() < 40 {
                let draft = lookup.draft(count).to_vec();
                let mut text = lookup.tokens().to_vec();
                let mut chosen = vec![next(&text)];
                for &token in &draft {
                    text.push(token);
                    chosen.push(next(&text));
                }
                let accepted = accept(&draft, &chosen);
                lookup.extend(&chosen[..=accepted]);
            }
            prop_assert_eq!(&lookup.tokens()[..40], &plain[..]);
        }
    }
}
