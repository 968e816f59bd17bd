//! A text that is one of a list.

use std::sync::Arc;

use super::vocabulary::{Tokens, Vocabulary};
use crate::error::ModelError;
use crate::mask::TokenMask;

/// The strings that are still possible: those of a sorted list that begin with
/// the bytes so far, which lie side by side.
pub(super) struct Strings {
    sorted: Vec<Vec<u8>>,
    from: usize,
    to: usize,
    length: usize,
    tokens: Arc<Tokens>,
}

impl Strings {
    pub(super) fn new(strings: &[&str], vocabulary: &Vocabulary) -> Result<Strings, ModelError> {
        let tokens = vocabulary.tokens().clone();
        let refuse = |message| Err(ModelError::Decoding(message));
        if strings.is_empty() {
            return refuse("no string is allowed: name at least one".to_owned());
        }
        let known = known_bytes(&tokens);
        for string in strings {
            if let Some(byte) = string.bytes().find(|&byte| !known[usize::from(byte)]) {
                return refuse(format!(
                    "the allowed string {string:?} has the byte {byte}, which is no token of the \
                     vocabulary by itself"
                ));
            }
        }
        let mut sorted: Vec<Vec<u8>> = strings.iter().map(|s| s.as_bytes().to_vec()).collect();
        sorted.sort_unstable();
        sorted.dedup();
        Ok(Strings {
            from: 0,
            to: sorted.len(),
            length: 0,
            sorted,
            tokens,
        })
    }

    fn possible(&self) -> &[Vec<u8>] {
        &self.sorted[self.from..self.to]
    }

    /// The shortest of those that share a beginning is sorted first.
    pub(super) fn is_complete(&self) -> bool {
        let first = self.possible().first();
        first.is_some_and(|string| string.len() == self.length)
    }

    pub(super) fn is_finished(&self) -> bool {
        self.is_complete() && self.possible().len() == 1
    }

    pub(super) fn fill(&self, mask: &mut TokenMask, end_token: u32) {
        mask.clear();
        let trie = &self.tokens.trie;
        // The nodes that the string before went through: a neighbour goes on
        // from where they part.
        let mut path = vec![trie.root()];
        let mut before: &[u8] = &[];
        for string in self.possible() {
            let rest = &string[self.length..];
            let pairs = rest.iter().zip(before);
            let shared = pairs.take_while(|(left, right)| left == right).count();
            let walked = path.len() - 1;
            before = rest;
            if shared < walked {
                path.truncate(shared + 1);
            } else if shared > walked {
                continue;
            }
            for &byte in &rest[path.len() - 1..] {
                let Some(node) = path.last().and_then(|node| trie.child_at_byte(node, byte)) else {
                    break;
                };
                if let Some(token) = node.token_id() {
                    mask.insert(token);
                }
                path.push(node);
            }
        }
        if self.is_complete() {
            mask.insert(end_token);
        }
    }

    /// Whether the token goes on with one of the strings; else nothing changes.
    pub(super) fn accept(&mut self, token: u32) -> bool {
        if token as usize >= self.tokens.trie.vocab_size() {
            return false;
        }
        let bytes = self.tokens.trie.token(token);
        let start = self.length;
        let head = |string: &[u8]| {
            let end = string.len().min(start + bytes.len());
            string[start.min(end)..end].cmp(bytes)
        };
        let possible = self.possible();
        let from = possible.partition_point(|string| head(string).is_lt());
        let to = from + possible[from..].partition_point(|string| head(string).is_eq());
        if bytes.is_empty() || from == to {
            return false;
        }
        (self.from, self.to) = (self.from + from, self.from + to);
        self.length += bytes.len();
        true
    }

    /// The rest of the last string that is possible, as the encoder has it.
    pub(super) fn forced(&self) -> Vec<u32> {
        let (Some(encoder), [only]) = (&self.tokens.encoder, self.possible()) else {
            return Vec::new();
        };
        let rest = &only[self.length..];
        let tokens = std::str::from_utf8(rest).map(encoder).unwrap_or_default();
        // An encoder may know tokens that the vocabulary was not told of.
        match self.tokens.trie.decode_raw(&tokens) == rest {
            true => tokens,
            false => Vec::new(),
        }
    }
}

/// Which bytes are tokens by themselves. Where all are, no choice leads to
/// where nothing can follow.
fn known_bytes(tokens: &Tokens) -> [bool; 256] {
    std::array::from_fn(|byte| tokens.trie.token_id(&[byte as u8]).is_some())
}
