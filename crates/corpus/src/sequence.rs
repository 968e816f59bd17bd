//! What customers did, as sequences of products and as clicks after queries.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};
use shop::{Event, EventKind, Id, Records, Timestamp};

use crate::{DataCard, InteractionSequence, Period, QueryClick, Splitter, redact};

/// Who was behind each event, as far as the log tells.
pub(crate) struct Actors<'a> {
    /// The one customer who was seen in a session; `None` for several.
    sessions: FxHashMap<&'a Id, Option<&'a Id>>,
    withheld: &'a FxHashSet<Id>,
}

/// Who acted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Actor<'a> {
    id: &'a Id,
    anonymous: bool,
}

impl<'a> Actors<'a> {
    /// Joins a visit to the customer who signs in during it.
    pub(crate) fn of(records: &'a Records, withheld: &'a FxHashSet<Id>) -> Self {
        let mut sessions: FxHashMap<&Id, Option<&Id>> = FxHashMap::default();
        for event in &records.events {
            if let (Some(session), Some(customer)) = (&event.session_id, &event.customer_id) {
                let known = sessions.entry(session).or_insert(Some(customer));
                if *known != Some(customer) {
                    *known = None;
                }
            }
        }
        Self { sessions, withheld }
    }

    /// Who did `event`; `Err` when they do not want to be trained on.
    fn actor(&self, event: &'a Event) -> Result<Option<Actor<'a>>, ()> {
        let joined = event
            .session_id
            .as_ref()
            .and_then(|session| self.sessions.get(session).copied().flatten());
        let customer = event.customer_id.as_ref().or(joined);
        if customer.is_some_and(|customer| self.withheld.contains(customer)) {
            return Err(());
        }
        Ok(match (customer, &event.session_id) {
            (Some(id), _) => Some(Actor {
                id,
                anonymous: false,
            }),
            (None, Some(id)) => Some(Actor {
                id,
                anonymous: true,
            }),
            (None, None) => None,
        })
    }
}

/// Whether an event shows liking; a rating does from 3 of 5 on.
fn is_positive(event: &Event) -> bool {
    match event.kind {
        EventKind::Rating => {
            let rating = event.value.as_ref().and_then(serde_json::Value::as_f64);
            rating.is_none_or(|rating| rating >= 3.0)
        }
        kind => kind.interest() > 0.0,
    }
}

/// The sequences of all customers and visits, sorted by customer.
pub(crate) fn sequences(
    records: &Records,
    actors: &Actors<'_>,
    splitter: &Splitter,
    card: &mut DataCard,
) -> Vec<InteractionSequence> {
    let source = card.source("sequences");
    let mut by_actor: BTreeMap<Actor<'_>, Vec<(Timestamp, usize, &Id, EventKind)>> =
        BTreeMap::new();
    let mut arrival = 0;
    for order in &records.orders {
        source.records += order.lines.len();
        if actors.withheld.contains(&order.customer_id) {
            source.rejected_by_consent += order.lines.len();
            continue;
        }
        let actor = Actor {
            id: &order.customer_id,
            anonymous: false,
        };
        let items = by_actor.entry(actor).or_default();
        for line in &order.lines {
            items.push((order.time, arrival, &line.product_id, EventKind::Purchase));
            arrival += 1;
        }
    }
    for event in &records.events {
        let Some(product) = event.product_id.as_ref().filter(|_| is_positive(event)) else {
            continue;
        };
        source.records += 1;
        match actors.actor(event) {
            Err(()) => source.rejected_by_consent += 1,
            Ok(None) => source.empty += 1,
            Ok(Some(actor)) => {
                let items = by_actor.entry(actor).or_default();
                items.push((event.time, arrival, product, event.kind));
                arrival += 1;
            }
        }
    }
    by_actor
        .into_iter()
        .map(|(actor, mut items)| {
            items.sort_unstable_by_key(|(time, arrival, _, _)| (*time, *arrival));
            let (items, repeated) = without_repetition(&items);
            source.exact_duplicates += repeated;
            source.kept += items.len();
            for (_, _, time) in &items {
                Period::include(&mut source.period, *time);
            }
            let group = if actor.anonymous {
                "session"
            } else {
                "customer"
            };
            InteractionSequence {
                customer: actor.id.clone(),
                anonymous: actor.anonymous,
                items,
                split: splitter.of(group, actor.id.as_str()),
            }
        })
        .collect()
}

/// A purchase a day or more after that of the same product is another one.
const NEXT_PURCHASE_SECONDS: i64 = 86_400;

/// The same product several times in a row is one deed: the strongest. Only
/// what is bought again another day is bought twice.
fn without_repetition(
    items: &[(Timestamp, usize, &Id, EventKind)],
) -> (Vec<(Id, EventKind, Timestamp)>, usize) {
    let mut kept: Vec<(Id, EventKind, Timestamp)> = Vec::with_capacity(items.len());
    let mut repeated = 0;
    for (time, _, product, kind) in items {
        match kept.last_mut() {
            Some((last, EventKind::Purchase, before))
                if last == *product
                    && *kind == EventKind::Purchase
                    && before.plus_seconds(NEXT_PURCHASE_SECONDS) <= *time =>
            {
                kept.push(((*product).clone(), *kind, *time));
            }
            Some((last, strongest, _)) if last == *product => {
                repeated += 1;
                if kind.interest() > strongest.interest() {
                    *strongest = *kind;
                }
            }
            _ => kept.push(((*product).clone(), *kind, *time)),
        }
    }
    (kept, repeated)
}

#[derive(Default)]
struct Clicks<'a> {
    weight: f32,
    count: u32,
    time: Timestamp,
    customers: BTreeSet<&'a Id>,
}

/// What was chosen after each query, sorted by query and product.
pub(crate) fn query_clicks(
    records: &Records,
    actors: &Actors<'_>,
    splitter: &Splitter,
    card: &mut DataCard,
) -> Vec<QueryClick> {
    let mut sums: BTreeMap<(String, &Id), Clicks<'_>> = BTreeMap::new();
    for event in &records.events {
        let (Some(query), Some(product)) = (&event.query, &event.product_id) else {
            continue;
        };
        if !is_positive(event) {
            continue;
        }
        card.source("query_clicks").records += 1;
        let Ok(actor) = actors.actor(event) else {
            card.source("query_clicks").rejected_by_consent += 1;
            continue;
        };
        let redacted = redact(&query.trim().to_lowercase());
        for (kind, count) in redacted.found {
            *card.redacted.entry(kind).or_default() += count;
        }
        let sum = sums.entry((redacted.text, product)).or_default();
        sum.weight += event.kind.interest();
        sum.count += 1;
        sum.time = sum.time.max(event.time);
        sum.customers
            .extend(actor.filter(|actor| !actor.anonymous).map(|actor| actor.id));
    }
    let source = card.source("query_clicks");
    sums.into_iter()
        .map(|((query, product), sum)| {
            let split = splitter.of("query", &query);
            source.kept += 1;
            *source.splits.entry(split).or_default() += 1;
            Period::include(&mut source.period, sum.time);
            QueryClick {
                query,
                product: product.clone(),
                weight: sum.weight,
                count: sum.count,
                time: sum.time,
                customers: sum.customers.into_iter().cloned().collect(),
                split,
            }
        })
        .collect()
}
