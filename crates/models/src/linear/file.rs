//! The classifier as bytes: a magic word, a header in JSON, then hashes,
//! rarities, biases and weights, little-endian.

use serde::{Deserialize, Serialize};

use super::LinearClassifier;
use crate::ModelError;

const MAGIC: &[u8; 8] = b"linear01";
/// No sane classifier has a larger header.
const MAX_HEADER_BYTES: usize = 16 << 20;

#[derive(Serialize, Deserialize)]
struct Header {
    classes: Vec<String>,
    features: usize,
    temperature: f32,
    threshold: f32,
    unknown_rarity: f32,
    balance: f32,
}

fn wrong(reason: impl ToString) -> ModelError {
    ModelError::File(format!("classifier: {}", reason.to_string()))
}

impl LinearClassifier {
    /// The classifier as one file; the same classifier gives the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let header = Header {
            classes: self.classes.clone(),
            features: self.hashes.len(),
            temperature: self.temperature,
            threshold: self.threshold,
            unknown_rarity: self.unknown_rarity,
            balance: self.balance,
        };
        // Strings and finite numbers always serialise.
        let header = serde_json::to_vec(&header).unwrap_or_default();
        let mut bytes = MAGIC.to_vec();
        bytes.extend((header.len() as u32).to_le_bytes());
        bytes.extend(header);
        bytes.extend(self.hashes.iter().flat_map(|hash| hash.to_le_bytes()));
        for numbers in [&self.rarity, &self.bias, &self.weights] {
            bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        }
        bytes
    }

    /// Reads what [`LinearClassifier::to_bytes`] wrote; refuses anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let rest = bytes
            .strip_prefix(MAGIC)
            .ok_or_else(|| wrong("not a classifier"))?;
        let (length, rest) = rest
            .split_first_chunk::<4>()
            .ok_or_else(|| wrong("cut short"))?;
        let length = u32::from_le_bytes(*length) as usize;
        if length > MAX_HEADER_BYTES || length > rest.len() {
            return Err(wrong("cut short in its header"));
        }
        let (header, rest) = rest.split_at(length);
        let header: Header = serde_json::from_slice(header).map_err(wrong)?;
        let (features, classes) = (header.features, header.classes.len());
        let numbers = features
            .checked_mul(classes)
            .and_then(|weights| weights.checked_add(classes)?.checked_add(2 * features))
            .and_then(|numbers| numbers.checked_mul(4));
        if classes == 0 || numbers != Some(rest.len()) {
            return Err(wrong(format!(
                "{} bytes do not hold {features} n-grams of {classes} classes",
                rest.len()
            )));
        }
        let (hashes, rest) = rest.split_at(features * 4);
        let hashes: Vec<u32> = hashes
            .chunks_exact(4)
            .map(|chunk| u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]))
            .collect();
        let numbers: Vec<f32> = rest
            .chunks_exact(4)
            .map(|chunk| f32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]))
            .collect();
        let plausible = numbers.iter().all(|number| number.is_finite())
            && header.temperature > 0.0
            && header.temperature.is_finite()
            && header.unknown_rarity.is_finite()
            && (0.0..=1.0).contains(&header.threshold);
        if !plausible {
            return Err(wrong("it holds something that is not a number"));
        }
        let (rarity, rest) = numbers.split_at(features);
        let (bias, weights) = rest.split_at(classes);
        let model = Self {
            places: (0..)
                .zip(&hashes)
                .map(|(place, hash)| (*hash, place))
                .collect(),
            hashes,
            rarity: rarity.to_vec(),
            unknown_rarity: header.unknown_rarity,
            weights: weights.to_vec(),
            bias: bias.to_vec(),
            classes: header.classes,
            temperature: header.temperature,
            threshold: header.threshold,
            balance: header.balance,
        };
        if model.places.len() != features {
            return Err(wrong("an n-gram occurs twice"));
        }
        Ok(model)
    }
}
