//! Reads the tables of words that the simulated shop is made from. They are
//! part of the program; a test checks that every line is well formed.

use std::collections::BTreeMap;

/// A word in both languages of the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    pub english: &'static str,
    pub chinese: &'static str,
}

impl Pair {
    fn read(text: &'static str) -> Self {
        let (english, chinese) = text.split_once('/').unwrap_or((text, text));
        Self {
            english: english.trim(),
            chinese: chinese.trim(),
        }
    }

    /// The word in one of the two.
    pub fn text(self, chinese: bool) -> &'static str {
        if chinese { self.chinese } else { self.english }
    }
}

/// A department of the shop.
pub(super) struct Department {
    pub key: &'static str,
    pub name: Pair,
    pub brands: Vec<&'static str>,
    pub collections: Vec<Pair>,
}

/// A type of product.
pub(super) struct ProductType {
    pub key: &'static str,
    pub department: usize,
    pub english: Vec<&'static str>,
    pub chinese: Vec<&'static str>,
    /// Lowest and highest price in cents.
    pub price: (i64, i64),
    pub materials: Vec<Pair>,
    pub axis: Pair,
    pub values: Vec<&'static str>,
    pub says_english: Vec<&'static str>,
    pub says_chinese: Vec<&'static str>,
    /// The types that people buy after this one.
    pub follows: Vec<usize>,
    pub symbol: &'static str,
}

impl ProductType {
    /// What it is called in one of the two languages.
    pub fn nouns(&self, chinese: bool) -> &[&'static str] {
        if chinese {
            &self.chinese
        } else {
            &self.english
        }
    }

    /// Whether it comes in colours.
    pub fn coloured(&self) -> bool {
        !matches!(
            self.axis.english,
            "weight"
                | "volume"
                | "grit"
                | "spf"
                | "burr"
                | "players"
                | "brightness"
                | "rating"
                | "nib"
                | "pieces"
                | "fitting"
        )
    }
}

/// Everything that the shop can sell.
pub(super) struct Assortment {
    pub departments: Vec<Department>,
    pub types: Vec<ProductType>,
}

fn list(text: &'static str) -> Vec<&'static str> {
    text.split(" ; ")
        .map(|part| part.trim().trim_end_matches(" ;").trim())
        .filter(|part| !part.is_empty() && *part != "-")
        .collect()
}

fn rows(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#'))
}

/// Reads `assortment.txt`.
pub(super) fn assortment() -> Assortment {
    let mut departments = Vec::new();
    let mut types: Vec<ProductType> = Vec::new();
    let mut follows: Vec<Vec<&'static str>> = Vec::new();
    for row in rows(include_str!("assortment.txt")) {
        let columns: Vec<&'static str> = row.get(2..).unwrap_or("").split('|').collect();
        let column = |at: usize| columns.get(at).map_or("", |text| text.trim());
        let pairs = |at: usize| list(column(at)).into_iter().map(Pair::read).collect();
        if row.starts_with("= ") {
            departments.push(Department {
                key: column(0),
                name: Pair {
                    english: column(1),
                    chinese: column(2),
                },
                brands: list(column(3)),
                collections: pairs(4),
            });
        } else if row.starts_with("- ") {
            let (low, high) = column(3).split_once('-').unwrap_or(("10", "20"));
            let cents = |text: &str| text.parse::<i64>().unwrap_or(10) * 100;
            let (axis, values) = column(5).split_once(" : ").unwrap_or(("size/尺寸", ""));
            follows.push(list(column(8)));
            types.push(ProductType {
                key: column(0),
                department: departments.len().saturating_sub(1),
                english: list(column(1)),
                chinese: list(column(2)),
                price: (cents(low), cents(high)),
                materials: pairs(4),
                axis: Pair::read(axis),
                values: list(values),
                says_english: list(column(6)),
                says_chinese: list(column(7)),
                follows: Vec::new(),
                symbol: column(9),
            });
        }
    }
    let places: BTreeMap<&str, usize> =
        (0..).zip(&types).map(|(at, kind)| (kind.key, at)).collect();
    for (at, keys) in follows.iter().enumerate() {
        types[at].follows = keys
            .iter()
            .filter_map(|key| places.get(key).copied())
            .collect();
    }
    Assortment { departments, types }
}

/// Blocks of `= name | field | …` with lines of `code text | text | …`, and
/// the same under `@ name`.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub fields: Vec<&'static str>,
    pub lines: BTreeMap<&'static str, Vec<&'static str>>,
}

impl Block {
    /// The texts under a code, as `en+`.
    pub fn texts(&self, code: &str) -> &[&'static str] {
        self.lines.get(code).map_or(&[], Vec::as_slice)
    }
}

/// Reads a table of blocks; those under `@` are returned by name.
pub(super) fn blocks(text: &'static str) -> (Vec<Block>, BTreeMap<&'static str, Block>) {
    let mut all: Vec<(bool, Block)> = Vec::new();
    for row in rows(text) {
        let (code, rest) = row.split_once(' ').unwrap_or((row, ""));
        let texts = rest.split(" |").map(str::trim);
        match code {
            "=" | "@" => {
                let block = Block {
                    fields: texts.collect(),
                    lines: BTreeMap::new(),
                };
                all.push((code == "@", block));
            }
            _ => {
                if let Some((_, block)) = all.last_mut() {
                    block.lines.entry(code).or_default().extend(texts);
                }
            }
        }
    }
    let mut named = BTreeMap::new();
    let mut plain = Vec::new();
    for (at, block) in all {
        match (at, block.fields.first()) {
            (true, Some(name)) => {
                named.insert(*name, block);
            }
            _ => plain.push(block),
        }
    }
    (plain, named)
}

/// A value of an axis as a Chinese page writes it.
pub(super) fn value_in_chinese(value: &str) -> String {
    let word = match value {
        "small" => "小号",
        "medium" => "中号",
        "large" => "大号",
        "single" => "单层",
        "double" => "双层",
        "oval" => "椭圆",
        "round" => "圆形",
        "stand" => "立式",
        "clamp" => "夹式",
        "adjustable" => "三色可调",
        "warm" => "暖光",
        "amber" => "琥珀光",
        "colours" => "彩光",
        "floor" => "落地式",
        "mini" => "迷你",
        "electric" => "电动",
        "wand" => "逗猫棒款",
        "post" => "立柱款",
        "ball" => "球款",
        other => return other.replace(" inch", "寸").replace(" pieces", "片"),
    };
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_assortment_is_well_formed() {
        let assortment = assortment();
        assert_eq!(assortment.departments.len(), 12);
        assert!(assortment.types.len() > 80);
        for kind in &assortment.types {
            assert!(
                !kind.english.is_empty() && !kind.chinese.is_empty(),
                "{}",
                kind.key
            );
            assert!(kind.price.0 < kind.price.1, "{}", kind.key);
            assert!(
                !kind.materials.is_empty() && !kind.values.is_empty(),
                "{}",
                kind.key
            );
            assert!(
                kind.says_english.len() == 3 && kind.says_chinese.len() == 3,
                "{}",
                kind.key
            );
            assert!(!kind.symbol.is_empty(), "{}", kind.key);
        }
        let following = include_str!("assortment.txt")
            .lines()
            .filter(|row| row.starts_with("- "))
            .flat_map(|row| list(row.split('|').nth(8).unwrap_or("")))
            .count();
        let resolved: usize = assortment.types.iter().map(|kind| kind.follows.len()).sum();
        assert_eq!(following, resolved, "every type that follows exists");
    }

    #[test]
    fn the_blocks_are_well_formed() {
        for (text, codes) in [
            (
                include_str!("aspects.txt"),
                &["en+", "en-", "zh+", "zh-"][..],
            ),
            (include_str!("intents.txt"), &["en?", "zh?"][..]),
        ] {
            let (blocks, _) = blocks(text);
            assert!(blocks.len() > 10);
            for block in blocks {
                assert_eq!(block.fields.len(), 3, "{:?}", block.fields);
                for code in codes {
                    assert!(block.texts(code).len() > 2, "{:?} {code}", block.fields);
                }
            }
        }
    }
}
