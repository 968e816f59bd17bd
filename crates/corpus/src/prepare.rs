use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};
use shop::{
    Conversation, Document, Id, Labelled, Message, Product, Properties, Records, Review, Role,
    Timestamp,
};

use crate::deduplicate::{Candidate, Deduplicator, Duplicate};
use crate::sequence::{self, Actors};
use crate::{
    Corpus, DataCard, Dialogue, PersonalData, ReviewExample, Split, Splitter, TextExample,
    TextSource, TimeSplit, detect_language, normalise_language, parallel, redact,
};

/// How a corpus is made. The same records and options give the same corpus.
#[derive(Debug, Clone, PartialEq)]
pub struct PrepareOptions {
    /// Decides who goes to which split.
    pub seed: u64,
    /// How much is kept for choosing.
    pub validation_share: f64,
    /// How much is kept for reporting.
    pub test_share: f64,
    /// The language of texts that do not tell theirs; `None` leaves them without.
    pub default_language: Option<String>,
    /// Similarity (Jaccard) from which two texts are the same.
    pub duplicate_threshold: f64,
    /// How many threads may compute.
    pub threads: usize,
}

impl Default for PrepareOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            validation_share: 0.05,
            test_share: 0.05,
            default_language: None,
            duplicate_threshold: 0.8,
            threads: 2,
        }
    }
}

/// Makes a corpus of a shop's records.
///
/// Nothing of a customer whose `consent.training` is false gets in. Texts
/// lose their personal data, then their duplicates; a customer's texts are
/// all in one split (a record without a customer goes by its id; products
/// by their group; documents, which answers come from, are all for
/// training). A row whose `properties.split` names its side keeps it, and
/// takes its customer along. Interactions are cut by time.
pub fn prepare(records: &Records, options: &PrepareOptions) -> Corpus {
    let withheld: FxHashSet<Id> = records
        .customers
        .iter()
        .filter(|customer| !customer.consent.training)
        .map(|customer| customer.id.clone())
        .collect();
    let mut preparation = Preparation {
        options,
        splitter: Splitter::new(options.seed, options.validation_share, options.test_share),
        declared: declared_splits(records),
        withheld: &withheld,
        card: DataCard {
            format: DataCard::FORMAT,
            seed: options.seed,
            customers_without_consent: withheld.len(),
            ..DataCard::default()
        },
        texts: Vec::new(),
    };
    let documents = preparation.documents(&records.documents);
    preparation.products(&records.products);
    let reviews = preparation.reviews(&records.reviews);
    let dialogues = preparation.dialogues(&records.conversations);
    let labelled = preparation.labelled(&records.labelled);
    let Preparation {
        splitter,
        mut card,
        mut texts,
        ..
    } = preparation;
    let actors = Actors::of(records, &withheld);
    let sequences = sequence::sequences(records, &actors, &splitter, &mut card);
    let query_clicks = sequence::query_clicks(records, &actors, &splitter, &mut card);
    let judgements = card.source("judgements");
    judgements.records = records.judgements.len();
    judgements.kept = records.judgements.len();
    texts.sort_by_key(|text| text.split);
    let mut corpus = Corpus {
        texts,
        dialogues: by_split(dialogues, |dialogue| dialogue.split),
        reviews: by_split(reviews, |review| review.split),
        time_split: time_split(&sequences, options),
        sequences: by_split(sequences, |sequence| sequence.split),
        products: records.products.clone(),
        labelled,
        query_clicks: by_split(query_clicks, |click| click.split),
        judgements: records.judgements.clone(),
        documents,
        card,
    };
    corpus.card.time_split = corpus.time_split;
    corpus.card.customers = customers(&corpus);
    corpus
}

fn by_split<T>(mut examples: Vec<T>, split: impl Fn(&T) -> Split) -> Vec<T> {
    examples.sort_by_key(split);
    examples
}

fn time_split(sequences: &[crate::InteractionSequence], options: &PrepareOptions) -> TimeSplit {
    let mut times: Vec<Timestamp> = sequences
        .iter()
        .flat_map(|sequence| sequence.items.iter().map(|(_, _, time)| *time))
        .collect();
    times.sort_unstable();
    TimeSplit::of_sorted_times(&times, options.validation_share, options.test_share)
}

fn customers(corpus: &Corpus) -> usize {
    let texts = corpus
        .texts
        .iter()
        .filter_map(|text| text.customer.as_ref());
    let reviews = corpus
        .reviews
        .iter()
        .filter_map(|review| review.customer.as_ref());
    let dialogues = corpus
        .dialogues
        .iter()
        .filter_map(|talk| talk.customer.as_ref());
    let sequences = corpus
        .sequences
        .iter()
        .filter(|sequence| !sequence.anonymous)
        .map(|sequence| &sequence.customer);
    let all: FxHashSet<&Id> = texts
        .chain(reviews)
        .chain(dialogues)
        .chain(sequences)
        .collect();
    all.len()
}

/// What a data set says about the side of a row (`properties.split`).
fn declared(properties: &Properties) -> Option<Split> {
    properties
        .get("split")
        .and_then(|split| split.as_str())
        .and_then(Split::from_name)
}

/// The strictest side that a customer's rows declare.
fn declared_splits(records: &Records) -> FxHashMap<Id, Split> {
    let reviews = records
        .reviews
        .iter()
        .map(|review| (&review.customer_id, &review.properties));
    let conversations = records
        .conversations
        .iter()
        .map(|conversation| (&conversation.customer_id, &conversation.properties));
    let mut splits = FxHashMap::default();
    for (customer, properties) in reviews.chain(conversations) {
        if let (Some(customer), Some(split)) = (customer, declared(properties)) {
            let strictest = splits.entry(customer.clone()).or_insert(split);
            *strictest = split.max(*strictest);
        }
    }
    splits
}

/// A text on its way into the corpus.
struct RedactedText {
    text: String,
    found: BTreeMap<PersonalData, usize>,
    language: Option<String>,
}

struct Preparation<'a> {
    options: &'a PrepareOptions,
    splitter: Splitter,
    declared: FxHashMap<Id, Split>,
    withheld: &'a FxHashSet<Id>,
    card: DataCard,
    texts: Vec<TextExample>,
}

impl Preparation<'_> {
    /// Redacts a text and finds its language.
    fn redacted(&self, text: &str, language: Option<&str>) -> RedactedText {
        let redacted = redact(text.trim());
        let language = language
            .and_then(normalise_language)
            .or_else(|| detect_language(&redacted.text).map(str::to_owned))
            .or_else(|| self.options.default_language.clone());
        RedactedText {
            text: redacted.text,
            found: redacted.found,
            language,
        }
    }

    fn split(&self, customer: Option<&Id>, kind: &str, id: &str, properties: &Properties) -> Split {
        match customer {
            Some(customer) => self
                .declared
                .get(customer)
                .copied()
                .unwrap_or_else(|| self.splitter.of("customer", customer.as_str())),
            None => declared(properties).unwrap_or_else(|| self.splitter.of(kind, id)),
        }
    }

    fn allowed<'r, T>(
        &mut self,
        source: &str,
        records: &'r [T],
        customer: impl Fn(&T) -> Option<&Id>,
    ) -> Vec<&'r T> {
        let allowed: Vec<&T> = records
            .iter()
            .filter(|record| !customer(record).is_some_and(|id| self.withheld.contains(id)))
            .collect();
        let card = self.card.source(source);
        card.records += records.len();
        card.rejected_by_consent += records.len() - allowed.len();
        allowed
    }

    /// Which of the texts stay; the rows of held-out sides are looked at
    /// first, so that what they repeat leaves the training side.
    fn kept(&mut self, source: &str, texts: &[(&str, &str, Split)], threshold: f64) -> Vec<bool> {
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|place| std::cmp::Reverse(texts[*place].2));
        let candidates: Vec<Candidate<'_>> = order
            .iter()
            .map(|place| Candidate {
                text: texts[*place].0,
                group: texts[*place].1,
            })
            .collect();
        let deduplicator = Deduplicator {
            threshold,
            threads: self.options.threads,
        };
        let duplicates = deduplicator.find(&candidates);
        let card = self.card.source(source);
        let mut kept = vec![false; texts.len()];
        for (place, duplicate) in order.into_iter().zip(duplicates) {
            match duplicate {
                Some(Duplicate::Exact(_)) => card.exact_duplicates += 1,
                Some(Duplicate::Near(_)) => card.near_duplicates += 1,
                None if texts[place].0.trim().is_empty() => card.empty += 1,
                None => kept[place] = true,
            }
        }
        kept
    }

    fn count_redactions(&mut self, found: &BTreeMap<PersonalData, usize>) {
        for (kind, count) in found {
            *self.card.redacted.entry(*kind).or_default() += count;
        }
    }

    fn documents(&mut self, documents: &[Document]) -> Vec<Document> {
        self.card.source("documents").records = documents.len();
        let drafts = parallel::map(documents, self.options.threads, |document| {
            self.redacted(&document.text, document.language.as_deref())
        });
        let texts: Vec<_> = drafts
            .iter()
            .map(|draft| (draft.text.as_str(), "", Split::Train))
            .collect();
        let kept = self.kept("documents", &texts, self.options.duplicate_threshold);
        let mut redacted = Vec::new();
        for ((document, draft), kept) in documents.iter().zip(drafts).zip(kept) {
            self.count_redactions(&draft.found);
            if !kept {
                continue;
            }
            let title = document.title.as_ref().map(|title| redact(title).text);
            let source = self.card.source("documents");
            source.keep(draft.language.as_deref(), Split::Train, None);
            self.texts.push(TextExample {
                source: TextSource::Document,
                id: document.id.clone(),
                language: draft.language.clone(),
                text: lines(&[title.as_deref(), Some(&draft.text)]),
                customer: None,
                split: Split::Train,
            });
            redacted.push(Document {
                text: draft.text,
                title,
                language: draft.language,
                ..document.clone()
            });
        }
        redacted
    }

    fn products(&mut self, products: &[Product]) {
        self.card.source("products").records = products.len();
        let drafts = parallel::map(products, self.options.threads, |product| {
            self.redacted(&product_text(product), product.language.as_deref())
        });
        let splits: Vec<Split> = products
            .iter()
            .map(|product| {
                let group = product.group_id.as_ref().unwrap_or(&product.id);
                self.split(None, "product", group.as_str(), &product.properties)
            })
            .collect();
        let texts: Vec<_> = drafts
            .iter()
            .zip(&splits)
            .map(|(draft, split)| (draft.text.as_str(), "", *split))
            .collect();
        let kept = self.kept("products", &texts, self.options.duplicate_threshold);
        for (place, (product, draft)) in products.iter().zip(drafts).enumerate() {
            self.count_redactions(&draft.found);
            if !kept[place] {
                continue;
            }
            let split = splits[place];
            let source = self.card.source("products");
            source.keep(draft.language.as_deref(), split, product.updated_at);
            self.texts.push(TextExample {
                source: TextSource::Product,
                id: product.id.clone(),
                language: draft.language,
                text: draft.text,
                customer: None,
                split,
            });
        }
    }

    fn reviews(&mut self, reviews: &[Review]) -> Vec<ReviewExample> {
        let reviews = self.allowed("reviews", reviews, |review| review.customer_id.as_ref());
        let drafts = parallel::map(&reviews, self.options.threads, |review| {
            let text = lines(&[review.title.as_deref(), Some(&review.text)]);
            self.redacted(&text, review.language.as_deref())
        });
        let splits: Vec<Split> = reviews
            .iter()
            .map(|review| {
                let customer = review.customer_id.as_ref();
                self.split(customer, "review", review.id.as_str(), &review.properties)
            })
            .collect();
        let texts: Vec<_> = drafts
            .iter()
            .zip(&splits)
            .map(|(draft, split)| (draft.text.as_str(), "", *split))
            .collect();
        let kept = self.kept("reviews", &texts, self.options.duplicate_threshold);
        let mut examples = Vec::new();
        for (place, (review, draft)) in reviews.into_iter().zip(drafts).enumerate() {
            self.count_redactions(&draft.found);
            if !kept[place] {
                continue;
            }
            let split = splits[place];
            let source = self.card.source("reviews");
            source.keep(draft.language.as_deref(), split, review.time);
            self.texts.push(TextExample {
                source: TextSource::Review,
                id: review.id.clone(),
                language: draft.language.clone(),
                text: draft.text.clone(),
                customer: review.customer_id.clone(),
                split,
            });
            examples.push(ReviewExample {
                id: review.id.clone(),
                text: draft.text,
                language: draft.language,
                rating: review.rating,
                product: review.product_id.clone(),
                time: review.time,
                customer: review.customer_id.clone(),
                split,
            });
        }
        examples
    }

    fn dialogues(&mut self, conversations: &[Conversation]) -> Vec<Dialogue> {
        let talks = self.allowed("conversations", conversations, |talk| {
            talk.customer_id.as_ref()
        });
        let drafts = parallel::map(&talks, self.options.threads, |talk| self.talk(talk));
        // An answer that many questions share is worth all its questions:
        // only the same question with the same answer is a repetition, and
        // for questions, nearly the same is a variant.
        let texts: Vec<_> = drafts
            .iter()
            .map(|talk| {
                (
                    talk.asked.as_str(),
                    talk.answered.as_str(),
                    talk.dialogue.split,
                )
            })
            .collect();
        let kept = self.kept("conversations", &texts, 0.95);
        let mut dialogues = Vec::new();
        for ((talk, draft), kept) in talks.into_iter().zip(drafts).zip(kept) {
            self.count_redactions(&draft.found);
            if !kept {
                continue;
            }
            let Dialogue {
                split,
                ref language,
                ..
            } = draft.dialogue;
            let time = talk.messages.iter().find_map(|message| message.time);
            let source = self.card.source("conversations");
            source.keep(language.as_deref(), split, time);
            let spoken = draft.dialogue.turns.iter();
            let spoken: Vec<Option<&str>> = spoken
                .filter(|(role, _)| *role != Role::Tool)
                .map(|(_, text)| Some(text.as_str()))
                .collect();
            self.texts.push(TextExample {
                source: TextSource::Conversation,
                id: talk.id.clone(),
                language: language.clone(),
                text: lines(&spoken),
                customer: talk.customer_id.clone(),
                split,
            });
            dialogues.push(draft.dialogue);
        }
        dialogues
    }

    fn talk(&self, talk: &Conversation) -> Talk {
        let mut found = BTreeMap::new();
        let mut turns = Vec::with_capacity(talk.messages.len());
        // What our own assistant said teaches nothing: a price of then would be
        // an answer of now.
        let is_own = |message: &&Message| {
            message.role == Role::Agent && message.properties.contains_key("decision_id")
        };
        for message in talk.messages.iter().filter(|message| !is_own(message)) {
            let redacted = redact(message.text.trim());
            for (kind, count) in redacted.found {
                *found.entry(kind).or_default() += count;
            }
            if !redacted.text.is_empty() {
                turns.push((message.role, redacted.text));
            }
        }
        let side = |customer: bool| {
            let turns = turns
                .iter()
                .filter(|(role, _)| (*role == Role::Customer) == customer);
            lines(
                &turns
                    .map(|(_, text)| Some(text.as_str()))
                    .collect::<Vec<_>>(),
            )
        };
        let (asked, answered) = (side(true), side(false));
        let written = if asked.is_empty() { &answered } else { &asked };
        let language = talk
            .language
            .as_deref()
            .and_then(normalise_language)
            .or_else(|| detect_language(written).map(str::to_owned))
            .or_else(|| detect_language(&answered).map(str::to_owned))
            .or_else(|| self.options.default_language.clone());
        let customer = talk.customer_id.as_ref();
        Talk {
            found,
            dialogue: Dialogue {
                id: talk.id.clone(),
                language,
                intent: talk.intent.clone(),
                turns,
                customer: talk.customer_id.clone(),
                resolved: talk.resolved,
                split: self.split(customer, "conversation", talk.id.as_str(), &talk.properties),
            },
            asked,
            answered,
        }
    }

    fn labelled(&mut self, labelled: &[Labelled]) -> Vec<Labelled> {
        let redacted = parallel::map(labelled, self.options.threads, |row| redact(&row.text));
        let source = self.card.source("labelled");
        source.records = labelled.len();
        let mut seen = BTreeSet::new();
        let mut kept = Vec::new();
        let mut found = BTreeMap::new();
        for (row, redacted) in labelled.iter().zip(redacted) {
            // Offsets of aspects are in the text as it was handed in.
            let key = (redacted.text.clone(), row.label.clone(), row.aspects.len());
            if !seen.insert(key) {
                source.exact_duplicates += 1;
                continue;
            }
            for (kind, count) in redacted.found {
                *found.entry(kind).or_default() += count;
            }
            let language = row.language.as_deref().and_then(normalise_language);
            let split = declared(&row.properties).unwrap_or_default();
            source.keep(language.as_deref(), split, None);
            kept.push(Labelled {
                text: redacted.text,
                ..row.clone()
            });
        }
        self.count_redactions(&found);
        kept
    }
}

/// A conversation on its way into the corpus.
struct Talk {
    found: BTreeMap<PersonalData, usize>,
    dialogue: Dialogue,
    asked: String,
    answered: String,
}

/// The parts that say something, a line each.
fn lines(parts: &[Option<&str>]) -> String {
    let parts: Vec<&str> = parts
        .iter()
        .flatten()
        .map(|part| part.trim())
        .filter(|part| !part.is_empty())
        .collect();
    parts.join("\n")
}

/// What the shop says about a product, a line for each side of it.
fn product_text(product: &Product) -> String {
    let category = product.category.join(" > ");
    let attributes: Vec<String> = product
        .attributes
        .iter()
        .filter_map(|(name, value)| match value {
            serde_json::Value::String(text) => Some(format!("{name}: {text}")),
            serde_json::Value::Number(number) => Some(format!("{name}: {number}")),
            _ => None,
        })
        .collect();
    lines(&[
        Some(&product.title),
        product.brand.as_deref(),
        Some(&category),
        product.description.as_deref(),
        Some(&attributes.join("; ")),
    ])
}

#[cfg(test)]
#[path = "prepare/tests.rs"]
mod tests;
