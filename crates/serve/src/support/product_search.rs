//! What a customer would like to buy: "do you have blue lamps", "recommend a
//! gift under 50", "有蓝色的台灯吗". The shop's own search finds it, and each
//! product is told with its price and its state, read from its record.

use locale::Locale;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::OnceLock;

use corpus::contains_han;
use corpus::search::Gazetteer;
use corpus::search::constraints::{QueryConstraint, parse_constraints};
use corpus::support::terms;
use serde_json::json;
use shop::{Filter, Id, Product, Role};
use store::Snapshot;

use super::ToolRun;
use super::catalogue::{self, CatalogueView, subject, without_asking};
use super::catalogue_terms::{things_of, words_of};
use super::cues::follows_up;
use super::dialogue_act::DialogueAct;
use super::grounding::{Reference, Statement};
use super::pipeline::{CandidateResponse, Turn};
use super::question::MOST_EARLIER;
use super::response_templates::{FactTemplate, ResponseTemplate};
use crate::recommend::{RecommendRequest, recommend};
use crate::search::{Distinct, SearchRequest, search};

/// So many products are told of.
const TOLD: usize = 3;
/// So many are shown to a language model, which tells of fewer.
const TOLD_TO_MODEL: usize = 6;
/// So many are looked at.
const LOOKED_AT: usize = 30;

/// Words that say how something is wanted and not what.
const MANNER: &[&str] = &[
    "recommend",
    "recommendation",
    "suggest",
    "suggestion",
    "look",
    "search",
    "find",
    "buy",
    "want",
    "need",
    "like",
    "gift",
    "present",
    "something",
    "anything",
    "good",
    "nice",
    "best",
    "great",
    "new",
    "推荐",
    "想买",
    "帮",
    "找",
    "看看",
    "礼物",
    "送礼",
    "送人",
    "适合",
    "东西",
    "一款",
    "一个",
    "好",
    "没有",
    "卖",
];

/// What was found, and whether it is all that was asked for.
struct Found {
    products: Vec<Id>,
    exact: bool,
    /// Whether the shop files them under the very thing.
    is_kind: bool,
    tool: &'static str,
}

impl Found {
    /// Without what was shown, where there is anything else.
    fn others_than(mut self, shown: &[Id]) -> Self {
        if self.products.iter().any(|id| !shown.contains(id)) {
            self.products.retain(|id| !shown.contains(id));
        }
        self
    }
}

impl Turn<'_> {
    /// Products for a message that asks to see some; what the shop's texts
    /// answer where they speak of it and the shelves hold none.
    pub(super) fn browse(&mut self) -> CandidateResponse {
        if let Some(counted) = self.aggregate() {
            return counted;
        }
        match self.find_products() {
            Some(found) => found,
            None => self.question(),
        }
    }

    /// The cheapest or dearest of what was shown, or what was shown in another
    /// colour, where the message asks for that and names nothing else.
    pub(super) fn of_shown(&self) -> Option<CandidateResponse> {
        let lower = self.message.to_lowercase();
        let shown = self.shown();
        let own = subject(&lower);
        let found: Vec<Id> = match self.extreme_of(&shown, &lower) {
            Some(id) if things(&own).is_empty() => vec![id],
            _ => self.coloured(&shown),
        };
        (!found.is_empty()).then(|| self.listed(&found, true, &own, "shown"))
    }

    /// Products that search or recommendation finds for the message; `None`
    /// where it asks for none, or for nothing that the shop has.
    pub(super) fn find_products(&mut self) -> Option<CandidateResponse> {
        let said = without_asking(&self.message.to_lowercase());
        let wanted = Wanted::read(&said, self.snapshot);
        if self.is_about_the_shop(&said, &wanted) {
            return None;
        }
        let shown = self.shown();
        let before = (follows_up(&self.message) || !shown.is_empty())
            .then(|| self.browsed_before())
            .flatten();
        let mut found = match before {
            // "And kettles?" is about something else, "something more elegant"
            // about one of those.
            Some(about) => {
                let other = self.searched(&wanted).filter(|found| found.is_kind);
                let both = Wanted::read(&format!("{said} {about}"), self.snapshot);
                let found = other.or_else(|| self.searched(&both));
                let nearest = || {
                    let found = self.searched(&Wanted::read(&about, self.snapshot))?;
                    Some(Found {
                        exact: false,
                        ..found
                    })
                };
                found.or_else(nearest)?.others_than(&shown)
            }
            None if wanted.head.is_empty() => self.recommended(&wanted)?,
            None => self.searched(&wanted)?,
        };
        found.products.truncate(TOLD);
        (!found.products.is_empty())
            .then(|| self.listed(&found.products, found.exact, said.trim(), found.tool))
    }

    /// Products with their prices, as found or as nearest to what was asked for.
    fn listed(&self, products: &[Id], exact: bool, said: &str, tool: &str) -> CandidateResponse {
        let lead = if exact {
            ResponseTemplate::Found
        } else {
            ResponseTemplate::Nearest
        };
        let told = products.iter().take(TOLD).filter_map(|id| self.told(id));
        let mut lines: Vec<Statement> = told.collect();
        lines.insert(0, Statement::template(lead, &self.language));
        CandidateResponse {
            statements: lines,
            actions: vec![ToolRun {
                tool: tool.to_owned(),
                arguments: json!({"query": said, "limit": TOLD}),
                result: json!({"products": products, "exact": exact}),
            }],
            confidence: 1.0,
            route: "products",
            ..CandidateResponse::default()
        }
    }

    /// Whether what is asked for is no thing on the shelves but one that shops
    /// have rules for: "are there any discounts?", "有发票吗".
    fn is_about_the_shop(&self, said: &str, wanted: &Wanted) -> bool {
        let mut terms = terms(said).into_iter();
        let head = terms.find(|term| term.word == wanted.head);
        head.is_some_and(|head| {
            let found = self.knowledge.catalogue_terms.find(&[head.word], None);
            found.is_empty()
                && (head.concept.is_some() || self.knowledge.index.speaks_of(&wanted.head))
        })
    }

    /// The catalogue as it is now with the words of a moment ago.
    pub(super) fn catalogue_view(&self) -> CatalogueView<'_> {
        (&self.knowledge.catalogue_terms, self.snapshot)
    }

    /// What the customer said before, the newest first.
    pub(super) fn asked_before(&self) -> Vec<&str> {
        let turns = self.request.conversation.iter().rev();
        let said = turns.filter(|(role, _)| *role == Role::Customer);
        said.map(|(_, text)| text.as_str())
            .take(MOST_EARLIER)
            .collect()
    }

    /// What the customer last asked to see, in their words.
    fn browsed_before(&self) -> Option<String> {
        let before = self.asked_before();
        let heard = self.heard(&before);
        let mut asked = before.iter().zip(heard).filter(|(text, heard)| {
            let counts = || catalogue::read(text, &[], self.catalogue_view()).is_some();
            heard.act == DialogueAct::Browse || counts()
        });
        asked.find_map(|(text, _)| {
            let about = without_asking(&text.to_lowercase());
            (!things(&about).is_empty()).then(|| about.trim().to_owned())
        })
    }

    pub(super) fn told(&self, id: &Id) -> Option<Statement> {
        let title = Reference::ProductTitle(id.clone());
        let price = Reference::ProductPrice(id.clone());
        let state = Reference::ProductAvailability(id.clone());
        let (snapshot, language) = (self.snapshot, &self.language);
        let priced = vec![title.clone(), price, state.clone()];
        Statement::facts(FactTemplate::Listed, priced, snapshot, language).or_else(|| {
            let unpriced = vec![title, state];
            Statement::facts(
                FactTemplate::ProductAvailability,
                unpriced,
                snapshot,
                language,
            )
        })
    }

    /// What the shop's own search finds within a price, or recommends where
    /// nothing is named.
    pub(super) fn search_products(
        &mut self,
        query: &str,
        (least, most): (Option<f64>, Option<f64>),
        sort: &str,
    ) -> Vec<Id> {
        let mut wanted = Wanted::read("", self.snapshot);
        let minor = |amount: f64| self.in_minor_units(amount);
        (wanted.least, wanted.most) = (least.and_then(minor), most.and_then(minor));
        if query.is_empty() {
            return self
                .recommended(&wanted)
                .map_or_else(Vec::new, |found| found.products);
        }
        let Some((index, model)) = self.beside.search else {
            return Vec::new();
        };
        let request = SearchRequest {
            sort: sort.parse().unwrap_or_default(),
            ..self.search_request(query, TOLD_TO_MODEL, &wanted)
        };
        let context = self.context;
        let results = self
            .stages
            .try_run("search", || search(context, index, model, &request).ok());
        let hits = results.into_iter().flat_map(|found| found.content.hits);
        hits.map(|hit| hit.product.id.clone()).collect()
    }

    fn search_request(&self, query: &str, limit: usize, wanted: &Wanted) -> SearchRequest {
        SearchRequest {
            q: query.to_owned(),
            limit,
            filter: wanted.filter(),
            language: Some(self.language.clone()),
            customer: self.request.customer.clone(),
            session: self.request.session.clone(),
            distinct: Some(Distinct::GroupId),
            ..SearchRequest::default()
        }
    }

    /// An amount in the unit that people name, in the shop's minor units.
    fn in_minor_units(&self, amount: f64) -> Option<i64> {
        let mut products = self.snapshot.catalogue.iter();
        let price = products.find_map(|(_, product)| product.price)?;
        let scale = 10_f64.powi(price.currency.exponent().cast_signed());
        let minor = (amount * scale).round();
        (minor.is_finite() && minor.abs() < 1e15).then_some(minor as i64)
    }

    /// What search finds that is the thing asked for, with as many of its other
    /// words as any.
    fn searched(&mut self, wanted: &Wanted) -> Option<Found> {
        let (index, model) = self.beside.search.filter(|_| !wanted.head.is_empty())?;
        let request = self.search_request(&wanted.said, LOOKED_AT, wanted);
        let context = self.context;
        let results = self
            .stages
            .try_run("search", || search(context, index, model, &request).ok())?;
        let hits = results.content.hits.iter().map(|hit| &*hit.product);
        let fitting = hits.filter(|product| wanted.affords(product));
        let mut ranked: Vec<(bool, usize, &Product)> = fitting
            .filter_map(|product| {
                let own = words_of(product);
                let held = wanted.words.iter().filter(|word| own.contains(*word));
                let named = own.contains(&wanted.head);
                named.then(|| {
                    (
                        things_of(product).contains(&wanted.head),
                        held.count(),
                        product,
                    )
                })
            })
            .collect();
        // The order of search stays where they say as much.
        ranked.sort_by_key(|(is_kind, held, _)| Reverse((*is_kind, *held)));
        let (is_kind, held, _) = *ranked.first()?;
        let best = ranked
            .iter()
            .filter(|one| (one.0, one.1) == (is_kind, held));
        Some(Found {
            products: best.map(|(_, _, one)| one.id.clone()).collect(),
            exact: held == wanted.words.len(),
            is_kind,
            tool: "search",
        })
    }

    /// What the shop recommends to whoever asks, within the price that is named.
    fn recommended(&mut self, wanted: &Wanted) -> Option<Found> {
        let (context, model) = (self.context, self.beside.recommend);
        let request = RecommendRequest {
            customer: self.request.customer.clone(),
            session: self.request.session.clone(),
            limit: LOOKED_AT,
            ..RecommendRequest::default()
        };
        let found = self
            .stages
            .try_run("recommend", || recommend(context, model, &request).ok())?;
        let fits = |id: &&Id| {
            let product = context.snapshot.catalogue.by_id(id);
            product.is_some_and(|product| wanted.affords(product))
        };
        let products = found.content.items.iter().map(|item| &item.id);
        let mut products: Vec<Id> = products.filter(fits).cloned().collect();
        // What is named in the language that is spoken comes first.
        let is_chinese = contains_han(Locale::or_english(&self.language).language_name);
        products.sort_by_key(|id| {
            let product = context.snapshot.catalogue.by_id(id);
            product.is_some_and(|one| contains_han(&one.title) != is_chinese)
        });
        Some(Found {
            products,
            exact: true,
            is_kind: false,
            tool: "recommend",
        })
    }
}

/// What is wanted, as it was said and as words that a product may hold.
struct Wanted {
    said: String,
    words: BTreeSet<String>,
    /// What kind of thing it is: the last word, in English before "for my
    /// desk" and the like. Empty when any thing will do.
    head: String,
    /// In minor units.
    least: Option<i64>,
    most: Option<i64>,
}

/// What follows one of these says more of the thing before it.
const MORE: &[&str] = &[
    " for ",
    " with ",
    " without ",
    " in ",
    " from ",
    " to ",
    " that ",
    " which ",
    " made ",
    " of ",
];

impl Wanted {
    fn read(said: &str, snapshot: &Snapshot) -> Self {
        // Some products tell what a unit of the shop's money is.
        let some = snapshot.catalogue.iter().take(LOOKED_AT);
        let some: Vec<&Product> = some.map(|(_, product)| &**product).collect();
        let understood = parse_constraints(&Gazetteer::of(&some), said);
        let price = understood.constraints.iter().find_map(|one| match one {
            QueryConstraint::Price { min, max, .. } => Some((*min, *max)),
            _ => None,
        });
        let (least, most) = price.unwrap_or_default();
        let end = MORE.iter().filter_map(|word| understood.words.find(word));
        let thing = &understood.words[..end.min().unwrap_or(understood.words.len())];
        let head = things(thing).pop().unwrap_or_default();
        let words = match head.as_str() {
            "" => BTreeSet::new(),
            _ => things(&understood.words).into_iter().collect(),
        };
        Self {
            words,
            said: understood
                .words
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" "),
            head,
            least,
            most,
        }
    }

    fn filter(&self) -> Filter {
        let bound = |sign: &str, amount: Option<i64>| Some(format!("price {sign} {}", amount?));
        let bounds = [bound(">=", self.least), bound("<=", self.most)];
        let text: Vec<String> = bounds.into_iter().flatten().collect();
        text.join(" AND ").parse().unwrap_or_default()
    }

    fn affords(&self, product: &Product) -> bool {
        let within = |amount: i64| {
            self.least.is_none_or(|least| amount >= least)
                && self.most.is_none_or(|most| amount <= most)
        };
        let free = self.least.is_none() && self.most.is_none();
        let price = product.price.map(|price| price.amount);
        product.availability.can_be_ordered() && price.map_or(free, within)
    }
}

/// The stems of the words that name things and their properties.
fn things(text: &str) -> Vec<String> {
    let words = terms(text).into_iter();
    let words = words.filter(|term| term.content && !manner().contains(&term.word));
    words.map(|term| term.word).collect()
}

/// The stems of [`MANNER`].
fn manner() -> &'static BTreeSet<String> {
    static STEMS: OnceLock<BTreeSet<String>> = OnceLock::new();
    STEMS.get_or_init(|| {
        let words = MANNER.iter().flat_map(|word| terms(word));
        words.map(|term| term.word).collect()
    })
}
