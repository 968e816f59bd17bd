//! The head of a GGUF file, versions 2 and 3: metadata and where tensors
//! are. The format is described in `docs/gguf.md` of the public ggml sources.

use std::collections::BTreeMap;

use crate::error::ModelError;

use super::Source;
use super::encoding::Encoding;
use super::gguf_values::{Array, Cursor, DEEPEST, Read, Value};

/// What a GGUF file begins with.
pub(crate) const MAGIC: &[u8; 4] = b"GGUF";
/// Where tensors begin and end, unless the file says otherwise.
pub(crate) const ALIGNMENT: usize = 32;
/// A tensor as the head of the file describes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TensorPlace {
    pub(crate) name: String,
    /// Rows first, as in the rest of this crate; the file has columns first.
    pub(crate) shape: Vec<usize>,
    pub(crate) encoding: Encoding,
    /// The first byte, from the beginning of the file.
    pub(crate) start: usize,
    /// How many bytes.
    pub(crate) size: usize,
}

/// The head of a GGUF file.
#[derive(Debug)]
pub(crate) struct Head<'a> {
    source: &'a Source,
    metadata: BTreeMap<&'a str, Value<'a>>,
    pub(crate) tensors: Vec<TensorPlace>,
}

impl<'a> Head<'a> {
    /// Reads the head of a file.
    pub(crate) fn read(source: &'a Source, bytes: &'a [u8]) -> Result<Head<'a>, ModelError> {
        let (metadata, tensors) =
            read_head(bytes).map_err(|reason| source.refuse(format!("the GGUF file {reason}")))?;
        Ok(Head {
            source,
            metadata,
            tensors,
        })
    }

    /// An error about this file.
    pub(crate) fn refuse(&self, reason: impl std::fmt::Display) -> ModelError {
        self.source.refuse(reason)
    }

    fn wrong(&self, key: &str, what: &str) -> ModelError {
        self.refuse(format!("`{key}` is no {what}"))
    }

    /// A whole number that is not negative.
    pub(crate) fn size(&self, key: &str) -> Result<Option<usize>, ModelError> {
        let number = match self.metadata.get(key) {
            None => return Ok(None),
            Some(Value::Unsigned(number)) => usize::try_from(*number).ok(),
            Some(Value::Signed(number)) => usize::try_from(*number).ok(),
            Some(_) => None,
        };
        number
            .map(Some)
            .ok_or_else(|| self.wrong(key, "usable whole number"))
    }

    /// A whole number that has to be there.
    pub(crate) fn needed_size(&self, key: &str) -> Result<usize, ModelError> {
        self.size(key)?
            .ok_or_else(|| self.refuse(format!("`{key}` is missing")))
    }

    /// A number.
    pub(crate) fn number(&self, key: &str) -> Result<Option<f32>, ModelError> {
        match self.metadata.get(key) {
            None => Ok(None),
            Some(value) => match value.number() {
                Some(number) => Ok(Some(number as f32)),
                None => Err(self.wrong(key, "number")),
            },
        }
    }

    /// Yes or no.
    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, ModelError> {
        match self.metadata.get(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.wrong(key, "truth value")),
        }
    }

    /// A text.
    pub(crate) fn text(&self, key: &str) -> Result<Option<&'a str>, ModelError> {
        match self.metadata.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(key, "text")),
        }
    }

    /// An array.
    pub(crate) fn array(&self, key: &str) -> Result<Option<Array<'a>>, ModelError> {
        match self.metadata.get(key) {
            None => Ok(None),
            Some(Value::Array(array)) => Ok(Some(*array)),
            Some(_) => Err(self.wrong(key, "array")),
        }
    }

    /// Texts, all of them UTF-8.
    pub(crate) fn texts(&self, key: &str) -> Result<Option<Vec<&'a str>>, ModelError> {
        let array = self.array(key)?;
        let texts = array.map(|array| {
            array
                .texts()
                .ok_or_else(|| self.wrong(key, "list of texts"))
        });
        texts.transpose()
    }

    /// Numbers.
    pub(crate) fn numbers(&self, key: &str) -> Result<Option<Vec<f64>>, ModelError> {
        let array = self.array(key)?;
        let numbers = array.map(|array| {
            array
                .numbers()
                .ok_or_else(|| self.wrong(key, "list of numbers"))
        });
        numbers.transpose()
    }
}

type Parts<'a> = (BTreeMap<&'a str, Value<'a>>, Vec<TensorPlace>);

fn read_head(bytes: &[u8]) -> Read<Parts<'_>> {
    let mut cursor = Cursor::new(bytes);
    if cursor.array::<4>()? != *MAGIC {
        return Err("does not begin with `GGUF`".to_owned());
    }
    match cursor.u32()? {
        2 | 3 => {}
        version if matches!(version.swap_bytes(), 1..=3) => {
            return Err("is for big-endian machines; convert it for little-endian ones".to_owned());
        }
        version => return Err(format!("has version {version}; versions 2 and 3 are read")),
    }
    let (tensor_count, entries) = (cursor.u64()?, cursor.u64()?);
    let mut metadata = BTreeMap::new();
    for _ in 0..entries {
        let key = cursor.text()?;
        let kind = cursor.kind()?;
        let value = cursor.value(kind, DEEPEST)?;
        if metadata.insert(key, value).is_some() {
            return Err(format!("has the entry `{key}` twice"));
        }
    }
    let mut tensors = Vec::new();
    for _ in 0..tensor_count {
        tensors.push(tensor_place(&mut cursor)?);
    }
    let alignment = match metadata.get("general.alignment") {
        None => ALIGNMENT,
        Some(Value::Unsigned(number)) if number.is_power_of_two() && *number <= 1 << 20 => {
            *number as usize
        }
        Some(other) => {
            return Err(format!(
                "has an alignment of {other:?}, no usable power of two"
            ));
        }
    };
    let data = cursor.at.next_multiple_of(alignment);
    place_tensors(&mut tensors, data, alignment, bytes.len())?;
    Ok((metadata, tensors))
}

/// One description; its start is still counted from the beginning of data.
fn tensor_place(cursor: &mut Cursor<'_>) -> Read<TensorPlace> {
    let name = cursor.text()?.to_owned();
    let dimensions = cursor.u32()?;
    if !(1..=4).contains(&dimensions) {
        return Err(format!(
            "gives tensor {name} {dimensions} dimensions, 1 to 4 are possible"
        ));
    }
    let mut shape = Vec::new();
    for _ in 0..dimensions {
        let size = usize::try_from(cursor.u64()?)
            .map_err(|_| format!("has a tensor {name} that is too large"))?;
        shape.push(size);
    }
    shape.reverse();
    let number = cursor.u32()?;
    let Some(encoding) = Encoding::from_ggml(number) else {
        return Err(format!(
            "stores tensor {name} in ggml type {number}, which is not read; \
             F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K and Q6_K are"
        ));
    };
    let start =
        usize::try_from(cursor.u64()?).map_err(|_| format!("places tensor {name} outside"))?;
    let count = shape
        .iter()
        .try_fold(1usize, |count, size| count.checked_mul(*size));
    let columns = shape.last().copied().unwrap_or(1);
    let whole_rows = encoding.bytes(columns).is_some() && !shape.contains(&0);
    let Some(size) = count
        .and_then(|count| encoding.bytes(count))
        .filter(|_| whole_rows)
    else {
        return Err(format!(
            "has a tensor {name} that cannot have the shape {shape:?} as {encoding:?}"
        ));
    };
    Ok(TensorPlace {
        name,
        shape,
        encoding,
        start,
        size,
    })
}

/// Counts starts from the beginning of the file, and checks that the tensors
/// lie in it, aligned and apart.
fn place_tensors(
    tensors: &mut [TensorPlace],
    data: usize,
    alignment: usize,
    file_size: usize,
) -> Read<()> {
    for tensor in tensors.iter_mut() {
        let name = &tensor.name;
        if !tensor.start.is_multiple_of(alignment) {
            return Err(format!("does not align tensor {name} to {alignment} bytes"));
        }
        let start = tensor.start.checked_add(data);
        let end = start.and_then(|start| start.checked_add(tensor.size));
        if end.is_none_or(|end| end > file_size) {
            return Err(format!(
                "is cut off: tensor {name} lies outside its {file_size} bytes"
            ));
        }
        tensor.start += data;
    }
    let mut order: Vec<&TensorPlace> = tensors.iter().collect();
    order.sort_by_key(|tensor| tensor.start);
    match order
        .windows(2)
        .find(|pair| pair[0].start + pair[0].size > pair[1].start)
    {
        Some(pair) => Err(format!(
            "lets the tensors {} and {} overlap",
            pair[0].name, pair[1].name
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn text(text: &str) -> Vec<u8> {
        [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
    }

    fn tensor(name: &str, shape: &[u64], kind: u32, start: u64) -> Vec<u8> {
        let sizes = shape.iter().flat_map(|size| size.to_le_bytes());
        let head = [
            text(name),
            (shape.len() as u32).to_le_bytes().to_vec(),
            sizes.collect(),
        ];
        [
            head.concat(),
            kind.to_le_bytes().to_vec(),
            start.to_le_bytes().to_vec(),
        ]
        .concat()
    }

    fn file(version: u32, tensors: &[Vec<u8>], entries: &[Vec<u8>]) -> Vec<u8> {
        let counts = [tensors.len() as u64, entries.len() as u64]
            .map(u64::to_le_bytes)
            .concat();
        let mut bytes = [&MAGIC[..], &version.to_le_bytes(), &counts].concat();
        bytes.extend(entries.concat());
        bytes.extend(tensors.concat());
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT) + 256, 0);
        bytes
    }

    fn refusal(bytes: &[u8]) -> String {
        let source = Source::new(Path::new("some.gguf"));
        Head::read(&source, bytes)
            .expect_err("a refusal")
            .to_string()
    }

    #[test]
    fn each_fault_of_a_head_is_one_clear_sentence() {
        let sound = tensor("a", &[32, 2], 0, 0);
        let array = |kind: u32, count: u64| {
            [
                text("k"),
                9u32.to_le_bytes().to_vec(),
                kind.to_le_bytes().to_vec(),
                count.to_le_bytes().to_vec(),
            ]
            .concat()
        };
        let nested = [
            array(9, 1),
            [9u32.to_le_bytes().to_vec(), 1u64.to_le_bytes().to_vec()]
                .concat()
                .repeat(100),
        ]
        .concat();
        let entry = [text("k"), 7u32.to_le_bytes().to_vec(), vec![1]].concat();
        let cases = [
            (b"GGML".to_vec(), "does not begin with `GGUF`"),
            (b"GG".to_vec(), "ends too early"),
            (file(1, &[], &[]), "version 1"),
            (file(3u32.swap_bytes(), &[], &[]), "big-endian"),
            (file(3, &[], &[array(0, 1 << 63)]), "are left"),
            (file(3, &[], &[array(10, u64::MAX)]), "are left"),
            (file(3, &[], &[array(8, 1 << 63)]), "ends too early"),
            (file(3, &[], &[array(13, 1)]), "unknown kind 13"),
            (file(3, &[], &[nested]), "nested too deep"),
            (file(3, &[], &[entry.clone(), entry]), "`k` twice"),
            (file(3, &[tensor("a", &[], 0, 0)], &[]), "0 dimensions"),
            (file(3, &[tensor("a", &[1; 5], 0, 0)], &[]), "5 dimensions"),
            (
                file(3, &[tensor("a", &[1 << 40, 1 << 40], 0, 0)], &[]),
                "cannot have the shape",
            ),
            (
                file(3, &[tensor("a", &[33], 8, 0)], &[]),
                "cannot have the shape",
            ),
            (
                file(3, &[tensor("a", &[0], 0, 0)], &[]),
                "cannot have the shape",
            ),
            (file(3, &[tensor("a", &[32], 16, 0)], &[]), "ggml type 16"),
            (file(3, &[tensor("a", &[8], 0, 8)], &[]), "does not align"),
            (
                file(3, &[tensor("a", &[8], 0, u64::MAX - 31)], &[]),
                "lies outside",
            ),
            (file(3, &[tensor("a", &[1000], 0, 0)], &[]), "cut off"),
            (
                file(3, &[sound.clone(), tensor("b", &[8], 0, 64)], &[]),
                "a and b overlap",
            ),
        ];
        for (bytes, words) in cases {
            let reason = refusal(&bytes);
            assert!(
                reason.contains(words) && reason.contains("some.gguf"),
                "{words}: {reason}"
            );
        }
        let bytes = file(3, &[sound], &[array(8, 0)]);
        let source = Source::new(Path::new("some.gguf"));
        let head = Head::read(&source, &bytes).expect("a sound file");
        assert_eq!(
            (head.tensors[0].shape.as_slice(), head.tensors[0].size),
            (&[2, 32][..], 256)
        );
    }
}
