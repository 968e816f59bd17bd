use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use corpus::recommend::{MAX_HISTORY, TEXT_TRUST};
use locale::Locale;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shop::{EventKind, Id};
use store::ProductIndex;

use super::model::CatalogueView;
use super::person::Person;
use super::rules::{Chosen, Rules};
use super::scenarios::{Shop, Source, mean_of_near, read_history};
use super::similarity::cosine;
use super::{Explanation, RecommendedItem, Scenario};

/// So many products of the history are tried as evidence in one list.
const MAX_TRIED: usize = 4;

/// Why a product is in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// The person bought the product named.
    BecauseYouBought,
    /// The person looked at the product named.
    BecauseYouViewed,
    /// The person put the product named into the cart.
    BecauseYouAddedToCart,
    /// The person's history as a whole, no one product of it.
    YourHistory,
    /// It is often ordered with the product named.
    BoughtTogether,
    /// The same people like the product named.
    AlsoLiked,
    /// It is described like the product named.
    SimilarTo,
    /// It has the narrowest category of the product named.
    SameCategory,
    /// In demand these days.
    Trending,
    /// In demand.
    Popular,
    /// In the catalogue; nobody has shown interest yet.
    InCatalogue,
    /// The person bought it before, and it is usually needed again by now.
    TimeToReplenish,
    /// The shop put it here.
    ChosenByShop,
}

/// A reason, for programs and for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// What kind of reason.
    pub code: ReasonCode,
    /// The product that it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<Id>,
    /// That product's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The reason in the language of the request, English where it named none.
    #[serde(default, alias = "text_en")]
    pub text: String,
}

impl ReasonCode {
    fn text(self, locale: &Locale, title: &str) -> String {
        match self {
            Self::BecauseYouBought => locale.because_you_bought(title),
            Self::BecauseYouViewed => locale.because_you_viewed(title),
            Self::BecauseYouAddedToCart => locale.because_you_added_to_cart(title),
            Self::YourHistory => locale.your_history.to_owned(),
            Self::BoughtTogether => locale.bought_together_with(title),
            Self::AlsoLiked => locale.also_liked(title),
            Self::SimilarTo => locale.similar_to(title),
            Self::SameCategory => locale.same_category(title),
            Self::Trending => locale.in_demand_now.to_owned(),
            Self::Popular => locale.popular_with_others.to_owned(),
            Self::InCatalogue => locale.in_catalogue.to_owned(),
            Self::TimeToReplenish => locale.time_to_replenish.to_owned(),
            Self::ChosenByShop => locale.chosen_by_shop.to_owned(),
        }
    }
}

impl Reason {
    fn of(rules: &Rules<'_>, code: ReasonCode, product: Option<ProductIndex>) -> Self {
        let product = product.and_then(|place| rules.shop.snapshot.catalogue.get(place));
        let title = product.map(|product| product.title.clone());
        let locale = Locale::or_english(rules.request.language.as_deref().unwrap_or_default());
        Self {
            code,
            product: product.map(|product| product.id.clone()),
            text: code.text(locale, title.as_deref().unwrap_or_default()),
            title,
        }
    }

    /// The reason in a language of the reader's.
    pub fn text(&self, locale: &Locale) -> String {
        let title = self.title.as_deref().unwrap_or_default();
        self.code.text(locale, title)
    }
}

/// Adds to each chosen product why it was chosen.
pub(super) fn explain(rules: &Rules<'_>, chosen: Vec<Chosen>) -> Vec<RecommendedItem> {
    let shop = rules.shop;
    let history = shop.view.map_or_else(Vec::new, |view| {
        read_history(view, rules.product, rules.person)
    });
    let shown: Vec<ProductIndex> = chosen
        .iter()
        .filter(|chosen| chosen.source == Source::History)
        .map(|chosen| chosen.place)
        .collect();
    let evidence = Evidence {
        rules,
        shop,
        about: about(rules),
        whole: scores_after(shop, &history, &shown),
        shown,
        history,
        person: rules.person,
        tried: RefCell::default(),
        described: RefCell::default(),
    };
    chosen
        .into_iter()
        .filter_map(|chosen| {
            let id = shop.snapshot.catalogue.get(chosen.place)?.id.clone();
            Some(RecommendedItem {
                id,
                score: chosen.score,
                reasons: vec![evidence.reason(&chosen)],
                explored: chosen.explored,
                explanation: rules.request.explain.then(|| Explanation {
                    tier: chosen.tier.to_owned(),
                    tier_score: chosen.tier_score,
                    popularity: interest(shop, chosen.place),
                }),
            })
        })
        .collect()
}

/// The model's scores of a few products after a history.
fn scores_after(
    shop: &Shop<'_>,
    history: &[(u32, ProductIndex)],
    places: &[ProductIndex],
) -> Vec<f32> {
    let Some(view) = shop.view.filter(|_| !places.is_empty()) else {
        return Vec::new();
    };
    let mut numbers: Vec<u32> = Vec::new();
    for place in places {
        numbers.extend(view.number(*place));
        numbers.extend(
            view.text_neighbours(*place)
                .iter()
                .map(|(number, _)| number),
        );
    }
    numbers.sort_unstable();
    numbers.dedup();
    let history: Vec<u32> = history.iter().map(|(number, _)| *number).collect();
    let next = &view.parts.next;
    let scores = next
        .scorer(&view.parts.item_tables, &history)
        .scores(&numbers);
    let score = |number: u32| Some(scores[numbers.binary_search(&number).ok()?]);
    let of_place = |place: &ProductIndex| {
        let own = view.number(*place).and_then(score);
        let near = view.text_neighbours(*place);
        let by_text = (!near.is_empty()).then(|| TEXT_TRUST * mean_of_near(near, score));
        match (own, by_text) {
            (Some(own), Some(by_text)) => own.max(by_text),
            (own, by_text) => own.or(by_text).unwrap_or_default(),
        }
    };
    places.iter().map(of_place).collect()
}

/// The products that a list is about.
fn about(rules: &Rules<'_>) -> Vec<ProductIndex> {
    let mut about = match rules.request.scenario {
        Scenario::Cart => rules.person.cart(),
        Scenario::ForYou
        | Scenario::Similar
        | Scenario::BoughtTogether
        | Scenario::Trending
        | Scenario::Replenish
        | Scenario::Session => Vec::new(),
    };
    about.extend(rules.product);
    about
}

fn interest(shop: &Shop<'_>, place: ProductIndex) -> f32 {
    let interest = shop.snapshot.popularity.get(&place);
    interest.copied().unwrap_or_default()
}

/// What reasons are drawn from.
struct Evidence<'a> {
    rules: &'a Rules<'a>,
    shop: &'a Shop<'a>,
    about: Vec<ProductIndex>,
    history: Vec<(u32, ProductIndex)>,
    person: &'a Person<'a>,
    /// The products that the model brought into the list.
    shown: Vec<ProductIndex>,
    /// Their scores after the whole history.
    whole: Vec<f32>,
    /// Their scores after a history without one product.
    tried: RefCell<Vec<(ProductIndex, Vec<f32>)>>,
    /// What is described like the products that the list is about, as far as
    /// it was asked for.
    described: RefCell<BTreeMap<ProductIndex, Rc<[u32]>>>,
}

impl Evidence<'_> {
    fn reason(&self, chosen: &Chosen) -> Reason {
        let (code, product) = match chosen.source {
            Source::History => self.by_history(chosen.place),
            Source::Together => self.by_lists(chosen.place),
            Source::Alike => self.by_lists(chosen.place),
            Source::Trend => (ReasonCode::Trending, None),
            Source::RepurchaseInterval => (ReasonCode::TimeToReplenish, Some(chosen.place)),
            Source::Pin => (ReasonCode::ChosenByShop, None),
            Source::Popularity if interest(self.shop, chosen.place) > 0.0 => {
                (ReasonCode::Popular, None)
            }
            Source::Popularity => (ReasonCode::InCatalogue, None),
        };
        Reason::of(self.rules, code, product)
    }

    /// The product of the history that speaks most for this one: by the lists
    /// that took part in its score, by text, by nearness in the decoder. One
    /// without which it would score no less is no reason.
    fn by_history(&self, place: ProductIndex) -> (ReasonCode, Option<ProductIndex>) {
        let whole = (ReasonCode::YourHistory, None);
        let Some(view) = self.shop.view else {
            return whole;
        };
        let near = view.text_neighbours(place);
        let own = view.number(place);
        let similarity = |at: usize, number: u32| {
            let by_lists = own.map_or(0.0, |own| item_item_score(view, number, own, at));
            let by_text = near.iter().find(|(near, _)| *near == number);
            let near_in_decoder = own.map_or(0.0, |own| cosine(view, number, own));
            // What was counted says more than what is near.
            by_lists + by_text.map_or(0.0, |(_, alike)| *alike) + 1e-3 * near_in_decoder
        };
        // The most recent first: of equals the first one is kept.
        let recent = self.history.iter().rev().enumerate();
        let mut likely: Vec<(f32, ProductIndex)> = recent
            .map(|(at, (number, product))| (similarity(at, *number), *product))
            .filter(|(similarity, product)| *similarity > 0.0 && self.is_there(*product))
            .collect();
        likely.sort_by(|left, right| right.0.total_cmp(&left.0));
        let mut likeliest = likely.into_iter().take(2).map(|(_, product)| product);
        match likeliest.find(|product| self.loss_without(*product, place) > 0.0) {
            Some(product) => (deed(self.person.strongest(product)), Some(product)),
            None => whole,
        }
    }

    /// By how much a product of the list would score less, had the person
    /// never touched `product`; 0 where too many were tried already.
    fn loss_without(&self, product: ProductIndex, place: ProductIndex) -> f32 {
        let Some(at) = self.shown.iter().position(|shown| *shown == place) else {
            return 0.0;
        };
        let mut tried = self.tried.borrow_mut();
        let known = tried.iter().position(|(known, _)| *known == product);
        let known = match known {
            Some(known) => known,
            None if tried.len() >= MAX_TRIED => return 0.0,
            None => {
                let others = self.history.iter().filter(|(_, other)| *other != product);
                let mut rest: Vec<(u32, ProductIndex)> = others.copied().collect();
                // As the history would be read: nothing follows itself.
                rest.dedup();
                tried.push((product, scores_after(self.shop, &rest, &self.shown)));
                tried.len() - 1
            }
        };
        self.whole[at] - tried[known].1[at]
    }

    /// Which of the products that the list is about brought this one, and how.
    fn by_lists(&self, place: ProductIndex) -> (ReasonCode, Option<ProductIndex>) {
        let first = self.about.first().copied();
        let fallback = (ReasonCode::SameCategory, first);
        let Some(view) = self.shop.view else {
            return fallback;
        };
        let lists = [
            (ReasonCode::BoughtTogether, &view.parts.together),
            (ReasonCode::AlsoLiked, &view.parts.similar),
        ];
        let Some(own) = view.number(place) else {
            // A newcomer: what it is like is in its text.
            let near = view.text_neighbours(place);
            let like = |about: &&ProductIndex| {
                let number = view.number(**about);
                near.iter().any(|(near, _)| Some(*near) == number)
            };
            return match self.about.iter().find(like) {
                Some(product) => (ReasonCode::SimilarTo, Some(*product)),
                None => fallback,
            };
        };
        for (code, lists) in lists {
            let pairs = self.about.iter().filter_map(|about| {
                let weight = lists.weight(view.number(*about)?, own);
                Some((weight, *about))
            });
            if let (_, Some(product)) = pairs.fold((0.0, None), stronger) {
                return (code, Some(product));
            }
        }
        let described_alike = |about: &ProductIndex| {
            let alike = self.alike(view, *about);
            alike.contains(&own).then_some(*about)
        };
        match self.about.iter().find_map(described_alike) {
            Some(product) => (ReasonCode::SimilarTo, Some(product)),
            None => fallback,
        }
    }

    /// The numbers of the products described like one that the list is about.
    fn alike(&self, view: &CatalogueView, about: ProductIndex) -> Rc<[u32]> {
        let mut known = self.described.borrow_mut();
        let found = known.entry(about).or_insert_with(|| {
            let product = self.shop.snapshot.catalogue.get(about);
            let alike = product.map(|product| view.parts.text.alike(product, MAX_HISTORY));
            let alike = alike.into_iter().flatten();
            alike.map(|alike| alike.place).collect()
        });
        found.clone()
    }

    fn is_there(&self, place: ProductIndex) -> bool {
        self.shop.snapshot.catalogue.get(place).is_some()
    }
}

fn stronger(
    best: (f32, Option<ProductIndex>),
    next: (f32, ProductIndex),
) -> (f32, Option<ProductIndex>) {
    if next.0 > best.0 {
        (next.0, Some(next.1))
    } else {
        best
    }
}

/// What the lists of the model say from one item to another, `ago` items back.
fn item_item_score(view: &CatalogueView, from: u32, to: u32, ago: usize) -> f32 {
    let next = &view.parts.next;
    let weighted = next.item_item.iter().zip(&next.weights.item_item);
    weighted
        .map(|(member, weight)| {
            let recency = member
                .recency_decay
                .powi(i32::try_from(ago).unwrap_or(i32::MAX));
            weight * recency * member.matrix.weight(from, to)
        })
        .sum()
}

fn deed(kind: Option<EventKind>) -> ReasonCode {
    match kind {
        Some(EventKind::Purchase) => ReasonCode::BecauseYouBought,
        Some(EventKind::AddToCart) => ReasonCode::BecauseYouAddedToCart,
        _ => ReasonCode::BecauseYouViewed,
    }
}
