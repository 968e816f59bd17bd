use std::collections::BTreeSet;
use std::ops::ControlFlow;

use corpus::support::{CANDIDATES, Calibration, Candidate, Index, Question, Source, SourceKind};
use serde_json::json;
use shop::{Id, ModelVersion, Role, Service};
use store::Snapshot;

use super::catalogue::{self, Aggregate};
use super::chooser::{Chooser, SHOWN};
use super::grounding::{Reference, Said, Support, is_supported};
use super::knowledge::{NamedProduct, product_source};
use super::phrases::{FactPhrase, Phrase};
use super::route::{Route, follows_up, route};
use super::tools::{
    Asked, asked_facts, find_orders, hand_over, order_facts, order_status, product_facts,
};
use super::{
    Citation, Knowledge, Model, Proposal, Reply, Stream, SupportEvent, SupportRequest, ToolRun,
};
use crate::{Context, Decision, ServeError, Stages};

/// The longest message that is read, in characters; the rest is cut off.
const LONGEST_MESSAGE: usize = 2_000;
/// The most units in one answer.
const MOST_QUOTES: usize = 3;
/// A further unit must be at least this likely beside the best.
const FURTHER_SHARE: f64 = 0.5;
/// The longest answer, in bytes, before a further unit is added.
const LONGEST_ANSWER_BYTES: usize = 700;
/// A source in another language than the question counts this much.
const OTHER_LANGUAGE: f64 = 0.85;
/// A source with a thumb down in this conversation counts this much.
const DISLIKED: f64 = 0.4;
/// How many of a customer's orders are told about when no number is given.
const ORDERS_TOLD: usize = 3;
/// A message that is about a product says at least this share of itself with its name.
const ABOUT_PRODUCT: f32 = 0.3;

/// Answers a message. `emit` hears the answer while it is made; when it
/// breaks, the rest is not sent, and the decision is still returned.
pub fn answer(
    context: &Context<'_>,
    knowledge: &Knowledge,
    model: Option<&Model>,
    request: &SupportRequest,
    emit: &mut dyn FnMut(SupportEvent) -> ControlFlow<()>,
) -> Result<Decision<Reply>, ServeError> {
    answer_with(context, knowledge, model, None, request, emit)
}

/// As [`answer`], with a larger model that chooses among what was found.
pub fn answer_with(
    context: &Context<'_>,
    knowledge: &Knowledge,
    model: Option<&Model>,
    chooser: Option<&dyn Chooser>,
    request: &SupportRequest,
    emit: &mut dyn FnMut(SupportEvent) -> ControlFlow<()>,
) -> Result<Decision<Reply>, ServeError> {
    let message: String = request.message.chars().take(LONGEST_MESSAGE).collect();
    let mut turn = Turn {
        snapshot: context.snapshot,
        context,
        knowledge,
        model,
        chooser,
        request,
        language: language_of(request, &message, context.snapshot),
        message,
        stages: Stages::default(),
        used_model: false,
    };
    let snapshot = context.snapshot;
    let way = turn.stages.run("route", || {
        route(&turn.message, !snapshot.orders.is_empty())
    });
    let mut stream = Stream::new(emit);
    let draft = turn.draft(&way);
    let reply = turn.deliver(draft, &mut stream);
    let version = snapshot.serving.get(&Service::Support);
    let models = match (turn.used_model, version) {
        (true, Some(version)) => vec![ModelVersion {
            service: Service::Support,
            version: version.clone(),
        }],
        _ => Vec::new(),
    };
    Ok(Decision {
        decision_id: context.decision_id.clone(),
        content: reply,
        models,
        stages: turn.stages.into_vec(),
        propensity: None,
    })
}

/// The language to answer in: as asked for, else that of the message, of
/// what the customer said before, of their profile, else English.
fn language_of(request: &SupportRequest, message: &str, snapshot: &Snapshot) -> String {
    let before = || {
        let turns = request.conversation.iter().rev();
        turns
            .filter(|(role, _)| *role == Role::Customer)
            .find_map(|(_, text)| corpus::detect_language(text))
    };
    let profile = || {
        let customer = snapshot.customers.get(request.customer.as_ref()?)?;
        customer.language.clone()
    };
    request
        .language
        .clone()
        .or_else(|| corpus::detect_language(message).map(str::to_owned))
        .or_else(|| before().map(str::to_owned))
        .or_else(profile)
        .unwrap_or_else(|| "en".to_owned())
}

/// An answer before the checker has seen it.
#[derive(Default)]
pub(super) struct Draft {
    pub said: Vec<Said>,
    pub actions: Vec<ToolRun>,
    pub proposals: Vec<Proposal>,
    pub handoff: Option<super::HandOver>,
    pub abstained: bool,
    pub confidence: f64,
    pub route: &'static str,
}

impl Draft {
    pub(super) fn phrase(route: &'static str, phrase: Phrase, language: &str) -> Self {
        Self {
            said: vec![Said::phrase(phrase, language)],
            confidence: 1.0,
            route,
            ..Self::default()
        }
    }
}

/// A unit with the probability that it answers.
struct Scored {
    candidate: Candidate,
    probability: f64,
}

pub(super) struct Turn<'a> {
    pub snapshot: &'a Snapshot,
    pub context: &'a Context<'a>,
    pub knowledge: &'a Knowledge,
    pub model: Option<&'a Model>,
    pub chooser: Option<&'a dyn Chooser>,
    pub request: &'a SupportRequest,
    pub language: String,
    pub message: String,
    pub stages: Stages,
    used_model: bool,
}

impl Turn<'_> {
    fn draft(&mut self, way: &Route) -> Draft {
        let phrase = |phrase| Draft::phrase(way.name(), phrase, &self.language);
        match way {
            Route::Empty => phrase(Phrase::SayMore),
            Route::Greeting => phrase(Phrase::Greeting),
            Route::Thanks => phrase(Phrase::Welcome),
            Route::Person(reason) => {
                let mut draft = phrase(Phrase::HandedOver);
                draft.handoff = Some(hand_over(self.request, reason));
                draft
            }
            Route::Orders(numbers) => match self.deeds(true) {
                Some(draft) => draft,
                None => self.orders(numbers),
            },
            Route::Question => match self.deeds(false) {
                Some(draft) => draft,
                None => self.question(),
            },
        }
    }

    fn orders(&mut self, numbers: &[String]) -> Draft {
        let language = self.language.clone();
        let Some(customer) = &self.request.customer else {
            return Draft::phrase("orders", Phrase::SignIn, &language);
        };
        let snapshot = self.snapshot;
        let mut draft = Draft {
            confidence: 1.0,
            route: "orders",
            ..Draft::default()
        };
        let (tool, orders) = self.stages.run("order_tool", || match numbers {
            [] => ("find_orders", find_orders(snapshot, customer, ORDERS_TOLD)),
            numbers => {
                let found = numbers
                    .iter()
                    .filter_map(|number| order_status(snapshot, customer, number));
                ("order_status", found.take(ORDERS_TOLD).collect())
            }
        });
        draft.actions.push(ToolRun {
            tool: tool.to_owned(),
            arguments: json!({ "numbers": numbers }),
            result: json!({ "orders": orders.iter().map(|order| &order.id).collect::<Vec<_>>() }),
        });
        if orders.is_empty() {
            let phrase = if numbers.is_empty() {
                Phrase::NoOrders
            } else {
                Phrase::OrderNotFound
            };
            draft.said.push(Said::phrase(phrase, &language));
            return draft;
        }
        // Of one order everything is told, of several only how they stand.
        let each = if orders.len() == 1 { usize::MAX } else { 2 };
        for order in orders {
            draft.said.extend(
                order_facts(order, snapshot, &language)
                    .into_iter()
                    .take(each),
            );
        }
        draft
    }

    pub(super) fn question(&mut self) -> Draft {
        let earlier = self.earlier();
        let question = Question::read(&self.message, earlier.as_deref());
        let knowledge = self.knowledge;
        let named = self
            .stages
            .run("products", || knowledge.named_products(&question));
        if let Some(draft) = self.aggregate() {
            return draft;
        }
        if let Some(draft) = self.product_fact(&named, earlier.as_deref()) {
            return draft;
        }
        let index = self.knowledge.index.clone();
        let threshold = self.calibration().threshold;
        // What the shop stands by comes before what an agent once said.
        let mut scored = self.score(&index, &question, |source| {
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
            (index, scored) = (products, found);
        }
        if let Some(chosen) = self.chosen_elsewhere(&index, &scored) {
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
                    self.quotes(&index, &same, threshold)
                }
            };
        }
        match scored.first() {
            Some(best) if best.probability >= threshold => self.quotes(&index, &scored, threshold),
            best => self.declined(best.map_or(0.0, |best| best.probability)),
        }
    }

    /// A count or the cheapest of the catalogue, by a query over its records.
    fn aggregate(&mut self) -> Option<Draft> {
        let snapshot = self.snapshot;
        let (aggregate, selection) = catalogue::read(&self.message, snapshot)?;
        let arguments = json!({
            "words": selection.words, "in_stock": selection.in_stock,
        });
        let (phrase, references, result) = match aggregate {
            Aggregate::Count => {
                let counted = Reference::CatalogueCount(selection);
                (FactPhrase::Counted, vec![counted], json!("counted"))
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
                (FactPhrase::Listed, references, json!({"product": id}))
            }
        };
        let said = Said::facts(phrase, references, snapshot, &self.language)?;
        Some(Draft {
            said: vec![said],
            actions: vec![ToolRun {
                tool: "catalogue_query".to_owned(),
                arguments,
                result,
            }],
            confidence: 1.0,
            route: "catalogue",
            ..Draft::default()
        })
    }

    /// What the customer asked before, when this message hangs on it.
    pub(super) fn earlier(&self) -> Option<String> {
        if !follows_up(&self.message) {
            return None;
        }
        let turns = self.request.conversation.iter().rev();
        let text = turns
            .filter(|(role, _)| *role == Role::Customer)
            .map(|(_, text)| text)
            .next()?;
        Some(text.chars().take(LONGEST_MESSAGE).collect())
    }

    fn calibration(&self) -> Calibration {
        self.model
            .map_or_else(Calibration::default, |model| model.calibration.clone())
    }

    /// Price, stock or an attribute of a product that the message names.
    fn product_fact(&mut self, named: &[NamedProduct], earlier: Option<&str>) -> Option<Draft> {
        let best = named
            .first()
            .filter(|best| best.of_message >= ABOUT_PRODUCT)?;
        let lower = self.message.to_lowercase();
        let alike = named
            .iter()
            .filter(|other| other.share * other.of_message >= 0.95 * best.share * best.of_message);
        let product = alike
            .filter_map(|other| self.snapshot.catalogue.get(other.product))
            // Of variants, the one whose colour or size is named.
            .max_by_key(|product| {
                let values = product
                    .attributes
                    .values()
                    .filter_map(|value| value.as_str());
                let spoken = values
                    .filter(|value| lower.contains(&value.to_lowercase()))
                    .count();
                (spoken, std::cmp::Reverse(product.id.clone()))
            })?;
        let mut asked: Vec<Asked> = asked_facts(&self.message, product);
        if let (true, Some(earlier)) = (asked.is_empty(), earlier) {
            asked = asked_facts(earlier, product);
        }
        let said = product_facts(&product.id, &asked, self.snapshot, &self.language);
        if said.is_empty() {
            return None;
        }
        let result = json!({ "product": product.id });
        Some(Draft {
            said,
            actions: vec![ToolRun {
                tool: "product_facts".to_owned(),
                arguments: json!({ "message": self.message }),
                result,
            }],
            confidence: f64::from(best.share.min(1.0)),
            route: "product",
            ..Draft::default()
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
        let scored = self.score(&index, question, |_| true);
        (!scored.is_empty()).then_some((index, scored))
    }

    /// Retrieves, lets the language model look at the best, and orders them
    /// by the probability that they answer.
    fn score(
        &mut self,
        index: &Index,
        question: &Question,
        keep: impl Fn(&Source) -> bool,
    ) -> Vec<Scored> {
        let mut found = self.stages.run("retrieve", || {
            index.retrieve_among(question, CANDIDATES, |_, source| keep(source))
        });
        match self.model {
            Some(model) if !found.is_empty() && model.calibration.uses_model() => {
                self.used_model = true;
                let message = &self.message;
                self.stages.run("language_model", || {
                    let units: Vec<&str> = found
                        .iter()
                        .map(|candidate| index.text_of(candidate.source, candidate.unit))
                        .collect();
                    let lifts = model.lifts(message, &units);
                    for (candidate, lift) in found.iter_mut().zip(lifts) {
                        candidate.features.set_model(lift);
                    }
                });
            }
            _ => self.stages.skip("language_model"),
        }
        let calibration = self.calibration();
        let disliked = self.disliked();
        let mut scored: Vec<Scored> = found
            .into_iter()
            .map(|candidate| {
                let source = &index.sources()[candidate.source];
                let mut probability = calibration.probability(&candidate.features);
                if source
                    .language
                    .as_ref()
                    .is_some_and(|language| *language != self.language)
                {
                    probability *= OTHER_LANGUAGE;
                }
                if disliked.contains(&source.citation()) {
                    probability *= DISLIKED;
                }
                Scored {
                    candidate,
                    probability,
                }
            })
            .collect();
        scored.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        scored
    }

    /// What a larger model chose among the best; `None` when there is none, or
    /// it failed, which the stages show.
    fn chosen_elsewhere(&mut self, index: &Index, scored: &[Scored]) -> Option<Vec<usize>> {
        let chooser = self.chooser.filter(|_| !scored.is_empty())?;
        let sentences: Vec<&str> = scored
            .iter()
            .take(SHOWN)
            .map(|one| index.text_of(one.candidate.source, one.candidate.unit))
            .collect();
        let message = &self.message;
        self.stages.try_run("backend", || {
            match chooser.choose(message, &sentences) {
                // A number that was not shown is no choice.
                Ok(places) if places.iter().all(|place| *place < sentences.len()) => Some(places),
                Ok(_) => None,
                Err(reason) => {
                    tracing::warn!(
                        reason,
                        "the backend did not answer; the local model goes on"
                    );
                    None
                }
            }
        })
    }

    /// Sources of earlier answers of this conversation that got a thumb down.
    fn disliked(&self) -> BTreeSet<String> {
        let down = |id: &&Id| self.snapshot.thumbs.get(*id).is_some_and(|sum| *sum < 0);
        self.request
            .decisions
            .iter()
            .filter(down)
            .filter_map(|id| self.snapshot.decisions.get(id))
            .flat_map(|decision| {
                decision.explanation["citations"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default()
            })
            .filter_map(|citation| citation["source"].as_str().map(str::to_owned))
            .collect()
    }

    /// The best unit and others of its source that answer as well, in the
    /// source's order.
    fn quotes(&self, index: &Index, scored: &[Scored], threshold: f64) -> Draft {
        let best = &scored[0];
        let mut chosen = vec![&best.candidate];
        let mut bytes = index
            .text_of(best.candidate.source, best.candidate.unit)
            .len();
        for further in &scored[1..] {
            let place = &further.candidate;
            let length = index.text_of(place.source, place.unit).len();
            let fits = chosen.len() < MOST_QUOTES && bytes + length <= LONGEST_ANSWER_BYTES;
            let likely = further.probability >= threshold.min(best.probability * FURTHER_SHARE);
            if place.source == best.candidate.source && fits && likely {
                bytes += length;
                chosen.push(place);
            }
        }
        chosen.sort_by_key(|place| place.unit);
        let source = &index.sources()[best.candidate.source];
        let mut said = Vec::new();
        if source
            .language
            .as_ref()
            .is_some_and(|language| *language != self.language)
        {
            said.push(Said::phrase(Phrase::OriginalLanguage, &self.language));
        }
        for place in chosen {
            let unit = &index.units_of(place.source)[place.unit];
            let quote = index.text_of(place.source, place.unit);
            let start = source.text[..unit.start].chars().count();
            said.push(Said {
                text: quote.to_owned(),
                support: Support::Quote(Citation {
                    source: source.citation(),
                    title: source.title.clone(),
                    url: source.url.clone(),
                    quote: quote.to_owned(),
                    start,
                    end: start + quote.chars().count(),
                }),
            });
        }
        Draft {
            said,
            confidence: best.probability,
            route: "question",
            ..Draft::default()
        }
    }

    fn declined(&self, confidence: f64) -> Draft {
        Draft {
            said: vec![
                Said::phrase(Phrase::Declined, &self.language),
                Said::phrase(Phrase::OfferPerson, &self.language),
            ],
            abstained: true,
            confidence,
            route: "question",
            ..Draft::default()
        }
    }

    /// The checker stands at the door: nothing unsupported is sent.
    fn deliver(&mut self, draft: Draft, stream: &mut Stream<'_>) -> Reply {
        let (snapshot, knowledge, language) = (self.snapshot, self.knowledge, &self.language);
        let before = draft.said.len();
        let mut said: Vec<Said> = self.stages.run("check", || {
            let supported = |said: &Said| is_supported(said, knowledge, snapshot, language);
            draft.said.into_iter().filter(supported).collect()
        });
        let refused = before - said.len();
        let mut abstained = draft.abstained;
        if said.is_empty() {
            abstained = true;
            said.push(Said::phrase(Phrase::Declined, language));
            said.push(Said::phrase(Phrase::OfferPerson, language));
        }
        if self.request.conversation.is_empty() {
            said.insert(0, Said::phrase(Phrase::Disclosure, language));
        }
        for action in &draft.actions {
            stream.send(SupportEvent::Action(action.clone()));
        }
        for proposal in &draft.proposals {
            stream.send(SupportEvent::Proposal(Box::new(proposal.clone())));
        }
        let mut text = String::new();
        let mut citations: Vec<Citation> = Vec::new();
        for part in &said {
            let joint = joint(&text, &part.text, language);
            text.push_str(joint);
            text.push_str(&part.text);
            stream.say(&format!("{joint}{}", part.text));
            if let Some(citation) = part.citation() {
                stream.send(SupportEvent::Citation(citation.clone()));
                citations.push(citation);
            }
        }
        let handoff = draft.handoff.is_some();
        let handoff_reason = draft.handoff.as_ref().map(|one| one.reason.clone());
        if let Some(handoff) = draft.handoff {
            stream.send(SupportEvent::Handoff(handoff));
        }
        stream.send(SupportEvent::Done);
        Reply {
            text,
            language: language.clone(),
            citations,
            actions: draft.actions,
            proposals: draft.proposals,
            handoff,
            handoff_reason,
            abstained,
            confidence: draft.confidence,
            route: draft.route.to_owned(),
            refused,
            said,
        }
    }
}

/// What stands between two parts: a line break around lists, a space
/// elsewhere, nothing between Chinese sentences.
fn joint(before: &str, part: &str, language: &str) -> &'static str {
    let ended = before.ends_with(['.', '!', '?', ':', '。', '！', '？', '：']);
    if before.is_empty() {
        ""
    } else if part.contains('\n') || before.contains('\n') || !ended {
        "\n"
    } else if language == "zh" {
        ""
    } else {
        " "
    }
}
