use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use shop::{Availability, Currency, Id, Money, Product, Timestamp};

use super::chance::{chance, generator, normal, pick, place, weighted};
use super::tables::{Assortment, Pair, ProductType, value_in_chinese};

pub(super) const COLOURS: [Pair; 12] = [
    pair("black", "黑色"),
    pair("white", "白色"),
    pair("navy", "藏青"),
    pair("forest green", "墨绿"),
    pair("sand", "沙色"),
    pair("terracotta", "陶土红"),
    pair("sky blue", "天蓝"),
    pair("mustard", "姜黄"),
    pair("grey", "灰色"),
    pair("rose", "玫瑰粉"),
    pair("burgundy", "酒红"),
    pair("natural", "原色"),
];

const fn pair(english: &'static str, chinese: &'static str) -> Pair {
    Pair { english, chinese }
}

const ADJECTIVES: [Pair; 10] = [
    pair("everyday", "日常"),
    pair("classic", "经典"),
    pair("lightweight", "轻便"),
    pair("compact", "小巧"),
    pair("premium", "高端"),
    pair("handmade", "手工"),
    pair("minimal", "极简"),
    pair("sturdy", "结实"),
    pair("family", "家用"),
    pair("limited", "限量"),
];

/// What the simulator knows of a product beyond its record.
pub(super) struct Item {
    pub kind: usize,
    pub department: usize,
    pub brand: usize,
    pub collection: usize,
    pub colour: Option<usize>,
    pub material: usize,
    pub value: usize,
    pub chinese: bool,
    /// Where its price stands among its type, 0 to 1.
    pub price_level: f64,
    /// How often it is looked at when nobody has a taste.
    pub popularity: f64,
    /// How good it is, around 0.
    pub quality: f64,
    /// What people take after it, with weights.
    pub companions: Vec<(usize, f64)>,
    /// Other things of the same brand and collection.
    pub series: Vec<usize>,
}

pub(super) struct Catalogue {
    pub products: Vec<Product>,
    pub items: Vec<Item>,
    pub of_type: Vec<Vec<usize>>,
    pub of_department: Vec<Vec<usize>>,
}

/// Makes `count` products: models, most of them in two or three variants.
pub(super) fn make(
    assortment: &Assortment,
    count: usize,
    seed: u64,
    start: Timestamp,
) -> Catalogue {
    let mut random = generator(seed, 1);
    let mut catalogue = Catalogue {
        products: Vec::with_capacity(count),
        items: Vec::with_capacity(count),
        of_type: vec![Vec::new(); assortment.types.len()],
        of_department: vec![Vec::new(); assortment.departments.len()],
    };
    let mut model = 0;
    while catalogue.items.len() < count {
        let kind = model % assortment.types.len();
        let first = base_item(&mut random, assortment, kind);
        let voice = Voice::draw(&mut random, assortment, kind, &first);
        let variants = if chance(&mut random, 0.55) {
            1
        } else {
            random.random_range(2..=3)
        };
        for variant in 0..variants.min(count - catalogue.items.len()) {
            let item = variant_of(&mut random, assortment, &first, variant);
            let place = catalogue.items.len();
            let product = describe(&mut random, assortment, &item, &voice, place, model, start);
            catalogue.of_type[kind].push(place);
            catalogue.of_department[item.department].push(place);
            catalogue.products.push(product);
            catalogue.items.push(item);
        }
        model += 1;
    }
    spread_popularity(&mut random, &mut catalogue);
    link(&mut random, assortment, &mut catalogue);
    catalogue
}

fn base_item(random: &mut ChaCha8Rng, assortment: &Assortment, kind: usize) -> Item {
    let of = &assortment.types[kind];
    let department = &assortment.departments[of.department];
    let brand = place(random, department.brands.len());
    // Chinese brands sell in Chinese mostly, the others mostly not.
    let chinese_brand = !department.brands[brand].is_ascii();
    Item {
        kind,
        department: of.department,
        brand,
        collection: place(random, department.collections.len()),
        colour: of.coloured().then(|| place(random, COLOURS.len())),
        material: place(random, of.materials.len()),
        value: place(random, of.values.len()),
        chinese: chance(random, if chinese_brand { 0.85 } else { 0.18 }),
        price_level: (0.5 + 0.24 * normal(random)).clamp(0.0, 1.0),
        popularity: 0.0,
        quality: normal(random),
        companions: Vec::new(),
        series: Vec::new(),
    }
}

fn variant_of(
    random: &mut ChaCha8Rng,
    assortment: &Assortment,
    first: &Item,
    variant: usize,
) -> Item {
    let of = &assortment.types[first.kind];
    let shift = variant * (1 + place(random, 2));
    Item {
        colour: first
            .colour
            .map(|colour| (colour + variant * 5) % COLOURS.len()),
        value: (first.value + if first.colour.is_some() { 0 } else { shift }) % of.values.len(),
        companions: Vec::new(),
        series: Vec::new(),
        ..*first
    }
}

/// Long tail: in each department few products draw most of the attention.
fn spread_popularity(random: &mut ChaCha8Rng, catalogue: &mut Catalogue) {
    for places in &catalogue.of_department {
        let mut ranked: Vec<(f64, usize)> = places
            .iter()
            .map(|&place| (random.random(), place))
            .collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (rank, (_, place)) in ranked.into_iter().enumerate() {
            catalogue.items[place].popularity = 1.0 / (rank as f64 + 3.0).powf(0.9);
        }
    }
}

/// So many products of one type are compared with each other at most: more
/// would take the square of a large catalogue.
pub(super) const MOST_OF_TYPE: usize = 2_000;

/// Decides what follows what: an accessory, mostly of the same maker and in
/// the same language, and the rest of a collection.
fn link(random: &mut ChaCha8Rng, assortment: &Assortment, catalogue: &mut Catalogue) {
    for place in 0..catalogue.items.len() {
        let item = &catalogue.items[place];
        let mut companions = Vec::new();
        for (at, &kind) in assortment.types[item.kind].follows.iter().enumerate() {
            let candidates = &catalogue.of_type[kind];
            let candidates = &candidates[..candidates.len().min(MOST_OF_TYPE)];
            let weights: Vec<f64> = candidates
                .iter()
                .map(|&other| {
                    let other = &catalogue.items[other];
                    let brand = if other.brand == item.brand { 4.0 } else { 1.0 };
                    let language = if other.chinese == item.chinese {
                        5.0
                    } else {
                        1.0
                    };
                    brand * language * (0.2 + other.popularity)
                })
                .collect();
            let strength = 1.0 / (at as f64 + 1.0);
            for share in [0.75, 0.25] {
                if let Some(drawn) = weighted(random, &weights) {
                    companions.push((candidates[drawn], strength * share));
                }
            }
        }
        let series: Vec<usize> = catalogue.of_department[item.department]
            .iter()
            .copied()
            .filter(|&other| {
                let other = &catalogue.items[other];
                other.kind != item.kind
                    && other.brand == item.brand
                    && other.collection == item.collection
                    && other.chinese == item.chinese
            })
            .take(6)
            .collect();
        catalogue.items[place].companions = companions;
        catalogue.items[place].series = series;
    }
}

/// The wording that the variants of a model share.
struct Voice {
    noun: &'static str,
    adjective: Pair,
    title: usize,
    opening: usize,
    says: Vec<&'static str>,
    closing: usize,
    model: u32,
}

impl Voice {
    fn draw(random: &mut ChaCha8Rng, assortment: &Assortment, kind: usize, item: &Item) -> Self {
        let of = &assortment.types[kind];
        let mut says = if item.chinese {
            of.says_chinese.clone()
        } else {
            of.says_english.clone()
        };
        let drop = place(random, 4);
        if drop < says.len() {
            says.remove(drop);
        }
        if chance(random, 0.5) {
            says.reverse();
        }
        Self {
            noun: pick(random, of.nouns(item.chinese)),
            adjective: ADJECTIVES[place(random, ADJECTIVES.len())],
            title: place(random, 6),
            opening: place(random, 6),
            says,
            closing: place(random, 6),
            model: random.random_range(10..990),
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

fn title(of: &ProductType, item: &Item, voice: &Voice, words: &Words) -> String {
    let Words {
        brand,
        collection,
        colour,
        material,
        value,
    } = words;
    let (noun, model) = (voice.noun, voice.model);
    let adjective = voice.adjective.text(item.chinese);
    if item.chinese {
        let colour = if colour.is_empty() {
            String::new()
        } else {
            format!(" {colour}")
        };
        return match voice.title {
            0 => format!("{brand} {collection}系列 {material}{noun} {value}{colour}"),
            1 => format!("{brand}{material}{noun}{colour} {value}"),
            2 => format!("【{brand}】{adjective}{noun} {value}{colour}"),
            3 => format!("{adjective}{material}{noun} {brand}{colour} {value}"),
            4 => format!("{brand} {noun} {collection}{model}{colour}"),
            _ => format!("{collection} {noun} {material} {value} {brand}{colour}"),
        };
    }
    let noun_capital = capital(noun);
    let comma_colour = if colour.is_empty() {
        String::new()
    } else {
        format!(", {colour}")
    };
    let sized = if of.values.len() > 1 {
        format!(", {value}")
    } else {
        String::new()
    };
    match voice.title {
        0 => format!("{brand} {collection} {noun}, {material}{comma_colour}{sized}"),
        1 => format!("{brand} {material} {noun}{comma_colour}{sized}"),
        2 => format!("{collection} {noun} by {brand}{comma_colour}{sized}"),
        3 => format!(
            "{} {noun}, {material}{sized}, {brand}{comma_colour}",
            capital(adjective)
        ),
        4 => format!("{brand} {collection} {model} {noun}{comma_colour}{sized}"),
        _ => format!("{noun_capital} {brand}, {material}{comma_colour}{sized}"),
    }
}

struct Words {
    brand: String,
    collection: &'static str,
    colour: &'static str,
    material: &'static str,
    value: String,
}

fn description(item: &Item, voice: &Voice, words: &Words) -> String {
    let (noun, says) = (voice.noun, &voice.says);
    let Words {
        brand,
        collection,
        material,
        value,
        ..
    } = words;
    if item.chinese {
        let opening = match voice.opening {
            0 => format!("{brand}{collection}系列{noun}，{material}制。"),
            1 => format!("这款{noun}选用{material}，规格{value}。"),
            2 => format!("来自{brand}的{noun}，为日常而设计。"),
            3 => format!("{material}{noun}，{brand}热销款。"),
            4 => format!("简单好用的{noun}，{collection}系列。"),
            _ => format!("{brand}出品，{material}材质，规格{value}。"),
        };
        let closing = match voice.closing {
            0 => "附两年保修。",
            1 => "送礼自用皆宜。",
            2 => "环保包装，不含塑料。",
            3 => "小批量生产，售完补货需两周。",
            4 => "新手也能轻松上手。",
            _ => "",
        };
        return format!("{opening}{}。{closing}", says.join("，"));
    }
    let plural = noun.ends_with('s') && !noun.ends_with("ss");
    let (article, this) = if plural {
        ("Our ", "these")
    } else {
        ("One ", "this")
    };
    let opening = match voice.opening {
        0 => format!(
            "{article}{noun} from the {collection} collection of {brand}, made with {material}."
        ),
        1 => format!("{brand} makes {this} {noun} with {material}, here in {value}."),
        2 => format!("Our most asked-for {noun}: {material}, {value}."),
        3 => format!("From {brand}, for people who use their {noun} every day."),
        4 => format!(
            "{} in {material}, part of the {collection} collection.",
            capital(noun)
        ),
        _ => format!("Well made {noun} by {brand}. Material: {material}."),
    };
    let middle: String = says
        .iter()
        .map(|say| format!(" {}.", capital(say)))
        .collect();
    let closing = match voice.closing {
        0 => " Two years of warranty.",
        1 => " Comes in a box that makes a good present.",
        2 => " Packed without plastic.",
        3 => " Made in small batches; it may take two weeks to restock.",
        4 => " A good first choice for beginners.",
        _ => "",
    };
    format!("{opening}{middle}{closing}")
}

fn describe(
    random: &mut ChaCha8Rng,
    assortment: &Assortment,
    item: &Item,
    voice: &Voice,
    place: usize,
    model: usize,
    start: Timestamp,
) -> Product {
    let of = &assortment.types[item.kind];
    let department = &assortment.departments[item.department];
    let value = of.values[item.value];
    let words = Words {
        brand: department.brands[item.brand].to_owned(),
        collection: department.collections[item.collection].text(item.chinese),
        colour: item
            .colour
            .map_or("", |colour| COLOURS[colour].text(item.chinese)),
        material: of.materials[item.material].text(item.chinese),
        value: worded(of, value, item.chinese),
    };
    let mut product = Product::new(
        super::id(&format!("p{:05}", place + 1)),
        title(of, item, voice, &words),
    );
    product.description = Some(description(item, voice, &words));
    let price = price(random, of, item.price_level);
    product.price = Some(price);
    if chance(random, 0.15) {
        product.list_price = Some(Money::new(
            price.amount * 5 / 4 / 100 * 100 + 99,
            price.currency,
        ));
    }
    product.availability = availability(random);
    let attribute = |name: Pair| name.text(item.chinese).to_owned();
    let mut attributes: BTreeMap<String, Value> = BTreeMap::new();
    attributes.insert(attribute(pair("material", "材质")), words.material.into());
    attributes.insert(attribute(of.axis), words.value.clone().into());
    if item.colour.is_some() {
        attributes.insert(attribute(pair("colour", "颜色")), words.colour.into());
    }
    attributes.insert(
        attribute(pair("collection", "系列")),
        words.collection.into(),
    );
    product.attributes = attributes.into_iter().collect();
    product.category = vec![
        department.name.text(item.chinese).to_owned(),
        capital(of.nouns(item.chinese)[0]),
    ];
    product.tags = of
        .nouns(item.chinese)
        .iter()
        .map(|noun| (*noun).to_owned())
        .collect();
    product.brand = Some(words.brand);
    product.group_id = Some(super::id(&format!("m{:04}", model + 1)));
    product.language = Some(super::language(item.chinese).to_owned());
    product.updated_at = Some(start);
    product.url = Some(format!("/products/{}", product.id));
    product
        .properties
        .insert("symbol".to_owned(), of.symbol.into());
    product
}

/// A value of the axis as the page writes it: `8 pieces` where it counts.
fn worded(of: &ProductType, value: &str, chinese: bool) -> String {
    let unit = match (of.axis.english, chinese) {
        ("pieces", true) => &of.axis.chinese[..of.axis.chinese.len().min(3)],
        ("pieces", false) if value == "1" => " piece",
        ("pieces" | "players", false) => of.axis.english,
        ("players", true) => "人",
        _ => "",
    };
    match (chinese, unit) {
        (true, unit) => format!("{}{unit}", value_in_chinese(value)),
        (false, "") => value.to_owned(),
        (false, unit) => format!("{value} {}", unit.trim()),
    }
}

/// Ends in 99 or 50 cents, as prices do.
fn price(random: &mut ChaCha8Rng, of: &ProductType, level: f64) -> Money {
    let (low, high) = (of.price.0 as f64, of.price.1 as f64);
    let dollars = (low * (high / low).powf(level) / 100.0).floor() as i64;
    let cents = if chance(random, 0.7) { 99 } else { 50 };
    Money::new(dollars * 100 + cents, Currency::USD)
}

fn availability(random: &mut ChaCha8Rng) -> Availability {
    match random.random_range(0..100) {
        0..82 => Availability::InStock,
        82..90 => Availability::LimitedStock,
        90..92 => Availability::Backorder,
        92..93 => Availability::Preorder,
        93..99 => Availability::OutOfStock,
        _ => Availability::Discontinued,
    }
}

/// A product's id as the parts know it.
pub(super) fn id_of(catalogue: &Catalogue, place: usize) -> Id {
    catalogue.products[place].id.clone()
}
