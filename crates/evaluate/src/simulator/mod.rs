//! A seeded shop with known tastes: what a demonstration serves, what tests
//! train on, and what the services are judged against, because here the
//! truth is known.
//!
//! Customers have latent tastes (departments, brands, colours, price) that
//! may drift. A visit follows what was looked at before: an accessory after
//! the main thing, the next of a collection, otherwise a draw from taste
//! times a long-tailed popularity. Reviews are written aspect by aspect, so
//! their opinions are known; a planted trend (late deliveries of audio in the
//! last three weeks) waits to be found.

mod behaviour;
mod catalogue;
mod chance;
mod conversations;
mod customers;
mod policies;
mod queries;
mod reviews;
mod tables;

use std::collections::BTreeMap;

use shop::{Aspect, Coupon, Currency, Discount, Id, Money, Records, Timestamp};

pub use customers::Taste;
pub use policies::Answer;

/// How large the shop is and when its log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Simulation {
    /// The same seed gives the same shop.
    pub seed: u64,
    /// How many products, variants counted.
    pub products: usize,
    /// How many customers.
    pub customers: usize,
    /// About how many events; purchases are orders and not counted.
    pub events: usize,
    /// How many reviews.
    pub reviews: usize,
    /// How many support conversations.
    pub conversations: usize,
    /// Over how many days.
    pub days: u32,
    /// The end of the last day.
    pub end: Timestamp,
}

impl Default for Simulation {
    fn default() -> Self {
        Self {
            seed: 1,
            products: 2_000,
            customers: 3_000,
            events: 100_000,
            reviews: 6_000,
            conversations: 4_000,
            days: 90,
            // 2026-06-01T00:00:00Z
            end: Timestamp::from_seconds(1_780_272_000),
        }
    }
}

impl Simulation {
    /// The beginning of the first day.
    pub fn start(&self) -> Timestamp {
        self.end.plus_seconds(-i64::from(self.days) * 86_400)
    }
}

/// What the simulator knows and the records do not say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Truth {
    /// What each customer likes.
    pub tastes: BTreeMap<Id, Taste>,
    /// What each review speaks of, by review.
    pub aspects: BTreeMap<Id, Vec<Aspect>>,
    /// Grades (1 to 3) of the products that answer a query, by query. None of
    /// these queries is among the records' judgements.
    pub relevant: BTreeMap<String, BTreeMap<Id, f32>>,
    /// Questions with the document that answers them and the words that the
    /// answer must hold.
    pub answers: Vec<Answer>,
    /// The planted trend: this aspect, in this department, from this moment.
    pub trend: Option<(&'static str, String, Timestamp)>,
}

/// A shop with everything that happened in it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Simulated {
    /// What an import would bring.
    pub records: Records,
    /// The coupons that are out.
    pub coupons: Vec<Coupon>,
    /// What is really so.
    pub truth: Truth,
}

/// Makes the shop. The same simulation gives the same records.
pub fn simulate(simulation: &Simulation) -> Simulated {
    let assortment = tables::assortment();
    let (seed, start) = (simulation.seed, simulation.start());
    let mut catalogue = catalogue::make(&assortment, simulation.products, seed, start);
    let days = i64::from(simulation.days);
    let customers = customers::make(&assortment, simulation.customers, seed, start, days);
    let behaviour = behaviour::make(&assortment, &catalogue, &customers, simulation);
    let reviews = reviews::make(
        &assortment,
        &mut catalogue,
        &customers,
        &behaviour.orders,
        simulation,
    );
    let policies = policies::make();
    let conversations = conversations::make(
        &catalogue,
        &customers,
        &behaviour.orders,
        &policies,
        simulation,
    );
    let (judgements, relevant) = queries::make(&assortment, &catalogue, seed);
    let truth = Truth {
        tastes: customers::tastes(&assortment, &customers),
        aspects: reviews.aspects,
        relevant,
        answers: policies.answers,
        trend: reviews.trend,
    };
    Simulated {
        coupons: coupons(simulation),
        records: Records {
            products: catalogue.products,
            customers: customers.records,
            orders: behaviour.orders,
            events: behaviour.events,
            reviews: reviews.records,
            conversations,
            documents: policies.documents,
            judgements,
            labelled: Vec::new(),
        },
        truth,
    }
}

fn coupons(simulation: &Simulation) -> Vec<Coupon> {
    let dollars = |amount: i64| Money::new(amount * 100, Currency::USD);
    let percent = |basis_points: u32, at_most: Option<i64>| Discount::Percent {
        basis_points,
        at_most: at_most.map(dollars),
    };
    let coupon =
        |code: &str, discount: Discount, limit: Option<u64>, minimum: Option<i64>| Coupon {
            code: id(code),
            discount,
            limit,
            limit_per_customer: Some(1),
            minimum: minimum.map(dollars),
            starts_at: None,
            expires_at: None,
        };
    let mut coupons = vec![
        coupon("WELCOME10", percent(1_000, Some(50)), None, Some(30)),
        coupon(
            "SUMMER5",
            Discount::Amount { off: dollars(5) },
            Some(1_000),
            Some(25),
        ),
        coupon("TEA15", percent(1_500, None), Some(100), None),
        coupon("VIP20", percent(2_000, Some(100)), Some(64), Some(100)),
    ];
    let mut spring = coupon("SPRING8", percent(800, None), None, None);
    spring.expires_at = Some(simulation.end.plus_seconds(-30 * 86_400));
    coupons.push(spring);
    coupons
}

/// An id of the simulator's own making: short, printable, never empty.
fn id(text: &str) -> Id {
    Id::new(text).unwrap_or_else(|_| unreachable!("{text:?} is an id"))
}

fn language(chinese: bool) -> &'static str {
    if chinese { "zh" } else { "en" }
}

#[cfg(test)]
mod tests;
