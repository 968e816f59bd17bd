//! Text in the encodings that shops still export becomes UTF-8 on the way.

use std::io::{self, BufRead, Read};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{CoderResult, Decoder, EUC_JP, EUC_KR, Encoding, GBK, UTF_8, UTF_16BE, UTF_16LE};

/// How much text the statistics look at.
const SAMPLE_BYTES: usize = 64 << 10;
const BUFFER_BYTES: usize = 64 << 10;

/// The encoding of a text by its beginning: its byte order mark, the zeros of
/// UTF-16, UTF-8 where most of what is not ASCII is, else by statistics.
pub(super) fn encoding_of(head: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return encoding;
    }
    if let Some(encoding) = wide(head) {
        return encoding;
    }
    let (right, wrong) = utf8_votes(head);
    if wrong == 0 || right > 3 * wrong {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let mut fed = 0;
    for line in head.split(|byte| *byte == b'\n') {
        if !line.is_ascii() && fed < SAMPLE_BYTES {
            detector.feed(line, false);
            detector.feed(b"\n", false);
            fed += line.len();
        }
    }
    detector.feed(b"", true);
    let guess = detector.guess(None, Utf8Detection::Deny);
    if is_doubtful(guess, head) && !GBK.decode_without_bom_handling(head).1 {
        return GBK;
    }
    guess
}

/// Whether a short text is hardly of the encoding that statistics see: Japanese
/// has kana, Korean is of Hangul. Chinese in GBK looks like either.
fn is_doubtful(guess: &'static Encoding, head: &[u8]) -> bool {
    let text = guess.decode_without_bom_handling(head).0;
    let (mut letters, mut kana, mut hangul) = (0, 0, 0);
    for c in text.chars().filter(|c| !c.is_ascii()) {
        letters += 1;
        kana += usize::from(('\u{3041}'..='\u{30ff}').contains(&c));
        hangul += usize::from(('\u{ac00}'..='\u{d7a3}').contains(&c));
    }
    (guess == EUC_JP && kana == 0) || (guess == EUC_KR && hangul * 10 < letters * 8)
}

/// UTF-16 without a mark.
fn wide(head: &[u8]) -> Option<&'static Encoding> {
    let head = &head[..head.len().min(4_096)];
    let zeros = |first: usize| {
        let bytes = head.iter().skip(first).step_by(2);
        bytes.filter(|byte| **byte == 0).count()
    };
    let (even, odd) = (zeros(0), zeros(1));
    // No text has zeros; in UTF-16 each letter of ASCII has one on its side.
    if odd > 1 && odd > 8 * even {
        Some(UTF_16LE)
    } else if even > 1 && even > 8 * odd {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// Characters beyond ASCII that are UTF-8, and places that are not.
fn utf8_votes(mut bytes: &[u8]) -> (usize, usize) {
    let (mut right, mut wrong) = (0, 0);
    let beyond = |text: &str| text.chars().filter(|c| !c.is_ascii()).count();
    loop {
        match std::str::from_utf8(bytes) {
            Ok(text) => return (right + beyond(text), wrong),
            Err(error) => {
                let valid = &bytes[..error.valid_up_to()];
                right += std::str::from_utf8(valid).map_or(0, beyond);
                // The sample may end inside a character.
                let Some(length) = error.error_len() else {
                    return (right, wrong);
                };
                wrong += 1;
                bytes = &bytes[error.valid_up_to() + length..];
            }
        }
    }
}

/// `stream` as UTF-8; one that is UTF-8 goes through as it is, with its faults.
pub(super) fn decoded(
    encoding: &'static Encoding,
    stream: Box<dyn BufRead + Send>,
) -> Box<dyn Read + Send> {
    if encoding == UTF_8 {
        return Box::new(stream);
    }
    Box::new(Decoded {
        stream,
        decoder: encoding.new_decoder_with_bom_removal(),
        text: vec![0; BUFFER_BYTES],
        at: 0,
        length: 0,
        ended: false,
    })
}

struct Decoded {
    stream: Box<dyn BufRead + Send>,
    decoder: Decoder,
    text: Vec<u8>,
    at: usize,
    length: usize,
    ended: bool,
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.length {
            if self.ended {
                return Ok(0);
            }
            let bytes = self.stream.fill_buf()?;
            let last = bytes.is_empty();
            let (result, read, written, _) =
                self.decoder.decode_to_utf8(bytes, &mut self.text, last);
            self.stream.consume(read);
            self.ended = last && result == CoderResult::InputEmpty;
            (self.at, self.length) = (0, written);
        }
        let length = buffer.len().min(self.length - self.at);
        buffer[..length].copy_from_slice(&self.text[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "id,title\n1,Grüner Tee – mild\n2,Weißwein aus Österreich\n";

    fn read(bytes: &[u8]) -> String {
        let mut text = String::new();
        let stream = Box::new(io::Cursor::new(bytes.to_vec()));
        let decoded = decoded(encoding_of(bytes), stream).read_to_string(&mut text);
        decoded.unwrap();
        text
    }

    #[test]
    fn one_text_in_every_encoding() {
        let wide =
            |unit: fn(u16) -> [u8; 2]| -> Vec<u8> { TEXT.encode_utf16().flat_map(unit).collect() };
        let cp1252 = encoding_rs::WINDOWS_1252.encode(TEXT).0;
        for bytes in [
            TEXT.as_bytes().to_vec(),
            wide(u16::to_le_bytes),
            wide(u16::to_be_bytes),
            [b"\xff\xfe".to_vec(), wide(u16::to_le_bytes)].concat(),
            [b"\xfe\xff".to_vec(), wide(u16::to_be_bytes)].concat(),
            cp1252.into_owned(),
        ] {
            assert_eq!(read(&bytes), TEXT, "{bytes:?}");
        }
        for (encoding, text) in [
            (GBK, "编号,标题\nz1,普洱茶 陈年\nz2,绿茶 二百五十克\n"),
            (
                encoding_rs::SHIFT_JIS,
                "id,title\nj1,煎茶 百グラム\nj2,湯呑み（青）\n",
            ),
            (
                encoding_rs::WINDOWS_1251,
                "id,title\n1,Чайная ложка\n2,Чёрный чай\n",
            ),
        ] {
            assert_eq!(read(&encoding.encode(text).0), text);
        }
    }

    #[test]
    fn a_damaged_character_does_not_change_the_encoding() {
        let bytes = ["Tea für Österreich – schön".as_bytes(), b" \xff"].concat();
        assert_eq!(encoding_of(&bytes), UTF_8);
        assert_eq!(
            encoding_of("cut in 茶".as_bytes().split_last().unwrap().1),
            UTF_8
        );
    }
}
