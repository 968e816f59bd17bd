use schemars::JsonSchema;
use serde::Deserialize;
use shop::Id;
use store::Snapshot;

use super::product_details::described;
use super::{Action, Refusal, Refused, Session};

/// One item: a variant with its own options and price.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    item: Id,
}

/// Precondition: the catalogue has it. Anybody may look.
pub(super) fn plan(
    snapshot: &Snapshot,
    _session: Session<'_>,
    arguments: Arguments,
) -> Result<Vec<Action>, Refusal> {
    let item = &arguments.item;
    let product = snapshot.catalogue.by_id(item).ok_or_else(|| {
        Refusal::new(
            Refused::Arguments,
            format!("the catalogue has no item {item}"),
        )
    })?;
    Ok(vec![Action::Tell {
        found: described(product),
    }])
}
