use std::collections::BTreeSet;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use shop::{Currency, Event, EventKind, Money, Order, OrderLine, Timestamp};

use super::Simulation;
use super::catalogue::{Catalogue, MOST_OF_TYPE, id_of};
use super::chance::{chance, generator, pick, place, weighted};
use super::customers::{Customers, Person};
use super::queries::query_for;
use super::tables::Assortment;

pub(super) struct Behaviour {
    pub events: Vec<Event>,
    pub orders: Vec<Order>,
}

/// How far a visit leads, as probabilities.
const FOLLOW_COMPANION: f64 = 0.58;
const FOLLOW_SERIES: f64 = 0.14;
const GO_ON: f64 = 0.55;
const SEARCH_FIRST: f64 = 0.5;
const PUT_IN_CART: f64 = 0.58;
const BUY_CART: f64 = 0.8;

/// Among so many products of a department a visitor chooses at most: more
/// would take hours in a large catalogue.
const MOST_OF_DEPARTMENT: usize = 20_000;

/// One customer's way through the shop so far.
#[derive(Default)]
struct Journey {
    anchor: Option<usize>,
    bought: BTreeSet<usize>,
}

struct World<'a> {
    assortment: &'a Assortment,
    catalogue: &'a Catalogue,
    customers: &'a Customers,
    simulation: &'a Simulation,
    random: ChaCha8Rng,
    journeys: Vec<Journey>,
    visits: usize,
    behaviour: Behaviour,
}

/// One visit on its way.
struct Visit {
    customer: usize,
    anonymous: bool,
    session: shop::Id,
    clock: Timestamp,
    cart: Vec<usize>,
}

/// Lets the customers shop until there are about as many events as asked for.
pub(super) fn make(
    assortment: &Assortment,
    catalogue: &Catalogue,
    customers: &Customers,
    simulation: &Simulation,
) -> Behaviour {
    let mut world = World {
        assortment,
        catalogue,
        customers,
        simulation,
        random: generator(simulation.seed, 3),
        journeys: customers
            .people
            .iter()
            .map(|_| Journey::default())
            .collect(),
        visits: 0,
        behaviour: Behaviour {
            events: Vec::with_capacity(simulation.events),
            orders: Vec::new(),
        },
    };
    if catalogue.items.is_empty() || customers.people.is_empty() {
        return world.behaviour;
    }
    // Visits are drawn in rounds: each round is a set of moments over all the
    // days, and it must come in the order of time for journeys to make sense,
    // so the number of visits is settled by a short rehearsal.
    let per_visit = world.rehearse();
    let visits = (simulation.events as f64 / per_visit).round() as usize;
    for (time, customer) in world.schedule(visits) {
        world.visit(customer, time);
    }
    let mut behaviour = world.behaviour;
    behaviour.events.sort_by_key(|event| event.time);
    for (number, event) in (1..).zip(&mut behaviour.events) {
        event.id = Some(super::id(&format!("e{number:07}")));
    }
    behaviour.orders.sort_by_key(|order| order.time);
    for (number, order) in (1..).zip(&mut behaviour.orders) {
        order.id = super::id(&format!("W{}", 1_000_000 + number * 7));
    }
    behaviour
}

impl World<'_> {
    /// Events in a mean visit.
    fn rehearse(&mut self) -> f64 {
        const VISITS: usize = 2_000;
        for (time, customer) in self.schedule(VISITS) {
            self.visit(customer, time);
        }
        let mean = self.behaviour.events.len() as f64 / VISITS as f64;
        self.behaviour.events.clear();
        self.behaviour.orders.clear();
        self.journeys = self
            .customers
            .people
            .iter()
            .map(|_| Journey::default())
            .collect();
        self.visits = 0;
        mean.max(1.0)
    }

    /// Who comes when, in the order of time: more towards the end, and by the
    /// hour of the day.
    fn schedule(&mut self, visits: usize) -> Vec<(Timestamp, usize)> {
        let activity: Vec<f64> = self
            .customers
            .people
            .iter()
            .map(|person| person.activity)
            .collect();
        let mut cumulative = Vec::with_capacity(activity.len());
        let mut total = 0.0;
        for value in activity {
            total += value;
            cumulative.push(total);
        }
        let days = i64::from(self.simulation.days.max(1));
        let start = self.simulation.start();
        let mut schedule = Vec::with_capacity(visits);
        while schedule.len() < visits {
            let draw = self.random.random::<f64>() * total;
            let customer = cumulative
                .partition_point(|sum| *sum <= draw)
                .min(cumulative.len() - 1);
            let share = self.random.random::<f64>().powf(0.85);
            let day = ((share * days as f64) as i64).min(days - 1);
            let hour = 7 + place(&mut self.random, 9) as i64 + place(&mut self.random, 8) as i64;
            let second = self.random.random_range(0..3_000);
            let time = start.plus_seconds(day * 86_400 + hour * 3_600 + second);
            if time >= self.customers.people[customer].joined {
                schedule.push((time, customer));
            }
        }
        schedule.sort();
        schedule
    }

    fn visit(&mut self, customer: usize, time: Timestamp) {
        self.visits += 1;
        let mut visit = Visit {
            customer,
            anonymous: chance(&mut self.random, 0.05),
            session: super::id(&format!("s{:06}", self.visits)),
            clock: time,
            cart: Vec::new(),
        };
        loop {
            let target = self.target(customer, time);
            self.look_at(&mut visit, target);
            if !chance(&mut self.random, GO_ON) {
                break;
            }
        }
        if !visit.cart.is_empty() && !visit.anonymous && chance(&mut self.random, BUY_CART) {
            self.buy(visit);
        }
    }

    /// What the customer is after now.
    fn target(&mut self, customer: usize, time: Timestamp) -> usize {
        let journey = &self.journeys[customer];
        if let Some(anchor) = journey.anchor {
            let item = &self.catalogue.items[anchor];
            let draw: f64 = self.random.random();
            let free: Vec<(usize, f64)> = item
                .companions
                .iter()
                .copied()
                .filter(|(place, _)| !journey.bought.contains(place))
                .collect();
            if draw < FOLLOW_COMPANION {
                let weights: Vec<f64> = free.iter().map(|(_, weight)| *weight).collect();
                if let Some(at) = weighted(&mut self.random, &weights) {
                    return free[at].0;
                }
            } else if draw < FOLLOW_COMPANION + FOLLOW_SERIES && !item.series.is_empty() {
                return item.series[place(&mut self.random, item.series.len())];
            }
        }
        self.by_taste(customer, time)
    }

    fn by_taste(&mut self, customer: usize, time: Timestamp) -> usize {
        let person = &self.customers.people[customer];
        let weights: Vec<f64> = person
            .departments
            .iter()
            .map(|(_, weight)| *weight)
            .collect();
        let drifted = person.drift.filter(|(when, _)| time >= *when);
        let department = match drifted {
            Some((_, department)) if chance(&mut self.random, 0.65) => department,
            _ => weighted(&mut self.random, &weights).map_or(0, |at| person.departments[at].0),
        };
        let places = &self.catalogue.of_department[department];
        let places = sampled(places, MOST_OF_DEPARTMENT, self.visits);
        let journey = &self.journeys[customer];
        let weights: Vec<f64> = places
            .iter()
            .map(|place| {
                if journey.bought.contains(place) {
                    0.0
                } else {
                    liking(person, self.catalogue, *place)
                }
            })
            .collect();
        weighted(&mut self.random, &weights).map_or(0, |at| places[at])
    }

    fn event(&mut self, visit: &mut Visit, kind: EventKind, product: Option<usize>) -> &mut Event {
        visit.clock = visit.clock.plus_seconds(self.random.random_range(4..70));
        let mut event = Event::new(kind, visit.clock);
        if !visit.anonymous {
            event.customer_id = Some(self.customers.records[visit.customer].id.clone());
        }
        event.session_id = Some(visit.session.clone());
        event.product_id = product.map(|place| id_of(self.catalogue, place));
        let at = self.behaviour.events.len();
        self.behaviour.events.push(event);
        &mut self.behaviour.events[at]
    }

    fn look_at(&mut self, visit: &mut Visit, target: usize) {
        let person = &self.customers.people[visit.customer];
        let chinese = person.chinese;
        let query = chance(&mut self.random, SEARCH_FIRST).then(|| {
            let item = &self.catalogue.items[target];
            query_for(&mut self.random, self.assortment, item, chinese)
        });
        if let Some(query) = &query {
            self.event(visit, EventKind::Search, None).query = Some(query.clone());
        }
        let (shown, position) = self.shelf(target);
        for (at, product) in shown.iter().enumerate() {
            let event = self.event(visit, EventKind::Impression, Some(*product));
            event.position = Some(at as u32 + 1);
            event.query.clone_from(&query);
        }
        let distraction = shown[place(&mut self.random, shown.len())];
        if distraction != target {
            if chance(&mut self.random, 0.14) {
                self.event(visit, EventKind::View, Some(distraction));
            }
            let off = liking(
                &self.customers.people[visit.customer],
                self.catalogue,
                distraction,
            );
            if off < 0.02 && chance(&mut self.random, 0.03) {
                self.event(visit, EventKind::Hide, Some(distraction));
            }
        }
        let click = self.event(visit, EventKind::Click, Some(target));
        click.position = Some(position as u32 + 1);
        click.query = query;
        self.event(visit, EventKind::View, Some(target));
        self.journeys[visit.customer].anchor = Some(target);
        self.decide(visit, target);
    }

    /// The first places of a list in which the target stands.
    fn shelf(&mut self, target: usize) -> (Vec<usize>, usize) {
        let siblings = &self.catalogue.of_type[self.catalogue.items[target].kind];
        let siblings = sampled(siblings, MOST_OF_TYPE, self.visits);
        let mut shown: Vec<usize> = Vec::with_capacity(4);
        let weights: Vec<f64> = siblings
            .iter()
            .map(|&place| self.catalogue.items[place].popularity)
            .collect();
        for _ in 0..self.random.random_range(0..4) {
            if let Some(at) = weighted(&mut self.random, &weights)
                && siblings[at] != target
                && !shown.contains(&siblings[at])
            {
                shown.push(siblings[at]);
            }
        }
        let position = self.random.random_range(0..=shown.len());
        shown.insert(position, target);
        (shown, position)
    }

    fn decide(&mut self, visit: &mut Visit, target: usize) {
        let available = self.catalogue.products[target]
            .availability
            .can_be_ordered();
        let item = &self.catalogue.items[target];
        let wants = PUT_IN_CART * (1.0 + 0.2 * item.quality).clamp(0.5, 1.5);
        if available && !visit.cart.contains(&target) && chance(&mut self.random, wants) {
            let quantity = if chance(&mut self.random, 0.85) { 1 } else { 2 };
            self.event(visit, EventKind::AddToCart, Some(target))
                .quantity = Some(quantity);
            if chance(&mut self.random, 0.07) {
                self.event(visit, EventKind::RemoveFromCart, Some(target));
            } else {
                visit.cart.push(target);
            }
        } else if chance(&mut self.random, 0.08) {
            self.event(visit, EventKind::Wishlist, Some(target));
        }
    }

    fn buy(&mut self, mut visit: Visit) {
        let time = visit.clock.plus_seconds(self.random.random_range(30..240));
        let cart = std::mem::take(&mut visit.cart);
        let mut total = 0;
        let mut lines = Vec::with_capacity(cart.len());
        for &product in &cart {
            let quantity = if chance(&mut self.random, 0.85) { 1 } else { 2 };
            let price = self.catalogue.products[product].price;
            total += price.map_or(0, |price| price.amount) * quantity;
            lines.push(OrderLine {
                product_id: id_of(self.catalogue, product),
                quantity,
                price,
                properties: Default::default(),
            });
        }
        self.journeys[visit.customer].bought.extend(&cart);
        let discount = (total > 3_000 && chance(&mut self.random, 0.1)).then_some(total / 10);
        total -= discount.unwrap_or(0);
        if total < 4_900 {
            total += 490;
        }
        let age = self.simulation.end.as_seconds() - time.as_seconds();
        let status = status(&mut self.random, age);
        let record = &self.customers.records[visit.customer];
        let order = Order {
            // Numbered once all are known.
            id: record.id.clone(),
            customer_id: record.id.clone(),
            time,
            lines,
            status: Some(status.to_owned()),
            total: Some(Money::new(total, Currency::USD)),
            discounts: discount.map(
                |off| json!([{"code": "WELCOME10", "amount": {"amount": off, "currency": "USD"}}]),
            ),
            address: Some(address(
                &mut self.random,
                record.name.as_deref(),
                record.country.as_deref(),
            )),
            payment_method: Some(json!(pick(
                &mut self.random,
                &[
                    "visa",
                    "mastercard",
                    "paypal",
                    "alipay",
                    "wechat_pay",
                    "gift_card"
                ]
            ))),
            tracking: tracking(&mut self.random, status, time),
            properties: Default::default(),
        };
        self.behaviour.orders.push(order);
        if status == "delivered" {
            self.afterwards(visit, time, &cart);
        }
    }

    /// Stars and refunds, days later.
    fn afterwards(&mut self, mut visit: Visit, time: Timestamp, cart: &[usize]) {
        for &product in cart {
            visit.clock = time.plus_seconds(self.random.random_range(5..12) * 86_400);
            if visit.clock >= self.simulation.end {
                continue;
            }
            let quality = self.catalogue.items[product].quality;
            if chance(&mut self.random, 0.1) {
                let stars = (3.9 + 0.9 * quality).round().clamp(1.0, 5.0) as i64;
                self.event(&mut visit, EventKind::Rating, Some(product))
                    .value = Some(json!(stars));
            }
            if chance(&mut self.random, if quality < -1.0 { 0.12 } else { 0.02 }) {
                self.event(&mut visit, EventKind::Refund, Some(product))
                    .quantity = Some(1);
            }
        }
    }
}

/// All of them, or every so manieth where there are more than `most`; each
/// visit begins at another.
fn sampled(places: &[usize], most: usize, visit: usize) -> Vec<usize> {
    let step = places.len().div_ceil(most).max(1);
    places
        .iter()
        .skip(visit % step)
        .step_by(step)
        .copied()
        .collect()
}

/// How much a person cares for a product.
fn liking(person: &Person, catalogue: &Catalogue, place: usize) -> f64 {
    let item = &catalogue.items[place];
    let brand = person.brands.contains(&(item.department, item.brand));
    let colour = item
        .colour
        .is_some_and(|colour| person.colours.contains(&colour));
    let language = item.chinese == person.chinese;
    let distance = (item.price_level - person.price_level).abs();
    item.popularity
        * if brand { 5.0 } else { 1.0 }
        * if colour { 2.5 } else { 1.0 }
        * if language { 4.0 } else { 1.0 }
        * (-3.0 * distance).exp()
}

fn status(random: &mut ChaCha8Rng, age_seconds: i64) -> &'static str {
    if chance(random, 0.04) {
        "cancelled"
    } else if age_seconds < 86_400 {
        "pending"
    } else if age_seconds < 4 * 86_400 {
        "processed"
    } else {
        "delivered"
    }
}

fn address(
    random: &mut ChaCha8Rng,
    name: Option<&str>,
    country: Option<&str>,
) -> serde_json::Value {
    let chinese = country == Some("CN");
    let (street, city) = if chinese {
        let street = pick(
            random,
            &["人民路", "中山北路", "解放大道", "学府街", "滨江路"],
        );
        (
            street,
            pick(random, &["上海", "杭州", "成都", "广州", "南京", "武汉"]),
        )
    } else {
        let street = pick(
            random,
            &[
                "Oak Street",
                "Mill Lane",
                "High Street",
                "Station Road",
                "Park Avenue",
            ],
        );
        (
            street,
            pick(
                random,
                &[
                    "Portland", "Leeds", "Hamburg", "Toronto", "Utrecht", "Austin",
                ],
            ),
        )
    };
    let number = random.random_range(1..220);
    let postcode = random.random_range(10_000..99_999).to_string();
    let street = if chinese {
        format!("{street}{number}号")
    } else {
        format!("{number} {street}")
    };
    json!({"name": name, "street": street, "city": city, "postcode": postcode, "country": country})
}

fn tracking(random: &mut ChaCha8Rng, status: &str, time: Timestamp) -> Option<serde_json::Value> {
    if !matches!(status, "processed" | "delivered") {
        return None;
    }
    let carrier = pick(random, &["DHL", "UPS", "SF Express", "GLS"]);
    let number = random.random_range(100_000_000_i64..999_999_999);
    let delivered = (status == "delivered")
        .then(|| time.plus_seconds(random.random_range(2..5) * 86_400).date());
    Some(json!({
        "carrier": carrier,
        "number": format!("{}{number}", &carrier[..2].to_uppercase()),
        "delivered_on": delivered,
    }))
}
