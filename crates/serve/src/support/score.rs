//! How likely each passage found answers the question.

use std::collections::BTreeSet;

use corpus::support::{CANDIDATES, Calibration, Candidate, Index, Question, Similarities, Source};
use shop::Id;

use super::pipeline::Turn;

/// How far a source with a thumb down in this conversation falls behind, in the
/// deviations by which passages are compared, and what its probability counts.
const DISLIKED: (f32, f64) = (2.0, 0.4);

/// A passage with the probability that it answers.
pub(super) struct Scored {
    pub candidate: Candidate,
    pub probability: f64,
    pub verdict: Verdict,
}

/// What a passage is likely enough for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// To be quoted.
    Said,
    /// For its title to be offered.
    Offered,
    Dropped,
}

impl Verdict {
    fn of(probability: f64, calibration: &Calibration) -> Self {
        if probability >= calibration.threshold {
            Self::Said
        } else if probability >= calibration.offered {
            Self::Offered
        } else {
            Self::Dropped
        }
    }
}

/// The first, where it is likely enough to be quoted.
pub(super) fn said(scored: &[Scored]) -> Option<&Scored> {
    scored.first().filter(|best| best.verdict == Verdict::Said)
}

impl Turn<'_> {
    /// How near the question is to everything, where the shop has an encoder.
    pub(super) fn similarities(&mut self, question: &Question) -> Option<Similarities> {
        let Some(dense) = self.knowledge.dense.clone() else {
            self.stages.skip("dense_retrieval");
            return None;
        };
        self.stages
            .try_run("dense_retrieval", || dense.similarities(question))
    }

    /// Retrieves passages, the best first, each with the probability that it
    /// answers; the language model looks at the best.
    pub(super) fn score(
        &mut self,
        index: &Index,
        question: &Question,
        similarities: Option<&Similarities>,
        keep: impl Fn(&Source) -> bool,
    ) -> Vec<Scored> {
        let mut found = self.stages.run("retrieve", || {
            index.retrieve(question, similarities, CANDIDATES, |_, source| keep(source))
        });
        let calibration = match (similarities, self.model) {
            (Some(_), _) => Calibration::with_encoder(),
            (None, Some(model)) => model.calibration.clone(),
            (None, None) => Calibration::default(),
        };
        match self.model {
            Some(model) if !found.is_empty() && calibration.uses_model() => {
                self.used_model = true;
                self.stages.run("language_model", || {
                    let units: Vec<&str> = found
                        .iter()
                        .map(|candidate| index.text_of(candidate.source, candidate.unit()))
                        .collect();
                    let information = model.pointwise_mutual_information(&question.text, &units);
                    for (candidate, nats) in found.iter_mut().zip(information) {
                        candidate.features.set_model(nats);
                    }
                });
            }
            _ => self.stages.skip("language_model"),
        }
        let disliked = self.disliked();
        let mut scored: Vec<Scored> = found
            .into_iter()
            .map(|mut candidate| {
                let source = &index.sources()[candidate.source];
                let mut probability = calibration.probability(&candidate.features);
                if disliked.contains(&source.citation()) {
                    candidate.score -= DISLIKED.0;
                    probability *= DISLIKED.1;
                }
                Scored {
                    candidate,
                    probability,
                    verdict: Verdict::of(probability, &calibration),
                }
            })
            .collect();
        scored.sort_by(|a, b| b.candidate.score.total_cmp(&a.candidate.score));
        scored
    }

    /// Sources of earlier answers of this conversation that got a thumb down.
    fn disliked(&self) -> BTreeSet<String> {
        let down = |id: &&Id| self.snapshot.thumbs.get(*id).is_some_and(|sum| *sum < 0);
        self.request
            .decisions
            .iter()
            .filter(down)
            .filter_map(|id| self.snapshot.decisions.get(id))
            .flat_map(|decision| {
                decision.explanation["citations"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default()
            })
            .filter_map(|citation| citation["source"].as_str().map(str::to_owned))
            .collect()
    }
}
