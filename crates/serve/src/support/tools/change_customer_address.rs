use schemars::JsonSchema;
use serde::Deserialize;
use shop::{Address, Id};
use store::Snapshot;

use super::access::{check_approval, own_customer};
use super::{Action, Refusal, Refused, Session, Tool};

/// The address; whose it is is who is signed in.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    #[serde(default)]
    customer: Option<Id>,
    address: Address,
}

/// The longest part of an address, in characters.
const LONGEST_PART: usize = 200;

/// Whether an address can be delivered to, as far as its shape tells.
pub(super) fn check_address(address: &Address) -> Result<(), Refusal> {
    for (name, part) in [
        ("address1", &address.address1),
        ("city", &address.city),
        ("zip", &address.zip),
    ] {
        if part.trim().is_empty() {
            return Err(Refusal::new(
                Refused::Arguments,
                format!("{name}: empty, and an address needs it"),
            ));
        }
    }
    let parts = [
        &address.address1,
        &address.address2,
        &address.city,
        &address.state,
        &address.country,
        &address.zip,
    ];
    if parts
        .iter()
        .any(|part| part.chars().count() > LONGEST_PART || part.chars().any(char::is_control))
    {
        return Err(Refusal::new(
            Refused::Arguments,
            format!("a part of the address is longer than {LONGEST_PART} characters or no text"),
        ));
    }
    Ok(())
}

/// Precondition: whoever is signed in has an account, and lives elsewhere so
/// far.
pub(super) fn plan(
    snapshot: &Snapshot,
    session: Session<'_>,
    arguments: Arguments,
) -> Result<Vec<Action>, Refusal> {
    let rule = session.rule(Tool::ChangeCustomerAddress)?;
    session.agrees(arguments.customer.as_ref())?;
    let customer = own_customer(snapshot, session)?;
    check_address(&arguments.address)?;
    check_approval(rule, None)?;
    if customer.address().ok().flatten().as_ref() == Some(&arguments.address) {
        return Err(Refusal::new(
            Refused::NothingToChange,
            "this is the address of the account already",
        ));
    }
    let mut changed = (**customer).clone();
    changed.set_address(&arguments.address);
    Ok(vec![Action::PutCustomer {
        customer: Box::new(changed),
    }])
}
