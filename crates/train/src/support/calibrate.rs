use corpus::support::{
    CANDIDATES, Calibration, Candidate, Index, JudgedMatch, LearnedAnswers, QUESTION_TOKENS,
    Question, QuestionPair, Source, UNIT_TOKENS, pairs, unrelated_questions,
};
use corpus::{Corpus, Split};
use models::LanguageModel;
use shop::Metric;

use crate::{Job, Size, TrainError};

/// The calibration and how it ranks beside words alone.
pub(super) struct Calibrated {
    pub calibration: Calibration,
    pub metrics: Vec<Metric>,
}

/// A question made of a source's own words says less than a customer's.
const MADE_WEIGHT: f64 = 0.25;
/// Wrong candidates of one question count together about as much as the right one.
const WRONG_CANDIDATES: usize = 4;
const WRONG_WEIGHT: f64 = 0.3;

/// How many questions of each split are asked at most.
fn most_questions(size: Size) -> usize {
    match size {
        Size::Tiny => 100,
        Size::Small => 300,
        Size::Base => 1_000,
    }
}

/// What a language model with its calibration scores on today's held-out
/// questions, over the sources of `answers`.
pub(super) fn evaluate(
    corpus: &Corpus,
    answers: &LearnedAnswers,
    language: &LanguageModel,
    calibration: &Calibration,
    job: &Job<'_>,
) -> Vec<Metric> {
    let index = Index::new(answers.sources(corpus.documents.iter()));
    let pairs = pairs(
        &index,
        &corpus.dialogues,
        most_questions(job.size),
        job.seed,
    );
    let held_out = pairs.iter().filter(|pair| pair.split == Split::Test);
    let judge = Judge {
        index: &index,
        language,
    };
    judge.figures(&held_out.collect::<Vec<_>>(), calibration)
}

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
    let pairs = pairs(
        &index,
        &corpus.dialogues,
        most_questions(job.size),
        job.seed,
    );
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
            unanswerable.push(likelihood(found.first(), &calibration));
        }
        for pair in choosing.iter().filter(|pair| pair.real) {
            let found = judge.candidates(&pair.question, None, true);
            // What is answered wrongly at any threshold chooses none.
            let right = found.first().filter(|one| judge.is_right(one, pair));
            answerable.extend(right.map(|_| likelihood(right, &calibration)));
            let found = judge.candidates(&pair.question, Some(pair.source), true);
            // What another source says as well, or in another language, is an answer.
            let wrong = found.first().filter(|one| !judge.may_be_right(one, pair));
            unanswerable.push(likelihood(wrong, &calibration));
        }
        calibration.set_threshold(&answerable, &unanswerable);
        // Few questions may teach what does not hold: the prior stands unless what was
        // fitted is better by two standard errors of a share.
        let asked = choosing.iter().filter(|pair| pair.real).count();
        let chance = 1.0 / (asked.max(1) as f64).sqrt();
        if gain(&judge.figures(&choosing, &calibration)) <= chance {
            calibration = Calibration::default();
        }
    }
    let metrics = judge.figures(&reporting, &calibration);
    job.progress
        .end(&format!("threshold {:.2}", calibration.threshold));
    Ok(Calibrated {
        calibration,
        metrics,
    })
}

/// How much better figures are than their baselines, together.
fn gain(metrics: &[Metric]) -> f64 {
    let gains = metrics.iter().map(|metric| {
        let gain = metric.value - metric.baseline;
        if metric.higher_is_better { gain } else { -gain }
    });
    gains.sum()
}

fn wrong(candidate: &Candidate, weight: f64) -> JudgedMatch {
    JudgedMatch {
        features: candidate.features,
        answers: false,
        weight,
    }
}

/// How likely it is that a candidate answers; 0 where there is none.
fn likelihood(found: Option<&Candidate>, calibration: &Calibration) -> f64 {
    found.map_or(0.0, |one| calibration.probability(&one.features))
}

impl Judge<'_> {
    /// The candidates for a question, with what the language model thinks of
    /// them. A question made of loose words is none that it could judge.
    fn candidates(&self, question: &str, without: Option<usize>, fluent: bool) -> Vec<Candidate> {
        let read = Question::new(question, None);
        let keep = |place: usize, _: &Source| without != Some(place);
        let mut found = self.index.retrieve(&read, None, CANDIDATES, keep);
        if fluent && !found.is_empty() {
            let units: Vec<&str> = found
                .iter()
                .map(|candidate| self.index.text_of(candidate.source, candidate.unit()))
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
            let answers = |(unit, _): &(usize, f32)| pair.units.contains(unit);
            return pair.units.is_empty() || candidate.units.iter().any(answers);
        }
        let said = self.index.text_of(candidate.source, candidate.unit());
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

    /// On held-out questions, beside the calibration that holds before any
    /// training: how many are answered with the right source, and how many are
    /// answered although their source was taken out.
    fn figures(&self, held_out: &[&QuestionPair], calibration: &Calibration) -> Vec<Metric> {
        let any_real = held_out.iter().any(|pair| pair.real);
        let tested = held_out.iter().filter(|pair| pair.real == any_real);
        let tested: Vec<&&QuestionPair> = tested.collect();
        if tested.is_empty() {
            return Vec::new();
        }
        let untrained = Calibration::default();
        let mut counts = [[0_u32; 2]; 2];
        for pair in &tested {
            let found = self.candidates(&pair.question, None, pair.real);
            let without = self.candidates(&pair.question, Some(pair.source), pair.real);
            for (counts, calibration) in counts.iter_mut().zip([calibration, &untrained]) {
                let given = given(&found, calibration);
                let is_right =
                    |one: &Candidate| one.source == pair.source || self.is_right(one, pair);
                counts[0] += u32::from(given.is_some_and(is_right));
                let given = self::given(&without, calibration);
                counts[1] += u32::from(given.is_some_and(|one| !self.may_be_right(one, pair)));
            }
        }
        let share = |count: u32| f64::from(count) / tested.len() as f64;
        let names = [("answer_recall@1", true), ("unsupported_rate", false)];
        let metrics = names
            .into_iter()
            .enumerate()
            .map(|(at, (name, higher))| Metric {
                name: name.to_owned(),
                value: share(counts[0][at]),
                baseline_name: "words and an untrained calibration".to_owned(),
                baseline: share(counts[1][at]),
                higher_is_better: higher,
            });
        metrics.collect()
    }
}

/// The candidate that is given as the answer: the first, where it is likelier than
/// the threshold.
fn given<'a>(found: &'a [Candidate], calibration: &Calibration) -> Option<&'a Candidate> {
    let best = found.first()?;
    (calibration.probability(&best.features) >= calibration.threshold).then_some(best)
}
