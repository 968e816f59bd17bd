//! Two text classifiers as one: a linear one over n-grams and naive Bayes
//! over words, mixed and leaned as validation says.

use serde::{Deserialize, Serialize};

use crate::linear::LinearClassifier;
use crate::naive_bayes::NaiveBayes;

/// How two classifiers are put together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mixture {
    /// Weight of naive Bayes' log-probabilities beside those of the linear
    /// classifier, which weigh 1.
    pub bayes: f64,
    /// Added to each class's log-probability before the largest decides: a rare
    /// class is hardly ever the likeliest.
    #[serde(alias = "leaning")]
    pub class_bias: Vec<f64>,
}

/// A linear classifier and naive Bayes.
#[derive(Debug, Clone, PartialEq)]
pub struct TextBlend {
    linear: LinearClassifier,
    bayes: NaiveBayes,
    mixture: Mixture,
}

/// The scores of both members for one text: log-probabilities by class.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberScores {
    linear: Vec<f64>,
    bayes: Vec<f64>,
}

impl Mixture {
    /// The linear classifier alone.
    pub fn linear_only(classes: usize) -> Self {
        Self {
            bayes: 0.0,
            class_bias: vec![0.0; classes],
        }
    }

    /// The class that the scores speak for, the first of equals, and its
    /// probability by the mixture without the bias.
    pub fn decide(&self, scores: &MemberScores) -> (usize, f32) {
        let sum: Vec<f64> = scores
            .linear
            .iter()
            .zip(&scores.bayes)
            .map(|(l, b)| l + self.bayes * b)
            .collect();
        let probabilities = normalised(&sum);
        let mut best = 0;
        for class in 1..sum.len() {
            if sum[class] + self.class_bias[class] > sum[best] + self.class_bias[best] {
                best = class;
            }
        }
        (best, probabilities[best] as f32)
    }
}

impl TextBlend {
    /// Both classifiers with their mixture, if they have the same classes.
    pub fn new(linear: LinearClassifier, bayes: NaiveBayes, mixture: Mixture) -> Option<Self> {
        let classes = linear.classes().len();
        let fits = bayes.is_sound()
            && bayes.classes() == classes
            && mixture.class_bias.len() == classes
            && classes > 0;
        fits.then_some(Self {
            linear,
            bayes,
            mixture,
        })
    }

    /// The scores of both members for a text; `words` are its words as naive Bayes was taught.
    pub fn member_scores(&self, text: &str, words: &[String]) -> MemberScores {
        let linear = self.linear.predict(text);
        MemberScores {
            linear: linear.iter().map(|p| f64::from(p.max(1e-9)).ln()).collect(),
            bayes: normalised(&self.bayes.scores(words))
                .iter()
                .map(|p| p.max(1e-12).ln())
                .collect(),
        }
    }

    /// The class of a text and its probability.
    pub fn decide(&self, text: &str, words: &[String]) -> (usize, f32) {
        self.mixture.decide(&self.member_scores(text, words))
    }

    /// Puts another mixture in place.
    pub fn set_mixture(&mut self, mixture: Mixture) {
        self.mixture = mixture;
    }

    /// The linear classifier.
    pub fn linear(&self) -> &LinearClassifier {
        &self.linear
    }

    /// Naive Bayes.
    pub fn bayes(&self) -> &NaiveBayes {
        &self.bayes
    }

    /// How they are put together.
    pub fn mixture(&self) -> &Mixture {
        &self.mixture
    }
}

/// Logarithms as probabilities that sum to 1.
fn normalised(logarithms: &[f64]) -> Vec<f64> {
    let largest = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logarithms
        .iter()
        .map(|value| (value - largest).exp())
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_before_is_read() {
        let old = r#"{"bayes": 0.5, "leaning": [0.0, 1.0]}"#;
        let expected = Mixture {
            bayes: 0.5,
            class_bias: vec![0.0, 1.0],
        };
        assert_eq!(serde_json::from_str::<Mixture>(old).unwrap(), expected);
    }

    #[test]
    fn the_mixture_decides() {
        let scores = MemberScores {
            linear: vec![0.6_f64.ln(), 0.4_f64.ln()],
            bayes: vec![-3.0, -0.1],
        };
        assert_eq!(Mixture::linear_only(2).decide(&scores).0, 0);
        assert_eq!(
            Mixture {
                bayes: 1.0,
                class_bias: vec![0.0; 2]
            }
            .decide(&scores)
            .0,
            1
        );
        assert_eq!(
            Mixture {
                bayes: 0.0,
                class_bias: vec![0.0, 1.0]
            }
            .decide(&scores)
            .0,
            1
        );
        let (_, probability) = Mixture::linear_only(2).decide(&scores);
        assert!((probability - 0.6).abs() < 1e-6);
    }
}
