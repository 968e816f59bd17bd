use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use shop::Id;
use store::Snapshot;

use super::{Action, Refusal, Session};

/// Nothing is needed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {}

/// Precondition: none. Anybody may look.
pub(super) fn plan(
    snapshot: &Snapshot,
    _session: Session<'_>,
    _arguments: Arguments,
) -> Result<Vec<Action>, Refusal> {
    let types: BTreeMap<&str, &Id> = snapshot
        .catalogue
        .iter()
        .map(|(_, product)| {
            let group = product.group_id.as_ref().unwrap_or(&product.id);
            (product.title.as_str(), group)
        })
        .collect();
    Ok(vec![Action::Tell {
        found: json!({"products": types}),
    }])
}
