//! Text becomes terms: one analyser for every language, which changes its
//! ways with the script.
//!
//! Letters are lower-cased and lose their accents, then words lose their
//! endings by the language of the text (English where nobody says): Snowball
//! stems them, except that English words become singular only ([`lemma`]), so
//! that `dresses` is no `dressing`. Chinese is cut
//! by a dictionary; every run of a script without spaces also becomes single
//! characters and pairs of them (*grams*), so that any two neighbouring
//! characters can be found. Compounds (`usb-c`, `h&m`) keep both their parts
//! and their joined form, acronyms (`S.W.A.T.`) only that; numbers keep their
//! unit (`500gb`, `4k`, `3.5mm`), and `c++` and `c#` their signs.

use std::cell::RefCell;
use std::sync::OnceLock;

use rust_stemmers::{Algorithm, Stemmer};
use rustc_hash::FxHashMap;
use unicode_normalization::char::decompose_compatible;

use super::{lemma, quantities};
use crate::words::jieba;

/// A piece of text between spaces and punctuation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// One word or number.
    Word(Piece),
    /// Words joined by a hyphen or an ampersand: `usb-c`.
    Compound {
        /// All of it without the joints: `usbc`.
        joined: Piece,
        /// `usb` and `c`.
        parts: Vec<Piece>,
    },
    /// A number with its unit: `500 GB`, `500gb`, `3.5"`.
    Measure {
        /// Number and unit as one word: `500gb`, `3.5in`.
        joined: Piece,
        /// The number, and the unit where it is a word of its own.
        parts: Vec<Piece>,
    },
    /// A run of a script without spaces.
    Run {
        /// What the dictionary finds, long words and the shorter ones in
        /// them; empty for scripts without a dictionary.
        words: Vec<Piece>,
        /// Its characters.
        characters: Vec<Piece>,
    },
}

/// Some letters and where they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Lower case, without accents.
    pub text: String,
    /// First byte in the original.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// What the index knows a piece of text by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The stem, or the gram.
    pub term: String,
    /// The word before stemming; as `term` for grams.
    pub word: String,
    /// Whether it is a gram: grams and words never match each other.
    pub gram: bool,
    /// First byte in the original.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Han,
    /// Kana, Thai, Lao, Khmer, Burmese.
    Unspaced,
    /// Accents and vowel points: part of the word, and dropped.
    Mark,
    Other,
}

fn class(c: char) -> Class {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => Class::Letter,
        '\u{0}'..='\u{7f}' => Class::Other,
        '\u{300}'..='\u{36f}' | '\u{64b}'..='\u{655}' | '\u{591}'..='\u{5c7}' => Class::Mark,
        '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3134f}'
        | '々' => Class::Han,
        '\u{3041}'..='\u{309f}'
        | '\u{30a1}'..='\u{30fa}'
        | '\u{30fc}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}'
        | '\u{0e00}'..='\u{0eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}' => Class::Unspaced,
        // Indic vowel signs are no letters to Unicode but part of the word.
        '\u{900}'..='\u{963}' | '\u{970}'..='\u{dff}' => Class::Letter,
        _ if c.is_alphanumeric() => Class::Letter,
        _ => Class::Other,
    }
}

/// Appends `c` in lower case and without accents.
fn fold(c: char, into: &mut String) {
    if c.is_ascii() {
        into.push(c.to_ascii_lowercase());
        return;
    }
    // The common characters have neither case nor accents.
    if ('\u{4e00}'..='\u{9fff}').contains(&c) {
        into.push(c);
        return;
    }
    let start = into.len();
    for lower in c.to_lowercase() {
        match lower {
            'ß' => into.push_str("ss"),
            'æ' => into.push_str("ae"),
            'œ' => into.push_str("oe"),
            'ø' => into.push('o'),
            'đ' | 'ð' => into.push('d'),
            'ł' => into.push('l'),
            'ı' => into.push('i'),
            'þ' => into.push_str("th"),
            // Syllables stay whole; what they decompose to are no accents.
            '\u{ac00}'..='\u{d7a3}' | '\u{3041}'..='\u{30ff}' => into.push(lower),
            _ => decompose_compatible(lower, |part| {
                if class(part) != Class::Mark {
                    into.extend(part.to_lowercase());
                }
            }),
        }
    }
    // A compatibility form may hold spaces and the like.
    if into[start..].contains(|part| matches!(class(part), Class::Other)) {
        let kept: String = into[start..]
            .chars()
            .filter(|part| class(*part) != Class::Other)
            .collect();
        into.truncate(start);
        into.push_str(&kept);
    }
}

/// Lower case and without accents, everything else as it stands: how words
/// are compared.
pub fn folded(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for c in text.chars() {
        match class(c) {
            Class::Mark => {}
            Class::Other => result.push(c),
            Class::Letter | Class::Han | Class::Unspaced => fold(simplified(c), &mut result),
        }
    }
    result
}

/// The stemmer for a language; `None` where the letters stay as they are.
pub fn algorithm(language: &str) -> Option<Algorithm> {
    let code = language.split(['-', '_']).next().unwrap_or_default();
    Some(match code.to_ascii_lowercase().as_str() {
        "en" => Algorithm::English,
        "ar" => Algorithm::Arabic,
        "da" => Algorithm::Danish,
        "nl" => Algorithm::Dutch,
        "fi" => Algorithm::Finnish,
        "fr" => Algorithm::French,
        "de" => Algorithm::German,
        "el" => Algorithm::Greek,
        "hu" => Algorithm::Hungarian,
        "it" => Algorithm::Italian,
        "no" | "nb" | "nn" => Algorithm::Norwegian,
        "pt" => Algorithm::Portuguese,
        "ro" => Algorithm::Romanian,
        "ru" => Algorithm::Russian,
        "es" => Algorithm::Spanish,
        "sv" => Algorithm::Swedish,
        "ta" => Algorithm::Tamil,
        "tr" => Algorithm::Turkish,
        // Latin words in Chinese or Japanese text are mostly English.
        "zh" | "ja" | "ko" | "th" | "" => Algorithm::English,
        _ => return None,
    })
}

/// Makes terms out of the texts of one language.
pub struct Analyser {
    algorithm: Option<Algorithm>,
    stemmer: Option<Stemmer>,
}

/// How many stems a thread remembers: catalogues say the same words over and
/// over, and stemming is most of the work on them.
const REMEMBERED: usize = 16_384;

/// Words with their stems.
type Stems = FxHashMap<Box<str>, Box<str>>;

thread_local! {
    static STEMS: RefCell<FxHashMap<u8, Stems>> = RefCell::default();
}

impl Analyser {
    /// For texts in `language`, English when nobody says.
    pub fn new(language: Option<&str>) -> Self {
        let algorithm = algorithm(language.unwrap_or("en"));
        Self {
            algorithm,
            stemmer: algorithm.map(Stemmer::create),
        }
    }

    /// The term of a folded word: its stem by the language, in English its
    /// singular only; a quantity in the unit that stands for its kind.
    pub fn stem(&self, word: &str) -> String {
        self.with_stem(word, str::to_owned)
    }

    /// Every term of a text, in its order; a compound's joined form follows
    /// its parts, the grams of a run follow its words.
    pub fn tokens(&self, text: &str) -> Vec<Token> {
        let mut tokens = Vec::with_capacity(text.len() / 6 + 1);
        for unit in units(text) {
            match unit {
                Unit::Word(piece) => tokens.push(self.token(piece)),
                Unit::Compound { joined, parts } | Unit::Measure { joined, parts } => {
                    tokens.extend(parts.into_iter().map(|part| self.token(part)));
                    tokens.push(self.token(joined));
                }
                Unit::Run { words, characters } => {
                    tokens.extend(words.into_iter().map(|word| self.token(word)));
                    tokens.extend(grams(&characters));
                }
            }
        }
        tokens
    }

    /// Shows every term of a text, and whether it is a gram, with where it
    /// stands; the same terms as [`Analyser::tokens`], without keeping them.
    pub fn visit(&self, text: &str, mut each: impl FnMut(&str, bool, usize, usize)) {
        let mut word = |piece: &Piece| {
            self.with_stem(&piece.text, |stem| {
                each(stem, false, piece.start, piece.end)
            });
        };
        let mut runs = Vec::new();
        for unit in units(text) {
            match unit {
                Unit::Word(piece) => word(&piece),
                Unit::Compound { joined, parts } | Unit::Measure { joined, parts } => {
                    parts.iter().for_each(&mut word);
                    word(&joined);
                }
                Unit::Run { words, characters } => {
                    words.iter().for_each(&mut word);
                    runs.push(characters);
                }
            }
        }
        for gram in runs.iter().flat_map(|characters| grams(characters)) {
            each(&gram.term, true, gram.start, gram.end);
        }
    }

    fn with_stem<T>(&self, word: &str, see: impl FnOnce(&str) -> T) -> T {
        if word.contains(|c: char| c.is_ascii_digit()) {
            return see(&quantities::canonical(word));
        }
        match (&self.stemmer, self.algorithm) {
            (Some(_), Some(Algorithm::English)) => see(&lemma::singular(word)),
            (Some(stemmer), Some(algorithm)) => remembered(algorithm, word, stemmer, see),
            _ => see(word),
        }
    }

    /// The stem that words derived from one another share (`dressing` and
    /// `dress`), where terms keep them apart.
    pub fn derivational_stem(&self, word: &str) -> Option<String> {
        let plain = word.chars().all(char::is_alphabetic);
        match (&self.stemmer, self.algorithm) {
            (Some(stemmer), Some(Algorithm::English)) if plain => {
                Some(stemmer.stem(word).into_owned())
            }
            _ => None,
        }
    }

    fn token(&self, piece: Piece) -> Token {
        Token {
            term: self.stem(&piece.text),
            word: piece.text,
            gram: false,
            start: piece.start,
            end: piece.end,
        }
    }
}

fn remembered<T>(
    algorithm: Algorithm,
    word: &str,
    stemmer: &Stemmer,
    see: impl FnOnce(&str) -> T,
) -> T {
    STEMS.with_borrow_mut(|stems| {
        let stems = stems.entry(algorithm as u8).or_default();
        if let Some(stem) = stems.get(word) {
            return see(stem);
        }
        if stems.len() >= REMEMBERED {
            stems.clear();
        }
        let stem = stemmer.stem(word);
        let seen = see(&stem);
        stems.insert(word.into(), stem.as_ref().into());
        seen
    })
}

/// The single characters of a run and the pairs of neighbours.
pub fn grams(characters: &[Piece]) -> impl Iterator<Item = Token> + '_ {
    let one = characters.iter().map(|c| (c.text.clone(), c.start, c.end));
    let two = characters.windows(2).map(|pair| {
        let text = format!("{}{}", pair[0].text, pair[1].text);
        (text, pair[0].start, pair[1].end)
    });
    one.chain(two).map(|(term, start, end)| Token {
        word: term.clone(),
        term,
        gram: true,
        start,
        end,
    })
}

/// Cuts a text into its units.
pub fn units(text: &str) -> Vec<Unit> {
    quantities::joined(text, words_and_runs(text))
}

fn words_and_runs(text: &str) -> Vec<Unit> {
    let mut found = Vec::new();
    let mut characters = text.char_indices().peekable();
    while let Some(&(start, c)) = characters.peek() {
        match class(c) {
            Class::Other | Class::Mark => {
                characters.next();
            }
            Class::Letter => {
                let mut end = word_end(text, start);
                let word = &text[start..end];
                let signs = trailing_signs(&text[end..], word.chars().next_back());
                if signs > 0 && word.chars().all(char::is_alphanumeric) {
                    end += signs;
                    push_signed(word, &text[end - signs..end], start, &mut found);
                } else {
                    push_word(word, start, &mut found);
                }
                while characters.next_if(|(at, _)| *at < end).is_some() {}
            }
            kind @ (Class::Han | Class::Unspaced) => {
                let end = text[start..]
                    .find(|other| class(other) != kind)
                    .map_or(text.len(), |length| start + length);
                found.push(run(&text[start..end], start, kind));
                while characters.next_if(|(at, _)| *at < end).is_some() {}
            }
        }
    }
    found
}

/// Where the word that begins at `start` ends, compounds taken whole.
fn word_end(text: &str, start: usize) -> usize {
    let mut characters = text[start..].char_indices().peekable();
    let mut before = ' ';
    while let Some((at, c)) = characters.next() {
        let inside = match class(c) {
            Class::Letter | Class::Mark => true,
            Class::Han | Class::Unspaced => false,
            Class::Other => characters.peek().is_some_and(|&(_, after)| match c {
                // As Unicode's word boundaries have it (UAX 29): `S.W.A.T`, `3.5`.
                '.' => {
                    let letters = before.is_alphabetic() && class(after) == Class::Letter;
                    letters && after.is_alphabetic()
                        || before.is_ascii_digit() && after.is_ascii_digit()
                }
                '/' => before.is_ascii_digit() && after.is_ascii_digit(),
                ',' => before.is_ascii_digit() && quantities::goes_on(&text[start + at + 1..]),
                '\'' | '’' | '-' | '‐' | '‑' | '&' => class(after) == Class::Letter,
                _ => false,
            }),
        };
        if !inside {
            return start + at;
        }
        before = c;
    }
    text.len()
}

/// How many bytes of signs hang on a word and are part of it: `c++`, `c#`.
fn trailing_signs(rest: &str, last: Option<char>) -> usize {
    /// `A+++` is a class of energy; what is longer is a line.
    const MOST: usize = 3;
    let sharp = rest.starts_with('#') && last.is_some_and(char::is_alphabetic);
    let signs = match sharp {
        true => 1,
        false => rest.len() - rest.trim_start_matches('+').len(),
    };
    let ends = (rest[signs..].chars().next()).is_none_or(|next| class(next) == Class::Other);
    if ends && signs <= MOST { signs } else { 0 }
}

/// Adds a word with the signs that hang on it. A single letter says nothing
/// without them.
fn push_signed(word: &str, signs: &str, start: usize, found: &mut Vec<Unit>) {
    let mut parts = Vec::new();
    push_apostrophes(word, start, &mut parts);
    let Some(part) = parts.pop() else {
        return;
    };
    let joined = Piece {
        text: format!("{}{signs}", part.text),
        start,
        end: start + word.len() + signs.len(),
    };
    let parts = match word.chars().nth(1) {
        Some(_) => vec![part],
        None => Vec::new(),
    };
    found.push(Unit::Compound { joined, parts });
}

/// Whether a character in a word separates its parts.
fn is_joint(before: Option<char>, c: char) -> bool {
    match c {
        '-' | '‐' | '‑' | '&' => true,
        '.' => before.is_some_and(char::is_alphabetic),
        _ => false,
    }
}

/// Adds a word, or a compound with its parts.
fn push_word(text: &str, start: usize, found: &mut Vec<Unit>) {
    /// What has more parts is no name.
    const MOST_PARTS: usize = 8;
    let mut parts = Vec::new();
    let (mut from, mut before, mut dotted) = (0, None, true);
    for (at, c) in text.char_indices() {
        if is_joint(before, c) {
            push_apostrophes(&text[from..at], start + from, &mut parts);
            from = at + c.len_utf8();
            dotted &= c == '.';
        }
        before = Some(c);
    }
    push_apostrophes(&text[from..], start + from, &mut parts);
    parts.retain(|part| !part.text.is_empty());
    let sides = match parts.as_slice() {
        [only] => quantities::dimensions(only),
        _ => None,
    };
    let measured = sides.is_some();
    parts = sides.unwrap_or(parts);
    if parts.len() > 1 && parts.len() <= MOST_PARTS {
        let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
        let joint = if measured { "x" } else { "" };
        let joined = Piece {
            text: texts.join(joint),
            start,
            end: start + text.len(),
        };
        let letters = parts.iter().all(|part| part.text.chars().nth(1).is_none());
        if dotted && letters && !measured {
            // `S.W.A.T` is an acronym, whose letters say nothing.
            found.push(Unit::Word(joined));
            return;
        }
        found.push(Unit::Compound { joined, parts });
    } else {
        found.extend(parts.into_iter().map(Unit::Word));
    }
}

/// `men's` is `men`, `don't` is `dont`, `l'eau` is `eau`.
fn push_apostrophes(part: &str, start: usize, parts: &mut Vec<Piece>) {
    let mut text = String::with_capacity(part.len());
    let mut pieces = part.split(['\'', '’']);
    let first = pieces.next().unwrap_or_default();
    let rest: Vec<&str> = pieces.collect();
    let mut kept = vec![first];
    kept.extend(rest.iter().filter(|piece| !piece.eq_ignore_ascii_case("s")));
    if kept.len() > 1 && first.chars().count() == 1 && kept[1].chars().count() > 2 {
        kept.remove(0);
    }
    for c in kept.iter().flat_map(|piece| piece.chars()) {
        if class(c) == Class::Letter || c == '.' || c == '/' || c == ',' {
            fold(c, &mut text);
        }
    }
    if text.contains(',') {
        text = quantities::without_commas(&text);
    }
    parts.push(Piece {
        text,
        start,
        end: start + part.len(),
    });
}

fn run(text: &str, start: usize, kind: Class) -> Unit {
    let mut characters = Vec::new();
    for (at, c) in text.char_indices() {
        let mut folded = String::new();
        fold(simplified(c), &mut folded);
        characters.push(Piece {
            text: folded,
            start: start + at,
            end: start + at + c.len_utf8(),
        });
    }
    let words = if kind == Class::Han {
        let simple: String = characters.iter().map(|one| one.text.as_str()).collect();
        // Other lengths would put the words elsewhere in the original.
        let same = simple.len() == text.len();
        han_words(if same { &simple } else { text }, start)
    } else {
        Vec::new()
    };
    Unit::Run { words, characters }
}

/// The simplified form of a Chinese character: texts and queries in either
/// script meet in it.
fn simplified(c: char) -> char {
    if class(c) != Class::Han {
        return c;
    }
    static KNOWN: OnceLock<FxHashMap<char, char>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| {
        ('\u{4e00}'..='\u{9fff}')
            .filter_map(|c| {
                let simple = fast2s::convert(c.encode_utf8(&mut [0; 4])).chars().next()?;
                (simple != c && simple.len_utf8() == c.len_utf8()).then_some((c, simple))
            })
            .collect()
    });
    known.get(&c).copied().unwrap_or(c)
}

/// Without the hidden Markov model, as it invents words that differ with
/// what stands beside them; the grams find what the dictionary misses.
fn han_words(text: &str, start: usize) -> Vec<Piece> {
    jieba()
        .cut_for_search(text, false)
        .into_iter()
        .map(|token| Piece {
            text: token.word.to_owned(),
            start: start + token.byte_start,
            end: start + token.byte_end,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str, language: &str) -> String {
        let tokens = Analyser::new(Some(language)).tokens(text);
        let terms: Vec<&str> = tokens
            .iter()
            .filter(|token| !token.gram)
            .map(|token| token.term.as_str())
            .collect();
        terms.join(" ")
    }

    #[test]
    fn terms_of_many_scripts() {
        for (text, language, expected) in [
            ("Wireless Headphones", "en", "wireless headphone"),
            ("USB-C cable, 3.5mm", "en", "usb c usbc cable 3.5 mm 3.5mm"),
            ("Wi-Fi 4K 500GB", "en", "wi fi wifi 4k 500 gb 500gb"),
            ("1/2\" pipe 4 inches", "en", "1/2 0.5in pipe 4 inch 4in"),
            ("board 2x4 in", "en", "board 2 4 2x4 in"),
            ("女式運動鞋", "zh", "女式 运动 运动鞋"),
            ("Men’s boots, don't", "en", "men boot dont"),
            (
                "S.W.A.T. U.S. node.js 3.5",
                "en",
                "swat us node js nodej 3.5",
            ),
            ("C++, c# and A+++ S10+", "en", "c++ c# and a+++ s10 s10+"),
            (
                "1TB 1000 GB 2,048GB",
                "en",
                "1 tb 1000gb 1000 gb 1000gb 2048 gb 2000gb",
            ),
            ("1,299.50 3,5mm 1,2,3", "en", "1299.50 3.5 mm 3.5mm 1 2 3"),
            (
                "dresses dressing batteries glass shoes",
                "en",
                "dress dressing battery glass sho",
            ),
            ("H&M  AT&T", "en", "h m hm at t att"),
            ("Crème BRÛLÉE", "en", "creme brulee"),
            ("ＡＢＣ １２", "en", "abc 12"),
            ("l'eau minérale", "fr", "eau mineral"),
            ("Größe Straße", "de", "gross strass"),
            ("女式运动鞋 Nike Air", "zh", "女式 运动 运动鞋 nike air"),
            ("", "en", ""),
            ("?!… 🎉 -- '", "en", ""),
        ] {
            assert_eq!(terms(text, language), expected, "{text}");
        }
    }

    #[test]
    fn every_pair_of_neighbours_is_a_gram() {
        let tokens = Analyser::new(None).tokens("法兰绒四件套");
        for pair in ["法兰", "兰绒", "绒四", "四件", "件套"] {
            assert!(tokens.iter().any(|token| token.gram && token.term == pair));
        }
    }

    proptest::proptest! {
        #[test]
        fn tokens_lie_in_the_text(text in ".{0,60}") {
            for token in Analyser::new(None).tokens(&text) {
                proptest::prop_assert!(text.get(token.start..token.end).is_some());
                proptest::prop_assert!(token.start < token.end);
                proptest::prop_assert!(!token.term.is_empty());
            }
        }
    }
}
