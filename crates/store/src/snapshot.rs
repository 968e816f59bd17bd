use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rpds::{HashTrieMapSync, QueueSync, VectorSync};
use rustc_hash::FxHashMap;
use shop::{
    Conversation, Curation, Customer, DecisionRecord, Document, Event, EventKind, Id, Judgement,
    Kind, Labelled, Order, Product, Record, Review, SearchRule, Service, Synonyms, Timestamp,
};

use crate::query_log::QueryLog;
use crate::trends::{Trends, is_internal};
use crate::{Entry, LogEntry, RegistryEntry};

/// A product's place in [`Catalogue`]: stable for the life of a data folder.
pub type ProductIndex = u32;

/// The most recent interactions that a [`History`] keeps.
pub const MAX_INTERACTIONS: usize = 512;

/// The most recent decisions that a snapshot keeps for joining.
const MAX_DECISIONS: usize = 50_000;

/// The products, by place and by id. A removed product leaves a hole, so
/// that places never shift.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Catalogue {
    products: Vec<Option<Arc<Product>>>,
    places: FxHashMap<Id, ProductIndex>,
    /// Changes whenever a product is added, changed or removed.
    pub revision: u64,
}

impl Catalogue {
    /// The product at `index`, unless it was removed.
    pub fn get(&self, index: ProductIndex) -> Option<&Arc<Product>> {
        self.products.get(index as usize)?.as_ref()
    }

    /// The place of the product with this id, also of a removed one.
    pub fn index_of(&self, id: &Id) -> Option<ProductIndex> {
        self.places.get(id).copied()
    }

    /// The product with this id.
    pub fn by_id(&self, id: &Id) -> Option<&Arc<Product>> {
        self.get(self.index_of(id)?)
    }

    /// One past the highest place.
    pub fn places(&self) -> usize {
        self.products.len()
    }

    /// The products that are there, with their places.
    pub fn iter(&self) -> impl Iterator<Item = (ProductIndex, &Arc<Product>)> {
        (0..)
            .zip(&self.products)
            .filter_map(|(index, product)| Some((index, product.as_ref()?)))
    }

    /// How many products are there.
    pub fn len(&self) -> usize {
        self.products.iter().flatten().count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.products.iter().flatten().next().is_none()
    }

    fn put(&mut self, product: Product) {
        self.revision += 1;
        let place = self.reserve(&product.id);
        self.products[place as usize] = Some(Arc::new(product));
    }

    /// The place of `id`, made when it has none yet: an order may arrive
    /// before the product that it names.
    fn reserve(&mut self, id: &Id) -> ProductIndex {
        let next = self.products.len() as ProductIndex;
        let place = *self.places.entry(id.clone()).or_insert(next);
        if place == next {
            self.products.push(None);
        }
        place
    }

    fn remove(&mut self, id: &Id) {
        if let Some(place) = self.places.get(id) {
            self.revision += 1;
            self.products[*place as usize] = None;
        }
    }
}

/// Who acts: a known customer, or a visit of somebody unknown.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Actor {
    Customer(Id),
    Session(Id),
}

/// One thing that an actor did to a product.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub struct Interaction {
    pub product: ProductIndex,
    pub kind: EventKind,
    pub time: Timestamp,
}

/// What one actor did, in the order of time (of arrival where times are equal).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// The last [`MAX_INTERACTIONS`], oldest first.
    pub interactions: Vec<Interaction>,
    /// Everything ever bought, and not given back since.
    pub bought: BTreeSet<ProductIndex>,
    /// Everything that the actor asked not to see again.
    pub hidden: BTreeSet<ProductIndex>,
    /// The last searches, oldest first.
    pub queries: Vec<String>,
}

/// How the answers of one model version fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
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
    pub histories: HashTrieMapSync<Actor, Arc<History>>,
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
    pub query_clicks: HashTrieMapSync<String, Arc<BTreeMap<ProductIndex, f32>>>,
    /// The shop's rules for search, by id.
    pub rules: Arc<BTreeMap<Id, Arc<SearchRule>>>,
    /// Words that mean the same to search, by id.
    pub synonyms: Arc<BTreeMap<Id, Arc<Synonyms>>>,
    /// What is looked for, and by how many.
    pub query_log: QueryLog,
    /// The last decisions, for joining events to them, without their reasons:
    /// [`Store::decision`](crate::Store::decision) has those.
    pub decisions: HashTrieMapSync<Id, Arc<DecisionRecord>>,
    /// What people thought of each of these decisions: the sum of their thumbs.
    pub thumbs: HashTrieMapSync<Id, i64>,
    decision_order: QueueSync<Id>,
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
                let fresh = self.catalogue.by_id(&product.id).is_none();
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
                let was_there = self.catalogue.by_id(id).is_some();
                Arc::make_mut(&mut self.catalogue).remove(id);
                was_there
            }
            Kind::Customers => {
                self.histories.remove_mut(&Actor::Customer(id.clone()));
                self.customers.remove_mut(id)
            }
            Kind::Orders => self.orders.remove_mut(id),
            Kind::Reviews => self.reviews.remove_mut(id),
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
                self.remember(&actor, interaction);
                self.add_popularity(product, EventKind::Purchase.interest());
            }
        }
        fresh
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
            self.remember(actor, interaction);
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
                self.change_history(actor, |history| {
                    history.queries.push(query.to_owned());
                    if history.queries.len() > MAX_INTERACTIONS {
                        history.queries.remove(0);
                    }
                });
            }
        }
        self.query_log
            .note(query, event, actors.iter().flatten().next());
        let interest = event.kind.interest();
        if let (Some(product), true) = (product, interest != 0.0) {
            let key = query.trim().to_lowercase();
            let mut clicks = self.query_clicks.get(&key).cloned().unwrap_or_default();
            *Arc::make_mut(&mut clicks).entry(product).or_default() += interest;
            self.query_clicks.insert_mut(key, clicks);
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

    fn remember(&mut self, actor: &Actor, interaction: Interaction) {
        self.change_history(actor, |history| {
            let at = history
                .interactions
                .partition_point(|other| other.time <= interaction.time);
            // Deeds may arrive late: the last in time decides.
            let settled = history.interactions[at..].iter().any(|later| {
                later.product == interaction.product
                    && matches!(later.kind, EventKind::Purchase | EventKind::Refund)
            });
            match interaction.kind {
                EventKind::Purchase if !settled => {
                    history.bought.insert(interaction.product);
                }
                EventKind::Refund if !settled => {
                    history.bought.remove(&interaction.product);
                }
                EventKind::Hide => {
                    history.hidden.insert(interaction.product);
                }
                _ => {}
            }
            history.interactions.insert(at, interaction);
            if history.interactions.len() > MAX_INTERACTIONS {
                history.interactions.remove(0);
            }
        });
    }

    fn change_history(&mut self, actor: &Actor, change: impl FnOnce(&mut History)) {
        if let Some(history) = self.histories.get_mut(actor) {
            change(Arc::make_mut(history));
        } else {
            let mut history = History::default();
            change(&mut history);
            self.histories.insert_mut(actor.clone(), Arc::new(history));
        }
    }

    fn decided(&mut self, decision: &DecisionRecord) {
        *self.counts.decisions.entry(decision.service).or_default() += 1;
        for model in &decision.models {
            let key = (model.service, model.version.clone());
            self.outcomes.entry(key).or_default().decisions += 1;
        }
        self.decisions
            .insert_mut(decision.id.clone(), Arc::new(decision.without_reasons()));
        self.decision_order.enqueue_mut(decision.id.clone());
        if self.decision_order.len() > MAX_DECISIONS
            && let Some(oldest) = self.decision_order.peek().cloned()
        {
            self.decision_order.dequeue_mut();
            self.decisions.remove_mut(&oldest);
            self.thumbs.remove_mut(&oldest);
        }
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
            self.thumbs.insert_mut(decision.id.clone(), sum);
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

#[cfg(test)]
mod tests {
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
