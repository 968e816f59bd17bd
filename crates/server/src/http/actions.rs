//! The assistant's tools over HTTP: a look-up answers at once, a write becomes
//! a proposal with a one-time token, and only the token makes it happen. All
//! that happens, and all that was refused, is in the audit log.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use serve::support::Proposal;
use serve::support::tools::{Action, Refusal, Refused, Session, Tool};
use shop::{Id, Timestamp};
use store::AuditQuery;

use super::authorise::Identity;
use super::confirmations::{confirm, note_refusal, offered};
use super::customer_token::LONGEST_SECONDS;
use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::events::store_error;
use super::extract::{JsonBody, Named, Query};
use super::idempotency::key_of;
use crate::app::{App, fresh_id, now};
use crate::config::Scope;

type Answered = Result<Json<Value>, ApiError>;

/// How long a customer's token holds unless it is asked for otherwise.
const SIGNED_IN_SECONDS: i64 = 3_600;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            "/v1/customers/{id}/token",
            Some(Scope::Write),
            "A signed token with which this customer's browser speaks for them",
            token,
        )
        .answers::<CustomerToken>(),
        Endpoint::get(
            "/v1/chat/tools",
            Some(Scope::Public),
            "The assistant's tools, and which of them have to be confirmed",
            tools,
        )
        .answers::<Tools>(),
        Endpoint::post(
            "/v1/chat/actions",
            Some(Scope::Public),
            "Calls a tool for the signed-in customer; a write answers with a one-time token",
            call,
        )
        .answers::<Called>(),
        Endpoint::post(
            "/v1/chat/confirm",
            Some(Scope::Public),
            "The customer confirms, or declines, what a one-time token stands for",
            confirm,
        )
        .answers::<Confirmed>(),
        Endpoint::get(
            "/v1/audit",
            Some(Scope::Admin),
            "What was done and refused for customers, newest first",
            audit,
        )
        .answers::<Audit>(),
    ]
}

/// How long a token is to hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct TokenRequest {
    #[schemars(range(min = 1, max = LONGEST_SECONDS))]
    seconds: i64,
}

impl Default for TokenRequest {
    fn default() -> Self {
        Self {
            seconds: SIGNED_IN_SECONDS,
        }
    }
}

/// A token with which a customer's browser speaks for them.
#[derive(Serialize, JsonSchema)]
struct CustomerToken {
    customer: Id,
    /// To be sent as `X-Customer-Token`.
    token: String,
    expires_at: Timestamp,
}

/// The assistant's tools.
#[derive(Serialize, JsonSchema)]
struct Tools {
    tools: Vec<ToolName>,
}

/// A tool, and whether the customer has to confirm it.
#[derive(Serialize, JsonSchema)]
struct ToolName {
    name: &'static str,
    confirm: bool,
}

/// What a call gave: what was found, or a proposal to confirm.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)]
enum Called {
    Found { tool: String, found: Vec<Value> },
    Proposed { proposal: Value },
}

/// Whether it was done.
#[derive(JsonSchema)]
#[allow(dead_code)]
struct Confirmed {
    done: bool,
    /// Whether the customer did not want it.
    #[serde(skip_serializing_if = "Option::is_none")]
    declined: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<String>,
    /// What changed, field by field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Value>,
    /// The line of the audit log.
    #[serde(skip_serializing_if = "Option::is_none")]
    audit_id: Option<Id>,
    /// The answer that proposed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    decision_id: Option<Id>,
}

/// Of what the audit log speaks.
#[derive(Deserialize, JsonSchema)]
#[serde(default)]
struct AuditAsked {
    /// How many lines.
    #[schemars(range(min = 1, max = 1_000))]
    limit: usize,
    /// Of this customer alone.
    customer: Option<Id>,
    /// The `next` of the page before.
    cursor: Option<u64>,
}

impl Default for AuditAsked {
    fn default() -> Self {
        Self {
            limit: 100,
            customer: None,
            cursor: None,
        }
    }
}

/// What was done and refused, newest first.
#[derive(JsonSchema)]
#[allow(dead_code)]
struct Audit {
    audit: Vec<AuditLine>,
    /// The cursor of the next page, where there may be one.
    next: Option<u64>,
}

/// What was done, or refused, for a customer.
#[derive(JsonSchema)]
#[allow(dead_code)]
struct AuditLine {
    id: Id,
    time: Timestamp,
    customer: Option<Id>,
    /// The conversation and the answer that proposed it.
    conversation: Option<Id>,
    decision: Option<Id>,
    tool: Value,
    arguments: Value,
    outcome: Value,
}

async fn token(
    State(app): State<Arc<App>>,
    Named(customer): Named<Id>,
    JsonBody(TokenRequest { seconds }): JsonBody<TokenRequest>,
) -> Json<CustomerToken> {
    let issued = now();
    let expires_at = issued.plus_seconds(seconds);
    let token = app.gate.signer.sign(&customer, issued, expires_at);
    Json(CustomerToken {
        customer,
        token,
        expires_at,
    })
}

async fn tools() -> Json<Tools> {
    let tools = Tool::ALL.iter().map(|tool| ToolName {
        name: tool.name(),
        confirm: tool.writes(),
    });
    Json(Tools {
        tools: tools.collect(),
    })
}

/// A call of one of the assistant's tools.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ToolCall")]
struct CallRequest {
    #[schemars(extend("enum" = Tool::ALL.map(|tool| tool.name())))]
    tool: String,
    #[serde(default)]
    arguments: Option<Value>,
    #[serde(default)]
    customer: Option<Id>,
    #[serde(default)]
    conversation: Option<Id>,
}

async fn call(
    State(app): State<Arc<App>>,
    Extension(identity): Extension<Identity>,
    headers: HeaderMap,
    JsonBody(request): JsonBody<CallRequest>,
) -> Answered {
    let customer = identity.caller.speaks_for(request.customer.as_ref())?;
    let tool = Tool::from_name(&request.tool)
        .ok_or_else(|| ApiError::field("tool", format!("there is no tool {:?}", request.tool)))?;
    let counters = identity.message_counters(customer.as_ref(), None);
    app.usage.message(counters, 0, now())?;
    let arguments = request.arguments.unwrap_or_else(|| json!({}));
    let key = key_of(&headers)?.unwrap_or_else(fresh_id);
    let snapshot = app.snapshot();
    let session = Session {
        customer: customer.as_ref(),
        policy: &app.policy,
        now: now(),
        key: &key,
    };
    if tool.writes() {
        return match Proposal::make(tool, arguments.clone(), &snapshot, session) {
            Ok(mut proposal) => {
                proposal.conversation = request.conversation;
                Ok(Json(json!({"proposal": offered(&app, &proposal).await?})))
            }
            Err(refusal) => {
                note_refusal(&app, customer.as_ref(), tool, &arguments, &refusal).await?;
                Err(refused(&refusal))
            }
        };
    }
    let actions = tool
        .plan(&snapshot, session, &arguments)
        .map_err(|refusal| refused(&refusal))?;
    let mut found = Vec::new();
    for action in actions {
        found.push(match action {
            Action::Tell { found } => found,
            Action::ReadPoints { customer } => {
                let points = app.store.points(&customer).await.map_err(store_error)?;
                json!({"points": points})
            }
            Action::HandOver { summary } => json!({"handoff": summary}),
            Action::PutOrder { .. } | Action::PutCustomer { .. } | Action::Offer { .. } => {
                return Err(ApiError::internal("a look-up planned a write"));
            }
        });
    }
    Ok(Json(json!({"tool": tool, "found": found})))
}

/// A tool's refusal as an answer.
pub fn refused(refusal: &Refusal) -> ApiError {
    let code = match refusal.reason {
        Refused::SignIn => Code::CustomerNotVerified,
        Refused::NotConfirmed => Code::NotConfirmed,
        Refused::AlreadyDone => Code::AlreadyDone,
        Refused::Arguments
        | Refused::NotYours
        | Refused::Policy
        | Refused::State
        | Refused::Payment
        | Refused::NothingToChange
        | Refused::NeedsPerson
        | Refused::Records => Code::ActionRefused,
    };
    ApiError {
        param: json!(refusal.reason).as_str().map(str::to_owned),
        ..ApiError::new(code, refusal.message.clone())
    }
}

async fn audit(
    State(app): State<Arc<App>>,
    Query(AuditAsked {
        limit,
        customer,
        cursor,
    }): Query<AuditAsked>,
) -> Answered {
    let query = AuditQuery {
        customer,
        before: cursor,
        limit,
    };
    let lines = app.store.audit(&query).await.map_err(store_error)?;
    let next = lines.last().filter(|_| lines.len() == limit);
    let next = next.map(|(place, _)| *place);
    let lines: Vec<Value> = lines
        .iter()
        .map(|(_, line)| {
            json!({
                "id": line.id,
                "time": line.time,
                "customer": line.customer_id,
                "conversation": line.conversation_id,
                "decision": line.decision_id,
                "tool": line.tool,
                "arguments": line.arguments,
                "outcome": line.outcome,
            })
        })
        .collect();
    Ok(Json(json!({"audit": lines, "next": next})))
}
