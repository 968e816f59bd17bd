//! Spaces too many or missing. `mouse pad` and `mousepad` are read the same,
//! whichever was typed: as two words where titles have them side by side, as
//! one where they hardly do.

use super::interpreter::Interpreter;
use super::{Corrections, Origin, TokenReading};
use crate::search::analysis::Piece;
use crate::search::collection::TermId;

const JOINED_WEIGHT: f32 = 0.9;
const SPLIT_WEIGHT: f32 = 0.8;
/// Two words are a pair of their own where they stand side by side at least
/// once for so many times that they are written as one.
const PAIR_SHARE: u32 = 10;
/// A word joined of two that nobody writes apart has at least so many products.
const LEAST_JOINED: u32 = 2;
const SHORTEST_JOINED: usize = 4;
/// A number of a part or a model that the catalogue writes in several words is
/// all but that number.
const CODE_WEIGHT: f32 = 0.95;
const MOST_CODE_PARTS: usize = 8;

/// Whether a word may be the number of a part or a model: it has a digit.
fn is_code(text: &str) -> bool {
    text.chars().count() >= SHORTEST_JOINED
        && text.chars().all(char::is_alphanumeric)
        && text.contains(|c: char| c.is_ascii_digit())
}

impl Interpreter<'_> {
    /// Reads words that are joined or split otherwise than in the catalogue.
    pub fn split_and_join_compounds(
        &self,
        readings: &mut Vec<TokenReading>,
        corrections: &mut Corrections,
    ) {
        self.join_codes(readings);
        for reading in readings.iter_mut() {
            if reading.plain && reading.alternatives.is_empty() {
                self.split_code(reading);
            }
        }
        let mut at = 0;
        while at < readings.len() {
            if readings[at].plain
                && let Some((left, right)) = self.two_words(&readings[at])
            {
                let old = readings.remove(at);
                if old.alternatives.is_empty() {
                    let text = format!("{} {}", left.piece.text, right.piece.text);
                    corrections.push((old.piece.start, old.piece.end, text));
                }
                readings.splice(at..at, [left, right]);
                at += 1;
            }
            at += 1;
        }
        let mut at = 1;
        while at < readings.len() {
            if readings[at - 1].plain && readings[at].plain {
                self.join(readings, at);
            }
            at += 1;
        }
    }

    /// Reads words that the catalogue writes as one number of a part or a model:
    /// `0 986 479 s01` is `0986479s01`.
    fn join_codes(&self, readings: &mut Vec<TokenReading>) {
        let mut at = 0;
        while at + 1 < readings.len() {
            let most = MOST_CODE_PARTS.min(readings.len() - at);
            let joined = (2..=most)
                .rev()
                .find_map(|count| self.joined_code(&readings[at..at + count]));
            if let Some(reading) = joined {
                let parts = readings[at..].iter();
                let parts = parts.take_while(|part| part.piece.end <= reading.piece.end);
                let end = at + parts.count();
                readings.splice(at..end, [reading]);
            }
            at += 1;
        }
    }

    fn joined_code(&self, parts: &[TokenReading]) -> Option<TokenReading> {
        let texts: Vec<&str> = parts.iter().map(|one| one.piece.text.as_str()).collect();
        let text = texts.concat();
        if !is_code(&text) {
            return None;
        }
        let mut alternatives = self.single(&text, 1.0, Origin::Joined);
        if alternatives.is_empty() {
            return None;
        }
        alternatives.extend(self.together(&texts, SPLIT_WEIGHT, Origin::Split));
        Some(TokenReading {
            piece: Piece {
                text,
                start: parts.first()?.piece.start,
                end: parts.last()?.piece.end,
            },
            alternatives,
            plain: false,
        })
    }

    /// Reads one word that the catalogue writes as several: `abc123x` is
    /// `ABC 123 X` where these stand side by side.
    fn split_code(&self, reading: &mut TokenReading) {
        let Some(parts) = self.code_parts(&reading.piece.text) else {
            return;
        };
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        if let Some(apart) = self.together(&parts, CODE_WEIGHT, Origin::Split) {
            reading.alternatives.push(apart);
            reading.plain = false;
        }
    }

    /// The fewest words of the catalogue, each side by side with the next, that
    /// make up `text`.
    fn code_parts(&self, text: &str) -> Option<Vec<String>> {
        if !is_code(text) {
            return None;
        }
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        // Of each place the ways to get there, one for each last word.
        let mut ways: Vec<Vec<Vec<&str>>> = vec![Vec::new(); text.len() + 1];
        for end in places.iter().skip(1).copied().chain([text.len()]) {
            for start in places.iter().copied().filter(|start| *start < end) {
                let part = &text[start..end];
                if self.stems(part).is_empty() {
                    continue;
                }
                let before = ways[start].iter().filter(|way| {
                    let last = way.last().copied().unwrap_or_default();
                    way.len() < MOST_CODE_PARTS && self.side_by_side(last, part) > 0
                });
                let mut way = match before.min_by_key(|way| way.len()) {
                    Some(way) => way.clone(),
                    None if start == 0 => Vec::new(),
                    None => continue,
                };
                way.push(part);
                ways[end].push(way);
            }
        }
        let whole = ways.pop()?.into_iter().filter(|way| way.len() > 1);
        let fewest = whole.min_by_key(Vec::len)?;
        Some(fewest.into_iter().map(str::to_owned).collect())
    }

    /// How often two words stand side by side in titles.
    fn side_by_side(&self, left: &str, right: &str) -> u32 {
        let titles = self.collection.titles();
        let (left, right) = (self.stems(left), self.stems(right));
        let pairs = left
            .iter()
            .flat_map(|left| right.iter().map(move |right| (*left, *right)));
        pairs
            .map(|(left, right)| titles.side_by_side(left, right))
            .max()
            .unwrap_or_default()
    }

    fn documents(&self, terms: &[TermId]) -> u32 {
        let entries = terms.iter().filter_map(|term| self.collection.entry(*term));
        entries
            .map(|entry| entry.documents)
            .max()
            .unwrap_or_default()
    }

    /// One typed word as the two that the catalogue has side by side.
    fn two_words(&self, reading: &TokenReading) -> Option<(TokenReading, TokenReading)> {
        let text = reading.piece.text.as_str();
        if text.chars().count() < SHORTEST_JOINED {
            return None;
        }
        let own = self.documents(&self.stems(text));
        let mut best: Option<(u32, usize)> = None;
        for (at, _) in text.char_indices().skip(1) {
            let (left, right) = text.split_at(at);
            let pairs = self.side_by_side(left, right);
            // A lone letter is found in many words, and so are two.
            let enough = match left.chars().count().min(right.chars().count()) {
                1 => 5,
                2 => 2,
                _ => 1,
            };
            if pairs >= enough && pairs > best.map_or(0, |(pairs, _)| pairs) {
                best = Some((pairs, at));
            }
        }
        let at = match best.filter(|(pairs, _)| pairs * PAIR_SHARE >= own) {
            // What is in the dictionary on its own and not as a pair stays whole.
            Some((pairs, _)) if own > 0 && pairs < 3 => return None,
            Some((_, at)) => at,
            None if own == 0 => self.frequent_halves(text)?,
            None => return None,
        };
        let (left, right) = text.split_at(at);
        let piece = |text: &str| Piece {
            text: text.to_owned(),
            ..reading.piece.clone()
        };
        let word = |text: &str| TokenReading {
            piece: piece(text),
            alternatives: self.single(text, 1.0, Origin::Exact),
            plain: true,
        };
        Some((word(left), word(right)))
    }

    /// Where an unknown word that nothing is near to falls into two frequent
    /// ones.
    fn frequent_halves(&self, text: &str) -> Option<usize> {
        const FREQUENT: u32 = 20;
        let vocabulary = self.collection.vocabulary();
        let begins = !vocabulary.with_prefix(text, 1).is_empty();
        if begins || !vocabulary.near(text, 1).is_empty() {
            return None;
        }
        let halves = text.char_indices().skip(1).filter_map(|(at, _)| {
            let (left, right) = text.split_at(at);
            let shortest = left.chars().count().min(right.chars().count());
            let documents = vocabulary.documents(left).min(vocabulary.documents(right));
            let enough = if shortest >= 3 { 1 } else { FREQUENT };
            (shortest >= 2 && documents >= enough).then_some((documents, at))
        });
        halves.max().map(|(_, at)| at)
    }

    /// Two typed words that the catalogue has as one.
    fn join(&self, readings: &mut Vec<TokenReading>, at: usize) {
        let (left, right) = (&readings[at - 1].piece, &readings[at].piece);
        let text = format!("{}{}", left.text, right.text);
        if text.chars().count() < SHORTEST_JOINED {
            return;
        }
        let joined = self.single(&text, JOINED_WEIGHT, Origin::Joined);
        if joined.is_empty() {
            if let Some(spelt) = self.joined_pinyin(&text, readings, at) {
                readings[at - 1] = spelt;
                readings.remove(at);
            }
            return;
        }
        let own = joined
            .iter()
            .filter_map(|one| self.collection.entry(one.terms[0]));
        let own = own.map(|entry| entry.documents).max().unwrap_or_default();
        let pairs = self.side_by_side(&left.text, &right.text);
        if own >= LEAST_JOINED && pairs * PAIR_SHARE < own {
            let mut alternatives = self.single(&text, 1.0, Origin::Joined);
            let words = [left.text.as_str(), right.text.as_str()];
            alternatives.extend(self.together(&words, SPLIT_WEIGHT, Origin::Split));
            let piece = Piece {
                text,
                start: left.start,
                end: right.end,
            };
            readings[at - 1] = TokenReading {
                piece,
                alternatives,
                plain: false,
            };
            readings.remove(at);
        } else {
            readings[at - 1].alternatives.extend(joined.clone());
            readings[at].alternatives.extend(joined);
        }
    }

    /// `er ji` is spelt as one word.
    fn joined_pinyin(
        &self,
        text: &str,
        readings: &[TokenReading],
        at: usize,
    ) -> Option<TokenReading> {
        let unknown = |reading: &TokenReading| reading.alternatives.is_empty();
        let spelt = !self.collection.with_pinyin(text).is_empty();
        (spelt && (unknown(&readings[at - 1]) || unknown(&readings[at]))).then(|| {
            self.word(Piece {
                text: text.to_owned(),
                start: readings[at - 1].piece.start,
                end: readings[at].piece.end,
            })
        })
    }
}
