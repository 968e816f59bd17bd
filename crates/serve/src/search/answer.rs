//! A request becomes an answer, stage by stage.

mod candidate_generation;

use std::collections::BTreeMap;

use corpus::search::constraints::ParsedQuery;
use corpus::search::{Query, Ranker, query_key};
use shop::{Filter, ModelVersion, Service};
use store::{ProductIndex, Snapshot};

use super::cursor::Cursor;
use super::facet::FacetCount;
use super::index::{DocumentNumber, Index};
use super::model::Model;
use super::operators::Operators;
use super::presentation::{self, Found, Shown};
use super::query::{SearchRequest, SearchResults};
use super::rank::{self, Behaviour, Candidate, Scoring};
use super::rules::{AppliedRules, Boost};
use super::sort::{self, Sort};
use super::{facet, fields, full_match, page, rules};
use crate::{Context, Decision, ServeError, Stages};

/// Which part of search decides the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ordering {
    Lexical,
    Hybrid,
    Full,
}

/// Answers a search. Without a model the ranker's default weights are used.
pub fn search(
    context: &Context<'_>,
    index: &Index,
    model: Option<&Model>,
    request: &SearchRequest,
) -> Result<Decision<SearchResults>, ServeError> {
    answer(context, index, model, request, Ordering::Full)
}

/// Answers by BM25 alone, without any feature beside it: the stage that a
/// benchmark compares with.
pub fn search_lexically(
    context: &Context<'_>,
    index: &Index,
    request: &SearchRequest,
) -> Result<Decision<SearchResults>, ServeError> {
    answer(context, index, None, request, Ordering::Lexical)
}

/// Answers by BM25 and meaning, without any other feature: the stage between
/// the two others.
pub fn search_by_words_and_meaning(
    context: &Context<'_>,
    index: &Index,
    model: Option<&Model>,
    request: &SearchRequest,
) -> Result<Decision<SearchResults>, ServeError> {
    answer(context, index, model, request, Ordering::Hybrid)
}

/// One request on its way to an answer.
struct Search<'a> {
    index: &'a Index,
    snapshot: &'a Snapshot,
    model: Option<&'a Model>,
    ranker: &'a Ranker,
    request: &'a SearchRequest,
    ordering: Ordering,
    cursor: Cursor,
    parsed: ParsedQuery,
    query: Query,
    behaviour: Behaviour,
    rules: AppliedRules,
    /// What the query means, where meaning is looked at.
    vector: Option<Vec<f32>>,
}

fn answer(
    context: &Context<'_>,
    index: &Index,
    model: Option<&Model>,
    request: &SearchRequest,
    ordering: Ordering,
) -> Result<Decision<SearchResults>, ServeError> {
    request.check()?;
    let snapshot = context.snapshot;
    fields::check(index, snapshot, request)?;
    let default = Ranker::default();
    let ranker = model.map_or(&default, Model::ranker);
    let mut stages = Stages::default();
    let language = request.language.as_deref().filter(|code| !code.is_empty());
    let (parsed, query) = stages.run("interpret", || {
        index.interpret(snapshot, &request.q, language)
    });
    let behaviour = Behaviour::new(snapshot, request, &query);
    let rules = match ordering {
        Ordering::Full => AppliedRules::new(snapshot, request, &behaviour, context.now),
        Ordering::Lexical | Ordering::Hybrid => AppliedRules::default(),
    };
    let mut search = Search {
        cursor: Cursor::of(request)?,
        behaviour,
        rules,
        index,
        snapshot,
        model,
        ranker,
        request,
        ordering,
        parsed,
        query,
        vector: None,
    };
    let mut candidates = stages.run("lexical", || search.by_words())?;
    if search.looks_at_meaning() {
        stages.run("semantic", || search.add_near(&mut candidates));
    } else {
        stages.skip("semantic");
    }
    let facets = search.filtered(&mut candidates, &mut stages);
    let boosts = search.rules.boosts();
    let scoring = search.scoring(&boosts);
    stages.run("rank", || search.rank(&scoring, &mut candidates));
    let nearest = search.shows_the_nearest(&candidates)?;
    search.pin(&mut candidates);
    page::keep_distinct(index, snapshot, request.distinct, &mut candidates);
    let page = page::page(index, snapshot, request, search.cursor.clone(), &candidates);
    let shown = Shown {
        index,
        snapshot,
        query: &search.query,
        ranker,
        explain: (request.explain && search.is_scored()).then_some(&scoring),
        rules: &search.rules,
        from: match &request.sort {
            Sort::Near { place, .. } => Some(*place),
            _ => None,
        },
    };
    let hits = stages.run("explain", || {
        let page = page.candidates.iter();
        page.filter_map(|candidate| shown.hit(candidate)).collect()
    });
    let best = candidates.iter().take(10);
    let best = best.filter_map(|one| index.place(one.document));
    let related = index.query_log.related(&query_key(&request.q), best);
    Ok(Decision {
        decision_id: context.decision_id.clone(),
        content: SearchResults {
            hits,
            facets,
            total: candidates.len(),
            next_cursor: page.next,
            corrected: search.query.corrected.clone(),
            related,
            redirect: search.rules.redirect(),
            banners: search.rules.banners(),
            rules: search.rules.ids(),
            interpreted: presentation::interpretation(
                &search.query,
                search.parsed.constraints,
                &search.behaviour,
                request,
                Found {
                    total: candidates.len(),
                    nearest,
                },
            ),
        },
        models: versions(snapshot, model),
        stages: stages.into_vec(),
        propensity: None,
    })
}

fn versions(snapshot: &Snapshot, model: Option<&Model>) -> Vec<ModelVersion> {
    let serving = snapshot.serving.get(&Service::Search);
    let serving = serving.filter(|_| model.is_some());
    serving
        .map(|version| ModelVersion {
            service: Service::Search,
            version: version.clone(),
        })
        .into_iter()
        .collect()
}

impl Search<'_> {
    /// Whether there are no words to look for: everything that may be shown is.
    fn browsing(&self) -> bool {
        self.parsed.words.trim().is_empty()
    }

    fn accepts(&self, filter: &Filter, document: DocumentNumber) -> bool {
        self.index.place(document).is_some_and(|place| {
            let product = self.snapshot.catalogue.get(place);
            product.is_some_and(|product| filter.is_empty() || filter.accepts(product))
        })
    }

    fn allows(&self, document: DocumentNumber) -> bool {
        self.accepts(&self.request.filter, document)
    }

    fn is_hidden(&self, document: DocumentNumber) -> bool {
        let place = self.index.place(document);
        place.is_some_and(|place: ProductIndex| self.behaviour.is_hidden(place))
    }

    /// Leaves what may be shown, and counts its facets; a facet that the
    /// filter itself speaks of is counted as if it did not, so that it says
    /// what another choice would give.
    fn filtered(
        &mut self,
        candidates: &mut Vec<Candidate>,
        stages: &mut Stages,
    ) -> BTreeMap<String, Vec<FacetCount>> {
        let request = self.request;
        let operators = Operators::new(self.index, &self.parsed.constraints);
        if !operators.is_empty() {
            candidates.retain(|one| operators.allow(self.index, self.snapshot, one.document));
        }
        let hidden = self.rules.hidden(self.index, self.snapshot);
        if !hidden.is_empty() {
            candidates.retain(|one| !hidden.contains(&one.document));
        }
        for filter in self.rules.filters() {
            candidates.retain(|one| self.accepts(filter, one.document));
        }
        if self.browsing() && self.behaviour.hides_any() {
            candidates.retain(|one| !self.is_hidden(one.document));
        }
        self.cut_off(candidates);
        let freed: Vec<(&String, Filter)> = request
            .facets
            .iter()
            .filter(|_| request.disjunctive)
            .filter_map(|facet| Some((facet, request.filter.without(facet)?)))
            .collect();
        let mut facets = BTreeMap::new();
        if !freed.is_empty() {
            stages.run("disjunctive_facets", || {
                for (facet, filter) in &freed {
                    let documents = candidates.iter().map(|one| one.document);
                    let documents: Vec<_> = documents
                        .filter(|document| self.accepts(filter, *document))
                        .collect();
                    let asked = std::slice::from_ref(*facet);
                    facets.extend(self.count(&documents, asked));
                }
            });
        }
        stages.run("filter", || {
            candidates.retain(|one| self.allows(one.document));
        });
        if !request.facets.is_empty() {
            stages.run("facets", || {
                let documents: Vec<_> = candidates.iter().map(|one| one.document).collect();
                for (facet, values) in self.count(&documents, &request.facets) {
                    facets.entry(facet).or_insert(values);
                }
            });
        }
        facets
    }

    fn count(
        &self,
        documents: &[DocumentNumber],
        facets: &[String],
    ) -> BTreeMap<String, Vec<FacetCount>> {
        let (looked_at, tabled): (Vec<String>, Vec<String>) = (facets.iter().cloned())
            .partition(|facet| fields::is_counted_by_looking(self.index, facet));
        let mut counts = self.index.count_facets(documents, &tabled).finish();
        let places = documents.iter().filter_map(|one| self.index.place(*one));
        let products = places.filter_map(|place| self.snapshot.catalogue.get(place));
        counts.extend(facet::count_by_looking(
            products.map(|product| &**product),
            looked_at,
        ));
        counts
    }

    /// Puts what rules say at its place, where relevance decides.
    fn pin(&self, candidates: &mut Vec<Candidate>) {
        let pinned = self.rules.pinned(self.index, self.snapshot);
        if !pinned.is_empty() && self.request.sort == Sort::Relevance {
            rules::place_pins(candidates, &pinned);
        }
    }

    fn scoring<'s>(&'s self, boosts: &'s [Boost<'s>]) -> Scoring<'s> {
        Scoring {
            ranker: self.ranker,
            // They were grown on what was found for words.
            trees: (self.model.filter(|_| !self.browsing())).map(|model| &*model.trees),
            constraints: &self.parsed.constraints,
            semantic_ratio: self.request.semantic_ratio,
            vector: self.vector.as_deref(),
            boosts,
            needed: page::needed(self.request),
        }
    }

    /// Whether the ranker decides the order.
    fn is_scored(&self) -> bool {
        self.request.sort == Sort::Relevance && self.ordering == Ordering::Full
    }

    /// Whether something is found, and nothing that has all of what was asked
    /// for.
    fn shows_the_nearest(&self, candidates: &[Candidate]) -> Result<bool, ServeError> {
        if candidates.is_empty() || self.browsing() || !self.is_scored() {
            return Ok(false);
        }
        let filter = &self.request.filter;
        let complete =
            full_match::is_full_match(self.index, self.snapshot, filter, &self.query, candidates);
        complete.map(|complete| !complete)
    }

    fn rank(&self, scoring: &Scoring<'_>, candidates: &mut [Candidate]) {
        let (index, snapshot, query) = (self.index, self.snapshot, &self.query);
        match (&self.request.sort, self.ordering) {
            (Sort::Relevance, Ordering::Full) if self.browsing() => {
                rank::rank_all(index, snapshot, &self.behaviour, scoring, candidates);
            }
            (Sort::Relevance, Ordering::Full) => {
                rank::rank(index, snapshot, query, &self.behaviour, scoring, candidates);
            }
            (Sort::Relevance, Ordering::Hybrid) => {
                let vector = self.vector.as_deref();
                rank::rank_by_words_and_meaning(index, query, self.ranker, vector, candidates);
            }
            (Sort::Relevance, Ordering::Lexical) => {
                rank::rank_lexically(index, query, candidates);
            }
            (sort, _) => sort::sort(index, snapshot, sort, candidates),
        }
    }
}
