//! A file as a stream of plain UTF-8, whatever it is packed with and written in.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs::{Encoding, UTF_8};
use flate2::bufread::MultiGzDecoder;

use super::IngestError;
use super::encoding::{decoded, encoding_of};

/// How much of the beginning is looked at to find the format.
const HEAD_BYTES: usize = 256 << 10;
const BUFFER_BYTES: usize = 256 << 10;

/// What a file is packed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstandard,
}

/// How far into a file of plain ASCII the first other letter is looked for.
const MOST_ASCII_BYTES: u64 = 256 << 20;

/// An open file: its beginning to look at, and all of it to read.
pub(super) struct Opened {
    pub(super) packing: Packing,
    /// The first bytes as they stand in it, unpacked.
    pub(super) raw: Vec<u8>,
    /// The first text.
    pub(super) head: Vec<u8>,
    /// All text, the head included.
    pub(super) bytes: Box<dyn BufRead + Send>,
}

/// Opens a file; `position` is how much of the file itself has been read.
pub(super) fn open(path: &Path, position: Arc<AtomicU64>) -> Result<Opened, IngestError> {
    let (packing, mut plain) = unpacked(path, position)?;
    let (raw, failure) = read_head(&mut plain);
    let encoding = declared(&raw).unwrap_or_else(|| encoding_of(&sample(path, &raw)));
    let replayed = BufReader::with_capacity(
        BUFFER_BYTES,
        Replayed {
            head: Cursor::new(raw.clone()),
            failure,
            rest: plain,
        },
    );
    let mut text = decoded(encoding, Box::new(replayed));
    let (head, failure) = match encoding == UTF_8 {
        true => {
            return Ok(Opened {
                packing,
                head: raw.clone(),
                raw,
                bytes: buffered(text),
            });
        }
        false => read_head(&mut text),
    };
    let replayed = Replayed {
        head: Cursor::new(head.clone()),
        failure,
        rest: text,
    };
    Ok(Opened {
        packing,
        raw,
        head,
        bytes: buffered(Box::new(replayed)),
    })
}

fn buffered(stream: Box<dyn Read + Send>) -> Box<dyn BufRead + Send> {
    Box::new(BufReader::with_capacity(BUFFER_BYTES, stream))
}

/// A file as it is inside of its packing.
pub(super) fn unpacked(
    path: &Path,
    position: Arc<AtomicU64>,
) -> Result<(Packing, Box<dyn Read + Send>), IngestError> {
    let file = File::open(path).map_err(|error| IngestError::read(path, error))?;
    let counted = Counted { file, position };
    let mut packed = BufReader::with_capacity(BUFFER_BYTES, counted);
    let magic = packed
        .fill_buf()
        .map_err(|error| IngestError::read(path, error))?;
    let packing = match magic {
        [0x1f, 0x8b, ..] => Packing::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zstandard,
        _ => Packing::Plain,
    };
    let plain: Box<dyn Read + Send> = match packing {
        Packing::Plain => Box::new(packed),
        Packing::Gzip => Box::new(MultiGzDecoder::new(packed)),
        Packing::Zstandard => Box::new(
            zstd::stream::read::Decoder::with_buffer(packed)
                .map_err(|error| IngestError::read(path, error))?,
        ),
    };
    Ok((packing, plain))
}

/// The encoding that XML or HTML says it has, unless its bytes say UTF-16.
fn declared(head: &[u8]) -> Option<&'static Encoding> {
    let beginning = &head[..head.len().min(1_024)];
    let first = beginning
        .iter()
        .position(|byte| !byte.is_ascii_whitespace())?;
    if beginning[first] != b'<' {
        return None;
    }
    let text = String::from_utf8_lossy(beginning).to_lowercase();
    let names = ["encoding=", "charset="];
    let at = names
        .iter()
        .find_map(|name| Some(text.find(name)? + name.len()))?;
    let label = text[at..].trim_start_matches(['"', '\'']);
    let end = label.find(['"', '\'', ' ', '>', '?', ';'])?;
    let encoding = Encoding::for_label(&label.as_bytes()[..end])?;
    // What decodes without a fault is UTF-8, whatever it says.
    let is_utf8 = encoding_of(head) == UTF_8 && !head.is_ascii();
    (!is_utf8).then_some(encoding)
}

/// What the encoding is judged by: the head, or where that is plain ASCII and
/// more follows, the first lines that are not.
fn sample<'h>(path: &Path, head: &'h [u8]) -> std::borrow::Cow<'h, [u8]> {
    if head.len() < HEAD_BYTES || !head.is_ascii() {
        return head.into();
    }
    let Ok((_, stream)) = unpacked(path, Arc::default()) else {
        return head.into();
    };
    let mut stream = BufReader::with_capacity(BUFFER_BYTES, stream.take(MOST_ASCII_BYTES));
    while let Ok(block) = stream.fill_buf() {
        if block.is_empty() {
            break;
        }
        if !block.is_ascii() {
            return block.to_vec().into();
        }
        let length = block.len();
        stream.consume(length);
    }
    head.into()
}

/// The beginning of a stream, and the error that ended it early.
fn read_head(stream: &mut dyn Read) -> (Vec<u8>, Option<io::Error>) {
    let mut head = vec![0; HEAD_BYTES];
    let mut length = 0;
    while length < HEAD_BYTES {
        match stream.read(&mut head[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                head.truncate(length);
                return (head, Some(error));
            }
        }
    }
    head.truncate(length);
    (head, None)
}

/// Counts the bytes that leave the file.
struct Counted {
    file: File,
    position: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.position.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// The head once more, then its error, if it ended in one, then the rest.
struct Replayed {
    head: Cursor<Vec<u8>>,
    failure: Option<io::Error>,
    rest: Box<dyn Read + Send>,
}

impl Read for Replayed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.head.read(buffer)?;
        if read > 0 || buffer.is_empty() {
            return Ok(read);
        }
        match self.failure.take() {
            Some(error) => Err(error),
            None => self.rest.read(buffer),
        }
    }
}
