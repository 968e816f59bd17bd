//! How a published tensor stores its numbers.

/// How numbers are stored: plain, or in blocks that share a scale, as ggml
/// defines them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// 32-bit floating point.
    F32,
    /// 16-bit floating point (IEEE 754 half).
    F16,
    /// The upper half of a 32-bit floating point number.
    Bf16,
    /// 32 signed bytes and a scale.
    Q8_0,
    /// 32 numbers of 4 bits around 8 and a scale.
    Q4_0,
    /// 32 numbers of 4 bits, a scale and a minimum.
    Q4_1,
    /// 32 numbers of 5 bits around 16 and a scale.
    Q5_0,
    /// 32 numbers of 5 bits, a scale and a minimum.
    Q5_1,
    /// 256 numbers of 4 bits in groups of 32 with 6-bit scales and minima.
    Q4K,
    /// 256 numbers of 5 bits in groups of 32 with 6-bit scales and minima.
    Q5K,
    /// 256 numbers of 6 bits in groups of 16 with 8-bit scales.
    Q6K,
}

impl Encoding {
    /// How many numbers a block holds.
    pub fn block_values(self) -> usize {
        match self {
            Encoding::F32 | Encoding::F16 | Encoding::Bf16 => 1,
            Encoding::Q8_0 | Encoding::Q4_0 | Encoding::Q4_1 | Encoding::Q5_0 | Encoding::Q5_1 => {
                32
            }
            Encoding::Q4K | Encoding::Q5K | Encoding::Q6K => 256,
        }
    }

    /// How many bytes a block takes.
    pub fn block_bytes(self) -> usize {
        match self {
            Encoding::F32 => 4,
            Encoding::F16 | Encoding::Bf16 => 2,
            Encoding::Q8_0 => 34,
            Encoding::Q4_0 => 18,
            Encoding::Q4_1 => 20,
            Encoding::Q5_0 => 22,
            Encoding::Q5_1 => 24,
            Encoding::Q4K => 144,
            Encoding::Q5K => 176,
            Encoding::Q6K => 210,
        }
    }

    /// The bytes of so many numbers; none where they are no whole blocks or
    /// too many to count.
    pub fn bytes(self, values: usize) -> Option<usize> {
        let blocks = values
            .is_multiple_of(self.block_values())
            .then_some(values / self.block_values())?;
        blocks.checked_mul(self.block_bytes())
    }

    /// The number of the type in GGUF files.
    pub(crate) fn ggml_type(self) -> u32 {
        match self {
            Encoding::F32 => 0,
            Encoding::F16 => 1,
            Encoding::Q4_0 => 2,
            Encoding::Q4_1 => 3,
            Encoding::Q5_0 => 6,
            Encoding::Q5_1 => 7,
            Encoding::Q8_0 => 8,
            Encoding::Q4K => 12,
            Encoding::Q5K => 13,
            Encoding::Q6K => 14,
            Encoding::Bf16 => 30,
        }
    }

    /// The encoding with this number in GGUF files.
    pub(crate) fn from_ggml(number: u32) -> Option<Encoding> {
        use Encoding::*;
        [F32, F16, Bf16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4K, Q5K, Q6K]
            .into_iter()
            .find(|encoding| encoding.ggml_type() == number)
    }
}
