//! Throws damaged filters and queries at their parsers for so many seconds:
//! `cargo run --release -p serve --example fuzz_search -- 60 [SEED]`. Each must be
//! read or refused with a message that names a place, must not panic, must say
//! the same twice, and must not take long.

use std::time::{Duration, Instant};

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serve::Context;
use serve::search::{Index, SearchRequest, SuggestRequest, search, suggest};
use shop::{Filter, Id, Product, Record, Timestamp};
use store::{Entry, LogEntry, Snapshot};

type Failure = Box<dyn std::error::Error>;

const FILTERS: [&str; 8] = [
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
    letters.into_iter().collect()
}

fn shop() -> Result<Snapshot, Failure> {
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
    let mut entries = Vec::new();
    for (sequence, title) in (1..).zip(titles) {
        let mut product = Product::new(Id::new(&format!("p{sequence}"))?, title.to_owned());
        product.brand = title.split(' ').next().map(str::to_owned);
        product.category = vec!["Shoes".to_owned()];
        entries.push(LogEntry {
            sequence,
            id: sequence.to_string(),
            entry: Entry::Record(Record::Product(product)),
        });
    }
    let mut snapshot = Snapshot::default();
    snapshot.extend(&entries);
    Ok(snapshot)
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let seconds: u64 = arguments.next().map_or(Ok(60), |text| text.parse())?;
    let seed: u64 = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let snapshot = shop()?;
    let index = Index::build(&snapshot.catalogue)?;
    let context = Context {
        snapshot: &snapshot,
        decision_id: Id::new("fuzz")?,
        now: Timestamp::from_seconds(0),
        seed: 1,
    };
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut texts, mut refused, mut slowest) = (0_u64, 0_u64, Duration::ZERO);
    while Instant::now() < end {
        let text = damaged(&FILTERS, &mut random);
        let query = damaged(&QUERIES, &mut random);
        let begun = Instant::now();
        let filter = match text.parse::<Filter>() {
            Ok(filter) => {
                let written = serde_json::to_string(&filter)?;
                if serde_json::from_str::<Filter>(&written)? != filter {
                    return Err(format!("read otherwise than written: {text:?}").into());
                }
                filter
            }
            Err(error) => {
                refused += 1;
                if error.to_string().len() > text.len() + 2_000 {
                    return Err(format!("a message without end: {text:?}").into());
                }
                Filter::default()
            }
        };
        let request = SearchRequest {
            filter: filter.clone(),
            ..SearchRequest::new(&query)
        };
        let results = search(&context, &index, None, &request)?.content;
        if results.hits.iter().any(|hit| !filter.accepts(&hit.product)) {
            return Err(format!("the filter is broken: {text:?} {query:?}").into());
        }
        let request = SuggestRequest {
            q: query.clone(),
            ..SuggestRequest::default()
        };
        suggest(&context, &index, &request)?;
        slowest = slowest.max(begun.elapsed());
        if begun.elapsed() > LONGEST {
            return Err(format!("too slow: {text:?} {query:?}").into());
        }
        texts += 1;
    }
    println!(
        "{texts} filters and queries, {refused} filters refused, the slowest pair {slowest:?}"
    );
    Ok(())
}
