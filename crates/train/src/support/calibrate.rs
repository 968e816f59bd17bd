use corpus::support::{
    CANDIDATES, Calibration, Candidate, Index, JudgedMatch, LearnedAnswers, QUESTION_TOKENS,
    Question, QuestionPair, UNIT_TOKENS, pairs, unrelated_questions,
};
use corpus::{Corpus, Split};
use models::LanguageModel;
use shop::Metric;

use crate::{Job, Size, TrainError};

/// The calibration and how it ranks beside words alone.
pub(super) struct Calibrated {
    pub calibration: Calibration,
    pub metric: Option<Metric>,
}

/// A question made of a source's own words says less than a customer's.
const MADE_WEIGHT: f64 = 0.25;
/// Wrong candidates of one question count together about as much as the right one.
const WRONG_CANDIDATES: usize = 4;
const WRONG_WEIGHT: f64 = 0.3;

struct Judge<'a> {
    index: &'a Index,
    language: &'a LanguageModel,
}

pub(super) fn run(
    corpus: &Corpus,
    answers: &LearnedAnswers,
    language: &LanguageModel,
    job: &Job<'_>,
) -> Result<Calibrated, TrainError> {
    let index = Index::new(answers.sources(corpus.documents.iter()));
    let most = match job.size {
        Size::Tiny => 100,
        Size::Small => 300,
        Size::Base => 1_000,
    };
    let pairs = pairs(&index, &corpus.dialogues, most, job.seed);
    let judge = Judge {
        index: &index,
        language,
    };
    job.progress
        .begin("support: calibration", pairs.len() as u64);
    let mut judged = Vec::new();
    let mut choosing = Vec::new();
    let mut reporting = Vec::new();
    for (done, pair) in (1_u64..).zip(&pairs) {
        if job.stopped() {
            return Err(TrainError::Stopped);
        }
        match (pair.split, pair.real) {
            (Split::Train, _) => judge.learn(pair, &mut judged),
            // Half of what customers asked teaches, the other half chooses.
            (Split::Validation, true) if done % 2 == 0 => judge.learn(pair, &mut judged),
            (Split::Validation, _) => choosing.push(pair),
            (Split::Test, _) => reporting.push(pair),
        }
        job.progress.advance(done, "");
    }
    // Where no customer's question shows what the language model is worth,
    // it gets no say.
    let fluent = pairs.iter().any(|pair| pair.real);
    let unrelated: Vec<&str> = unrelated_questions().collect();
    for question in unrelated.iter().step_by(2) {
        let found = judge.candidates(question, None, fluent);
        judged.extend(found.first().map(|candidate| wrong(candidate, 1.0)));
    }
    // Questions made of a source's own words go along with real ones; alone
    // they tell nothing of how customers ask, and the prior stands.
    let mut calibration = Calibration::default();
    if fluent {
        calibration = calibration.fit(&judged);
        let (mut answerable, mut unanswerable) = (Vec::new(), Vec::new());
        for question in unrelated.iter().skip(1).step_by(2) {
            let found = judge.candidates(question, None, true);
            unanswerable.push(likeliest(found.iter(), &calibration));
        }
        for pair in choosing.iter().filter(|pair| pair.real) {
            let found = judge.candidates(&pair.question, None, true);
            let best = likeliest(found.iter(), &calibration);
            let right = found.iter().filter(|one| judge.is_right(one, pair));
            // What is answered wrongly at any threshold chooses none.
            if best > 0.0 && likeliest(right, &calibration) >= best {
                answerable.push(best);
            }
            let found = judge.candidates(&pair.question, Some(pair.source), true);
            // What another source says as well, or in another language, is an answer.
            let wrong = found.iter().filter(|one| !judge.may_be_right(one, pair));
            unanswerable.push(likeliest(wrong, &calibration));
        }
        calibration.set_threshold(&answerable, &unanswerable);
    }
    let metric = judge.recall(&reporting, &calibration);
    job.progress
        .end(&format!("threshold {:.2}", calibration.threshold));
    Ok(Calibrated {
        calibration,
        metric,
    })
}

fn wrong(candidate: &Candidate, weight: f64) -> JudgedMatch {
    JudgedMatch {
        features: candidate.features,
        answers: false,
        weight,
    }
}

/// The probability of the best.
fn likeliest<'a>(found: impl Iterator<Item = &'a Candidate>, calibration: &Calibration) -> f64 {
    found
        .map(|candidate| calibration.probability(&candidate.features))
        .fold(0.0, f64::max)
}

impl Judge<'_> {
    /// The candidates for a question, with what the language model thinks of
    /// them. A question made of loose words is none that it could judge.
    fn candidates(&self, question: &str, without: Option<usize>, fluent: bool) -> Vec<Candidate> {
        let read = Question::read(question, None);
        let mut found = self.index.retrieve_without(&read, CANDIDATES, without);
        if fluent && !found.is_empty() {
            let units: Vec<&str> = found
                .iter()
                .map(|candidate| self.index.text_of(candidate.source, candidate.unit))
                .collect();
            let most = (QUESTION_TOKENS, UNIT_TOKENS);
            let information = self
                .language
                .pointwise_mutual_information(question, &units, most);
            for (candidate, nats) in found.iter_mut().zip(information) {
                candidate.features.set_model(nats);
            }
        }
        found
    }

    /// The right candidate, the wrong ones, and what is left to choose from
    /// when the right source is not there.
    fn learn(&self, pair: &QuestionPair, judged: &mut Vec<JudgedMatch>) {
        let weight = if pair.real { 1.0 } else { MADE_WEIGHT };
        let found = self.candidates(&pair.question, None, pair.real);
        let right = |candidate: &&Candidate| self.is_right(candidate, pair);
        judged.extend(found.iter().find(right).map(|candidate| JudgedMatch {
            features: candidate.features,
            answers: true,
            weight,
        }));
        let others = found
            .iter()
            .filter(|candidate| candidate.source != pair.source);
        judged.extend(
            others
                .filter(|candidate| !right(candidate))
                .take(WRONG_CANDIDATES)
                .map(|candidate| wrong(candidate, weight * WRONG_WEIGHT)),
        );
        let without = self.candidates(&pair.question, Some(pair.source), pair.real);
        let best = without
            .first()
            .filter(|candidate| !self.is_right(candidate, pair));
        judged.extend(best.map(|candidate| wrong(candidate, weight * 0.5)));
    }

    /// Another source that says the same is right as well.
    fn is_right(&self, candidate: &Candidate, pair: &QuestionPair) -> bool {
        if candidate.source == pair.source {
            return pair.units.is_empty() || pair.units.contains(&candidate.unit);
        }
        let said = self.index.text_of(candidate.source, candidate.unit);
        self.index.sources()[pair.source].text.contains(said)
    }

    /// Whether a candidate is right, or in another language than the right
    /// source: the same may well be said there in other words.
    fn may_be_right(&self, candidate: &Candidate, pair: &QuestionPair) -> bool {
        let language = |source: usize| self.index.sources()[source].language.as_deref();
        let (own, other) = (language(pair.source), language(candidate.source));
        let is_foreign = own.is_some() && other.is_some() && own != other;
        is_foreign || self.is_right(candidate, pair)
    }

    /// How often the first candidate is right on held-out questions, ranked
    /// by the calibration and by words alone.
    fn recall(&self, held_out: &[&QuestionPair], calibration: &Calibration) -> Option<Metric> {
        let any_real = held_out
            .iter()
            .any(|pair| pair.split == Split::Test && pair.real);
        let tested: Vec<&&QuestionPair> = held_out
            .iter()
            .filter(|pair| pair.split == Split::Test && pair.real == any_real)
            .collect();
        if tested.is_empty() {
            return None;
        }
        let (mut ours, mut words) = (0.0, 0.0);
        for pair in &tested {
            let found = self.candidates(&pair.question, None, pair.real);
            let first = |score: &dyn Fn(&Candidate) -> f64| {
                let mut best: Option<(&Candidate, f64)> = None;
                for candidate in &found {
                    let score = score(candidate);
                    if best.is_none_or(|(_, most)| score > most) {
                        best = Some((candidate, score));
                    }
                }
                let source = |candidate: &Candidate| {
                    candidate.source == pair.source || self.is_right(candidate, pair)
                };
                f64::from(u8::from(
                    best.is_some_and(|(candidate, _)| source(candidate)),
                ))
            };
            ours += first(&|candidate| calibration.probability(&candidate.features));
            words += first(&|candidate| candidate.features.lexical());
        }
        Some(Metric {
            name: "answer_recall@1".to_owned(),
            value: ours / tested.len() as f64,
            baseline_name: "bm25".to_owned(),
            baseline: words / tested.len() as f64,
            higher_is_better: true,
        })
    }
}
