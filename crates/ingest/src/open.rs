//! A file as a stream of plain bytes, whatever it is packed with.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use super::IngestError;

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

/// An open file: its beginning to look at, and all of it to read.
pub(super) struct Opened {
    pub(super) packing: Packing,
    /// The first bytes, unpacked.
    pub(super) head: Vec<u8>,
    /// All bytes, unpacked, the head included.
    pub(super) bytes: Box<dyn BufRead + Send>,
    /// How much of the file itself has been read.
    pub(super) position: Arc<AtomicU64>,
}

pub(super) fn open(path: &Path) -> Result<Opened, IngestError> {
    let file = File::open(path).map_err(|error| IngestError::read(path, error))?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(IngestError::format(path, "a folder: name the files in it"));
    }
    let position = Arc::new(AtomicU64::new(0));
    let counted = Counted {
        file,
        position: position.clone(),
    };
    let mut packed = BufReader::with_capacity(BUFFER_BYTES, counted);
    let magic = packed
        .fill_buf()
        .map_err(|error| IngestError::read(path, error))?;
    let packing = match magic {
        [0x1f, 0x8b, ..] => Packing::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zstandard,
        _ => Packing::Plain,
    };
    let mut plain: Box<dyn Read + Send> = match packing {
        Packing::Plain => Box::new(packed),
        Packing::Gzip => Box::new(MultiGzDecoder::new(packed)),
        Packing::Zstandard => Box::new(
            zstd::stream::read::Decoder::with_buffer(packed)
                .map_err(|error| IngestError::read(path, error))?,
        ),
    };
    let (head, failure) = read_head(&mut plain);
    let replayed = Replayed {
        head: Cursor::new(head.clone()),
        failure,
        rest: plain,
    };
    Ok(Opened {
        packing,
        head,
        bytes: Box::new(BufReader::with_capacity(BUFFER_BYTES, replayed)),
        position,
    })
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
