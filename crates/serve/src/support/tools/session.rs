use shop::{Id, Timestamp};

use super::super::policy::{Policy, Rule};
use super::{Refusal, Refused, Tool};

/// Who asks, when, and by which rules. The program fills it from the signed
/// token; nothing that a customer or a model wrote takes part.
#[derive(Debug, Clone, Copy)]
pub struct Session<'a> {
    /// Who is signed in.
    pub customer: Option<&'a Id>,
    /// The shop's rules.
    pub policy: &'a Policy,
    /// The time of the request.
    pub now: Timestamp,
    /// Names this wish in the ledger, so that it is paid once.
    pub key: &'a Id,
}

impl<'a> Session<'a> {
    /// Whoever is signed in, or the refusal to go on without.
    pub fn signed_in(&self) -> Result<&'a Id, Refusal> {
        self.customer.ok_or_else(|| {
            Refusal::new(Refused::SignIn, "sign in first: this belongs to a customer")
        })
    }

    /// The rule of a tool that writes, or the refusal of what has none.
    pub fn rule(&self, tool: Tool) -> Result<&'a Rule, Refusal> {
        self.policy.rule(tool).ok_or_else(|| {
            let name = tool.name();
            Refusal::new(
                Refused::Policy,
                format!("the shop's policy does not allow {name}"),
            )
        })
    }

    /// An argument that names a customer may only name who is signed in.
    pub fn agrees(&self, named: Option<&Id>) -> Result<&'a Id, Refusal> {
        let customer = self.signed_in()?;
        match named {
            Some(named) if named != customer => Err(Refusal::new(
                Refused::NotYours,
                "this belongs to somebody else than the customer who is signed in",
            )),
            _ => Ok(customer),
        }
    }
}
