//! The backward pass of a packed batch, layer by layer from the end, into one
//! flat gradient laid out as the parameters.

use std::ops::Range;

use crate::attention::{self, Heads, Saved};
use crate::dropout::Dropout;
use crate::feed_forward;
use crate::forward::{
    Activations, BranchActivations, LayerActivations, Place, Scratch, scale_rows,
};
use crate::parameters::Branch;
use crate::rotary::Turn;
use crate::transformer::Transformer;
use crate::vector::grow;

/// The gradients that pass from layer to layer, and those inside one.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// Of the state after the final norm: the loss writes it.
    pub(crate) hidden: Vec<f32>,
    stream: Vec<f32>,
    /// Of a branch's result.
    branch: Vec<f32>,
    normed: Vec<f32>,
    inner: Vec<f32>,
    gate_up: Vec<f32>,
    attended: Vec<f32>,
    rows: Vec<f32>,
}

impl Transformer {
    /// Adds to `gradient` what `flow.hidden` says of the batch that
    /// [`Transformer::run`] has just seen.
    pub(crate) fn run_back(
        &self,
        gradient: &mut [f32],
        (tokens, lengths): (&[u32], &[usize]),
        dropout: Dropout,
        activations: &mut Activations,
        flow: &mut Flow,
    ) {
        let size = tokens.len() * self.config.width;
        let stream = grow(&mut flow.stream, size);
        match &self.layout.final_norm {
            Some(place) => {
                stream.fill(0.0);
                let input = &activations.stream[..size];
                let of_norm = self.gradient_of(gradient, place);
                let normalizer = self.normalizer(place);
                normalizer.backward(stream, of_norm, &flow.hidden[..size], input);
            }
            None => stream.copy_from_slice(&flow.hidden[..size]),
        }
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
        if !self.trains_adapters() {
            let stream = &mut flow.stream[..size];
            dropout.at(Place::Embedding.index()).apply(stream);
            self.embed_back(gradient, (tokens, lengths), stream, &activations.embedded);
        }
    }

    /// Where the gradient of these weights goes; nowhere where only adapters
    /// are trained.
    fn gradient_of<'a>(
        &self,
        gradient: &'a mut [f32],
        place: &Range<usize>,
    ) -> Option<&'a mut [f32]> {
        (!self.trains_adapters()).then(|| &mut gradient[place.clone()])
    }

    /// The gradients of the tables, from that of their sum in `stream`.
    fn embed_back(
        &self,
        gradient: &mut [f32],
        (tokens, lengths): (&[u32], &[usize]),
        stream: &mut [f32],
        embedded: &[f32],
    ) {
        let width = self.config.width;
        if let Some(place) = &self.layout.embedding_norm {
            let normed_gradient = stream.to_vec();
            stream.fill(0.0);
            let of_norm = self.gradient_of(gradient, place);
            let input = &embedded[..stream.len()];
            let normalizer = self.normalizer(place);
            normalizer.backward(stream, of_norm, &normed_gradient, input);
        }
        if let Some(place) = &self.layout.segments {
            let first = &mut gradient[place.clone()][..width];
            for row in stream.chunks_exact(width) {
                crate::vector::add(first, row);
            }
        }
        if let Some(place) = &self.layout.positions {
            let table = &mut gradient[place.clone()];
            let positions = lengths.iter().flat_map(|&length| 0..length);
            for (row, position) in stream.chunks_exact(width).zip(positions) {
                crate::vector::add(&mut table[position * width..][..width], row);
            }
        }
        if self.config.embedding_scale != 1.0 {
            crate::vector::scale(stream, self.config.embedding_scale);
        }
        let table = &mut gradient[self.layout.embedding.weight.clone()];
        for (row, &token) in stream.chunks_exact(width).zip(tokens) {
            crate::vector::add(&mut table[token as usize * width..][..width], row);
        }
    }

    /// The gradient of the second linear layer's result, from that of the
    /// stream after the branch. `flow.stream` becomes that of the sum.
    fn finish_back<'a>(
        &self,
        gradient: &mut [f32],
        branch: &Branch,
        saved: &BranchActivations,
        (stream, result): (&'a mut [f32], &'a mut Vec<f32>),
        (place, dropout, scratch): (Place, Dropout, &mut Scratch),
    ) -> &'a [f32] {
        let size = stream.len();
        let around = branch.norm.is_some();
        if branch.norm_after.is_none() && branch.gate.is_none() && !dropout.drops() {
            return stream;
        }
        let result = grow(result, size);
        if let (false, Some(norm)) = (around, &branch.norm_after) {
            result.copy_from_slice(stream);
            stream.fill(0.0);
            let of_norm = self.gradient_of(gradient, norm);
            let normalizer = self.normalizer(norm);
            normalizer.backward(stream, of_norm, result, &saved.summed[..size]);
        }
        result.copy_from_slice(stream);
        dropout.at(place.index()).apply(result);
        if let Some(gate) = &branch.gate {
            let gated = grow(&mut scratch.branch, size);
            self.before_gate(branch, &saved.raw[..size], gated);
            if let Some(of_gate) = self.gradient_of(gradient, gate) {
                let rows = result.chunks_exact(of_gate.len());
                for (row, values) in rows.zip(gated.chunks_exact(of_gate.len())) {
                    for (index, of_gate) in of_gate.iter_mut().enumerate() {
                        *of_gate += row[index] * values[index];
                    }
                }
            }
            scale_rows(result, &self.parameters[gate.clone()]);
        }
        if let (true, Some(norm)) = (around, &branch.norm_after) {
            let normed_gradient = grow(&mut scratch.branch, size);
            normed_gradient.copy_from_slice(result);
            result.fill(0.0);
            let of_norm = self.gradient_of(gradient, norm);
            let normalizer = self.normalizer(norm);
            normalizer.backward(result, of_norm, normed_gradient, &saved.raw[..size]);
        }
        result
    }

    /// Adds the gradient that reaches a branch's input to the stream's.
    fn start_back(
        &self,
        gradient: &mut [f32],
        branch: &Branch,
        input: &[f32],
        (stream, normed_gradient): (&mut [f32], &[f32]),
    ) {
        match &branch.norm {
            Some(place) => {
                let of_norm = self.gradient_of(gradient, place);
                let normalizer = self.normalizer(place);
                normalizer.backward(stream, of_norm, normed_gradient, input);
            }
            None => crate::vector::add(stream, normed_gradient),
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
        let (hidden, activation) = (self.config.hidden, self.config.activation);
        let count = size / self.config.width;
        let branch = &self.layout.layers[index].feed_forward;
        let saved = &layer.feed_forward;
        let gate_up = &layer.gate_up[..count * self.config.gate_up_width()];
        let mut inner = std::mem::take(&mut scratch.inner);
        let activated = grow(&mut inner, count * hidden);
        feed_forward::forward(activated, gate_up, hidden, activation);

        let gradients = (&mut flow.stream[..size], &mut flow.branch);
        let context = (Place::FeedForward(index), dropout, &mut *scratch);
        let result_gradient = self.finish_back(gradient, branch, saved, gradients, context);
        let inner_gradient = grow(&mut flow.inner, count * hidden);
        let products = &mut scratch.products;
        let pair = (result_gradient, &*activated);
        self.linear_back(gradient, inner_gradient, pair, &branch.second, products);

        let gate_up_gradient = grow(&mut flow.gate_up, gate_up.len());
        feed_forward::backward(
            gate_up_gradient,
            inner_gradient,
            gate_up,
            hidden,
            activation,
        );
        let before = &saved.input[..size];
        let input = self.branch_input(branch, before, &mut scratch.normed);
        let normed_gradient = grow(&mut flow.normed, size);
        let products = &mut scratch.products;
        let pair = (&*gate_up_gradient, input);
        self.linear_back(gradient, normed_gradient, pair, &branch.first, products);
        let stream = (&mut flow.stream[..size], &*normed_gradient);
        self.start_back(gradient, branch, before, stream);
        scratch.inner = inner;
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
        let heads = Heads::of(&self.config, index);
        let count = size / self.config.width;
        let places = &self.layout.layers[index];
        let (branch, saved) = (&places.attention, &layer.attention);

        let gradients = (&mut flow.stream[..size], &mut flow.branch);
        let context = (Place::Attention(index), dropout, &mut *scratch);
        let result_gradient = self.finish_back(gradient, branch, saved, gradients, context);
        let attended = &layer.attended[..count * heads.total()];
        let attended_gradient = grow(&mut flow.attended, attended.len());
        let products = &mut scratch.products;
        let pair = (result_gradient, attended);
        self.linear_back(gradient, attended_gradient, pair, &branch.second, products);

        let rows_gradient = grow(&mut flow.rows, count * heads.row());
        self.sequences_back(
            rows_gradient,
            attended_gradient,
            (layer, index),
            lengths,
            scratch,
        );
        if let Some(norms) = &places.query_key_norms {
            let unnormed = &layer.unnormed[..rows_gradient.len()];
            self.heads_back(gradient, rows_gradient, unnormed, norms, heads);
        }

        let before = &saved.input[..size];
        let input = self.branch_input(branch, before, &mut scratch.normed);
        let normed_gradient = grow(&mut flow.normed, size);
        let products = &mut scratch.products;
        let pair = (&*rows_gradient, input);
        self.linear_back(gradient, normed_gradient, pair, &branch.first, products);
        let stream = (&mut flow.stream[..size], &*normed_gradient);
        self.start_back(gradient, branch, before, stream);
    }

    /// The gradient of queries, keys and values as they were before they were
    /// turned, sequence by sequence.
    fn sequences_back(
        &self,
        gradient: &mut [f32],
        out_gradient: &[f32],
        (layer, index): (&LayerActivations, usize),
        lengths: &[usize],
        scratch: &mut Scratch,
    ) {
        let heads = Heads::of(&self.config, index);
        let rotary = self.rotary(index, lengths.iter().copied().max().unwrap_or(0));
        let mut start = 0;
        for &length in lengths {
            let end = start + length;
            let rows = start * heads.row()..end * heads.row();
            let results = start * heads.total()..end * heads.total();
            let gradient = &mut gradient[rows.clone()];
            let saved = Saved {
                rows: &layer.rows[rows],
                attended: &layer.attended[results.clone()],
                normalizers: &layer.normalizers[start * heads.count..end * heads.count],
            };
            if length > 0 {
                let out_gradient = &out_gradient[results];
                attention::backward(gradient, out_gradient, saved, heads, &mut scratch.attention);
                if let Some(rotary) = &rotary {
                    let turned = heads.total() + heads.key_total();
                    rotary.turn(gradient, heads.row(), turned, 0, Turn::Backward);
                }
            }
            start = end;
        }
    }

    /// The gradient of queries and keys as they were before they were
    /// normalised.
    fn heads_back(
        &self,
        gradient: &mut [f32],
        rows_gradient: &mut [f32],
        unnormed: &[f32],
        norms: &[Range<usize>; 2],
        heads: Heads,
    ) {
        let (total, turned) = (heads.total(), heads.total() + heads.key_total());
        let mut normed_gradient = vec![0.0; turned];
        let rows = rows_gradient.chunks_exact_mut(heads.row());
        for (row, input) in rows.zip(unnormed.chunks_exact(heads.row())) {
            normed_gradient.copy_from_slice(&row[..turned]);
            row[..turned].fill(0.0);
            for (norm, part) in norms.iter().zip([0..total, total..turned]) {
                self.head_normalizer(norm).backward(
                    &mut row[part.clone()],
                    self.gradient_of(gradient, norm),
                    &normed_gradient[part.clone()],
                    &input[part],
                );
            }
        }
    }
}
