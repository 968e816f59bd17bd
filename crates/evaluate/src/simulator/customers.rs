use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use shop::{Consent, Customer, Id, Timestamp};

use super::catalogue::COLOURS;
use super::chance::{chance, generator, normal, pick, place};
use super::tables::Assortment;

const FIRST: [&str; 28] = [
    "Anna", "Ben", "Carla", "David", "Elena", "Felix", "Grace", "Henry", "Ines", "Jack", "Karin",
    "Liam", "Maya", "Noah", "Olivia", "Paul", "Quinn", "Rosa", "Samuel", "Tara", "Uma", "Victor",
    "Wendy", "Xenia", "Yusuf", "Zoe", "Amara", "Diego",
];
const LAST: [&str; 24] = [
    "Adler", "Baker", "Clarke", "Dubois", "Evans", "Fischer", "Garcia", "Hughes", "Ito", "Jensen",
    "Kowalski", "Lopez", "Miller", "Novak", "Okafor", "Patel", "Quist", "Rossi", "Schmidt",
    "Turner", "Ueda", "Varga", "Walsh", "Young",
];
const SURNAMES: [&str; 16] = [
    "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "林", "郭", "何",
];
const GIVEN: [&str; 20] = [
    "伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "洋", "艳", "勇", "军", "杰", "涛", "明", "超",
    "雪梅", "子涵", "梓轩", "雨欣",
];

/// What a customer likes; what a recommender tries to learn.
#[derive(Debug, Clone, PartialEq)]
pub struct Taste {
    /// Departments with the share of visits that they get.
    pub categories: BTreeMap<String, f64>,
    /// Brands that are preferred within those.
    pub brands: Vec<String>,
    /// Colours that are preferred.
    pub colours: Vec<String>,
    /// 0 for the cheapest, 1 for the dearest of a type.
    pub price_level: f64,
    /// From this moment on another department comes first.
    pub drift: Option<(Timestamp, String)>,
}

/// What the simulator knows of a customer beyond the record.
pub(super) struct Person {
    /// Department and weight.
    pub departments: Vec<(usize, f64)>,
    /// Department and brand.
    pub brands: Vec<(usize, usize)>,
    pub colours: Vec<usize>,
    pub price_level: f64,
    pub drift: Option<(Timestamp, usize)>,
    pub chinese: bool,
    /// Relative number of visits.
    pub activity: f64,
    pub joined: Timestamp,
}

pub(super) struct Customers {
    pub records: Vec<Customer>,
    pub people: Vec<Person>,
}

/// Makes `count` customers with their tastes.
pub(super) fn make(
    assortment: &Assortment,
    count: usize,
    seed: u64,
    start: Timestamp,
    days: i64,
) -> Customers {
    let mut random = generator(seed, 2);
    let mut records = Vec::with_capacity(count);
    let mut people = Vec::with_capacity(count);
    for at in 0..count {
        let person = person(&mut random, assortment, start, days);
        records.push(record(&mut random, &person, at));
        people.push(person);
    }
    Customers { records, people }
}

fn person(random: &mut ChaCha8Rng, assortment: &Assortment, start: Timestamp, days: i64) -> Person {
    let all = assortment.departments.len();
    let main = place(random, all);
    let mut departments = vec![(main, 0.6)];
    for weight in [0.25, 0.1, 0.05] {
        let other = place(random, all);
        if departments
            .iter()
            .all(|(department, _)| *department != other)
        {
            departments.push((other, weight));
        }
    }
    let brands = departments
        .iter()
        .flat_map(|&(department, _)| {
            let count = assortment.departments[department].brands.len();
            [
                (department, place(random, count)),
                (department, place(random, count)),
            ]
        })
        .collect();
    let new = chance(random, 0.3);
    let joined = if new {
        start.plus_seconds(random.random_range(0..days * 80_000))
    } else {
        start.plus_seconds(-random.random_range(0..730 * 86_400))
    };
    let drift = chance(random, 0.25).then(|| {
        let when = start.plus_seconds(random.random_range(days * 20_000..days * 70_000));
        (when, place(random, all))
    });
    Person {
        departments,
        brands,
        colours: vec![place(random, COLOURS.len()), place(random, COLOURS.len())],
        price_level: (0.5 + 0.28 * normal(random)).clamp(0.0, 1.0),
        drift,
        chinese: chance(random, 0.4),
        activity: (0.9 * normal(random)).exp(),
        joined,
    }
}

fn record(random: &mut ChaCha8Rng, person: &Person, at: usize) -> Customer {
    let mut customer = Customer::new(super::id(&format!("c{:05}", at + 1)));
    let (name, mailbox) = if person.chinese {
        let name = format!("{}{}", pick(random, &SURNAMES), pick(random, &GIVEN));
        (name, format!("kehu{}", at + 1))
    } else {
        let (first, last) = (pick(random, &FIRST), pick(random, &LAST));
        let mailbox = format!("{}.{}{}", first.to_lowercase(), last.to_lowercase(), at + 1);
        (format!("{first} {last}"), mailbox)
    };
    customer.name = Some(name);
    customer.email = Some(format!("{mailbox}@example.com"));
    customer.language = Some(super::language(person.chinese).to_owned());
    let country = if person.chinese {
        pick(random, &["CN", "CN", "CN", "SG", "MY", "US"])
    } else {
        pick(random, &["US", "US", "GB", "DE", "CA", "AU", "NL"])
    };
    customer.country = Some(country.to_owned());
    customer.consent = Consent {
        personalisation: !chance(random, 0.03),
        training: !chance(random, 0.04),
        marketing: !chance(random, 0.2),
    };
    if at > 20 && chance(random, 0.12) {
        let referrer = place(random, at);
        customer.referred_by = Some(super::id(&format!("c{:05}", referrer + 1)));
    }
    customer.created_at = Some(person.joined);
    customer
}

/// The tastes by customer, in words.
pub(super) fn tastes(assortment: &Assortment, customers: &Customers) -> BTreeMap<Id, Taste> {
    let name = |department: usize| assortment.departments[department].name.english.to_owned();
    let taste = |person: &Person| Taste {
        categories: person
            .departments
            .iter()
            .map(|&(department, weight)| (name(department), weight))
            .collect(),
        brands: person
            .brands
            .iter()
            .map(|&(department, brand)| assortment.departments[department].brands[brand].to_owned())
            .collect(),
        colours: person
            .colours
            .iter()
            .map(|&colour| COLOURS[colour].english.to_owned())
            .collect(),
        price_level: person.price_level,
        drift: person
            .drift
            .map(|(when, department)| (when, name(department))),
    };
    let pairs = customers.records.iter().zip(&customers.people);
    pairs
        .map(|(record, person)| (record.id.clone(), taste(person)))
        .collect()
}
