use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use shop::{Customer, Id};
use store::Snapshot;

use super::access::own_customer;
use super::{Action, Refusal, Refused, Session};

/// How somebody says who they are: by mail address, or by name and postcode.
/// It is held against the account that is signed in and finds no other.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    first_name: Option<String>,
    #[serde(default)]
    last_name: Option<String>,
    #[serde(default)]
    zip: Option<String>,
}

/// Precondition: somebody is signed in, and what they say about themselves is
/// what the account says.
pub(super) fn plan(
    snapshot: &Snapshot,
    session: Session<'_>,
    arguments: Arguments,
) -> Result<Vec<Action>, Refusal> {
    let customer = own_customer(snapshot, session)?;
    if !is_meant(customer, &arguments)? {
        return Err(Refusal::new(
            Refused::NotYours,
            "this is not what the account that is signed in says about its owner",
        ));
    }
    let id: &Id = &customer.id;
    Ok(vec![Action::Tell {
        found: json!({"customer": id}),
    }])
}

fn is_meant(customer: &Customer, said: &Arguments) -> Result<bool, Refusal> {
    let folded = |text: &str| text.trim().to_lowercase();
    if let Some(email) = &said.email {
        let known = customer.email.as_deref().map(folded);
        return Ok(known == Some(folded(email)));
    }
    let (Some(first), Some(last), Some(zip)) = (&said.first_name, &said.last_name, &said.zip)
    else {
        return Err(Refusal::new(
            Refused::Arguments,
            "give email, or first_name, last_name and zip",
        ));
    };
    let name = format!("{} {}", folded(first), folded(last));
    let lives = customer.address()?.map(|address| address.zip);
    Ok(customer.name.as_deref().map(folded) == Some(name) && lives.as_ref() == Some(zip))
}
