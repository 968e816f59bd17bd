//! What comes next in a sequence of items: the causal decoder over item ids
//! (Kang and McAuley, 2018), mixed with item-to-item lists, and the figures
//! that judge such a ranking.

use std::collections::BTreeMap;
use std::thread;

use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::index::{rank_of, ranking, standardise};
use crate::linear_layer::Products;
use crate::neighbours::ItemLists;
use crate::transformer::Transformer;

/// Item-to-item lists as one voice of a [`NextItemModel`].
#[derive(Debug, Clone, PartialEq)]
pub struct ListVoice {
    /// What goes with what.
    pub lists: ItemLists,
    /// The last item counts 1, the one before this much, and so on.
    pub recency: f32,
}

impl ListVoice {
    /// Adds to `scores` what the items of `history` point to.
    pub fn add_scores(&self, history: &[u32], scores: &mut [f32]) {
        let mut weight = 1.0;
        for &item in history.iter().rev() {
            self.lists.add_row(item, weight, scores);
            weight *= self.recency;
        }
    }
}

/// What each voice's standard score counts in the sum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VoiceWeights {
    /// That of the decoder.
    pub decoder: f32,
    /// Those of the lists, in their order.
    pub lists: Vec<f32>,
}

/// Predicts the next item: the logits of the decoder and the scores of each
/// item-to-item list, all brought to mean 0 and variance 1, added by weight.
/// (Measured: this sum beats mixtures of probabilities and of their logarithms.)
#[derive(Debug, Clone, PartialEq)]
pub struct NextItemModel {
    /// How many items there are.
    pub items: usize,
    /// Reads the sequence; its vocabulary may be the first part of the items.
    pub decoder: Option<Transformer>,
    /// Read item by item.
    pub lists: Vec<ListVoice>,
    /// What each voice counts.
    pub weights: VoiceWeights,
}

impl NextItemModel {
    /// Scores each item as the one that comes next; `scores` has one place
    /// for each. Of nothing known, all are 0.
    pub fn score(&self, history: &[u32], scores: &mut [f32]) {
        let voices = self.voices(history);
        mix(&voices, &self.weights, scores);
    }

    /// The standard scores of each voice: the decoder's first.
    fn voices(&self, history: &[u32]) -> Vec<Vec<f32>> {
        let mut voices = Vec::with_capacity(1 + self.lists.len());
        let mut decoder = vec![0.0; self.items];
        if let Some(model) = &self.decoder {
            let known = next_logits(model, history);
            let reached = known.len().min(self.items);
            decoder[..reached].copy_from_slice(&known[..reached]);
            standardise(&mut decoder[..reached]);
        }
        voices.push(decoder);
        for list in &self.lists {
            let mut voice = vec![0.0; self.items];
            list.add_scores(history, &mut voice);
            standardise(&mut voice);
            voices.push(voice);
        }
        voices
    }

    /// The weights with the best NDCG on `examples`, out of `candidates`; the
    /// first of equally good ones.
    pub fn choose_weights(
        &self,
        examples: &[Example],
        candidates: &[VoiceWeights],
        threads: usize,
    ) -> Option<(VoiceWeights, NextItemFigures)> {
        let ranks = in_parallel(examples, threads, |example| {
            let voices = self.voices(&example.history);
            let mut scores = vec![0.0; self.items];
            let rank = |weights: &VoiceWeights| {
                mix(&voices, weights, &mut scores);
                rank_unseen(&mut scores, example)
            };
            candidates.iter().map(rank).collect::<Vec<_>>()
        });
        let mut best: Option<(VoiceWeights, NextItemFigures)> = None;
        for (at, weights) in candidates.iter().enumerate() {
            let mut figures = NextItemFigures::default();
            ranks.iter().for_each(|ranks| figures.add(ranks[at]));
            if best
                .as_ref()
                .is_none_or(|(_, found)| figures.ndcg() > found.ndcg())
            {
                best = Some((weights.clone(), figures));
            }
        }
        best
    }
}

const SETTINGS: &str = "next_item.json";
const DECODER: &str = "decoder.safetensors";

/// What the other files do not say.
#[derive(Serialize, Deserialize)]
struct Settings {
    items: usize,
    recencies: Vec<f32>,
    weights: VoiceWeights,
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
            recencies: self.lists.iter().map(|voice| voice.recency).collect(),
            weights: self.weights.clone(),
        };
        let json = serde_json::to_vec_pretty(&settings).map_err(wrong)?;
        let mut files = BTreeMap::from([(SETTINGS.to_owned(), json)]);
        for (number, voice) in self.lists.iter().enumerate() {
            files.insert(list_file(number), voice.lists.to_safetensors()?);
        }
        if let Some(decoder) = &self.decoder {
            files.insert(DECODER.to_owned(), decoder.to_safetensors());
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
        if settings.weights.lists.len() != settings.recencies.len() {
            return Err(wrong("as many weights as lists are needed"));
        }
        let mut lists = Vec::new();
        for (number, &recency) in settings.recencies.iter().enumerate() {
            let bytes = file(&list_file(number))?;
            let read = ItemLists::from_safetensors(bytes, settings.items)?;
            lists.push(ListVoice {
                lists: read,
                recency,
            });
        }
        let decoder = match files.get(DECODER) {
            Some(bytes) => Some(Transformer::from_safetensors(bytes)?),
            None => None,
        };
        let fits = |decoder: &Transformer| decoder.config().vocabulary <= settings.items;
        if !decoder.as_ref().is_none_or(fits) {
            return Err(wrong("the decoder knows more items than there are"));
        }
        Ok(Self {
            items: settings.items,
            decoder,
            lists,
            weights: settings.weights,
        })
    }
}

/// Adds up the voices by weight.
fn mix(voices: &[Vec<f32>], weights: &VoiceWeights, scores: &mut [f32]) {
    scores.fill(0.0);
    let weights = std::iter::once(&weights.decoder).chain(&weights.lists);
    for (voice, &weight) in voices.iter().zip(weights) {
        if weight != 0.0 {
            for (score, part) in scores.iter_mut().zip(voice) {
                *score += weight * part;
            }
        }
    }
}

/// The logits of what follows `history`; of nothing, all alike. Items that
/// the decoder does not know are left out of the history.
pub fn next_logits(decoder: &Transformer, history: &[u32]) -> Vec<f32> {
    let config = decoder.config();
    let (width, vocabulary) = (config.width, config.vocabulary);
    let mut known: Vec<u32> = history.to_vec();
    known.retain(|item| (*item as usize) < vocabulary);
    let recent = &known[known.len().saturating_sub(config.context)..];
    if recent.is_empty() {
        return vec![0.0; vocabulary];
    }
    let hidden = decoder.hidden(recent);
    decoder.logits_of(&hidden[hidden.len() - width..], &mut Products::default())
}

/// A history and the item that came next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Oldest first.
    pub history: Vec<u32>,
    /// What came next.
    pub target: u32,
}

/// How a way of scoring fared.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Judged {
    /// Its figures.
    pub figures: NextItemFigures,
    /// The first places that it gave to each user, all in one list.
    pub shown: Vec<u32>,
}

/// Ranks all items for each example by `score`, the seen ones removed.
pub fn judge(
    examples: &[Example],
    items: usize,
    threads: usize,
    score: impl Fn(&[u32], &mut [f32]) + Sync,
) -> Judged {
    let judged = in_parallel(examples, threads, |example| {
        let mut scores = vec![0.0; items];
        score(&example.history, &mut scores);
        let rank = rank_unseen(&mut scores, example);
        let first = ranking(&scores).take(NextItemFigures::PLACES);
        (rank, first.map(|scored| scored.place).collect::<Vec<_>>())
    });
    let mut result = Judged::default();
    for (rank, first) in judged {
        result.figures.add(rank);
        result.shown.extend(first);
    }
    result
}

/// The rank of the target with the history taken out of `scores`.
fn rank_unseen(scores: &mut [f32], example: &Example) -> Option<f64> {
    for &item in &example.history {
        if let Some(score) = scores.get_mut(item as usize) {
            *score = f32::NEG_INFINITY;
        }
    }
    rank_of(scores, example.target as usize)
}

/// Maps the examples on several threads, in their order.
fn in_parallel<T: Send>(
    examples: &[Example],
    threads: usize,
    work: impl Fn(&Example) -> T + Sync,
) -> Vec<T> {
    let share = examples.len().div_ceil(threads.max(1)).max(1);
    thread::scope(|scope| {
        let running: Vec<_> = examples
            .chunks(share)
            .map(|part| scope.spawn(|| part.iter().map(&work).collect::<Vec<T>>()))
            .collect();
        let finished = running.into_iter().flat_map(|thread| {
            let result = thread.join();
            result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        finished.collect()
    })
}

/// Next-item figures over many users with one right answer each.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NextItemFigures {
    users: usize,
    hits: usize,
    gain: f64,
    reciprocal: f64,
}

impl NextItemFigures {
    /// How many places count.
    pub const PLACES: usize = 10;

    /// Adds a user whose right answer stands at `rank` (`None`: nowhere).
    pub fn add(&mut self, rank: Option<f64>) {
        self.users += 1;
        if let Some(rank) = rank.filter(|rank| *rank < Self::PLACES as f64 + 1.0) {
            self.hits += 1;
            self.gain += 1.0 / (rank + 1.0).log2();
            self.reciprocal += 1.0 / rank;
        }
    }

    /// How many users were added.
    pub fn users(&self) -> usize {
        self.users
    }

    /// The share of users whose answer stands in the first ten.
    pub fn recall(&self) -> f64 {
        self.hits as f64 / self.users.max(1) as f64
    }

    /// With one right answer the ideal gain is 1, so this is the mean of
    /// 1 / log2(rank + 1).
    pub fn ndcg(&self) -> f64 {
        self.gain / self.users.max(1) as f64
    }

    /// Mean of 1 / rank within the first ten.
    pub fn mrr(&self) -> f64 {
        self.reciprocal / self.users.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::TransformerConfig;
    use crate::neighbours::{NeighbourOptions, neighbours};

    fn model() -> NextItemModel {
        let sequences = [vec![0, 1, 2], vec![0, 1, 3], vec![4, 2]];
        let voice = |forward| ListVoice {
            lists: neighbours(
                &sequences,
                6,
                &NeighbourOptions {
                    forward,
                    ..NeighbourOptions::default()
                },
            ),
            recency: 0.5,
        };
        NextItemModel {
            items: 6,
            decoder: Transformer::new(TransformerConfig::new(1, 8, 2, 4, 5), 1).ok(),
            lists: vec![voice(true), voice(false)],
            weights: VoiceWeights {
                decoder: 0.5,
                lists: vec![0.25, 0.25],
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

    #[test]
    fn it_survives_its_files() {
        let model = model();
        let mut files = model.to_files().unwrap();
        assert_eq!(NextItemModel::from_files(&files).unwrap(), model);
        files.remove("next-1.safetensors");
        assert!(NextItemModel::from_files(&files).is_err());
    }

    #[test]
    fn weights_are_chosen_where_they_help() {
        let model = model();
        let example = |history: &[u32], target| Example {
            history: history.to_vec(),
            target,
        };
        let examples = [example(&[0], 1), example(&[4], 2)];
        let weights = |decoder, lists: [f32; 2]| VoiceWeights {
            decoder,
            lists: lists.to_vec(),
        };
        let candidates = [weights(0.0, [0.0, 0.0]), weights(0.0, [1.0, 0.0])];
        let (chosen, figures) = model.choose_weights(&examples, &candidates, 2).unwrap();
        assert_eq!(chosen, candidates[1]);
        assert_eq!(figures.ndcg(), 1.0);
        assert_eq!(model.choose_weights(&examples, &[], 2), None);
    }

    #[test]
    fn seen_items_are_out_and_threads_change_nothing() {
        let model = model();
        let examples: Vec<Example> = (0..5)
            .map(|target| Example {
                history: vec![(target + 1) % 5, (target + 2) % 5],
                target,
            })
            .collect();
        let score = |history: &[u32], scores: &mut [f32]| model.score(history, scores);
        let one = judge(&examples, 6, 1, score);
        assert_eq!(one, judge(&examples, 6, 3, score));
        assert_eq!(one.figures.users(), 5);
        assert_eq!(one.shown.len(), 5 * 4);
        for (shown, example) in one.shown.chunks(4).zip(&examples) {
            assert!(!shown.contains(&example.history[0]));
        }
    }

    #[test]
    fn next_item_figures() {
        let mut figures = NextItemFigures::default();
        for rank in [Some(1.0), Some(3.0), Some(11.0), None] {
            figures.add(rank);
        }
        for (found, expected) in [
            (figures.recall(), 0.5),
            (figures.ndcg(), 1.5 / 4.0),
            (figures.mrr(), (1.0 + 1.0 / 3.0) / 4.0),
            (NextItemFigures::default().recall(), 0.0),
        ] {
            assert!((found - expected).abs() < 1e-12);
        }
    }
}
