//! Numbers to the encodings that are written.

use half::f16;

use super::encoding::Encoding;

/// How weights are written into a GGUF file; vectors are always whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GgufEncoding {
    /// 4 bytes a weight, without loss.
    F32,
    /// 2 bytes a weight.
    F16,
    /// About 1.06 bytes a weight: 32 signed bytes and a scale.
    Q8_0,
}

impl GgufEncoding {
    /// What a tensor of this shape is written in: blocks need whole rows.
    pub(crate) fn of(self, shape: &[usize]) -> Encoding {
        let columns = shape.last().copied().unwrap_or(1);
        match self {
            _ if shape.len() < 2 => Encoding::F32,
            GgufEncoding::F32 => Encoding::F32,
            GgufEncoding::Q8_0 if columns.is_multiple_of(32) => Encoding::Q8_0,
            GgufEncoding::F16 | GgufEncoding::Q8_0 => Encoding::F16,
        }
    }

    /// The file's type in its metadata.
    pub(crate) fn file_type(self) -> u32 {
        match self {
            GgufEncoding::F32 => 0,
            GgufEncoding::F16 => 1,
            GgufEncoding::Q8_0 => 7,
        }
    }
}

/// Appends numbers in an encoding that is written; nothing for another one.
pub(crate) fn encode(encoding: Encoding, values: &[f32], bytes: &mut Vec<u8>) {
    match encoding {
        Encoding::F32 => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
        Encoding::F16 => bytes.extend(
            values
                .iter()
                .flat_map(|value| f16::from_f32(*value).to_le_bytes()),
        ),
        Encoding::Q8_0 => values.chunks_exact(32).for_each(|block| q8_0(block, bytes)),
        _ => {}
    }
}

/// The largest magnitude becomes 127.
fn q8_0(block: &[f32], bytes: &mut Vec<u8>) {
    let largest = block
        .iter()
        .fold(0.0, |largest: f32, value| largest.max(value.abs()));
    let scale = largest / 127.0;
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    bytes.extend(f16::from_f32(scale).to_le_bytes());
    bytes.extend(
        block
            .iter()
            .map(|value| (value * inverse).round() as i8 as u8),
    );
}
