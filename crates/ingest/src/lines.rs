//! Lines of any length out of a stream, in bounded memory.

use std::io::{self, BufRead, ErrorKind};

use super::MAX_ROW_BYTES;

/// What the stream gave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line is in the buffer, without its line break.
    Whole,
    /// A line longer than [`MAX_ROW_BYTES`]; its beginning is in the buffer,
    /// the rest was skipped.
    TooLong {
        /// How long it was.
        bytes: u64,
    },
    /// There is no more.
    End,
}

/// Reads lines and knows where it is.
pub(super) struct Lines<R> {
    stream: R,
    /// The number of the line read last, from 1.
    pub(super) number: u64,
    /// Bytes read so far (unpacked).
    pub(super) offset: u64,
    longest: usize,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(stream: R) -> Self {
        Self {
            stream,
            number: 0,
            offset: 0,
            longest: MAX_ROW_BYTES,
        }
    }

    /// Puts the next line into `buffer`; `ending` says whether its line
    /// break stays. On an error the buffer holds what came before it.
    pub(super) fn next(&mut self, buffer: &mut Vec<u8>, ending: bool) -> io::Result<Line> {
        buffer.clear();
        let mut length = 0_u64;
        loop {
            let available = match self.stream.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                if length == 0 {
                    return Ok(Line::End);
                }
                self.number += 1;
                break;
            }
            let newline = memchr(available);
            let taken = newline.map_or(available.len(), |at| at + 1);
            let room = self.longest.saturating_sub(buffer.len());
            buffer.extend_from_slice(&available[..taken.min(room)]);
            length += taken as u64;
            self.stream.consume(taken);
            self.offset += taken as u64;
            if newline.is_some() {
                self.number += 1;
                break;
            }
        }
        if length > self.longest as u64 {
            return Ok(Line::TooLong { bytes: length });
        }
        if !ending {
            if buffer.last() == Some(&b'\n') {
                buffer.pop();
            }
            if buffer.last() == Some(&b'\r') {
                buffer.pop();
            }
        }
        if self.number == 1 {
            without_mark(buffer);
        }
        Ok(Line::Whole)
    }
}

/// Takes the byte order mark off.
pub(super) fn without_mark(buffer: &mut Vec<u8>) {
    if buffer.starts_with(b"\xef\xbb\xbf") {
        buffer.drain(..3);
    }
}

fn memchr(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], longest: usize) -> Vec<(String, Line, u64)> {
        let mut lines = Lines::new(bytes);
        lines.longest = longest;
        let mut buffer = Vec::new();
        let mut all = Vec::new();
        loop {
            match lines.next(&mut buffer, false).unwrap() {
                Line::End => return all,
                line => all.push((
                    String::from_utf8_lossy(&buffer).into_owned(),
                    line,
                    lines.number,
                )),
            }
        }
    }

    #[test]
    fn marks_breaks_and_long_lines() {
        let found = read(b"\xef\xbb\xbfa\r\n\nlonger than ten\nb", 10);
        assert_eq!(
            found,
            [
                ("a".to_owned(), Line::Whole, 1),
                (String::new(), Line::Whole, 2),
                ("longer tha".to_owned(), Line::TooLong { bytes: 16 }, 3),
                ("b".to_owned(), Line::Whole, 4),
            ]
        );
    }
}
