//! Models and checkpoints as safetensors: a header of names, shapes and one
//! metadata entry, then the numbers.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use half::f16;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use crate::adapter::AdapterOptions;
use crate::architecture::TransformerConfig;
use crate::error::ModelError;
use crate::parameters::{Layout, Tensor};
use crate::trainer::{Moments, Optimizer, Plan, Trainer, TrainerOptions};
use crate::transformer::Transformer;

/// The metadata entry of a model.
const MODEL: &str = "decoder";
/// The metadata entry of a checkpoint.
const CHECKPOINT: &str = "trainer";
/// What the moments' names begin with.
const MOMENTS: [&str; 2] = ["first_moment.", "second_moment."];
/// What the names of averaged weights begin with.
const AVERAGE: &str = "average.";
/// The name of all adapters together.
const ADAPTERS: &str = "adapters";

/// What a checkpoint holds beside numbers: with the seed, all randomness of
/// the steps to come is a function of their number.
#[derive(Debug, Serialize, Deserialize)]
struct CheckpointHeader {
    decoder: TransformerConfig,
    steps_done: usize,
    seed: u64,
    #[serde(default)]
    optimizer: Optimizer,
    #[serde(default)]
    averaged: bool,
    #[serde(default)]
    adapters: Option<AdapterOptions>,
}

fn refuse(reason: impl std::fmt::Display) -> ModelError {
    ModelError::File(reason.to_string())
}

fn little_endian(values: &[f32], dtype: Dtype) -> Vec<u8> {
    match dtype {
        Dtype::F16 => (values.iter())
            .flat_map(|value| f16::from_f32(*value).to_le_bytes())
            .collect(),
        _ => (values.iter())
            .flat_map(|value| value.to_le_bytes())
            .collect(),
    }
}

/// A buffer of the file: its tensors, whose names get a prefix.
struct Section<'a> {
    prefix: &'a str,
    tensors: Vec<Tensor>,
    values: &'a [f32],
}

fn write(sections: &[Section<'_>], dtype: Dtype, entry: (&str, String)) -> Vec<u8> {
    let named = sections.iter().flat_map(|section| {
        section.tensors.iter().map(|tensor| {
            (
                format!("{}{}", section.prefix, tensor.name),
                tensor.shape.clone(),
                little_endian(&section.values[tensor.place.clone()], dtype),
            )
        })
    });
    let tensors: Vec<_> = named.collect();
    let views = tensors.iter().filter_map(|(name, shape, bytes)| {
        let view = TensorView::new(dtype, shape.clone(), bytes).ok()?;
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

/// A file whose tensors are taken out one after the other.
struct Reader<'a> {
    bytes: usize,
    tensors: BTreeMap<String, TensorView<'a>>,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Result<Reader<'a>, ModelError> {
        let file = SafeTensors::deserialize(bytes).map_err(refuse)?;
        Ok(Reader {
            bytes: bytes.len(),
            tensors: file.tensors().into_iter().collect(),
        })
    }

    /// The buffer of these tensors, each checked.
    fn section(&mut self, prefix: &str, tensors: &[Tensor]) -> Result<Vec<f32>, ModelError> {
        let count = tensors.iter().map(|tensor| tensor.place.end).max();
        let count = count.unwrap_or(0);
        if count.checked_mul(2).is_none_or(|size| size > self.bytes) {
            return Err(refuse("it is smaller than its configuration says"));
        }
        let mut values = vec![0.0; count];
        for Tensor { name, shape, place } in tensors {
            let name = format!("{prefix}{name}");
            let tensor = self.tensors.remove(&name);
            let tensor = tensor.ok_or_else(|| refuse(format!("tensor {name} is missing")))?;
            read_tensor(&mut values[place.clone()], &name, shape, &tensor)?;
        }
        Ok(values)
    }

    /// The model of this configuration; none is made where the file is too
    /// small for it.
    fn model(&mut self, config: TransformerConfig) -> Result<Transformer, ModelError> {
        let count = config.validate()?;
        if count.checked_mul(2).is_none_or(|size| size > self.bytes) {
            return Err(refuse("it is smaller than its configuration says"));
        }
        let tensors = Layout::new(&config).tensors(&config);
        let parameters = self.section("", &tensors)?;
        Transformer::from_parameters(config, parameters)
    }

    /// An error if a tensor is left.
    fn finish(self) -> Result<(), ModelError> {
        match self.tensors.into_keys().next() {
            Some(name) => Err(refuse(format!("tensor {name} does not belong to it"))),
            None => Ok(()),
        }
    }
}

fn read_tensor(
    values: &mut [f32],
    name: &str,
    shape: &[usize],
    tensor: &TensorView<'_>,
) -> Result<(), ModelError> {
    if tensor.shape() != shape {
        let found = tensor.shape();
        return Err(refuse(format!("tensor {name} is {found:?}, not {shape:?}")));
    }
    match tensor.dtype() {
        Dtype::F32 => {
            let (numbers, _) = tensor.data().as_chunks::<4>();
            for (value, bytes) in values.iter_mut().zip(numbers) {
                *value = f32::from_le_bytes(*bytes);
            }
        }
        Dtype::F16 => {
            let (numbers, _) = tensor.data().as_chunks::<2>();
            for (value, bytes) in values.iter_mut().zip(numbers) {
                *value = f16::from_le_bytes(*bytes).to_f32();
            }
        }
        other => {
            return Err(refuse(format!(
                "tensor {name} is {other:?}, not F32 or F16"
            )));
        }
    }
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(refuse(format!("tensor {name} holds {value}"))),
        None => Ok(()),
    }
}

impl Transformer {
    /// The weights under the names of the Llama family, the configuration in
    /// the metadata. Adapters are written as merged into them.
    ///
    /// # Panics
    /// Where its matrices are in fewer bits: the weights in full are gone.
    pub fn to_safetensors(&self) -> Vec<u8> {
        self.written(Dtype::F32)
    }

    /// [`Transformer::to_safetensors`] in half the bytes: each weight is
    /// rounded to 16 bits, which is far finer than the 8 that it may be served
    /// in.
    ///
    /// # Panics
    /// As [`Transformer::to_safetensors`].
    pub fn to_half_safetensors(&self) -> Vec<u8> {
        self.written(Dtype::F16)
    }

    fn written(&self, dtype: Dtype) -> Vec<u8> {
        assert!(!self.is_quantized(), "a model in fewer bits is not written");
        let entry = serde_json::to_string(&self.config).unwrap_or_default();
        let mut model = Cow::Borrowed(self);
        if self.trains_adapters() {
            model.to_mut().merge_adapters();
        }
        let section = Section {
            prefix: "",
            tensors: self.layout.tensors(&self.config),
            values: &model.parameters,
        };
        write(&[section], dtype, (MODEL, entry))
    }

    /// Reads what [`Transformer::to_safetensors`] or
    /// [`Transformer::to_half_safetensors`] wrote.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Transformer, ModelError> {
        let config: TransformerConfig =
            serde_json::from_str(&metadata(bytes, MODEL)?).map_err(refuse)?;
        let mut reader = Reader::new(bytes)?;
        let model = reader.model(config)?;
        reader.finish()?;
        Ok(model)
    }

    /// The tensors of the weights that are trained.
    fn trained_tensors(&self) -> Vec<Tensor> {
        match &self.adapters {
            Some(adapters) => vec![Tensor {
                name: ADAPTERS.to_owned(),
                shape: vec![adapters.parameters.len()],
                place: 0..adapters.parameters.len(),
            }],
            None => self.layout.tensors(&self.config),
        }
    }
}

/// The tensors of the second moments.
fn second_tensors(model: &Transformer, plan: &Plan) -> Vec<Tensor> {
    let without = plan.without_second();
    let held = |tensor: &Tensor| !without.contains(&tensor.place.start);
    (model.trained_tensors().into_iter().filter(held))
        .map(|tensor| Tensor {
            place: plan.second_place(&tensor.place),
            ..tensor
        })
        .collect()
}

/// The optimizer that the weights are trained with.
fn effective(optimizer: Optimizer, adapters: bool) -> Optimizer {
    if adapters {
        Optimizer::AdamW
    } else {
        optimizer
    }
}

impl Trainer {
    /// All that the next steps depend on: weights (averaged ones and adapters
    /// too), moments, step and seed.
    pub fn checkpoint(&self) -> Vec<u8> {
        let model = &self.decoder;
        let header = CheckpointHeader {
            decoder: model.config.clone(),
            steps_done: self.steps_done,
            seed: self.options.seed,
            optimizer: effective(self.options.optimizer, model.trains_adapters()),
            averaged: self.average.is_some(),
            adapters: (model.adapters.as_ref()).map(|adapters| adapters.options.clone()),
        };
        let entry = serde_json::to_string(&header).unwrap_or_default();
        let section = |prefix, tensors, values| Section {
            prefix,
            tensors,
            values,
        };
        let trained = model.trained_tensors();
        let mut sections = vec![section(
            "",
            model.layout.tensors(&model.config),
            model.parameters.as_slice(),
        )];
        if model.trains_adapters() {
            sections.push(section("", trained.clone(), model.trained()));
        }
        let second = second_tensors(model, &self.plan);
        sections.push(section(MOMENTS[0], trained.clone(), &self.moments.first));
        sections.push(section(MOMENTS[1], second, &self.moments.second));
        if let Some(average) = &self.average {
            sections.push(section(AVERAGE, trained, average.trained()));
        }
        write(&sections, Dtype::F32, (CHECKPOINT, entry))
    }

    /// Goes on from a checkpoint: with the same options, frequencies, batches
    /// and threads its losses are bit for bit those of a run that was never
    /// interrupted. The seed is the checkpoint's. An error if it was made with
    /// another optimizer, or with averaged weights where the options have none
    /// or the other way round.
    pub fn resume(bytes: &[u8], options: TrainerOptions) -> Result<Trainer, ModelError> {
        let header: CheckpointHeader =
            serde_json::from_str(&metadata(bytes, CHECKPOINT)?).map_err(refuse)?;
        let wanted = effective(options.optimizer, header.adapters.is_some());
        if wanted != header.optimizer {
            let found = header.optimizer;
            let reason = format!("it was trained with {found:?}: it cannot go on with {wanted:?}");
            return Err(refuse(reason));
        }
        if options.ema_decay.is_some() != header.averaged {
            let has = if header.averaged { "has" } else { "has no" };
            let reason = format!("it {has} averaged weights: set `ema_decay` accordingly");
            return Err(refuse(reason));
        }
        let mut reader = Reader::new(bytes)?;
        let mut model = reader.model(header.decoder)?;
        if let Some(adapters) = header.adapters {
            model.adapt(adapters, header.seed)?;
            let trained = reader.section("", &model.trained_tensors())?;
            model.trained_mut().0.copy_from_slice(&trained);
        }
        let trained = model.trained_tensors();
        let second = second_tensors(&model, &Plan::new(&model, wanted));
        let moments = Moments {
            first: reader.section(MOMENTS[0], &trained)?,
            second: reader.section(MOMENTS[1], &second)?,
        };
        let mut average = None;
        if header.averaged {
            let values = reader.section(AVERAGE, &trained)?;
            let mut averaged = model.clone();
            averaged.trained_mut().0.copy_from_slice(&values);
            average = Some(averaged);
        }
        reader.finish()?;
        let options = TrainerOptions {
            seed: header.seed,
            ..options
        };
        let steps_done = header.steps_done;
        Ok(Trainer::from_state(
            (model, average),
            options,
            moments,
            steps_done,
        ))
    }
}
