use schemars::JsonSchema;
use serde::Deserialize;
use shop::Address;
use store::Snapshot;

use super::access::{check_approval, check_order, own_order};
use super::change_customer_address::check_address;
use super::{Action, Refusal, Refused, Session, Tool};

/// Which order, and where it should go.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    order: String,
    address: Address,
}

/// Precondition: the order belongs to whoever is signed in, is in a state that
/// the policy names, and goes somewhere else so far.
pub(super) fn plan(
    snapshot: &Snapshot,
    session: Session<'_>,
    arguments: Arguments,
) -> Result<Vec<Action>, Refusal> {
    let rule = session.rule(Tool::ChangeOrderAddress)?;
    let order = own_order(snapshot, session, &arguments.order)?;
    check_order(rule, order, session)?;
    check_address(&arguments.address)?;
    check_approval(rule, None)?;
    // What an address in one piece says cannot be compared; it is replaced.
    if order.address_parts().ok().flatten().as_ref() == Some(&arguments.address) {
        return Err(Refusal::new(
            Refused::NothingToChange,
            format!("order {} goes to this address already", order.id),
        ));
    }
    let mut changed = (**order).clone();
    changed.set_address(&arguments.address);
    Ok(vec![Action::PutOrder {
        order: Box::new(changed),
    }])
}
