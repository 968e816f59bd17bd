use serde::{Deserialize, Serialize};
use shop::{EventKind, Id};
use store::ProductIndex;

use super::model::View;
use super::person::Person;
use super::rules::Chosen;
use super::scenarios::{Shop, Source, read_history};
use super::{Explanation, RecommendRequest, RecommendedItem, Scenario};

/// Items closer than this in the decoder's own space are reason enough.
const MIN_COSINE: f32 = 0.3;

/// Why a product is in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
}

/// A reason, for programs and for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// What kind of reason.
    pub code: ReasonCode,
    /// The product that it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<Id>,
    /// That product's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// In English.
    pub text_en: String,
    /// In Chinese.
    pub text_zh: String,
}

impl ReasonCode {
    fn texts(self, title: &str) -> (String, String) {
        match self {
            Self::BecauseYouBought => (
                format!("Because you bought “{title}”"),
                format!("因为您购买过“{title}”"),
            ),
            Self::BecauseYouViewed => (
                format!("Because you viewed “{title}”"),
                format!("因为您看过“{title}”"),
            ),
            Self::BecauseYouAddedToCart => (
                format!("Because you put “{title}” into your cart"),
                format!("因为您把“{title}”加入过购物车"),
            ),
            Self::YourHistory => (
                "From what you looked at lately".to_owned(),
                "根据您最近的浏览".to_owned(),
            ),
            Self::BoughtTogether => (
                format!("Often bought with “{title}”"),
                format!("常与“{title}”一起购买"),
            ),
            Self::AlsoLiked => (
                format!("Liked by those who like “{title}”"),
                format!("喜欢“{title}”的人也喜欢"),
            ),
            Self::SimilarTo => (format!("Similar to “{title}”"), format!("与“{title}”相似")),
            Self::SameCategory => (
                format!("In the same category as “{title}”"),
                format!("与“{title}”同类"),
            ),
            Self::Trending => ("In demand right now".to_owned(), "近期热门".to_owned()),
            Self::Popular => (
                "Popular with other customers".to_owned(),
                "受其他顾客欢迎".to_owned(),
            ),
            Self::InCatalogue => ("From our range".to_owned(), "本店商品".to_owned()),
        }
    }
}

impl Reason {
    fn of(shop: &Shop<'_>, code: ReasonCode, product: Option<ProductIndex>) -> Self {
        let product = product.and_then(|place| shop.snapshot.catalogue.get(place));
        let title = product.map(|product| product.title.clone());
        let (text_en, text_zh) = code.texts(title.as_deref().unwrap_or_default());
        Self {
            code,
            product: product.map(|product| product.id.clone()),
            title,
            text_en,
            text_zh,
        }
    }
}

/// Adds to each chosen product why it was chosen.
pub(super) fn explain(
    shop: &Shop<'_>,
    request: &RecommendRequest,
    product: Option<ProductIndex>,
    person: &Person,
    chosen: Vec<Chosen>,
) -> Vec<RecommendedItem> {
    let history = shop
        .view
        .map_or_else(Vec::new, |view| read_history(view, person));
    let evidence = Evidence {
        shop,
        about: about(request, product, person),
        history,
        person,
    };
    chosen
        .into_iter()
        .filter_map(|chosen| {
            let id = shop.snapshot.catalogue.get(chosen.place)?.id.clone();
            Some(RecommendedItem {
                id,
                score: chosen.score,
                reasons: vec![evidence.reason(&chosen)],
                explanation: request.explain.then(|| Explanation {
                    tier: chosen.tier.to_owned(),
                    tier_score: chosen.tier_score,
                    popularity: interest(shop, chosen.place),
                }),
            })
        })
        .collect()
}

/// The products that a list is about.
fn about(
    request: &RecommendRequest,
    product: Option<ProductIndex>,
    person: &Person,
) -> Vec<ProductIndex> {
    let mut about = match request.scenario {
        Scenario::Cart => person.cart(),
        Scenario::ForYou
        | Scenario::Similar
        | Scenario::BoughtTogether
        | Scenario::Trending
        | Scenario::Session => Vec::new(),
    };
    about.extend(product);
    about
}

fn interest(shop: &Shop<'_>, place: ProductIndex) -> f32 {
    let interest = shop.snapshot.popularity.get(&place);
    interest.copied().unwrap_or_default()
}

/// What reasons are drawn from.
struct Evidence<'a> {
    shop: &'a Shop<'a>,
    about: Vec<ProductIndex>,
    history: Vec<(u32, ProductIndex)>,
    person: &'a Person,
}

impl Evidence<'_> {
    fn reason(&self, chosen: &Chosen) -> Reason {
        let (code, product) = match chosen.source {
            Source::History => self.by_history(chosen.place),
            Source::Together => self.by_lists(chosen.place),
            Source::Alike => self.by_lists(chosen.place),
            Source::Trend => (ReasonCode::Trending, None),
            Source::Popularity if interest(self.shop, chosen.place) > 0.0 => {
                (ReasonCode::Popular, None)
            }
            Source::Popularity => (ReasonCode::InCatalogue, None),
        };
        Reason::of(self.shop, code, product)
    }

    /// The product of the history that speaks most for this one: by the lists
    /// that took part in its score, else by nearness in the decoder.
    fn by_history(&self, place: ProductIndex) -> (ReasonCode, Option<ProductIndex>) {
        let whole = (ReasonCode::YourHistory, None);
        let Some(view) = self.shop.view else {
            return whole;
        };
        let near = view.text_neighbours(place);
        let own = view.number(place).filter(|_| near.is_empty());
        let likeness = |(at, (number, _)): &(usize, &(u32, ProductIndex))| match own {
            Some(own) => spoken_for(view, *number, own, *at),
            None => near
                .iter()
                .map(|(n, s)| if n == number { *s } else { 0.0 })
                .sum(),
        };
        // The most recent first: of equals the first one is kept.
        let recent = || self.history.iter().rev().enumerate();
        let strongest = recent()
            .map(|entry| (likeness(&entry), entry.1.1))
            .fold((0.0_f32, None), stronger);
        let strongest = match (strongest.1, own) {
            (None, Some(own)) => recent()
                .map(|(_, (number, place))| (cosine(view, *number, own), *place))
                .filter(|(cosine, _)| *cosine >= MIN_COSINE)
                .fold((0.0, None), stronger),
            _ => strongest,
        };
        match strongest.1 {
            Some(product) if self.is_there(product) => {
                (deed(self.person.strongest(product)), Some(product))
            }
            _ => whole,
        }
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
        let catalogue = &self.shop.snapshot.catalogue;
        let described_alike = |about: &ProductIndex| {
            let product = catalogue.get(*about)?;
            let alike = view
                .parts
                .text
                .alike(product, corpus::recommend::MAX_HISTORY);
            alike
                .iter()
                .any(|alike| alike.place == own)
                .then_some(*about)
        };
        match self.about.iter().find_map(described_alike) {
            Some(product) => (ReasonCode::SimilarTo, Some(product)),
            None => fallback,
        }
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
fn spoken_for(view: &View, from: u32, to: u32, ago: usize) -> f32 {
    let next = &view.parts.next;
    let weighted = next.lists.iter().zip(&next.weights.lists);
    weighted
        .map(|(voice, weight)| {
            let recency = voice.recency.powi(i32::try_from(ago).unwrap_or(i32::MAX));
            weight * recency * voice.lists.weight(from, to)
        })
        .sum()
}

fn cosine(view: &View, left: u32, right: u32) -> f32 {
    let Some(decoder) = &view.parts.next.decoder else {
        return 0.0;
    };
    let width = decoder.config().width;
    let row = |number: u32| {
        let start = number as usize * width;
        decoder.embedding().get(start..start + width)
    };
    let (Some(left), Some(right)) = (row(left), row(right)) else {
        return 0.0;
    };
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    let lengths = (dot(left, left) * dot(right, right)).sqrt();
    if lengths > 0.0 {
        dot(left, right) / lengths
    } else {
        0.0
    }
}

fn deed(kind: Option<EventKind>) -> ReasonCode {
    match kind {
        Some(EventKind::Purchase) => ReasonCode::BecauseYouBought,
        Some(EventKind::AddToCart) => ReasonCode::BecauseYouAddedToCart,
        _ => ReasonCode::BecauseYouViewed,
    }
}
