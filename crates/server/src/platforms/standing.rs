//! What a platform says against what stands: the older state never comes back,
//! variants that are gone go, and what somebody changed meanwhile is looked at
//! again.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::Value;
use shop::{Customer, Id, Kind, Product, Properties, Record, Timestamp};
use store::{Appended, NewEntry, Precondition, Snapshot, Store, StoreError};

use super::{Delivery, Platform};
use crate::records::removal;

/// How often it is looked at again because somebody changed a record meanwhile.
const MOST_PLANS: usize = 8;

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Became {
    Stored,
    Unchanged,
    /// Something newer stands.
    Stale,
    /// None of its records is one.
    Rejected,
}

/// What became of a delivery, with the records that it moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// In a word.
    pub became: Became,
    /// Records that are new or changed.
    pub stored: u64,
    /// Records that stood so already.
    pub unchanged: u64,
    /// Records that are gone.
    pub removed: u64,
}

/// A value as text: platforms write numbers of theirs as numbers.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The platform's number of what has these properties.
pub(super) fn number_of(platform: Platform, properties: &Properties) -> Option<String> {
    text_of(properties.get(platform.number_property())?)
}

/// Stores what came, all of it in one commit. Each delivery has its outcome.
pub async fn store(
    store: &Store,
    platform: Platform,
    deliveries: &[Delivery],
) -> Result<Vec<Outcome>, StoreError> {
    let mut plans = 0;
    loop {
        plans += 1;
        let snapshot = store.snapshot();
        let plan = Plan::of(&snapshot, platform, deliveries);
        let conditions = plan.conditions(snapshot.sequence);
        match store.append_if(conditions, plan.entries).await {
            Ok(appended) => return Ok(count(plan.outcomes, &plan.owners, &appended)),
            Err(StoreError::Changed { .. }) if plans < MOST_PLANS => {}
            Err(error) => return Err(error),
        }
    }
}

/// What is to be written.
struct Plan {
    entries: Vec<NewEntry>,
    /// Of which delivery an entry is, and whether it removes.
    owners: Vec<(usize, bool)>,
    touched: Vec<(Kind, Id)>,
    outcomes: Vec<Outcome>,
}

impl Plan {
    fn of(snapshot: &Snapshot, platform: Platform, deliveries: &[Delivery]) -> Self {
        let mut plan = Self {
            entries: Vec::new(),
            owners: Vec::new(),
            touched: Vec::new(),
            outcomes: Vec::new(),
        };
        let ids = deliveries.iter().flat_map(|delivery| &delivery.records);
        let claimed: HashSet<&Id> = ids.filter_map(Record::id).collect();
        for (place, delivery) in deliveries.iter().enumerate() {
            let became = plan.add(snapshot, platform, delivery, place, &claimed);
            plan.outcomes.push(Outcome {
                became,
                stored: 0,
                unchanged: 0,
                removed: 0,
            });
        }
        plan
    }

    fn add(
        &mut self,
        snapshot: &Snapshot,
        platform: Platform,
        delivery: &Delivery,
        place: usize,
        claimed: &HashSet<&Id>,
    ) -> Became {
        if delivery.records.is_empty() && !delivery.rejected.is_empty() {
            return Became::Rejected;
        }
        let standing = standing(snapshot, platform, delivery);
        let newest = standing.iter().filter_map(updated_at).max();
        if let (Some(newest), Some(came)) = (newest, delivery.updated_at)
            && newest > came
        {
            self.touched.extend(keys(&standing));
            return Became::Stale;
        }
        for record in &delivery.records {
            let record = kept_consent(snapshot, platform, record.clone());
            self.touched
                .extend(record.id().map(|id| (record.kind(), id.clone())));
            self.entries.push(record.into());
            self.owners.push((place, false));
        }
        // A variant that was refused is there all the same.
        if delivery.kind == Kind::Products && delivery.rejected.is_empty() {
            let gone = standing.iter().filter(|record| {
                let id = record.id().is_some_and(|id| claimed.contains(id));
                !id && !is_elsewhere(platform, delivery, record)
            });
            for (kind, id) in keys(gone) {
                self.touched.push((kind, id.clone()));
                self.entries.push(removal(kind, id));
                self.owners.push((place, true));
            }
        }
        Became::Stored
    }

    fn conditions(&self, since: u64) -> Vec<Precondition> {
        let touched = self.touched.iter();
        touched
            .map(|(kind, id)| Precondition::Unchanged {
                kind: *kind,
                id: id.clone(),
                since,
            })
            .collect()
    }
}

fn keys<'r>(records: impl IntoIterator<Item = &'r Record>) -> Vec<(Kind, Id)> {
    let keys = records.into_iter();
    keys.filter_map(|record| Some((record.kind(), record.id()?.clone())))
        .collect()
}

fn count(
    mut outcomes: Vec<Outcome>,
    owners: &[(usize, bool)],
    appended: &[Appended],
) -> Vec<Outcome> {
    for ((place, removes), appended) in owners.iter().zip(appended) {
        let outcome = &mut outcomes[*place];
        match (appended, removes) {
            (Appended::New(_), false) => outcome.stored += 1,
            (Appended::New(_), true) => outcome.removed += 1,
            (Appended::Duplicate, _) => outcome.unchanged += 1,
        }
    }
    for outcome in &mut outcomes {
        if outcome.became == Became::Stored && outcome.stored + outcome.removed == 0 {
            outcome.became = Became::Unchanged;
        }
    }
    outcomes
}

/// The records that a delivery speaks of, as they stand.
fn standing(snapshot: &Snapshot, platform: Platform, delivery: &Delivery) -> Vec<Record> {
    match delivery.kind {
        Kind::Products => {
            let family = Family::of(delivery);
            let products = snapshot.catalogue.kept();
            let own = products.filter(|product| family.has(platform, product));
            own.map(|product| Record::Product((**product).clone()))
                .collect()
        }
        Kind::Orders => {
            let ids = delivery.records.iter().filter_map(Record::id);
            let orders = ids.filter_map(|id| snapshot.orders.get(id));
            orders
                .map(|order| Record::Order((**order).clone()))
                .collect()
        }
        Kind::Customers => {
            let ids = delivery.records.iter().filter_map(Record::id);
            let customers = ids.filter_map(|id| snapshot.customers.get(id));
            customers
                .map(|customer| Record::Customer((**customer).clone()))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// What the records of one product share.
struct Family<'d> {
    number: &'d str,
    group: Option<&'d Id>,
    handle: Option<&'d Value>,
}

impl<'d> Family<'d> {
    fn of(delivery: &'d Delivery) -> Self {
        let first = delivery.records.iter().find_map(|record| match record {
            Record::Product(product) => Some(product),
            _ => None,
        });
        Self {
            number: &delivery.number,
            group: first.and_then(|product| product.group_id.as_ref()),
            handle: first.and_then(|product| product.properties.get("handle")),
        }
    }

    /// What an exported file brought has no number: it is known by its group.
    fn has(&self, platform: Platform, product: &Product) -> bool {
        match number_of(platform, &product.properties) {
            Some(number) => number == self.number,
            None => {
                let group = self.group.is_some() && product.group_id.as_ref() == self.group;
                let handle =
                    self.handle.is_some() && product.properties.get("handle") == self.handle;
                group || handle
            }
        }
    }
}

fn updated_at(record: &Record) -> Option<Timestamp> {
    let said = |properties: &Properties| properties.get("updated_at")?.as_str()?.parse().ok();
    match record {
        Record::Product(product) => product.updated_at,
        Record::Order(order) => said(&order.properties),
        Record::Customer(customer) => said(&customer.properties),
        _ => None,
    }
}

/// Whether a variant is there though it did not come.
fn is_elsewhere(platform: Platform, delivery: &Delivery, record: &Record) -> bool {
    let Record::Product(product) = record else {
        return false;
    };
    let number = product
        .properties
        .get(platform.variant_property())
        .and_then(text_of);
    let is_it = |one: &Record| match one {
        Record::Product(one) => {
            one.properties
                .get(platform.variant_property())
                .and_then(text_of)
                == number
        }
        _ => false,
    };
    // One that came under another SKU is that one now.
    let came = number.is_some() && delivery.records.iter().any(is_it);
    !came && number.is_some_and(|number| delivery.elsewhere.contains(&number))
}

/// A platform knows nothing of what a customer allowed here, nor who brought
/// them: that stays.
fn kept_consent(snapshot: &Snapshot, platform: Platform, record: Record) -> Record {
    let Record::Customer(mut customer) = record else {
        return record;
    };
    if let Some(standing) = snapshot.customers.get(&customer.id) {
        customer.consent.personalisation = standing.consent.personalisation;
        customer.consent.training = standing.consent.training;
        if platform == Platform::WooCommerce {
            customer.consent.marketing = standing.consent.marketing;
        }
        customer.referred_by = customer
            .referred_by
            .or_else(|| standing.referred_by.clone());
        customer.language = customer.language.or_else(|| standing.language.clone());
    }
    Record::Customer(customer)
}

/// Removes all records of what has this number; says how many there were.
pub async fn remove(
    store: &Store,
    platform: Platform,
    kind: Kind,
    number: &str,
) -> Result<u64, StoreError> {
    let snapshot = store.snapshot();
    let is_it =
        |properties: &Properties| number_of(platform, properties).as_deref() == Some(number);
    let ids: Vec<Id> = match kind {
        Kind::Products => {
            let all = snapshot.catalogue.kept();
            all.filter(|one| is_it(&one.properties))
                .map(|one| one.id.clone())
                .collect()
        }
        Kind::Orders => {
            let all = snapshot.orders.values();
            all.filter(|one| is_it(&one.properties))
                .map(|one| one.id.clone())
                .collect()
        }
        Kind::Customers => {
            let all = snapshot.customers.values();
            // An exported file calls customers by the same number.
            let is_called = |one: &Customer| {
                number_of(platform, &one.properties).is_none() && one.id.as_str() == number
            };
            all.filter(|one| is_it(&one.properties) || is_called(one))
                .map(|one| one.id.clone())
                .collect()
        }
        _ => Vec::new(),
    };
    remove_records(store, kind, ids).await
}

/// Removes records by id; says how many there were.
pub async fn remove_records(store: &Store, kind: Kind, ids: Vec<Id>) -> Result<u64, StoreError> {
    let entries = ids.into_iter().map(|id| removal(kind, id)).collect();
    let appended = store.append(entries).await?;
    let new = |one: &&Appended| matches!(one, Appended::New(_));
    Ok(appended.iter().filter(new).count() as u64)
}
