//! One row for each route: the router, the scopes and the OpenAPI document all
//! come from the same rows, so that they cannot disagree.

use std::convert::Infallible;
use std::sync::Arc;

use axum::handler::Handler;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodFilter, MethodRouter, on};
use serde_json::{Value, json};

use super::{authorise, idempotency, media_type};
use crate::app::App;
use crate::config::Scope;

/// The methods in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Verb {
    Get,
    Post,
    Delete,
}

impl Verb {
    /// As OpenAPI writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Delete => "delete",
        }
    }

    fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

/// A parameter of the query string.
#[derive(Debug, Clone)]
pub struct QueryParameter {
    name: &'static str,
    kind: &'static str,
    about: &'static str,
}

/// A route with all that is said about it.
pub struct Endpoint {
    /// The method.
    pub verb: Verb,
    /// The path, with `{name}` for what varies.
    pub path: &'static str,
    /// What a caller needs; `None` lets everybody in.
    pub scope: Option<Scope>,
    summary: &'static str,
    query: Vec<QueryParameter>,
    body: Option<Value>,
    media_type: &'static str,
    answer: Value,
    route: MethodRouter<Arc<App>, Infallible>,
}

impl Endpoint {
    fn new<H: Handler<T, Arc<App>>, T: 'static>(
        verb: Verb,
        path: &'static str,
        scope: Option<Scope>,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Self {
            verb,
            path,
            scope,
            summary,
            query: Vec::new(),
            body: None,
            media_type: "application/json",
            answer: json!({"type": "object"}),
            route: on(verb.filter(), handler),
        }
    }

    /// A route that reads.
    pub fn get<H: Handler<T, Arc<App>>, T: 'static>(
        path: &'static str,
        scope: Option<Scope>,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Verb::Get, path, scope, summary, handler)
    }

    /// A route that takes a body.
    pub fn post<H: Handler<T, Arc<App>>, T: 'static>(
        path: &'static str,
        scope: Option<Scope>,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Verb::Post, path, scope, summary, handler)
    }

    /// A route that removes.
    pub fn delete<H: Handler<T, Arc<App>>, T: 'static>(
        path: &'static str,
        scope: Option<Scope>,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Verb::Delete, path, scope, summary, handler)
    }

    /// Takes a parameter in the query string.
    pub fn query(mut self, name: &'static str, kind: &'static str, about: &'static str) -> Self {
        self.query.push(QueryParameter { name, kind, about });
        self
    }

    /// Takes a body of this JSON Schema.
    pub fn body(mut self, schema: Value) -> Self {
        self.body = Some(schema);
        self
    }

    /// Answers with this JSON Schema.
    pub fn answers(mut self, schema: Value) -> Self {
        self.answer = schema;
        self
    }

    /// Answers with something other than JSON.
    pub fn media_type(mut self, media_type: &'static str) -> Self {
        self.media_type = media_type;
        self
    }

    /// The handler behind the check of its scope, and behind that of what its
    /// body is called; a write is answered again where it was answered before.
    pub fn into_route(self, app: &Arc<App>) -> (&'static str, MethodRouter<Arc<App>>) {
        let mut route = self.route;
        if self.verb == Verb::Post {
            route = route.layer(from_fn_with_state(app.clone(), idempotency::replay));
        }
        if !self.path.starts_with("/v1/import/") {
            route = route.layer(from_fn(media_type::require_json));
        }
        let route = match self.scope {
            None => route,
            Some(scope) => route.layer(from_fn(
                move |request: axum::extract::Request, next: axum::middleware::Next| {
                    authorise::require(scope, request, next)
                },
            )),
        };
        (self.path, route)
    }

    /// The operation as OpenAPI writes it.
    pub fn operation(&self) -> Value {
        let mut parameters: Vec<Value> = path_parameters(self.path)
            .map(|name| {
                json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})
            })
            .collect();
        parameters.extend(self.query.iter().map(|parameter| {
            json!({
                "name": parameter.name,
                "in": "query",
                "description": parameter.about,
                "schema": {"type": parameter.kind},
            })
        }));
        let mut media = serde_json::Map::new();
        media.insert(self.media_type.to_owned(), json!({"schema": self.answer}));
        let mut operation = json!({
            "operationId": self.operation_id(),
            "summary": self.summary,
            "tags": [self.tag()],
            "parameters": parameters,
            "responses": {
                "200": {"description": "Done", "content": media},
                "default": {"$ref": "#/components/responses/Error"},
            },
        });
        if let Some(body) = &self.body {
            operation["requestBody"] =
                json!({"required": true, "content": {"application/json": {"schema": body}}});
        }
        operation["security"] = match self.scope {
            None => json!([]),
            Some(scope) => json!([{"key": [format!("{scope:?}").to_lowercase()]}]),
        };
        operation
    }

    fn operation_id(&self) -> String {
        let words: Vec<_> = self
            .path
            .split(|letter: char| !letter.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        format!("{}_{}", self.verb.name(), words.join("_"))
    }

    /// The part of the path after the version: what the operation is about.
    fn tag(&self) -> &'static str {
        let mut parts = self.path.split('/').filter(|part| !part.is_empty());
        match parts.next() {
            Some("v1") => parts.next().unwrap_or("v1"),
            _ => "operations",
        }
    }
}

fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}
