//! The network from a published model: as it is, in eight bits, in four, or
//! as closely as possible as the file stores it.

use std::ops::Range;
use std::sync::Mutex;

use half::f16;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::parameters::{Layout, Linear, Tensor as Place};
use crate::published::{FourBitGroup, PublishedModel, Tensor};
use crate::quantize::{Bits, Group, QuantizedMatrix};
use crate::transformer::Transformer;

/// How the matrices of a model are kept; vectors are always in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32 bits: the only one that can be trained.
    Full,
    /// 8 bits with a scale for each output.
    Int8,
    /// 4 bits with a scale and a minimum for each 32 inputs; the tables of
    /// tokens in 8.
    Int4,
    /// What the file has in 4 bits stays as it is, the rest in 8.
    #[default]
    AsStored,
}

impl Transformer {
    /// The network of a published model.
    ///
    /// # Errors
    /// Where a tensor is missing, has another shape or holds a number that is
    /// not finite.
    pub fn load(model: &PublishedModel, precision: Precision) -> Result<Transformer, ModelError> {
        model.config.validate()?;
        let layout = Layout::new(&model.config);
        let mut places = layout.tensors(&model.config);
        places.sort_by_key(|place| place.place.start);
        let kept = match precision {
            Precision::Full => layout.total,
            _ => layout.vectors,
        };
        let vectors = places.iter().filter(|place| place.place.end <= kept);
        let parameters = read_dense(model, kept, vectors)?;
        let config = model.config.clone();
        if precision == Precision::Full {
            return Transformer::from_parameters(config, parameters);
        }
        let matrices = (layout.linears())
            .map(|linear| {
                let table =
                    linear.index == layout.embedding.index || linear.index == layout.head.index;
                let precision = match precision {
                    Precision::Int4 if table => Precision::Int8,
                    precision => precision,
                };
                read_matrix(model, linear, &parts(&places, linear), precision)
            })
            .collect::<Result<_, _>>()?;
        Transformer::from_parts(config, parameters, matrices)
    }

    /// The same network with its matrices in fewer bits, adapters merged.
    pub fn quantized(mut self, precision: Precision) -> Result<Transformer, ModelError> {
        let bits = match precision {
            Precision::Full => return Ok(self),
            Precision::Int8 | Precision::AsStored => Bits::Int8,
            Precision::Int4 => Bits::Int4,
        };
        self.merge_adapters();
        if self.is_quantized() {
            let reason = "the model has fewer bits already".to_owned();
            return Err(ModelError::Configuration(reason));
        }
        let tables = [self.layout.embedding.index, self.layout.head.index];
        let matrices = (self.layout.linears())
            .map(|linear| {
                let bits = if tables.contains(&linear.index) {
                    Bits::Int8
                } else {
                    bits
                };
                let values = &self.parameters[linear.weight.clone()];
                QuantizedMatrix::from_dense(values, (linear.inputs, linear.outputs), bits)
            })
            .collect();
        let vectors = self.parameters[..self.layout.vectors].to_vec();
        Transformer::from_parts(self.config, vectors, matrices)
    }
}

fn tensor<'a>(model: &'a PublishedModel, place: &Place) -> Result<&'a Tensor, ModelError> {
    let refuse = |reason: String| ModelError::File(format!("tensor {} {reason}", place.name));
    let tensor = (model.tensors.get(&place.name)).ok_or_else(|| refuse("is missing".to_owned()))?;
    if tensor.shape() != place.shape {
        let (found, needed) = (tensor.shape(), &place.shape);
        return Err(refuse(format!("is {found:?}, not {needed:?}")));
    }
    Ok(tensor)
}

/// The first `size` parameters, from the tensors that lie there in order.
fn read_dense<'p>(
    model: &PublishedModel,
    size: usize,
    places: impl Iterator<Item = &'p Place>,
) -> Result<Vec<f32>, ModelError> {
    let mut parameters = vec![0.0; size];
    let mut rest = parameters.as_mut_slice();
    let mut parts = Vec::new();
    for place in places {
        let (part, after) = rest.split_at_mut(place.place.len());
        rest = after;
        parts.push((tensor(model, place)?, part));
    }
    (parts.into_par_iter())
        .try_for_each(|(tensor, part)| tensor.dequantize_rows(0..tensor.rows(), part))?;
    Ok(parameters)
}

/// The tensors that make up one linear layer, in order.
fn parts<'p>(places: &'p [Place], linear: &Linear) -> Vec<&'p Place> {
    let within =
        |place: &Range<usize>| linear.weight.start <= place.start && place.end <= linear.weight.end;
    places.iter().filter(|place| within(&place.place)).collect()
}

fn read_matrix(
    model: &PublishedModel,
    linear: &Linear,
    places: &[&Place],
    precision: Precision,
) -> Result<QuantizedMatrix, ModelError> {
    let tensors =
        (places.iter().map(|place| tensor(model, place))).collect::<Result<Vec<_>, _>>()?;
    let shape = (linear.inputs, linear.outputs);
    // The tensor that holds an output, and its row there.
    let find = |mut output: usize| {
        for tensor in &tensors {
            if output < tensor.rows() {
                return Some((*tensor, output));
            }
            output -= tensor.rows();
        }
        None
    };
    let failure = Mutex::new(None);
    let note = |result: Option<Result<(), ModelError>>| {
        if let (Some(Err(error)), Ok(mut failure)) = (result, failure.lock()) {
            failure.get_or_insert(error);
        }
    };
    let stored = precision == Precision::AsStored && tensors.iter().all(|t| t.is_four_bit());
    let matrix = if stored {
        let groups = linear.inputs / crate::published::FOUR_BIT_GROUP;
        QuantizedMatrix::from_groups(shape, |output, out| {
            let mut row = vec![FourBitGroup::default(); groups];
            note(find(output).map(|(tensor, at)| tensor.four_bit_rows(at..at + 1, &mut row)));
            for (out, group) in out.iter_mut().zip(row) {
                *out = Group {
                    scale: f16::from_f32(group.scale),
                    minimum: f16::from_f32(group.minimum),
                    quants: group.nibbles,
                };
            }
        })
    } else {
        let bits = match precision {
            Precision::Int4 => Bits::Int4,
            _ => Bits::Int8,
        };
        QuantizedMatrix::from_rows(shape, bits, |output, out| {
            note(find(output).map(|(tensor, at)| tensor.dequantize_rows(at..at + 1, out)));
        })
    };
    match failure.into_inner() {
        Ok(Some(error)) => Err(error),
        _ => Ok(matrix),
    }
}
