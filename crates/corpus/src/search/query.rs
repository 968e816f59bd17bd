//! A query as terms: what each of its words may stand for in the catalogue.

mod compound_splitting;
mod error_model;
mod function_words;
mod interpreter;
mod prior;
mod spelling;
mod synonyms;

use shop::Synonyms;

use super::analysis::Piece;
use super::collection::{Collection, TermId};
use function_words::FUNCTION_WORDS;
use interpreter::Interpreter;

/// Words beyond these are not looked at: nobody types them, programs do.
const MAX_WORDS: usize = 32;
/// Bytes beyond these are not looked at.
const MAX_BYTES: usize = 1_024;
/// How an alternative came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The word itself, singular or plural.
    Exact,
    /// A word derived from it, or it from that: `dressing` for `dress`.
    Derived,
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
    /// It is spelt so in pinyin.
    Pinyin,
    /// The shop says that it means the same.
    Synonym,
}

/// Something that a word of the query may stand for: all of `terms` at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// All of these.
    pub terms: Vec<TermId>,
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
    /// The words of one name say one thing together: what part of it this word
    /// says, 1 for a word that is no part of a longer name.
    pub share: f32,
}

impl QueryWord {
    /// Whether the surest thing that it may stand for is a guess: a slip that
    /// fingers hardly make, or a word taken apart with other letters.
    pub fn is_a_guess(&self) -> bool {
        let surest = self.alternatives.first();
        surest.is_some_and(|one| match one.origin {
            Origin::Corrected => error_model::is_unlikely(&self.text, &one.text),
            Origin::Split => one.text.replace(' ', "") != self.text,
            _ => false,
        })
    }
}

/// A query as terms.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    /// Its words in their order.
    pub words: Vec<QueryWord>,
    /// What was typed with its mistyped words corrected, where there were any.
    pub corrected: Option<String>,
    /// As [`super::exact_key`] of what was typed.
    pub exact: String,
}

/// One word on the way to a [`QueryWord`].
struct TokenReading {
    piece: Piece,
    alternatives: Vec<Alternative>,
    /// A word of its own: may be corrected, be a prefix, join its neighbour.
    plain: bool,
}

impl Query {
    /// Reads what somebody typed. Words of `language` are stemmed as such,
    /// and as every language of the catalogue.
    pub fn interpret(collection: &Collection, text: &str, language: Option<&str>) -> Self {
        Self::interpret_with(collection, text, language, [])
    }

    /// The same where words may stand for others, too.
    pub fn interpret_with<'s>(
        collection: &Collection,
        text: &str,
        language: Option<&str>,
        synonyms: impl IntoIterator<Item = &'s Synonyms>,
    ) -> Self {
        let text = shortened(text);
        let interpreter = Interpreter::new(collection, language);
        let mut readings = interpreter.readings(text);
        drop_function_words(&mut readings);
        readings.truncate(MAX_WORDS);
        let mut corrections = Corrections::new();
        interpreter.add_synonyms(&mut readings, synonyms);
        interpreter.split_and_join_compounds(&mut readings, &mut corrections);
        let last = readings.len().saturating_sub(1);
        for at in 0..readings.len() {
            if !readings[at].plain {
                continue;
            }
            // What was a beginning while it was typed stays one after Enter.
            let is_last = at == last && text[readings[at].piece.end..].trim().is_empty();
            let neighbours = interpreter.neighbours(&readings, at);
            let reading = &mut readings[at];
            if is_last {
                interpreter.complete(reading, &neighbours);
            }
            interpreter.spell(reading, &neighbours, &mut corrections);
        }
        Self {
            exact: super::exact_key(text),
            corrected: mend(text, corrections),
            words: readings
                .into_iter()
                .map(|reading| interpreter.finish(reading))
                .collect(),
        }
    }

    /// Reads words that stand for nothing but themselves: nothing is corrected,
    /// completed or left out.
    pub fn literal(collection: &Collection, text: &str, language: Option<&str>) -> Self {
        let interpreter = Interpreter::new(collection, language);
        let mut readings = interpreter.readings(shortened(text));
        readings.truncate(MAX_WORDS);
        for reading in &mut readings {
            (reading.alternatives)
                .retain(|one| !matches!(one.origin, Origin::Derived | Origin::Pinyin));
        }
        Self {
            exact: super::exact_key(text),
            corrected: None,
            words: readings
                .into_iter()
                .map(|reading| interpreter.finish(reading))
                .collect(),
        }
    }

    /// Notes that these words side by side are one name.
    pub fn join_name(&mut self, name: &[String]) {
        if name.len() < 2 || self.words.len() < name.len() {
            return;
        }
        for at in 0..=self.words.len() - name.len() {
            let words = &mut self.words[at..at + name.len()];
            if words
                .iter()
                .zip(name)
                .all(|(word, part)| word.text == *part)
            {
                for word in words {
                    word.share = 1.0 / name.len() as f32;
                }
            }
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

fn drop_function_words(readings: &mut Vec<TokenReading>) {
    let is_function_word =
        |reading: &TokenReading| FUNCTION_WORDS.contains(&reading.piece.text.as_str());
    if !readings.iter().all(is_function_word) {
        readings.retain(|reading| !is_function_word(reading));
    }
}

/// From where to where something else was meant, and what.
type Corrections = Vec<(usize, usize, String)>;

/// `text` with the mistyped words replaced.
fn mend(text: &str, mut corrections: Corrections) -> Option<String> {
    corrections.sort_unstable();
    corrections.dedup_by(|next, last| next.0 < last.1);
    let mut result = String::with_capacity(text.len());
    let mut from = 0;
    for (start, end, word) in &corrections {
        result.push_str(&text[from..*start]);
        result.push_str(word);
        from = *end;
    }
    result.push_str(&text[from..]);
    (!corrections.is_empty()).then(|| result.trim().to_owned())
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
                vec![
                    ("ear", "ear", Origin::Exact),
                    ("phones", "phones", Origin::Exact),
                ],
            ),
            ("500gb", vec![("500gb", "500gb", Origin::Exact)]),
            ("500 gigabytes", vec![("500gb", "500gb", Origin::Exact)]),
            (
                "smart watch",
                vec![
                    ("smart", "smartwatch", Origin::Joined),
                    ("watch", "smartwatch", Origin::Joined),
                ],
            ),
            ("usb-c", vec![("usbc", "usbc", Origin::Exact)]),
            ("usbc", vec![("usbc", "usbc", Origin::Exact)]),
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
    fn sides_without_end_are_read() {
        let collection = collection(&["Drive 500 GB"]);
        for text in [
            "420x0x0x0x0x0x0x0x0x0 m",
            "1x2x3x4x5x6x7x8 2 m",
            "size 4x0x0x0x0x0x0x0\"",
        ] {
            Query::interpret(&collection, text, None);
        }
    }

    #[test]
    fn the_words_of_a_name_say_one_thing() {
        let collection = collection(&["Big Co lamp"]);
        let mut query = Query::interpret(&collection, "lamp big co", None);
        query.join_name(&["big".to_owned(), "co".to_owned()]);
        query.join_name(&["co".to_owned(), "lamp".to_owned()]);
        let shares: Vec<f32> = query.words.iter().map(|word| word.share).collect();
        assert_eq!(shares, [1.0, 0.5, 0.5]);
    }

    #[test]
    fn the_mended_query_keeps_the_rest_as_it_was() {
        let collection = collection(&["Wireless guitar 24", "Bluetooth"]);
        for (text, corrections) in [
            ("Wireles  guitra, 24", Some("wireless  guitar, 24")),
            ("bleutooth", Some("bluetooth")),
            ("wireless", None),
            ("24", None),
        ] {
            let query = Query::interpret(&collection, text, None);
            assert_eq!(query.corrected.as_deref(), corrections, "{text}");
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
