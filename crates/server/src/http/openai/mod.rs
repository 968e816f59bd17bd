//! OpenAI's protocol, for any client that speaks it: the grounded assistant and
//! bare models by `/v1/chat/completions`, vectors by `/v1/embeddings`, and what
//! there is by `/v1/models`.

mod answer;
mod assistant;
mod completions;
mod embeddings;
mod models;
mod request;
mod writing;

use super::endpoint::Endpoint;

/// The routes of this folder.
pub fn endpoints() -> Vec<Endpoint> {
    let routes = [
        completions::endpoints(),
        embeddings::endpoints(),
        models::endpoints(),
    ];
    routes.into_iter().flatten().collect()
}
