//! Products as vectors: what is near to a query in meaning, whatever its
//! words. Every product is looked at, coarsely; the nearest again, exactly.

use std::sync::Arc;

use corpus::search::encoder_input::{document_tokens, query_tokens};
use corpus::search::{Collection, Document, Query};
use models::index::{Scored, top};
use models::int8_vectors::RescoredVectors;
use models::static_encoder::StaticEncoder;

use super::index::DocumentNumber;

/// How many products a thread encodes at a time.
const CHUNK: usize = 1_024;

/// The vector of each document by an encoder.
pub(super) struct VectorIndex {
    encoder: Arc<StaticEncoder>,
    pub vectors: RescoredVectors,
}

impl VectorIndex {
    pub(super) fn build(
        collection: &Collection,
        encoder: Arc<StaticEncoder>,
        threads: usize,
    ) -> Self {
        let documents = collection.documents();
        let share = documents.len().div_ceil(threads.max(1)).max(CHUNK);
        let parts: Vec<Vec<f32>> = std::thread::scope(|scope| {
            let workers: Vec<_> = documents
                .chunks(share)
                .map(|chunk| {
                    let encoder = &encoder;
                    scope.spawn(move || encoded(collection, encoder, chunk.iter()))
                })
                .collect();
            let parts = workers.into_iter().zip(documents.chunks(share));
            // A thread that died leaves products that mean nothing.
            parts
                .map(|(worker, chunk)| {
                    let nothing = |_| vec![0.0; chunk.len() * encoder.width()];
                    worker.join().unwrap_or_else(nothing)
                })
                .collect()
        });
        let mut vectors = RescoredVectors::new(&[], encoder.width());
        for part in &parts {
            vectors.extend(part);
        }
        Self { encoder, vectors }
    }

    pub(super) fn encoder(&self) -> &Arc<StaticEncoder> {
        &self.encoder
    }

    /// The vectors of the documents that a collection got later.
    pub(super) fn of_delta(&self, collection: &Collection) -> RescoredVectors {
        let documents = collection.delta_documents().map(|(_, document)| document);
        let rows = encoded(collection, &self.encoder, documents);
        RescoredVectors::new(&rows, self.encoder.width())
    }

    /// The vector of a query; `None` when the encoder knows none of its words.
    pub(super) fn query_vector(&self, collection: &Collection, query: &Query) -> Option<Vec<f32>> {
        let own = self.encoder.encode(&query_tokens(collection, query));
        own.iter().any(|number| *number != 0.0).then_some(own)
    }
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
