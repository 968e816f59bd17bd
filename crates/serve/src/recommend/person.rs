use std::collections::BTreeSet;

use shop::EventKind;
use store::{Actor, History, Interaction, ProductIndex, Snapshot};

use super::{RecommendRequest, Scenario};

/// What a request may know of the person behind it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Person<'a> {
    /// What they did, oldest first.
    pub(super) interactions: Vec<Interaction>,
    /// The language that they read, as far as they said.
    pub(super) language: Option<&'a str>,
    /// What their account and their visit hold; a long life of purchases is
    /// looked at where it lies.
    histories: Vec<&'a History>,
    given_back: BTreeSet<ProductIndex>,
}

impl<'a> Person<'a> {
    /// Looks the person up; an empty one where the list must not depend on
    /// who asks. Visit and customer are one person.
    pub(super) fn of(snapshot: &'a Snapshot, request: &RecommendRequest) -> Self {
        let known = request.customer.as_ref();
        let known = known.and_then(|id| snapshot.customers.get(id));
        let consents = known.is_none_or(|customer| customer.consent.personalisation);
        if !request.personalise || !consents {
            return Self::default();
        }
        let customer = request.customer.clone().map(Actor::Customer);
        let session = request.session.clone().map(Actor::Session);
        let history = |actor: &Option<Actor>| -> Option<&'a History> {
            Some(snapshot.histories.get(actor.as_ref()?)?.as_ref())
        };
        let (customer, session) = (history(&customer), history(&session));
        let everything = merge(customer, session);
        Self {
            given_back: given_back(&everything),
            interactions: match (request.scenario, session) {
                (Scenario::Session, Some(visit)) => visit.interactions.clone(),
                _ => everything,
            },
            language: known.and_then(|customer| customer.language.as_deref()),
            histories: [customer, session].into_iter().flatten().collect(),
        }
    }

    /// Whether they bought it and kept it.
    pub(super) fn bought(&self, product: ProductIndex) -> bool {
        let bought = |history: &&History| history.bought.contains(&product);
        !self.given_back.contains(&product) && self.histories.iter().any(bought)
    }

    /// Whether they asked not to see it again.
    pub(super) fn hid(&self, product: ProductIndex) -> bool {
        let hid = |history: &&History| history.hidden.contains(&product);
        self.histories.iter().any(hid)
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
