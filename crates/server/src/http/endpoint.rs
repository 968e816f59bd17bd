//! One row for each route: the router, the scopes and the OpenAPI document all
//! come from the same rows, so that they cannot disagree. What a route takes is
//! read off the arguments of its handler.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::HeaderMap;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodFilter, MethodRouter, on};
use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::authorise::{self, Caller, Identity};
use super::extract::{JsonBody, Named, Query};
use super::language::AcceptedLanguage;
use super::schema::shape;
use super::{hooks, idempotency, media_type};
use crate::app::App;
use crate::config::Scope;

/// The methods in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Verb {
    Get,
    Post,
    Put,
    Delete,
}

impl Verb {
    /// As OpenAPI writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Delete => "delete",
        }
    }

    fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

/// What a handler takes from a request, as the description says it.
#[derive(Debug)]
pub struct Taken<'a> {
    /// Where the schemas of requests are collected.
    pub schemas: &'a mut SchemaGenerator,
    /// What the path names.
    pub path: Option<Schema>,
    /// The parameters of the query string.
    pub query: Vec<Value>,
    /// The body.
    pub body: Option<Value>,
}

impl Taken<'_> {
    fn schema<T: JsonSchema>(&mut self) -> Schema {
        let mut schema = self.schemas.subschema_for::<T>();
        for transform in self.schemas.transforms_mut() {
            transform.transform(&mut schema);
        }
        schema
    }
}

/// An argument of a handler.
pub trait Input {
    /// Notes what it takes from a request.
    fn describe(_taken: &mut Taken<'_>) {}
}

impl Input for State<Arc<App>> {}
impl Input for Extension<Caller> {}
impl Input for Extension<Identity> {}
impl Input for HeaderMap {}
impl Input for AcceptedLanguage {}

impl Input for Body {
    fn describe(taken: &mut Taken<'_>) {
        let schema = json!({"type": "string", "format": "binary"});
        taken.body = Some(
            json!({"required": false, "content": {"application/octet-stream": {"schema": schema}}}),
        );
    }
}

impl<T: JsonSchema + DeserializeOwned + 'static> Input for JsonBody<T> {
    fn describe(taken: &mut Taken<'_>) {
        let shape = shape::<T>();
        let example = shape.whole_example();
        // Without a body it is read as an empty object.
        let required = shape.check(&json!({}), "").is_err();
        let media = json!({"schema": taken.schema::<T>(), "example": example});
        taken.body = Some(json!({"required": required, "content": {"application/json": media}}));
    }
}

impl<T: JsonSchema + DeserializeOwned + 'static> Input for Query<T> {
    fn describe(taken: &mut Taken<'_>) {
        let shape = shape::<T>();
        for (name, schema) in shape.fields() {
            let parameter = shape.as_parameter(&schema);
            let mut described = json!({
                "name": name,
                "in": "query",
                "required": shape.requires(&name),
                "schema": parameter,
            });
            if let Some(about) = schema.get("description") {
                described["description"] = about.clone();
            }
            if parameter["type"] == "array" {
                described["explode"] = json!(false);
            }
            taken.query.push(described);
        }
    }
}

impl<T: JsonSchema + DeserializeOwned + 'static> Input for Named<T> {
    fn describe(taken: &mut Taken<'_>) {
        let shape = shape::<T>();
        taken.path = Schema::try_from(shape.as_parameter(shape.root())).ok();
    }
}

/// The arguments of a handler, as axum counts them.
pub trait Inputs {
    /// Notes what they take from a request.
    fn describe(taken: &mut Taken<'_>);
}

impl Inputs for ((),) {
    fn describe(_taken: &mut Taken<'_>) {}
}

impl<M, A: Input> Inputs for (M, A) {
    fn describe(taken: &mut Taken<'_>) {
        A::describe(taken);
    }
}

impl<M, A: Input, B: Input> Inputs for (M, A, B) {
    fn describe(taken: &mut Taken<'_>) {
        <(M, A)>::describe(taken);
        B::describe(taken);
    }
}

impl<M, A: Input, B: Input, C: Input> Inputs for (M, A, B, C) {
    fn describe(taken: &mut Taken<'_>) {
        <(M, A, B)>::describe(taken);
        C::describe(taken);
    }
}

impl<M, A: Input, B: Input, C: Input, D: Input> Inputs for (M, A, B, C, D) {
    fn describe(taken: &mut Taken<'_>) {
        <(M, A, B, C)>::describe(taken);
        D::describe(taken);
    }
}

impl<M, A: Input, B: Input, C: Input, D: Input, E: Input> Inputs for (M, A, B, C, D, E) {
    fn describe(taken: &mut Taken<'_>) {
        <(M, A, B, C, D)>::describe(taken);
        E::describe(taken);
    }
}

/// Makes the schema of an answer.
type AnswerSchema = fn(&mut SchemaGenerator) -> Schema;

/// A route with all that is said about it.
pub struct Endpoint {
    /// The method.
    pub verb: Verb,
    /// The path, with `{name}` for what varies.
    pub path: &'static str,
    /// What a caller needs; `None` lets everybody in.
    pub scope: Option<Scope>,
    /// What it does.
    pub summary: &'static str,
    /// What the handler takes.
    pub inputs: fn(&mut Taken<'_>),
    /// What it answers.
    pub answer: AnswerSchema,
    /// As what.
    pub media_type: &'static str,
    /// Whether it answers with a stream of events to who asks for one.
    pub streams: bool,
    /// With which status.
    pub status: u16,
    /// Whether it answers 201 where there was nothing before.
    pub creates: bool,
    route: MethodRouter<Arc<App>, Infallible>,
}

impl Endpoint {
    fn new<H: Handler<T, Arc<App>>, T: Inputs + 'static>(
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
            inputs: T::describe,
            answer: |_| schemars::json_schema!({"type": "object"}),
            media_type: "application/json",
            streams: false,
            status: 200,
            creates: false,
            route: on(verb.filter(), handler),
        }
    }

    /// A route that reads.
    pub fn get<H: Handler<T, Arc<App>>, T: Inputs + 'static>(
        path: &'static str,
        scope: Option<Scope>,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Verb::Get, path, scope, summary, handler)
    }

    /// A route that takes a body.
    pub fn post<H: Handler<T, Arc<App>>, T: Inputs + 'static>(
        path: &'static str,
        scope: Option<Scope>,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Verb::Post, path, scope, summary, handler)
    }

    /// A route that puts something in its place.
    pub fn put<H: Handler<T, Arc<App>>, T: Inputs + 'static>(
        path: &'static str,
        scope: Option<Scope>,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Verb::Put, path, scope, summary, handler)
    }

    /// A route that removes.
    pub fn delete<H: Handler<T, Arc<App>>, T: Inputs + 'static>(
        path: &'static str,
        scope: Option<Scope>,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Verb::Delete, path, scope, summary, handler)
    }

    /// Answers with a `T`.
    pub fn answers<T: JsonSchema>(mut self) -> Self {
        self.answer = |schemas| schemas.subschema_for::<T>();
        self
    }

    /// Answers with this status where all is well.
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Answers with something other than JSON.
    pub fn media_type(mut self, media_type: &'static str) -> Self {
        self.media_type = media_type;
        self
    }

    /// Streams server-sent events to who asks for them.
    pub fn or_streams(mut self) -> Self {
        self.streams = true;
        self
    }

    /// Answers with 201 where there was nothing before.
    pub fn or_creates(mut self) -> Self {
        self.creates = true;
        self
    }

    /// Whether it changes something.
    pub fn writes(&self) -> bool {
        self.verb != Verb::Get
    }

    /// The handler behind the check of its scope, and behind that of what its
    /// body is called; a write is answered again where it was answered before.
    pub fn into_route(self, app: &Arc<App>) -> (&'static str, MethodRouter<Arc<App>>) {
        let writes = self.writes();
        let mut route = self.route;
        if writes {
            route = route.layer(from_fn_with_state(app.clone(), idempotency::replay));
        }
        // A file is anything, and of a webhook the signature says that no page sent it.
        if !self.path.starts_with("/v1/import/") && !self.path.starts_with(hooks::PATH) {
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

    /// The name of the operation: `get_v1_tasks_id`.
    pub fn operation_id(&self) -> String {
        let words: Vec<_> = self
            .path
            .split(|letter: char| !letter.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        format!("{}_{}", self.verb.name(), words.join("_"))
    }

    /// The part of the path after the version: what the operation is about.
    pub fn tag(&self) -> &'static str {
        let mut parts = self.path.split('/').filter(|part| !part.is_empty());
        match parts.next() {
            Some("v1") => parts.next().unwrap_or("v1"),
            _ => "operations",
        }
    }

    /// What the path leaves open.
    pub fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }
}
