use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::concepts::{concepts, name, wider};
use super::terms::{is_han, terms};
use crate::search::analysis::{Analyser, Token, Unit, grams, units};

/// What came before counts this much beside what is said now.
const EARLIER_WEIGHT: f32 = 0.5;
/// What is sold counts this much beside other words.
const GOODS_SHARE: f32 = 0.3;
/// A message longer than this (in characters) asks no more by what follows.
const LONGEST_CHARACTERS: usize = 2_000;

/// A question as words are compared: by its text, and by that of what it hangs
/// on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Question {
    /// What is asked now.
    pub text: String,
    /// What was asked before, where this message hangs on it.
    pub earlier: Option<String>,
    /// The language to answer in: a source in another one falls behind.
    pub language: Option<String>,
    /// Words (stems) of what is sold: rules that name no goods answer
    /// who asks whether a lamp can be returned.
    pub goods: BTreeSet<String>,
}

impl Question {
    /// A question, with what it hangs on.
    pub fn new(text: &str, earlier: Option<&str>) -> Self {
        let cut = |text: &str| text.chars().take(LONGEST_CHARACTERS).collect();
        Self {
            text: cut(text),
            earlier: earlier.map(cut),
            language: None,
            goods: BTreeSet::new(),
        }
    }

    /// All of it, what was asked before first.
    pub fn with_earlier(&self) -> String {
        match &self.earlier {
            Some(earlier) => format!("{earlier} {}", self.text),
            None => self.text.clone(),
        }
    }

    /// Its words as texts in these languages write them, each once.
    pub(super) fn words(&self, languages: &[Option<String>]) -> Vec<QueryWord> {
        let mut weights: FxHashMap<String, (f32, bool)> = FxHashMap::default();
        let earlier = self.earlier.as_deref().unwrap_or_default();
        for (text, weight) in [(self.text.as_str(), 1.0), (earlier, EARLIER_WEIGHT)] {
            for language in languages {
                for said in words(text, language.as_deref()) {
                    let is_goods = self.goods.contains(&said.term);
                    let weight = if is_goods {
                        GOODS_SHARE * weight
                    } else {
                        weight
                    };
                    let known = weights.entry(said.word).or_default();
                    *known = (known.0.max(weight), known.1 | !said.is_explained);
                }
            }
        }
        let words = weights.into_iter();
        let mut words: Vec<QueryWord> = words
            .map(|(word, (weight, counts))| QueryWord {
                word,
                weight,
                counts,
            })
            .collect();
        words.sort_by(|a, b| a.word.cmp(&b.word));
        words
    }
}

/// A word that is looked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct QueryWord {
    pub word: String,
    pub weight: f32,
    /// Whether it tells how much of the question is covered; a word for which a
    /// concept stands does not.
    pub counts: bool,
}

/// A word of a text, or a concept that it speaks of.
pub(super) struct Word {
    /// As texts are compared by it.
    pub word: String,
    /// The term that it is, or that a concept was read from.
    term: String,
    /// Whether a concept stands for it.
    is_explained: bool,
}

/// The words of a text that say something, stemmed by its language, the pairs of
/// neighbours where a script puts no spaces between words, and the concepts that it
/// speaks of.
pub(super) fn words(text: &str, language: Option<&str>) -> Vec<Word> {
    let analyser = Analyser::new(language);
    let terms = terms(text);
    let is_explained = |word: &str| {
        let mut of_word = terms.iter().filter(|term| term.word == word);
        of_word.any(|term| term.concept.is_some())
    };
    let tokens = analyser.tokens(text).into_iter();
    let said = tokens.filter(|token| !concepts().is_stop_word(&token.word));
    // Chinese has a dictionary; other scripts without spaces are known by pairs.
    let is_needed = |token: &Token| {
        !token.gram || !token.word.contains(is_han) && token.word.chars().nth(1).is_some()
    };
    let stemmed = said.filter(is_needed).map(|token| {
        let stem = analyser.derivational_stem(&token.word);
        Word {
            is_explained: is_explained(stem.as_ref().unwrap_or(&token.word)),
            term: stem.clone().unwrap_or(token.word),
            word: stem.unwrap_or(token.term),
        }
    });
    let mut found: Vec<Word> = stemmed.collect();
    let mut last = None;
    for term in &terms {
        if let Some(concept) = term.concept.filter(|_| term.concept != last) {
            let kinds = std::iter::once(concept).chain(wider(concept));
            found.extend(kinds.map(|kind| Word {
                word: format!("§{}", name(kind)),
                term: term.word.clone(),
                is_explained: kind != concept,
            }));
        }
        last = term.concept;
    }
    found
}

/// The runs of four letters of a text's words, each with its borders marked, and
/// single characters and pairs where a script puts no spaces: they find a word
/// through its compounds and endings in any language (McNamee and Mayfield, 2004).
pub(super) fn character_grams(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for unit in units(text) {
        match unit {
            Unit::Run { characters, .. } => {
                found.extend(grams(&characters).map(|token| token.term));
            }
            Unit::Word(piece) => push_grams(&piece.text, &mut found),
            Unit::Compound { parts, .. } | Unit::Measure { parts, .. } => {
                for part in parts {
                    push_grams(&part.text, &mut found);
                }
            }
        }
    }
    found
}

const GRAM_LETTERS: usize = 4;

fn push_grams(word: &str, found: &mut Vec<String>) {
    let marked: Vec<char> = format!("_{word}_").chars().collect();
    let length = GRAM_LETTERS.min(marked.len());
    found.extend(
        marked
            .windows(length)
            .map(|run| run.iter().collect::<String>()),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compounds_share_runs_of_letters() {
        assert_eq!(
            character_grams("Rückgabe, 5"),
            [
                "_ruc", "ruck", "uckg", "ckga", "kgab", "gabe", "abe_", "_5_"
            ]
        );
        assert_eq!(character_grams("退货?"), ["退", "货", "退货"]);
    }

    #[test]
    fn words_are_compared_by_their_stems() {
        let question = Question::new("and returned shoes?", Some("How do refunds work?"));
        let words = question.words(&[Some("en".to_owned())]);
        let expected = [
            ("refund", 0.5, false),
            ("return", 1.0, false),
            ("shoe", 1.0, false),
            ("§refund", 0.5, true),
            ("§return", 1.0, true),
            ("§shoes", 1.0, true),
        ];
        let words: Vec<(&str, f32, bool)> = words
            .iter()
            .map(|one| (one.word.as_str(), one.weight, one.counts))
            .collect();
        assert_eq!(words, expected);
    }
}
