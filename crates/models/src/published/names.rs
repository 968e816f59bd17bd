//! The canonical names and shapes of a model's tensors.

use crate::architecture::TransformerConfig;
use crate::parameters::Layout;

/// Every tensor that a model of this shape has in published files, with its
/// shape: linear layers are `[outputs, inputs]`. The shape must be one that
/// [`TransformerConfig::validate`] accepts.
pub fn expected_tensors(config: &TransformerConfig) -> Vec<(String, Vec<usize>)> {
    let tensors = Layout::new(config).tensors(config).into_iter();
    tensors.map(|tensor| (tensor.name, tensor.shape)).collect()
}
