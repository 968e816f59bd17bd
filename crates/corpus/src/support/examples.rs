use shop::Role;

use super::passages::split;
use super::{AGENT_TOKEN, CUSTOMER_TOKEN, TEXT_TOKEN};
use crate::{Corpus, Split, TextSource};

/// A stretch of text after the token that opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// One of the special tokens.
    pub opens: &'static str,
    /// What follows it.
    pub text: String,
}

/// One text that the language model of the shop learns to continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LanguageExample {
    /// What it may be used for.
    pub split: Split,
    /// In order; the end token follows the last.
    pub segments: Vec<Segment>,
}

impl LanguageExample {
    /// The segments that a model is scored on: all, or all but what customers
    /// say.
    pub fn scored(&self, customers: bool) -> impl Iterator<Item = &Segment> {
        let segments = self.segments.iter();
        segments.filter(move |segment| customers || segment.opens != CUSTOMER_TOKEN)
    }
}

/// Everything that the shop's language model learns from: documents,
/// catalogue, conversations, and each document's headings as questions that
/// its units answer. Reviews are other people's words and stay out.
pub fn examples(corpus: &Corpus) -> Vec<LanguageExample> {
    let texts = corpus
        .texts
        .iter()
        .filter(|text| matches!(text.source, TextSource::Document | TextSource::Product))
        .map(|text| LanguageExample {
            split: text.split,
            segments: vec![Segment {
                opens: TEXT_TOKEN,
                text: text.text.clone(),
            }],
        });
    let dialogues = corpus.dialogues.iter().map(|dialogue| LanguageExample {
        split: dialogue.split,
        segments: dialogue
            .turns
            .iter()
            .filter_map(|(role, text)| {
                let opens = match role {
                    Role::Customer => CUSTOMER_TOKEN,
                    Role::Agent => AGENT_TOKEN,
                    Role::Tool => return None,
                };
                Some(Segment {
                    opens,
                    text: text.clone(),
                })
            })
            .collect(),
    });
    texts
        .chain(dialogues)
        .chain(headings(corpus))
        .filter(|example| !example.segments.is_empty())
        .collect()
}

fn headings(corpus: &Corpus) -> impl Iterator<Item = LanguageExample> {
    corpus.documents.iter().flat_map(|document| {
        split(&document.text).into_iter().filter_map(|unit| {
            let title = document.title.as_deref().unwrap_or_default();
            let heading = unit.heading.as_deref().unwrap_or_default();
            let question = format!("{title} {heading}");
            let answer = document.text.get(unit.start..unit.end)?;
            (!question.trim().is_empty()).then(|| LanguageExample {
                split: Split::Train,
                segments: vec![
                    Segment {
                        opens: CUSTOMER_TOKEN,
                        text: question.trim().to_owned(),
                    },
                    Segment {
                        opens: AGENT_TOKEN,
                        text: answer.to_owned(),
                    },
                ],
            })
        })
    })
}
