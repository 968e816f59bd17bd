//! How a vocabulary spells the bytes of its tokens.

use tokenizers::pre_tokenizers::metaspace::PrependScheme;
use tokenizers::{DecoderWrapper, PreTokenizerWrapper};

use super::Pipeline;

/// What stands for a space in SentencePiece's vocabularies.
const SPACE_MARK: char = '▁';

/// How a vocabulary spells bytes.
#[derive(Debug, Clone)]
pub(super) enum Spelling {
    /// A printable letter for each byte (Radford et al., 2019).
    ByteLevel,
    /// Text with `▁` for spaces and `<0xNN>` for bytes (Kudo and Richardson,
    /// 2018).
    SentencePiece {
        /// Whether a space is put before each text.
        adds_first_space: bool,
    },
    /// Words, and `##` before what continues one.
    WordPiece {
        /// What stands before a continuation.
        prefix: String,
    },
    /// As it is.
    Plain,
}

/// The byte that a letter of the byte-level alphabet stands for: printable
/// Latin letters stand for themselves, the others follow from U+0100 on.
fn byte_of(letter: char) -> Option<u8> {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    match u32::from(letter) {
        number @ 0..=0xff => Some(number as u8).filter(|byte| printable(*byte)),
        number => {
            let place = number.checked_sub(0x100)? as usize;
            (0..=u8::MAX).filter(|byte| !printable(*byte)).nth(place)
        }
    }
}

/// The byte that a token like `<0x0A>` stands for.
fn byte_token(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok())?
}

impl Spelling {
    pub(super) fn of(pipeline: &Pipeline) -> Spelling {
        match pipeline.get_decoder() {
            Some(decoder) => Spelling::of_decoder(decoder, pipeline),
            None => Spelling::Plain,
        }
    }

    fn of_decoder(decoder: &DecoderWrapper, pipeline: &Pipeline) -> Spelling {
        match decoder {
            DecoderWrapper::ByteLevel(_) => Spelling::ByteLevel,
            DecoderWrapper::WordPiece(decoder) => Spelling::WordPiece {
                prefix: decoder.prefix.clone(),
            },
            DecoderWrapper::Metaspace(decoder) => Spelling::SentencePiece {
                adds_first_space: decoder.prepend_scheme != PrependScheme::Never,
            },
            DecoderWrapper::ByteFallback(_) | DecoderWrapper::Replace(_) => {
                Spelling::SentencePiece {
                    adds_first_space: adds_space_before_splitting(pipeline),
                }
            }
            DecoderWrapper::Sequence(sequence) => {
                let strips = |decoder: &DecoderWrapper| matches!(decoder, DecoderWrapper::Strip(strip) if strip.content == ' ' && strip.start > 0);
                let strips = sequence.get_decoders().iter().any(strips);
                let mut spellings = (sequence.get_decoders().iter())
                    .map(|decoder| Spelling::of_decoder(decoder, pipeline))
                    .filter(|spelling| !matches!(spelling, Spelling::Plain));
                match spellings.next() {
                    Some(Spelling::SentencePiece { adds_first_space }) => Spelling::SentencePiece {
                        adds_first_space: adds_first_space || strips,
                    },
                    Some(spelling) => spelling,
                    None => Spelling::Plain,
                }
            }
            DecoderWrapper::BPE(_)
            | DecoderWrapper::CTC(_)
            | DecoderWrapper::Fuse(_)
            | DecoderWrapper::Strip(_) => Spelling::Plain,
        }
    }

    /// The bytes of a token.
    pub(super) fn bytes(&self, token: String) -> Vec<u8> {
        match self {
            Spelling::ByteLevel => {
                let bytes: Option<Vec<u8>> = token.chars().map(byte_of).collect();
                bytes.unwrap_or_else(|| token.into_bytes())
            }
            Spelling::SentencePiece { .. } => match byte_token(&token) {
                Some(byte) => vec![byte],
                None => token.replace(SPACE_MARK, " ").into_bytes(),
            },
            Spelling::WordPiece { prefix } => match token.strip_prefix(prefix.as_str()) {
                Some(continuation) => continuation.as_bytes().to_vec(),
                None => format!(" {token}").into_bytes(),
            },
            Spelling::Plain => token.into_bytes(),
        }
    }

    pub(super) fn is_wordpiece(&self) -> bool {
        matches!(self, Spelling::WordPiece { .. })
    }

    /// Whether the first space of a text is not the text's own.
    pub(super) fn adds_first_space(&self) -> bool {
        match self {
            Spelling::SentencePiece { adds_first_space } => *adds_first_space,
            Spelling::WordPiece { .. } => true,
            Spelling::ByteLevel | Spelling::Plain => false,
        }
    }
}

fn adds_space_before_splitting(pipeline: &Pipeline) -> bool {
    match pipeline.get_pre_tokenizer() {
        Some(PreTokenizerWrapper::Metaspace(metaspace)) => {
            metaspace.prepend_scheme != PrependScheme::Never
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_letter() {
        let letters = ('\0'..='\u{1ff}').filter_map(|letter| Some((byte_of(letter)?, letter)));
        let bytes: std::collections::BTreeMap<u8, char> = letters.collect();
        assert_eq!(bytes.len(), 256);
        assert_eq!((bytes[&b' '], bytes[&b'\n'], bytes[&b'a']), ('Ġ', 'Ċ', 'a'));
    }

    #[test]
    fn byte_tokens_are_exactly_two_digits() {
        assert_eq!(byte_token("<0x0A>"), Some(10));
        for other in ["<0x0>", "<0x123>", "0x12", "<0x+1>x"] {
            assert_eq!(byte_token(other), None, "{other}");
        }
    }
}
