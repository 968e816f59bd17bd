//! The backward pass of a packed batch, layer by layer from the end, into one
//! flat gradient laid out as the parameters.

use crate::attention::{self, Saved};
use crate::decoder::Decoder;
use crate::dropout::Dropout;
use crate::feed_forward;
use crate::forward::{Activations, LayerActivations, Place, Scratch, grow};
use crate::matrix::{Write, linear_input_gradient, linear_weight_gradient};
use crate::norm;
use crate::rotary::Turn;

/// The gradients that pass from layer to layer, and those inside one.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// Of the state after the final norm: the loss writes it.
    pub(crate) hidden: Vec<f32>,
    stream: Vec<f32>,
    normed: Vec<f32>,
    inner: Vec<f32>,
    gate_up: Vec<f32>,
    attended: Vec<f32>,
    query_key_value: Vec<f32>,
}

impl Decoder {
    /// Adds to `gradient` what `flow.hidden` says of the batch that
    /// [`Decoder::run`] has just seen.
    pub(crate) fn run_back(
        &self,
        gradient: &mut [f32],
        (tokens, lengths): (&[u32], &[usize]),
        dropout: Dropout,
        activations: &mut Activations,
        flow: &mut Flow,
    ) {
        let width = self.config.width;
        let size = tokens.len() * width;
        grow(&mut flow.stream, size).fill(0.0);
        let place = self.layout.final_norm.clone();
        norm::backward(
            &mut flow.stream[..size],
            &mut gradient[place.clone()],
            &flow.hidden[..size],
            &activations.stream[..size],
            &self.parameters[place],
        );
        for index in (0..self.config.layers).rev() {
            let layer = &activations.layers[index];
            let scratch = &mut activations.scratch;
            self.feed_forward_back(gradient, index, (layer, scratch), flow, (size, dropout));
            self.attend_back(
                gradient,
                index,
                (layer, scratch),
                flow,
                lengths,
                (size, dropout),
            );
        }
        let stream = &mut flow.stream[..size];
        dropout.at(Place::Embedding.index()).apply(stream);
        let table = &mut gradient[self.layout.embedding.clone()];
        for (row, &token) in stream.chunks_exact(width).zip(tokens) {
            crate::vector::add(&mut table[token as usize * width..][..width], row);
        }
    }

    fn feed_forward_back(
        &self,
        gradient: &mut [f32],
        index: usize,
        (layer, scratch): (&LayerActivations, &mut Scratch),
        flow: &mut Flow,
        (size, dropout): (usize, Dropout),
    ) {
        let (width, hidden) = (self.config.width, self.config.hidden);
        let count = size / width;
        let places = &self.layout.layers[index];
        let middle = &layer.middle[..size];
        let gate_up = &layer.gate_up[..count * 2 * hidden];
        let stream = &mut flow.stream[..size];
        let place = Place::FeedForward(index);
        let branch = branch_gradient(stream, place, &mut scratch.branch, dropout);

        let inner = grow(&mut scratch.inner, count * hidden);
        feed_forward::forward(inner, gate_up, hidden);
        let shape = (hidden, width);
        linear_weight_gradient(&mut gradient[places.down.clone()], branch, inner, shape);
        let weight = &self.parameters[places.down.clone()];
        let inner_gradient = grow(&mut flow.inner, count * hidden);
        linear_input_gradient(inner_gradient, branch, weight, shape, Write::Replace);

        let gate_up_gradient = grow(&mut flow.gate_up, count * 2 * hidden);
        feed_forward::backward(gate_up_gradient, inner_gradient, gate_up, hidden);
        let gain = &self.parameters[places.feed_norm.clone()];
        let normed = grow(&mut scratch.normed, size);
        norm::forward(normed, middle, gain);
        let shape = (width, 2 * hidden);
        let weight_gradient = &mut gradient[places.gate_up.clone()];
        linear_weight_gradient(weight_gradient, gate_up_gradient, normed, shape);
        let weight = &self.parameters[places.gate_up.clone()];
        let normed_gradient = grow(&mut flow.normed, size);
        linear_input_gradient(
            normed_gradient,
            gate_up_gradient,
            weight,
            shape,
            Write::Replace,
        );
        let gain_gradient = &mut gradient[places.feed_norm.clone()];
        norm::backward(stream, gain_gradient, normed_gradient, middle, gain);
    }

    fn attend_back(
        &self,
        gradient: &mut [f32],
        index: usize,
        (layer, scratch): (&LayerActivations, &mut Scratch),
        flow: &mut Flow,
        lengths: &[usize],
        (size, dropout): (usize, Dropout),
    ) {
        let width = self.config.width;
        let places = &self.layout.layers[index];
        let stream = &mut flow.stream[..size];
        let place = Place::Attention(index);
        let branch = branch_gradient(stream, place, &mut scratch.branch, dropout);

        let attended = &layer.attended[..size];
        let shape = (width, width);
        let weight_gradient = &mut gradient[places.attention_out.clone()];
        linear_weight_gradient(weight_gradient, branch, attended, shape);
        let weight = &self.parameters[places.attention_out.clone()];
        let attended_gradient = grow(&mut flow.attended, size);
        linear_input_gradient(attended_gradient, branch, weight, shape, Write::Replace);

        let rows_gradient = grow(&mut flow.query_key_value, 3 * size);
        self.sequences_back(rows_gradient, attended_gradient, layer, lengths, scratch);

        let input = &layer.input[..size];
        let gain = &self.parameters[places.attention_norm.clone()];
        let normed = grow(&mut scratch.normed, size);
        norm::forward(normed, input, gain);
        let shape = (width, 3 * width);
        let weight_gradient = &mut gradient[places.query_key_value.clone()];
        linear_weight_gradient(weight_gradient, rows_gradient, normed, shape);
        let weight = &self.parameters[places.query_key_value.clone()];
        let normed_gradient = grow(&mut flow.normed, size);
        linear_input_gradient(
            normed_gradient,
            rows_gradient,
            weight,
            shape,
            Write::Replace,
        );
        let gain_gradient = &mut gradient[places.attention_norm.clone()];
        norm::backward(stream, gain_gradient, normed_gradient, input, gain);
    }

    /// The gradient of queries, keys and values as they were before they were
    /// turned, sequence by sequence.
    fn sequences_back(
        &self,
        gradient: &mut [f32],
        out_gradient: &[f32],
        layer: &LayerActivations,
        lengths: &[usize],
        scratch: &mut Scratch,
    ) {
        let width = self.config.width;
        let heads = self.config.attention_heads();
        let rotary = self.rotary(lengths.iter().copied().max().unwrap_or(0));
        let mut start = 0;
        for &length in lengths {
            let end = start + length;
            let gradient = &mut gradient[start * 3 * width..end * 3 * width];
            let saved = Saved {
                query_key_value: &layer.query_key_value[start * 3 * width..end * 3 * width],
                attended: &layer.attended[start * width..end * width],
                normalizers: &layer.normalizers[start * heads.count..end * heads.count],
            };
            let out_gradient = &out_gradient[start * width..end * width];
            if length > 0 {
                attention::backward(gradient, out_gradient, saved, heads, &mut scratch.attention);
                rotary.turn(gradient, 3 * width, 2 * width, 0, Turn::Backward);
            }
            start = end;
        }
    }
}

/// The gradient of a residual branch before dropout.
fn branch_gradient<'a>(
    stream: &'a [f32],
    place: Place,
    branch: &'a mut Vec<f32>,
    dropout: Dropout,
) -> &'a [f32] {
    if !dropout.drops() {
        return stream;
    }
    let branch = grow(branch, stream.len());
    branch.copy_from_slice(stream);
    dropout.at(place.index()).apply(branch);
    branch
}
