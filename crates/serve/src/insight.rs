//! Insight: how the reviews feel, what they speak of, since when, and in
//! whose words. Every figure comes with the reviews that it counts.

mod score;
mod trend;

use std::collections::BTreeMap;

use corpus::insight::Polarity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shop::{Id, ModelVersion, Service, Timestamp};

pub use score::{Mention, Model, Scored, Scores, score};
pub use trend::{Direction, Trend};

use crate::{Context, Decision, ServeError, Stages};
use trend::{Week, trend};

/// Quotes of each polarity that a list of themes shows.
const QUOTES_IN_LIST: usize = 2;
/// Quotes of each polarity that one theme shows.
const QUOTES_OF_ONE: usize = 20;

/// Which reviews are looked at. Everything absent means all.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InsightRequest {
    /// Written at or after this.
    pub from: Option<Timestamp>,
    /// Written before this; nothing is before `from` and after it.
    pub to: Option<Timestamp>,
    /// Of this product.
    pub product: Option<Id>,
    /// Of products in this category (any part of the path).
    pub category: Option<String>,
    /// In this language.
    pub language: Option<String>,
}

/// Counts by polarity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[allow(missing_docs)]
pub struct Feelings {
    pub positive: u32,
    pub neutral: u32,
    pub negative: u32,
}

impl Feelings {
    fn add(&mut self, polarity: Polarity) {
        match polarity {
            Polarity::Positive => self.positive += 1,
            Polarity::Neutral => self.neutral += 1,
            Polarity::Negative => self.negative += 1,
        }
    }

    /// All of them.
    pub fn sum(&self) -> u32 {
        self.positive + self.neutral + self.negative
    }
}

/// Words of a customer, with where they stand.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Quote {
    /// The review.
    pub review_id: Id,
    /// The clause.
    pub text: String,
    /// How it feels.
    #[schemars(with = "String")]
    pub polarity: Polarity,
    /// About what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_id: Option<Id>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// What the customer gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<f32>,
}

/// What reviews keep speaking of.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ThemeReport {
    /// As `en-delivery`.
    pub id: String,
    /// The main word.
    pub name: String,
    /// Of the words.
    pub language: String,
    /// The words that stand for it.
    pub terms: Vec<String>,
    /// Reviews that mention it.
    pub count: u32,
    /// Share of the reviews looked at in its language.
    pub share: f64,
    /// How the mentions feel.
    #[serde(flatten)]
    pub feelings: Feelings,
    /// Mean rating of these reviews, where there are ratings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_rating: Option<f64>,
    /// Whether it is spoken of more or less than before.
    pub trend: Trend,
    /// Whether it is complained about more or less than before.
    pub complaints: Trend,
    /// Mentions by week.
    pub by_week: Vec<Week>,
    /// In the words of customers.
    pub quotes: Vec<Quote>,
}

/// What the reviews say.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Insights {
    /// Reviews looked at.
    pub reviews: u32,
    /// How they feel.
    #[serde(flatten)]
    pub feelings: Feelings,
    /// Mean rating, where there are ratings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_rating: Option<f64>,
    /// Reviews by the Monday of their week; those without a time are left out.
    pub by_week: Vec<Week>,
    /// What they speak of, the most frequent first.
    pub themes: Vec<ThemeReport>,
    /// Themes that are complained about more than before, the clearest first.
    pub alerts: Vec<ThemeReport>,
}

/// One theme with more of its quotes.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ThemeDetail {
    /// The theme.
    pub theme: ThemeReport,
}

/// Sums up the reviews that the request speaks of.
pub fn insights(
    context: &Context<'_>,
    model: &Model,
    scores: &Scores,
    request: &InsightRequest,
) -> Result<Decision<Insights>, ServeError> {
    check(context, request)?;
    let mut stages = Stages::default();
    let chosen = stages.run("select", || select(context, scores, request));
    let content = stages.run("summarise", || summarise(model, &chosen, QUOTES_IN_LIST));
    Ok(decision(context, content, stages))
}

/// One theme by its id.
pub fn theme(
    context: &Context<'_>,
    model: &Model,
    scores: &Scores,
    id: &str,
    request: &InsightRequest,
) -> Result<Decision<ThemeDetail>, ServeError> {
    check(context, request)?;
    let at = model
        .themes()
        .iter()
        .position(|theme| theme.id == id)
        .ok_or_else(|| ServeError::InvalidRequest {
            param: "theme",
            reason: format!("there is no theme {id:?}; /v1/insights/themes lists them"),
        })?;
    let mut stages = Stages::default();
    let chosen = stages.run("select", || select(context, scores, request));
    let content = stages.run("summarise", || ThemeDetail {
        theme: report(model, at, &chosen, QUOTES_OF_ONE),
    });
    Ok(decision(context, content, stages))
}

fn check(context: &Context<'_>, request: &InsightRequest) -> Result<(), ServeError> {
    match &request.product {
        Some(product) if context.snapshot.catalogue.index_of(product).is_none() => {
            Err(ServeError::UnknownProduct(product.clone()))
        }
        _ => Ok(()),
    }
}

fn decision<T>(context: &Context<'_>, content: T, stages: Stages) -> Decision<T> {
    let version = context.snapshot.serving.get(&Service::Insight);
    Decision {
        decision_id: context.decision_id.clone(),
        content,
        models: version
            .map(|version| ModelVersion {
                service: Service::Insight,
                version: version.clone(),
            })
            .into_iter()
            .collect(),
        stages: stages.into_vec(),
        propensity: None,
    }
}

fn select<'a>(
    context: &Context<'_>,
    scores: &'a Scores,
    request: &InsightRequest,
) -> Vec<&'a Scored> {
    let in_category = |product: Option<&Id>| match &request.category {
        None => true,
        Some(wanted) => product
            .and_then(|id| context.snapshot.catalogue.by_id(id))
            .is_some_and(|product| {
                product
                    .category
                    .iter()
                    .any(|part| part.to_lowercase() == wanted.to_lowercase())
            }),
    };
    scores
        .iter()
        .map(AsRef::as_ref)
        .filter(|scored| {
            let review = &scored.review;
            let after = request
                .from
                .is_none_or(|from| review.time.is_some_and(|time| time >= from));
            let before = request
                .to
                .is_none_or(|to| review.time.is_some_and(|time| time < to));
            let product = request.product.is_none() || review.product_id == request.product;
            let language = request
                .language
                .as_ref()
                .is_none_or(|wanted| *wanted == scored.language);
            after && before && product && language && in_category(review.product_id.as_ref())
        })
        .collect()
}

fn summarise(model: &Model, chosen: &[&Scored], quotes: usize) -> Insights {
    let mut feelings = Feelings::default();
    chosen
        .iter()
        .for_each(|scored| feelings.add(scored.polarity));
    let mut themes: Vec<ThemeReport> = (0..model.themes().len())
        .map(|at| report(model, at, chosen, quotes))
        .filter(|theme| theme.count > 0)
        .collect();
    themes.sort_by(|left, right| right.count.cmp(&left.count).then(left.id.cmp(&right.id)));
    let mut alerts: Vec<ThemeReport> = themes
        .iter()
        .filter(|theme| theme.complaints.direction == Direction::Rising)
        .cloned()
        .collect();
    alerts.sort_by(|left, right| {
        right
            .complaints
            .z
            .total_cmp(&left.complaints.z)
            .then(left.id.cmp(&right.id))
    });
    Insights {
        reviews: chosen.len() as u32,
        feelings,
        mean_rating: mean_rating(chosen.iter().copied()),
        by_week: weeks(
            chosen
                .iter()
                .map(|scored| (scored.review.time, scored.polarity)),
        ),
        themes,
        alerts,
    }
}

fn mean_rating<'a>(reviews: impl Iterator<Item = &'a Scored>) -> Option<f64> {
    let ratings: Vec<f64> = reviews
        .filter_map(|scored| scored.review.rating)
        .map(f64::from)
        .collect();
    (!ratings.is_empty()).then(|| ratings.iter().sum::<f64>() / ratings.len() as f64)
}

fn weeks(times: impl Iterator<Item = (Option<Timestamp>, Polarity)>) -> Vec<Week> {
    let mut weeks: BTreeMap<i64, Feelings> = BTreeMap::new();
    for (time, polarity) in times {
        if let Some(time) = time {
            weeks.entry(trend::monday(time)).or_default().add(polarity);
        }
    }
    weeks
        .into_iter()
        .map(|(day, feelings)| Week::new(day, feelings))
        .collect()
}

fn report(model: &Model, at: usize, chosen: &[&Scored], quotes: usize) -> ThemeReport {
    let theme = &model.themes()[at];
    let spoken: Vec<&Scored> = chosen
        .iter()
        .copied()
        .filter(|scored| scored.language == theme.language)
        .collect();
    let mentions: Vec<(&Scored, &Mention)> = spoken
        .iter()
        .flat_map(|scored| {
            scored
                .mentions
                .iter()
                .map(move |mention| (*scored, mention))
        })
        .filter(|(_, mention)| mention.theme == at)
        .collect();
    let mut feelings = Feelings::default();
    mentions
        .iter()
        .for_each(|(_, mention)| feelings.add(mention.polarity));
    let all: Vec<Timestamp> = spoken
        .iter()
        .filter_map(|scored| scored.review.time)
        .collect();
    let times = |only: Option<Polarity>| -> Vec<Timestamp> {
        mentions
            .iter()
            .filter(|(_, mention)| only.is_none_or(|polarity| mention.polarity == polarity))
            .filter_map(|(scored, _)| scored.review.time)
            .collect()
    };
    ThemeReport {
        id: theme.id.clone(),
        name: theme.name.clone(),
        language: theme.language.clone(),
        terms: theme.terms.clone(),
        count: mentions.len() as u32,
        share: mentions.len() as f64 / spoken.len().max(1) as f64,
        feelings,
        mean_rating: mean_rating(mentions.iter().map(|(scored, _)| *scored)),
        trend: trend(&times(None), &all),
        complaints: trend(&times(Some(Polarity::Negative)), &all),
        by_week: weeks(
            mentions
                .iter()
                .map(|(scored, said)| (scored.review.time, said.polarity)),
        ),
        quotes: choose_quotes(&mentions, quotes),
    }
}

/// The newest mentions of each polarity, complaints first; undated ones last.
fn choose_quotes(mentions: &[(&Scored, &Mention)], each: usize) -> Vec<Quote> {
    let mut newest = mentions.to_vec();
    newest.sort_by(|left, right| {
        right
            .0
            .review
            .time
            .cmp(&left.0.review.time)
            .then(left.0.review.id.cmp(&right.0.review.id))
    });
    Polarity::ALL
        .into_iter()
        .flat_map(|polarity| {
            newest
                .iter()
                .filter(move |(_, mention)| mention.polarity == polarity)
                .take(each)
                .map(move |(scored, mention)| Quote {
                    review_id: scored.review.id.clone(),
                    text: scored.review.text[mention.clause.clone()].to_owned(),
                    polarity,
                    product_id: scored.review.product_id.clone(),
                    time: scored.review.time,
                    rating: scored.review.rating,
                })
        })
        .collect()
}

#[cfg(test)]
mod tests;
