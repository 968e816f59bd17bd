//! A question: answered by a query over the catalogue, a fact of a product,
//! or the sentences that a source has for it.

use std::cmp::Reverse;

use corpus::support::{Index, Question, Similarities, Source, SourceKind, Term, terms};
use serde_json::json;
use shop::Product;

use super::ToolRun;
use super::catalogue::{self, Aggregate};
use super::cues::follows_up;
use super::grounding::{Reference, Statement};
use super::knowledge::{NamedProduct, product_source};
use super::pipeline::{CandidateResponse, LONGEST_MESSAGE, Turn};
use super::response_templates::{FactTemplate, ResponseTemplate};
use super::score::{Scored, said};
use super::tools::{FactKind, asked_facts, product_facts};

/// A message may hang on so many before it.
pub(super) const MOST_EARLIER: usize = 4;
/// So many sentences of a message are asked by themselves.
const MOST_PARTS: usize = 6;
/// A sentence with fewer content words asks nothing by itself.
const FEWEST_WORDS: usize = 2;

/// A message that is about a product says at least this share of itself with its name.
const ABOUT_PRODUCT: f32 = 0.3;

impl Turn<'_> {
    pub(super) fn question(&mut self) -> CandidateResponse {
        let says = |term: &Term| term.content && term.word.chars().any(char::is_alphabetic);
        let earlier = self.earlier();
        if earlier.is_none() && !terms(&self.message).iter().any(says) {
            return CandidateResponse::template("empty", ResponseTemplate::SayMore, &self.language);
        }
        let knowledge = self.knowledge;
        let mut question = Question::new(&self.message, earlier.as_deref());
        question.language = Some(self.language.clone());
        let kinds = terms(&question.with_earlier()).into_iter();
        let kinds = kinds.map(|term| term.word);
        question.goods = kinds
            .filter(|word| knowledge.catalogue_terms.is_kind(word))
            .collect();
        let named = self
            .stages
            .run("products", || knowledge.named_products(&question));
        self.aggregate()
            .or_else(|| self.product_fact(&named, earlier.as_deref()))
            .unwrap_or_else(|| self.answered_by_sources(&question, &named))
    }

    /// What the shop's texts say: its documents, what its people keep telling, the
    /// descriptions of the products that are named.
    fn answered_by_sources(
        &mut self,
        question: &Question,
        named: &[NamedProduct],
    ) -> CandidateResponse {
        let similarities = self.similarities(question);
        let mut index = self.knowledge.index.clone();
        let mut scored = self.documents_first(question, similarities.as_ref());
        let probability = |scored: &[Scored]| scored.first().map_or(0.0, |best| best.probability);
        if let Some((products, found)) = self.product_description(named, question)
            && probability(&found) > probability(&scored)
        {
            (index, scored) = (products, found);
        }
        if let Some(best) = said(&scored) {
            return self.quotes(&index, best, &scored);
        }
        // An encoder reads the question out of a long message; words do not.
        let by_words = similarities.is_none();
        let in_part = by_words.then(|| self.answered_in_part()).flatten();
        in_part.unwrap_or_else(|| self.declined(&index, &scored))
    }

    /// What the shop stands by comes before what an agent once said.
    pub(super) fn documents_first(
        &mut self,
        question: &Question,
        similarities: Option<&Similarities>,
    ) -> Vec<Scored> {
        let index = self.knowledge.index.clone();
        let is_document = |source: &Source| source.kind == SourceKind::Document;
        let scored = self.score(&index, question, similarities, is_document);
        if said(&scored).is_some() || index.sources().iter().all(is_document) {
            return scored;
        }
        self.score(&index, question, similarities, |_| true)
    }

    /// A message of several sentences may hold a question between others that
    /// no source speaks of: each is asked by itself, and the best is answered.
    fn answered_in_part(&mut self) -> Option<CandidateResponse> {
        let parts = questions_in(&self.message);
        if parts.len() < 2 {
            return None;
        }
        let mut best: Option<Scored> = None;
        for part in parts {
            let mut question = Question::new(&part, None);
            question.language = Some(self.language.clone());
            let scored = self.documents_first(&question, None);
            let likeliest = best.as_ref().map_or(0.0, |one| one.probability);
            if said(&scored).is_some_and(|first| first.probability > likeliest) {
                best = scored.into_iter().next();
            }
        }
        let index = self.knowledge.index.clone();
        best.map(|best| self.quotes(&index, &best, &[]))
    }

    /// A count or the cheapest of the catalogue, by a query over its records.
    pub(super) fn aggregate(&mut self) -> Option<CandidateResponse> {
        let snapshot = self.snapshot;
        let (aggregate, selection) =
            catalogue::read(&self.message, &self.asked_before(), self.catalogue_view())?;
        let arguments = json!({
            "words": selection.words, "in_stock": selection.in_stock,
        });
        let (phrase, references, result) = match aggregate {
            Aggregate::Count => {
                let counted = Reference::CatalogueCount(selection);
                (FactTemplate::Counted, vec![counted], json!("counted"))
            }
            Aggregate::Cheapest | Aggregate::Dearest => {
                let id = self.stages.run("catalogue_query", || {
                    catalogue::extreme(aggregate, &selection, snapshot)
                })?;
                let references = vec![
                    Reference::ProductTitle(id.clone()),
                    Reference::ProductPrice(id.clone()),
                    Reference::ProductAvailability(id.clone()),
                ];
                (FactTemplate::Listed, references, json!({"product": id}))
            }
        };
        let said = Statement::facts(phrase, references, snapshot, &self.language)?;
        Some(CandidateResponse {
            statements: vec![said],
            actions: vec![ToolRun {
                tool: "catalogue_query".to_owned(),
                arguments,
                result,
            }],
            confidence: 1.0,
            route: "catalogue",
            ..CandidateResponse::default()
        })
    }

    /// What the customer asked before, when this message hangs on it: back to
    /// the last message that stands by itself, the newest first, so that "is
    /// it in stock?" after "and the blue one?" still knows which.
    pub(super) fn earlier(&self) -> Option<String> {
        if !follows_up(&self.message) {
            return None;
        }
        let mut asked: Vec<&str> = Vec::new();
        for text in self.asked_before() {
            asked.push(text);
            if !follows_up(text) {
                break;
            }
        }
        let joined = asked.join(" ");
        (!joined.is_empty()).then(|| joined.chars().take(LONGEST_MESSAGE).collect())
    }

    /// Price, stock or an attribute of a product that the message names.
    fn product_fact(
        &mut self,
        named: &[NamedProduct],
        earlier: Option<&str>,
    ) -> Option<CandidateResponse> {
        let best = named
            .first()
            .filter(|best| best.of_message >= ABOUT_PRODUCT)?;
        let alike = named
            .iter()
            .filter(|other| other.share * other.of_message >= 0.95 * best.share * best.of_message);
        let alike: Vec<&Product> = alike
            .filter_map(|other| self.snapshot.catalogue.get(other.product))
            .map(|product| &**product)
            .collect();
        let product = self.meant_variant(&alike, earlier)?;
        let mut asked: Vec<FactKind> = asked_facts(&self.message, product);
        if let (true, Some(earlier)) = (asked.is_empty(), earlier) {
            asked = asked_facts(earlier, product);
        }
        let said = product_facts(&product.id, &asked, self.snapshot, &self.language);
        if said.is_empty() {
            return None;
        }
        let result = json!({ "product": product.id });
        Some(CandidateResponse {
            statements: said,
            actions: vec![ToolRun {
                tool: "product_facts".to_owned(),
                arguments: json!({ "message": self.message }),
                result,
            }],
            confidence: f64::from(best.share.min(1.0)),
            route: "product",
            ..CandidateResponse::default()
        })
    }

    /// Of variants, the one whose colour or size is named: now, or in what the
    /// message hangs on, where the newest word counts.
    fn meant_variant<'b>(
        &'b self,
        alike: &[&'b Product],
        earlier: Option<&str>,
    ) -> Option<&'b Product> {
        // "And the blue one?" may mean a variant that goes by another name.
        let group = alike.first().and_then(|first| first.group_id.as_ref());
        let others = self
            .snapshot
            .catalogue
            .iter()
            .map(|(_, product)| &**product);
        let others = others.filter(|product| {
            earlier.is_some() && group.is_some() && product.group_id.as_ref() == group
        });
        let (now, before) = (
            self.message.to_lowercase(),
            earlier.unwrap_or_default().to_lowercase(),
        );
        let spoken = |product: &Product, text: &str| {
            let values = product.attributes.values();
            let values = values.filter_map(|value| Some(value.as_str()?.to_lowercase()));
            let places: Vec<usize> = values.filter_map(|value| text.find(&value)).collect();
            (places.len(), Reverse(places.iter().sum::<usize>()))
        };
        alike.iter().copied().chain(others).max_by_key(|product| {
            let (now, _) = spoken(product, &now);
            (now, spoken(product, &before), Reverse(product.id.clone()))
        })
    }

    /// The descriptions of the products that the message names, scored.
    fn product_description(
        &mut self,
        named: &[NamedProduct],
        question: &Question,
    ) -> Option<(std::sync::Arc<Index>, Vec<Scored>)> {
        let sources = named
            .iter()
            .filter(|named| named.of_message >= ABOUT_PRODUCT / 2.0)
            .filter_map(|named| product_source(self.snapshot.catalogue.get(named.product)?));
        let sources: Vec<_> = sources.collect();
        if sources.is_empty() {
            return None;
        }
        let index = std::sync::Arc::new(Index::new(sources));
        // Encoding descriptions takes longer than a customer waits.
        let scored = self.score(&index, question, None, |_| true);
        (!scored.is_empty()).then_some((index, scored))
    }
}

/// The sentences of a message that ask something.
fn questions_in(message: &str) -> Vec<String> {
    let sentences = message.split_inclusive(['.', '?', '!', '。', '？', '！', '\n']);
    let asks = |sentence: &&str| {
        let words = terms(sentence);
        words.iter().filter(|term| term.content).count() >= FEWEST_WORDS
            || sentence.ends_with(['?', '？']) && words.iter().any(|term| term.content)
    };
    sentences
        .map(str::trim)
        .filter(asks)
        .take(MOST_PARTS)
        .map(str::to_owned)
        .collect()
}
