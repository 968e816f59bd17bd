//! The header of a safetensors file: which tensor lies where. The format is
//! described in the README of the public safetensors sources.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;

/// The size that the format itself allows a header.
const LARGEST_HEADER: u64 = 100_000_000;

/// An entry of the header; that of the metadata has none of these.
#[derive(Deserialize)]
struct Entry {
    dtype: Option<String>,
    shape: Option<Vec<usize>>,
    data_offsets: Option<(usize, usize)>,
}

/// A tensor as the header describes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Described {
    pub(crate) dtype: String,
    pub(crate) shape: Vec<usize>,
    /// Its bytes, from the beginning of the file.
    pub(crate) place: Range<usize>,
}

/// Reads the header; a refusal is the rest of a sentence.
pub(crate) fn read_header(bytes: &[u8]) -> Result<BTreeMap<String, Described>, String> {
    let Some((size, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(format!("has only {} bytes", bytes.len()));
    };
    let size = u64::from_le_bytes(*size);
    let fits = |size: &u64| *size <= LARGEST_HEADER && *size <= rest.len() as u64;
    let Some(size) = Some(size).filter(fits) else {
        return Err(format!(
            "has {} bytes, too few for its header of {size} bytes",
            bytes.len()
        ));
    };
    let (header, data) = rest.split_at(size as usize);
    let entries: BTreeMap<String, Entry> =
        serde_json::from_slice(header).map_err(|error| format!("has a broken header: {error}"))?;
    let start = bytes.len() - data.len();
    let mut tensors = BTreeMap::new();
    for (name, entry) in entries {
        if name == "__metadata__" {
            continue;
        }
        let Entry {
            dtype: Some(dtype),
            shape: Some(shape),
            data_offsets: Some((from, to)),
        } = entry
        else {
            return Err(format!("does not say what and where tensor {name} is"));
        };
        if from > to || to > data.len() {
            return Err(format!(
                "is cut off: tensor {name} has the bytes {from} to {to} of {}",
                data.len()
            ));
        }
        let place = start + from..start + to;
        tensors.insert(
            name,
            Described {
                dtype,
                shape,
                place,
            },
        );
    }
    let mut order: Vec<(&String, &Described)> = tensors.iter().collect();
    order.sort_by_key(|(_, tensor)| (tensor.place.start, tensor.place.end));
    match order
        .windows(2)
        .find(|pair| pair[0].1.place.end > pair[1].1.place.start)
    {
        Some(pair) => Err(format!(
            "lets the tensors {} and {} overlap",
            pair[0].0, pair[1].0
        )),
        None => Ok(tensors),
    }
}
