//! A message cut where it asks for something else.

use super::cues::Cue;
use super::dialogue_act::{DialogueAct, DialogueActs, Heard};
use super::pipeline::{LIKELY, Turn};

/// A stretch of a message that asks for one thing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Clause {
    pub heard: Heard,
    /// As it was written.
    pub said: String,
}

/// So many stretches are heard by themselves; the rest goes with the last.
const MOST_STRETCHES: usize = 12;
/// A question with fewer words beside something else asks nothing by itself.
const FEWEST_WORDS: usize = 3;

impl Turn<'_> {
    /// What a message asks for, in its order.
    pub(super) fn clauses_of(&self, message: &str) -> Vec<Clause> {
        read(message, |texts| self.heard(texts))
    }

    /// What each text asks for.
    pub(super) fn heard(&self, texts: &[&str]) -> Vec<Heard> {
        let dense = self.knowledge.dense.as_ref();
        if let Some(heard) = dense.and_then(|dense| dense.heard(texts)) {
            return heard;
        }
        heard_by_words(texts)
    }
}

/// What each text asks for, by its words alone.
pub(super) fn heard_by_words(texts: &[&str]) -> Vec<Heard> {
    let unknown = Heard {
        act: DialogueAct::Question,
        probability: 0.0,
        is_sure: false,
    };
    let acts = DialogueActs::by_words();
    let hear = |text: &&str| acts.map_or(unknown, |acts| acts.hear(text, None));
    texts.iter().map(hear).collect()
}

/// The clauses of a message, one at least; `hear` says what texts ask for.
pub(super) fn read(message: &str, hear: impl FnOnce(&[&str]) -> Vec<Heard>) -> Vec<Clause> {
    let stretches = stretches(message);
    let mut texts = vec![message];
    if stretches.len() > 1 {
        texts.extend(&stretches);
    }
    let heard = hear(&texts);
    let Some((whole, parts)) = heard.split_first() else {
        return Vec::new();
    };
    let parts = stretches.into_iter().zip(parts.iter().copied());
    settled(message, *whole, joined(parts))
}

/// What asks for nothing beside something else.
fn is_idle(act: DialogueAct) -> bool {
    matches!(
        act,
        DialogueAct::Inform | DialogueAct::Greeting | DialogueAct::Thanks
    )
}

/// Neighbours that ask for the same are one; what is not sure goes with what
/// comes before it, or after it at the beginning.
fn joined<'a>(parts: impl Iterator<Item = (&'a str, Heard)>) -> Vec<Clause> {
    let mut clauses: Vec<Clause> = Vec::new();
    let mut before = String::new();
    for (text, heard) in parts {
        let act = heard.act;
        let says_little = act == DialogueAct::Question && corpus::words(text).len() < FEWEST_WORDS;
        let is_told = heard.is_sure || act.is_write() && heard.probability >= LIKELY;
        let is_own = is_told && !is_idle(act) && !says_little;
        match clauses.last_mut() {
            Some(last) if !is_own || last.heard.act == act => {
                last.said.push_str(text);
                last.heard.probability = match is_own {
                    true => last.heard.probability.max(heard.probability),
                    false => last.heard.probability,
                };
            }
            None if !is_own => before.push_str(text),
            _ => clauses.push(Clause {
                heard,
                said: std::mem::take(&mut before) + text,
            }),
        }
    }
    clauses
}

/// The parts where they ask for several things, else the message as a whole,
/// by whichever is surer.
fn settled(message: &str, whole: Heard, parts: Vec<Clause>) -> Vec<Clause> {
    let one = |heard: Heard| {
        vec![Clause {
            heard,
            said: message.to_owned(),
        }]
    };
    match parts.as_slice() {
        [] => one(whole),
        [part] if whole.is_sure && whole.probability >= part.heard.probability => one(whole),
        [part] => one(part.heard),
        _ => parts,
    }
}

/// The stretches between marks and conjunctions, with both; a point inside a
/// number ends none.
fn stretches(message: &str) -> Vec<&str> {
    let mut ends: Vec<usize> = Vec::new();
    let mut letters = message.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let next = letters.peek().map(|(_, next)| *next);
        let ends_here = match letter {
            '.' | ',' | ':' => next.is_none_or(char::is_whitespace),
            '!' | '?' | ';' | '\n' | '。' | '！' | '？' | '；' | '，' => true,
            _ => false,
        };
        if ends_here {
            ends.push(at + letter.len_utf8());
        }
    }
    ends.push(message.len());
    let mut found: Vec<std::ops::Range<usize>> = Vec::new();
    let mut start = 0;
    for end in ends {
        for length in at_conjunctions(&message[start..end]) {
            let part = start..start + length;
            let is_empty = !message[part.clone()].chars().any(char::is_alphanumeric);
            let is_full = found.len() == MOST_STRETCHES;
            start = part.end;
            match found.last_mut() {
                Some(last) if is_empty || is_full => last.end = part.end,
                _ => found.push(part),
            }
        }
    }
    found.into_iter().map(|part| &message[part]).collect()
}

/// The lengths of the parts of a text that begin with a conjunction.
fn at_conjunctions(text: &str) -> Vec<usize> {
    let lower = text.to_lowercase();
    // Small letters that are longer or shorter than capitals would be cut amiss.
    if lower.len() != text.len() {
        return vec![text.len()];
    }
    let (mut starts, mut from) = (vec![0], 0);
    while let Some(place) = Cue::Conjunction.first_in(&lower[from..]) {
        let at = from + place.start;
        if at > 0 && text.is_char_boundary(at) {
            starts.push(at);
        }
        from += place.end;
    }
    starts.push(text.len());
    starts.windows(2).map(|two| two[1] - two[0]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_at_marks_and_conjunctions() {
        for (message, expected) in [
            ("", vec![""]),
            ("one two", vec!["one two"]),
            ("a 3.5 lamp, please.", vec!["a 3.5 lamp,", " please."]),
            (
                "Cancel it and send that",
                vec!["Cancel it ", "and send that"],
            ),
            ("取消订单，然后退货", vec!["取消订单，", "然后退货"]),
            ("?!", vec!["?!"]),
        ] {
            assert_eq!(stretches(message), expected);
        }
        let long = "a b. ".repeat(50);
        assert_eq!(stretches(&long).concat(), long);
        assert_eq!(stretches(&long).len(), MOST_STRETCHES);
    }
}
