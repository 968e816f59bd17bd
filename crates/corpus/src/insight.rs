//! Reviews, featurised for training and serving alike: polarity classes,
//! clauses, and the nouns that a clause may be about.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::words::{contains_han, jieba, words};

/// How a text feels about its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Polarity {
    Negative,
    Neutral,
    Positive,
}

impl Polarity {
    /// Every polarity, in the order of the classifier's classes.
    pub const ALL: [Self; 3] = [Self::Negative, Self::Neutral, Self::Positive];

    /// The name as labelled texts write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Negative => "negative",
            Self::Neutral => "neutral",
            Self::Positive => "positive",
        }
    }

    /// The polarity with this name, in the spellings that data sets use.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "negative" | "neg" | "-1" => Some(Self::Negative),
            "neutral" => Some(Self::Neutral),
            "positive" | "pos" | "1" => Some(Self::Positive),
            _ => None,
        }
    }

    /// What a rating of 1 to 5 says: up to 2 is bad, from 4 is good.
    pub fn of_rating(rating: f32) -> Self {
        if rating < 2.5 {
            Self::Negative
        } else if rating < 3.5 {
            Self::Neutral
        } else {
            Self::Positive
        }
    }
}

/// What reviews keep speaking of: one side of products or of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Theme {
    /// Stable while the words stay: language and main word, as `en-delivery`.
    pub id: String,
    /// The main word.
    pub name: String,
    /// ISO 639-1.
    pub language: String,
    /// The words that stand for it, the main one first.
    pub terms: Vec<String>,
}

/// Conjunctions after which the feeling may turn.
const TURNS: [&str; 9] = [
    " but ",
    " however ",
    " although ",
    " though ",
    " except ",
    "但是",
    "不过",
    "可是",
    "就是",
];

/// The clauses of a text as byte ranges: cut at punctuation and where the
/// feeling may turn. Ranges hold no white space at their ends and are not empty.
pub fn clauses(text: &str) -> Vec<Range<usize>> {
    let mut cuts = vec![0];
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let next_is_space = letters.peek().is_none_or(|(_, next)| next.is_whitespace());
        let ends = match letter {
            // A point or comma inside a number ends nothing.
            '.' | ',' | ':' => next_is_space,
            '!' | '?' | ';' | '\n' | '。' | '，' | '！' | '？' | '；' | '、' | '…' | '：' => {
                true
            }
            _ => false,
        };
        if ends {
            cuts.push(at + letter.len_utf8());
        }
    }
    // ASCII lower case keeps byte places.
    let lower = text.to_ascii_lowercase();
    for turn in TURNS {
        cuts.extend(lower.match_indices(turn).map(|(at, _)| at));
    }
    cuts.push(text.len());
    cuts.sort_unstable();
    cuts.dedup();
    cuts.windows(2)
        .filter_map(|cut| trimmed(text, cut[0]..cut[1]))
        .collect()
}

fn trimmed(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let part = &text[range.clone()];
    let edge = |letter: char| letter.is_whitespace() || is_mark(letter);
    let start = range.start + part.len() - part.trim_start_matches(edge).len();
    let end = range.end - (part.len() - part.trim_end_matches(edge).len());
    (start < end).then_some(start..end)
}

fn is_mark(letter: char) -> bool {
    letter.is_ascii_punctuation() || "。，！？；、…：“”（）".contains(letter)
}

/// A word of a clause with what its place says about its class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Lower case.
    pub text: String,
    /// Stands where nouns stand: after a determiner, before a copula, or
    /// tagged as a noun by the Chinese dictionary.
    pub as_noun: bool,
    /// Stands where adjectives and adverbs stand: after a copula or an intensifier.
    pub as_modifier: bool,
}

/// The content words of a clause: no function words, numbers or single
/// Latin letters.
pub fn content_words(clause: &str) -> Vec<Word> {
    if contains_han(clause) {
        chinese_words(clause)
    } else {
        spaced_words(clause)
    }
}

fn chinese_words(clause: &str) -> Vec<Word> {
    jieba()
        .tag(clause, true)
        .into_iter()
        .filter(|tag| tag.word.chars().count() > 1 && !is_function_word(tag.word))
        .filter(|tag| tag.word.chars().all(char::is_alphabetic))
        .map(|tag| Word {
            text: tag.word.to_lowercase(),
            as_noun: tag.tag.starts_with('n') || tag.tag == "vn",
            as_modifier: tag.tag.starts_with(['a', 'd', 'r', 'z', 'i', 'l']),
        })
        .collect()
}

fn spaced_words(clause: &str) -> Vec<Word> {
    let tokens = words(clause);
    let is = |at: Option<usize>, set: &[&str]| -> bool {
        at.and_then(|at| tokens.get(at))
            .is_some_and(|token| set.contains(&token.as_str()))
    };
    (0..tokens.len())
        .filter(|&at| {
            let token = &tokens[at];
            token.chars().count() > 2
                && token
                    .chars()
                    .all(|letter| letter.is_alphabetic() || letter == '\'')
                && !is_function_word(token)
        })
        .map(|at| Word {
            text: tokens[at].clone(),
            // "the battery is", "my battery", but not "the better battery".
            as_noun: is(Some(at + 1), &COPULAS)
                || is(at.checked_sub(1), &DETERMINERS)
                    && tokens.get(at + 1).is_none_or(|next| {
                        is_function_word(next) || !next.chars().all(char::is_alphabetic)
                    }),
            as_modifier: is(at.checked_sub(1), &COPULAS) || is(at.checked_sub(1), &INTENSIFIERS),
        })
        .collect()
}

const DETERMINERS: [&str; 14] = [
    "the", "a", "an", "my", "its", "their", "your", "this", "that", "these", "his", "her", "no",
    "of",
];

const COPULAS: [&str; 12] = [
    "is", "are", "was", "were", "feels", "felt", "looks", "looked", "seems", "smells", "arrived",
    "runs",
];

const INTENSIFIERS: [&str; 13] = [
    "very",
    "so",
    "too",
    "really",
    "quite",
    "extremely",
    "super",
    "pretty",
    "not",
    "more",
    "rather",
    "how",
    "absolutely",
];

/// Words of English and Chinese that carry no subject.
const FUNCTION_WORDS: &str = "the a an and or but if then else of at by for with about against \
    between into through during before after above below to from up down in out on off over under \
    again further once here there when where why how all any both each few more most other some \
    such no nor not only own same so than too very can will just don should now is are was were be \
    been being have has had having do does did doing would could ought i me my we our you your he \
    him his she her it its they them their what which who whom this that these those am as until \
    while because also even ever much many lot lots really get got getting one two three thing \
    things way bit though although however still back well make made makes like love loved loves \
    want wanted buy bought buying use used using order ordered wear wearing wore think thought \
    know see say said look looks looking looked feel feels felt seem seems go going went come came \
    day days week weeks month months year years time times people person everything anything \
    something nothing everyone someone around since another every always never without within \
    yes maybe perhaps quite rather almost enough already yet let try tried take took put may might \
    must shall us first last next new old item items product products review reviews star stars \
    i'm i've it's don't didn't doesn't isn't wasn't can't couldn't won't wouldn't that's \
    arrived came expected hoped overall whole part pair kind sort reason couple \
    我们 你们 他们 这个 那个 这些 那些 什么 怎么 因为 所以 但是 不过 而且 还是 就是 可以 没有 不是 自己 \
    东西 感觉 觉得 时候 时间 这么 那么 非常 真的 比较 有点 已经 一直 一个 一些 一下 知道 看到 出来 起来 \
    大家 别人 有人 方面 问题 情况 样子 地方 总体 总的来说 整体 商品 产品 宝贝 第一次 下次 小时";

fn is_function_word(word: &str) -> bool {
    static SET: OnceLock<BTreeSet<&'static str>> = OnceLock::new();
    SET.get_or_init(|| FUNCTION_WORDS.split_whitespace().collect())
        .contains(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_end_at_punctuation_and_where_the_feeling_turns() {
        for (text, expected) in [
            (
                "Great fit, but the zip broke. Paid 12.50!",
                vec!["Great fit", "but the zip broke", "Paid 12.50"],
            ),
            (
                "质量很好，但是物流太慢了。",
                vec!["质量很好", "但是物流太慢了"],
            ),
            ("", vec![]),
            ("!!! ...", vec![]),
            ("ÉTÉ But no", vec!["ÉTÉ", "But no"]),
        ] {
            let found: Vec<_> = clauses(text)
                .into_iter()
                .map(|range| &text[range])
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn nouns_are_told_by_their_place() {
        let words = content_words("the fabric is very itchy");
        let fabric = words.iter().find(|word| word.text == "fabric").unwrap();
        let itchy = words.iter().find(|word| word.text == "itchy").unwrap();
        assert!(fabric.as_noun && !fabric.as_modifier);
        assert!(itchy.as_modifier && !itchy.as_noun);
        let words = content_words("物流太慢了");
        assert!(words.iter().any(|word| word.text == "物流" && word.as_noun));
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_clauses_that_are_slices_of_it(text in "\\PC{0,80}") {
            for range in clauses(&text) {
                proptest::prop_assert!(!text[range.clone()].trim().is_empty());
                content_words(&text[range]);
            }
        }
    }
}
