use schemars::JsonSchema;
use serde::Deserialize;
use store::Snapshot;

use super::{Action, Refusal, Session};

/// Nothing is needed; whose points is who is signed in.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {}

/// Precondition: somebody is signed in.
pub(super) fn plan(
    _snapshot: &Snapshot,
    session: Session<'_>,
    _arguments: Arguments,
) -> Result<Vec<Action>, Refusal> {
    let customer = session.signed_in()?.clone();
    Ok(vec![Action::ReadPoints { customer }])
}
