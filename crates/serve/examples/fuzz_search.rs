//! Throws damaged filters and queries at their parsers, and mistyped titles at
//! the speller, for so many seconds:
//! `cargo run --release -p serve --example fuzz_search -- 60 [SEED [PRODUCTS]]`; the
//! catalogue is made up, or read from PRODUCTS (JSON Lines). Each text must be read
//! or refused with a message that names a place, must not panic, must say the same
//! twice, and must not take long.

use std::time::{Duration, Instant};

use corpus::search::Field;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serve::search::{Hit, Index, SearchRequest, SuggestRequest, search, suggest};
use serve::{Context, ServeError};
use shop::{Filter, Id, Kind, Product, Record, Timestamp};
use store::{Entry, LogEntry, Snapshot};

type Failure = Box<dyn std::error::Error>;

const FILTERS: [&str; 9] = [
    "_geoRadius(48.137, 11.575, 1e3) AND NOT brand = x",
    "category = \"Shoes\" AND (price <= 5000 OR brand IN [Acme, \"Big Co\"])",
    "NOT (in_stock = false) AND price 10 TO 20",
    "attributes.size.eu EXISTS",
    "properties.a.b != \"c\\\"d\" OR rating >= 4.5",
    "{\"category\": [\"Shoes\"], \"price\": {\"min\": 1}}",
    "{\"where\": \"NOT brand = x\"}",
    "tags IN [a, b, c] AND updated_at > \"2026-01-01T00:00:00Z\"",
    "((((((((brand = a))))))))",
];

const QUERIES: [&str; 9] = [
    "red dress under $50 not samsung",
    "usb-c 2m 1 tb 3.5\" size 42",
    "500元以下的耳机 不要小米",
    "wireles hedphones for i-phone",
    "l'eau d'été crème brûlée",
    "between 10 and 20 euros cheap 4k tv",
    "SELECT * FROM products; <script>alert(1)</script>",
    "手机壳 shouji 蘋果 ß Straße ﬁ ｆｕｌｌ",
    "\u{202e}abc\u{0}\u{7f}🎉🎉 -x -y",
];

const PIECES: [&str; 34] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "\\",
    "AND",
    "OR",
    "NOT",
    "IN",
    "EXISTS",
    "TO",
    "<=",
    "!=",
    "=",
    ",",
    ".",
    " ",
    "999999999999999999999",
    "-1",
    "1e309",
    "0x",
    "$",
    "元",
    "under",
    "not",
    "é",
    "\u{301}",
    "\u{200d}",
    "龍",
    "ﷺ",
    "\n",
];

/// The slowest that one text may be; a machine under load is slow, too.
const LONGEST: Duration = Duration::from_secs(2);
/// The longest query that the server takes, in characters.
const LONGEST_QUERY: usize = 500;

fn damaged(seeds: &[&str], random: &mut ChaCha8Rng) -> String {
    let seed = seeds.choose(random).copied().unwrap_or_default();
    let mut letters: Vec<char> = seed.chars().collect();
    for _ in 0..random.random_range(0..6) {
        let at = random.random_range(0..=letters.len());
        match random.random_range(0..6) {
            0 => {
                let piece = PIECES.choose(random).copied().unwrap_or_default();
                letters.splice(at..at, piece.chars());
            }
            1 if at < letters.len() => {
                letters.remove(at);
            }
            2 => {
                let end = random.random_range(at..=letters.len());
                let copy = letters[at..end].to_vec();
                letters.splice(at..at, copy);
            }
            3 => {
                let other = seeds.choose(random).copied().unwrap_or_default();
                letters.splice(at..at, other.chars());
            }
            4 => letters.insert(
                at,
                char::from_u32(random.random_range(0..0x3_0000)).unwrap_or(' '),
            ),
            _ => {
                let piece = PIECES.choose(random).copied().unwrap_or_default();
                letters.extend(piece.repeat(random.random_range(0..400)).chars());
            }
        }
    }
    letters.into_iter().take(LONGEST_QUERY).collect()
}

/// What slips into words: letters of all kinds, and what is no letter.
const STRAYS: [&str; 24] = [
    "e",
    "s",
    "q",
    "1",
    "0",
    "-",
    "'",
    "’",
    ".",
    "/",
    "\u{301}",
    "\u{200d}",
    "\u{202e}",
    "\u{feff}",
    "İ",
    "ß",
    "ﬃ",
    "Ａ",
    "龘",
    "𠮷",
    "ก็",
    "한",
    "👩‍👩‍👧",
    "\u{1f1e9}",
];

/// A title as somebody might type it, or as nobody would.
fn mistyped(titles: &[String], random: &mut ChaCha8Rng) -> String {
    let title = titles.choose(random).map_or("", String::as_str);
    let mut words: Vec<String> = title.split_whitespace().map(str::to_owned).collect();
    words.truncate(random.random_range(1..=8));
    for _ in 0..random.random_range(0..5) {
        let Some(at) = (0..words.len()).collect::<Vec<_>>().choose(random).copied() else {
            break;
        };
        let mut letters: Vec<char> = words[at].chars().collect();
        let place = random.random_range(0..=letters.len());
        match random.random_range(0..8) {
            0 if place < letters.len() => {
                letters.remove(place);
            }
            1 if place + 1 < letters.len() => letters.swap(place, place + 1),
            2 => {
                let stray = STRAYS.choose(random).copied().unwrap_or_default();
                letters.splice(place..place, stray.chars());
            }
            3 if at + 1 < words.len() => {
                let next = words.remove(at + 1);
                letters.extend(next.chars());
            }
            4 => letters.insert(place, ' '),
            5 => {
                let other = titles.choose(random).map_or("", String::as_str);
                words.extend(other.split_whitespace().map(str::to_owned));
            }
            6 => letters = letters.repeat(random.random_range(1..60)),
            _ => {
                let letter = char::from_u32(random.random_range(1..0x3_0000)).unwrap_or('x');
                letters.insert(place, letter);
            }
        }
        if let Some(word) = words.get_mut(at) {
            *word = letters.into_iter().collect();
        }
    }
    let text = words.join(" ");
    text.chars().take(LONGEST_QUERY).collect()
}

/// Titles of made-up words that are near to each other, so that the speller
/// has much to choose from.
fn made_up_titles(random: &mut ChaCha8Rng) -> Vec<String> {
    const SYLLABLES: [&str; 24] = [
        "ka", "ra", "lo", "mi", "ten", "ster", "ing", "con", "pre", "ble", "ser", "qu", "ox", "y",
        "ph", "th", "a", "e", "shoe", "box", "é", "ö", "ж", "א",
    ];
    const CHARACTERS: &str = "手机壳电脑鞋子红色大小米苹果耳机无线蓝牙充电器线保护套桌椅灯茶杯";
    let characters: Vec<char> = CHARACTERS.chars().collect();
    let words: Vec<String> = (0..4_000)
        .map(|number| {
            if number % 5 == 0 {
                let length = random.random_range(1..5);
                (0..length)
                    .filter_map(|_| characters.choose(random))
                    .collect()
            } else {
                let length = random.random_range(1..6);
                (0..length)
                    .filter_map(|_| SYLLABLES.choose(random).copied())
                    .collect()
            }
        })
        .collect();
    (0..5_000)
        .map(|number| {
            let length = random.random_range(1..9);
            let chosen: Vec<&str> = (0..length)
                .filter_map(|_| words.choose(random).map(String::as_str))
                .collect();
            format!("{} {}", chosen.join(" "), number % 97)
        })
        .collect()
}

fn products_in(path: &str) -> Result<Vec<Product>, Failure> {
    let text = std::fs::read_to_string(path)?;
    let now = Timestamp::from_seconds(1_800_000_000);
    let mut products = Vec::new();
    for line in text.lines() {
        let row = serde_json::from_str(line)?;
        if let Record::Product(product) = Record::from_json(Kind::Products, row, now)? {
            products.push(product);
        }
    }
    Ok(products)
}

fn made_up(random: &mut ChaCha8Rng) -> Result<Vec<Product>, Failure> {
    let titles = [
        "Red dress",
        "Samsung 4K TV 55\"",
        "USB-C cable 2 m",
        "Drive 1 TB",
        "小米 耳机",
        "蘋果 手機殼",
        "Crème brûlée",
        "Wireless headphones",
        "Running shoes size 42",
    ];
    let made_up = made_up_titles(random);
    let titles = titles.into_iter().map(str::to_owned).chain(made_up);
    let mut products = Vec::new();
    for (number, title) in (1..).zip(titles) {
        let brand = title.split(' ').next().map(str::to_owned);
        let mut product = Product::new(Id::new(&format!("p{number}"))?, title);
        product.brand = brand;
        product.category = vec!["Shoes".to_owned()];
        products.push(product);
    }
    if let Some(first) = products.first_mut() {
        let size = serde_json::json!({"eu": 42});
        first.attributes.insert("size".to_owned(), size);
        let inner = serde_json::json!({"b": "c"});
        first.properties.insert("a".to_owned(), inner);
        let place = serde_json::json!({"lat": 48.1, "lng": 11.5});
        first.properties.insert("location".to_owned(), place);
    }
    Ok(products)
}

fn snapshot_of(products: Vec<Product>) -> Snapshot {
    let entries: Vec<LogEntry> = (1..)
        .zip(products)
        .map(|(sequence, product)| LogEntry {
            sequence,
            id: sequence.to_string(),
            entry: Entry::Record(Record::Product(product)),
        })
        .collect();
    let mut snapshot = Snapshot::default();
    snapshot.extend(&entries);
    snapshot
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let seconds: u64 = arguments.next().map_or(Ok(60), |text| text.parse())?;
    let seed: u64 = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let products = match arguments.next() {
        Some(path) => products_in(&path)?,
        None => made_up(&mut random)?,
    };
    let titles: Vec<String> = products.iter().map(|one| one.title.clone()).collect();
    let snapshot = snapshot_of(products);
    let index = Index::build(&snapshot.catalogue)?;
    let context = Context {
        snapshot: &snapshot,
        decision_id: Id::new("fuzz")?,
        now: Timestamp::from_seconds(0),
        seed: 1,
    };
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut texts, mut refused) = (0_u64, 0_u64);
    let mut slowest = (Duration::ZERO, String::new());
    while Instant::now() < end {
        let text = damaged(&FILTERS, &mut random);
        let query = if random.random_bool(0.5) {
            damaged(&QUERIES, &mut random)
        } else {
            mistyped(&titles, &mut random)
        };
        let filter = read(&text)?;
        refused += u64::from(filter.is_none());
        let begun = Instant::now();
        let asked = ask(&context, &index, filter.as_ref(), &query);
        let asked = asked.map_err(|error| format!("{error}: {text:?} {query:?}"))?;
        refused += u64::from(filter.is_some() && !asked);
        let mut took = begun.elapsed();
        if took > slowest.0 {
            // The machine may have been busy with something else.
            for _ in 0..2 {
                let begun = Instant::now();
                ask(&context, &index, filter.as_ref(), &query)?;
                took = took.min(begun.elapsed());
            }
        }
        if took > slowest.0 {
            slowest = (took, format!("{text:?} {query:?}"));
        }
        if took > LONGEST {
            return Err(format!("too slow: {text:?} {query:?}").into());
        }
        texts += 1;
    }
    println!(
        "{texts} filters and queries, {refused} filters refused, the slowest {:?}: {}",
        slowest.0, slowest.1
    );
    Ok(())
}

/// A filter that is read as it is written, or `None` where it was refused.
fn read(text: &str) -> Result<Option<Filter>, Failure> {
    match text.parse::<Filter>() {
        Ok(filter) => {
            let written = serde_json::to_string(&filter)?;
            if serde_json::from_str::<Filter>(&written)? != filter {
                return Err(format!("read otherwise than written: {text:?}").into());
            }
            Ok(Some(filter))
        }
        Err(error) if error.to_string().len() > text.len() + 2_000 => {
            Err(format!("a message without end: {text:?}").into())
        }
        Err(_) => Ok(None),
    }
}

/// Whether the filter was taken; what cannot be answered twice alike, or with
/// products that the filter lets pass, is a failure.
fn ask(
    context: &Context<'_>,
    index: &Index,
    filter: Option<&Filter>,
    q: &str,
) -> Result<bool, Failure> {
    let request = SearchRequest {
        filter: filter.cloned().unwrap_or_default(),
        ..SearchRequest::new(q)
    };
    let first = match search(context, index, None, &request) {
        Err(ServeError::InvalidRequest {
            param: "filter", ..
        }) => {
            ask(context, index, None, q)?;
            return Ok(false);
        }
        other => other?.content,
    };
    let accepts = |product: &Product| request.filter.accepts(product);
    if first.hits.iter().any(|hit| !accepts(&hit.product)) {
        return Err("the filter is broken".into());
    }
    let again = search(context, index, None, &request)?.content;
    let told = |hits: &[Hit]| -> Vec<(Id, u32)> {
        let hits = hits.iter();
        hits.map(|hit| (hit.id.clone(), hit.score.to_bits()))
            .collect()
    };
    if told(&first.hits) != told(&again.hits) || first.corrected != again.corrected {
        return Err("two answers to one question".into());
    }
    for hit in &first.hits {
        let shown = hit.highlight.get(&Field::Title).map_or("", String::as_str);
        let bare = shown.replace("<mark>", "").replace("</mark>", "");
        if !hit.product.title.contains(['<', '>', '&', '"', '\'']) && bare != hit.product.title {
            return Err(format!("highlighted otherwise than written: {shown}").into());
        }
    }
    let request = SuggestRequest {
        q: q.to_owned(),
        ..SuggestRequest::default()
    };
    suggest(context, index, &request)?;
    Ok(true)
}
