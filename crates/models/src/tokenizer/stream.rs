//! Decoding of tokens as they come, never half a character.

use super::Tokenizer;

/// Decodes tokens one after the other. Bytes that are part of a character
/// wait for the rest of it.
#[derive(Debug, Clone)]
pub struct TokenStream<'t> {
    tokenizer: &'t Tokenizer,
    pending: Vec<u8>,
    is_first: bool,
}

impl<'t> TokenStream<'t> {
    pub(super) fn new(tokenizer: &'t Tokenizer) -> TokenStream<'t> {
        TokenStream {
            tokenizer,
            pending: Vec::new(),
            is_first: tokenizer.adds_first_space(),
        }
    }

    /// The text that is complete with this token; none for special tokens.
    pub fn push(&mut self, id: u32) -> String {
        let bytes = self.tokenizer.token_bytes(id);
        let bytes = match bytes.split_first() {
            None => return String::new(),
            Some((b' ', rest)) if self.is_first => rest,
            Some(_) => &bytes,
        };
        self.is_first = false;
        self.pending.extend_from_slice(bytes);
        let complete = complete_length(&self.pending);
        let text = String::from_utf8_lossy(&self.pending[..complete]).into_owned();
        self.pending.drain(..complete);
        text
    }

    /// What is left at the end, where half a character becomes the
    /// replacement character.
    pub fn finish(&mut self) -> String {
        let text = String::from_utf8_lossy(&self.pending).into_owned();
        self.pending.clear();
        text
    }
}

/// How many bytes come before a character that only begins.
fn complete_length(bytes: &[u8]) -> usize {
    let mut start = 0;
    loop {
        match std::str::from_utf8(&bytes[start..]) {
            Ok(_) => return bytes.len(),
            Err(error) => match error.error_len() {
                Some(wrong) => start += error.valid_up_to() + wrong,
                None => return start + error.valid_up_to(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_character_that_begins_waits() {
        let smiley = "😀".as_bytes();
        assert_eq!(complete_length(b"ab"), 2);
        assert_eq!(complete_length(&smiley[..3]), 0);
        assert_eq!(complete_length(&[b"ab", &smiley[..2]].concat()), 2);
        assert_eq!(complete_length(&[&[0xff, b'a'], &smiley[..1]].concat()), 2);
        assert_eq!(complete_length(smiley), 4);
    }
}
