//! The head of a GGUF file, versions 2 and 3: metadata and where tensors
//! are. The format is described in `docs/gguf.md` of the public ggml sources.
//!
//! Nothing is copied but names: arrays stay bytes of the file until they are
//! read, so that no count in a file can ask for more memory than the file
//! itself has.

use std::collections::BTreeMap;

use crate::error::ModelError;

use super::Source;
use super::encoding::Encoding;

/// What a GGUF file begins with.
pub(crate) const MAGIC: &[u8; 4] = b"GGUF";
/// Where tensors begin and end, unless the file says otherwise.
pub(crate) const ALIGNMENT: usize = 32;
/// How deep arrays of arrays may go.
const DEEPEST: usize = 4;

/// The kinds of values, with their numbers in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    U8 = 0,
    I8 = 1,
    U16 = 2,
    I16 = 3,
    U32 = 4,
    I32 = 5,
    F32 = 6,
    Bool = 7,
    String = 8,
    Array = 9,
    U64 = 10,
    I64 = 11,
    F64 = 12,
}

impl Kind {
    fn from_number(number: u32) -> Option<Kind> {
        use Kind::*;
        let all = [
            U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64,
        ];
        all.get(number as usize).copied()
    }

    /// The bytes of one value; none where they vary.
    fn size(self) -> Option<usize> {
        match self {
            Kind::U8 | Kind::I8 | Kind::Bool => Some(1),
            Kind::U16 | Kind::I16 => Some(2),
            Kind::U32 | Kind::I32 | Kind::F32 => Some(4),
            Kind::U64 | Kind::I64 | Kind::F64 => Some(8),
            Kind::String | Kind::Array => None,
        }
    }
}

/// One value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    Text(&'a str),
    Array(Array<'a>),
}

/// Values of one kind, still as bytes; their structure has been checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Array<'a> {
    kind: Kind,
    pub(crate) count: usize,
    bytes: &'a [u8],
}

impl<'a> Array<'a> {
    /// Its values; text that is no UTF-8 ends them early, and
    /// [`Array::texts`] reports it.
    pub(crate) fn values(self) -> impl Iterator<Item = Value<'a>> {
        let mut cursor = Cursor::new(self.bytes);
        (0..self.count).map_while(move |_| cursor.value(self.kind, DEEPEST).ok())
    }

    /// Its texts, or nothing where it holds something else.
    pub(crate) fn texts(self) -> Option<Vec<&'a str>> {
        let texts = self.values().map(|value| match value {
            Value::Text(text) => Some(text),
            _ => None,
        });
        let texts: Vec<&str> = texts.collect::<Option<_>>()?;
        (texts.len() == self.count).then_some(texts)
    }

    /// Its numbers, or nothing where it holds something else.
    pub(crate) fn numbers(self) -> Option<Vec<f64>> {
        self.values().map(Value::number).collect()
    }
}

impl Value<'_> {
    fn number(self) -> Option<f64> {
        match self {
            Value::Unsigned(number) => Some(number as f64),
            Value::Signed(number) => Some(number as f64),
            Value::Float(number) => Some(number),
            Value::Bool(_) | Value::Text(_) | Value::Array(_) => None,
        }
    }
}

/// Reads numbers and texts one after the other; each refusal is the end of a
/// sentence.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

type Read<T> = Result<T, String>;

impl<'a> Cursor<'a> {
    fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { bytes, at: 0 }
    }

    fn take(&mut self, count: u64) -> Read<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        match usize::try_from(count)
            .ok()
            .filter(|count| *count <= rest.len())
        {
            Some(count) => {
                self.at += count;
                Ok(&rest[..count])
            }
            None => Err(format!(
                "ends too early: {count} bytes are announced at byte {}, {} are left",
                self.at,
                rest.len()
            )),
        }
    }

    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let bytes = self.take(N as u64)?;
        bytes.try_into().map_err(|_| "ends too early".to_owned())
    }

    fn u32(&mut self) -> Read<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Read<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Read<&'a str> {
        let length = self.u64()?;
        let start = self.at;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| format!("has text that is no UTF-8 at byte {start}"))
    }

    fn kind(&mut self) -> Read<Kind> {
        let number = self.u32()?;
        Kind::from_number(number)
            .ok_or_else(|| format!("has a value of unknown kind {number} at byte {}", self.at))
    }

    fn value(&mut self, kind: Kind, deepest: usize) -> Read<Value<'a>> {
        Ok(match kind {
            Kind::U8 => Value::Unsigned(self.array::<1>()?[0].into()),
            Kind::I8 => Value::Signed(i64::from(self.array::<1>()?[0] as i8)),
            Kind::U16 => Value::Unsigned(u16::from_le_bytes(self.array()?).into()),
            Kind::I16 => Value::Signed(i16::from_le_bytes(self.array()?).into()),
            Kind::U32 => Value::Unsigned(self.u32()?.into()),
            Kind::I32 => Value::Signed(i32::from_le_bytes(self.array()?).into()),
            Kind::F32 => Value::Float(f32::from_le_bytes(self.array()?).into()),
            Kind::Bool => Value::Bool(self.array::<1>()?[0] != 0),
            Kind::String => Value::Text(self.text()?),
            Kind::Array => Value::Array(self.values(deepest)?),
            Kind::U64 => Value::Unsigned(self.u64()?),
            Kind::I64 => Value::Signed(i64::from_le_bytes(self.array()?)),
            Kind::F64 => Value::Float(f64::from_le_bytes(self.array()?)),
        })
    }

    /// An array, gone over once so that reading its values cannot fail for
    /// want of bytes.
    fn values(&mut self, deepest: usize) -> Read<Array<'a>> {
        let kind = self.kind()?;
        let count = self.u64()?;
        let start = self.at;
        match kind.size() {
            Some(size) => {
                self.take(count.saturating_mul(size as u64))?;
            }
            None if deepest == 0 => {
                return Err(format!("has arrays nested too deep at byte {start}"));
            }
            None => {
                for _ in 0..count {
                    match kind {
                        // Vocabularies may hold bytes that are no UTF-8;
                        // whoever needs the text checks it.
                        Kind::String => {
                            let length = self.u64()?;
                            self.take(length)?;
                        }
                        _ => {
                            self.values(deepest - 1)?;
                        }
                    }
                }
            }
        }
        let bytes = &self.bytes[start..self.at];
        let count =
            usize::try_from(count).map_err(|_| "has an array that is too long".to_owned())?;
        Ok(Array { kind, count, bytes })
    }
}

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
