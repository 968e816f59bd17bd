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
    /// The words of the sentences before: what "them" and "one" stand for.
    pub context: Vec<String>,
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
    "whether",
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
    "wish to",
    "want to",
    "like to",
    "need to",
    "intend to",
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
pub(super) fn sentences(message: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut letters = message.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let next = letters.peek().map(|(_, next)| *next);
        let ends = match letter {
            '.' => next.is_none_or(char::is_whitespace),
            '!' | '?' | '\n' | '。' | '！' | '？' | '；' => true,
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

/// The clauses that ask to have something done. What should happen only if
/// something else does not ("if not, cancel it") counts where nothing else is
/// asked for.
pub(super) fn split(message: &str) -> Vec<Clause> {
    let now = clauses(message, false);
    if now.is_empty() {
        clauses(message, true)
    } else {
        now
    }
}

fn clauses(message: &str, conditional: bool) -> Vec<Clause> {
    let mut found = Vec::new();
    let lower = message.to_lowercase().replace('’', "'");
    let wants = WANT.iter().any(|want| lower.contains(want));
    let mut context: Vec<String> = Vec::new();
    for sentence in sentences(&lower) {
        let trimmed = sentence.trim_start();
        // "If you ask, say so, because I also want …" adds a wish all the same.
        let hangs = (trimmed.starts_with("if ") || trimmed.starts_with("如果"))
            && !trimmed.contains("also want");
        let asks = QUESTION.iter().any(|question| sentence.contains(question));
        let says = WANT.iter().any(|want| sentence.contains(want));
        if hangs == conditional && (!asks || says) {
            for mut part in parts(sentence) {
                if wants || part.verb <= 2 {
                    part.context.clone_from(&context);
                    found.push(part);
                }
            }
        }
        context.extend(words(sentence));
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
            || preceded_by_article(&sentence[..*at])
            || names_a_thing(&sentence[*at + token.len()..]);
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
        let next = verbs.get(number + 1);
        let mut end = next.map_or(sentence.len(), |next| next.0);
        // "Cancel or return everything": both of the same.
        let shared = matches!((deed, next), (Deed::Cancel, Some((_, Deed::Return))))
            && sentence[*at..end].split_whitespace().count() == 2;
        if shared {
            end = verbs
                .get(number + 2)
                .map_or(sentence.len(), |after| after.0);
        }
        let text = sentence[start..end].to_owned();
        let verb = words(&sentence[start..*at]).len();
        let clause_words = words(&text);
        let deed = refined(*deed, &text, &sentence[*at..end]);
        found.push(Clause {
            deed,
            text,
            words: clause_words,
            verb,
            context: Vec::new(),
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

/// "Refund method", "return label": the verb only says what kind of thing.
fn names_a_thing(after: &str) -> bool {
    let next = after.split_whitespace().next().unwrap_or_default();
    let next = next.trim_matches(|c: char| !c.is_alphanumeric());
    ["method", "methods", "label", "window", "amount", "period"].contains(&next)
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

/// The verb and so many words after it say what is changed.
const OBJECT_WORDS: usize = 5;

/// Changing an address or a payment method is no change of items.
fn refined(deed: Deed, text: &str, after_verb: &str) -> Deed {
    if deed != Deed::Swap {
        return deed;
    }
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let object: Vec<&str> = after_verb.split_whitespace().take(OBJECT_WORDS).collect();
    let object = object.join(" ");
    if has(&["address", "地址"]) {
        Deed::Address
    } else if object.contains("payment") || has(&["付款方式", "支付方式"]) {
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
        // "Make sure all that I return …" returns not all.
        let after_verb = self.words.get(self.verb..).unwrap_or_default();
        let all = ["all", "everyth"]
            .iter()
            .any(|all| after_verb.iter().any(|word| word == all))
            || ["全部", "所有"].iter().any(|all| self.text.contains(all));
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
