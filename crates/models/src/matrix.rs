//! Matrix products on strided views of flat buffers: the one door to the
//! crate `gemm`.

use gemm::Parallelism;

use crate::vector::{dot, vectorized};

/// Whether a product replaces what the result holds or is added to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    Replace,
    Add,
}

/// A strided view of a matrix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

/// The number of elements from the first to the last of a view.
fn span(rows: usize, columns: usize, row_stride: usize) -> usize {
    match rows.checked_sub(1) {
        Some(last) => last * row_stride + columns,
        None => 0,
    }
}

impl<'a> Matrix<'a> {
    /// Rows that follow each other without a gap.
    pub(crate) fn new(data: &'a [f32], rows: usize, columns: usize) -> Matrix<'a> {
        Matrix::strided(data, rows, columns, columns)
    }

    /// Rows whose beginnings are `row_stride` elements apart.
    pub(crate) fn strided(
        data: &'a [f32],
        rows: usize,
        columns: usize,
        row_stride: usize,
    ) -> Matrix<'a> {
        assert!(columns <= row_stride && span(rows, columns, row_stride) <= data.len());
        Matrix {
            data,
            rows,
            columns,
            row_stride,
            column_stride: 1,
        }
    }

    /// The same elements with rows and columns exchanged.
    pub(crate) fn transposed(self) -> Matrix<'a> {
        Matrix {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }
}

/// A strided view of a matrix that is written.
#[derive(Debug)]
pub(crate) struct MatrixMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
}

impl<'a> MatrixMut<'a> {
    /// Rows that follow each other without a gap.
    pub(crate) fn new(data: &'a mut [f32], rows: usize, columns: usize) -> MatrixMut<'a> {
        MatrixMut::strided(data, rows, columns, columns)
    }

    /// Rows whose beginnings are `row_stride` elements apart.
    pub(crate) fn strided(
        data: &'a mut [f32],
        rows: usize,
        columns: usize,
        row_stride: usize,
    ) -> MatrixMut<'a> {
        assert!(columns <= row_stride && span(rows, columns, row_stride) <= data.len());
        MatrixMut {
            data,
            rows,
            columns,
            row_stride,
        }
    }
}

/// `out = scale · left · right`, or that added to `out`, on this thread alone.
pub(crate) fn multiply(
    out: MatrixMut<'_>,
    left: Matrix<'_>,
    right: Matrix<'_>,
    scale: f32,
    write: Write,
) {
    multiply_on(out, left, right, scale, write, Parallelism::None);
}

fn multiply_on(
    out: MatrixMut<'_>,
    left: Matrix<'_>,
    right: Matrix<'_>,
    scale: f32,
    write: Write,
    parallelism: Parallelism,
) {
    assert!(
        out.rows == left.rows && out.columns == right.columns && left.columns == right.rows,
        "shapes of a product do not fit"
    );
    // SAFETY: the constructors of the views checked that every element that
    // the strides can reach lies inside its slice (a transposed view reaches
    // the same elements), the shapes fit by the assertion above, the strides
    // are below isize::MAX because slices are, and `out` is borrowed mutably,
    // so that it overlaps with neither operand.
    unsafe {
        gemm::gemm(
            out.rows,
            out.columns,
            left.columns,
            out.data.as_mut_ptr(),
            1,
            out.row_stride as isize,
            write == Write::Add,
            left.data.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.data.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            1.0,
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// `out = input · weightᵀ` for rows of input and a weight of `[outputs,
/// inputs]`, on so many threads: a linear layer forward.
pub(crate) fn linear(
    out: &mut [f32],
    input: &[f32],
    weight: &[f32],
    (inputs, outputs): (usize, usize),
    write: Write,
    threads: usize,
) {
    let rows = input.len() / inputs;
    if rows == 1 {
        return linear_row(out, input, weight, write, threads);
    }
    let parallelism = match threads {
        0 | 1 => Parallelism::None,
        threads => Parallelism::Rayon(threads),
    };
    multiply_on(
        MatrixMut::new(out, rows, outputs),
        Matrix::new(input, rows, inputs),
        Matrix::new(weight, outputs, inputs).transposed(),
        1.0,
        write,
        parallelism,
    );
}

/// Below so many weights another thread costs more than it brings.
const SHARED_WEIGHTS: usize = 1 << 16;

/// [`linear`] for one row, as generation needs it: each weight is read once,
/// in order, and nothing is packed.
fn linear_row(out: &mut [f32], input: &[f32], weight: &[f32], write: Write, threads: usize) {
    if threads > 1 && weight.len() > SHARED_WEIGHTS {
        let (left, right) = (threads / 2, threads - threads / 2);
        let middle = out.len() * left / threads;
        let (first, second) = out.split_at_mut(middle);
        let (upper, lower) = weight.split_at(middle * input.len());
        rayon::join(
            || linear_row(first, input, upper, write, left),
            || linear_row(second, input, lower, write, right),
        );
        return;
    }
    vectorized(
        #[inline(always)]
        || {
            for (out, row) in out.iter_mut().zip(weight.chunks_exact(input.len())) {
                let value = dot(row, input);
                match write {
                    Write::Replace => *out = value,
                    Write::Add => *out += value,
                }
            }
        },
    );
}

/// The gradient of [`linear`] with respect to its input.
pub(crate) fn linear_input_gradient(
    input_gradient: &mut [f32],
    out_gradient: &[f32],
    weight: &[f32],
    (inputs, outputs): (usize, usize),
    write: Write,
) {
    let rows = out_gradient.len() / outputs;
    multiply(
        MatrixMut::new(input_gradient, rows, inputs),
        Matrix::new(out_gradient, rows, outputs),
        Matrix::new(weight, outputs, inputs),
        1.0,
        write,
    );
}

/// The gradient of [`linear`] with respect to its weight, added.
pub(crate) fn linear_weight_gradient(
    weight_gradient: &mut [f32],
    out_gradient: &[f32],
    input: &[f32],
    (inputs, outputs): (usize, usize),
) {
    let rows = out_gradient.len() / outputs;
    multiply(
        MatrixMut::new(weight_gradient, outputs, inputs),
        Matrix::new(out_gradient, rows, outputs).transposed(),
        Matrix::new(input, rows, inputs),
        1.0,
        Write::Add,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_on_strided_views() {
        let left = [1.0, 2.0, 9.0, 3.0, 4.0, 9.0];
        let right = [5.0, 6.0, 7.0, 8.0];
        let mut out = [1.0; 5];
        multiply(
            MatrixMut::strided(&mut out, 2, 2, 3),
            Matrix::strided(&left, 2, 2, 3),
            Matrix::new(&right, 2, 2).transposed(),
            2.0,
            Write::Add,
        );
        assert_eq!(out, [35.0, 47.0, 1.0, 79.0, 107.0]);
    }

    #[test]
    fn one_row_is_a_matrix_of_one_row() {
        let (input, weight) = ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
        let mut out = [1.0; 2];
        linear(&mut out, &input, &weight, (3, 2), Write::Add, 1);
        assert_eq!(out, [33.0, 51.0]);
        linear(&mut out, &input, &weight, (3, 2), Write::Replace, 2);
        assert_eq!(out, [32.0, 50.0]);
        let (two, mut outs) = ([input, input].concat(), [0.0; 4]);
        linear(&mut outs, &two, &weight, (3, 2), Write::Replace, 2);
        assert_eq!(outs, [32.0, 50.0, 32.0, 50.0]);
    }

    #[test]
    fn an_empty_inner_dimension_replaces_by_zero() {
        let mut out = [3.0; 2];
        multiply(
            MatrixMut::new(&mut out, 1, 2),
            Matrix::new(&[], 1, 0),
            Matrix::new(&[], 0, 2).transposed().transposed(),
            1.0,
            Write::Replace,
        );
        assert_eq!(out, [0.0; 2]);
    }
}
