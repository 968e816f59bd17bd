//! A linear layer of the network: its weight, its bias and, where a model is
//! adapted, what the adapter adds.

use crate::matrix::{Write, linear, linear_input_gradient, linear_weight_gradient};
use crate::parameters::Linear;
use crate::products::Products;
use crate::transformer::Transformer;

impl Transformer {
    /// `out = input · weightᵀ + bias`, or that added to `out`; `input` is
    /// `[rows, inputs]`.
    pub(crate) fn linear(
        &self,
        out: &mut [f32],
        input: &[f32],
        layer: &Linear,
        write: Write,
        products: &mut Products,
    ) {
        match self.matrices.get(layer.index) {
            Some(matrix) => matrix.multiply(out, input, write, products.threads()),
            None => {
                let shape = (layer.inputs, layer.outputs);
                let weight = &self.parameters[layer.weight.clone()];
                linear(out, input, weight, shape, write, products.threads());
            }
        }
        if let Some(bias) = &layer.bias {
            let bias = &self.parameters[bias.clone()];
            for row in out.chunks_exact_mut(layer.outputs) {
                crate::vector::add(row, bias);
            }
        }
        if let Some(adapters) = &self.adapters {
            adapters.add(out, input, layer, products);
        }
    }

    /// The gradient of [`Transformer::linear`]: that of the weights, or of the
    /// adapter where adapters are trained, is added to `gradient`; that of the
    /// input is written.
    pub(crate) fn linear_back(
        &self,
        gradient: &mut [f32],
        input_gradient: &mut [f32],
        (out_gradient, input): (&[f32], &[f32]),
        layer: &Linear,
        products: &mut Products,
    ) {
        let shape = (layer.inputs, layer.outputs);
        let weight = &self.parameters[layer.weight.clone()];
        linear_input_gradient(input_gradient, out_gradient, weight, shape, Write::Replace);
        if let Some(adapters) = &self.adapters {
            let pair = (out_gradient, input);
            return adapters.back(gradient, input_gradient, pair, layer, products);
        }
        let of_weight = &mut gradient[layer.weight.clone()];
        linear_weight_gradient(of_weight, out_gradient, input, shape);
        if let Some(bias) = &layer.bias {
            let of_bias = &mut gradient[bias.clone()];
            for row in out_gradient.chunks_exact(layer.outputs) {
                crate::vector::add(of_bias, row);
            }
        }
    }
}
