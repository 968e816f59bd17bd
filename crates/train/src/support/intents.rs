//! What customers want, by the shop's own names for it: learnt from the
//! conversations that carry such a name and from labelled texts.

use std::collections::BTreeMap;

use corpus::insight::Polarity;
use corpus::{Corpus, Split};
use models::ModelError;
use models::intents::{Intents, Reading};
use models::linear::{LinearClassifier, LinearOptions};
use shop::{Metric, Role};

use crate::{Job, TrainError};

/// At most this share of the messages that an intent is acted upon for may be
/// of another.
const ERROR_RATE: f64 = 0.05;
/// An intent with fewer messages to learn from is not learnt.
const LEAST_ROWS: usize = 8;
/// Of so many labelled texts one validates and one tests.
const LABELLED_IN: usize = 10;

struct Row<'a> {
    text: &'a str,
    intent: &'a str,
    split: Split,
}

/// The intents with how they fare beside the commonest one; `None` where the
/// shop names too few, or where they are no better than that.
pub(super) fn train(
    corpus: &Corpus,
    job: &Job<'_>,
) -> Result<Option<(Intents, Metric)>, TrainError> {
    job.progress.begin("support: intents", 0);
    let learnt =
        learn(&rows(corpus), job.seed).map_err(|error| TrainError::Engine(error.to_string()))?;
    let message = match &learnt {
        None => "too few conversations say what was wanted".to_owned(),
        Some((intents, metric)) => format!(
            "{:.3} told rightly; sure enough to act upon: {}",
            metric.value,
            intents.sure_classes().count()
        ),
    };
    job.progress.end(&message);
    Ok(learnt.filter(|(_, metric)| metric.value > metric.baseline))
}

fn learn(rows: &[Row<'_>], seed: u64) -> Result<Option<(Intents, Metric)>, ModelError> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.split == Split::Train) {
        *counts.entry(row.intent).or_default() += 1;
    }
    counts.retain(|_, count| *count >= LEAST_ROWS);
    if counts.len() < 2 {
        return Ok(None);
    }
    let of = |split: Split| -> Vec<(&str, usize)> {
        let rows = rows.iter().filter(|row| row.split == split);
        let known = rows.filter_map(|row| {
            let class = counts.keys().position(|name| *name == row.intent)?;
            Some((row.text, class))
        });
        known.collect()
    };
    let options = LinearOptions {
        seed,
        ..LinearOptions::default()
    };
    let classes: Vec<String> = counts.keys().map(|name| (*name).to_owned()).collect();
    let training = of(Split::Train);
    let classifier = LinearClassifier::train(&training, classes.clone(), &options)?;
    let test = of(Split::Test);
    let right = |(text, class): &&(&str, usize)| classifier.best(text).0 == *class;
    let commonest = counts.values().enumerate().max_by_key(|(_, count)| **count);
    let commonest = commonest.map_or(0, |(class, _)| class);
    let share = |count: usize| count as f64 / test.len().max(1) as f64;
    let metric = Metric {
        name: "intent_accuracy".to_owned(),
        value: share(test.iter().filter(right).count()),
        baseline_name: "the commonest intent".to_owned(),
        baseline: share(test.iter().filter(|(_, class)| *class == commonest).count()),
        higher_is_better: true,
    };
    let mut held = Reading::of(&classifier, &of(Split::Validation));
    // The rare intents have too few validation rows to be judged by those alone.
    held.extend(Reading::across_folds(&training, &classes, &options)?);
    let intents = Intents::choose(classifier, &held, ERROR_RATE);
    Ok(Some((intents, metric)))
}

/// The first message of each named conversation, and labelled texts that do
/// not speak of liking.
fn rows(corpus: &Corpus) -> Vec<Row<'_>> {
    let talks = corpus.dialogues.iter().filter_map(|talk| {
        let asked = talk.turns.iter().find(|(role, _)| *role == Role::Customer);
        Some(Row {
            text: &asked?.1,
            intent: talk.intent.as_deref()?,
            split: talk.split,
        })
    });
    let labelled = corpus.labelled.iter().filter_map(|row| {
        let label = row.label.as_deref()?;
        let is_intent = row.aspects.is_empty() && Polarity::from_name(label).is_none();
        is_intent.then_some((row.text.as_str(), label))
    });
    let labelled = labelled.enumerate().map(|(number, (text, intent))| Row {
        text,
        intent,
        split: match number % LABELLED_IN {
            0 => Split::Validation,
            1 => Split::Test,
            _ => Split::Train,
        },
    });
    talks.chain(labelled).collect()
}

#[cfg(test)]
mod tests {
    use corpus::Dialogue;
    use shop::Id;

    use super::*;

    fn talk(number: usize) -> Dialogue {
        let (intent, text) = match number % 3 {
            0 => ("order_status", format!("where is parcel {number}")),
            1 => (
                "complaint",
                format!("broken again, I want a manager, {number}"),
            ),
            _ => ("points", format!("how many points for {number} dollars")),
        };
        Dialogue {
            id: Id::new(&format!("c{number}")).unwrap(),
            language: Some("en".to_owned()),
            intent: Some(intent.to_owned()),
            turns: vec![(Role::Customer, text), (Role::Agent, "…".to_owned())],
            customer: None,
            resolved: Some(true),
            split: match number % 10 {
                0 | 1 => Split::Validation,
                2 => Split::Test,
                _ => Split::Train,
            },
        }
    }

    #[test]
    fn named_conversations_teach_what_is_wanted() {
        let mut corpus = Corpus {
            dialogues: (0..300).map(talk).collect(),
            ..Corpus::default()
        };
        let (intents, metric) = learn(&rows(&corpus), 1).unwrap().unwrap();
        assert!(metric.value > 0.95 && metric.baseline < 0.5, "{metric:?}");
        let read = intents.read("where is my parcel");
        assert!(read.name == "order_status" && read.is_sure, "{read:?}");
        // One name for everything says nothing.
        for talk in &mut corpus.dialogues {
            talk.intent = Some("chat".to_owned());
        }
        assert!(learn(&rows(&corpus), 1).unwrap().is_none());
    }
}
