//! The weights of a published model: where they lie and how they are decoded.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::error::ModelError;

use super::Source;
use super::blocks::{FOUR_BIT_GROUP, FourBitGroup, decode, four_bit_groups};
use super::encoding::Encoding;
use super::mapped::FileBytes;

/// In which order a file holds the rows of queries and keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowOrder {
    /// As the canonical form has them.
    Direct,
    /// The pairs that a rotation turns are neighbours in each head, where
    /// the canonical form has the halves of a head beside each other.
    Interleaved {
        /// The width of a head.
        head_width: usize,
    },
}

impl RowOrder {
    /// Where the file has a canonical row.
    pub(crate) fn file_row(self, row: usize) -> usize {
        match self {
            RowOrder::Direct => row,
            RowOrder::Interleaved { head_width } => {
                let (head, place) = (row / head_width, row % head_width);
                let (side, pair) = (place / (head_width / 2), place % (head_width / 2));
                head * head_width + 2 * pair + side
            }
        }
    }
}

/// One tensor of a published model. It is cheap to clone: the numbers stay in
/// the file.
#[derive(Debug, Clone)]
pub struct Tensor {
    name: String,
    shape: Vec<usize>,
    encoding: Encoding,
    file: Arc<FileBytes>,
    place: Range<usize>,
    source: Arc<Source>,
    order: RowOrder,
    added: f32,
}

impl Tensor {
    /// A tensor at a place of a file; an error where the place does not hold
    /// exactly such a tensor.
    pub(crate) fn new(
        source: &Arc<Source>,
        file: &Arc<FileBytes>,
        name: &str,
        (shape, encoding): (Vec<usize>, Encoding),
        place: Range<usize>,
    ) -> Result<Tensor, ModelError> {
        let refuse = |reason: String| Err(source.refuse(format!("tensor {name} {reason}")));
        let count = shape
            .iter()
            .try_fold(1usize, |count, size| count.checked_mul(*size));
        let columns = shape.last().copied().unwrap_or(1);
        let sizes =
            count.and_then(|count| Some((encoding.bytes(columns)?, encoding.bytes(count)?)));
        let Some((_, bytes)) = sizes.filter(|_| !shape.contains(&0)) else {
            return refuse(format!("cannot have the shape {shape:?} as {encoding:?}"));
        };
        if place.start > place.end || place.end > file.len() {
            return refuse(format!(
                "lies outside the file: bytes {} to {} of {}",
                place.start,
                place.end,
                file.len()
            ));
        }
        if place.len() != bytes {
            return refuse(format!(
                "has {} bytes where {bytes} are needed",
                place.len()
            ));
        }
        Ok(Tensor {
            name: name.to_owned(),
            shape,
            encoding,
            file: Arc::clone(file),
            place,
            source: Arc::clone(source),
            order: RowOrder::Direct,
            added: 0.0,
        })
    }

    /// The same tensor under another name.
    pub(crate) fn renamed(mut self, name: &str) -> Tensor {
        name.clone_into(&mut self.name);
        self
    }

    /// With its rows in this order in the file; they must be whole heads.
    pub(crate) fn with_order(mut self, order: RowOrder) -> Result<Tensor, ModelError> {
        if let RowOrder::Interleaved { head_width } = order {
            let rows = self.shape[0];
            if head_width == 0 || !head_width.is_multiple_of(2) || !rows.is_multiple_of(head_width)
            {
                return Err(self.refuse(format!("has {rows} rows, no whole heads of {head_width}")));
            }
        }
        self.order = order;
        Ok(self)
    }

    /// With this added to each number.
    pub(crate) fn with_added(mut self, added: f32) -> Tensor {
        self.added = added;
        self
    }

    fn refuse(&self, reason: impl std::fmt::Display) -> ModelError {
        self.source.refuse(format!("tensor {} {reason}", self.name))
    }

    /// Its canonical name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its shape, `[rows, columns]` for a linear layer of `rows` outputs, or
    /// `[values]`.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How its numbers are stored.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// How many rows it has; a vector is one row.
    pub fn rows(&self) -> usize {
        self.shape[..self.shape.len().saturating_sub(1)]
            .iter()
            .product()
    }

    /// How many numbers a row has.
    pub fn columns(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// Decodes rows into `out`, `[rows, columns]`. Row blocks may be decoded
    /// in parallel.
    ///
    /// # Errors
    /// Where the rows are not all there, `out` has another size, or a number
    /// is not finite.
    pub fn dequantize_rows(&self, rows: Range<usize>, out: &mut [f32]) -> Result<(), ModelError> {
        let columns = self.columns();
        self.check_rows(&rows, out.len(), columns)?;
        let row_bytes = self.row_bytes();
        let bytes = &self.file[self.place.clone()];
        if self.order == RowOrder::Direct {
            let bytes = &bytes[rows.start * row_bytes..rows.end * row_bytes];
            decode(self.encoding, bytes, out);
        } else if self.shape.len() == 1 {
            let mut stored = vec![0.0; columns];
            decode(self.encoding, bytes, &mut stored);
            for (place, out) in out.iter_mut().enumerate() {
                *out = stored[self.order.file_row(place)];
            }
        } else {
            for (row, out) in rows.zip(out.chunks_exact_mut(columns)) {
                let start = self.order.file_row(row) * row_bytes;
                decode(self.encoding, &bytes[start..start + row_bytes], out);
            }
        }
        if self.added != 0.0 {
            out.iter_mut().for_each(|value| *value += self.added);
        }
        match out.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(self.refuse(format!("holds {value}"))),
            None => Ok(()),
        }
    }

    /// All its numbers.
    pub fn dequantize(&self) -> Result<Vec<f32>, ModelError> {
        let mut values = vec![0.0; self.rows() * self.columns()];
        self.dequantize_rows(0..self.rows(), &mut values)?;
        Ok(values)
    }

    /// Whether [`Tensor::four_bit_rows`] can show it without loss.
    pub fn is_four_bit(&self) -> bool {
        matches!(
            self.encoding,
            Encoding::Q4_0 | Encoding::Q4_1 | Encoding::Q4K
        ) && self.added == 0.0
            && self.shape.len() == 2
    }

    /// The groups of 32 numbers of rows, `[rows, columns / 32]`, exactly as
    /// the file has them.
    ///
    /// # Errors
    /// Where it is not stored in 4 bits, the rows are not all there, `out`
    /// has another size, or a scale is not finite.
    pub fn four_bit_rows(
        &self,
        rows: Range<usize>,
        out: &mut [FourBitGroup],
    ) -> Result<(), ModelError> {
        if !self.is_four_bit() {
            return Err(self.refuse(format!("is {:?}, not of 4 bits", self.encoding)));
        }
        let groups = self.columns() / FOUR_BIT_GROUP;
        self.check_rows(&rows, out.len(), groups)?;
        let row_bytes = self.row_bytes();
        let bytes = &self.file[self.place.clone()];
        let in_block = self.encoding.block_values() / FOUR_BIT_GROUP;
        for (row, out) in rows.zip(out.chunks_exact_mut(groups)) {
            let start = self.order.file_row(row) * row_bytes;
            let blocks = bytes[start..start + row_bytes].chunks_exact(self.encoding.block_bytes());
            for (block, out) in blocks.zip(out.chunks_exact_mut(in_block)) {
                four_bit_groups(self.encoding, block, out);
            }
        }
        let finite = |group: &FourBitGroup| group.scale.is_finite() && group.minimum.is_finite();
        if !out.iter().all(finite) {
            return Err(self.refuse("holds a scale that is not finite"));
        }
        Ok(())
    }

    fn row_bytes(&self) -> usize {
        self.encoding.bytes(self.columns()).unwrap_or(0)
    }

    fn check_rows(
        &self,
        rows: &Range<usize>,
        size: usize,
        row_size: usize,
    ) -> Result<(), ModelError> {
        if rows.start > rows.end || rows.end > self.rows() {
            let all = self.rows();
            return Err(self.refuse(format!("has no rows {rows:?}, only {all}")));
        }
        if rows.len() * row_size != size {
            let needed = rows.len() * row_size;
            return Err(self.refuse(format!(
                "was asked for {needed} numbers into room for {size}"
            )));
        }
        Ok(())
    }
}

/// The tensors of a model by their canonical names.
#[derive(Debug, Clone, Default)]
pub struct Tensors {
    by_name: BTreeMap<String, Tensor>,
}

impl Tensors {
    pub(crate) fn insert(&mut self, tensor: Tensor) -> Result<(), ModelError> {
        match self.by_name.insert(tensor.name.clone(), tensor) {
            Some(twice) => Err(twice.refuse("is there twice")),
            None => Ok(()),
        }
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<Tensor> {
        self.by_name.remove(name)
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.by_name.get(name)
    }

    /// All tensors in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Tensor> {
        self.by_name.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Keeps what a shape needs; an error where something is missing, has
    /// another shape, or where something is left that would change results.
    pub(crate) fn conform(
        mut self,
        source: &Source,
        expected: Vec<(String, Vec<usize>)>,
        is_harmless: impl Fn(&str) -> bool,
    ) -> Result<Tensors, ModelError> {
        let mut kept = Tensors::default();
        for (name, shape) in expected {
            let Some(tensor) = self.remove(&name) else {
                return Err(source.refuse(format!("tensor {name} is missing")));
            };
            if tensor.shape != shape {
                let found = &tensor.shape;
                return Err(tensor.refuse(format!("has the shape {found:?}, not {shape:?}")));
            }
            kept.insert(tensor)?;
        }
        match self
            .by_name
            .into_values()
            .find(|tensor| !is_harmless(&tensor.name))
        {
            Some(tensor) => Err(tensor.refuse("does not belong to such a model")),
            None => Ok(kept),
        }
    }
}
