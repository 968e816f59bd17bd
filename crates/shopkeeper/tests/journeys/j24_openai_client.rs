//! J24: a client of OpenAI's protocol, which knows nothing of us, against a
//! served shop: models, vectors, the assistant, and a bare model with schemas
//! and tools, whole and in pieces.

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::{ApiErrorResponse, OpenAIError};
use async_openai::types::chat::{
    ChatCompletionMessageToolCall, ChatCompletionMessageToolCalls, CompletionUsage,
    CreateChatCompletionRequest, CreateChatCompletionResponse, FinishReason,
};
use async_openai::types::embeddings::{CreateEmbeddingRequest, EncodingFormat};
use futures::StreamExt;
use serde_json::{Value, json};

use crate::program::{Shop, logged};
use crate::{catalogue, test_data};

const DECODER: &str = "smollm2-135m";
const ENCODER: &str = "minilm";

#[tokio::test(flavor = "multi_thread")]
async fn j24_an_openai_client_works_unchanged() {
    let models = (
        test_data::published_model(&format!("{DECODER}/model.gguf")),
        test_data::published_model(ENCODER),
    );
    let (Some(decoder), Some(encoder)) = models else {
        return;
    };
    let shop = Shop::new();
    catalogue::fill(&shop);
    for path in [decoder, encoder] {
        shop.json(&["models", "import", path.to_str().unwrap()]);
    }
    let server = shop.serve();
    let config = OpenAIConfig::new().with_api_base(server.url("/v1"));
    let client = OpenAi(Client::with_config(config.with_api_key("none")));
    client.finds_models().await;
    client.embeds().await;
    client.asks_the_assistant().await;
    client.asks_a_bare_model().await;
    client.gets_json_of_a_schema().await;
    client.calls_tools().await;
    client.hears_what_is_wrong().await;
    server.stop();
    let (orders, _) = tokio::task::block_in_place(|| logged(&shop.data()));
    assert_eq!(orders.len(), 12, "{orders:?}");
}

struct OpenAi(Client<OpenAIConfig>);

/// A request as the library writes it.
fn request(model: &str, question: &str, more: Value) -> CreateChatCompletionRequest {
    let mut request = json!({
        "model": model, "messages": [{"role": "user", "content": question}], "temperature": 0,
        "max_completion_tokens": 48,
    });
    for (field, value) in more.as_object().unwrap() {
        request[field] = value.clone();
    }
    serde_json::from_value(request).unwrap()
}

/// What came of a stream, put together.
#[derive(Debug, Default)]
struct Heard {
    text: String,
    calls: Vec<(String, String, String)>,
    finish: Option<FinishReason>,
    usage: Option<CompletionUsage>,
    pieces: usize,
}

fn weather() -> Value {
    json!({"type": "function", "function": {
        "name": "get_weather", "description": "The weather of a city today",
        "parameters": {
            "type": "object", "additionalProperties": false, "required": ["city", "unit"],
            "properties": {"city": {"enum": ["Paris", "Oslo"]}, "unit": {"$ref": "#/$defs/unit"}},
            "$defs": {"unit": {"enum": ["celsius", "fahrenheit"]}},
        },
    }})
}

fn check_weather(arguments: &str) {
    let arguments: Value = serde_json::from_str(arguments).unwrap();
    let (city, unit) = (&arguments["city"], &arguments["unit"]);
    assert!(city == "Paris" || city == "Oslo", "{arguments}");
    assert!(unit == "celsius" || unit == "fahrenheit", "{arguments}");
    assert_eq!(arguments.as_object().unwrap().len(), 2, "{arguments}");
}

fn check_usage(usage: Option<&CompletionUsage>) {
    let usage = usage.unwrap();
    assert!(usage.prompt_tokens > 0 && usage.completion_tokens > 0);
    let sum = usage.prompt_tokens + usage.completion_tokens;
    assert_eq!(usage.total_tokens, sum, "{usage:?}");
}

fn the_call(response: &CreateChatCompletionResponse) -> &ChatCompletionMessageToolCall {
    let choice = &response.choices[0];
    assert_eq!(choice.finish_reason, Some(FinishReason::ToolCalls));
    let calls = choice.message.tool_calls.as_deref().unwrap();
    let [ChatCompletionMessageToolCalls::Function(call)] = calls else {
        panic!("one call of a function: {calls:?}");
    };
    call
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, OpenAIError>) -> ApiErrorResponse {
    match answer.unwrap_err() {
        OpenAIError::ApiError(error) => error,
        other => panic!("{other}"),
    }
}

impl OpenAi {
    async fn complete(&self, request: CreateChatCompletionRequest) -> CreateChatCompletionResponse {
        let answer = self.0.chat().create(request).await.unwrap();
        check_usage(answer.usage.as_ref());
        answer
    }

    async fn hear(&self, request: CreateChatCompletionRequest) -> Heard {
        let mut stream = self.0.chat().create_stream(request).await.unwrap();
        let mut heard = Heard::default();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.unwrap();
            heard.usage = chunk.usage.or(heard.usage);
            heard.pieces += 1;
            for choice in chunk.choices {
                heard.finish = choice.finish_reason.or(heard.finish);
                heard
                    .text
                    .push_str(&choice.delta.content.unwrap_or_default());
                for call in choice.delta.tool_calls.into_iter().flatten() {
                    let index = call.index as usize;
                    if heard.calls.len() <= index {
                        heard.calls.resize(index + 1, Default::default());
                    }
                    let whole = &mut heard.calls[index];
                    let function = call.function.unwrap();
                    whole.0.push_str(&call.id.unwrap_or_default());
                    whole.1.push_str(&function.name.unwrap_or_default());
                    whole.2.push_str(&function.arguments.unwrap_or_default());
                }
            }
        }
        heard
    }

    async fn finds_models(&self) {
        let listed = self.0.models().list().await.unwrap();
        let mut names: Vec<&str> = listed.data.iter().map(|model| model.id.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["assistant", ENCODER, DECODER]);
        for name in ["assistant", "shopkeeper-support", DECODER] {
            let model = self.0.models().retrieve(name).await.unwrap();
            assert_eq!(model.object, "model");
        }
        let error = refusal(self.0.models().retrieve("gpt-4").await);
        assert_eq!(error.api_error.code.as_deref(), Some("model_not_found"));
    }

    async fn embeds(&self) {
        let texts = [
            "a red summer dress",
            "a scarlet gown for warm days",
            "how to repay a loan",
        ];
        let request = CreateEmbeddingRequest {
            model: ENCODER.to_owned(),
            input: texts.into(),
            ..CreateEmbeddingRequest::default()
        };
        let answer = self.0.embeddings().create(request.clone()).await.unwrap();
        assert_eq!(answer.usage.prompt_tokens, answer.usage.total_tokens);
        let vectors: Vec<&[f32]> = answer.data.iter().map(|one| &*one.embedding).collect();
        let product = |left: &[f32], right: &[f32]| -> f32 {
            left.iter()
                .zip(right)
                .map(|(left, right)| left * right)
                .sum()
        };
        for vector in &vectors {
            assert_eq!(vector.len(), 384);
            assert!((product(vector, vector) - 1.0).abs() < 1e-4);
        }
        let (related, unrelated) = (
            product(vectors[0], vectors[1]),
            product(vectors[0], vectors[2]),
        );
        assert!(related > unrelated + 0.2, "{related} {unrelated}");
        let packed = CreateEmbeddingRequest {
            encoding_format: Some(EncodingFormat::Base64),
            ..request.clone()
        };
        let bytes = self.0.embeddings().create_base64(packed).await;
        for (vector, same) in vectors.iter().zip(bytes.unwrap().data) {
            assert_eq!(Vec::<f32>::from(same.embedding), *vector);
        }
        let shorter = CreateEmbeddingRequest {
            dimensions: Some(64),
            ..request.clone()
        };
        let error = refusal(self.0.embeddings().create(shorter).await);
        assert_eq!(error.api_error.param.as_deref(), Some("dimensions"));
        let tokens = CreateEmbeddingRequest {
            input: vec![1_u32, 2].into(),
            ..request
        };
        let error = refusal(self.0.embeddings().create(tokens).await);
        assert_eq!(error.status_code, 400);
    }

    async fn asks_the_assistant(&self) {
        let question = "Within how many days can I return an item?";
        for name in ["assistant", "shopkeeper-support"] {
            let asked = request(name, question, json!({}));
            let answer = self.0.chat().create(asked).await.unwrap();
            let said = answer.choices[0].message.content.as_deref().unwrap();
            assert!(said.contains("30 days"), "{said}");
            assert_eq!(answer.model, name);
        }
        let heard = self.hear(request("assistant", question, json!({}))).await;
        assert!(heard.text.contains("30 days"), "{heard:?}");
        assert_eq!(heard.finish, Some(FinishReason::Stop));
    }

    async fn asks_a_bare_model(&self) {
        let question = "Name three colours.";
        let answer = self.complete(request(DECODER, question, json!({}))).await;
        let said = answer.choices[0].message.content.clone().unwrap();
        assert!(said.chars().any(char::is_alphabetic), "{said}");
        let counted =
            json!({"stream_options": {"include_usage": true}, "max_completion_tokens": 5});
        let heard = self.hear(request(DECODER, question, counted)).await;
        check_usage(heard.usage.as_ref());
        let (streamed, whole) = (heard.usage.as_ref().unwrap(), answer.usage.unwrap());
        assert_eq!(streamed.prompt_tokens, whole.prompt_tokens);
        assert_eq!(streamed.completion_tokens, 5);
        assert_eq!(heard.finish, Some(FinishReason::Length));
        assert!(heard.pieces > 4 && !heard.text.is_empty(), "{heard:?}");
        let seeded = || {
            request(
                DECODER,
                question,
                json!({"temperature": 1.5, "seed": 3, "stop": ["e"]}),
            )
        };
        let answer = self.complete(seeded()).await;
        assert!(
            !answer.choices[0]
                .message
                .content
                .as_deref()
                .unwrap()
                .contains('e')
        );
        assert_eq!(answer.choices[0].finish_reason, Some(FinishReason::Stop));
    }

    async fn gets_json_of_a_schema(&self) {
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["colour", "count"],
            "properties": {
                "colour": {"enum": ["red", "blue"]},
                "count": {"type": "integer", "minimum": 1, "maximum": 9},
            },
        });
        let named = json!({"name": "order", "strict": true, "schema": schema});
        let format = json!({"response_format": {"type": "json_schema", "json_schema": named}});
        let asked = request(DECODER, "I want three blue mugs.", format);
        let answer = self.complete(asked.clone()).await;
        let heard = self.hear(asked).await;
        for text in [
            answer.choices[0].message.content.as_deref().unwrap(),
            &heard.text,
        ] {
            let order: Value = serde_json::from_str(text).unwrap();
            assert!(
                order["colour"] == "red" || order["colour"] == "blue",
                "{order}"
            );
            assert!(
                (1..=9).contains(&order["count"].as_u64().unwrap()),
                "{order}"
            );
        }
        assert_eq!(answer.choices[0].finish_reason, Some(FinishReason::Stop));
    }

    async fn calls_tools(&self) {
        let question = "What is the weather in Oslo, in celsius?";
        let named = json!({"type": "function", "function": {"name": "get_weather"}});
        let forced = json!({"tools": [weather()], "tool_choice": named});
        let answer = self
            .complete(request(DECODER, question, forced.clone()))
            .await;
        let call = the_call(&answer);
        assert_eq!(call.function.name, "get_weather");
        check_weather(&call.function.arguments);

        let heard = self.hear(request(DECODER, question, forced)).await;
        let [(id, name, arguments)] = heard.calls.as_slice() else {
            panic!("one call: {heard:?}");
        };
        assert!(!id.is_empty() && heard.text.is_empty(), "{heard:?}");
        assert_eq!(name, "get_weather");
        check_weather(arguments);
        assert_eq!(heard.finish, Some(FinishReason::ToolCalls));

        let clock = json!({"type": "function", "function": {"name": "get_time"}});
        let required = json!({"tools": [weather(), clock], "tool_choice": "required"});
        let answer = self.complete(request(DECODER, question, required)).await;
        match the_call(&answer).function.name.as_str() {
            "get_weather" => check_weather(&the_call(&answer).function.arguments),
            "get_time" => assert_eq!(the_call(&answer).function.arguments, "{}"),
            other => panic!("{other} is no tool"),
        }

        let called = ChatCompletionMessageToolCalls::Function(call.clone());
        let round = json!({"tools": [weather()], "tool_choice": "none", "messages": [
            {"role": "user", "content": question},
            {"role": "assistant", "tool_calls": [called]},
            {"role": "tool", "tool_call_id": call.id, "content": "{\"celsius\": -3, \"sky\": \"snow\"}"},
        ]});
        let answer = self.complete(request(DECODER, question, round)).await;
        let said = answer.choices[0].message.content.as_deref().unwrap();
        println!("after the round of tools: {said}");
        assert!(said.chars().any(char::is_alphanumeric), "{said}");
    }

    async fn hears_what_is_wrong(&self) {
        for (model, more, status, param) in [
            ("gpt-4", json!({}), 404, "model"),
            (ENCODER, json!({}), 404, "model"),
            (DECODER, json!({"n": 2}), 400, "n"),
            (DECODER, json!({"logprobs": true}), 400, "logprobs"),
        ] {
            let asked = request(model, "hello", more);
            for error in [
                refusal(self.0.chat().create(asked.clone()).await),
                refusal(self.0.chat().create_stream(asked).await.map(|_| ())),
            ] {
                assert_eq!(error.status_code, status, "{model}: {error}");
                assert_eq!(error.api_error.param.as_deref(), Some(param), "{error}");
                let code = error.api_error.code.as_deref();
                assert_eq!(code == Some("model_not_found"), status == 404, "{error}");
            }
        }
        let request = CreateEmbeddingRequest {
            model: DECODER.to_owned(),
            input: "hello".into(),
            ..CreateEmbeddingRequest::default()
        };
        let error = refusal(self.0.embeddings().create(request).await);
        assert_eq!(error.api_error.code.as_deref(), Some("model_not_found"));
    }
}
