//! `POST /v1/embeddings`: the vectors of texts, as they are: where a model
//! wants words before a query or a passage, the caller writes them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use models::SentenceEncoder;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::models::{find, refused};
use crate::app::{App, ModelSource};
use crate::config::Scope;
use crate::http::endpoint::Endpoint;
use crate::http::error::ApiError;
use crate::http::extract::JsonBody;
use crate::http::queue_error;

/// Tokens of one request at most.
const MOST_TOKENS: usize = 300_000;
/// Texts that go through the encoder together.
const BATCH: usize = 64;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            "/v1/embeddings",
            Some(Scope::Write),
            "The vectors of texts, of length 1, in OpenAI's protocol",
            embed,
        )
        .answers::<Embeddings>(),
    ]
}

/// Texts to be made vectors of, in OpenAI's words.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(
    rename = "EmbeddingRequest",
    extend("examples" = [{"model": "minilm", "input": ["red dress", "blue kettle"]}]),
)]
struct EmbeddingRequest {
    /// An encoder that `GET /v1/models` lists.
    model: String,
    /// A text or texts; the numbers of tokens are not read.
    input: Input,
    /// How vectors are written.
    #[serde(default)]
    encoding_format: Option<EncodingFormat>,
    /// How long vectors are; only the model's own length can be had.
    #[schemars(range(min = 1))]
    #[serde(default)]
    dimensions: Option<u32>,
    /// For whom, which changes nothing.
    #[serde(default, rename = "user")]
    _user: Option<String>,
}

/// What is to be made vectors of.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Input {
    /// One text.
    Text(#[schemars(length(min = 1))] String),
    /// Several texts.
    Texts(#[schemars(length(min = 1, max = 2_048), inner(length(min = 1)))] Vec<String>),
}

/// How vectors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum EncodingFormat {
    /// As a list of numbers.
    Float,
    /// As the bytes of 32-bit numbers, little-endian.
    Base64,
}

/// The vectors, in the order of the texts.
#[derive(Debug, Serialize, JsonSchema)]
struct Embeddings {
    /// Always `list`.
    object: &'static str,
    data: Vec<Embedding>,
    model: String,
    usage: EmbeddingUsage,
}

/// The vector of one text.
#[derive(Debug, Serialize, JsonSchema)]
struct Embedding {
    /// Always `embedding`.
    object: &'static str,
    /// Which of the texts.
    index: usize,
    embedding: Vector,
}

/// A vector, as it was asked for.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
enum Vector {
    Float(Vec<f32>),
    Base64(String),
}

/// The tokens of all texts, with those that the model expects around them.
#[derive(Debug, Serialize, JsonSchema)]
struct EmbeddingUsage {
    prompt_tokens: usize,
    total_tokens: usize,
}

async fn embed(
    State(app): State<Arc<App>>,
    JsonBody(request): JsonBody<EmbeddingRequest>,
) -> Result<Json<Embeddings>, ApiError> {
    let model = find(&app, request.model.clone()).await?;
    if !matches!(model.source, ModelSource::Encoder(_)) {
        return Err(refused(format!("{} makes no vectors", model.name)));
    }
    let shared = app.clone();
    let work = move || {
        let embedded = shared.with_encoder(&model, |encoder| vectors(encoder, &request));
        embedded.map_err(ApiError::internal)?
    };
    let queue = &app.bare_models.embeddings;
    let embedded = queue.run(work).await;
    embedded
        .map_err(|error| queue_error(queue.name(), error))?
        .map(Json)
}

fn vectors(encoder: &SentenceEncoder, request: &EmbeddingRequest) -> Result<Embeddings, ApiError> {
    let width = encoder.width();
    if let Some(dimensions) = request.dimensions.filter(|asked| *asked as usize != width) {
        let message = format!(
            "vectors of {} have {width}, not {dimensions}",
            request.model
        );
        return Err(ApiError::field("dimensions", message));
    }
    let texts = match &request.input {
        Input::Text(text) => std::slice::from_ref(text),
        Input::Texts(texts) => texts,
    };
    let tokens: Vec<Vec<u32>> = texts.iter().map(|text| encoder.tokens(text)).collect();
    let longest = encoder.longest();
    if let Some(index) = tokens.iter().position(|text| text.len() > longest) {
        let length = tokens[index].len();
        let message = format!(
            "text {index} has {length} tokens, and {} reads {longest}",
            request.model
        );
        return Err(ApiError::field("input", message));
    }
    let count: usize = tokens.iter().map(Vec::len).sum();
    if count > MOST_TOKENS {
        let message = format!("{count} tokens in all are more than {MOST_TOKENS}");
        return Err(ApiError::field("input", message));
    }
    let base64 = request.encoding_format == Some(EncodingFormat::Base64);
    let rows = tokens.chunks(BATCH).flat_map(|batch| {
        let rows = encoder.encode_tokens(batch);
        let rows = rows.chunks_exact(width).map(|row| written(row, base64));
        rows.collect::<Vec<_>>()
    });
    let embedding = |(index, embedding)| Embedding {
        object: "embedding",
        index,
        embedding,
    };
    Ok(Embeddings {
        object: "list",
        data: rows.enumerate().map(embedding).collect(),
        model: request.model.clone(),
        usage: EmbeddingUsage {
            prompt_tokens: count,
            total_tokens: count,
        },
    })
}

fn written(row: &[f32], base64: bool) -> Vector {
    if !base64 {
        return Vector::Float(row.to_vec());
    }
    let bytes: Vec<u8> = row.iter().flat_map(|number| number.to_le_bytes()).collect();
    Vector::Base64(BASE64_STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::extract::parse_json;

    #[test]
    fn vectors_are_numbers_or_their_bytes() {
        let row = [1.0, -0.5];
        assert_eq!(written(&row, false), Vector::Float(row.to_vec()));
        assert_eq!(
            written(&row, true),
            Vector::Base64("AACAPwAAAL8=".to_owned())
        );
    }

    #[test]
    fn texts_are_read_and_tokens_are_not() {
        for (body, param) in [
            (r#"{"model": "m", "input": "text"}"#, None),
            (
                r#"{"model": "m", "input": ["a", "b"], "encoding_format": "base64", "user": "u"}"#,
                None,
            ),
            (r#"{"model": "m", "input": [1, 2]}"#, Some("input")),
            (r#"{"model": "m", "input": [[1, 2]]}"#, Some("input")),
            (r#"{"model": "m", "input": []}"#, Some("input")),
            (r#"{"model": "m", "input": "a", "task": "b"}"#, Some("task")),
            (
                r#"{"model": "m", "input": "a", "encoding_format": "int8"}"#,
                Some("encoding_format"),
            ),
            (r#"{"input": "a"}"#, Some("model")),
        ] {
            let error = parse_json::<EmbeddingRequest>(body.as_bytes()).err();
            let refused = error
                .as_ref()
                .map(|error| error.param.clone().unwrap_or_default());
            let same = match (&refused, param) {
                (Some(refused), Some(param)) => refused.starts_with(param),
                (refused, param) => refused.is_none() && param.is_none(),
            };
            assert!(same, "{body}: {error:?}");
        }
    }
}
