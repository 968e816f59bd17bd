use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use corpus::insight::{Polarity, Theme, clauses, content_words};
use models::linear::LinearClassifier;
use models::text_blend::TextBlend;
use rustc_hash::FxHashMap;
use shop::{Id, Review};
use store::Snapshot;

use crate::ServeError;

/// A clause with fewer words than this borrows the feeling of its review.
const FEWEST_WORDS: usize = 2;

/// The classifier and the themes of an artifact.
#[derive(Debug)]
pub struct Model {
    classifier: TextBlend,
    themes: Vec<Theme>,
    /// Language and word → place in `themes`.
    by_term: FxHashMap<(String, String), usize>,
}

impl Model {
    /// Reads the files that training left.
    pub fn load(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, ServeError> {
        let file = |name: &str| {
            files
                .get(name)
                .ok_or_else(|| ServeError::Artifact(format!("{name} is missing")))
        };
        let wrong = |name: &str, error: String| ServeError::Artifact(format!("{name}: {error}"));
        let linear = LinearClassifier::from_bytes(file("linear.bin")?)
            .map_err(|error| wrong("linear.bin", error.to_string()))?;
        let bayes = serde_json::from_slice(file("bayes.json")?)
            .map_err(|error| wrong("bayes.json", error.to_string()))?;
        let mixture = serde_json::from_slice(file("mixture.json")?)
            .map_err(|error| wrong("mixture.json", error.to_string()))?;
        let classifier = TextBlend::new(linear, bayes, mixture)
            .filter(|blend| blend.linear().classes().len() == Polarity::ALL.len())
            .ok_or_else(|| wrong("linear.bin", "has other classes".to_owned()))?;
        let themes: Vec<Theme> = serde_json::from_slice(file("themes.json")?)
            .map_err(|error| ServeError::Artifact(format!("themes.json: {error}")))?;
        Ok(Self::new(classifier, themes))
    }

    /// A model of its parts.
    pub fn new(classifier: TextBlend, themes: Vec<Theme>) -> Self {
        let by_term = themes
            .iter()
            .enumerate()
            .flat_map(|(at, theme)| {
                theme
                    .terms
                    .iter()
                    .map(move |term| ((theme.language.clone(), term.clone()), at))
            })
            .collect();
        Self {
            classifier,
            themes,
            by_term,
        }
    }

    /// The themes, in the order of the artifact.
    pub fn themes(&self) -> &[Theme] {
        &self.themes
    }

    /// How a text feels, and how sure that is.
    pub fn polarity(&self, text: &str) -> (Polarity, f32) {
        let (class, probability) = self.classifier.decide(text, &corpus::words(text));
        (Polarity::ALL[class], probability)
    }
}

/// A clause of a review that speaks of a theme.
#[derive(Debug, Clone, PartialEq)]
pub struct Mention {
    /// Place in the model's themes.
    pub theme: usize,
    /// The clause, in bytes of the review's text.
    pub clause: Range<usize>,
    /// How the clause feels.
    pub polarity: Polarity,
}

/// What the model says of one review.
#[derive(Debug, Clone)]
pub struct Scored {
    /// The review.
    pub review: Arc<Review>,
    /// How it feels as a whole: the model's word, also where there is a rating.
    pub polarity: Polarity,
    /// How sure that is.
    pub probability: f32,
    /// The language that its themes were looked up in.
    pub language: String,
    /// What it speaks of; each theme once.
    pub mentions: Vec<Mention>,
}

/// What the model says of every review.
#[derive(Debug, Clone, Default)]
pub struct Scores {
    by_review: BTreeMap<Id, Arc<Scored>>,
}

impl Scores {
    /// The reviews in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Scored>> {
        self.by_review.values()
    }

    /// What is said of one review.
    pub fn get(&self, review: &Id) -> Option<&Arc<Scored>> {
        self.by_review.get(review)
    }
}

/// Scores every review of the snapshot; what `before` (of the same model) says
/// of a review that has not changed is taken over.
pub fn score(snapshot: &Snapshot, model: &Model, before: Option<&Scores>) -> Scores {
    let by_review = snapshot
        .reviews
        .iter()
        .map(|(id, review)| {
            let known = before
                .and_then(|before| before.get(id))
                .filter(|scored| Arc::ptr_eq(&scored.review, review));
            let scored = known
                .cloned()
                .unwrap_or_else(|| Arc::new(score_one(review, model)));
            (id.clone(), scored)
        })
        .collect();
    Scores { by_review }
}

fn score_one(review: &Arc<Review>, model: &Model) -> Scored {
    let (polarity, probability) = model.polarity(&review.text);
    let language = review
        .language
        .as_deref()
        .or_else(|| corpus::detect_language(&review.text))
        .unwrap_or("und")
        .to_owned();
    let mut mentions: Vec<Mention> = Vec::new();
    for clause in clauses(&review.text) {
        let words = content_words(&review.text[clause.clone()]);
        for word in &words {
            let key = (language.clone(), word.text.clone());
            let Some(&theme) = model.by_term.get(&key) else {
                continue;
            };
            if mentions.iter().any(|mention| mention.theme == theme) {
                continue;
            }
            let polarity = if words.len() < FEWEST_WORDS {
                polarity
            } else {
                model.polarity(&review.text[clause.clone()]).0
            };
            mentions.push(Mention {
                theme,
                clause: clause.clone(),
                polarity,
            });
        }
    }
    Scored {
        review: review.clone(),
        polarity,
        probability,
        language,
        mentions,
    }
}
