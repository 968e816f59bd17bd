//! Dense retrieval: products as vectors, found by their cosine to a query's,
//! whatever its words. Every product is looked at in eight bits; the nearest
//! again in sixteen.

use std::sync::Arc;

use corpus::search::encoder_input::{document_tokens, passage, query_tokens};
use corpus::search::{Collection, Document, Query};
use models::SentenceEncoder;
use models::index::{Scored, top};
use models::int8_vectors::RescoredVectors;
use models::static_encoder::StaticEncoder;
use shop::{Product, Progress};

use super::index::DocumentNumber;

/// How many products a thread encodes at a time.
const CHUNK: usize = 1_024;
/// How many products a published encoder takes at once.
const BATCH: usize = 128;
/// Of a product's text a published encoder reads so many tokens: its title, brand
/// and category, and the beginning of its description.
const PASSAGE_TOKENS: usize = 64;
const QUERY_TOKENS: usize = 64;

/// What turns queries and products into vectors.
#[derive(Debug, Clone)]
pub enum DenseEncoder {
    /// Ours, learnt from the shop's own words.
    Terms(Arc<StaticEncoder>),
    /// A published sentence encoder.
    Published(Arc<SentenceEncoder>),
}

impl PartialEq for DenseEncoder {
    /// Two are the same where their vectors are.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Terms(own), Self::Terms(other)) => Arc::ptr_eq(own, other) || own == other,
            (Self::Published(own), Self::Published(other)) => Arc::ptr_eq(own, other),
            _ => false,
        }
    }
}

/// The vector of each document by an encoder.
pub(super) struct VectorIndex {
    encoder: DenseEncoder,
    /// The mean of the documents' vectors: what all texts have in common to a
    /// published encoder tells none apart (Mu and Viswanath, 2018), so that it is
    /// taken out of each. Empty for ours.
    mean: Vec<f32>,
    pub vectors: RescoredVectors,
}

impl VectorIndex {
    /// The vectors of a collection's documents, which `products` are, in their
    /// order.
    pub(super) fn build(
        collection: &Collection,
        products: &[&Product],
        encoder: DenseEncoder,
        threads: usize,
        progress: Option<&dyn Progress>,
    ) -> Self {
        match &encoder {
            DenseEncoder::Terms(terms) => {
                let mut vectors = RescoredVectors::new(&[], terms.width());
                for part in encoded_in_parallel(collection, terms, threads) {
                    vectors.extend(&part);
                }
                Self {
                    vectors,
                    mean: Vec::new(),
                    encoder,
                }
            }
            DenseEncoder::Published(published) => {
                let mut rows = passages(published, products, progress);
                let mean = mean(&rows, published.width());
                center(&mut rows, &mean);
                Self {
                    vectors: RescoredVectors::new(&rows, published.width()),
                    mean,
                    encoder,
                }
            }
        }
    }

    pub(super) fn encoder(&self) -> &DenseEncoder {
        &self.encoder
    }

    /// The vectors of the documents that a collection got later, which `products`
    /// are.
    pub(super) fn of_delta(
        &self,
        collection: &Collection,
        products: &[&Product],
    ) -> RescoredVectors {
        match &self.encoder {
            DenseEncoder::Terms(terms) => {
                let documents = collection.delta_documents().map(|(_, document)| document);
                let rows = encoded(collection, terms, documents);
                RescoredVectors::new(&rows, terms.width())
            }
            DenseEncoder::Published(published) => {
                let mut rows = passages(published, products, None);
                center(&mut rows, &self.mean);
                RescoredVectors::new(&rows, published.width())
            }
        }
    }

    /// The vector of a query, `words` being what was typed, corrected; `None` when
    /// the encoder knows none of it.
    pub(super) fn query_vector(
        &self,
        collection: &Collection,
        query: &Query,
        words: &str,
    ) -> Option<Vec<f32>> {
        let own = match &self.encoder {
            DenseEncoder::Terms(terms) => terms.encode(&query_tokens(collection, query)),
            DenseEncoder::Published(published) => {
                let mut own = published.encode_queries(&[words], QUERY_TOKENS);
                center(&mut own, &self.mean);
                own
            }
        };
        own.iter().any(|number| *number != 0.0).then_some(own)
    }
}

/// The vectors of products by a published encoder, one after the other.
fn passages(
    encoder: &SentenceEncoder,
    products: &[&Product],
    progress: Option<&dyn Progress>,
) -> Vec<f32> {
    let mut rows = Vec::with_capacity(products.len() * encoder.width());
    if let Some(progress) = progress {
        progress.begin("vectors of products", products.len() as u64);
    }
    for batch in products.chunks(BATCH) {
        let texts: Vec<String> = batch.iter().map(|product| passage(product)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        rows.extend(encoder.encode_passages(&texts, PASSAGE_TOKENS));
        if let Some(progress) = progress {
            progress.advance((rows.len() / encoder.width().max(1)) as u64, "");
        }
    }
    if let Some(progress) = progress {
        progress.end(&format!("vectors of {} products", products.len()));
    }
    rows
}

fn mean(rows: &[f32], width: usize) -> Vec<f32> {
    let mut sum = vec![0.0_f64; width];
    for row in rows.chunks_exact(width) {
        for (sum, number) in sum.iter_mut().zip(row) {
            *sum += f64::from(*number);
        }
    }
    let count = (rows.len() / width.max(1)).max(1) as f64;
    sum.into_iter().map(|sum| (sum / count) as f32).collect()
}

/// Takes `mean` out of each row and brings it to length 1 again.
fn center(rows: &mut [f32], mean: &[f32]) {
    for row in rows.chunks_exact_mut(mean.len().max(1)) {
        for (number, mean) in row.iter_mut().zip(mean) {
            *number -= mean;
        }
        let length = row.iter().map(|number| number * number).sum::<f32>().sqrt();
        if length > 0.0 {
            row.iter_mut().for_each(|number| *number /= length);
        }
    }
}

/// The vectors of all documents, a part a thread.
fn encoded_in_parallel(
    collection: &Collection,
    encoder: &StaticEncoder,
    threads: usize,
) -> Vec<Vec<f32>> {
    let documents = collection.documents();
    let share = documents.len().div_ceil(threads.max(1)).max(CHUNK);
    std::thread::scope(|scope| {
        let workers: Vec<_> = documents
            .chunks(share)
            .map(|chunk| scope.spawn(move || encoded(collection, encoder, chunk.iter())))
            .collect();
        let parts = workers.into_iter().zip(documents.chunks(share));
        // A thread that died leaves products that mean nothing.
        parts
            .map(|(worker, chunk)| {
                let nothing = |_| vec![0.0; chunk.len() * encoder.width()];
                worker.join().unwrap_or_else(nothing)
            })
            .collect()
    })
}

fn encoded<'a>(
    collection: &Collection,
    encoder: &StaticEncoder,
    documents: impl Iterator<Item = &'a Document>,
) -> Vec<f32> {
    documents
        .flat_map(|one| encoder.encode(&document_tokens(collection, one)))
        .collect()
}

/// The documents that mean the nearest, at least as near as `least`.
pub(super) fn nearest(cosines: &[f32], least: f32, count: usize) -> Vec<DocumentNumber> {
    let scored = (0..)
        .zip(cosines)
        .filter(|(_, score)| **score >= least)
        .map(|(place, &score)| Scored { place, score });
    let best = top(scored, count).into_iter();
    best.map(|scored| scored.place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_rows_have_in_common_is_taken_out() {
        let mut rows = vec![0.6, 0.8, 0.8, 0.6];
        let mean = mean(&rows, 2);
        assert!(
            mean.iter().all(|mean| (mean - 0.7).abs() < 1e-6),
            "{mean:?}"
        );
        center(&mut rows, &mean);
        let half = std::f32::consts::FRAC_1_SQRT_2;
        for (number, expected) in rows.iter().zip([-half, half, half, -half]) {
            assert!((number - expected).abs() < 1e-4, "{rows:?}");
        }
    }
}
