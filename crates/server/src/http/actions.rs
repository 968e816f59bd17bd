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
use serve::support::tools::{Action, Refusal, Refused, Session, Tool};
use serve::support::{Proposal, ToolRun};
use shop::{Answer, DecisionRecord, Id, Role, Service, Timestamp};
use store::{Entry, NewEntry};

use super::authorise::{Caller, Identity};
use super::conversations::{Turn, continued};
use super::customer_token::{LONGEST_SECONDS, digest, one_time};
use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::events::store_error;
use super::extract::{JsonBody, Named, Query};
use super::idempotency::key_of;
use crate::app::{App, decision_record, fresh_id, now, open_proposals};
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
}

impl Default for AuditAsked {
    fn default() -> Self {
        Self {
            limit: 100,
            customer: None,
        }
    }
}

/// What was done and refused, newest first.
#[derive(JsonSchema)]
#[allow(dead_code)]
struct Audit {
    audit: Vec<AuditLine>,
}

/// What was done, or refused, for a customer.
#[derive(JsonSchema)]
#[allow(dead_code)]
struct AuditLine {
    id: Id,
    time: Timestamp,
    customer: Option<Id>,
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
                Ok(Json(json!({"proposal": offered(&app, proposal)})))
            }
            Err(refusal) => {
                note_refusal(&app, customer, tool, &arguments, &refusal);
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

/// Keeps a proposal and shows it with the token that confirms it.
pub fn offered(app: &App, proposal: Proposal) -> Value {
    let token = one_time();
    let shown = json!({
        "tool": proposal.tool,
        "arguments": proposal.arguments,
        "changes": proposal.changes,
        "expires_at": proposal.expires,
        "token": token,
        "confirm": "/v1/chat/confirm",
    });
    let digest = digest(&token);
    // A full log loses it and counts that; it waits in memory all the same.
    if let Some(place) = app.reserve_decision() {
        place.record(open_proposals::opened(&digest, &proposal));
    }
    app.proposals().keep(digest, proposal);
    shown
}

/// The customer's word on a proposal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ConfirmRequest {
    /// The one-time token of the proposal.
    token: String,
    #[serde(default)]
    customer: Option<Id>,
    /// `false` declines.
    #[serde(default)]
    accept: Option<bool>,
}

async fn confirm(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    JsonBody(request): JsonBody<ConfirmRequest>,
) -> Answered {
    let customer = caller.speaks_for(request.customer.as_ref())?;
    let token = digest(&request.token);
    if request.accept == Some(false) {
        app.proposals()
            .forget(&token, customer.as_ref())
            .map_err(|refusal| refused(&refusal))?;
        if let Some(place) = app.reserve_decision() {
            place.record(open_proposals::declined(&token, customer.as_ref()));
        }
        return Ok(Json(json!({"done": false, "declined": true})));
    }
    let Some(owner) = customer.clone() else {
        return Err(refused(&Refusal::new(Refused::SignIn, "sign in first")));
    };
    // One after the other for each customer: what the plan rests on stands
    // still until it is in the log.
    let _held = app.lock_conversation(&owner).await;
    let waiting = app.proposals().of(&token, customer.as_ref()).cloned();
    let proposal = waiting.map_err(|refusal| refused(&refusal))?;
    app.usage
        .write(&owner, app.policy.limits.confirmed_writes_per_day, now())?;
    let planned = proposal.confirmed(&app.snapshot(), &app.policy, now());
    let actions = planned.map_err(|refusal| {
        note_refusal(&app, customer, proposal.tool, &proposal.arguments, &refusal);
        refused(&refusal)
    })?;
    let decision = carry_out(&app, &proposal, &actions).await?;
    app.proposals().done(&token);
    note_in_conversation(&app, &proposal).await?;
    Ok(Json(json!({
        "done": true,
        "tool": proposal.tool,
        "changes": proposal.changes,
        "decision_id": decision,
    })))
}

/// Does what was confirmed: the changed records and the line of the audit log
/// are one commit.
async fn carry_out(app: &App, proposal: &Proposal, actions: &[Action]) -> Result<Id, ApiError> {
    for action in actions {
        if let Action::Offer { command } = action {
            let outcome = app
                .store
                .decide(command.clone(), now(), growth::decide)
                .await;
            if let Answer::Refused(refusal) = outcome.map_err(store_error)?.answer {
                return Err(ApiError::new(
                    Code::OfferRefused(refusal.code),
                    refusal.message,
                ));
            }
        }
    }
    let decision = audit_line(
        Some(&proposal.customer),
        proposal.tool,
        &proposal.arguments,
        json!({"done": true, "key": proposal.key, "changes": proposal.changes}),
    );
    let id = decision.id.clone();
    let mut entries: Vec<NewEntry> = actions
        .iter()
        .filter_map(Action::record)
        .map(NewEntry::from)
        .collect();
    entries.push(NewEntry {
        id: Some(id.clone()),
        entry: Entry::Decision(decision),
    });
    app.store.append(entries).await.map_err(store_error)?;
    Ok(id)
}

fn audit_line(
    customer: Option<&Id>,
    tool: Tool,
    arguments: &Value,
    outcome: Value,
) -> DecisionRecord {
    let mut decision = decision_record(fresh_id(), now(), Service::Support);
    decision.customer_id = customer.cloned();
    decision.explanation = json!({
        "audit": {"tool": tool, "arguments": arguments, "outcome": outcome},
    });
    decision
}

/// What was refused is written down too; a full log loses it and counts that.
fn note_refusal(app: &App, customer: Option<Id>, tool: Tool, arguments: &Value, refusal: &Refusal) {
    if let Some(place) = app.reserve_decision() {
        let outcome = json!({"refused": refusal.reason, "message": refusal.message});
        place.record(audit_line(customer.as_ref(), tool, arguments, outcome));
    }
}

/// The conversation knows what was done, so that a person who reads it does.
async fn note_in_conversation(app: &App, proposal: &Proposal) -> Result<(), ApiError> {
    let Some(id) = &proposal.conversation else {
        return Ok(());
    };
    let before = app.snapshot().conversations.get(id).cloned();
    if before.is_none() {
        return Ok(());
    }
    let run = ToolRun {
        tool: proposal.tool.name().to_owned(),
        arguments: proposal.arguments.clone(),
        result: json!({"done": true, "changes": proposal.changes}),
    };
    let turn = Turn {
        role: Role::Tool,
        text: json!(run).to_string(),
        decision_id: None,
    };
    let entries = continued(
        before.as_deref(),
        id,
        Some(&proposal.customer),
        None,
        vec![turn],
        now(),
    );
    app.store.append(entries).await.map_err(store_error)?;
    Ok(())
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
    Query(AuditAsked { limit, customer }): Query<AuditAsked>,
) -> Answered {
    app.flush().await;
    let snapshot = app.snapshot();
    let mut lines: Vec<(Timestamp, &Arc<DecisionRecord>)> = snapshot
        .decisions
        .values()
        .filter(|decision| !decision.explanation["audit"].is_null())
        .filter(|decision| customer.is_none() || decision.customer_id == customer)
        .map(|decision| (decision.time, decision))
        .collect();
    lines.sort_by(|one, other| (other.0, &other.1.id).cmp(&(one.0, &one.1.id)));
    let lines: Vec<Value> = lines
        .into_iter()
        .take(limit)
        .map(|(time, decision)| {
            json!({
                "id": decision.id,
                "time": time,
                "customer": decision.customer_id,
                "tool": decision.explanation["audit"]["tool"],
                "arguments": decision.explanation["audit"]["arguments"],
                "outcome": decision.explanation["audit"]["outcome"],
            })
        })
        .collect();
    Ok(Json(json!({"audit": lines})))
}
