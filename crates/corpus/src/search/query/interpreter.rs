//! Words as typed become words that the catalogue has, up to their endings.

use super::function_words::FUNCTION_WORDS;
use super::{Alternative, Origin, QueryWord, TokenReading};
use crate::search::analysis::{Analyser, Piece, Unit, grams, units};
use crate::search::collection::{Collection, TermId};

/// A word derived from the typed one, beside that and where the catalogue does
/// not have that: less than the share of a query that is enough to be shown.
const DERIVED_WEIGHT: f32 = 0.3;
const ONLY_DERIVED_WEIGHT: f32 = 0.8;
const SPLIT_WEIGHT: f32 = 0.8;
const MEASURE_PARTS_WEIGHT: f32 = 0.7;
const GRAMS_WEIGHT: f32 = 0.6;
const PINYIN_WEIGHT: f32 = 0.9;
/// A Latin word that the catalogue has is that word first.
const KNOWN_PINYIN_WEIGHT: f32 = 0.3;
const MAX_PINYIN_WORDS: usize = 8;
/// What is longer is no word that somebody mistyped: trying each of its
/// letters takes the square of their number.
const LONGEST_PLAIN: usize = 40;

pub(super) struct Interpreter<'a> {
    pub collection: &'a Collection,
    analysers: Vec<Analyser>,
}

impl<'a> Interpreter<'a> {
    pub fn new(collection: &'a Collection, language: Option<&str>) -> Self {
        let mut languages: Vec<&str> = vec![language.unwrap_or("en")];
        for other in collection.languages() {
            if !languages.contains(&other.as_str()) {
                languages.push(other);
            }
        }
        languages.truncate(8);
        let analysers = languages
            .into_iter()
            .map(|language| Analyser::new(Some(language)))
            .collect();
        Self {
            collection,
            analysers,
        }
    }

    pub fn readings(&self, text: &str) -> Vec<TokenReading> {
        let mut readings = Vec::new();
        for unit in units(text) {
            match unit {
                Unit::Word(piece) => readings.push(self.word(piece)),
                Unit::Compound { joined, parts } => self.compound(joined, parts, &mut readings),
                Unit::Measure { joined, parts } => self.measure(joined, parts, &mut readings),
                Unit::Run { words, characters } => self.run(&words, &characters, &mut readings),
            }
        }
        readings
    }

    /// The terms that `word` has under the stemmers at hand.
    pub fn stems(&self, word: &str) -> Vec<TermId> {
        let mut terms: Vec<TermId> = Vec::new();
        for analyser in &self.analysers {
            if let Some(term) = self.collection.term(&analyser.stem(word), false)
                && !terms.contains(&term)
            {
                terms.push(term);
            }
        }
        terms
    }

    /// Whether two folded words differ in nothing but their ending.
    pub fn is_same_word(&self, left: &str, right: &str) -> bool {
        left == right
            || self
                .analysers
                .first()
                .is_some_and(|one| one.stem(left) == one.stem(right))
    }

    pub fn single(&self, word: &str, weight: f32, origin: Origin) -> Vec<Alternative> {
        let terms = self.stems(word).into_iter();
        terms
            .map(|term| Alternative {
                terms: vec![term],
                weight,
                origin,
                text: word.to_owned(),
            })
            .collect()
    }

    /// All of these words at once.
    pub fn together(&self, words: &[&str], weight: f32, origin: Origin) -> Option<Alternative> {
        let terms: Option<Vec<TermId>> = words
            .iter()
            .map(|word| self.stems(word).first().copied())
            .collect();
        Some(Alternative {
            terms: terms?,
            weight,
            origin,
            text: words.join(" "),
        })
    }

    /// What is derived from a word, or that from it.
    fn derived(&self, word: &str, known: &[Alternative]) -> Vec<Alternative> {
        let weight = match known.is_empty() {
            true => ONLY_DERIVED_WEIGHT,
            false => DERIVED_WEIGHT,
        };
        let mut analysers = self.analysers.iter();
        let stem = analysers.find_map(|one| one.derivational_stem(word));
        let words = stem.map_or(&[][..], |stem| self.collection.derived_from(&stem));
        let all = words
            .iter()
            .flat_map(|word| self.single(word, weight, Origin::Derived));
        all.filter(|one| known.iter().all(|other| other.terms != one.terms))
            .collect()
    }

    pub fn word(&self, piece: Piece) -> TokenReading {
        let mut alternatives = self.single(&piece.text, 1.0, Origin::Exact);
        alternatives.extend(self.derived(&piece.text, &alternatives));
        let weight = if alternatives.is_empty() {
            PINYIN_WEIGHT
        } else {
            KNOWN_PINYIN_WEIGHT
        };
        let chinese = self.collection.with_pinyin(&piece.text).iter();
        alternatives.extend(chinese.take(MAX_PINYIN_WORDS).map(|term| Alternative {
            terms: vec![*term],
            weight,
            origin: Origin::Pinyin,
            text: self.collection.text(*term).to_owned(),
        }));
        TokenReading {
            alternatives,
            plain: piece.text.chars().nth(LONGEST_PLAIN).is_none(),
            piece,
        }
    }

    /// `usb-c` is `usbc`, or `usb` and `c`; when neither is known its parts
    /// stand for themselves.
    fn compound(&self, joined: Piece, parts: Vec<Piece>, readings: &mut Vec<TokenReading>) {
        let mut alternatives = self.single(&joined.text, 1.0, Origin::Exact);
        let words: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
        if !words.is_empty() {
            alternatives.extend(self.together(&words, SPLIT_WEIGHT, Origin::Split));
        }
        if alternatives.is_empty() && !parts.is_empty() {
            readings.extend(parts.into_iter().map(|part| self.word(part)));
        } else {
            readings.push(TokenReading {
                piece: joined,
                alternatives,
                plain: false,
            });
        }
    }

    /// `1 tb` is `1tb`, where any product has that.
    fn measure(&self, joined: Piece, parts: Vec<Piece>, readings: &mut Vec<TokenReading>) {
        let mut alternatives = self.single(&joined.text, 1.0, Origin::Exact);
        let words: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
        if !words.is_empty() {
            alternatives.extend(self.together(&words, MEASURE_PARTS_WEIGHT, Origin::Split));
        }
        if alternatives.is_empty() && !parts.is_empty() {
            readings.extend(parts.into_iter().map(|part| self.word(part)));
        } else {
            readings.push(TokenReading {
                piece: joined,
                alternatives,
                plain: false,
            });
        }
    }

    fn run(&self, words: &[Piece], characters: &[Piece], readings: &mut Vec<TokenReading>) {
        // Search mode lists the shorter words before the long one that they
        // are part of: only the longest say what was meant.
        let longest = words.iter().filter(|word| {
            !words.iter().any(|other| {
                other.start <= word.start
                    && word.end <= other.end
                    && other.end - other.start > word.end - word.start
            })
        });
        let mut pieces: Vec<Piece> = longest.cloned().collect();
        if pieces.is_empty() {
            pieces = characters
                .windows(2)
                .map(|pair| Piece {
                    text: format!("{}{}", pair[0].text, pair[1].text),
                    start: pair[0].start,
                    end: pair[1].end,
                })
                .collect();
        }
        if pieces.is_empty() {
            pieces = characters.to_vec();
        }
        for piece in self.merged(pieces) {
            let inside: Vec<Piece> = characters
                .iter()
                .filter(|c| piece.start <= c.start && c.end <= piece.end)
                .cloned()
                .collect();
            let mut alternatives = self.single(&piece.text, 1.0, Origin::Exact);
            alternatives.extend(self.grams_of(&inside, &piece.text));
            readings.push(TokenReading {
                piece,
                alternatives,
                plain: false,
            });
        }
    }

    /// Neighbouring single characters that the dictionary left over say more
    /// together: the catalogue has them side by side or not.
    fn merged(&self, pieces: Vec<Piece>) -> Vec<Piece> {
        let mut merged: Vec<Piece> = Vec::new();
        for piece in pieces {
            let single = |piece: &Piece| piece.text.chars().nth(1).is_none();
            if let Some(last) = merged.last_mut()
                && single(last)
                && single(&piece)
                && !FUNCTION_WORDS.contains(&last.text.as_str())
                && !FUNCTION_WORDS.contains(&piece.text.as_str())
            {
                let pair = format!("{}{}", last.text, piece.text);
                if self.collection.term(&pair, true).is_some() {
                    last.text = pair;
                    last.end = piece.end;
                    continue;
                }
            }
            merged.push(piece);
        }
        merged
    }

    fn grams_of(&self, characters: &[Piece], text: &str) -> Option<Alternative> {
        let wanted = characters.len().min(2);
        let terms: Option<Vec<TermId>> = grams(characters)
            .filter(|gram| gram.term.chars().count() >= wanted)
            .map(|gram| self.collection.term(&gram.term, true))
            .collect();
        Some(Alternative {
            terms: terms.filter(|terms| !terms.is_empty())?,
            weight: GRAMS_WEIGHT,
            origin: Origin::Grams,
            text: text.to_owned(),
        })
    }

    pub fn finish(&self, mut reading: TokenReading) -> QueryWord {
        // The surest first; of equals what came first.
        reading
            .alternatives
            .sort_by(|left, right| right.weight.total_cmp(&left.weight));
        // The rarest that the surest reading says; an unknown word says nothing.
        let best = reading.alternatives.first();
        let rarity = best.map_or(0.0, |alternative| {
            let terms = alternative.terms.iter();
            terms
                .map(|term| self.collection.rarity(*term))
                .fold(0.0, f32::max)
        });
        let stemmer = self.analysers.first();
        let text = &reading.piece.text;
        QueryWord {
            stem: stemmer.map_or_else(|| text.clone(), |stemmer| stemmer.stem(text)),
            text: reading.piece.text,
            alternatives: reading.alternatives,
            rarity,
            share: 1.0,
        }
    }
}
