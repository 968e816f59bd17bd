//! A question: answered by a query over the catalogue, a fact of a product,
//! or the sentences that a source has for it.

use std::cmp::Reverse;

use corpus::support::{Calibration, Index, Question, SourceKind, Term, terms};
use serde_json::json;
use shop::Product;

use super::ToolRun;
use super::catalogue::{self, Aggregate};
use super::dense_retrieval::Similarity;
use super::grounding::{Reference, Statement};
use super::knowledge::{NamedProduct, product_source};
use super::pipeline::{CandidateResponse, LONGEST_MESSAGE, Turn};
use super::product_search;
use super::response_templates::{FactTemplate, ResponseTemplate};
use super::route::follows_up;
use super::score::Scored;
use super::tools::{FactKind, asked_facts, product_facts};

/// A message may hang on so many before it.
pub(super) const MOST_EARLIER: usize = 4;
/// So many sentences of a message are asked by themselves.
const MOST_PARTS: usize = 6;
/// A sentence with fewer content words asks nothing by itself.
const FEWEST_WORDS: usize = 2;

/// How much the name of a kind of goods counts where the rules are asked.
const GOODS_SHARE: f32 = 0.3;

/// A message that is about a product says at least this share of itself with its name.
const ABOUT_PRODUCT: f32 = 0.3;

impl Turn<'_> {
    pub(super) fn question(&mut self) -> CandidateResponse {
        let earlier = self.earlier();
        let question = Question::read(&self.message, earlier.as_deref());
        let says = |word: &str| word.chars().any(char::is_alphabetic);
        if !question.terms.iter().any(|(term, _)| says(&term.word)) {
            return CandidateResponse::template("empty", ResponseTemplate::SayMore, &self.language);
        }
        let knowledge = self.knowledge;
        let named = self
            .stages
            .run("products", || knowledge.named_products(&question));
        if let Some(draft) = self.aggregate() {
            return draft;
        }
        if let Some(draft) = self.find_products(product_search::ProductIntent::Propose) {
            return draft;
        }
        if let Some(draft) = self.product_fact(&named, earlier.as_deref()) {
            return draft;
        }
        let index = self.knowledge.index.clone();
        let of_rules = self.of_rules(&question);
        // What the shop stands by comes before what an agent once said.
        self.near = self.meaning(earlier.as_deref());
        let threshold = self.calibration().threshold;
        let mut scored = self.score(&index, &of_rules, |source| {
            source.kind == SourceKind::Document
        });
        if scored
            .first()
            .is_none_or(|best| best.probability < threshold)
        {
            scored = self.score(&index, &question, |_| true);
        }
        let mut index = index;
        if let Some((products, found)) = self.product_description(&named, &question)
            && found.first().map(|best| best.probability)
                > scored.first().map(|best| best.probability)
        {
            // Whether there is such a thing, no sentence about one says.
            if let Some(draft) = self.find_products(product_search::ProductIntent::Have) {
                return draft;
            }
            (index, scored) = (products, found);
        }
        if let Some(chosen) = self.remotely_reranked(&index, &scored) {
            return match chosen.as_slice() {
                [] => self.declined(0.0),
                places => {
                    let source = scored[places[0]].candidate.source;
                    let same = scored
                        .iter()
                        .enumerate()
                        .filter(|(place, one)| {
                            places.contains(place) && one.candidate.source == source
                        })
                        .map(|(_, one)| Scored {
                            candidate: one.candidate.clone(),
                            probability: 1.0,
                        });
                    let same: Vec<Scored> = same.collect();
                    self.quotes(&index, &question, &same, threshold)
                }
            };
        }
        match scored.first() {
            Some(best) if best.probability >= threshold => {
                self.quotes(&index, &question, &scored, threshold)
            }
            best => {
                let probability = best.map_or(0.0, |best| best.probability);
                self.find_products(product_search::ProductIntent::Have)
                    .or_else(|| self.answered_in_part(threshold))
                    .unwrap_or_else(|| self.declined(probability))
            }
        }
    }

    /// The question as the rules are asked it: "Can I return a lamp?" is for
    /// texts that speak of no lamps.
    fn of_rules(&self, question: &Question) -> Question {
        let is_kind = |term: &Term| self.knowledge.catalogue_terms.is_kind(&term.word);
        question.clone().lightened(GOODS_SHARE, is_kind)
    }

    /// A message of several sentences may hold a question between others that
    /// no source speaks of: each is asked by itself, and the best is answered.
    fn answered_in_part(&mut self, threshold: f64) -> Option<CandidateResponse> {
        let parts = questions_in(&self.message);
        if parts.len() < 2 {
            return None;
        }
        // What the encoder said was about the whole message.
        self.near = None;
        let index = self.knowledge.index.clone();
        let whole = self.message.clone();
        let mut best: Option<(f64, Question, Vec<Scored>)> = None;
        for part in parts {
            let question = Question::read(&part, None);
            self.message = part;
            self.near = self.meaning(None);
            let of_rules = self.of_rules(&question);
            let scored = self.score(&index, &of_rules, |source| {
                source.kind == SourceKind::Document
            });
            let probability = scored.first().map_or(0.0, |one| one.probability);
            let better = best.as_ref().is_none_or(|(most, ..)| probability > *most);
            if probability >= threshold && better {
                best = Some((probability, question, scored));
            }
        }
        self.message = whole;
        let (_, question, scored) = best?;
        Some(self.quotes(&index, &question, &scored, threshold))
    }

    /// How near the question's meaning is to each unit, where the shop has an
    /// encoder.
    fn meaning(&mut self, earlier: Option<&str>) -> Option<Similarity> {
        let Some(meaning) = self.knowledge.meaning.clone() else {
            self.stages.skip("meaning");
            return None;
        };
        let asked = match earlier {
            Some(earlier) => format!("{earlier} {}", self.message),
            None => self.message.clone(),
        };
        self.stages
            .try_run("meaning", || Similarity::of(meaning, &asked))
    }

    /// A count or the cheapest of the catalogue, by a query over its records.
    fn aggregate(&mut self) -> Option<CandidateResponse> {
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

    pub(super) fn calibration(&self) -> Calibration {
        if self.near.is_some() {
            return Calibration::with_encoder();
        }
        self.model
            .map_or_else(Calibration::default, |model| model.calibration.clone())
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
        let of_shop = self.near.take();
        let scored = self.score(&index, question, |_| true);
        self.near = of_shop;
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
