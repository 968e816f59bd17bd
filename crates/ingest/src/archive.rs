//! ZIP archives, and what is packed in one: never more than so much, never
//! outside.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use tempfile::TempPath;
use zip::ZipArchive;

/// What all entries may hold together, unpacked.
pub(super) const MOST_BYTES: u64 = 1 << 30;
const MOST_ENTRIES: usize = 10_000;

/// A file out of an archive, under a name of ours.
pub(super) struct Entry {
    /// Its name in the archive: a label, never a path.
    pub(super) name: String,
    pub(super) file: TempPath,
}

fn opened(path: &Path) -> Result<ZipArchive<BufReader<File>>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let archive = ZipArchive::new(BufReader::new(file)).map_err(|error| error.to_string())?;
    if archive.len() > MOST_ENTRIES {
        return Err(format!(
            "an archive of {} files: {MOST_ENTRIES} are read",
            archive.len()
        ));
    }
    Ok(archive)
}

/// The names of the entries.
pub(super) fn names(path: &Path) -> Result<Vec<String>, String> {
    let archive = opened(path)?;
    let names = archive.file_names().flatten();
    Ok(names.map(|name| name.into_owned()).collect())
}

/// Unpacks the entries that are files to temporary files.
pub(super) fn unpack(path: &Path) -> Result<Vec<Entry>, String> {
    let mut archive = opened(path)?;
    let mut entries = Vec::new();
    let mut left = MOST_BYTES;
    for place in 0..archive.len() {
        let mut entry = archive.by_index(place).map_err(|error| error.to_string())?;
        let name = entry
            .name()
            .map_err(|error| error.to_string())?
            .into_owned();
        if entry.is_dir() || entry.is_symlink() || is_of_the_system(&name) {
            continue;
        }
        let mut file = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
        let copied =
            copy(&mut entry, &mut file, left).map_err(|error| format!("{name}: {error}"))?;
        left -= copied;
        entries.push(Entry {
            name: label(&name),
            file: file.into_temp_path(),
        });
    }
    Ok(entries)
}

/// `__MACOSX/._a.md`, `.DS_Store`
fn is_of_the_system(name: &str) -> bool {
    let mut parts = name.split(['/', '\\']);
    parts.any(|part| part == "__MACOSX" || (part.starts_with('.') && part != ".." && part != "."))
        || name.ends_with("Thumbs.db")
}

/// The name without what leads elsewhere.
fn label(name: &str) -> String {
    let parts = name
        .split(['/', '\\'])
        .filter(|part| !matches!(*part, "" | "." | ".."));
    parts.collect::<Vec<_>>().join("/")
}

fn copy(from: &mut impl Read, to: &mut impl Write, most: u64) -> io::Result<u64> {
    let copied = io::copy(&mut from.take(most + 1), to)?;
    if copied > most {
        return Err(io::Error::other(format!(
            "more than {MOST_BYTES} bytes unpacked: this is refused"
        )));
    }
    Ok(copied)
}

/// Unpacks everything to nowhere, to know that it is not too much.
pub(super) fn check_size(path: &Path) -> Result<(), String> {
    let mut archive = opened(path)?;
    let mut left = MOST_BYTES;
    for place in 0..archive.len() {
        let mut entry = archive.by_index(place).map_err(|error| error.to_string())?;
        left -= copy(&mut entry, &mut io::sink(), left).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Reads one entry, of which so much may be unpacked.
pub(super) fn with_entry<T>(
    path: &Path,
    name: &str,
    most: u64,
    read: impl FnOnce(&mut dyn Read) -> Result<T, String>,
) -> Result<T, String> {
    let mut archive = opened(path)?;
    let entry = archive.by_name(name).map_err(|error| error.to_string())?;
    read(&mut Bounded {
        stream: entry,
        left: most,
    })
}

/// A stream that fails where it holds too much.
struct Bounded<R> {
    stream: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => {
                return Err(io::Error::other(
                    "too much is packed in it: this is refused",
                ));
            }
        }
        Ok(read)
    }
}
