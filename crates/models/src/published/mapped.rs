//! The bytes of a file: mapped into memory, or owned.

use std::fs::File;
use std::ops::Deref;

use memmap2::Mmap;

use crate::error::ModelError;

use super::Source;

/// The bytes of a file.
#[derive(Debug)]
pub(crate) enum FileBytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            FileBytes::Mapped(map) => map,
            FileBytes::Owned(bytes) => bytes,
        }
    }
}

impl FileBytes {
    /// Maps a file; an empty one is no mapping.
    pub(crate) fn open(source: &Source) -> Result<FileBytes, ModelError> {
        let file = File::open(&source.path).map_err(|error| source.refuse(error))?;
        let metadata = file.metadata().map_err(|error| source.refuse(error))?;
        if !metadata.is_file() {
            return Err(source.refuse("it is no file"));
        }
        if metadata.len() == 0 {
            return Ok(FileBytes::Owned(Vec::new()));
        }
        // SAFETY: the mapping is read-only and private to this process; all
        // reads go through bounds-checked slices and any byte pattern is a
        // valid `u8`. Model files are replaced by renaming, never shortened
        // in place while a model is open, which is what the mapping needs.
        let map = unsafe { Mmap::map(&file) };
        map.map(FileBytes::Mapped)
            .map_err(|error| source.refuse(error))
    }
}
