use std::collections::BTreeSet;

use shop::{EventKind, Id};
use store::{Actor, History, Interaction, ProductIndex, Snapshot};

use super::{RecommendRequest, Scenario};

/// What a request may know of the person behind it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Person {
    /// What they did, oldest first.
    pub(super) interactions: Vec<Interaction>,
    /// What they bought or asked not to see again.
    pub(super) excluded: BTreeSet<ProductIndex>,
}

impl Person {
    /// Looks the person up; an empty one where the list must not depend on
    /// who asks. Visit and customer are one person.
    pub(super) fn of(snapshot: &Snapshot, request: &RecommendRequest) -> Self {
        let consents = |id: &Id| {
            let customer = snapshot.customers.get(id);
            customer.is_none_or(|customer| customer.consent.personalisation)
        };
        if !request.personalise || !request.customer.as_ref().is_none_or(consents) {
            return Self::default();
        }
        let customer = request.customer.clone().map(Actor::Customer);
        let session = request.session.clone().map(Actor::Session);
        let history = |actor: &Option<Actor>| -> Option<&History> {
            Some(snapshot.histories.get(actor.as_ref()?)?.as_ref())
        };
        let (customer, session) = (history(&customer), history(&session));
        let mut person = Self::default();
        for history in [customer, session].into_iter().flatten() {
            person.excluded.extend(&history.bought);
        }
        let everything = merge(customer, session);
        for product in given_back(&everything) {
            person.excluded.remove(&product);
        }
        for history in [customer, session].into_iter().flatten() {
            person.excluded.extend(&history.hidden);
        }
        person.interactions = match (request.scenario, session) {
            (Scenario::Session, Some(visit)) => visit.interactions.clone(),
            _ => everything,
        };
        person
    }

    /// What was put into the cart and neither taken out nor bought since.
    pub(super) fn cart(&self) -> Vec<ProductIndex> {
        let mut cart: Vec<ProductIndex> = Vec::new();
        for interaction in &self.interactions {
            match interaction.kind {
                EventKind::AddToCart => {
                    cart.retain(|product| *product != interaction.product);
                    cart.push(interaction.product);
                }
                EventKind::RemoveFromCart | EventKind::Purchase => {
                    cart.retain(|product| *product != interaction.product);
                }
                _ => {}
            }
        }
        cart
    }

    /// The strongest thing that the person did to a product.
    pub(super) fn strongest(&self, product: ProductIndex) -> Option<EventKind> {
        self.interactions
            .iter()
            .filter(|interaction| interaction.product == product)
            .map(|interaction| interaction.kind)
            .max_by(|left, right| left.interest().total_cmp(&right.interest()))
    }
}

/// What was bought and given back since: the visit that bought it need not be
/// the one that gave it back.
fn given_back(interactions: &[Interaction]) -> BTreeSet<ProductIndex> {
    let mut given_back = BTreeSet::new();
    for interaction in interactions {
        match interaction.kind {
            EventKind::Refund => {
                given_back.insert(interaction.product);
            }
            EventKind::Purchase => {
                given_back.remove(&interaction.product);
            }
            _ => {}
        }
    }
    given_back
}

/// Both histories in the order of time; what an event with both ids left in
/// both counts once.
fn merge(customer: Option<&History>, session: Option<&History>) -> Vec<Interaction> {
    let of = |history: Option<&History>| {
        history.map_or_else(Vec::new, |history| history.interactions.clone())
    };
    let mut all = of(customer);
    for interaction in of(session) {
        let from = all.partition_point(|other| other.time < interaction.time);
        let to = all.partition_point(|other| other.time <= interaction.time);
        if !all[from..to].contains(&interaction) {
            all.insert(to, interaction);
        }
    }
    all
}
