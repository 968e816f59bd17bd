//! Words that the shop's people say mean the same.

use shop::Synonyms;

use super::interpreter::Interpreter;
use super::{Origin, TokenReading};
use crate::search::analysis::{Unit, units};

/// Close to the word itself, which stays the surer one.
const SYNONYM_WEIGHT: f32 = 0.9;

/// The folded words of a phrase, as a query would be cut.
fn words_of(phrase: &str) -> Vec<String> {
    units(phrase)
        .into_iter()
        .flat_map(|unit| match unit {
            Unit::Word(piece) => vec![piece.text],
            Unit::Compound { joined, .. } | Unit::Measure { joined, .. } => vec![joined.text],
            Unit::Run { characters, .. } => {
                vec![characters.into_iter().map(|one| one.text).collect()]
            }
        })
        .collect()
}

impl Interpreter<'_> {
    /// Adds to words of a query what else they mean.
    pub fn add_synonyms<'s>(
        &self,
        readings: &mut [TokenReading],
        synonyms: impl IntoIterator<Item = &'s Synonyms>,
    ) {
        for group in synonyms {
            let sources: Vec<&String> = match &group.from {
                Some(from) => vec![from],
                None => group.words.iter().collect(),
            };
            for source in sources {
                let said = words_of(source);
                let meant = group.words.iter().filter(|word| *word != source);
                let meant: Vec<&str> = meant.map(String::as_str).collect();
                self.add_where_said(readings, &said, &meant);
            }
        }
    }

    fn add_where_said(&self, readings: &mut [TokenReading], said: &[String], meant: &[&str]) {
        if said.is_empty() {
            return;
        }
        for at in 0..(readings.len() + 1).saturating_sub(said.len()) {
            let here = &mut readings[at..at + said.len()];
            let same = here
                .iter()
                .zip(said)
                .all(|(reading, word)| self.is_same_word(&reading.piece.text, word));
            if !same {
                continue;
            }
            for phrase in meant {
                // The phrase as the catalogue has it: cut and stemmed alike.
                let words = self.readings(phrase);
                let words: Vec<&str> = words.iter().map(|one| one.piece.text.as_str()).collect();
                let Some(found) = self.together(&words, SYNONYM_WEIGHT, Origin::Synonym) else {
                    continue;
                };
                for reading in &mut *here {
                    // What is understood is not mistyped.
                    reading.plain &= !reading.alternatives.is_empty();
                    if !reading
                        .alternatives
                        .iter()
                        .any(|one| one.terms == found.terms)
                    {
                        reading.alternatives.push(found.clone());
                    }
                }
            }
        }
    }
}
