use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use store::Snapshot;

use super::access::own_order;
use super::{Action, Refusal, Session};

/// Which order.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    order: String,
}

/// Precondition: the order belongs to whoever is signed in.
pub(super) fn plan(
    snapshot: &Snapshot,
    session: Session<'_>,
    arguments: Arguments,
) -> Result<Vec<Action>, Refusal> {
    let order = own_order(snapshot, session, &arguments.order)?;
    Ok(vec![Action::Tell {
        found: json!({"order": &**order}),
    }])
}
