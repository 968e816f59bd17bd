//! Which tokens may come next.

/// A set of tokens of one vocabulary, a bit each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenMask {
    words: Vec<u32>,
    length: usize,
}

impl TokenMask {
    /// The empty set for a vocabulary of this many tokens.
    pub fn none(length: usize) -> TokenMask {
        TokenMask {
            words: vec![0; length.div_ceil(32)],
            length,
        }
    }

    /// The set whose bits are given 32 to a word, the lowest token in the
    /// lowest bit. Bits beyond `length` are dropped, missing words are empty.
    pub fn from_words(mut words: Vec<u32>, length: usize) -> TokenMask {
        words.resize(length.div_ceil(32), 0);
        if let (Some(last), 1..) = (words.last_mut(), length % 32) {
            *last &= (1 << (length % 32)) - 1;
        }
        TokenMask { words, length }
    }

    /// The size of the vocabulary.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether no token is in the set.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// How many tokens are in the set.
    pub fn count(&self) -> usize {
        let ones = |word: &u32| word.count_ones() as usize;
        self.words.iter().map(ones).sum()
    }

    /// Whether the set has this token; it has none outside the vocabulary.
    pub fn contains(&self, token: u32) -> bool {
        let word = self.words.get(token as usize / 32).copied().unwrap_or(0);
        word & (1 << (token % 32)) != 0
    }

    /// Adds a token; one outside the vocabulary is ignored.
    pub fn insert(&mut self, token: u32) {
        if (token as usize) < self.length {
            self.words[token as usize / 32] |= 1 << (token % 32);
        }
    }

    /// Takes all tokens out.
    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    /// The tokens of the set in ascending order.
    pub fn tokens(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            let mut left = word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(index as u32 * 32 + bit)
            })
        })
    }

    /// The only token of the set.
    pub fn only(&self) -> Option<u32> {
        let mut tokens = self.tokens();
        tokens.next().filter(|_| tokens.next().is_none())
    }

    /// Sets the logits of all other tokens to -∞, also of those that the
    /// vocabulary of the mask does not have (a model pads its last layer).
    pub fn apply(&self, logits: &mut [f32]) {
        let covered = logits.len().min(self.words.len() * 32);
        for (chunk, &word) in logits[..covered].chunks_mut(32).zip(&self.words) {
            match word {
                u32::MAX => {}
                0 => chunk.fill(f32::NEG_INFINITY),
                _ => {
                    for (bit, logit) in chunk.iter_mut().enumerate() {
                        if word & (1 << bit) == 0 {
                            *logit = f32::NEG_INFINITY;
                        }
                    }
                }
            }
        }
        logits[covered..].fill(f32::NEG_INFINITY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_a_set_of_tokens() {
        let mut mask = TokenMask::none(70);
        assert!(mask.is_empty());
        for token in [0, 31, 32, 69, 70, 1000] {
            mask.insert(token);
        }
        assert_eq!(mask.tokens().collect::<Vec<_>>(), [0, 31, 32, 69]);
        assert_eq!((mask.count(), mask.only()), (4, None));
        assert!(mask.contains(69) && !mask.contains(68) && !mask.contains(70));
        let words = TokenMask::from_words(vec![!0, !0, !0, !0], 70);
        assert_eq!(words.count(), 70);
        mask.clear();
        mask.insert(5);
        assert_eq!(mask.only(), Some(5));
    }

    #[test]
    fn only_allowed_logits_stay() {
        let mut mask = TokenMask::none(40);
        mask.insert(3);
        mask.insert(39);
        let mut logits = vec![1.0f32; 100];
        mask.apply(&mut logits);
        let left: Vec<usize> = (0..100).filter(|&i| logits[i] == 1.0).collect();
        assert_eq!(left, [3, 39]);
    }
}
