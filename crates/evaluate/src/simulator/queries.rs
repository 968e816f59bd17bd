use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use shop::{Id, Judgement};

use super::catalogue::{COLOURS, Catalogue, Item, MOST_OF_TYPE, id_of};
use super::chance::{chance, generator, misspell, pick};
use super::tables::{Assortment, Pair};

/// What somebody who wants this product types.
pub(super) fn query_for(
    random: &mut ChaCha8Rng,
    assortment: &Assortment,
    item: &Item,
    chinese: bool,
) -> String {
    let of = &assortment.types[item.kind];
    let noun = pick(random, of.nouns(chinese));
    let material = of.materials[item.material].text(chinese);
    let brand = assortment.departments[item.department].brands[item.brand];
    let colour = item
        .colour
        .map_or("", |colour| COLOURS[colour].text(chinese));
    let gap = if chinese { "" } else { " " };
    let text = match random.random_range(0..10) {
        0..4 => noun.to_owned(),
        4..6 => format!("{material}{gap}{noun}"),
        6 if !colour.is_empty() => format!("{colour}{gap}{noun}"),
        7 => format!("{brand} {noun}"),
        8 if !chinese => noun.split(' ').next_back().unwrap_or(noun).to_owned(),
        _ => format!("{noun} {brand}"),
    };
    if !chinese && chance(random, 0.08) {
        misspell(random, &text)
    } else {
        text
    }
}

/// What a query asks for beside its type.
#[derive(Clone, Copy)]
enum Wish {
    Nothing,
    Material(usize),
    Colour(usize),
    Brand(usize),
}

impl Wish {
    fn holds(self, item: &Item) -> bool {
        match self {
            Self::Nothing => true,
            Self::Material(material) => item.material == material,
            Self::Colour(colour) => item.colour == Some(colour),
            Self::Brand(brand) => item.brand == brand,
        }
    }
}

/// Among so many products of a department those that do not answer are drawn.
const MOST_OTHERS: usize = 20_000;

type Grades = BTreeMap<String, BTreeMap<Id, f32>>;

/// Queries with graded products: every third becomes a judgement of the
/// records, the others stay truth.
pub(super) fn make(
    assortment: &Assortment,
    catalogue: &Catalogue,
    seed: u64,
) -> (Vec<Judgement>, Grades) {
    let mut random = generator(seed, 6);
    let mut judgements = Vec::new();
    let mut judged: BTreeSet<String> = BTreeSet::new();
    let mut relevant = Grades::new();
    let mut count = 0_usize;
    for (kind, of) in assortment.types.iter().enumerate() {
        for chinese in [false, true] {
            let Some(&sample) = catalogue.of_type[kind].first() else {
                continue;
            };
            let item = &catalogue.items[sample];
            for wish in [
                Wish::Nothing,
                Wish::Material(item.material),
                item.colour.map_or(Wish::Brand(item.brand), Wish::Colour),
                Wish::Brand(item.brand),
            ] {
                let noun = pick(&mut random, of.nouns(chinese));
                let query = phrase(assortment, item, noun, wish, chinese);
                let grades = grades(&mut random, catalogue, kind, wish, chinese);
                count += 1;
                if count.is_multiple_of(3) && !relevant.contains_key(&query) {
                    // A query without graded products is not judged.
                    if !grades.is_empty() {
                        judged.insert(query.clone());
                    }
                    judgements.extend(grades.into_iter().map(|(product_id, grade)| Judgement {
                        query: query.clone(),
                        product_id,
                        grade,
                        properties: Default::default(),
                    }));
                } else if !judged.contains(&query) {
                    let positive = grades.into_iter().filter(|(_, grade)| *grade > 0.0);
                    relevant.insert(query, positive.collect());
                }
            }
        }
    }
    (judgements, relevant)
}

fn phrase(assortment: &Assortment, item: &Item, noun: &str, wish: Wish, chinese: bool) -> String {
    let gap = if chinese { "" } else { " " };
    let before = |word: Pair| format!("{}{gap}{noun}", word.text(chinese));
    match wish {
        Wish::Nothing => noun.to_owned(),
        Wish::Material(material) => before(assortment.types[item.kind].materials[material]),
        Wish::Colour(colour) => before(COLOURS[colour]),
        Wish::Brand(brand) => {
            format!(
                "{} {noun}",
                assortment.departments[item.department].brands[brand]
            )
        }
    }
}

/// 3 for what was asked in the query's language, 2 for the type or for the
/// other language, 1 for the type only in the other language, 0 for some
/// others of the department.
fn grades(
    random: &mut ChaCha8Rng,
    catalogue: &Catalogue,
    kind: usize,
    wish: Wish,
    chinese: bool,
) -> BTreeMap<Id, f32> {
    let mut grades = BTreeMap::new();
    for &place in catalogue.of_type[kind].iter().take(MOST_OF_TYPE) {
        let item = &catalogue.items[place];
        let grade = match (wish.holds(item), item.chinese == chinese) {
            (true, true) => 3.0,
            (true, false) | (false, true) => 2.0,
            (false, false) => 1.0,
        };
        grades.insert(id_of(catalogue, place), grade);
    }
    let department = catalogue.of_type[kind]
        .first()
        .map(|&place| catalogue.items[place].department);
    let others = department.map_or(&[][..], |department| &catalogue.of_department[department]);
    for &place in others.iter().take(MOST_OTHERS) {
        if catalogue.items[place].kind != kind && chance(random, 0.06) {
            grades.insert(id_of(catalogue, place), 0.0);
        }
    }
    grades
}
