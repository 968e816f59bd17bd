//! Decoding of ggml's blocks. The layouts are those of `ggml-common.h` in the
//! public ggml sources: a 16-bit scale is always the first or the last field.

use half::f16;

use super::encoding::Encoding;

/// How many numbers share a scale and a minimum in a [`FourBitGroup`].
pub const FOUR_BIT_GROUP: usize = 32;

/// 32 numbers of 4 bits: number `i` is `scale · nibbles[i] + minimum`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FourBitGroup {
    /// What a step is worth.
    pub scale: f32,
    /// What zero stands for.
    pub minimum: f32,
    /// A number from 0 to 15 each, in the order of the row.
    pub nibbles: [u8; FOUR_BIT_GROUP],
}

fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// Decodes whole blocks into as many numbers as they hold.
pub(crate) fn decode(encoding: Encoding, bytes: &[u8], out: &mut [f32]) {
    debug_assert_eq!(encoding.bytes(out.len()), Some(bytes.len()));
    let (values, size) = (encoding.block_values(), encoding.block_bytes());
    let blocks = out.chunks_exact_mut(values).zip(bytes.chunks_exact(size));
    match encoding {
        Encoding::F32 => plain(bytes, out, f32::from_le_bytes),
        Encoding::F16 => plain(bytes, out, |two| f16::from_le_bytes(two).to_f32()),
        Encoding::Bf16 => plain(bytes, out, |[low, high]| {
            f32::from_le_bytes([0, 0, low, high])
        }),
        Encoding::Q8_0 => blocks.for_each(|(out, block)| q8_0(block, out)),
        Encoding::Q4_0 | Encoding::Q4_1 | Encoding::Q4K => {
            let groups = FOUR_BIT_GROUP;
            let mut decoded = [FourBitGroup::default(); 8];
            blocks.for_each(|(out, block)| {
                let decoded = &mut decoded[..values / groups];
                four_bit_groups(encoding, block, decoded);
                for (out, group) in out.chunks_exact_mut(groups).zip(decoded) {
                    for (out, nibble) in out.iter_mut().zip(group.nibbles) {
                        *out = group.scale * f32::from(nibble) + group.minimum;
                    }
                }
            });
        }
        Encoding::Q5_0 => blocks.for_each(|(out, block)| {
            let scale = half_at(block, 0);
            q5(&block[2..], out, scale, -16.0 * scale);
        }),
        Encoding::Q5_1 => {
            blocks.for_each(|(out, block)| {
                q5(&block[4..], out, half_at(block, 0), half_at(block, 2))
            });
        }
        Encoding::Q5K => blocks.for_each(|(out, block)| q5_k(block, out)),
        Encoding::Q6K => blocks.for_each(|(out, block)| q6_k(block, out)),
    }
}

fn plain<const N: usize>(bytes: &[u8], out: &mut [f32], number: impl Fn([u8; N]) -> f32) {
    let (numbers, _) = bytes.as_chunks::<N>();
    for (out, bytes) in out.iter_mut().zip(numbers) {
        *out = number(*bytes);
    }
}

fn q8_0(block: &[u8], out: &mut [f32]) {
    let scale = half_at(block, 0);
    for (out, byte) in out.iter_mut().zip(&block[2..]) {
        *out = scale * f32::from(*byte as i8);
    }
}

/// The low halves of 16 bytes are the first 16 numbers, the high ones the
/// rest; the fifth bits stand before them as one word.
fn q5(high_and_nibbles: &[u8], out: &mut [f32], scale: f32, minimum: f32) {
    let (high, nibbles) = high_and_nibbles.split_at(4);
    let high = u32::from_le_bytes([high[0], high[1], high[2], high[3]]);
    let (first, second) = out.split_at_mut(16);
    for (index, byte) in nibbles.iter().enumerate() {
        let fifth = |bit: usize| ((high >> bit) & 1) as u8 * 16;
        let number = |nibble: u8, bit| f32::from(nibble | fifth(bit));
        first[index] = scale * number(byte & 15, index) + minimum;
        second[index] = scale * number(byte >> 4, index + 16) + minimum;
    }
}

/// The 6-bit scale and minimum of one of the 8 groups, packed in 12 bytes:
/// the first four groups have theirs in the low bits of bytes 0 to 7, the
/// last four in the halves of bytes 8 to 11 with the upper bits of the first.
fn scale_and_minimum(packed: &[u8], group: usize) -> (u8, u8) {
    if group < 4 {
        return (packed[group] & 63, packed[group + 4] & 63);
    }
    let low = packed[group + 4];
    let scale = (low & 15) | ((packed[group - 4] >> 6) << 4);
    (scale, (low >> 4) | ((packed[group] >> 6) << 4))
}

fn q5_k(block: &[u8], out: &mut [f32]) {
    let (scale, minimum) = (half_at(block, 0), half_at(block, 2));
    let (packed, high, low) = (&block[4..16], &block[16..48], &block[48..176]);
    for (group, out) in out.chunks_exact_mut(32).enumerate() {
        let (group_scale, group_minimum) = scale_and_minimum(packed, group);
        let scale = scale * f32::from(group_scale);
        let minimum = minimum * f32::from(group_minimum);
        let low = &low[group / 2 * 32..][..32];
        for ((out, low), high) in out.iter_mut().zip(low).zip(high) {
            let nibble = if group % 2 == 0 { low & 15 } else { low >> 4 };
            let fifth = ((high >> group) & 1) * 16;
            *out = scale * f32::from(nibble | fifth) - minimum;
        }
    }
}

/// Two halves of 128 numbers; in each, number `32 · part + i` has its low
/// bits in byte `i` or `32 + i` and its upper two in bits `2 · part` of byte
/// `i` of the high bytes.
fn q6_k(block: &[u8], out: &mut [f32]) {
    let scale = half_at(block, 208);
    for (index, out) in out.chunks_exact_mut(128).enumerate() {
        let low = &block[index * 64..][..64];
        let high = &block[128 + index * 32..][..32];
        let scales = &block[192 + index * 8..][..8];
        for (part, out) in out.chunks_exact_mut(32).enumerate() {
            let low = &low[part % 2 * 32..][..32];
            for (place, out) in out.iter_mut().enumerate() {
                let nibble = if part < 2 {
                    low[place] & 15
                } else {
                    low[place] >> 4
                };
                let upper = (high[place] >> (2 * part)) & 3;
                let number = f32::from(nibble | (upper << 4)) - 32.0;
                *out = scale * f32::from(scales[part * 2 + place / 16] as i8) * number;
            }
        }
    }
}

/// The groups of one block of a 4-bit encoding; nothing for another one.
pub(crate) fn four_bit_groups(encoding: Encoding, block: &[u8], groups: &mut [FourBitGroup]) {
    match encoding {
        Encoding::Q4_0 => {
            let scale = half_at(block, 0);
            groups[0] = halves(&block[2..], scale, -8.0 * scale);
        }
        Encoding::Q4_1 => groups[0] = halves(&block[4..], half_at(block, 0), half_at(block, 2)),
        Encoding::Q4K => {
            let (scale, minimum) = (half_at(block, 0), half_at(block, 2));
            for (index, group) in groups.iter_mut().enumerate() {
                let (group_scale, group_minimum) = scale_and_minimum(&block[4..16], index);
                group.scale = scale * f32::from(group_scale);
                group.minimum = -(minimum * f32::from(group_minimum));
                let bytes = &block[16 + index / 2 * 32..][..32];
                for (nibble, byte) in group.nibbles.iter_mut().zip(bytes) {
                    *nibble = if index % 2 == 0 { byte & 15 } else { byte >> 4 };
                }
            }
        }
        _ => {}
    }
}

/// A group whose low halves are the first 16 numbers.
fn halves(bytes: &[u8], scale: f32, minimum: f32) -> FourBitGroup {
    let mut group = FourBitGroup {
        scale,
        minimum,
        ..FourBitGroup::default()
    };
    let (first, second) = group.nibbles.split_at_mut(16);
    for ((first, second), byte) in first.iter_mut().zip(second).zip(bytes) {
        (*first, *second) = (byte & 15, byte >> 4);
    }
    group
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const REFERENCE: &str = include_str!("../../tests/data/ggml_blocks.json");

    #[test]
    fn blocks_decode_as_in_ggml() {
        let reference: Value = serde_json::from_str(REFERENCE).expect("JSON");
        let blocks = reference["blocks"].as_array().expect("blocks");
        assert_eq!(blocks.len(), 10);
        for block in blocks {
            let name = block["encoding"].as_str().expect("a name");
            let encoding = (0..40)
                .filter_map(Encoding::from_ggml)
                .find(|encoding| format!("{encoding:?}") == name);
            let encoding = encoding.expect(name);
            let hex = block["bytes"].as_str().expect("bytes");
            let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
            let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
            let values = block["values"].as_array().expect("values");
            let mut decoded = vec![0.0; values.len()];
            decode(encoding, &bytes, &mut decoded);
            for (place, (value, decoded)) in values.iter().zip(&decoded).enumerate() {
                let value = value.as_f64().expect("a number") as f32;
                let error = (value - decoded).abs();
                assert!(
                    error <= 1e-6 * value.abs().max(0.01),
                    "{name} {place}: {decoded} for {value}"
                );
            }
        }
    }
}
