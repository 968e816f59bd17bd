use schemars::JsonSchema;
use serde::Deserialize;
use shop::OfferCommand;
use store::Snapshot;

use super::access::check_approval;
use super::{Action, Refusal, Refused, Session, Tool};

/// How many.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    points: i64,
}

/// Precondition: somebody is signed in and spends at least one point; the
/// ledger says whether they have it.
pub(super) fn plan(
    _snapshot: &Snapshot,
    session: Session<'_>,
    arguments: Arguments,
) -> Result<Vec<Action>, Refusal> {
    let customer = session.signed_in()?;
    check_approval(session.rule(Tool::SpendPoints)?, None)?;
    if arguments.points < 1 {
        return Err(Refusal::new(Refused::Arguments, "points: at least 1"));
    }
    Ok(vec![Action::Offer {
        command: OfferCommand::SpendPoints {
            key: session.key.clone(),
            customer_id: customer.clone(),
            points: arguments.points,
        },
    }])
}
