//! A write that waits for the customer's own word. It is made outside the
//! model: the program shows what would change and hands out a token that is
//! good once; whoever brings it back has to be the same customer, in time,
//! and everything that the plan rests on has to stand as it did.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shop::{Id, Timestamp};
use store::Snapshot;

use super::policy::Policy;
use super::tools::{Action, Change, Refusal, Refused, Session, Tool, changes, digest};

/// What would be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// With which tool.
    pub tool: Tool,
    /// With which arguments.
    pub arguments: Value,
    /// For whom.
    pub customer: Id,
    /// Names it in the ledger and in the audit log.
    pub key: Id,
    /// What would change, field by field.
    pub changes: Vec<Change>,
    /// Void from this moment.
    pub expires: Timestamp,
    /// In which conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<Id>,
    /// The answer that proposed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Id>,
    /// Of the plan: it has to come out the same when it is carried out.
    digest: u64,
}

const SECONDS_A_MINUTE: i64 = 60;

impl Proposal {
    /// Plans a write for whoever is signed in.
    pub fn make(
        tool: Tool,
        arguments: Value,
        snapshot: &Snapshot,
        session: Session<'_>,
    ) -> Result<Self, Refusal> {
        let customer = session.signed_in()?.clone();
        let actions = tool.plan(snapshot, session, &arguments)?;
        if !actions.iter().any(Action::writes) {
            return Err(Refusal::new(
                Refused::Arguments,
                format!("{} changes nothing that could be confirmed", tool.name()),
            ));
        }
        let minutes = i64::from(session.policy.limits.confirm_within_minutes);
        Ok(Self {
            tool,
            arguments,
            customer,
            key: session.key.clone(),
            changes: changes(&actions, snapshot),
            expires: session.now.plus_seconds(minutes * SECONDS_A_MINUTE),
            conversation: None,
            decision: None,
            digest: digest(&actions),
        })
    }

    /// What is to be done now that the customer has confirmed it. Planned
    /// again: the shop may have moved on since.
    pub fn confirmed(
        &self,
        snapshot: &Snapshot,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Vec<Action>, Refusal> {
        if now >= self.expires {
            return Err(Refusal::new(
                Refused::NotConfirmed,
                "this was not confirmed in time: ask for it again",
            ));
        }
        let session = Session {
            customer: Some(&self.customer),
            policy,
            now,
            key: &self.key,
        };
        let actions = self.tool.plan(snapshot, session, &self.arguments)?;
        if digest(&actions) != self.digest {
            return Err(Refusal::new(
                Refused::NotConfirmed,
                "something changed since this was proposed: ask for it again",
            ));
        }
        Ok(actions)
    }
}

/// A proposal by its token: open, or carried out already.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Open {
    Waiting(Proposal),
    Done(Proposal),
}

/// The proposals that wait, by the digest of their tokens: who reads this
/// memory finds no token in it.
#[derive(Debug, Default)]
pub struct Proposals {
    open: BTreeMap<String, Open>,
}

/// So many are kept; the ones that expire first are forgotten first.
const MOST: usize = 10_000;

impl Proposals {
    /// Keeps a proposal under its token's digest.
    pub fn keep(&mut self, token_digest: String, proposal: Proposal) {
        if self.open.len() >= MOST {
            let expires = |open: &Open| match open {
                Open::Waiting(proposal) | Open::Done(proposal) => proposal.expires,
            };
            let first = self.open.iter().min_by_key(|(_, open)| expires(open));
            if let Some(first) = first.map(|(token, _)| token.clone()) {
                self.open.remove(&first);
            }
        }
        self.open.insert(token_digest, Open::Waiting(proposal));
    }

    /// The proposal of this token for this customer. A token that somebody
    /// else brings is as good as none; one that was used is refused.
    pub fn of(&self, token_digest: &str, customer: Option<&Id>) -> Result<&Proposal, Refusal> {
        let unknown = || {
            Refusal::new(
                Refused::NotConfirmed,
                "nothing waits for this token under the account that is signed in",
            )
        };
        match self.open.get(token_digest) {
            Some(Open::Waiting(proposal)) if Some(&proposal.customer) == customer => Ok(proposal),
            Some(Open::Done(proposal)) if Some(&proposal.customer) == customer => {
                Err(Refusal::new(
                    Refused::AlreadyDone,
                    "this was confirmed and done already; nothing was done again",
                ))
            }
            Some(_) | None => Err(unknown()),
        }
    }

    /// Notes that it was carried out.
    pub fn done(&mut self, token_digest: &str) {
        if let Some(open) = self.open.get_mut(token_digest)
            && let Open::Waiting(proposal) = open
        {
            *open = Open::Done(proposal.clone());
        }
    }

    /// The customer does not want it.
    pub fn forget(&mut self, token_digest: &str, customer: Option<&Id>) -> Result<(), Refusal> {
        self.of(token_digest, customer)?;
        self.open.remove(token_digest);
        Ok(())
    }
}
