//! Query understanding: the constraints that a query states beside its keywords.
//! Operators (`-red`, `not red`, `"red summer"`) are hard: what they exclude is
//! not shown. What is guessed (a price range, `without`, a brand, a category, an
//! attribute's value) moves products up or down the list and hides none.

use std::ops::Range;
use std::sync::OnceLock;

use regex::{Captures, Regex};
use serde::{Deserialize, Serialize};

use super::analysis::folded;
use super::gazetteer::{Gazetteer, MOST_NAME_WORDS};
use super::price_terms::{PriceTerm, cheap_in, price_in};

/// Something that was understood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum QueryConstraint {
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
    /// Nothing that has this, as an operator says: a word, or a phrase in quotes.
    Exclude {
        /// The word or the phrase.
        text: String,
        /// Whether it was in quotes: then only as it stands.
        quoted: bool,
    },
    /// Only what has these words side by side, as quotes say.
    Phrase {
        /// The words.
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
pub struct ParsedQuery {
    /// The query without its price and what must not be.
    pub words: String,
    /// What it says beside them.
    pub constraints: Vec<QueryConstraint>,
    /// The brands of several words that it names, folded, word by word.
    pub names: Vec<Vec<String>>,
}

/// Reads the constraints out of a query.
pub fn parse_constraints(names: &Gazetteer, query: &str) -> ParsedQuery {
    let mut result = ParsedQuery {
        words: query.to_owned(),
        constraints: Vec::new(),
        names: Vec::new(),
    };
    if let Some(operators) = operators() {
        result.take_operators(operators, names);
    }
    if let Some(PriceTerm { min, max, place }) = price_in(&result.words, names.minor) {
        result.take(place, |text| QueryConstraint::Price { min, max, text });
    }
    if let Some(place) = cheap_in(&result.words) {
        result.take(place, |text| QueryConstraint::Cheap { text });
    }
    let Some(without) = without() else {
        return result;
    };
    while let Some(found) = without.captures(&result.words) {
        let word = found.get(1).or(found.get(2));
        let word = word.map_or(String::new(), |word| folded(word.as_str().trim()));
        let place = place(&found);
        result.take(place, |_| QueryConstraint::Without { word });
        if result.constraints.len() > 8 {
            break;
        }
    }
    // Nothing but guesses is nothing to look for.
    if result.words.trim().is_empty() && !result.has_operators() {
        result.words = query.to_owned();
    }
    result.name_things(names);
    result
}

impl ParsedQuery {
    /// Whether it has a constraint that hides products.
    pub fn has_operators(&self) -> bool {
        let mut all = self.constraints.iter();
        all.any(|one| {
            matches!(
                one,
                QueryConstraint::Exclude { .. } | QueryConstraint::Phrase { .. }
            )
        })
    }

    /// Moves what operators exclude from the words to the constraints; the words
    /// of a phrase stay words as well.
    fn take_operators(&mut self, operators: &Regex, names: &Gazetteer) {
        const MOST: usize = 8;
        let mut from = 0;
        while let Some(found) = operators.captures_at(&self.words, from) {
            if self.constraints.len() >= MOST {
                return;
            }
            let group = |name: &str| found.name(name).map(|one| one.as_str().trim().to_owned());
            let (place, operator) = (place(&found), group("operator").unwrap_or_default());
            let by_word = operator.chars().any(char::is_alphabetic);
            let quoted = group("phrase");
            let text = quoted.clone().or(group("word")).unwrap_or_default();
            let is_name = by_word && names.follows_not(&text);
            let negated = !operator.is_empty();
            if text.is_empty() || is_name || (quoted.is_none() && !negated) {
                from = place.end;
                continue;
            }
            let kept = if negated { "" } else { text.as_str() };
            let head = format!("{} {kept}", self.words[..place.start].trim_end());
            let tail = self.words[place.end..].trim_start().to_owned();
            from = head.len();
            self.words = format!("{head} {tail}");
            self.constraints.push(match negated {
                true => QueryConstraint::Exclude {
                    quoted: quoted.is_some(),
                    text,
                },
                false => QueryConstraint::Phrase { text },
            });
        }
        if self.has_operators() {
            self.words = self.words.split_whitespace().collect::<Vec<_>>().join(" ");
        }
    }

    /// Moves what a pattern found from the words to the constraints.
    fn take(&mut self, place: Range<usize>, constraint: impl FnOnce(String) -> QueryConstraint) {
        let text = self.words[place.clone()].trim().to_owned();
        let left = format!(
            "{} {}",
            &self.words[..place.start],
            &self.words[place.end..]
        );
        self.constraints.push(constraint(text));
        self.words = left.split_whitespace().collect::<Vec<_>>().join(" ");
    }

    /// The longest names first; a word is part of one name.
    fn name_things(&mut self, names: &Gazetteer) {
        let words = super::exact_key(&self.words);
        let words: Vec<&str> = words.split(' ').filter(|word| !word.is_empty()).collect();
        let mut at = 0;
        while at < words.len().min(32) {
            let longest = (1..=MOST_NAME_WORDS.min(words.len() - at)).rev();
            let found = longest
                .map(|length| (length, names.with(&words[at..at + length].join(" "))))
                .find(|(_, constraints)| !constraints.is_empty());
            match found {
                Some((length, constraints)) => {
                    self.constraints.extend(constraints.iter().cloned());
                    let is_brand = |constraint: &QueryConstraint| {
                        matches!(constraint, QueryConstraint::Brand { .. })
                    };
                    if length > 1 && constraints.iter().any(is_brand) {
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

    /// Gazetteer inside a run of Chinese: `红色连衣裙` has `红色`.
    fn name_unspaced(&mut self, names: &Gazetteer, run: &str) {
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
                let constraints = names.with(&run[ends[at]..ends[at + length]]);
                (!constraints.is_empty()).then_some((length, constraints))
            });
            match found {
                Some((length, constraints)) => {
                    self.constraints.extend(constraints.iter().cloned());
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

/// What excludes: `-red`, `not red`, and a phrase in quotes.
fn operators() -> Option<&'static Regex> {
    static OPERATORS: OnceLock<Option<Regex>> = OnceLock::new();
    let pattern = r#"(?i)(?:^|\s)(?P<operator>-|not\s+(?:(?:an?|the|any)\s+)?)?(?:["“”](?P<phrase>[^"“”]+)["“”]|(?P<word>[\p{L}][^\s"“”]*))"#;
    OPERATORS.get_or_init(|| Regex::new(pattern).ok()).as_ref()
}

/// What precedes a word that is not wanted.
fn without() -> Option<&'static Regex> {
    static WITHOUT: OnceLock<Option<Regex>> = OnceLock::new();
    let pattern = r"(?i)(?:\bwithout|\bexcept|\bexcluding)\s+([\p{L}\d]+)|(?:不要|不含|除了|非)([\p{Han}\p{L}\d]{1,8})";
    WITHOUT.get_or_init(|| Regex::new(pattern).ok()).as_ref()
}

#[cfg(test)]
mod tests {
    use shop::{Currency, Id, Money, Product};

    use super::*;

    fn names() -> Gazetteer {
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
        let mut all = all.to_vec();
        all[0].title = "Do Not Disturb".to_owned();
        Gazetteer::of(&all.iter().collect::<Vec<_>>())
    }

    fn price(min: Option<i64>, max: Option<i64>, text: &str) -> QueryConstraint {
        let text = text.to_owned();
        QueryConstraint::Price { min, max, text }
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
            let found = parse_constraints(&names, query);
            assert_eq!(found.words, words, "{query}");
            assert!(
                found.constraints.contains(&price(min, max, text)),
                "{query}: {:?}",
                found.constraints
            );
        }
        for query in [
            "under desk shelf",
            "case under 50 cm",
            "over ear 40mm",
            "usb 3.0",
            "under 16gb",
        ] {
            let found = parse_constraints(&names, query);
            assert_eq!(found.words, query);
            assert!(
                found.constraints.is_empty(),
                "{query}: {:?}",
                found.constraints
            );
        }
    }

    #[test]
    fn names_and_what_must_not_be() {
        let names = names();
        let found = parse_constraints(&names, "cheap 4k tvs not samsung");
        assert_eq!(found.words, "4k tvs");
        let value = "TVs".to_owned();
        for constraint in [
            QueryConstraint::Cheap {
                text: "cheap".into(),
            },
            QueryConstraint::Exclude {
                text: "samsung".into(),
                quoted: false,
            },
            QueryConstraint::Category { value },
        ] {
            assert!(
                found.constraints.contains(&constraint),
                "{:?}",
                found.constraints
            );
        }
        let found = parse_constraints(&names, "big co dresses red");
        let kinds = found
            .constraints
            .iter()
            .map(|constraint| format!("{constraint:?}"));
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
        let found = parse_constraints(&names, "红色耳机不要小米");
        assert_eq!(found.words, "红色耳机");
        assert_eq!(found.constraints.len(), 3, "{:?}", found.constraints);
        assert_eq!(
            parse_constraints(&names, "without samsung").words,
            "without samsung"
        );
    }

    #[test]
    fn operators_say_what_must_not_be_and_what_must() {
        let names = names();
        let exclude = |text: &str, quoted: bool| QueryConstraint::Exclude {
            text: text.to_owned(),
            quoted,
        };
        let phrase = |text: &str| QueryConstraint::Phrase {
            text: text.to_owned(),
        };
        for (query, words, expected) in [
            ("dress -red", "dress", vec![exclude("red", false)]),
            ("dress NOT red", "dress", vec![exclude("red", false)]),
            (
                "a dress not the red",
                "a dress",
                vec![exclude("red", false)],
            ),
            ("-red", "", vec![exclude("red", false)]),
            ("not red", "", vec![exclude("red", false)]),
            (
                "\"red summer\" dress",
                "red summer dress",
                vec![phrase("red summer")],
            ),
            (
                "dress -\"red summer\" -t-shirt",
                "dress",
                vec![exclude("red summer", true), exclude("t-shirt", false)],
            ),
            ("do not disturb sign", "do not disturb sign", vec![]),
            (
                "wi-fi t-shirt - blue -20",
                "wi-fi t-shirt - blue -20",
                vec![],
            ),
            ("24\" monitor 27\" stand", "24\" monitor 27\" stand", vec![]),
            ("a knot red", "a knot red", vec![]),
        ] {
            let found = parse_constraints(&names, query);
            assert_eq!(found.words, words, "{query}");
            let hard: Vec<QueryConstraint> = (found.constraints.into_iter())
                .filter(|one| !matches!(one, QueryConstraint::Attribute { .. }))
                .collect();
            assert_eq!(hard, expected, "{query}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_query_is_understood(query in "\\PC{0,40}|((under|not|without|cheap|50|\\$|元|以下|不要|-x|-\"|\"|red) ?){0,8}") {
            let names = names();
            let found = parse_constraints(&names, &query);
            proptest::prop_assert!(found.constraints.len() < 80);
            proptest::prop_assert_eq!(&found, &parse_constraints(&names, &query));
        }
    }
}
