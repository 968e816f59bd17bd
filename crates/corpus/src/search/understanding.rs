//! What a query says beside its words: a price, what must not be, a brand, a
//! category, an attribute's value. Each is a wish: it brings products forward
//! or sends them back and hides none.

use std::ops::Range;
use std::sync::OnceLock;

use regex::{Captures, Regex};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shop::Product;

use super::analysis::folded;

/// Longer names are texts, nobody types them whole.
const MOST_NAME_WORDS: usize = 4;
/// An attribute's value counts when so many products have it.
const LEAST_PRODUCTS: u32 = 2;

/// Something that was understood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Wish {
    /// A price in minor units, both ends inclusive.
    Price {
        /// At least this.
        #[serde(skip_serializing_if = "Option::is_none")]
        min: Option<i64>,
        /// At most this.
        #[serde(skip_serializing_if = "Option::is_none")]
        max: Option<i64>,
        /// As it was typed.
        text: String,
    },
    /// Rather cheap.
    Cheap {
        /// As it was typed.
        text: String,
    },
    /// Rather not this.
    Without {
        /// The word.
        word: String,
    },
    /// A brand.
    Brand {
        /// As the catalogue has it.
        value: String,
    },
    /// A part of the category path.
    Category {
        /// As the catalogue has it.
        value: String,
    },
    /// A value of an attribute.
    Attribute {
        /// The attribute.
        name: String,
        /// As the catalogue has it.
        value: String,
    },
}

/// What was understood, and the words that are left to look for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Understanding {
    /// The query without its price and what must not be.
    pub words: String,
    /// What it says beside them.
    pub wishes: Vec<Wish>,
    /// The brands of several words that it names, folded, word by word.
    pub names: Vec<Vec<String>>,
}

/// The names that the catalogue has for things.
#[derive(Debug, Clone, Default)]
pub struct Names {
    by_text: FxHashMap<String, Vec<Wish>>,
    /// How many minor units the shop's money has in one.
    minor: i64,
}

impl Names {
    /// Collects the brands, categories and attribute values of products.
    pub fn of(products: &[&Product]) -> Self {
        let mut counts: FxHashMap<(u8, &str, String), (u32, Wish)> = FxHashMap::default();
        let mut add = |kind: u8, name: &'static str, text: &str, wish: &dyn Fn() -> Wish| {
            let key = super::exact_key(text);
            if !key.is_empty() && key.split(' ').count() <= MOST_NAME_WORDS {
                let entry = counts.entry((kind, name, key));
                entry.or_insert_with(|| (0, wish())).0 += 1;
            }
        };
        let mut attributes: FxHashMap<(String, String), (u32, Wish)> = FxHashMap::default();
        let mut minors: FxHashMap<i64, u32> = FxHashMap::default();
        for product in products {
            let own = |value: &str| value.to_owned();
            if let Some(brand) = &product.brand {
                add(0, "", brand, &|| Wish::Brand { value: own(brand) });
            }
            for part in &product.category {
                add(1, "", part, &|| Wish::Category { value: own(part) });
            }
            for (name, value) in &product.attributes {
                for text in texts(value) {
                    let key = super::exact_key(text);
                    let short = key.split(' ').count() <= MOST_NAME_WORDS;
                    if short && key.chars().any(char::is_alphabetic) {
                        let entry = attributes.entry((name.clone(), key));
                        let wish = || Wish::Attribute {
                            name: name.clone(),
                            value: own(text),
                        };
                        entry.or_insert_with(|| (0, wish())).0 += 1;
                    }
                }
            }
            if let Some(price) = product.price {
                let minor = 10_i64.pow(price.currency.exponent());
                *minors.entry(minor).or_default() += 1;
            }
        }
        let mut by_text: FxHashMap<String, Vec<(u32, Wish)>> = FxHashMap::default();
        for ((_, _, text), counted) in counts {
            by_text.entry(text).or_default().push(counted);
        }
        for ((_, text), counted) in attributes {
            if counted.0 >= LEAST_PRODUCTS {
                by_text.entry(text).or_default().push(counted);
            }
        }
        let by_text = by_text.into_iter().map(|(text, mut wishes)| {
            wishes.sort_by_cached_key(|(count, wish)| {
                (std::cmp::Reverse(*count), format!("{wish:?}"))
            });
            wishes.truncate(2);
            (text, wishes.into_iter().map(|(_, wish)| wish).collect())
        });
        let minor = minors
            .into_iter()
            .max_by_key(|(minor, count)| (*count, *minor));
        Self {
            by_text: by_text.collect(),
            minor: minor.map_or(100, |(minor, _)| minor),
        }
    }

    fn with(&self, text: &str) -> &[Wish] {
        self.by_text.get(text).map_or(&[], Vec::as_slice)
    }
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Reads the wishes out of a query.
pub fn understand(names: &Names, query: &str) -> Understanding {
    let mut result = Understanding {
        words: query.to_owned(),
        wishes: Vec::new(),
        names: Vec::new(),
    };
    let Some(patterns) = patterns() else {
        return result;
    };
    for (pattern, bounds) in &patterns.prices {
        let Some(found) = pattern.captures(&result.words) else {
            continue;
        };
        let (min, max) = bounds(&found, names.minor);
        if min.is_none() && max.is_none() {
            continue;
        }
        let place = place(&found);
        result.take(place, |text| Wish::Price { min, max, text });
        break;
    }
    if let Some(found) = patterns.cheap.find(&result.words) {
        result.take(found.range(), |text| Wish::Cheap { text });
    }
    while let Some(found) = patterns.without.captures(&result.words) {
        let word = found.get(1).or(found.get(2)).or(found.get(3));
        let word = word.map_or(String::new(), |word| folded(word.as_str().trim()));
        let place = place(&found);
        result.take(place, |_| Wish::Without { word });
        if result.wishes.len() > 8 {
            break;
        }
    }
    // Nothing but wishes is nothing to look for.
    if result.words.trim().is_empty() {
        result.words = query.to_owned();
    }
    result.name_things(names);
    result
}

impl Understanding {
    /// Moves what a pattern found from the words to the wishes.
    fn take(&mut self, place: Range<usize>, wish: impl FnOnce(String) -> Wish) {
        let text = self.words[place.clone()].trim().to_owned();
        let left = format!(
            "{} {}",
            &self.words[..place.start],
            &self.words[place.end..]
        );
        self.wishes.push(wish(text));
        self.words = left.split_whitespace().collect::<Vec<_>>().join(" ");
    }

    /// The longest names first; a word is part of one name.
    fn name_things(&mut self, names: &Names) {
        let words = super::exact_key(&self.words);
        let words: Vec<&str> = words.split(' ').filter(|word| !word.is_empty()).collect();
        let mut at = 0;
        while at < words.len().min(32) {
            let longest = (1..=MOST_NAME_WORDS.min(words.len() - at)).rev();
            let found = longest
                .map(|length| (length, names.with(&words[at..at + length].join(" "))))
                .find(|(_, wishes)| !wishes.is_empty());
            match found {
                Some((length, wishes)) => {
                    self.wishes.extend(wishes.iter().cloned());
                    let is_brand = |wish: &Wish| matches!(wish, Wish::Brand { .. });
                    if length > 1 && wishes.iter().any(is_brand) {
                        let parts = words[at..at + length].iter();
                        let parts = parts.filter(|part| part.contains(char::is_alphanumeric));
                        self.names
                            .push(parts.map(|part| (*part).to_owned()).collect());
                    }
                    at += length;
                }
                None => {
                    self.name_unspaced(names, words[at]);
                    at += 1;
                }
            }
        }
    }

    /// Names inside a run of Chinese: `红色连衣裙` has `红色`.
    fn name_unspaced(&mut self, names: &Names, run: &str) {
        if !crate::words::contains_han(run) {
            return;
        }
        let ends: Vec<usize> = run
            .char_indices()
            .map(|(at, _)| at)
            .chain([run.len()])
            .collect();
        let mut at = 0;
        while at + 2 < ends.len().min(64) {
            let found = (2..=6.min(ends.len() - 1 - at)).rev().find_map(|length| {
                let wishes = names.with(&run[ends[at]..ends[at + length]]);
                (!wishes.is_empty()).then_some((length, wishes))
            });
            match found {
                Some((length, wishes)) => {
                    self.wishes.extend(wishes.iter().cloned());
                    at += length;
                }
                None => at += 1,
            }
        }
    }
}

/// Where all of what a pattern found stands.
fn place(found: &Captures<'_>) -> Range<usize> {
    found.get(0).map_or(0..0, |whole| whole.range())
}

type Bounds = fn(&Captures<'_>, i64) -> (Option<i64>, Option<i64>);

struct Patterns {
    prices: Vec<(Regex, Bounds)>,
    cheap: Regex,
    without: Regex,
}

fn amount(found: &Captures<'_>, group: usize, minor: i64) -> Option<i64> {
    let text = found.get(group)?.as_str().replace(',', "");
    let number: f64 = text.parse().ok()?;
    let amount = (number * minor as f64).round();
    (0.0..1e15).contains(&amount).then_some(amount as i64)
}

fn patterns() -> Option<&'static Patterns> {
    static PATTERNS: OnceLock<Option<Patterns>> = OnceLock::new();
    PATTERNS.get_or_init(|| build().ok()).as_ref()
}

fn build() -> Result<Patterns, regex::Error> {
    const MONEY: &str = r"(?:usd|us\$|\$|€|£|¥|￥|rmb|cny)?\s*(\d[\d,]*(?:\.\d{1,2})?)\s*";
    // A number with another unit is no price.
    const END: &str = r"(?:dollars?|bucks|euros?|pounds sterling|usd|eur|gbp|\$|€|£|元|[美欧日]元|美金|英镑|块钱?|人民币)";
    let both: Bounds = |found, minor| {
        let (one, two) = (amount(found, 1, minor), amount(found, 2, minor));
        match (one, two) {
            (Some(one), Some(two)) => (Some(one.min(two)), Some(one.max(two))),
            _ => (None, None),
        }
    };
    let at_most: Bounds = |found, minor| (None, amount(found, 1, minor));
    let at_least: Bounds = |found, minor| (amount(found, 1, minor), None);
    let about: Bounds = |found, minor| match amount(found, 1, minor) {
        Some(amount) => (Some(amount * 8 / 10), Some(amount * 12 / 10)),
        None => (None, None),
    };
    let mut prices: Vec<(Regex, Bounds)> = Vec::new();
    let mut add = |pattern: String, bounds: Bounds| -> Result<(), regex::Error> {
        prices.push((Regex::new(&pattern)?, bounds));
        Ok(())
    };
    add(
        format!(r"(?i)\bbetween\s+{MONEY}{END}?\s*(?:and|to|-)\s*{MONEY}{END}?\s*(?:\z|\b)"),
        both,
    )?;
    add(
        format!(r"(?i)\b(?:from\s+)?{MONEY}(?:-|to|–)\s*{MONEY}{END}"),
        both,
    )?;
    add(
        r"(?i)\$\s*(\d[\d,]*(?:\.\d+)?)\s*(?:-|to|–)\s*\$?\s*(\d[\d,]*(?:\.\d+)?)".to_owned(),
        both,
    )?;
    add(
        format!(
            r"{MONEY}(?:[美欧日]?元)?\s*(?:到|至|-|~|—)\s*{MONEY}(?:元|[美欧日]元|美金|英镑|块钱?|人民币)(?:之间|左右)?的?"
        ),
        both,
    )?;
    add(
        format!(
            r"(?:低于|不超过|少于|最多|小于)\s*{MONEY}(?:元|[美欧日]元|美金|英镑|块钱?|人民币)?的?"
        ),
        at_most,
    )?;
    add(
        format!(
            r"(?:高于|超过|至少|不低于|大于)\s*{MONEY}(?:元|[美欧日]元|美金|英镑|块钱?|人民币)?的?"
        ),
        at_least,
    )?;
    add(
        format!(r"{MONEY}(?:元|[美欧日]元|美金|英镑|块钱?|人民币)\s*(?:以下|以内|之内|内)的?"),
        at_most,
    )?;
    add(
        format!(r"{MONEY}(?:元|[美欧日]元|美金|英镑|块钱?|人民币)\s*(?:以上|起)的?"),
        at_least,
    )?;
    add(
        format!(r"{MONEY}(?:元|[美欧日]元|美金|英镑|块钱?|人民币)\s*(?:左右|上下)的?"),
        about,
    )?;
    for (words, bounds) in [
        (
            r"under|below|less than|cheaper than|up to|at most|no more than|max(?:imum)?",
            at_most,
        ),
        (r"over|above|more than|at least|from|min(?:imum)?", at_least),
        (r"about|around", about),
    ] {
        add(
            format!(r"(?i)\b(?:{words})\s+{MONEY}{END}(?:\z|\b|\s)"),
            bounds,
        )?;
        add(
            format!(r"(?i)\b(?:{words})\s+[$€£¥￥]\s*(\d[\d,]*(?:\.\d+)?)"),
            bounds,
        )?;
    }
    // Without a currency only at the end, where no unit can follow.
    add(
        format!(r"(?i)\b(?:under|below|less than|cheaper than)\s+{MONEY}\z"),
        at_most,
    )?;
    add(
        format!(r"(?i)\b(?:over|above|more than)\s+{MONEY}\z"),
        at_least,
    )?;
    Ok(Patterns {
        prices,
        cheap: Regex::new(
            r"(?i)\b(?:cheap|cheapest|inexpensive|affordable|low[- ]cost)\b|便宜的?|实惠的?|平价的?|性价比高的?",
        )?,
        without: Regex::new(
            r"(?i)(?:\bnot|\bwithout|\bexcept|\bexcluding)\s+([\p{L}\d]+)|(?:^|\s)-([\p{L}][\p{L}\d]*)|(?:不要|不含|除了|非)([\p{Han}\p{L}\d]{1,8})",
        )?,
    })
}

#[cfg(test)]
mod tests {
    use shop::{Currency, Id, Money};

    use super::*;

    fn names() -> Names {
        let product = |id: &str, brand: &str, category: &str, colour: &str| {
            let mut product = Product::new(Id::new(id).unwrap(), id.to_owned());
            product.brand = Some(brand.to_owned());
            product.category = vec![category.to_owned()];
            product.attributes.insert("colour".into(), colour.into());
            product.price = Some(Money::new(1_000, Currency::USD));
            product
        };
        let all = [
            product("1", "Samsung", "TVs", "Red"),
            product("2", "Big Co", "Dresses", "Red"),
            product("3", "小米", "耳机", "红色"),
            product("4", "小米", "耳机", "红色"),
        ];
        Names::of(&all.iter().collect::<Vec<_>>())
    }

    fn price(min: Option<i64>, max: Option<i64>, text: &str) -> Wish {
        let text = text.to_owned();
        Wish::Price { min, max, text }
    }

    #[test]
    fn prices_are_read_and_taken_out_of_the_words() {
        let names = names();
        for (query, words, min, max, text) in [
            (
                "red dress under 50",
                "red dress",
                None,
                Some(5_000),
                "under 50",
            ),
            (
                "tv under $1,299.99",
                "tv",
                None,
                Some(129_999),
                "under $1,299.99",
            ),
            (
                "lamp between 10 and 20",
                "lamp",
                Some(1_000),
                Some(2_000),
                "between 10 and 20",
            ),
            (
                "lamp 10-20 dollars",
                "lamp",
                Some(1_000),
                Some(2_000),
                "10-20 dollars",
            ),
            (
                "over 100 euros lamp",
                "lamp",
                Some(10_000),
                None,
                "over 100 euros",
            ),
            ("500元以下的耳机", "耳机", None, Some(50_000), "500元以下的"),
            (
                "耳机100到200元",
                "耳机",
                Some(10_000),
                Some(20_000),
                "100到200元",
            ),
            ("不超过30元的茶", "茶", None, Some(3_000), "不超过30元的"),
            ("50美元以下的茶", "茶", None, Some(5_000), "50美元以下的"),
        ] {
            let found = understand(&names, query);
            assert_eq!(found.words, words, "{query}");
            assert!(
                found.wishes.contains(&price(min, max, text)),
                "{query}: {:?}",
                found.wishes
            );
        }
        for query in [
            "under desk shelf",
            "case under 50 cm",
            "over ear 40mm",
            "usb 3.0",
            "under 16gb",
        ] {
            let found = understand(&names, query);
            assert_eq!(found.words, query);
            assert!(found.wishes.is_empty(), "{query}: {:?}", found.wishes);
        }
    }

    #[test]
    fn names_and_what_must_not_be() {
        let names = names();
        let found = understand(&names, "cheap 4k tvs not samsung");
        assert_eq!(found.words, "4k tvs");
        let value = "TVs".to_owned();
        for wish in [
            Wish::Cheap {
                text: "cheap".into(),
            },
            Wish::Without {
                word: "samsung".into(),
            },
            Wish::Category { value },
        ] {
            assert!(found.wishes.contains(&wish), "{:?}", found.wishes);
        }
        let found = understand(&names, "big co dresses red");
        let kinds = found.wishes.iter().map(|wish| format!("{wish:?}"));
        let kinds = kinds.collect::<Vec<_>>().join(" ");
        for part in [
            "Brand",
            "Big Co",
            "Category",
            "Dresses",
            "Attribute",
            "colour",
        ] {
            assert!(kinds.contains(part), "{kinds}");
        }
        assert_eq!(found.names, [["big", "co"]]);
        let found = understand(&names, "红色耳机不要小米");
        assert_eq!(found.words, "红色耳机");
        assert_eq!(found.wishes.len(), 3, "{:?}", found.wishes);
        assert_eq!(understand(&names, "not samsung").words, "not samsung");
    }

    proptest::proptest! {
        #[test]
        fn any_query_is_understood(query in "\\PC{0,40}|((under|not|without|cheap|50|\\$|元|以下|不要|-x|red) ?){0,8}") {
            let names = names();
            let found = understand(&names, &query);
            proptest::prop_assert!(found.wishes.len() < 80);
            proptest::prop_assert_eq!(&found, &understand(&names, &query));
        }
    }
}
