//! Merchandising: what the shop's own people say about single searches.

use std::cmp::Reverse;
use std::sync::Arc;

use corpus::search::exact_key;
use shop::{Filter, Id, QueryMatch, RuleCondition, SearchRule, Timestamp};
use store::Snapshot;

use super::index::{DocumentNumber, Index};
use super::query::SearchRequest;
use super::rank::{Behaviour, Candidate};

/// The rules that a search meets, the weightiest first.
#[derive(Default)]
pub(super) struct AppliedRules {
    rules: Vec<Arc<SearchRule>>,
}

/// Products that a rule brings forward or sends back.
pub(super) struct Boost<'a> {
    pub filter: &'a Filter,
    pub by: f32,
}

impl AppliedRules {
    pub(super) fn new(
        snapshot: &Snapshot,
        request: &SearchRequest,
        behaviour: &Behaviour,
        now: Timestamp,
    ) -> Self {
        if !request.rules || snapshot.rules.is_empty() {
            return Self::default();
        }
        let query = exact_key(&request.q);
        let mut rules: Vec<Arc<SearchRule>> = snapshot
            .rules
            .values()
            .filter(|rule| rule.enabled)
            .filter(|rule| holds(&rule.when, &query, snapshot, request, behaviour, now))
            .cloned()
            .collect();
        rules.sort_by_key(|rule| (Reverse(rule.priority), rule.id.clone()));
        Self { rules }
    }

    pub(super) fn ids(&self) -> Vec<Id> {
        self.rules.iter().map(|rule| rule.id.clone()).collect()
    }

    pub(super) fn redirect(&self) -> Option<String> {
        self.rules
            .iter()
            .find_map(|rule| rule.then.redirect.clone())
    }

    pub(super) fn banners(&self) -> Vec<String> {
        let banners = self.rules.iter();
        banners
            .filter_map(|rule| rule.then.banner.clone())
            .collect()
    }

    pub(super) fn boosts(&self) -> Vec<Boost<'_>> {
        let all = self.rules.iter().flat_map(|rule| &rule.then.boost);
        all.map(|one| Boost {
            filter: &one.filter,
            by: one.by,
        })
        .collect()
    }

    /// What else every hit must be.
    pub(super) fn filters(&self) -> Vec<&Filter> {
        let filters = self.rules.iter().map(|rule| &rule.then.filter);
        filters.filter(|filter| !filter.is_empty()).collect()
    }

    fn documents<'a>(
        index: &'a Index,
        snapshot: &'a Snapshot,
        ids: impl Iterator<Item = &'a Id>,
    ) -> impl Iterator<Item = DocumentNumber> {
        let places = ids.filter_map(|id| snapshot.catalogue.index_of(id));
        places.filter_map(|place| index.document(place))
    }

    /// The products that are not shown.
    pub(super) fn hidden(&self, index: &Index, snapshot: &Snapshot) -> Vec<DocumentNumber> {
        let ids = self.rules.iter().flat_map(|rule| &rule.then.hide);
        Self::documents(index, snapshot, ids).collect()
    }

    /// The products that rules put at a place; of two at one place the one of
    /// the weightier rule comes first.
    pub(super) fn pinned(
        &self,
        index: &Index,
        snapshot: &Snapshot,
    ) -> Vec<(usize, DocumentNumber)> {
        let pins = self.rules.iter().flat_map(|rule| &rule.then.pin);
        let mut pinned: Vec<(usize, DocumentNumber)> = Vec::new();
        for pin in pins {
            let ids = std::iter::once(&pin.product_id);
            for document in Self::documents(index, snapshot, ids) {
                if !pinned.iter().any(|(_, known)| *known == document) {
                    pinned.push((pin.position, document));
                }
            }
        }
        pinned.sort_by_key(|(position, _)| *position);
        pinned
    }

    /// The rule that pins a product.
    pub(super) fn pins(&self, product: &Id) -> Option<&Id> {
        let mut rules = self.rules.iter();
        let rule = rules.find(|rule| {
            let mut pins = rule.then.pin.iter();
            pins.any(|pin| pin.product_id == *product)
        });
        rule.map(|rule| &rule.id)
    }
}

/// Puts pinned candidates where they belong; candidates are in their order as
/// far as is needed.
pub(super) fn place_pins(candidates: &mut Vec<Candidate>, pinned: &[(usize, DocumentNumber)]) {
    let is_pinned = |one: &Candidate| pinned.iter().any(|(_, at)| *at == one.document);
    let (held, mut rest): (Vec<Candidate>, Vec<Candidate>) =
        std::mem::take(candidates).into_iter().partition(is_pinned);
    for (position, document) in pinned {
        if let Some(one) = held.iter().find(|one| one.document == *document) {
            rest.insert((position - 1).min(rest.len()), one.clone());
        }
    }
    *candidates = rest;
}

fn holds(
    when: &RuleCondition,
    query: &str,
    snapshot: &Snapshot,
    request: &SearchRequest,
    behaviour: &Behaviour,
    now: Timestamp,
) -> bool {
    let said = when.query.as_deref().is_none_or(|wanted| {
        let wanted = exact_key(wanted);
        match when.matches {
            QueryMatch::Is => query == wanted,
            QueryMatch::Begins => is_part(query, &wanted, true),
            QueryMatch::Contains => is_part(query, &wanted, false),
        }
    });
    let category = when.category.as_deref().is_none_or(|wanted| {
        let mut chosen = request.filter.category.iter();
        chosen.any(|one| exact_key(one) == exact_key(wanted))
    });
    let in_time =
        when.from.is_none_or(|from| now >= from) && when.until.is_none_or(|end| now < end);
    let customer = request.customer.as_ref();
    let customer = customer.and_then(|id| snapshot.customers.get(id));
    let segment = &when.segment;
    let same = |wanted: &Option<String>, own: Option<&str>| {
        let wanted = wanted.as_deref();
        wanted.is_none_or(|wanted| own.is_some_and(|own| own.eq_ignore_ascii_case(wanted)))
    };
    let country = customer.and_then(|customer| customer.country.as_deref());
    let known = segment
        .signed_in
        .is_none_or(|wanted| wanted == customer.is_some());
    let bought = segment
        .has_bought
        .is_none_or(|wanted| wanted == behaviour.has_bought());
    said && category
        && in_time
        && same(&segment.language, behaviour.language())
        && same(&segment.country, country)
        && known
        && bought
}

/// Whether whole words of `text` are `part`; in scripts without spaces any
/// characters are.
fn is_part(text: &str, part: &str, at_start: bool) -> bool {
    let unspaced = part.chars().all(|c| c >= '\u{2e80}');
    let (text, part) = if unspaced {
        (text.to_owned(), part.to_owned())
    } else {
        (format!(" {text} "), format!(" {part} "))
    };
    if at_start {
        text.starts_with(&part)
    } else {
        text.contains(&part)
    }
}
