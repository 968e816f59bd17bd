//! Models and checkpoints as safetensors: a header of names, shapes and one
//! metadata entry, then the numbers.

use std::collections::{BTreeMap, HashMap};

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use crate::architecture::TransformerConfig;
use crate::error::ModelError;
use crate::parameters::{Layout, Tensor};
use crate::trainer::{Trainer, TrainerOptions};
use crate::transformer::Transformer;

/// The metadata entry of a model.
const MODEL: &str = "decoder";
/// The metadata entry of a checkpoint.
const CHECKPOINT: &str = "trainer";
/// What the moments' names begin with.
const MOMENTS: [&str; 2] = ["first_moment.", "second_moment."];

/// What a checkpoint holds beside numbers: with the seed, all randomness of
/// the steps to come is a function of their number.
#[derive(Debug, Serialize, Deserialize)]
struct CheckpointHeader {
    decoder: TransformerConfig,
    steps_done: usize,
    seed: u64,
}

fn refuse(reason: impl std::fmt::Display) -> ModelError {
    ModelError::File(reason.to_string())
}

fn little_endian(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// A file of buffers that are laid out alike, each under its prefix.
fn write(config: &TransformerConfig, buffers: &[(&str, &[f32])], entry: (&str, String)) -> Vec<u8> {
    let layout = Layout::new(config);
    let named = buffers.iter().flat_map(|(prefix, values)| {
        layout.tensors(config).into_iter().map(move |tensor| {
            (
                format!("{prefix}{}", tensor.name),
                tensor.shape,
                little_endian(&values[tensor.place]),
            )
        })
    });
    let tensors: Vec<_> = named.collect();
    let views = tensors.iter().filter_map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).ok()?;
        Some((name, view))
    });
    let metadata = HashMap::from([(entry.0.to_owned(), entry.1)]);
    safetensors::serialize(views, Some(metadata)).unwrap_or_default()
}

/// The one metadata entry of a file.
fn metadata(bytes: &[u8], entry: &str) -> Result<String, ModelError> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(refuse)?;
    let entries = header.metadata().as_ref();
    entries
        .and_then(|entries| entries.get(entry).cloned())
        .ok_or_else(|| refuse(format!("its metadata has no entry `{entry}`")))
}

/// The buffers under these prefixes, each tensor checked against the
/// configuration; no other tensor may be in the file.
fn read(
    bytes: &[u8],
    config: &TransformerConfig,
    prefixes: &[&str],
) -> Result<Vec<Vec<f32>>, ModelError> {
    let count = config.validate()?;
    let file = SafeTensors::deserialize(bytes).map_err(refuse)?;
    if (count.checked_mul(4 * prefixes.len())).is_none_or(|size| size > bytes.len()) {
        return Err(refuse("it is smaller than its configuration says"));
    }
    let mut tensors: BTreeMap<String, TensorView<'_>> = file.tensors().into_iter().collect();
    let layout = Layout::new(config);
    let mut buffers = Vec::with_capacity(prefixes.len());
    for prefix in prefixes {
        let mut values = vec![0.0; count];
        for Tensor { name, shape, place } in layout.tensors(config) {
            let name = format!("{prefix}{name}");
            let tensor = tensors
                .remove(&name)
                .ok_or_else(|| refuse(format!("tensor {name} is missing")))?;
            read_tensor(&mut values[place], &name, &shape, &tensor)?;
        }
        buffers.push(values);
    }
    match tensors.into_keys().next() {
        Some(name) => Err(refuse(format!("tensor {name} does not belong to it"))),
        None => Ok(buffers),
    }
}

fn read_tensor(
    values: &mut [f32],
    name: &str,
    shape: &[usize],
    tensor: &TensorView<'_>,
) -> Result<(), ModelError> {
    if tensor.dtype() != Dtype::F32 {
        return Err(refuse(format!(
            "tensor {name} is {:?}, not F32",
            tensor.dtype()
        )));
    }
    if tensor.shape() != shape {
        let found = tensor.shape();
        return Err(refuse(format!("tensor {name} is {found:?}, not {shape:?}")));
    }
    let (numbers, _) = tensor.data().as_chunks::<4>();
    for (value, bytes) in values.iter_mut().zip(numbers) {
        *value = f32::from_le_bytes(*bytes);
        if !value.is_finite() {
            return Err(refuse(format!("tensor {name} holds {value}")));
        }
    }
    Ok(())
}

impl Transformer {
    /// The weights under the names of the Llama family, the configuration in
    /// the metadata.
    pub fn to_safetensors(&self) -> Vec<u8> {
        let entry = serde_json::to_string(&self.config).unwrap_or_default();
        write(&self.config, &[("", &self.parameters)], (MODEL, entry))
    }

    /// Reads what [`Transformer::to_safetensors`] wrote.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Transformer, ModelError> {
        let config: TransformerConfig =
            serde_json::from_str(&metadata(bytes, MODEL)?).map_err(refuse)?;
        match <[_; 1]>::try_from(read(bytes, &config, &[""])?) {
            Ok([parameters]) => Transformer::from_parameters(config, parameters),
            Err(_) => Err(refuse("it does not hold one model")),
        }
    }
}

impl Trainer {
    /// All that the next steps depend on: weights, moments, step and seed.
    pub fn checkpoint(&self) -> Vec<u8> {
        let header = CheckpointHeader {
            decoder: self.decoder.config.clone(),
            steps_done: self.steps_done,
            seed: self.options.seed,
        };
        let entry = serde_json::to_string(&header).unwrap_or_default();
        let buffers = [
            ("", self.decoder.parameters.as_slice()),
            (MOMENTS[0], self.first_moment.as_slice()),
            (MOMENTS[1], self.second_moment.as_slice()),
        ];
        write(&self.decoder.config, &buffers, (CHECKPOINT, entry))
    }

    /// Goes on from a checkpoint: with the same options, batches and threads
    /// its losses are bit for bit those of a run that was never interrupted.
    /// The seed is the checkpoint's.
    pub fn resume(bytes: &[u8], options: TrainerOptions) -> Result<Trainer, ModelError> {
        let header: CheckpointHeader =
            serde_json::from_str(&metadata(bytes, CHECKPOINT)?).map_err(refuse)?;
        let buffers = read(bytes, &header.decoder, &["", MOMENTS[0], MOMENTS[1]])?;
        let Ok([parameters, first, second]) = <[_; 3]>::try_from(buffers) else {
            return Err(refuse("it does not hold one checkpoint"));
        };
        let decoder = Transformer::from_parameters(header.decoder, parameters)?;
        let options = TrainerOptions {
            seed: header.seed,
            ..options
        };
        Ok(Trainer::from_state(
            decoder,
            options,
            (first, second),
            header.steps_done,
        ))
    }
}
