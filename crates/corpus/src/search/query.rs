//! A query as terms: what each of its words may stand for in the catalogue.

use super::analysis::{Analyser, Piece, Unit, grams, units};
use super::collection::{Collection, Term};

/// Words beyond these are not looked at: nobody types them, programs do.
const MAX_WORDS: usize = 32;
/// Bytes beyond these are not looked at.
const MAX_BYTES: usize = 1_024;
/// How many words a prefix may stand for.
const MAX_PREFIX_WORDS: usize = 12;

const CORRECTED_WEIGHT: [f32; 3] = [1.0, 0.8, 0.6];
const JOINED_WEIGHT: f32 = 0.9;
const SPLIT_WEIGHT: f32 = 0.8;
const PREFIX_WEIGHT: f32 = 0.6;
/// A known last word may still be the beginning of another one; what it says
/// as it stands comes first by far.
const KNOWN_PREFIX_WEIGHT: f32 = 0.15;
const GRAMS_WEIGHT: f32 = 0.6;

/// Words that hold a sentence together; dropped unless the query is nothing
/// else.
const FUNCTION_WORDS: [&str; 51] = [
    "a",
    "an",
    "and",
    "any",
    "are",
    "at",
    "by",
    "for",
    "from",
    "i",
    "in",
    "is",
    "it",
    "me",
    "my",
    "of",
    "on",
    "or",
    "some",
    "that",
    "the",
    "this",
    "to",
    "want",
    "with",
    "le",
    "la",
    "les",
    "de",
    "du",
    "der",
    "die",
    "das",
    "und",
    "el",
    "los",
    "的",
    "了",
    "和",
    "与",
    "我",
    "我要",
    "想",
    "要",
    "买",
    "吗",
    "一个",
    "有没有",
    "请问",
    "推荐",
    "什么",
];

/// How an alternative came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The word itself, up to its ending.
    Exact,
    /// It was mistyped.
    Corrected,
    /// It begins this word.
    Prefix,
    /// With its neighbour it is this word.
    Joined,
    /// It is two words in the catalogue.
    Split,
    /// Its characters stand side by side.
    Grams,
}

/// Something that a word of the query may stand for: all of `terms` at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// All of these.
    pub terms: Vec<Term>,
    /// How sure that is; 1 for the word itself.
    pub weight: f32,
    /// How it came about.
    pub origin: Origin,
    /// As words, for people.
    pub text: String,
}

/// A word of the query.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryWord {
    /// As typed, in lower case and without accents.
    pub text: String,
    /// Its stem in the language asked for.
    pub stem: String,
    /// What it may stand for, the surest first; empty when the catalogue has
    /// nothing like it.
    pub alternatives: Vec<Alternative>,
    /// How rare it is: how much it says.
    pub rarity: f32,
}

/// A query as terms.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    /// Its words in their order.
    pub words: Vec<QueryWord>,
    /// What was typed with its mistyped words mended, where there were any.
    pub corrected: Option<String>,
    /// As [`super::exact_key`] of what was typed.
    pub exact: String,
}

/// One word on the way to a [`QueryWord`].
struct Draft {
    piece: Piece,
    alternatives: Vec<Alternative>,
    /// A word of its own: may be mended, be a prefix, join its neighbour.
    plain: bool,
}

impl Query {
    /// Reads what somebody typed. Words of `language` are stemmed as such,
    /// and as every language of the catalogue.
    pub fn interpret(collection: &Collection, text: &str, language: Option<&str>) -> Self {
        let text = shortened(text);
        let reader = Reader::new(collection, language);
        let mut drafts = reader.drafts(text);
        drop_function_words(&mut drafts);
        drafts.truncate(MAX_WORDS);
        reader.join_neighbours(&mut drafts);
        let mut mended: Vec<(usize, usize, String)> = Vec::new();
        let last = drafts.len().saturating_sub(1);
        for (at, draft) in drafts.iter_mut().enumerate() {
            if !draft.plain {
                continue;
            }
            let typing = at == last && text[draft.piece.end..].is_empty();
            if typing {
                reader.complete(draft);
            }
            // One slip is likelier than a missing space, two are not.
            for edits in 1..=2 {
                if draft.alternatives.is_empty()
                    && let Some(word) = reader.correct(draft, edits)
                {
                    mended.push((draft.piece.start, draft.piece.end, word));
                }
                if draft.alternatives.is_empty() {
                    reader.split(draft);
                }
            }
        }
        Self {
            exact: super::exact_key(text),
            corrected: mend(text, &mended),
            words: drafts
                .into_iter()
                .map(|draft| reader.finish(draft))
                .collect(),
        }
    }

    /// Whether the catalogue knows none of its words.
    pub fn is_unknown(&self) -> bool {
        self.words.iter().all(|word| word.alternatives.is_empty())
    }
}

/// The head of a text that is worth reading, cut between characters.
fn shortened(text: &str) -> &str {
    let mut end = text.len().min(MAX_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn drop_function_words(drafts: &mut Vec<Draft>) {
    let is_function_word = |draft: &Draft| FUNCTION_WORDS.contains(&draft.piece.text.as_str());
    if !drafts.iter().all(is_function_word) {
        drafts.retain(|draft| !is_function_word(draft));
    }
}

/// `text` with the mistyped words replaced.
fn mend(text: &str, mended: &[(usize, usize, String)]) -> Option<String> {
    let mut result = String::with_capacity(text.len());
    let mut from = 0;
    for (start, end, word) in mended {
        result.push_str(&text[from..*start]);
        result.push_str(word);
        from = *end;
    }
    result.push_str(&text[from..]);
    (!mended.is_empty()).then(|| result.trim().to_owned())
}

struct Reader<'a> {
    collection: &'a Collection,
    analysers: Vec<Analyser>,
}

impl<'a> Reader<'a> {
    fn new(collection: &'a Collection, language: Option<&str>) -> Self {
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

    fn drafts(&self, text: &str) -> Vec<Draft> {
        let mut drafts = Vec::new();
        for unit in units(text) {
            match unit {
                Unit::Word(piece) => drafts.push(self.word(piece)),
                Unit::Compound { joined, parts } => self.compound(joined, parts, &mut drafts),
                Unit::Run { words, characters } => self.run(&words, &characters, &mut drafts),
            }
        }
        drafts
    }

    /// The terms that `word` has under the stemmers at hand.
    fn stems(&self, word: &str) -> Vec<Term> {
        let mut terms: Vec<Term> = Vec::new();
        for analyser in &self.analysers {
            if let Some(term) = self.collection.term(&analyser.stem(word), false)
                && !terms.contains(&term)
            {
                terms.push(term);
            }
        }
        terms
    }

    fn single(&self, word: &str, weight: f32, origin: Origin) -> Vec<Alternative> {
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
    fn together(&self, words: &[&str], weight: f32, origin: Origin) -> Option<Alternative> {
        let terms: Option<Vec<Term>> = words
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

    fn word(&self, piece: Piece) -> Draft {
        Draft {
            alternatives: self.single(&piece.text, 1.0, Origin::Exact),
            piece,
            plain: true,
        }
    }

    /// `usb-c` is `usbc`, or `usb` and `c`; when neither is known its parts
    /// stand for themselves.
    fn compound(&self, joined: Piece, parts: Vec<Piece>, drafts: &mut Vec<Draft>) {
        let mut alternatives = self.single(&joined.text, 1.0, Origin::Exact);
        let words: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
        alternatives.extend(self.together(&words, SPLIT_WEIGHT, Origin::Split));
        if alternatives.is_empty() {
            drafts.extend(parts.into_iter().map(|part| self.word(part)));
        } else {
            drafts.push(Draft {
                piece: joined,
                alternatives,
                plain: false,
            });
        }
    }

    fn run(&self, words: &[Piece], characters: &[Piece], drafts: &mut Vec<Draft>) {
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
            drafts.push(Draft {
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
        let terms: Option<Vec<Term>> = grams(characters)
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

    /// `smart watch` may be `smartwatch` in the catalogue; `500 gb` `500gb`.
    fn join_neighbours(&self, drafts: &mut [Draft]) {
        for at in 1..drafts.len() {
            if !(drafts[at - 1].plain && drafts[at].plain) {
                continue;
            }
            let joined = format!("{}{}", drafts[at - 1].piece.text, drafts[at].piece.text);
            if joined.len() < 4 {
                continue;
            }
            let alternatives = self.single(&joined, JOINED_WEIGHT, Origin::Joined);
            drafts[at - 1].alternatives.extend(alternatives.clone());
            drafts[at].alternatives.extend(alternatives);
        }
    }

    /// `earphones` may be `ear phones` in the catalogue, `500gb` `500 gb`.
    fn split(&self, draft: &mut Draft) {
        let text = &draft.piece.text;
        let vocabulary = self.collection.vocabulary();
        let mut best: Option<(u32, usize)> = None;
        for (at, c) in text.char_indices().skip(1) {
            let (left, right) = text.split_at(at);
            let between_kinds = left.ends_with(|c: char| c.is_ascii_digit()) != c.is_ascii_digit();
            let long_enough = left.chars().count() >= 3 && right.chars().count() >= 3;
            if !(between_kinds || long_enough) {
                continue;
            }
            let documents = vocabulary.documents(left).min(vocabulary.documents(right));
            if documents > best.map_or(0, |(documents, _)| documents) {
                best = Some((documents, at));
            }
        }
        if let Some((_, at)) = best {
            let (left, right) = text.split_at(at);
            let alternative = self.together(&[left, right], SPLIT_WEIGHT, Origin::Split);
            draft.alternatives.extend(alternative);
        }
    }

    /// Adds the words that the last word of the query begins.
    fn complete(&self, draft: &mut Draft) {
        let weight = if draft.alternatives.is_empty() {
            PREFIX_WEIGHT
        } else {
            KNOWN_PREFIX_WEIGHT
        };
        if draft.piece.text.chars().count() < 2 {
            return;
        }
        let vocabulary = self.collection.vocabulary();
        for word in vocabulary.with_prefix(&draft.piece.text, MAX_PREFIX_WORDS) {
            for alternative in self.single(word, weight, Origin::Prefix) {
                let known = &draft.alternatives;
                if !known.iter().any(|other| other.terms == alternative.terms) {
                    draft.alternatives.push(alternative);
                }
            }
        }
    }

    /// Adds the words that an unknown word may have meant; the best of them
    /// is returned.
    fn correct(&self, draft: &mut Draft, edits: usize) -> Option<String> {
        let found = self
            .collection
            .vocabulary()
            .corrections(&draft.piece.text, 3);
        if found.first().is_some_and(|best| best.edits > edits) {
            return None;
        }
        for correction in &found {
            let weight = CORRECTED_WEIGHT[correction.edits.min(2)];
            // The runners-up may be meant, but are not what is said to be.
            let weight = if draft.alternatives.is_empty() {
                weight
            } else {
                weight / 2.0
            };
            let alternatives = self.single(correction.word, weight, Origin::Corrected);
            draft.alternatives.extend(alternatives);
        }
        found.first().map(|correction| correction.word.to_owned())
    }

    fn finish(&self, draft: Draft) -> QueryWord {
        // The rarest that the surest reading says; an unknown word says nothing.
        let best = draft.alternatives.first();
        let rarity = best.map_or(0.0, |alternative| {
            let terms = alternative.terms.iter();
            terms
                .map(|term| self.collection.rarity(*term))
                .fold(0.0, f32::max)
        });
        let stemmer = self.analysers.first();
        let text = &draft.piece.text;
        QueryWord {
            stem: stemmer.map_or_else(|| text.clone(), |stemmer| stemmer.stem(text)),
            text: draft.piece.text,
            alternatives: draft.alternatives,
            rarity,
        }
    }
}

#[cfg(test)]
mod tests {
    use shop::{Id, Product};

    use super::*;

    fn collection(titles: &[&str]) -> Collection {
        let products: Vec<Product> = titles
            .iter()
            .map(|title| Product::new(Id::new(title).unwrap(), (*title).to_owned()))
            .collect();
        Collection::build(&products.iter().collect::<Vec<_>>(), 2)
    }

    /// Each word with its first reading.
    fn read(collection: &Collection, text: &str) -> Vec<(String, Option<(String, Origin)>)> {
        let query = Query::interpret(collection, text, None);
        let words = query.words.into_iter();
        words
            .map(|word| {
                let first = word.alternatives.into_iter().next();
                (word.text, first.map(|first| (first.text, first.origin)))
            })
            .collect()
    }

    #[test]
    fn every_word_is_read_as_the_catalogue_has_it() {
        let collection = collection(&[
            "Wireless headphones with wire",
            "Ear cushions for phones",
            "Les Paul guitar",
            "Smartwatch",
            "USB-C cable",
            "Drive 500 GB",
            "法兰绒四件套",
        ]);
        for (text, expected) in [
            ("headphone", vec![("headphone", "headphone", Origin::Exact)]),
            (
                "the headphones",
                vec![("headphones", "headphones", Origin::Exact)],
            ),
            // A slip, not `wire les`.
            (
                "wireles guitar",
                vec![
                    ("wireles", "wireless", Origin::Corrected),
                    ("guitar", "guitar", Origin::Exact),
                ],
            ),
            ("guit", vec![("guit", "guitar", Origin::Prefix)]),
            (
                "earphones",
                vec![("earphones", "ear phones", Origin::Split)],
            ),
            ("500gb", vec![("500gb", "500 gb", Origin::Split)]),
            (
                "smart watch",
                vec![
                    ("smart", "smartwatch", Origin::Joined),
                    ("watch", "smartwatch", Origin::Joined),
                ],
            ),
            ("usb-c", vec![("usbc", "usbc", Origin::Exact)]),
            ("兰绒", vec![("兰绒", "兰绒", Origin::Grams)]),
        ] {
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(word, text, origin)| (word.to_owned(), Some((text.to_owned(), origin))))
                .collect();
            assert_eq!(read(&collection, text), expected, "{text}");
        }
        assert_eq!(read(&collection, "zebra"), [("zebra".to_owned(), None)]);
        assert_eq!(read(&collection, "the")[0].0, "the");
        assert!(read(&collection, "?!").is_empty());
    }

    #[test]
    fn the_mended_query_keeps_the_rest_as_it_was() {
        let collection = collection(&["Wireless guitar 24", "Bluetooth"]);
        for (text, mended) in [
            ("Wireles  guitra, 24", Some("wireless  guitar, 24")),
            ("bleutooth", Some("bluetooth")),
            ("wireless", None),
            ("24", None),
        ] {
            let query = Query::interpret(&collection, text, None);
            assert_eq!(query.corrected.as_deref(), mended, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,50}|(wireles|guit|usb-|500|法兰| ){0,8}") {
            let collection = collection(&["Wireless guitar USB-C 500 GB", "法兰绒四件套"]);
            let query = Query::interpret(&collection, &text, None);
            proptest::prop_assert!(query.words.len() <= MAX_WORDS);
            proptest::prop_assert_eq!(&query, &Query::interpret(&collection, &text, None));
        }
    }
}
