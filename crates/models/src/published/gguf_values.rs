//! Values in the metadata of a GGUF file.
//!
//! Nothing is copied: texts and arrays stay bytes of the file until they are
//! read, so that no count in a file can ask for more memory than the file
//! itself has.

/// How deep arrays of arrays may go.
pub(crate) const DEEPEST: usize = 4;

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
    pub(crate) fn number(self) -> Option<f64> {
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
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    pub(crate) at: usize,
}

/// A value, or the end of a sentence about the file.
pub(crate) type Read<T> = Result<T, String>;

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Cursor<'a> {
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

    pub(crate) fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let bytes = self.take(N as u64)?;
        bytes.try_into().map_err(|_| "ends too early".to_owned())
    }

    pub(crate) fn u32(&mut self) -> Read<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Read<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn text(&mut self) -> Read<&'a str> {
        let length = self.u64()?;
        let start = self.at;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| format!("has text that is no UTF-8 at byte {start}"))
    }

    pub(crate) fn kind(&mut self) -> Read<Kind> {
        let number = self.u32()?;
        Kind::from_number(number)
            .ok_or_else(|| format!("has a value of unknown kind {number} at byte {}", self.at))
    }

    pub(crate) fn value(&mut self, kind: Kind, deepest: usize) -> Read<Value<'a>> {
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
