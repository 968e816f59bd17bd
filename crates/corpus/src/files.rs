use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use shop::{Id, Kind};

use crate::{
    Corpus, DataCard, Dialogue, InteractionSequence, QueryClick, ReviewExample, Shard, Split,
    TextExample,
};

/// The name of the data card among the files.
const CARD: &str = "card.json";
/// Lines of a shard.
const ROWS: usize = 20_000;

/// Why files are not a corpus.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CorpusError {
    /// A file that the card names is not there, or the card itself.
    #[error("the corpus lacks {0}: prepare it again")]
    Missing(String),
    /// A file has other content than the card says.
    #[error("{file} of the corpus is damaged ({reason}): prepare it again")]
    Damaged {
        /// Which.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// Written by a later version.
    #[error("the corpus has format {0}, this version reads {format}", format = DataCard::FORMAT)]
    Format(u32),
}

/// One example as a line of a shard.
trait Row: Serialize + DeserializeOwned {
    /// The beginning of the names of its shards.
    const NAME: &'static str;
    fn split(&self) -> Split;
    fn customers(&self) -> &[Id];
}

impl Row for TextExample {
    const NAME: &'static str = "texts";

    fn split(&self) -> Split {
        self.split
    }

    fn customers(&self) -> &[Id] {
        self.customer.as_slice()
    }
}

impl Row for Dialogue {
    const NAME: &'static str = "dialogues";

    fn split(&self) -> Split {
        self.split
    }

    fn customers(&self) -> &[Id] {
        self.customer.as_slice()
    }
}

impl Row for ReviewExample {
    const NAME: &'static str = "reviews";

    fn split(&self) -> Split {
        self.split
    }

    fn customers(&self) -> &[Id] {
        self.customer.as_slice()
    }
}

impl Row for QueryClick {
    const NAME: &'static str = "query_clicks";

    fn split(&self) -> Split {
        self.split
    }

    fn customers(&self) -> &[Id] {
        &self.customers
    }
}

impl Row for InteractionSequence {
    const NAME: &'static str = "sequences";

    fn split(&self) -> Split {
        self.split
    }

    fn customers(&self) -> &[Id] {
        if self.anonymous {
            &[]
        } else {
            std::slice::from_ref(&self.customer)
        }
    }
}

impl Corpus {
    /// The corpus as files: JSON Lines in shards by kind and split, beside
    /// each shard with customers in it the sorted list of them, and the data
    /// card with the digest of every shard. Equal corpora give equal bytes.
    pub fn to_files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut writer = Writer::default();
        writer.examples(&self.texts);
        writer.examples(&self.dialogues);
        writer.examples(&self.reviews);
        writer.examples(&self.sequences);
        writer.examples(&self.query_clicks);
        writer.records(Kind::Products, &self.products);
        writer.records(Kind::Documents, &self.documents);
        writer.records(Kind::Labelled, &self.labelled);
        writer.records(Kind::Judgements, &self.judgements);
        let card = DataCard {
            format: DataCard::FORMAT,
            time_split: self.time_split,
            shards: writer.shards,
            ..self.card.clone()
        };
        let mut json = serde_json::to_vec_pretty(&card).unwrap_or_default();
        json.push(b'\n');
        writer.files.insert(CARD.to_owned(), json);
        writer.files
    }

    /// Reads what [`Corpus::to_files`] wrote; every digest is checked.
    /// Examples come back in the order of their splits.
    pub fn from_files(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, CorpusError> {
        let json = files
            .get(CARD)
            .ok_or_else(|| CorpusError::Missing(CARD.to_owned()))?;
        let card: DataCard = serde_json::from_slice(json).map_err(|error| damaged(CARD, error))?;
        if card.format > DataCard::FORMAT {
            return Err(CorpusError::Format(card.format));
        }
        let reader = Reader { files, card: &card };
        Ok(Self {
            texts: reader.examples()?,
            dialogues: reader.examples()?,
            reviews: reader.examples()?,
            sequences: reader.examples()?,
            query_clicks: reader.examples()?,
            time_split: card.time_split,
            products: reader.records(Kind::Products)?,
            documents: reader.records(Kind::Documents)?,
            labelled: reader.records(Kind::Labelled)?,
            judgements: reader.records(Kind::Judgements)?,
            card,
        })
    }
}

fn damaged(file: &str, reason: impl ToString) -> CorpusError {
    CorpusError::Damaged {
        file: file.to_owned(),
        reason: reason.to_string(),
    }
}

/// SHA-256 in hexadecimal.
fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[derive(Default)]
struct Writer {
    files: BTreeMap<String, Vec<u8>>,
    shards: BTreeMap<String, Shard>,
}

impl Writer {
    fn examples<T: Row>(&mut self, examples: &[T]) {
        for split in Split::ALL {
            let rows: Vec<&T> = examples.iter().filter(|row| row.split() == split).collect();
            for (number, rows) in rows.chunks(ROWS).enumerate() {
                let name = format!("{}.{}.{number:05}", T::NAME, split.name());
                let customers: BTreeSet<&Id> =
                    rows.iter().flat_map(|row| row.customers()).collect();
                self.shard(&name, rows, &customers);
            }
        }
    }

    fn records<T: Serialize>(&mut self, kind: Kind, records: &[T]) {
        for (number, rows) in records.chunks(ROWS).enumerate() {
            self.shard(
                &format!("{}.{number:05}", kind.name()),
                rows,
                &BTreeSet::new(),
            );
        }
    }

    fn shard<T: Serialize>(&mut self, name: &str, rows: &[T], customers: &BTreeSet<&Id>) {
        let mut bytes = Vec::new();
        for row in rows {
            // Strings, numbers and maps with string keys: nothing can fail.
            if serde_json::to_writer(&mut bytes, row).is_ok() {
                bytes.push(b'\n');
            }
        }
        let shard = Shard {
            rows: rows.len(),
            bytes: bytes.len(),
            sha256: sha256(&bytes),
            customers: customers.len(),
        };
        if !customers.is_empty() {
            let list = serde_json::to_vec(customers).unwrap_or_default();
            self.files.insert(format!("{name}.customers.json"), list);
        }
        self.shards.insert(format!("{name}.jsonl"), shard);
        self.files.insert(format!("{name}.jsonl"), bytes);
    }
}

struct Reader<'a> {
    files: &'a BTreeMap<String, Vec<u8>>,
    card: &'a DataCard,
}

impl<'a> Reader<'a> {
    /// The shards whose name begins so, checked against the card.
    fn shards(&self, beginning: &str) -> Result<Vec<(&'a str, &'a [u8])>, CorpusError> {
        let mut shards = Vec::new();
        for (name, shard) in &self.card.shards {
            if !name.starts_with(beginning) {
                continue;
            }
            let bytes = self
                .files
                .get(name)
                .ok_or_else(|| CorpusError::Missing(name.clone()))?;
            if sha256(bytes) != shard.sha256 {
                return Err(damaged(name, "another SHA-256 than its card says"));
            }
            shards.push((name.as_str(), bytes.as_slice()));
        }
        Ok(shards)
    }

    fn examples<T: Row>(&self) -> Result<Vec<T>, CorpusError> {
        let mut examples = Vec::new();
        for split in Split::ALL {
            for (name, bytes) in self.shards(&format!("{}.{}.", T::NAME, split.name()))? {
                for line in lines(bytes) {
                    let example =
                        serde_json::from_slice(line).map_err(|error| damaged(name, error))?;
                    examples.push(example);
                }
            }
        }
        Ok(examples)
    }

    fn records<T: DeserializeOwned>(&self, kind: Kind) -> Result<Vec<T>, CorpusError> {
        let mut records = Vec::new();
        for (name, bytes) in self.shards(&format!("{}.0", kind.name()))? {
            for line in lines(bytes) {
                records.push(serde_json::from_slice(line).map_err(|error| damaged(name, error))?);
            }
        }
        Ok(records)
    }
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
}
