use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use shop::{Document, Id, Role};

use super::passages::{QuestionTerms, Source, SourceKind, split};
use super::question::words;
use crate::{Dialogue, Split, contains_han};

/// How many different customers must have been told the same words before
/// support may repeat them: what several people were told is about none of
/// them (k-anonymity; Sweeney, 2002).
pub const MINIMUM_ASKERS: usize = 3;

const SHORTEST_CHARACTERS: usize = 30;
const SHORTEST_HAN_CHARACTERS: usize = 12;
const MOST_WORDS: usize = 80;
/// A shorter unit of a document may stand in an answer by chance.
const SHORTEST_QUOTE_BYTES: usize = 24;
/// A run of digits of this length may be an order, a parcel or an account.
const NUMBER_DIGITS: usize = 6;

/// What the shop's conversations teach about questions and their answers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LearnedAnswers {
    /// What the shop's people keep saying and no document says.
    pub common: Vec<CommonAnswer>,
    /// By document: the questions that were answered in its words.
    pub documents: BTreeMap<Id, Vec<QuestionTerms>>,
}

/// Words that the shop's people keep saying, and how customers ask for them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommonAnswer {
    /// The first conversation that holds it.
    pub conversation: Id,
    /// What was said.
    pub text: String,
    /// As `en` or `zh`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// How many asked.
    pub askers: usize,
    /// How they asked.
    pub asked: QuestionTerms,
}

impl CommonAnswer {
    fn source(&self) -> Source {
        Source {
            kind: SourceKind::Conversation,
            id: self.conversation.clone(),
            title: None,
            url: None,
            language: self.language.clone(),
            text: self.text.clone(),
            asked: vec![self.asked.clone()],
        }
    }
}

impl LearnedAnswers {
    /// Everything that support may quote: the documents with what is known
    /// of the questions that they answer, then the common answers.
    pub fn sources<'a>(&self, documents: impl Iterator<Item = &'a Document>) -> Vec<Source> {
        let documents = documents.map(|document| {
            let mut source = Source::of_document(document);
            source.asked = self
                .documents
                .get(&document.id)
                .cloned()
                .unwrap_or_default();
            source
        });
        documents
            .chain(self.common.iter().map(CommonAnswer::source))
            .collect()
    }
}

/// A document's unit, as conversations are searched for it.
struct Quotable<'a> {
    document: &'a Id,
    text: &'a str,
}

/// Learns from the conversations for training; those for validation and test
/// count for nothing.
///
/// An answer in the words of a document links its question to that unit. Any
/// other answer may be repeated when at least [`MINIMUM_ASKERS`] customers
/// were given it, right after a question and without looking anything up.
pub fn learn_answers(documents: &[Document], dialogues: &[Dialogue]) -> LearnedAnswers {
    let quotable = quotable(documents);
    let mut groups: BTreeMap<&str, Vec<(&Dialogue, &str)>> = BTreeMap::new();
    for dialogue in dialogues {
        if dialogue.split == Split::Train {
            for (question, answer) in questions_and_answers(dialogue) {
                groups.entry(answer).or_default().push((dialogue, question));
            }
        }
    }
    let mut learned = LearnedAnswers::default();
    let mut by_unit: BTreeMap<usize, Vec<(&Dialogue, &str)>> = BTreeMap::new();
    for (answer, asked) in groups {
        let quoted: Vec<usize> = quoted_in(answer, &quotable).collect();
        if quoted.is_empty() {
            learned.common.extend(common_answer(answer, &asked));
        }
        for unit in quoted {
            by_unit.entry(unit).or_default().extend(&asked);
        }
    }
    for (unit, asked) in by_unit {
        let Quotable { document, text } = quotable[unit];
        if askers(&asked) >= MINIMUM_ASKERS {
            let list = learned.documents.entry(document.clone()).or_default();
            list.push(asked_with(Some(text), &asked));
        }
    }
    learned
}

fn quotable(documents: &[Document]) -> Vec<Quotable<'_>> {
    documents
        .iter()
        .flat_map(|document| {
            split(&document.text).into_iter().filter_map(|unit| {
                let text = document.text.get(unit.start..unit.end)?;
                (text.len() >= SHORTEST_QUOTE_BYTES).then_some(Quotable {
                    document: &document.id,
                    text,
                })
            })
        })
        .collect()
}

fn quoted_in(answer: &str, quotable: &[Quotable<'_>]) -> impl Iterator<Item = usize> {
    quotable
        .iter()
        .enumerate()
        .filter(move |(_, unit)| unit.text.len() <= answer.len() && answer.contains(unit.text))
        .map(|(place, _)| place)
}

/// Each agent turn that could be repeated, with the question right before it.
pub(super) fn questions_and_answers(dialogue: &Dialogue) -> Vec<(&str, &str)> {
    if dialogue.resolved == Some(false)
        || dialogue.turns.iter().any(|(role, _)| *role == Role::Tool)
    {
        return Vec::new();
    }
    dialogue
        .turns
        .windows(2)
        .filter_map(|pair| match (&pair[0], &pair[1]) {
            ((Role::Customer, question), (Role::Agent, answer)) if can_be_repeated(answer) => {
                Some((question.as_str(), answer.trim()))
            }
            _ => None,
        })
        .collect()
}

fn can_be_repeated(answer: &str) -> bool {
    let least = if contains_han(answer) {
        SHORTEST_HAN_CHARACTERS
    } else {
        SHORTEST_CHARACTERS
    };
    let placeholder = ["[EMAIL]", "[PHONE]", "[CARD]", "[NATIONAL_ID]", "[IBAN]"]
        .iter()
        .any(|placeholder| answer.contains(placeholder));
    let longest_number = answer
        .split(|c: char| !c.is_ascii_digit())
        .map(str::len)
        .max()
        .unwrap_or_default();
    answer.chars().count() >= least && !placeholder && longest_number < NUMBER_DIGITS
}

fn askers(asked: &[(&Dialogue, &str)]) -> usize {
    let askers: BTreeSet<&Id> = asked
        .iter()
        .map(|(dialogue, _)| dialogue.customer.as_ref().unwrap_or(&dialogue.id))
        .collect();
    askers.len()
}

fn common_answer(answer: &str, asked: &[(&Dialogue, &str)]) -> Option<CommonAnswer> {
    let askers = askers(asked);
    let first = asked.first().map(|(dialogue, _)| *dialogue)?;
    (askers >= MINIMUM_ASKERS).then(|| CommonAnswer {
        conversation: first.id.clone(),
        text: answer.to_owned(),
        language: first.language.clone(),
        askers,
        asked: asked_with(None, asked),
    })
}

fn asked_with(quote: Option<&str>, asked: &[(&Dialogue, &str)]) -> QuestionTerms {
    let language = asked.first().and_then(|(one, _)| one.language.as_deref());
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (_, question) in asked {
        let words: BTreeSet<String> = words(question, language)
            .into_iter()
            .map(|one| one.word)
            .collect();
        for word in words {
            *counts.entry(word).or_default() += 1;
        }
    }
    // A word of a single question might be somebody's name.
    let mut words: Vec<(String, usize)> = counts
        .into_iter()
        .filter(|(word, count)| *count >= 2 && !word.chars().any(|c| c.is_ascii_digit()))
        .collect();
    words.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    words.truncate(MOST_WORDS);
    QuestionTerms {
        quote: quote.map(str::to_owned),
        words: words
            .into_iter()
            .map(|(word, count)| (word, count as f32 / asked.len() as f32))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialogue(id: &str, question: &str, answer: &str) -> Dialogue {
        Dialogue {
            id: Id::new(id).unwrap(),
            language: Some("en".to_owned()),
            intent: None,
            turns: vec![
                (Role::Customer, question.to_owned()),
                (Role::Agent, answer.to_owned()),
            ],
            customer: Some(Id::new(id).unwrap()),
            resolved: Some(true),
            split: Split::Train,
        }
    }

    #[test]
    fn only_what_several_customers_were_told_is_repeated() {
        let shared = "You can return anything within thirty days of delivery.";
        let private = "Dear Ann, your parcel lies at the neighbour's house now.";
        let number = "The parcel 99887766 has left our warehouse in the morning.";
        let mut dialogues = vec![dialogue("p", "where is it", private)];
        for id in ["a", "b", "c"] {
            dialogues.push(dialogue(
                id,
                "can I send my boots back? I am Zebedee",
                shared,
            ));
            dialogues.push(dialogue(&format!("n{id}"), "where is it", number));
        }
        let common = learn_answers(&[], &dialogues).common;
        assert_eq!(common.len(), 1);
        assert_eq!(common[0].text, shared);
        assert_eq!(common[0].askers, 3);
        let words = &common[0].asked.words;
        assert!(
            words
                .iter()
                .any(|(word, share)| word == "boot" && *share == 1.0)
        );
    }

    #[test]
    fn an_answer_in_the_words_of_a_document_teaches_how_it_is_asked_for() {
        let row =
            serde_json::json!({"id": "r", "text": "Anything can come back within thirty days."});
        let row = row.as_object().cloned().unwrap();
        let record =
            shop::Record::from_json(shop::Kind::Documents, row, shop::Timestamp::from_seconds(0));
        let Ok(shop::Record::Document(document)) = record else {
            panic!("a document");
        };
        let dialogues: Vec<Dialogue> = ["a", "b", "c"]
            .into_iter()
            .map(|id| {
                let answer = format!("Sure! {} Bye.", document.text);
                dialogue(id, "my trainers pinch", &answer)
            })
            .collect();
        let learned = learn_answers(&[document], &dialogues);
        assert!(learned.common.is_empty());
        let asked = &learned.documents[&Id::new("r").unwrap()][0];
        assert!(
            asked.words.iter().any(|(word, _)| word == "pinch"),
            "{asked:?}"
        );
    }
}
