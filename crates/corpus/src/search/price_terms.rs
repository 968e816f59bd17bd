//! Prices that a query names, in the words of each language ([`Locale`]):
//! `under 50 dollars`, `300元以下`, `unter 49,90 €`, `menos de 50`.

use std::ops::Range;
use std::sync::LazyLock;

use locale::Locale;
use regex::{Captures, Regex};
use shop::Separators;

/// Signs and codes of currencies, which every language writes alike.
const SIGNS: &str = r"us\$|\$|€|£|¥|￥|\b(?:usd|eur|gbp|cny|rmb|jpy)\b";

/// The last price that a query could name in a minor unit, exclusive.
const MOST: f64 = 1e15;

/// A price in minor units, both ends inclusive, and where the query names it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PriceTerm {
    pub(super) min: Option<i64>,
    pub(super) max: Option<i64>,
    pub(super) place: Range<usize>,
}

/// How the amounts that a pattern captures bound the price.
#[derive(Debug, Clone, Copy)]
enum Bound {
    Between,
    AtMost,
    AtLeast,
    /// Within a fifth.
    About,
}

struct Pattern {
    regex: Regex,
    bound: Bound,
    separators: Separators,
}

struct Patterns {
    prices: Vec<Pattern>,
    cheap: Vec<Regex>,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| Patterns {
    prices: Locale::all().iter().flat_map(prices_of).collect(),
    cheap: Locale::all().iter().filter_map(cheap_of).collect(),
});

/// The first price that a query names; `minor` is how many minor units the
/// shop's money has in one.
pub(super) fn price_in(query: &str, minor: i64) -> Option<PriceTerm> {
    PATTERNS.prices.iter().find_map(|pattern| {
        let found = pattern.regex.captures(query)?;
        let (min, max) = pattern.bounds(&found, minor)?;
        let place = found.get(0)?.range();
        Some(PriceTerm { min, max, place })
    })
}

/// Where a query says that it should be cheap.
pub(super) fn cheap_in(query: &str) -> Option<Range<usize>> {
    let found = PATTERNS.cheap.iter().find_map(|regex| regex.find(query));
    found.map(|found| found.range())
}

impl Pattern {
    fn bounds(&self, found: &Captures<'_>, minor: i64) -> Option<(Option<i64>, Option<i64>)> {
        let groups = found.iter().skip(1).flatten();
        let amounts: Option<Vec<i64>> = groups
            .map(|group| amount(group.as_str(), self.separators, minor))
            .collect();
        Some(match (self.bound, amounts?.as_slice()) {
            (Bound::Between, &[one, two]) => (Some(one.min(two)), Some(one.max(two))),
            (Bound::AtMost, &[amount]) => (None, Some(amount)),
            (Bound::AtLeast, &[amount]) => (Some(amount), None),
            (Bound::About, &[amount]) => (Some(amount * 8 / 10), Some(amount * 12 / 10)),
            _ => return None,
        })
    }
}

/// A number in minor units, as its language writes it, else as none does.
fn amount(text: &str, separators: Separators, minor: i64) -> Option<i64> {
    let number = separators
        .read(text)
        .or_else(|| Separators::of(text).read(text))?;
    let amount = (number.parse::<f64>().ok()? * minor as f64).round();
    (0.0..MOST).contains(&amount).then_some(amount as i64)
}

fn alternatives(text: &str) -> impl Iterator<Item = &str> {
    text.split('|').map(str::trim).filter(|one| !one.is_empty())
}

/// The alternatives as a group of a pattern, each a whole word where it
/// consists of letters that stand between blanks.
fn group(text: &str) -> String {
    let mut all: Vec<&str> = alternatives(text).collect();
    all.sort_by_key(|one| std::cmp::Reverse(one.len()));
    let all: Vec<String> = all.into_iter().map(whole_word).collect();
    all.join("|")
}

fn whole_word(word: &str) -> String {
    let edge = |c: Option<char>| match c {
        Some(c) if c.is_alphabetic() && !crate::words::contains_han(&c.to_string()) => r"\b",
        _ => "",
    };
    let escaped = regex::escape(word).replace(' ', r"\s+");
    let (first, last) = (word.chars().next(), word.chars().next_back());
    format!("{}{escaped}{}", edge(first), edge(last))
}

fn prices_of(locale: &Locale) -> Vec<Pattern> {
    let kinds = [
        (Bound::Between, locale.query_price_between),
        (Bound::AtMost, locale.query_price_at_most),
        (Bound::AtLeast, locale.query_price_at_least),
        (Bound::About, locale.query_price_about),
    ];
    let templates = kinds
        .into_iter()
        .flat_map(|(bound, all)| alternatives(all).map(move |template| (bound, template)));
    templates
        .flat_map(|(bound, template)| {
            let regexes = regexes_of(template, locale);
            regexes.into_iter().map(move |regex| Pattern {
                regex,
                bound,
                separators: locale.separators(),
            })
        })
        .collect()
}

/// A template with `#` as patterns: with the currency, and where it may do so
/// without at the end of the query.
fn regexes_of(template: &str, locale: &Locale) -> Vec<Regex> {
    let ending = match group(locale.query_price_ending) {
        none if none.is_empty() => String::new(),
        some => format!("(?:{some})?"),
    };
    let with_currency = format!("{}{ending}", body(template, locale, false));
    let mut all = vec![with_currency];
    if template.contains("#?") {
        let end = match ending.is_empty() {
            true => r"\s*\z".to_owned(),
            false => format!(r"(?:{}|\s*\z)", group(locale.query_price_ending)),
        };
        all.push(format!("{}{end}", body(template, locale, true)));
    }
    let compiled = all.into_iter().map(|one| Regex::new(&format!("(?i){one}")));
    compiled.filter_map(Result::ok).collect()
}

/// The template's words and amounts; `bare`: `#?` stands without a currency.
fn body(template: &str, locale: &Locale, bare: bool) -> String {
    let Separators {
        decimal,
        group: thousands,
    } = locale.separators();
    let (decimal, thousands) = (
        regex::escape(&decimal.to_string()),
        regex::escape(&thousands.to_string()),
    );
    let number = format!(r"(\d(?:[\d{thousands}]*\d)?(?:{decimal}\d{{1,2}})?|\d+\.\d{{1,2}})");
    let after = format!("(?:{SIGNS}|{})", group(locale.query_currency));
    let before = format!("(?:{SIGNS})");
    let priced = format!(r"(?:{before}\s*{number}(?:\s*{after})?|{number}\s*{after})");
    let free = format!(r"(?:{before})?\s*{number}(?:\s*{after})?");
    let mut body = String::new();
    let mut rest = template;
    while let Some((words, after)) = rest.split_once('#') {
        push_words(&mut body, words);
        let (amount, left) = match after.chars().next() {
            Some('?') if bare => (&free, &after[1..]),
            Some('?') => (&priced, &after[1..]),
            Some('*') => (&free, &after[1..]),
            _ => (&priced, after),
        };
        body.push_str(amount);
        rest = left;
    }
    push_words(&mut body, rest);
    body
}

/// Words between amounts; blanks around them may be missing only where the
/// template has none or a mark stands there.
fn push_words(body: &mut String, words: &str) {
    let word = words.trim();
    if word.is_empty() {
        return;
    }
    body.push_str(r"\s*");
    body.push_str(&whole_word(word));
    body.push_str(r"\s*");
}

fn cheap_of(locale: &Locale) -> Option<Regex> {
    Regex::new(&format!("(?i)(?:{})", group(locale.query_cheap))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_a_pattern() {
        for locale in Locale::all() {
            let templates = [
                locale.query_price_between,
                locale.query_price_at_most,
                locale.query_price_at_least,
                locale.query_price_about,
            ];
            for template in templates.into_iter().flat_map(alternatives) {
                let wanted = 1 + usize::from(template.contains("#?"));
                let found = regexes_of(template, locale).len();
                assert_eq!(found, wanted, "{locale:?} {template}");
            }
            assert!(cheap_of(locale).is_some(), "{locale:?}");
        }
    }

    #[test]
    fn prices_in_four_languages() {
        for (query, min, max, text) in [
            ("red dress under 50", None, Some(5_000), "under 50"),
            ("tv under $1,299.99", None, Some(129_999), "under $1,299.99"),
            ("kleid unter 50 euro", None, Some(5_000), "unter 50 euro"),
            ("kleid unter 50", None, Some(5_000), "unter 50"),
            ("lampe unter 49,90 €", None, Some(4_990), "unter 49,90 €"),
            (
                "lampe bis zu 1.299,50 €",
                None,
                Some(129_950),
                "bis zu 1.299,50 €",
            ),
            (
                "lampe zwischen 10 und 20 euro",
                Some(1_000),
                Some(2_000),
                "zwischen 10 und 20 euro",
            ),
            ("über 100 euro lampe", Some(10_000), None, "über 100 euro"),
            ("vestido rojo menos de 50", None, Some(5_000), "menos de 50"),
            (
                "lámpara entre 10 y 20 euros",
                Some(1_000),
                Some(2_000),
                "entre 10 y 20 euros",
            ),
            (
                "más de 49,90 € lámpara",
                Some(4_990),
                None,
                "más de 49,90 €",
            ),
            ("500元以下的耳机", None, Some(50_000), "500元以下的"),
            ("不超过30的茶", None, Some(3_000), "不超过30的"),
        ] {
            let found = price_in(query, 100);
            let said = found.as_ref().map(|one| query[one.place.clone()].trim());
            assert_eq!(said, Some(text), "{query}");
            let found = found.unwrap();
            assert_eq!((found.min, found.max), (min, max), "{query}");
        }
        for query in [
            "case under 50 cm",
            "regal unter 50 cm",
            "mesa de menos de 50 cm",
            "over ear 40mm",
            "低于50cm的架子",
            "usb 3.0",
        ] {
            assert_eq!(price_in(query, 100), None, "{query}");
        }
        for query in [
            "günstige lampe",
            "lámpara barata",
            "cheap lamp",
            "便宜的台灯",
        ] {
            assert!(cheap_in(query).is_some(), "{query}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_query_is_read(query in "\\PC{0,40}|((under|unter|menos de|50|,|\\.|\\$|€|元|以下|cm) ?){0,8}") {
            price_in(&query, 100);
            cheap_in(&query);
        }
    }
}
