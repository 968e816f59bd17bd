use super::expected_answer_type::{ExpectedAnswerType, expected_answer_type};
use super::terms::{Term, is_han, terms};

/// Words of the question before count this much in a follow-up.
const EARLIER_WEIGHT: f32 = 0.5;

/// So much counts a word that only says what kind of value is wanted.
const KIND_WEIGHT: f32 = 0.05;

/// A question, made comparable.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// Content words with their weights; no word twice.
    pub terms: Vec<(Term, f32)>,
    /// What kind of answer it wants.
    pub expected: ExpectedAnswerType,
}

/// Stems that say that a rule is asked for, not which: in "return policy" it
/// is the return that matters.
const FRAMES: [&str; 8] = [
    "polici", "rule", "regul", "guidelin", "inform", "政策", "规定", "规则",
];

/// What has a capital in English and names nobody.
const CALENDAR: [&str; 26] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "christmas",
    "easter",
    "thanksgiving",
    "halloween",
    "ramadan",
    "diwali",
    "hanukkah",
];

impl Question {
    /// Reads a question; `earlier` is what was asked before, when the new
    /// one only makes sense after it.
    pub fn read(text: &str, earlier: Option<&str>) -> Self {
        let mut question = Self {
            terms: Vec::new(),
            expected: expected_answer_type(text),
        };
        question.add(text, 1.0);
        question.mark_names(text);
        if question.terms.is_empty() {
            // "how do I do that?": better a weak word than none.
            for term in terms(text) {
                question.add_term(term, 0.3);
            }
        }
        if let Some(earlier) = earlier {
            question.add(earlier, EARLIER_WEIGHT);
            if question.expected == ExpectedAnswerType::Anything {
                question.expected = expected_answer_type(earlier);
            }
        }
        question
    }

    /// The same, with words that `is_such` is true of at a share of their weight.
    #[must_use]
    pub fn lightened(mut self, share: f32, is_such: impl Fn(&Term) -> bool) -> Self {
        for (term, weight) in &mut self.terms {
            if is_such(term) {
                *weight *= share;
            }
        }
        self
    }

    /// Whether it asks for what a title announces and for nothing in
    /// particular, as "What is the return policy?" does under "Returns".
    pub fn is_topic_of(&self, title: &str) -> bool {
        let title = terms(title);
        let named = |term: &Term| {
            let same = |other: &&Term| {
                other.word == term.word || term.concept.is_some() && other.concept == term.concept
            };
            title
                .iter()
                .filter(|other| other.content)
                .any(|other| same(&other))
        };
        self.expected == ExpectedAnswerType::Anything
            && !self.terms.is_empty()
            && self.terms.iter().all(|(term, _)| named(term))
    }

    fn add(&mut self, text: &str, weight: f32) {
        let is_frame = |term: &Term| FRAMES.contains(&term.word.as_str());
        let content: Vec<Term> = terms(text)
            .into_iter()
            .filter(|term| term.content)
            .collect();
        let only_frames = content.iter().all(is_frame);
        for term in content {
            // "How much is shipping?" wants a sum of money; that is known, and
            // no reason to look for the word.
            let is_kind = self.expected.is_said_by(&term);
            let weight = if is_kind {
                weight * KIND_WEIGHT
            } else {
                weight
            };
            if only_frames || !is_frame(&term) {
                self.add_term(term, weight);
            }
        }
    }

    /// Names are told by a capital that no sentence starts with; where most
    /// words of a sentence have one, as in a title, it says nothing.
    fn mark_names(&mut self, text: &str) {
        let words: Vec<&str> = text.split_whitespace().collect();
        let ends = |word: &&str| word.ends_with(['.', '!', '?', ':', ';', '"', ')', '-']);
        let is_capital = |word: &&str| word.starts_with(char::is_uppercase);
        for sentence in words.split_inclusive(ends) {
            let capitals = sentence.iter().filter(|word| is_capital(word)).count();
            if capitals * 2 > sentence.len() {
                continue;
            }
            for word in &sentence[1..] {
                let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
                let shouts = bare.chars().filter(|c| c.is_uppercase()).count() != 1;
                let lower = bare.to_lowercase();
                let is_date = CALENDAR.contains(&lower.as_str());
                if shouts || is_date || !is_capital(&bare) || bare.chars().count() < 3 {
                    continue;
                }
                let stem = super::terms::stem(&lower);
                for (term, _) in &mut self.terms {
                    term.is_name |= term.word == stem;
                }
            }
        }
    }

    fn add_term(&mut self, term: Term, weight: f32) {
        // A lone Chinese character is a piece of a word that the dictionary
        // did not know.
        let single = term.word.chars().count() == 1 && term.word.chars().all(is_han);
        let weight = if single { weight * 0.4 } else { weight };
        if !self.terms.iter().any(|(other, _)| other.word == term.word) {
            self.terms.push((term, weight));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_for_a_topic_asks_for_nothing_beside_it() {
        for (question, title, expected) in [
            ("What is the return policy?", "Returns", true),
            ("退货政策是什么？", "退货", true),
            ("How long can I return an item?", "Returns", false),
            ("Can I return opened food?", "Returns", false),
            ("What is the return policy?", "Shipping", false),
            ("", "Returns", false),
        ] {
            let read = Question::read(question, None);
            assert_eq!(read.is_topic_of(title), expected, "{question}: {read:?}");
        }
    }

    #[test]
    fn a_name_has_a_capital_where_its_sentence_has_few() {
        for (question, expected) in [
            ("Fish Finder: Is it sold in Lisbon?", "lisbon"),
            ("Do you ship to Lisbon?", "lisbon"),
            ("Do you ship on Monday?", ""),
            ("Is It Sold In Lisbon?", ""),
            ("Fish Finder Pro", ""),
        ] {
            let read = Question::read(question, None);
            let names = read.terms.iter().filter(|(term, _)| term.is_name);
            let names: Vec<&str> = names.map(|(term, _)| term.word.as_str()).collect();
            assert_eq!(names.concat(), expected, "{question}");
        }
    }

    #[test]
    fn words_that_say_which_value_is_wanted_weigh_little() {
        let weight = |question: &str, word: &str| {
            let read = Question::read(question, None);
            let found = read.terms.iter().find(|(term, _)| term.word == word);
            found.map(|(_, weight)| *weight)
        };
        let often = weight("How many times may I swap?", "time");
        assert_eq!(often, Some(KIND_WEIGHT));
        assert_eq!(weight("What time is it?", "time"), Some(1.0));
    }
}
