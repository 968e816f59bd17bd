use proptest::prelude::*;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::kernels::Level;
use crate::matrix::Write;

fn random(length: usize, rng: &mut impl Rng) -> Vec<f32> {
    (0..length).map(|_| rng.random_range(-1.0..1.0)).collect()
}

/// The product in double precision of what the matrix and the activations
/// hold, and the sum of the magnitudes of its terms.
fn exact(matrix: &QuantizedMatrix, activations: &Activations) -> Vec<(f64, f64)> {
    let (inputs, outputs) = matrix.shape();
    let mut weight = vec![0.0; inputs * outputs];
    for (row, out) in weight.chunks_exact_mut(inputs.max(1)).enumerate() {
        matrix.dequantize_row(row, out);
    }
    let mut products = Vec::new();
    for row in activations
        .blocks
        .chunks_exact(inputs.div_ceil(INPUTS).max(1))
    {
        let values: Vec<f64> = (row.iter())
            .flat_map(|block| {
                let quants = block.quants.as_flattened().iter();
                quants.map(|&quant| f64::from(block.scale) * f64::from(quant))
            })
            .collect();
        for weight in weight.chunks_exact(inputs) {
            let terms = values.iter().zip(weight).map(|(v, &w)| v * f64::from(w));
            products.push((terms.clone().sum(), terms.map(f64::abs).sum()));
        }
    }
    products
}

fn check(matrix: &QuantizedMatrix, input: &[f32]) {
    let activations = Activations::quantize(input, matrix.inputs, 1);
    let expected = exact(matrix, &activations);
    for level in Level::available() {
        for pieces in [1, 5] {
            for (write, before) in [(Write::Replace, 7.0), (Write::Add, 0.25)] {
                let mut out = vec![before; expected.len()];
                matrix.multiply_at(level, &mut out, &activations, write, pieces);
                let start = if write == Write::Add { before } else { 0.0 };
                for (index, (out, (sum, size))) in out.iter().zip(&expected).enumerate() {
                    let error = (f64::from(*out) - f64::from(start) - sum).abs();
                    assert!(
                        error <= 1e-5 * (size + f64::from(start)),
                        "{level:?}, {:?}, {write:?}, result {index}: {out} for {sum} ± {size}",
                        matrix.shape(),
                    );
                }
            }
        }
    }
}

#[test]
fn every_level_multiplies_every_shape() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for (inputs, outputs) in [(1, 1), (31, 15), (32, 16), (33, 17), (100, 40), (576, 65)] {
        for rows in [0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 33] {
            let weight = random(inputs * outputs, &mut rng);
            let input = random(rows * inputs, &mut rng);
            for bits in [Bits::Int8, Bits::Int4] {
                let matrix = QuantizedMatrix::from_dense(&weight, (inputs, outputs), bits);
                check(&matrix, &input);
            }
        }
    }
}

#[test]
fn the_largest_numbers_overflow_nowhere() {
    let signs = [1.0f32, -1.0];
    for (weight_sign, input_sign) in signs.iter().flat_map(|w| signs.map(|i| (*w, i))) {
        let weight = vec![weight_sign * 1e4; 96 * 16];
        let input = vec![input_sign * 1e10; 2 * 96];
        check(
            &QuantizedMatrix::from_dense(&weight, (96, 16), Bits::Int8),
            &input,
        );
        let groups = QuantizedMatrix::from_groups((96, 16), |_, groups| {
            groups.fill(Group {
                scale: f16::from_f32(weight_sign * 100.0),
                minimum: f16::from_f32(-800.0),
                quants: [15; INPUTS],
            });
        });
        check(&groups, &input);
    }
}

#[test]
fn tiny_and_zero_values_are_zero_and_what_is_not_finite_stays_visible() {
    for bits in [Bits::Int8, Bits::Int4] {
        let matrix = |value: f32| {
            let mut weight = vec![0.5; 40 * 3];
            weight[41] = value;
            QuantizedMatrix::from_dense(&weight, (40, 3), bits)
        };
        check(&matrix(0.0), &[0.0; 80]);
        check(&matrix(1e-40), &[1e-40; 80]);
        for level in Level::available() {
            let product = |value: f32, input: &[f32]| {
                let mut out = vec![0.0; 6];
                let activations = Activations::quantize(input, 40, 1);
                matrix(value).multiply_at(level, &mut out, &activations, Write::Replace, 1);
                out
            };
            let mut input = [1.0; 80];
            let out = product(f32::INFINITY, &input);
            assert!(out[1].is_nan() && out[4].is_nan() && (out[0] - 20.0).abs() < 0.1);
            input[3] = f32::NAN;
            let out = product(0.5, &input);
            assert!(out[..3].iter().all(|out| out.is_nan()) && out[3].is_finite());
        }
    }
}

#[test]
fn no_inputs_and_no_outputs_are_products_too() {
    for bits in [Bits::Int8, Bits::Int4] {
        let matrix = QuantizedMatrix::from_dense(&[], (0, 2), bits);
        let mut out = [3.0; 2];
        matrix.multiply(&mut out, &[], Write::Add, 1);
        assert_eq!(out, [3.0; 2]);
        matrix.multiply(&mut out, &[], Write::Replace, 1);
        assert_eq!(out, [0.0; 2]);
        let matrix = QuantizedMatrix::from_dense(&[], (5, 0), bits);
        matrix.multiply(&mut [], &[1.0; 10], Write::Replace, 2);
        assert_eq!(matrix.bytes(), 0);
    }
}

#[test]
fn groups_are_taken_over_without_loss() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let groups: Vec<Group> = (0..18 * 3)
        .map(|_| Group {
            scale: f16::from_f32(rng.random_range(-1.0..1.0)),
            minimum: f16::from_f32(rng.random_range(-8.0..8.0)),
            quants: std::array::from_fn(|_| rng.random_range(0..16)),
        })
        .collect();
    let matrix = QuantizedMatrix::from_groups((70, 18), |row, out| {
        out.copy_from_slice(&groups[row * 3..][..3]);
    });
    let mut values = vec![0.0; 70];
    for row in 0..18 {
        matrix.dequantize_row(row, &mut values);
        for (index, value) in values.iter().enumerate() {
            let group = &groups[row * 3 + index / INPUTS];
            let quant = f32::from(group.quants[index % INPUTS]);
            assert_eq!(
                *value,
                group.scale.to_f32() * quant + group.minimum.to_f32()
            );
        }
    }
    // What the last group holds after the last input must not count.
    check(&matrix, &random(5 * 70, &mut rng));
    assert_eq!(matrix.bytes(), 2 * 3 * 320);
}

#[test]
fn an_outlier_costs_its_block_alone() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (weight, mut input) = (random(256 * 16, &mut rng), random(256, &mut rng));
    let matrix = QuantizedMatrix::from_dense(&weight, (256, 16), Bits::Int8);
    input[5] = 1e4;
    let activations = Activations::quantize(&input, 256, 1);
    let block = &activations.blocks[1];
    for (quant, value) in block.quants.as_flattened().iter().zip(&input[32..]) {
        assert!((block.scale * f32::from(*quant) - value).abs() < 0.005);
    }
    check(&matrix, &input);
}

#[test]
fn threads_do_not_change_results() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let (weight, input) = (random(500 * 700, &mut rng), random(260 * 500, &mut rng));
    for bits in [Bits::Int8, Bits::Int4] {
        let matrix = QuantizedMatrix::from_dense(&weight, (500, 700), bits);
        for rows in [1, 260] {
            let input = &input[..rows * 500];
            let [mut one, mut three] = [(); 2].map(|()| vec![0.0; rows * 700]);
            matrix.multiply(&mut one, input, Write::Replace, 1);
            matrix.multiply(&mut three, input, Write::Replace, 3);
            assert!(one.iter().zip(&three).all(|(a, b)| (a - b).abs() < 1e-4));
        }
        let (one, three) = (
            Activations::quantize(&input, 500, 1),
            Activations::quantize(&input, 500, 3),
        );
        assert_eq!(one.blocks, three.blocks);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn dequantised_weights_are_within_half_a_step(
        values in prop::collection::vec(-1e3f32..1e3, 1..100)
    ) {
        let mut out = vec![0.0; values.len()];
        let shape = (values.len(), 1);
        QuantizedMatrix::from_dense(&values, shape, Bits::Int8).dequantize_row(0, &mut out);
        let step = magnitude(&values) / 127.0;
        for (out, value) in out.iter().zip(&values) {
            prop_assert!((out - value).abs() <= step * 0.501);
        }
        QuantizedMatrix::from_dense(&values, shape, Bits::Int4).dequantize_row(0, &mut out);
        for (out, value) in out.chunks(INPUTS).zip(values.chunks(INPUTS)) {
            let largest = value.iter().copied().fold(f32::MIN, f32::max);
            let smallest = value.iter().copied().fold(f32::MAX, f32::min);
            // Scale and minimum are halves: each is wrong by up to 2⁻¹¹.
            let rounding = (magnitude(value) + largest - smallest) / 1024.0;
            for (out, value) in out.iter().zip(value) {
                prop_assert!((out - value).abs() <= (largest - smallest) / 30.0 + rounding);
            }
        }
    }
}
