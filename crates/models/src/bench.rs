//! What the benchmarks of this crate measure and others have no use for.

use crate::matrix::{Matrix, MatrixMut, Write, linear, multiply};
use crate::quantize::{Activations, Bits, QuantizedMatrix};

pub use crate::quantize::Bits as QuantizedBits;

/// A quantised linear layer.
#[derive(Debug)]
pub struct QuantizedLinear(QuantizedMatrix);

impl QuantizedLinear {
    /// Quantises a weight `[outputs, inputs]`.
    pub fn new(weight: &[f32], shape: (usize, usize), bits: Bits) -> QuantizedLinear {
        QuantizedLinear(QuantizedMatrix::from_dense(weight, shape, bits))
    }

    /// The bytes that one product reads.
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }

    /// `out = input · weightᵀ`, quantising the input too.
    pub fn multiply(&self, out: &mut [f32], input: &[f32], threads: usize) {
        self.0.multiply(out, input, Write::Replace, threads);
    }
}

/// Quantises rows of inputs and says how many blocks they became.
pub fn quantize_activations(input: &[f32], inputs: usize, threads: usize) -> usize {
    Activations::quantize(input, inputs, threads).len()
}

/// `out = input · weightᵀ` in single precision on one thread.
pub fn dense_linear(out: &mut [f32], input: &[f32], weight: &[f32], shape: (usize, usize)) {
    linear(out, input, weight, shape, Write::Replace, 1);
}

/// The product of two square matrices in single precision on one thread.
pub fn dense_square(out: &mut [f32], left: &[f32], right: &[f32], size: usize) {
    multiply(
        MatrixMut::new(out, size, size),
        Matrix::new(left, size, size),
        Matrix::new(right, size, size),
        1.0,
        Write::Replace,
    );
}
