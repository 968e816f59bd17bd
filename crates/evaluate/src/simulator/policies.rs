use shop::{Document, DocumentKind, Id};

/// A question and what answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// As a customer asks.
    pub question: String,
    /// As `en` or `zh`.
    pub language: &'static str,
    /// The document that answers it; `None` when none does.
    pub document_id: Option<Id>,
    /// Words that the answer must hold, as they stand in the document.
    pub facts: Vec<String>,
}

pub(super) struct Policies {
    pub documents: Vec<Document>,
    pub answers: Vec<Answer>,
}

/// Reads the policies that the shop stands by, and what may be asked of them.
pub(super) fn make() -> Policies {
    let mut policies = Policies {
        documents: Vec::new(),
        answers: Vec::new(),
    };
    let text = include_str!("policies.txt");
    for row in text.lines().filter(|row| !row.starts_with('#')) {
        if let Some(head) = row.strip_prefix("= ") {
            policies.documents.push(document(head));
        } else if row.starts_with("@ ") {
            continue;
        } else if let Some(question) = row.strip_prefix("? ") {
            policies.ask(question);
        } else if let Some((language @ ("en" | "zh"), questions)) = row.split_once(' ') {
            let language = if language == "zh" { "zh" } else { "en" };
            policies
                .answers
                .extend(questions.split(" | ").map(|question| Answer {
                    question: question.trim().to_owned(),
                    language,
                    document_id: None,
                    facts: Vec::new(),
                }));
        } else if let Some(document) = policies.documents.last_mut() {
            if !document.text.is_empty() {
                document.text.push_str("\n\n");
            }
            document.text.push_str(row.trim());
        }
    }
    policies
}

fn document(head: &str) -> Document {
    let mut fields = head.split(" | ").map(str::trim);
    let mut field = || fields.next().unwrap_or_default();
    let (topic, kind, language, title) = (field(), field(), field(), field());
    Document {
        id: super::id(&format!("{topic}-{language}")),
        text: String::new(),
        title: Some(title.to_owned()),
        kind: Some(match kind {
            "faq" => DocumentKind::Faq,
            "guide" => DocumentKind::Guide,
            _ => DocumentKind::Policy,
        }),
        language: Some(language.to_owned()),
        url: Some(format!("/help/{topic}?language={language}")),
        properties: Default::default(),
    }
}

impl Policies {
    fn ask(&mut self, row: &str) {
        let (question, facts) = row.split_once(" :: ").unwrap_or((row, ""));
        let Some(document) = self.documents.last() else {
            return;
        };
        let chinese = document.language.as_deref() == Some("zh");
        self.answers.push(Answer {
            question: question.trim().to_owned(),
            language: super::language(chinese),
            document_id: Some(document.id.clone()),
            facts: facts
                .split(" ; ")
                .map(|fact| fact.trim().to_owned())
                .collect(),
        });
    }

    /// The paragraph of `topic` that answers `question` best: the one that
    /// holds the facts of the likest known question.
    pub fn paragraph(&self, topic: &str, chinese: bool, question: &str) -> Option<&str> {
        let id = super::id(&format!("{topic}-{}", super::language(chinese)));
        let document = self.documents.iter().find(|document| document.id == id)?;
        let known = self
            .answers
            .iter()
            .filter(|answer| answer.document_id.as_ref() == Some(&id))
            .max_by(|a, b| {
                likeness(&a.question, question).total_cmp(&likeness(&b.question, question))
            });
        let fact = known.and_then(|answer| answer.facts.first());
        document
            .text
            .split("\n\n")
            .find(|paragraph| fact.is_some_and(|fact| paragraph.contains(fact.as_str())))
            .or_else(|| document.text.split("\n\n").next())
    }
}

/// Shared pairs of neighbouring letters over all of them (Dice).
fn likeness(left: &str, right: &str) -> f64 {
    let pairs = |text: &str| -> Vec<(char, char)> {
        let letters: Vec<char> = text
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric())
            .collect();
        let mut pairs: Vec<_> = letters.windows(2).map(|pair| (pair[0], pair[1])).collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    };
    let (left, right) = (pairs(left), pairs(right));
    let shared = left
        .iter()
        .filter(|pair| right.binary_search(pair).is_ok())
        .count();
    2.0 * shared as f64 / (left.len() + right.len()).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_stands_in_its_document() {
        let policies = make();
        assert_eq!(policies.documents.len(), 26);
        for answer in &policies.answers {
            let Some(id) = &answer.document_id else {
                continue;
            };
            let document = policies
                .documents
                .iter()
                .find(|document| document.id == *id)
                .unwrap();
            for fact in &answer.facts {
                assert!(document.text.contains(fact.as_str()), "{id}: {fact}");
            }
        }
        let unanswerable = policies
            .answers
            .iter()
            .filter(|answer| answer.document_id.is_none());
        assert!(unanswerable.count() > 15);
    }

    #[test]
    fn the_paragraph_that_answers_is_found() {
        let policies = make();
        let paragraph = policies.paragraph("returns", false, "who pays for the return parcel");
        assert!(paragraph.unwrap().contains("free inside the country"));
    }
}
