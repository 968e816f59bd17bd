//! Next-item recommendation: causal decoders over item ids (SASRec; Kang and
//! McAuley, 2018) and item-item matrices (neighbours, EASE, text similarity) in
//! one ensemble, with the metrics of its ranking.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::index::standardise;
use crate::neighbours::ItemItemMatrix;
use crate::products::Products;
use crate::score_normalisation::ZScore;
use crate::transformer::Transformer;

mod evaluation;
mod scorer;
mod tuning;

pub use evaluation::{
    Evaluation, Example, NextItemFigures, evaluate, evaluate_decoder, evaluate_item_item,
    evaluate_model,
};
pub use scorer::{ItemTableIndex, Scorer, TopItems};

/// An item-item matrix as one member of the ensemble [`NextItemModel`].
#[derive(Debug, Clone, PartialEq)]
pub struct ItemItemMember {
    /// Weights from one item to others.
    pub matrix: ItemItemMatrix,
    /// The weight of an item of the history beside that of the item after it.
    pub recency_decay: f32,
}

impl ItemItemMember {
    /// Adds to `scores` what the items of `history` point to.
    pub fn add_scores(&self, history: &[u32], scores: &mut [f32]) {
        let mut weight = 1.0;
        for &item in history.iter().rev() {
            self.matrix.add_row(item, weight, scores);
            weight *= self.recency_decay;
        }
    }
}

/// The weight of each member's z-score in the sum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlendWeights {
    /// That of the decoder.
    pub decoder: f32,
    /// Those of the item-item matrices, in their order.
    #[serde(alias = "lists")]
    pub item_item: Vec<f32>,
}

/// Predicts the next item: the logits of the decoders and the scores of each
/// item-item matrix, all brought to mean 0 and variance 1, added by weight.
/// (Measured: this sum beats mixtures of probabilities and of their logarithms.)
#[derive(Debug, Clone, PartialEq)]
pub struct NextItemModel {
    /// How many items there are.
    pub items: usize,
    /// They read the sequence, each trained from another seed; their mean
    /// counts. Their vocabulary may be the first part of the items.
    pub decoders: Vec<Transformer>,
    /// Read item by item.
    pub item_item: Vec<ItemItemMember>,
    /// What each member counts.
    pub weights: BlendWeights,
}

impl NextItemModel {
    /// Scores each item as the one that comes next; `scores` has one place
    /// for each. Of nothing known, all are 0.
    pub fn score(&self, history: &[u32], scores: &mut [f32]) {
        scores.fill(0.0);
        let share = self.weights.decoder / self.decoders.len().max(1) as f32;
        for decoder in self.decoders.iter().filter(|_| share != 0.0) {
            let logits = next_logits(decoder, history);
            let z_score = ZScore::of(&logits, logits.len());
            for (score, logit) in scores.iter_mut().zip(&logits) {
                *score += share * z_score.normalise(*logit);
            }
        }
        self.add_item_item_scores(history, scores);
    }

    /// Adds what the lists say, by weight.
    fn add_item_item_scores(&self, history: &[u32], scores: &mut [f32]) {
        let item_item = self.item_item_scores(history);
        for (score, above_floor) in scores.iter_mut().zip(&item_item.above_floor) {
            *score += item_item.floor + above_floor;
        }
    }

    /// The standard scores of each member: the mean of the decoders first.
    fn members(&self, history: &[u32]) -> Vec<Vec<f32>> {
        let mut members = Vec::with_capacity(1 + self.item_item.len());
        let mut mean = vec![0.0; self.items];
        let share = 1.0 / self.decoders.len().max(1) as f32;
        for decoder in &self.decoders {
            let mut logits = next_logits(decoder, history);
            standardise(&mut logits);
            for (sum, logit) in mean.iter_mut().zip(&logits) {
                *sum += share * logit;
            }
        }
        members.push(mean);
        for list in &self.item_item {
            let mut member = vec![0.0; self.items];
            list.add_scores(history, &mut member);
            standardise(&mut member);
            members.push(member);
        }
        members
    }
}

const SETTINGS: &str = "next_item.json";

fn decoder_file(number: usize) -> String {
    match number {
        0 => "decoder.safetensors".to_owned(),
        _ => format!("decoder-{number}.safetensors"),
    }
}

/// What the other files do not say.
#[derive(Serialize, Deserialize)]
struct Settings {
    items: usize,
    recencies: Vec<f32>,
    weights: BlendWeights,
}

fn list_file(number: usize) -> String {
    format!("next-{number}.safetensors")
}

fn wrong(reason: impl ToString) -> ModelError {
    ModelError::File(reason.to_string())
}

impl NextItemModel {
    /// The model as files by name.
    pub fn to_files(&self) -> Result<BTreeMap<String, Vec<u8>>, ModelError> {
        let settings = Settings {
            items: self.items,
            recencies: self
                .item_item
                .iter()
                .map(|member| member.recency_decay)
                .collect(),
            weights: self.weights.clone(),
        };
        let json = serde_json::to_vec_pretty(&settings).map_err(wrong)?;
        let mut files = BTreeMap::from([(SETTINGS.to_owned(), json)]);
        for (number, member) in self.item_item.iter().enumerate() {
            files.insert(list_file(number), member.matrix.to_safetensors()?);
        }
        for (number, decoder) in self.decoders.iter().enumerate() {
            files.insert(decoder_file(number), decoder.to_safetensors());
        }
        Ok(files)
    }

    /// Reads what [`NextItemModel::to_files`] wrote; other files are let be.
    pub fn from_files(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, ModelError> {
        let file = |name: &str| {
            let missing = || wrong(format!("{name} is missing"));
            files.get(name).ok_or_else(missing)
        };
        let settings: Settings = serde_json::from_slice(file(SETTINGS)?).map_err(wrong)?;
        if settings.weights.item_item.len() != settings.recencies.len() {
            return Err(wrong("as many weights as lists are needed"));
        }
        let mut item_item = Vec::new();
        for (number, &recency) in settings.recencies.iter().enumerate() {
            let bytes = file(&list_file(number))?;
            let read = ItemItemMatrix::from_safetensors(bytes, settings.items)?;
            item_item.push(ItemItemMember {
                matrix: read,
                recency_decay: recency,
            });
        }
        let mut decoders = Vec::new();
        while let Some(bytes) = files.get(&decoder_file(decoders.len())) {
            decoders.push(Transformer::from_safetensors(bytes)?);
        }
        let fits = |decoder: &Transformer| decoder.config().vocabulary <= settings.items;
        if !decoders.iter().all(fits) {
            return Err(wrong("a decoder knows more items than there are"));
        }
        Ok(Self {
            items: settings.items,
            decoders,
            item_item,
            weights: settings.weights,
        })
    }
}

/// The logits of what follows `history`; of nothing, all alike. Items that
/// the decoder does not know are left out of the history.
pub fn next_logits(decoder: &Transformer, history: &[u32]) -> Vec<f32> {
    match last_state(decoder, history) {
        Some(state) => decoder.logits_of(&state, &mut Products::default()),
        None => vec![0.0; decoder.config().vocabulary],
    }
}

/// What the decoder makes of a history; none of nothing that it knows.
fn last_state(decoder: &Transformer, history: &[u32]) -> Option<Vec<f32>> {
    let recent = known(decoder, history);
    if recent.is_empty() {
        return None;
    }
    let hidden = decoder.hidden(&recent);
    Some(hidden[hidden.len() - decoder.config().width..].to_vec())
}

/// What the decoder reads of a history: the latest items that it knows.
fn known(decoder: &Transformer, history: &[u32]) -> Vec<u32> {
    let config = decoder.config();
    let is_known = |item: &&u32| (**item as usize) < config.vocabulary;
    let mut known: Vec<u32> = history.iter().filter(is_known).copied().collect();
    known.split_off(known.len().saturating_sub(config.context))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::architecture::TransformerConfig;
    use crate::neighbours::{NeighbourOptions, neighbours};

    pub(super) fn model() -> NextItemModel {
        let sequences = [vec![0, 1, 2], vec![0, 1, 3], vec![4, 2]];
        let member = |forward| ItemItemMember {
            matrix: neighbours(
                &sequences,
                6,
                &NeighbourOptions {
                    forward,
                    ..NeighbourOptions::default()
                },
            ),
            recency_decay: 0.5,
        };
        NextItemModel {
            items: 6,
            decoders: (1..3)
                .filter_map(|seed| {
                    Transformer::new(TransformerConfig::new(1, 8, 2, 4, 5), seed).ok()
                })
                .collect(),
            item_item: vec![member(true), member(false)],
            weights: BlendWeights {
                decoder: 0.5,
                item_item: vec![0.25, 0.25],
            },
        }
    }

    #[test]
    fn any_history_gets_finite_scores() {
        let model = model();
        // Longer than the context, with items that nobody knows.
        for history in [&[0][..], &[0, 1, 99, 5, 2, 3, 4, 0], &[0, 1]] {
            let mut scores = vec![f32::NAN; 6];
            model.score(history, &mut scores);
            assert!(scores.iter().all(|score| score.is_finite()));
            assert!(scores.iter().any(|score| *score != scores[0]));
        }
        // Nothing known of the history: all are alike.
        let mut scores = vec![1.0; 6];
        model.score(&[99], &mut scores);
        assert_eq!(scores, vec![0.0; 6]);
    }

    /// Adds up the members by weight.
    fn mix(members: &[Vec<f32>], weights: &BlendWeights, scores: &mut [f32]) {
        let weights = std::iter::once(&weights.decoder).chain(&weights.item_item);
        for (member, &weight) in members.iter().zip(weights) {
            for (score, part) in scores.iter_mut().zip(member) {
                *score += weight * part;
            }
        }
    }

    #[test]
    fn a_few_items_are_scored_as_among_all() {
        let mut model = model();
        for weights in [[0.25, 0.25], [0.0, 1.0]] {
            model.weights.item_item = weights.to_vec();
            let item_tables = model.item_tables();
            for history in [&[0][..], &[0, 1, 99, 5, 2, 3, 4, 0], &[99], &[]] {
                let mut scores = vec![0.0; 6];
                model.score(history, &mut scores);
                let mut mixed = vec![0.0; 6];
                mix(&model.members(history), &model.weights, &mut mixed);
                let some = [5, 0, 3];
                for (item, score) in some
                    .iter()
                    .zip(model.scorer(&item_tables, history).scores(&some))
                {
                    let among_all = scores[*item as usize];
                    assert!((score - among_all).abs() < 1e-3, "{score} {among_all}");
                }
                for (mixed, score) in mixed.iter().zip(&scores) {
                    assert!((mixed - score).abs() < 1e-3, "{mixed} {score}");
                }
            }
        }
    }

    #[test]
    fn it_survives_its_files() {
        let model = model();
        let mut files = model.to_files().unwrap();
        assert_eq!(NextItemModel::from_files(&files).unwrap(), model);
        // The weights had another name in files of before.
        let text = String::from_utf8(files[SETTINGS].clone()).unwrap();
        let old = text.replace("\"item_item\"", "\"lists\"");
        assert_ne!(old, text);
        files.insert(SETTINGS.to_owned(), old.into_bytes());
        assert_eq!(NextItemModel::from_files(&files).unwrap(), model);
        files.remove("next-1.safetensors");
        assert!(NextItemModel::from_files(&files).is_err());
    }

    #[test]
    fn weights_are_chosen_where_they_help() {
        let mut model = model();
        let example = |history: &[u32], target| Example {
            history: history.to_vec(),
            target,
        };
        let examples = [example(&[0], 1), example(&[4], 2)];
        let ndcg = |model: &NextItemModel| {
            let score = |history: &[u32], scores: &mut [f32]| model.score(history, scores);
            evaluate(&examples, 6, 1, score).figures.ndcg()
        };
        let (chosen, found) = model.tune(&examples, 2).unwrap();
        model.weights = chosen;
        assert_eq!((ndcg(&model), found.ndcg()), (1.0, 1.0));
        assert_eq!(model.tune(&[], 2), None);
        // Lists alone may be best.
        model.decoders.clear();
        let (chosen, found) = model.tune(&examples, 1).unwrap();
        assert!(chosen.decoder == 0.0 && found.ndcg() == 1.0, "{chosen:?}");
    }

    #[test]
    fn a_few_examples_do_not_silence_a_voice() {
        // Two lists that are right equally often, but for one example of 41:
        // nobody knows which is better, so both are heard.
        let list = |rights: &[(u32, u32)]| {
            let mut rows = vec![Vec::new(); 100];
            for &(from, to) in rights {
                rows[from as usize].push(crate::index::Scored {
                    place: to,
                    score: 1.0,
                });
            }
            ItemItemMember {
                matrix: ItemItemMatrix::from_rows(rows),
                recency_decay: 1.0,
            }
        };
        let example = |from: u32| Example {
            history: vec![from],
            target: from + 50,
        };
        let examples: Vec<Example> = (0..41).map(example).collect();
        let pair = |from: u32| (from, from + 50);
        let halves = |split: u32| {
            [
                (0..split).map(pair).collect(),
                (split..41).map(pair).collect(),
            ]
        };
        let model = |split: u32| NextItemModel {
            items: 100,
            decoders: Vec::new(),
            item_item: halves(split).map(|half: Vec<_>| list(&half)).to_vec(),
            weights: BlendWeights {
                decoder: 0.0,
                item_item: vec![1.0, 1.0],
            },
        };
        let (weights, figures) = model(21).tune(&examples, 1).unwrap();
        assert!(
            weights.item_item.iter().all(|weight| *weight > 0.4),
            "{weights:?}"
        );
        assert_eq!(figures.ndcg(), 1.0);
        // One that is never right stays silent.
        let (weights, _) = model(41).tune(&examples, 1).unwrap();
        assert_eq!(weights.item_item, [1.0, 0.0]);
    }
}
