use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use shop::{Aspect, Id, Order, Review, Timestamp};

use super::Simulation;
use super::catalogue::{Catalogue, id_of};
use super::chance::{chance, generator, misspell, pick, place, weighted};
use super::customers::Customers;
use super::tables::{Assortment, Block, blocks};

/// The department, aspect and length of the planted trend.
const TREND_DEPARTMENT: &str = "headphones";
const TREND_ASPECT: &str = "delivery";
const TREND_SECONDS: i64 = 21 * 86_400;

pub(super) struct Reviews {
    pub records: Vec<Review>,
    pub aspects: BTreeMap<Id, Vec<Aspect>>,
    pub trend: Option<(&'static str, String, Timestamp)>,
}

struct Writer<'a> {
    random: ChaCha8Rng,
    blocks: Vec<Block>,
    named: BTreeMap<&'static str, Block>,
    assortment: &'a Assortment,
    catalogue: &'a Catalogue,
    trend_from: Timestamp,
    /// For each product the aspects that most people complain about.
    flaws: Vec<Vec<usize>>,
}

/// One thing said: about which aspect, in which words, and whether it is good.
struct Clause {
    aspect: usize,
    term: String,
    text: String,
    positive: bool,
}

/// Writes reviews of what was bought; the products get their mean ratings.
pub(super) fn make(
    assortment: &Assortment,
    catalogue: &mut Catalogue,
    customers: &Customers,
    orders: &[Order],
    simulation: &Simulation,
) -> Reviews {
    let (blocks, named) = blocks(include_str!("aspects.txt"));
    let mut random = generator(simulation.seed, 4);
    let flaws = flaws(&mut random, catalogue, blocks.len());
    let mut writer = Writer {
        random,
        blocks,
        named,
        assortment,
        catalogue,
        trend_from: simulation.end.plus_seconds(-TREND_SECONDS),
        flaws,
    };
    let mut occasions = writer.occasions(customers, orders, simulation);
    occasions.sort();
    let mut reviews = Reviews {
        records: Vec::with_capacity(occasions.len()),
        aspects: BTreeMap::new(),
        trend: assortment
            .departments
            .iter()
            .find(|department| department.key == TREND_DEPARTMENT)
            .map(|department| {
                (
                    TREND_ASPECT,
                    department.name.english.to_owned(),
                    writer.trend_from,
                )
            }),
    };
    let mut sums: BTreeMap<usize, (f32, u64)> = BTreeMap::new();
    for (number, (time, product, customer)) in (1..).zip(occasions) {
        let chinese = customers.people[customer].chinese;
        let (mut review, aspects) = writer.write(product, chinese, time, number);
        review.customer_id = Some(customers.records[customer].id.clone());
        let sum = sums.entry(product).or_default();
        *sum = (sum.0 + review.rating.unwrap_or(3.0), sum.1 + 1);
        reviews.aspects.insert(review.id.clone(), aspects);
        reviews.records.push(review);
    }
    for (product, (sum, count)) in sums {
        let product = &mut catalogue.products[product];
        product.rating = Some((sum / count as f32 * 10.0).round() / 10.0);
        product.rating_count = Some(count);
    }
    reviews
}

fn flaws(random: &mut ChaCha8Rng, catalogue: &Catalogue, aspects: usize) -> Vec<Vec<usize>> {
    let mut flaws = Vec::with_capacity(catalogue.items.len());
    for item in &catalogue.items {
        let count = if item.quality < -0.8 {
            3
        } else if item.quality < 0.4 {
            1
        } else {
            0
        };
        flaws.push((0..count).map(|_| place(random, aspects)).collect());
    }
    flaws
}

impl Writer<'_> {
    /// Who writes when about what: buyers some days after delivery, then
    /// people who bought before the log began.
    fn occasions(
        &mut self,
        customers: &Customers,
        orders: &[Order],
        simulation: &Simulation,
    ) -> Vec<(Timestamp, usize, usize)> {
        let places: BTreeMap<&Id, usize> = (0..)
            .zip(&self.catalogue.products)
            .map(|(at, product)| (&product.id, at))
            .collect();
        let people: BTreeMap<&Id, usize> = (0..)
            .zip(&customers.records)
            .map(|(at, customer)| (&customer.id, at))
            .collect();
        let mut occasions = Vec::new();
        for order in orders
            .iter()
            .filter(|order| order.status.as_deref() == Some("delivered"))
        {
            for line in &order.lines {
                let time = order
                    .time
                    .plus_seconds(self.random.random_range(4 * 86_400..11 * 86_400));
                let known = (places.get(&line.product_id), people.get(&order.customer_id));
                if let (Some(&product), Some(&customer)) = known
                    && time < simulation.end
                    && chance(&mut self.random, 0.6)
                {
                    occasions.push((time, product, customer));
                }
            }
        }
        let surplus = occasions.len().saturating_sub(simulation.reviews);
        for _ in 0..surplus {
            let at = place(&mut self.random, occasions.len());
            occasions.swap_remove(at);
        }
        let weights: Vec<f64> = self
            .catalogue
            .items
            .iter()
            .map(|item| item.popularity)
            .collect();
        let seconds = i64::from(simulation.days.max(1)) * 86_400;
        while occasions.len() < simulation.reviews && !customers.people.is_empty() {
            let Some(product) = weighted(&mut self.random, &weights) else {
                break;
            };
            let time = simulation
                .start()
                .plus_seconds(self.random.random_range(0..seconds));
            occasions.push((
                time,
                product,
                place(&mut self.random, customers.people.len()),
            ));
        }
        occasions
    }

    fn write(
        &mut self,
        product: usize,
        chinese: bool,
        time: Timestamp,
        number: usize,
    ) -> (Review, Vec<Aspect>) {
        let clauses = self.clauses(product, chinese, time);
        let good = clauses.iter().filter(|clause| clause.positive).count();
        let share = good as f32 / clauses.len().max(1) as f32;
        let noise = if chance(&mut self.random, 0.12) {
            self.random.random_range(-1..=1) as f32
        } else {
            0.0
        };
        let rating = match share {
            share if share >= 1.0 => {
                if chance(&mut self.random, 0.75) {
                    5.0
                } else {
                    4.0
                }
            }
            share if share > 0.5 => 4.0,
            0.5 => 3.0,
            share if share > 0.0 => 2.0,
            _ => {
                if chance(&mut self.random, 0.65) {
                    1.0
                } else {
                    2.0
                }
            }
        };
        let rating: f32 = (rating + noise).clamp(1.0, 5.0);
        let mut text = self.compose(&clauses, share, chinese);
        if chance(&mut self.random, 0.012) {
            text.push_str(&self.contact(chinese));
        }
        let aspects = clauses
            .into_iter()
            .map(|clause| Aspect {
                term: Some(clause.term),
                category: self.blocks[clause.aspect]
                    .fields
                    .first()
                    .map(|name| (*name).to_owned()),
                polarity: Some(
                    if clause.positive {
                        "positive"
                    } else {
                        "negative"
                    }
                    .to_owned(),
                ),
                properties: Default::default(),
            })
            .collect();
        let review = Review {
            id: super::id(&format!("r{number:05}")),
            text,
            product_id: Some(id_of(self.catalogue, product)),
            customer_id: None,
            time: Some(time),
            rating: Some(rating),
            title: None,
            language: Some(super::language(chinese).to_owned()),
            properties: Default::default(),
        };
        (review, aspects)
    }

    /// One to four different aspects, each with an opinion.
    fn clauses(&mut self, product: usize, chinese: bool, time: Timestamp) -> Vec<Clause> {
        let item = &self.catalogue.items[product];
        let department = self.assortment.departments[item.department].key;
        let trending = department == TREND_DEPARTMENT && time >= self.trend_from;
        let mut weights: Vec<f64> = self
            .blocks
            .iter()
            .map(|block| {
                let field = |at: usize| block.fields.get(at).copied().unwrap_or("");
                let here = field(1) == "*" || field(1).split(' ').any(|key| key == department);
                let weight = field(2).parse::<f64>().unwrap_or(1.0);
                let boost = if trending && field(0) == TREND_ASPECT {
                    4.0
                } else {
                    1.0
                };
                if here { weight * boost } else { 0.0 }
            })
            .collect();
        let mood = 0.74 + 0.1 * item.quality;
        let count = 1 + place(&mut self.random, 3) + usize::from(chance(&mut self.random, 0.2));
        let mut clauses = Vec::with_capacity(count);
        for _ in 0..count {
            let Some(aspect) = weighted(&mut self.random, &weights) else {
                break;
            };
            weights[aspect] = 0.0;
            let planted = trending && self.blocks[aspect].fields.first() == Some(&TREND_ASPECT);
            let good = if planted {
                0.12
            } else if self.flaws[product].contains(&aspect) {
                0.15
            } else {
                mood
            };
            let positive = chance(&mut self.random, good.clamp(0.05, 0.97));
            clauses.push(self.clause(aspect, positive, chinese));
        }
        clauses
    }

    fn clause(&mut self, aspect: usize, positive: bool, chinese: bool) -> Clause {
        let code = match (chinese, positive) {
            (false, true) => "en+",
            (false, false) => "en-",
            (true, true) => "zh+",
            (true, false) => "zh-",
        };
        let marked = pick(&mut self.random, self.blocks[aspect].texts(code));
        let inside = marked
            .split_once('[')
            .and_then(|(_, rest)| rest.split_once(']'));
        let term = inside.map_or("", |(term, _)| term).to_owned();
        let text: String = marked.chars().filter(|c| !matches!(c, '[' | ']')).collect();
        Clause {
            aspect,
            term,
            text,
            positive,
        }
    }

    fn compose(&mut self, clauses: &[Clause], share: f32, chinese: bool) -> String {
        let mood = match share {
            share if share > 0.6 => "+",
            share if share < 0.4 => "-",
            _ => "0",
        };
        let code = format!("{}{mood}", super::language(chinese));
        let mut text = String::new();
        if chance(&mut self.random, 0.5) {
            text.push_str(self.flourish("openings", &code));
        }
        let mut previous: Option<bool> = None;
        for clause in clauses {
            let turn = previous.is_some_and(|previous| previous != clause.positive);
            let same = previous == Some(clause.positive);
            let joint = self.joint(chinese, turn, same);
            if chinese {
                if previous.is_none() || joint.is_empty() {
                    end_sentence(&mut text, '。');
                }
                text.push_str(joint);
                text.push_str(&clause.text);
            } else if joint.is_empty() {
                end_sentence(&mut text, '.');
                if !text.is_empty() {
                    text.push(' ');
                }
                let mut letters = clause.text.chars();
                text.extend(letters.next().into_iter().flat_map(char::to_uppercase));
                text.push_str(letters.as_str());
            } else {
                text.push_str(joint);
                text.push_str(&clause.text);
            }
            previous = Some(clause.positive);
        }
        end_sentence(&mut text, if chinese { '。' } else { '.' });
        if chance(&mut self.random, 0.35) {
            if !chinese {
                text.push(' ');
            }
            text.push_str(self.flourish("closings", &code));
        }
        if !chinese && chance(&mut self.random, 0.06) {
            text = misspell(&mut self.random, &text);
        }
        text
    }

    fn joint(&mut self, chinese: bool, turn: bool, same: bool) -> &'static str {
        match (chinese, turn, same) {
            (false, true, _) => pick(
                &mut self.random,
                &[", but ", "; sadly ", ". However, ", ", although ", ""],
            ),
            (false, _, true) => pick(&mut self.random, &[", and ", " and ", "; also, ", "", ""]),
            (true, true, _) => pick(
                &mut self.random,
                &["，但是", "，就是", "，不过", "，可惜", ""],
            ),
            (true, _, true) => pick(&mut self.random, &["，", "，而且", "，", "，", ""]),
            _ => "",
        }
    }

    fn flourish(&mut self, kind: &str, code: &str) -> &'static str {
        match self.named.get(kind) {
            Some(block) => pick(&mut self.random, block.texts(code)),
            None => "",
        }
    }

    /// Personal data that has no business in a review.
    fn contact(&mut self, chinese: bool) -> String {
        let number = self.random.random_range(10_000_000_i64..99_999_999);
        match (chinese, chance(&mut self.random, 0.5)) {
            (true, true) => format!("有问题打我电话138{number}。"),
            (true, false) => format!("联系我：kehu{}@example.com。", number % 10_000),
            (false, true) => format!(" Call me at +1 415 555 {:04}.", number % 10_000),
            (false, false) => format!(" Write to buyer{}@example.com.", number % 10_000),
        }
    }
}

/// Closes a sentence that is open.
fn end_sentence(text: &mut String, stop: char) {
    if !text.is_empty() && !text.ends_with(['.', '!', '?', '。', '！', '？']) {
        text.push(stop);
    }
}
