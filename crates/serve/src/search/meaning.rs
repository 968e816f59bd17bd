//! Products as vectors: what is near to a query in meaning, whatever its
//! words. Every product is looked at; the answer is exact.

use std::sync::Arc;

use corpus::search::meaning::{document_tokens, query_tokens};
use corpus::search::{Collection, Query};
use models::index::{Scored, top};
use models::static_encoder::{StaticEncoder, product};

use super::index::DocumentNumber;

/// How many products a thread encodes at a time.
const CHUNK: usize = 1_024;

/// The vector of each document by an encoder.
pub(super) struct Meaning {
    encoder: Arc<StaticEncoder>,
    /// `[documents, width]`.
    vectors: Vec<f32>,
}

impl Meaning {
    pub(super) fn build(
        collection: &Collection,
        encoder: Arc<StaticEncoder>,
        threads: usize,
    ) -> Self {
        let documents = collection.documents();
        let share = documents.len().div_ceil(threads.max(1)).max(CHUNK);
        let vectors = std::thread::scope(|scope| {
            let workers: Vec<_> = documents
                .chunks(share)
                .map(|chunk| {
                    let encoder = &encoder;
                    scope.spawn(move || {
                        let tokens = chunk
                            .iter()
                            .flat_map(|one| encoder.encode(&document_tokens(collection, one)));
                        tokens.collect::<Vec<f32>>()
                    })
                })
                .collect();
            let parts = workers.into_iter().zip(documents.chunks(share));
            // A thread that died leaves products that mean nothing.
            parts
                .flat_map(|(worker, chunk)| {
                    let nothing = |_| vec![0.0; chunk.len() * encoder.width()];
                    worker.join().unwrap_or_else(nothing)
                })
                .collect()
        });
        Self { encoder, vectors }
    }

    pub(super) fn encoder(&self) -> &Arc<StaticEncoder> {
        &self.encoder
    }

    /// The cosine of every document to a query; `None` when the encoder knows
    /// none of its words.
    pub(super) fn cosines(&self, collection: &Collection, query: &Query) -> Option<Vec<f32>> {
        let own = self.encoder.encode(&query_tokens(collection, query));
        if own.iter().all(|number| *number == 0.0) {
            return None;
        }
        let rows = self.vectors.chunks_exact(self.encoder.width());
        Some(rows.map(|row| product(row, &own)).collect())
    }
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
