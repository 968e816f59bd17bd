//! How likely each sentence found answers the question.

use std::collections::BTreeSet;

use corpus::Pseudonyms;
use corpus::support::{CANDIDATES, Candidate, Index, Question, Source};
use shop::{Customer, Id};

use super::dense_retrieval::Similarity;
use super::pipeline::Turn;
use super::reranker::{RerankFailure, SHOWN};

/// A source in another language than the question counts this much.
const OTHER_LANGUAGE: f64 = 0.85;
/// A source with a thumb down in this conversation counts this much.
const DISLIKED: f64 = 0.4;

/// A unit with the probability that it answers.
pub(super) struct Scored {
    pub candidate: Candidate,
    pub probability: f64,
}

/// What is hidden of the customer before a text leaves the machine, beside what
/// is personal data by its form.
fn pseudonyms(customer: Option<&Customer>) -> Pseudonyms {
    let mut known = Vec::new();
    if let Some(customer) = customer {
        if let Some(name) = &customer.name {
            known.push(("NAME", name.clone()));
            known.extend(
                name.split_whitespace()
                    .map(|part| ("NAME", part.to_owned())),
            );
        }
        known.extend(customer.email.iter().map(|email| ("EMAIL", email.clone())));
        if let Ok(Some(address)) = customer.address() {
            let lines = [address.address1, address.address2, address.zip];
            known.extend(lines.map(|line| ("ADDRESS", line)));
        }
    }
    Pseudonyms::new(known)
}

/// What is looked at for a question: the best by words, and the nearest by
/// meaning where an encoder has a say.
pub(super) fn candidates(
    index: &Index,
    near: Option<&Similarity>,
    question: &Question,
    keep: impl Fn(&Source) -> bool,
) -> Vec<Candidate> {
    let also = near.map_or_else(Vec::new, |near| near.nearest(index, &keep));
    let mut found = index.retrieve_with(question, CANDIDATES, &also, |_, source| keep(source));
    if let Some(near) = near {
        near.mark(index, &mut found);
    }
    found
}

impl Turn<'_> {
    /// Retrieves, lets the language model look at the best, and orders them
    /// by the probability that they answer.
    pub(super) fn score(
        &mut self,
        index: &Index,
        question: &Question,
        keep: impl Fn(&Source) -> bool,
    ) -> Vec<Scored> {
        let near = self.near.clone();
        let mut found = self.stages.run("retrieve", || {
            candidates(index, near.as_ref(), question, keep)
        });
        match self.model {
            Some(model) if !found.is_empty() && model.calibration.uses_model() => {
                self.used_model = true;
                let message = &self.message;
                self.stages.run("language_model", || {
                    let units: Vec<&str> = found
                        .iter()
                        .map(|candidate| index.text_of(candidate.source, candidate.unit))
                        .collect();
                    let information = model.pointwise_mutual_information(message, &units);
                    for (candidate, nats) in found.iter_mut().zip(information) {
                        candidate.features.set_model(nats);
                    }
                });
            }
            _ => self.stages.skip("language_model"),
        }
        let calibration = self.calibration();
        let disliked = self.disliked();
        let mut scored: Vec<Scored> = found
            .into_iter()
            .map(|candidate| {
                let source = &index.sources()[candidate.source];
                let mut probability = calibration.probability(&candidate.features);
                if source
                    .language
                    .as_ref()
                    .is_some_and(|language| *language != self.language)
                {
                    probability *= OTHER_LANGUAGE;
                }
                if disliked.contains(&source.citation()) {
                    probability *= DISLIKED;
                }
                Scored {
                    candidate,
                    probability,
                }
            })
            .collect();
        scored.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        scored
    }

    /// What a larger model chose among the best; `None` when there is none, or
    /// it failed, which the stages show.
    pub(super) fn remotely_reranked(
        &mut self,
        index: &Index,
        scored: &[Scored],
    ) -> Option<Vec<usize>> {
        let reranker = self.beside.reranker.filter(|_| !scored.is_empty())?;
        let customer = self.request.customer.as_ref();
        let customer = customer.and_then(|id| self.snapshot.customers.get(id));
        let mut pseudonyms = pseudonyms(customer.map(|customer| &**customer));
        // It answers with numbers alone, so that nothing has to be put back.
        let message = &pseudonyms.hide(&self.message);
        let hidden: Vec<String> = scored
            .iter()
            .take(SHOWN)
            .map(|one| pseudonyms.hide(index.text_of(one.candidate.source, one.candidate.unit)))
            .collect();
        let sentences: Vec<&str> = hidden.iter().map(String::as_str).collect();
        let mut choice = None;
        let places = self.stages.try_run("backend", || {
            let made = choice.insert(reranker.rerank(message, &sentences));
            // A number that was not shown is no choice.
            if let Ok(places) = &made.places
                && places.iter().any(|place| *place >= sentences.len())
            {
                let reason = "a number that was not shown".to_owned();
                made.places = Err(RerankFailure::Unreadable(reason));
            }
            made.places.clone().ok()
        });
        let choice = choice?;
        if choice.tries > 1 {
            self.stages.degrade("backend_tried_again");
        }
        if let Err(failure) = &choice.places {
            tracing::warn!(?failure, "the backend did not choose; our own scores do");
            self.stages.degrade(failure.stage());
            self.stages.run("local_fallback", || ());
        }
        places
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
