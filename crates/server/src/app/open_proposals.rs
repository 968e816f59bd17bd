//! Writes that wait for a customer's confirmation are in the log, so that a
//! restart between proposing and confirming costs the customer nothing. Only
//! the digest of the token is written down.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use serve::support::{Proposal, Proposals};
use shop::{DecisionRecord, Id, Service, Timestamp};
use store::Snapshot;

use super::{decision_record, fresh_id, now};

const OPEN: &str = "open_proposal";
const DECLINED: &str = "declined_proposal";

/// The line of the log that keeps a proposal.
pub fn opened(token_digest: &str, proposal: &Proposal) -> DecisionRecord {
    let mut line = decision_record(fresh_id(), now(), Service::Support);
    line.customer_id = Some(proposal.customer.clone());
    line.explanation = json!({OPEN: {"token_digest": token_digest, "proposal": proposal}});
    line
}

/// The line of the log that says that the customer does not want it.
pub fn declined(token_digest: &str, customer: Option<&Id>) -> DecisionRecord {
    let mut line = decision_record(fresh_id(), now(), Service::Support);
    line.customer_id = customer.cloned();
    line.explanation = json!({DECLINED: token_digest});
    line
}

/// The proposals that wait after a restart; those carried out are known as
/// such, so that their tokens are refused as used.
pub fn restored(snapshot: &Snapshot, now: Timestamp) -> Proposals {
    let lines = || snapshot.decisions.values().map(|line| &line.explanation);
    let declined: BTreeSet<&str> = lines()
        .filter_map(|explanation| explanation[DECLINED].as_str())
        .collect();
    let done: BTreeSet<&str> = lines()
        .filter(|explanation| explanation["audit"]["outcome"]["done"] == Value::Bool(true))
        .filter_map(|explanation| explanation["audit"]["outcome"]["key"].as_str())
        .collect();
    let mut proposals = Proposals::default();
    for explanation in lines() {
        let open = &explanation[OPEN];
        let Some(token) = open["token_digest"].as_str() else {
            continue;
        };
        let Ok(proposal) = serde_json::from_value::<Proposal>(open["proposal"].clone()) else {
            tracing::warn!("a proposal of another version of the program is forgotten");
            continue;
        };
        if proposal.expires <= now || declined.contains(token) {
            continue;
        }
        let is_done = done.contains(proposal.key.as_str());
        proposals.keep(token.to_owned(), proposal);
        if is_done {
            proposals.done(token);
        }
    }
    proposals
}
