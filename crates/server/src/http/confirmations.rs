//! What the assistant proposes waits in the log for the customer's word, by
//! the digest of a one-time token. A confirmation plans again on the records
//! as they stand; the changed records, the commands to the ledger, the line of
//! the audit log and the note in the conversation are one commit, which holds
//! only while those records stand as the plan read them.

use axum::extract::State;
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use serve::support::tools::{Action, Refusal, Refused, Tool};
use serve::support::{Proposal, ToolRun};
use shop::{
    AuditRecord, Confirmation, ConfirmationChange, ConfirmationState, Id, Kind, OfferCommand, Role,
};
use std::sync::Arc;
use store::{Commit, Committed, Entry, NewEntry, Precondition, Snapshot, StoreError};

use super::actions::refused;
use super::authorise::Caller;
use super::conversations::{Turn, continued};
use super::customer_token::{digest, one_time};
use super::error::{ApiError, Code};
use super::events::store_error;
use super::extract::JsonBody;
use crate::app::{App, fresh_id, now};

/// So often a write is planned anew when the records change under it.
const TRIES: usize = 4;

/// The log entry that asks for the customer's word, and what they are shown
/// with the token that confirms it. It may be shown once the entry is in the log.
pub fn offer(proposal: &Proposal) -> (NewEntry, Value) {
    let token = one_time();
    let entry = Entry::Confirmation(ConfirmationChange::Requested {
        token_digest: digest(&token),
        customer_id: proposal.customer.clone(),
        time: now(),
        expires: proposal.expires,
        proposal: json!(proposal),
    });
    let shown = json!({
        "tool": proposal.tool,
        "arguments": proposal.arguments,
        "changes": proposal.changes,
        "expires_at": proposal.expires,
        "token": token,
        "confirm": "/v1/chat/confirm",
    });
    (NewEntry { id: None, entry }, shown)
}

/// Keeps a proposal and shows it with the token that confirms it.
pub async fn offered(app: &App, proposal: &Proposal) -> Result<Value, ApiError> {
    let (entry, shown) = offer(proposal);
    app.store.append(vec![entry]).await.map_err(store_error)?;
    Ok(shown)
}

/// The customer's word on a proposal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmRequest {
    /// The one-time token of the proposal.
    token: String,
    #[serde(default)]
    customer: Option<Id>,
    /// `false` declines.
    #[serde(default)]
    accept: Option<bool>,
}

pub(super) async fn confirm(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    JsonBody(request): JsonBody<ConfirmRequest>,
) -> Result<Json<Value>, ApiError> {
    let customer = caller.speaks_for(request.customer.as_ref())?;
    let Some(customer) = customer else {
        return Err(refused(&Refusal::new(Refused::SignIn, "sign in first")));
    };
    let accept = request.accept != Some(false);
    settle(&app, &customer, &request.token, accept)
        .await
        .map(Json)
}

/// Does what a one-time token stands for, or declines it, at the word of the
/// customer to whom it was shown.
///
/// # Errors
/// Where nothing waits for the token under this customer, or what it stands
/// for is not possible any more.
pub async fn settle(
    app: &App,
    customer: &Id,
    token: &str,
    accept: bool,
) -> Result<Value, ApiError> {
    let token = digest(token);
    if !accept {
        waiting(app, &token, customer).await?;
        let declined = ConfirmationChange::Declined {
            token_digest: token.clone(),
            time: now(),
        };
        let entry = NewEntry {
            id: None,
            entry: Entry::Confirmation(declined),
        };
        let requested = Precondition::Requested {
            token_digest: token,
        };
        let appended = app.store.append_if(vec![requested], vec![entry]).await;
        appended.map_err(store_error)?;
        return Ok(json!({"done": false, "declined": true}));
    }
    let proposal = waiting(app, &token, customer).await?;
    app.usage
        .write(customer, app.policy.limits.confirmed_writes_per_day, now())?;
    for _ in 0..TRIES {
        match carry_out(app, &proposal, &token).await {
            Ok(audit) => {
                return Ok(json!({
                    "done": true,
                    "tool": proposal.tool,
                    "changes": proposal.changes,
                    "audit_id": audit,
                    "decision_id": proposal.decision,
                }));
            }
            // Another write came between reading and committing: the next plan
            // rests on what stands now, and is refused where that is not what
            // the customer was shown.
            Err(NotDone::Changed) => {}
            Err(NotDone::Settled) => {
                waiting(app, &token, customer).await?;
            }
            Err(NotDone::Refused(error)) => return Err(error),
        }
    }
    Err(ApiError::new(
        Code::RecordChanged,
        "the records that this rests on keep changing: nothing was done",
    ))
}

/// The proposal that waits for this token from this customer. A token that
/// somebody else brings is as good as none; one that was used is refused.
async fn waiting(app: &App, token_digest: &str, customer: &Id) -> Result<Proposal, ApiError> {
    let unknown = || {
        refused(&Refusal::new(
            Refused::NotConfirmed,
            "nothing waits for this token under the account that is signed in",
        ))
    };
    let confirmation: Option<Confirmation> = app
        .store
        .confirmation(token_digest)
        .await
        .map_err(store_error)?
        .filter(|confirmation| confirmation.customer_id == *customer);
    let confirmation = confirmation.ok_or_else(unknown)?;
    match confirmation.state {
        ConfirmationState::Requested => {
            serde_json::from_value(confirmation.proposal).map_err(|_| {
                refused(&Refusal::new(
                    Refused::NotConfirmed,
                    "another version of the program proposed this: ask for it again",
                ))
            })
        }
        ConfirmationState::Confirmed => Err(refused(&Refusal::new(
            Refused::AlreadyDone,
            "this was confirmed and done already; nothing was done again",
        ))),
        ConfirmationState::Declined => Err(unknown()),
    }
}

/// Why a confirmed write was not carried out.
enum NotDone {
    /// A record that the plan rests on changed meanwhile.
    Changed,
    /// Somebody else brought the same token first.
    Settled,
    Refused(ApiError),
}

/// Plans on what stands now and commits all of it or nothing; the id of the
/// line of the audit log.
async fn carry_out(app: &App, proposal: &Proposal, token: &str) -> Result<Id, NotDone> {
    let snapshot = app.snapshot();
    let actions = match proposal.confirmed(&snapshot, &app.policy, now()) {
        Ok(actions) => actions,
        Err(refusal) => {
            let customer = Some(&proposal.customer);
            note_refusal(app, customer, proposal.tool, &proposal.arguments, &refusal)
                .await
                .map_err(NotDone::Refused)?;
            return Err(NotDone::Refused(refused(&refusal)));
        }
    };
    let outcome = json!({"done": true, "key": proposal.key, "changes": proposal.changes});
    let customer = Some(&proposal.customer);
    let mut line = audit_line(customer, proposal.tool, &proposal.arguments, outcome);
    line.decision_id = proposal.decision.clone();
    line.conversation_id = proposal.conversation.clone();
    let id = line.id.clone();
    let mut preconditions: Vec<Precondition> = actions
        .iter()
        .flat_map(records_of)
        .map(|(kind, id)| Precondition::Unchanged {
            kind,
            id,
            since: snapshot.sequence,
        })
        .collect();
    preconditions.push(Precondition::Requested {
        token_digest: token.to_owned(),
    });
    let records = actions.iter().filter_map(Action::record);
    let mut entries: Vec<NewEntry> = records.map(NewEntry::from).collect();
    entries.push(NewEntry {
        id: Some(id.clone()),
        entry: Entry::Audit(line),
    });
    entries.push(NewEntry {
        id: None,
        entry: Entry::Confirmation(ConfirmationChange::Confirmed {
            token_digest: token.to_owned(),
            time: now(),
        }),
    });
    if let Some((unchanged, noted)) = note_in_conversation(&snapshot, proposal) {
        preconditions.push(unchanged);
        entries.extend(noted);
    }
    let commands = actions.iter().filter_map(|action| match action {
        Action::Offer { command } => Some(command.clone()),
        _ => None,
    });
    let commit = Commit {
        preconditions,
        commands: commands.collect(),
        entries,
        now: now(),
        rules: growth::decide,
    };
    match app.store.commit(commit).await {
        Ok(Committed::Done(_)) => Ok(id),
        Ok(Committed::Refused(refusal)) => Err(NotDone::Refused(ApiError::new(
            Code::OfferRefused(refusal.code),
            refusal.message,
        ))),
        Err(StoreError::Changed { .. }) => Err(NotDone::Changed),
        Err(StoreError::AlreadySettled) => Err(NotDone::Settled),
        Err(error) => Err(NotDone::Refused(store_error(error))),
    }
}

/// The records that an action changes or rests on.
fn records_of(action: &Action) -> Vec<(Kind, Id)> {
    match action {
        Action::PutOrder { order } => vec![
            (Kind::Orders, order.id.clone()),
            (Kind::Customers, order.customer_id.clone()),
        ],
        Action::PutCustomer { customer } => vec![(Kind::Customers, customer.id.clone())],
        Action::Offer { command } => match command {
            OfferCommand::Redeem {
                order_id: Some(order),
                ..
            } => vec![(Kind::Orders, order.clone())],
            _ => Vec::new(),
        },
        Action::Tell { .. } | Action::ReadPoints { .. } | Action::HandOver { .. } => Vec::new(),
    }
}

/// The conversation knows what was done, so that a person who reads it does.
fn note_in_conversation(
    snapshot: &Snapshot,
    proposal: &Proposal,
) -> Option<(Precondition, Vec<NewEntry>)> {
    let id = proposal.conversation.as_ref()?;
    let before = snapshot.conversations.get(id)?;
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
    let customer = Some(&proposal.customer);
    let entries = continued(Some(before), id, customer, None, vec![turn], now());
    let unchanged = Precondition::Unchanged {
        kind: Kind::Conversations,
        id: id.clone(),
        since: snapshot.sequence,
    };
    Some((unchanged, entries))
}

fn audit_line(customer: Option<&Id>, tool: Tool, arguments: &Value, outcome: Value) -> AuditRecord {
    AuditRecord {
        id: fresh_id(),
        time: now(),
        customer_id: customer.cloned(),
        decision_id: None,
        conversation_id: None,
        tool: tool.name().to_owned(),
        arguments: arguments.clone(),
        outcome,
    }
}

/// What was refused is written down too.
pub async fn note_refusal(
    app: &App,
    customer: Option<&Id>,
    tool: Tool,
    arguments: &Value,
    refusal: &Refusal,
) -> Result<(), ApiError> {
    let outcome = json!({"refused": refusal.reason, "message": refusal.message});
    let line = audit_line(customer, tool, arguments, outcome);
    let entry = NewEntry {
        id: Some(line.id.clone()),
        entry: Entry::Audit(line),
    };
    app.store.append(vec![entry]).await.map_err(store_error)?;
    Ok(())
}
