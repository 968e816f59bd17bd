use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, bail};
use corpus::TimeSplit;
use corpus::recommend::TextIndex;
use flate2::read::MultiGzDecoder;
use models::neighbours::ItemItemMatrix;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Deserialize;
use shop::{EventKind, Id, Product, Timestamp};
use train::recommend::{Holdout, text_similarity_matrix};

/// Share of the interactions that validates, and that tests, in a split by time.
const TIME_SHARE: f64 = 0.1;

/// Sequences in numbers.
#[derive(Debug, Default)]
pub struct Data {
    /// The items of each user in the order of time.
    pub sequences: Vec<Vec<u32>>,
    /// Their times, where the file has them.
    pub times: Option<Vec<Vec<Timestamp>>>,
    /// How many products there are, untouched ones too.
    pub catalogue: usize,
    /// The described products that occur in the sequences, with their numbers.
    pub products: Vec<(u32, Product)>,
    numbers: FxHashMap<String, u32>,
}

/// A line of orders or events.
#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    customer_id: Option<Id>,
    #[serde(default)]
    session_id: Option<Id>,
    #[serde(default)]
    product_id: Option<Id>,
    #[serde(default, rename = "type")]
    kind: Option<EventKind>,
    time: Timestamp,
    #[serde(default)]
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    product_id: Id,
}

/// What tells products apart by text.
#[derive(Deserialize)]
struct Item {
    id: Id,
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    brand: Option<String>,
    #[serde(default)]
    category: Vec<String>,
    #[serde(default)]
    tags: Vec<String>,
}

impl Item {
    fn into_product(self) -> Product {
        Product {
            description: self.description,
            brand: self.brand,
            category: self.category,
            tags: self.tags,
            ..Product::new(self.id, self.title)
        }
    }
}

impl Data {
    /// Reads sequences and, where given, the products of the catalogue.
    pub fn read(sequences: &Path, items: Option<&Path>) -> anyhow::Result<Self> {
        let lines = lines(sequences)?;
        let mut data = Self::default();
        match lines
            .iter()
            .map(|line| line.trim())
            .find(|line| !line.is_empty())
        {
            None => bail!("{} is empty", sequences.display()),
            Some(first) if first.starts_with('{') => data.add_rows(sequences, &lines)?,
            Some(_) => data.add_lines(sequences, &lines)?,
        }
        data.catalogue = data.numbers.len();
        if let Some(path) = items {
            data.add_items(path)?;
        }
        Ok(data)
    }

    /// How many items occur in the sequences.
    pub fn items(&self) -> usize {
        self.numbers.len()
    }

    /// What is in demand as the test days of a split by time begin: deeds that
    /// fade as in the service's trends. None without times.
    pub fn faded_counts(&self) -> Option<Vec<f32>> {
        let times = self.times.as_ref()?;
        let mut all: Vec<Timestamp> = times.iter().flatten().copied().collect();
        all.sort_unstable();
        let end = TimeSplit::of_sorted_times(&all, TIME_SHARE, TIME_SHARE).test_from?;
        let mut counts = vec![0.0; self.items()];
        for (items, times) in self.sequences.iter().zip(times) {
            for (item, time) in items.iter().zip(times).filter(|(_, time)| **time < end) {
                let age = (end.as_seconds() - time.as_seconds()) as f32;
                let half_lives = age / store::TREND_HALF_LIFE_SECONDS as f32;
                counts[*item as usize] += (-half_lives).exp2();
            }
        }
        Some(counts)
    }

    /// Which items are described alike; none where nothing is described.
    pub fn text_similarity_matrix(&self, threads: usize) -> Option<ItemItemMatrix> {
        let products = || self.products.iter().map(|(number, item)| (*number, item));
        let index = TextIndex::new(products());
        (!self.products.is_empty())
            .then(|| text_similarity_matrix(&index, products(), self.items(), threads))
    }

    /// Divides the sequences, and says how.
    pub fn hold_out(&self, by_time: bool) -> (Holdout, String) {
        let last = "the last item of each user tests, the one before it validates";
        let last_ones = || {
            let holdout = Holdout::leave_one_out(&self.sequences);
            match &self.times {
                Some(times) => holdout.with_moments(times),
                None => holdout,
            }
        };
        match (&self.times, by_time) {
            (Some(times), true) => {
                let mut all: Vec<Timestamp> = times.iter().flatten().copied().collect();
                all.sort_unstable();
                let split = TimeSplit::of_sorted_times(&all, TIME_SHARE, TIME_SHARE);
                let timed: Vec<Vec<(u32, Timestamp)>> = self
                    .sequences
                    .iter()
                    .zip(times)
                    .map(|(items, times)| {
                        items.iter().copied().zip(times.iter().copied()).collect()
                    })
                    .collect();
                let from =
                    |time: Option<Timestamp>| time.map_or("never".to_owned(), Timestamp::date);
                let protocol = format!(
                    "split by time: from {} validates, from {} tests, the first new item of each user then",
                    from(split.validation_from),
                    from(split.test_from)
                );
                (Holdout::by_time(&timed, &split), protocol)
            }
            (None, true) => (
                last_ones(),
                format!("{last} (the file has no times, so --time-split cannot be followed)"),
            ),
            (_, false) => (last_ones(), last.to_owned()),
        }
    }

    fn number(&mut self, item: &str) -> u32 {
        let next = self.numbers.len() as u32;
        match self.numbers.get(item) {
            Some(number) => *number,
            None => {
                self.numbers.insert(item.to_owned(), next);
                next
            }
        }
    }

    /// User, then items.
    fn add_lines(&mut self, path: &Path, lines: &[String]) -> anyhow::Result<()> {
        for (number, line) in (1..).zip(lines) {
            let mut words = line.split_whitespace();
            if words.next().is_none() {
                continue;
            }
            if line.trim_start().starts_with(['{', '[']) {
                bail!("{}, line {number}: JSON among plain lines", path.display());
            }
            let mut items: Vec<u32> = words.map(|item| self.number(item)).collect();
            if items.is_empty() {
                bail!(
                    "{}, line {number}: a user without items; write the user, then the items",
                    path.display()
                );
            }
            items.dedup();
            self.sequences.push(items);
        }
        Ok(())
    }

    /// Orders and events, in any order.
    fn add_rows(&mut self, path: &Path, lines: &[String]) -> anyhow::Result<()> {
        // What happened at one moment stays as the file has it.
        let mut by_user: BTreeMap<Id, Vec<(Timestamp, u32)>> = BTreeMap::new();
        for (number, line) in (1_usize..).zip(lines) {
            if line.trim().is_empty() {
                continue;
            }
            let row: Row = serde_json::from_str(line).with_context(|| {
                format!(
                    "{}, line {number}: neither an order nor an event",
                    path.display()
                )
            })?;
            if row.kind.is_some_and(|kind| kind.interest() <= 0.0) {
                continue;
            }
            let Some(user) = row.customer_id.or(row.session_id) else {
                continue;
            };
            let products = row.lines.into_iter().map(|line| line.product_id);
            for product in products.chain(row.product_id) {
                let item = self.number(product.as_str());
                by_user
                    .entry(user.clone())
                    .or_default()
                    .push((row.time, item));
            }
        }
        let mut times = Vec::new();
        for mut rows in by_user.into_values() {
            rows.sort_by_key(|(time, _)| *time);
            rows.dedup_by_key(|(_, item)| *item);
            self.sequences
                .push(rows.iter().map(|(_, item)| *item).collect());
            times.push(rows.iter().map(|(time, _)| *time).collect());
        }
        if self.sequences.is_empty() {
            bail!("{}: no row names a customer and a product", path.display());
        }
        self.times = Some(times);
        Ok(())
    }

    /// Products that nobody touched belong to the catalogue as well.
    fn add_items(&mut self, path: &Path) -> anyhow::Result<()> {
        let mut untouched: FxHashSet<Id> = FxHashSet::default();
        for (number, line) in (1_usize..).zip(lines(path)?) {
            if line.trim().is_empty() {
                continue;
            }
            let item: Item = serde_json::from_str(&line)
                .with_context(|| format!("{}, line {number}: not a product", path.display()))?;
            match self.numbers.get(item.id.as_str()) {
                Some(number) => self.products.push((*number, item.into_product())),
                None => {
                    untouched.insert(item.id);
                }
            }
        }
        self.catalogue += untouched.len();
        Ok(())
    }
}

/// The lines of a file, plain or gzip (found by its first bytes).
fn lines(path: &Path) -> anyhow::Result<Vec<String>> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
    let mut file = BufReader::new(file);
    let start = file
        .fill_buf()
        .with_context(|| format!("cannot read {name}"))?;
    let reader: Box<dyn Read> = if start.starts_with(&[0x1f, 0x8b]) {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(BufReader::new(reader).lines()) {
        lines.push(line.with_context(|| format!("{name}, line {number}: cannot be read"))?);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_wrong_file_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let cut = gzip(&"u a b c\n".repeat(4_000));
        let wrong: [(&str, &[u8], &str); 6] = [
            ("empty.txt", b"\n\n", "empty.txt is empty"),
            ("user.txt", b"u a b\nv\n", "user.txt, line 2"),
            ("mixed.txt", b"u a b\n{\"id\": 1}\n", "mixed.txt, line 2"),
            ("bytes.txt", b"u a b\nu \xff\xfe c\n", "bytes.txt, line 2"),
            ("cut.gz", &cut[..cut.len() / 2], "cut.gz, line"),
            (
                "products.jsonl",
                b"{\"id\": \"1\", \"title\": \"x\"}\n",
                "products.jsonl, line 1",
            ),
        ];
        for (name, bytes, said) in wrong {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            let error = format!("{:#}", Data::read(&path, None).unwrap_err());
            assert!(error.contains(said), "{error}");
        }
        let missing = folder.path().join("missing.txt");
        let error = format!("{:#}", Data::read(&missing, None).unwrap_err());
        assert!(error.contains("missing.txt"), "{error}");
    }

    #[test]
    fn plain_and_packed_lines_are_the_same_and_items_widen_the_catalogue() {
        let folder = tempfile::tempdir().unwrap();
        let text = "u a b  c\n\nv c\ta a\n";
        let (plain, packed) = (folder.path().join("s.txt"), folder.path().join("s.txt.gz"));
        std::fs::write(&plain, text).unwrap();
        std::fs::write(&packed, gzip(text)).unwrap();
        let items = folder.path().join("items.jsonl");
        std::fs::write(&items, "{\"id\": \"a\"}\n{\"id\": \"z\"}\n").unwrap();
        for path in [plain, packed] {
            let data = Data::read(&path, Some(&items)).unwrap();
            assert_eq!(data.sequences, [vec![0, 1, 2], vec![2, 0]]);
            assert_eq!((data.items(), data.catalogue), (3, 4));
            assert!(data.times.is_none());
        }
    }

    #[test]
    fn orders_and_events_make_timed_sequences() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let rows = [
            r#"{"id":"2","customer_id":"c","time":"2026-01-09T00:00:00Z","lines":[{"product_id":"b"}]}"#,
            r#"{"id":"1","customer_id":"c","time":"2026-01-01T00:00:00Z","lines":[{"product_id":"a"}]}"#,
            r#"{"type":"hide","customer_id":"c","time":"2026-01-02T00:00:00Z","product_id":"h"}"#,
            r#"{"type":"view","session_id":"s","time":"2026-01-10T00:00:00Z","product_id":"a"}"#,
        ];
        std::fs::write(&path, rows.join("\n")).unwrap();
        let data = Data::read(&path, None).unwrap();
        assert_eq!(data.sequences, [vec![1, 0], vec![1]]);
        let (holdout, protocol) = data.hold_out(true);
        assert!(protocol.starts_with("split by time"), "{protocol}");
        assert_eq!(holdout.training.len(), 2);
        assert!(data.hold_out(false).1.starts_with("the last item"));
    }
}
