//! A message cut where another deed begins.

use super::items::{Item, named};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Cancel,
    Return,
    Swap,
    Address,
    Payment,
}

/// A stretch of the message about one deed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clause {
    pub deed: Deed,
    pub text: String,
    pub words: Vec<String>,
    /// Place of the deed's verb in `words`.
    pub verb: usize,
}

const CANCEL: &[&str] = &["cancel", "取消"];
const RETURN: &[&str] = &["return", "refund", "退货", "退掉", "退款"];
const SWAP: &[&str] = &[
    "exchang", "modifi", "chang", "switch", "swap", "upgrad", "adjust", "replac", "换成", "换货",
    "改成", "更换", "修改",
];
/// Words before a verb that turn it round.
const NOT: &[&str] = &[
    "not", "don't", "dont", "never", "won't", "without", "不", "别",
];
/// Words that come before a verb in a question about the rules.
const QUESTION: &[&str] = &[
    "how do i",
    "how can i",
    "how to",
    "can i ",
    "could i ",
    "may i ",
    "what happens",
    "what is",
    "what's",
    "policy",
    "do you ",
    "is it possible",
    "怎么",
    "如何",
    "能不能",
    "可以",
    "政策",
];
const WANT: &[&str] = &[
    "i want",
    "i would like",
    "i'd like",
    "please",
    "i need",
    "i wish",
    "can you",
    "could you",
    "i am returning",
    "我要",
    "我想",
    "请",
    "帮我",
];

/// The words of a text: lower case, stemmed, in order, function words too.
pub(super) fn words(text: &str) -> Vec<String> {
    corpus::support::terms(&text.to_lowercase())
        .into_iter()
        .map(|term| term.word)
        .collect()
}

fn deed_of(word: &str) -> Option<Deed> {
    let is = |verbs: &[&str]| verbs.contains(&word);
    if is(CANCEL) {
        Some(Deed::Cancel)
    } else if is(RETURN) {
        Some(Deed::Return)
    } else if is(SWAP) {
        Some(Deed::Swap)
    } else {
        None
    }
}

/// Sentences; a point inside a number ends none.
fn sentences(message: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut letters = message.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let next = letters.peek().map(|(_, next)| *next);
        let ends = match letter {
            '.' => next.is_none_or(char::is_whitespace),
            '!' | '?' | ';' | '\n' | '。' | '！' | '？' | '；' => true,
            _ => false,
        };
        if ends {
            found.push(&message[start..at]);
            start = at + letter.len_utf8();
        }
    }
    found.push(&message[start..]);
    found
}

/// The clauses that ask to have something done.
pub(super) fn split(message: &str) -> Vec<Clause> {
    let mut found = Vec::new();
    let lower = message.to_lowercase().replace('’', "'");
    let wants = WANT.iter().any(|want| lower.contains(want));
    for sentence in sentences(&lower) {
        let trimmed = sentence.trim_start();
        // What should happen if something else does not is for later.
        let hangs = trimmed.starts_with("if ") || trimmed.starts_with("如果");
        let asks = QUESTION.iter().any(|question| sentence.contains(question));
        let says = WANT.iter().any(|want| sentence.contains(want));
        if hangs || (asks && !says) {
            continue;
        }
        for part in parts(sentence) {
            let commands = wants || part.verb <= 2;
            if commands {
                found.push(part);
            }
        }
    }
    found
}

/// The parts of a sentence from verb to verb; what stands before the first
/// verb belongs to it.
fn parts(sentence: &str) -> Vec<Clause> {
    let tokens: Vec<(usize, &str)> = sentence
        .split_inclusive(|c: char| c.is_whitespace() || c == ',')
        .scan(0, |at, token| {
            let start = *at;
            *at += token.len();
            Some((start, token))
        })
        .collect();
    let mut verbs: Vec<(usize, Deed)> = Vec::new();
    let mut negated = false;
    for (at, token) in &tokens {
        let bare = token.trim_matches(|c: char| !c.is_alphanumeric() && c != '\'');
        if NOT.contains(&bare) {
            negated = true;
        }
        let Some(deed) = words(bare).iter().find_map(|word| deed_of(word)) else {
            negated &= token.ends_with(|c: char| c != ',');
            continue;
        };
        // "change or exchange", "the cancelled order", "a return label"
        let noun = *at > 0 && sentence[..*at].trim_end().ends_with([' ', '的'])
            || bare.ends_with("ed") && bare != "need"
            || preceded_by_article(&sentence[..*at]);
        if !negated && !noun {
            verbs.push((*at, deed));
        }
        negated = false;
    }
    if verbs.is_empty() {
        verbs.extend(chinese_verb(sentence));
    }
    let mut found = Vec::new();
    for (number, (at, deed)) in verbs.iter().enumerate() {
        let start = if number == 0 { 0 } else { *at };
        let end = verbs.get(number + 1).map_or(sentence.len(), |next| next.0);
        let text = sentence[start..end].to_owned();
        let verb = words(&sentence[start..*at]).len();
        let clause_words = words(&text);
        let deed = refined(*deed, &text);
        found.push(Clause {
            deed,
            text,
            words: clause_words,
            verb,
        });
    }
    found
}

fn preceded_by_article(before: &str) -> bool {
    let last = before.split_whitespace().next_back().unwrap_or_default();
    [
        "a", "an", "the", "any", "my", "this", "for", "full", "of", "total",
    ]
    .contains(&last)
}

fn chinese_verb(sentence: &str) -> Option<(usize, Deed)> {
    [
        (CANCEL, Deed::Cancel),
        (RETURN, Deed::Return),
        (SWAP, Deed::Swap),
    ]
    .into_iter()
    .find_map(|(verbs, deed)| {
        let chinese = verbs.iter().filter(|verb| !verb.is_ascii());
        let at = chinese.filter_map(|verb| sentence.find(verb)).min()?;
        Some((at, deed))
    })
}

/// Changing an address or a payment method is no change of items.
fn refined(deed: Deed, text: &str) -> Deed {
    if deed != Deed::Swap {
        return deed;
    }
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["address", "地址"]) {
        Deed::Address
    } else if has(&[
        "payment method",
        "pay with",
        "paid with",
        "payment to",
        "付款方式",
        "支付方式",
    ]) {
        Deed::Payment
    } else {
        Deed::Swap
    }
}

impl Clause {
    /// Whether the clause holds one of these words.
    pub fn says(&self, any: &[&str]) -> bool {
        any.iter().any(|word| {
            if word.is_ascii() {
                let stem = words(word);
                self.words.iter().any(|held| stem.contains(held))
            } else {
                self.text.contains(word)
            }
        })
    }

    /// The titles named after "except", and whether all else is meant.
    pub fn exception<'a>(&self, items: &[Item<'a>]) -> (Vec<&'a str>, bool) {
        let all = self.says(&["all", "everything", "全部", "所有"]);
        let place = self
            .words
            .iter()
            .position(|word| ["except", "but", "除了"].contains(&word.as_str()));
        let after = place.map_or(&[][..], |place| &self.words[place..]);
        let before = place.map_or(&self.words[..], |place| &self.words[..place]);
        // "all bookshelves" is not all there is.
        let all = all && named(items, before).is_empty();
        (named(items, after), all)
    }
}
