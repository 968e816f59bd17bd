use std::collections::BTreeMap;
use std::sync::Arc;

use rpds::{HashTrieMapSync, VectorSync};
use shop::{
    Conversation, Curation, Customer, DecisionRecord, Document, Event, EventKind, Id, Judgement,
    Kind, Labelled, Order, Record, Review, SearchRule, Service, Synonyms,
};

use crate::catalogue::{Catalogue, ProductIndex};
use crate::history::{Actor, Histories, History, Interaction};
use crate::query_log::QueryLog;
use crate::recent_map::{Footprint, RecentMap};
use crate::trends::{Trends, is_internal};
use crate::{Entry, LogEntry, RegistryEntry};

/// Memory for the most recent decisions, which events are joined to.
const DECISION_BYTES: usize = 64 << 20;

/// Memory for what was chosen after queries.
const QUERY_CLICK_BYTES: usize = 64 << 20;

/// Memory for what people thought of them.
const THUMB_BYTES: usize = 8 << 20;

/// How the answers of one model version fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs)]
pub struct Outcomes {
    pub decisions: u64,
    pub clicks: u64,
    pub carts: u64,
    pub purchases: u64,
    pub thumbs_up: u64,
    pub thumbs_down: u64,
}

/// How much there is of everything.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Records that stand, by kind.
    pub records: BTreeMap<Kind, u64>,
    /// Events by what happened.
    pub events: BTreeMap<EventKind, u64>,
    /// Decisions by service.
    pub decisions: BTreeMap<Service, u64>,
}

/// All that serving may look at, at one place in the log. Immutable: a new
/// entry makes a new snapshot that shares nearly everything with the old one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// The last log entry that is in here; 0 for none.
    pub sequence: u64,
    /// The products.
    pub catalogue: Arc<Catalogue>,
    /// The customers.
    pub customers: HashTrieMapSync<Id, Arc<Customer>>,
    /// The orders.
    pub orders: HashTrieMapSync<Id, Arc<Order>>,
    /// The orders of each customer, in the order in which they arrived.
    pub orders_of: HashTrieMapSync<Id, Arc<Vec<Id>>>,
    /// What everyone did.
    pub histories: Histories,
    /// What customers wrote.
    pub reviews: HashTrieMapSync<Id, Arc<Review>>,
    /// The reviews of each product, in the order in which they arrived.
    pub reviews_of: HashTrieMapSync<Id, Arc<Vec<Id>>>,
    /// Talks with customers.
    pub conversations: HashTrieMapSync<Id, Arc<Conversation>>,
    /// What support may say.
    pub documents: Arc<BTreeMap<Id, Arc<Document>>>,
    /// Changes whenever a document is added, changed or removed.
    pub documents_revision: u64,
    /// Interest in each product: summed [`EventKind::interest`], and bought units.
    pub popularity: HashTrieMapSync<ProductIndex, f32>,
    /// What is in demand these days.
    pub trends: Trends,
    /// What was clicked or bought after a query (lower case, trimmed).
    pub query_clicks: RecentMap<String, Arc<BTreeMap<ProductIndex, f32>>, QUERY_CLICK_BYTES>,
    /// The shop's rules for search, by id.
    pub rules: Arc<BTreeMap<Id, Arc<SearchRule>>>,
    /// Words that mean the same to search, by id.
    pub synonyms: Arc<BTreeMap<Id, Arc<Synonyms>>>,
    /// What is looked for, and by how many.
    pub query_log: QueryLog,
    /// The last decisions, for joining events to them, without their reasons:
    /// [`Store::decision`](crate::Store::decision) has those.
    pub decisions: RecentMap<Id, Arc<DecisionRecord>, DECISION_BYTES>,
    /// What people thought of these decisions: the sum of their thumbs.
    pub thumbs: RecentMap<Id, i64, THUMB_BYTES>,
    /// How each model version's answers fared.
    pub outcomes: BTreeMap<(Service, String), Outcomes>,
    /// The version that serves, by service.
    pub serving: BTreeMap<Service, String>,
    /// Every version that has served, by service, in the order of promotion.
    pub promoted: BTreeMap<Service, Vec<String>>,
    /// Every version trained, oldest first, with its metrics.
    pub trained: Arc<Vec<(Service, String, serde_json::Value)>>,
    /// Relevance judgements.
    pub judgements: VectorSync<Arc<Judgement>>,
    /// Labelled texts.
    pub labelled: VectorSync<Arc<Labelled>>,
    /// How much there is of everything.
    pub counts: Counts,
}

impl Snapshot {
    /// What this customer did, or what happened in this visit: the customer
    /// when known, else the session.
    pub fn history(&self, customer: Option<&Id>, session: Option<&Id>) -> Option<&Arc<History>> {
        customer
            .and_then(|id| self.histories.get(&Actor::Customer(id.clone())))
            .or_else(|| session.and_then(|id| self.histories.get(&Actor::Session(id.clone()))))
    }

    /// What takes memory with traffic: a name, bytes by and large, the most
    /// that there may be.
    pub fn memory(&self) -> [(&'static str, usize, usize); 5] {
        let (sessions, most) = self.histories.session_memory();
        let (queries, most_queries) = self.query_log.memory();
        let clicks = &self.query_clicks;
        [
            ("queries", queries, most_queries),
            ("query_clicks", clicks.bytes(), clicks.limit()),
            ("decisions", self.decisions.bytes(), self.decisions.limit()),
            ("thumbs", self.thumbs.bytes(), self.thumbs.limit()),
            ("sessions", sessions, most),
        ]
    }

    /// The snapshot after these entries, which follow `self.sequence`.
    pub fn apply(&self, entries: &[LogEntry]) -> Self {
        let mut next = self.clone();
        next.extend(entries);
        next
    }

    /// Applies entries in place; replay uses it where no reader is waiting.
    pub fn extend(&mut self, entries: &[LogEntry]) {
        for entry in entries {
            debug_assert!(entry.sequence > self.sequence);
            self.sequence = entry.sequence;
            match &entry.entry {
                Entry::Record(record) => self.put(record),
                Entry::Removed { kind, id } => self.remove(*kind, id),
                Entry::Decision(decision) => self.decided(decision),
                Entry::Ledger(_) | Entry::Audit(_) | Entry::Confirmation(_) => {}
                Entry::Curation(curation) => self.curate(curation),
                Entry::Registry(RegistryEntry::Trained {
                    service,
                    version,
                    metrics,
                }) => {
                    self.put_trained(*service, version, metrics);
                }
                Entry::Registry(RegistryEntry::Promoted { service, version }) => {
                    self.serving.insert(*service, version.clone());
                    self.promoted
                        .entry(*service)
                        .or_default()
                        .push(version.clone());
                }
            }
        }
    }

    fn curate(&mut self, curation: &Curation) {
        match curation {
            Curation::Rule { rule, .. } => {
                let rules = Arc::make_mut(&mut self.rules);
                rules.insert(rule.id.clone(), Arc::new((**rule).clone()));
            }
            Curation::RuleRemoved { id, .. } => {
                Arc::make_mut(&mut self.rules).remove(id);
            }
            Curation::Synonyms { synonyms, .. } => {
                let all = Arc::make_mut(&mut self.synonyms);
                all.insert(synonyms.id.clone(), Arc::new(synonyms.clone()));
            }
            Curation::SynonymsRemoved { id, .. } => {
                Arc::make_mut(&mut self.synonyms).remove(id);
            }
        }
    }

    fn put(&mut self, record: &Record) {
        let fresh = match record {
            Record::Product(product) => {
                let fresh = self.catalogue.kept_by_id(&product.id).is_none();
                Arc::make_mut(&mut self.catalogue).put(product.clone());
                fresh
            }
            Record::Customer(customer) => {
                put_keyed(&mut self.customers, &customer.id, customer.clone())
            }
            Record::Order(order) => self.put_order(order),
            Record::Event(event) => {
                self.put_event(event);
                true
            }
            Record::Review(review) => {
                let fresh = put_keyed(&mut self.reviews, &review.id, review.clone());
                if let (true, Some(product)) = (fresh, &review.product_id) {
                    push_keyed(&mut self.reviews_of, product, review.id.clone());
                }
                fresh
            }
            Record::Conversation(conversation) => put_keyed(
                &mut self.conversations,
                &conversation.id,
                conversation.clone(),
            ),
            Record::Document(document) => {
                self.documents_revision += 1;
                Arc::make_mut(&mut self.documents)
                    .insert(document.id.clone(), Arc::new(document.clone()))
                    .is_none()
            }
            Record::Judgement(judgement) => {
                self.judgements.push_back_mut(Arc::new(judgement.clone()));
                true
            }
            Record::Labelled(labelled) => {
                self.labelled.push_back_mut(Arc::new(labelled.clone()));
                true
            }
        };
        if fresh {
            *self.counts.records.entry(record.kind()).or_default() += 1;
        }
    }

    fn remove(&mut self, kind: Kind, id: &Id) {
        let was_there = match kind {
            Kind::Products => {
                let was_there = self.catalogue.kept_by_id(id).is_some();
                Arc::make_mut(&mut self.catalogue).remove(id);
                was_there
            }
            Kind::Customers => {
                self.histories.remove_customer(id);
                self.customers.remove_mut(id)
            }
            Kind::Orders => self.remove_order(id),
            Kind::Reviews => {
                let review = self.reviews.get(id).cloned();
                if let Some(product) = review.as_ref().and_then(|one| one.product_id.as_ref()) {
                    pull_keyed(&mut self.reviews_of, product, id);
                }
                self.reviews.remove_mut(id)
            }
            Kind::Conversations => self.conversations.remove_mut(id),
            Kind::Documents => {
                self.documents_revision += 1;
                Arc::make_mut(&mut self.documents).remove(id).is_some()
            }
            Kind::Events | Kind::Judgements | Kind::Labelled => false,
        };
        if was_there && let Some(count) = self.counts.records.get_mut(&kind) {
            *count -= 1;
        }
    }

    /// An order is also a purchase of each of its products.
    fn put_order(&mut self, order: &Order) -> bool {
        let fresh = put_keyed(&mut self.orders, &order.id, order.clone());
        if fresh {
            push_keyed(&mut self.orders_of, &order.customer_id, order.id.clone());
            for line in &order.lines {
                let product = self.place_of(&line.product_id);
                let interaction = Interaction {
                    product,
                    kind: EventKind::Purchase,
                    time: order.time,
                };
                let actor = Actor::Customer(order.customer_id.clone());
                self.follow(&actor, interaction);
                self.histories
                    .change(&actor, |history| history.remember(interaction));
                self.add_popularity(product, EventKind::Purchase.interest());
            }
        }
        fresh
    }

    /// A deleted order is no purchase any more.
    fn remove_order(&mut self, id: &Id) -> bool {
        let Some(order) = self.orders.get(id).cloned() else {
            return false;
        };
        self.orders.remove_mut(id);
        pull_keyed(&mut self.orders_of, &order.customer_id, id);
        let others = self.orders_of.get(&order.customer_id).cloned();
        let others = others.iter().flat_map(|ids| ids.iter());
        let others: Vec<_> = others
            .filter_map(|id| self.orders.get(id).cloned())
            .collect();
        for line in &order.lines {
            let product = self.place_of(&line.product_id);
            let has_it = |other: &Arc<Order>| {
                other
                    .lines
                    .iter()
                    .any(|one| one.product_id == line.product_id)
            };
            let elsewhere = others.iter().any(has_it);
            let actor = Actor::Customer(order.customer_id.clone());
            if self.histories.get(&actor).is_some() {
                self.histories.change(&actor, |history| {
                    history.forget_purchase(product, order.time, elsewhere);
                });
            }
            self.add_popularity(product, -EventKind::Purchase.interest());
        }
        true
    }

    fn put_event(&mut self, event: &Event) {
        *self.counts.events.entry(event.kind).or_default() += 1;
        self.join_decision(event);
        let actors = [
            event.customer_id.clone().map(Actor::Customer),
            event.session_id.clone().map(Actor::Session),
        ];
        let product = event.product_id.as_ref().map(|id| self.place_of(id));
        if let Some(query) = &event.query {
            self.put_query(event, query, product, &actors);
        }
        let Some(product) = product else {
            return;
        };
        if event.kind == EventKind::Impression {
            return;
        }
        self.add_popularity(product, event.kind.interest());
        let interaction = Interaction {
            product,
            kind: event.kind,
            time: event.time,
        };
        if let (Some(actor), false) = (actors.iter().flatten().next(), is_internal(event)) {
            self.follow(actor, interaction);
        }
        for actor in actors.iter().flatten() {
            self.histories
                .change(actor, |history| history.remember(interaction));
        }
    }

    fn put_query(
        &mut self,
        event: &Event,
        query: &str,
        product: Option<ProductIndex>,
        actors: &[Option<Actor>],
    ) {
        if event.kind == EventKind::Search {
            for actor in actors.iter().flatten() {
                self.histories
                    .change(actor, |history| history.remember_query(query));
            }
        }
        self.query_log
            .note(query, event, actors.iter().flatten().next());
        let interest = event.kind.interest();
        if let (Some(product), true) = (product, interest != 0.0) {
            let key = query.trim().to_lowercase();
            let mut clicks = self.query_clicks.get(&key).cloned().unwrap_or_default();
            *Arc::make_mut(&mut clicks).entry(product).or_default() += interest;
            self.query_clicks.insert(key, clicks);
        }
    }

    /// The same files trained again are the same version, measured again.
    fn put_trained(&mut self, service: Service, version: &str, metrics: &serde_json::Value) {
        let trained = Arc::make_mut(&mut self.trained);
        trained.retain(|(of, known, _)| (*of, known.as_str()) != (service, version));
        trained.push((service, version.to_owned(), metrics.clone()));
    }

    fn place_of(&mut self, id: &Id) -> ProductIndex {
        match self.catalogue.index_of(id) {
            Some(place) => place,
            None => Arc::make_mut(&mut self.catalogue).reserve(id),
        }
    }

    fn add_popularity(&mut self, product: ProductIndex, interest: f32) {
        if interest != 0.0 {
            let sum = self.popularity.get(&product).copied().unwrap_or_default() + interest;
            self.popularity.insert_mut(product, sum);
        }
    }

    /// Counts a deed for what is in demand, unless it is a seller's to what
    /// they sell or that of the shop's staff.
    fn follow(&mut self, actor: &Actor, deed: Interaction) {
        if let Actor::Customer(id) = actor {
            let staff = self.customers.get(id).is_some_and(|customer| {
                customer.properties.get("staff") == Some(&serde_json::Value::Bool(true))
            });
            let product = self.catalogue.get(deed.product);
            let seller = product.and_then(|product| product.seller.as_deref());
            if staff || seller == Some(id.as_str()) {
                return;
            }
        }
        let history = self.histories.get(actor).map(Arc::as_ref);
        self.trends.follow(history, deed);
    }

    fn decided(&mut self, decision: &DecisionRecord) {
        *self.counts.decisions.entry(decision.service).or_default() += 1;
        for model in &decision.models {
            let key = (model.service, model.version.clone());
            self.outcomes.entry(key).or_default().decisions += 1;
        }
        self.decisions
            .insert(decision.id.clone(), Arc::new(decision.compact()));
    }

    /// Credits the models behind the decision that this event answers.
    fn join_decision(&mut self, event: &Event) {
        let Some(decision) = event
            .decision_id
            .as_ref()
            .and_then(|id| self.decisions.get(id))
        else {
            return;
        };
        let thumb = event.value.as_ref().and_then(|value| value.as_i64());
        if let (EventKind::Feedback, Some(thumb)) = (event.kind, thumb) {
            let sum = self.thumbs.get(&decision.id).copied().unwrap_or_default();
            let sum = sum + if thumb > 0 { 1 } else { -1 };
            self.thumbs.insert(decision.id.clone(), sum);
        }
        for model in &decision.models {
            let outcomes = self
                .outcomes
                .entry((model.service, model.version.clone()))
                .or_default();
            match event.kind {
                EventKind::Click => outcomes.clicks += 1,
                EventKind::AddToCart => outcomes.carts += 1,
                EventKind::Purchase => outcomes.purchases += 1,
                EventKind::Feedback => {
                    match event.value.as_ref().and_then(|value| value.as_i64()) {
                        Some(thumb) if thumb > 0 => outcomes.thumbs_up += 1,
                        Some(_) => outcomes.thumbs_down += 1,
                        None => {}
                    }
                }
                _ => {}
            }
        }
    }
}

/// Puts `value` under `id`; true when nothing stood there before.
fn put_keyed<T>(map: &mut HashTrieMapSync<Id, Arc<T>>, id: &Id, value: T) -> bool {
    let fresh = !map.contains_key(id);
    map.insert_mut(id.clone(), Arc::new(value));
    fresh
}

fn push_keyed(map: &mut HashTrieMapSync<Id, Arc<Vec<Id>>>, key: &Id, value: Id) {
    if let Some(list) = map.get_mut(key) {
        Arc::make_mut(list).push(value);
    } else {
        map.insert_mut(key.clone(), Arc::new(vec![value]));
    }
}

/// Takes an id out of a list.
fn pull_keyed(map: &mut HashTrieMapSync<Id, Arc<Vec<Id>>>, key: &Id, value: &Id) {
    if let Some(list) = map.get_mut(key) {
        Arc::make_mut(list).retain(|one| one != value);
        if list.is_empty() {
            map.remove_mut(key);
        }
    }
}

impl Footprint for Id {
    fn bytes(&self) -> usize {
        // Two words, the count of its owners and the tree's node.
        64 + self.as_str().len()
    }
}

impl Footprint for String {
    fn bytes(&self) -> usize {
        64 + self.len()
    }
}

impl Footprint for Arc<BTreeMap<ProductIndex, f32>> {
    fn bytes(&self) -> usize {
        // A node of a tree holds eleven and is two thirds full.
        100 + 12 * self.len().next_multiple_of(8)
    }
}

impl Footprint for i64 {
    fn bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Footprint for Arc<DecisionRecord> {
    fn bytes(&self) -> usize {
        let models: usize = self.models.iter().map(|one| 48 + one.version.len()).sum();
        let shown: usize = self.shown.iter().map(|id| 40 + id.as_str().len()).sum();
        // JSON takes about four times its text in memory.
        size_of::<DecisionRecord>() + models + shown + 4 * self.explanation.to_string().len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use shop::{Product, Timestamp};

    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    fn event(kind: EventKind, product: &str) -> Entry {
        let mut event = Event::new(kind, Timestamp::from_seconds(1_000_000_000));
        event.customer_id = Some(id("c"));
        event.product_id = Some(id(product));
        Entry::Record(Record::Event(event))
    }

    fn log(entries: Vec<Entry>) -> Vec<LogEntry> {
        let numbered = (1..).zip(entries);
        numbered
            .map(|(sequence, entry)| LogEntry {
                sequence,
                id: sequence.to_string(),
                entry,
            })
            .collect()
    }

    #[test]
    fn what_is_bought_or_hidden_is_remembered_and_old_snapshots_stay() {
        let product =
            |name: &str| Entry::Record(Record::Product(Product::new(id(name), name.into())));
        let entries = log(vec![
            product("a"),
            product("b"),
            event(EventKind::Purchase, "a"),
            event(EventKind::Hide, "b"),
            event(EventKind::Refund, "a"),
        ]);
        let before = Snapshot::default().apply(&entries[..4]);
        let after = before.apply(&entries[4..]);
        let history = |snapshot: &Snapshot| {
            snapshot
                .history(Some(&id("c")), None)
                .map(|history| (**history).clone())
                .unwrap()
        };
        assert_eq!(history(&before).bought, BTreeSet::from([0]));
        assert_eq!(history(&before).hidden, BTreeSet::from([1]));
        assert!(history(&after).bought.is_empty());
        assert_eq!(before.sequence, 4);
        assert_eq!(after.counts.records[&Kind::Events], 3);
    }

    #[test]
    fn a_removed_product_keeps_its_place() {
        let product =
            |name: &str| Entry::Record(Record::Product(Product::new(id(name), name.into())));
        let gone = Entry::Removed {
            kind: Kind::Products,
            id: id("a"),
        };
        let snapshot = Snapshot::default().apply(&log(vec![product("a"), product("b"), gone]));
        assert!(snapshot.catalogue.by_id(&id("a")).is_none());
        assert_eq!(snapshot.catalogue.index_of(&id("b")), Some(1));
        assert_eq!(snapshot.catalogue.len(), 1);
        assert_eq!(snapshot.counts.records[&Kind::Products], 1);
    }
}
