use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shop::Timestamp;

use crate::{PersonalData, Split, TimeSplit};

/// From when to when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// The first moment.
    pub first: Timestamp,
    /// The last moment.
    pub last: Timestamp,
}

impl Period {
    /// Widens `period` so that it holds `time`.
    pub fn include(period: &mut Option<Self>, time: Timestamp) {
        match period {
            None => {
                *period = Some(Self {
                    first: time,
                    last: time,
                })
            }
            Some(period) => {
                period.first = period.first.min(time);
                period.last = period.last.max(time);
            }
        }
    }
}

/// What became of one kind of record.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceCard {
    /// Records that came in.
    pub records: usize,
    /// Left out: their customer does not want to be trained on.
    pub rejected_by_consent: usize,
    /// Left out: the same text as another one.
    pub exact_duplicates: usize,
    /// Left out: nearly the same text as another one.
    pub near_duplicates: usize,
    /// Left out: nothing to learn from.
    pub empty: usize,
    /// Examples in the corpus.
    pub kept: usize,
    /// Of these, by language (`und` where it could not be told).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub languages: BTreeMap<String, usize>,
    /// Of these, by split.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub splits: BTreeMap<Split, usize>,
    /// When they were written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
}

impl SourceCard {
    /// Counts one example.
    pub(crate) fn keep(&mut self, language: Option<&str>, split: Split, time: Option<Timestamp>) {
        self.kept += 1;
        let language = language.unwrap_or("und").to_owned();
        *self.languages.entry(language).or_default() += 1;
        *self.splits.entry(split).or_default() += 1;
        if let Some(time) = time {
            Period::include(&mut self.period, time);
        }
    }
}

/// One file of a stored corpus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Lines.
    pub rows: usize,
    /// Length.
    pub bytes: usize,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// How many customers are in it; the file `….customers.json` beside it
    /// names them.
    pub customers: usize,
}

/// What is in a corpus, where it comes from and what was left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DataCard {
    /// The layout of the files.
    pub format: u32,
    /// Decides the splits.
    pub seed: u64,
    /// By source: `documents`, `products`, `reviews`, `conversations`,
    /// `sequences`, `query_clicks`, `labelled`, `judgements`.
    pub sources: BTreeMap<String, SourceCard>,
    /// Personal data taken out of the texts, by kind.
    pub redacted: BTreeMap<PersonalData, usize>,
    /// Customers of whom something is in here.
    pub customers: usize,
    /// Customers left out because they do not want to be trained on.
    pub customers_without_consent: usize,
    /// Where the interaction sequences are cut.
    pub time_split: TimeSplit,
    /// The files with their digests; filled by `Corpus::to_files`.
    pub shards: BTreeMap<String, Shard>,
}

impl DataCard {
    /// The layout that this version writes.
    pub const FORMAT: u32 = 1;

    pub(crate) fn source(&mut self, name: &str) -> &mut SourceCard {
        self.sources.entry(name.to_owned()).or_default()
    }
}
