//! A shop in memory at which the tools run as they do behind HTTP: planned,
//! proposed, confirmed with a one-time token, and only then carried out.

use serde_json::Value;
use serve::support::tools::{Action, Refusal, Refused, Session, Tool};
use serve::support::{Policy, Proposal, Proposals};
use shop::{Id, Timestamp};
use store::{Entry, LogEntry, Snapshot};

/// The shop.
pub struct Desk {
    /// As it stands now.
    pub snapshot: Snapshot,
    /// Its rules.
    pub policy: Policy,
    proposals: Proposals,
    calls: u64,
}

impl Desk {
    /// A desk at a shop.
    pub fn new(snapshot: Snapshot) -> Self {
        Self {
            snapshot,
            policy: Policy::default(),
            proposals: Proposals::default(),
            calls: 0,
        }
    }

    /// The same moment for everything: the databases hold no time.
    pub fn now() -> Timestamp {
        super::database::NOW
    }

    fn key(&mut self) -> Result<Id, Refusal> {
        self.calls += 1;
        Id::new(&format!("call-{}", self.calls))
            .map_err(|error| Refusal::new(Refused::Records, error.to_string()))
    }

    /// A look-up for whoever is signed in.
    pub fn look(
        &mut self,
        tool: Tool,
        customer: Option<&Id>,
        arguments: &Value,
    ) -> Result<Vec<Action>, Refusal> {
        let key = self.key()?;
        let session = Session {
            customer,
            policy: &self.policy,
            now: Self::now(),
            key: &key,
        };
        tool.plan(&self.snapshot, session, arguments)
    }

    /// Proposes a write; the token that confirms it.
    pub fn propose(
        &mut self,
        tool: Tool,
        customer: Option<&Id>,
        arguments: &Value,
    ) -> Result<String, Refusal> {
        let key = self.key()?;
        let session = Session {
            customer,
            policy: &self.policy,
            now: Self::now(),
            key: &key,
        };
        let proposal = Proposal::make(tool, arguments.clone(), &self.snapshot, session)?;
        let token = format!("token-{}", self.calls);
        self.proposals.keep(token.clone(), proposal);
        Ok(token)
    }

    /// The customer confirms; what was done.
    pub fn confirm(&mut self, token: &str, customer: Option<&Id>) -> Result<Vec<Action>, Refusal> {
        let proposal = self.proposals.of(token, customer)?;
        let actions = proposal.confirmed(&self.snapshot, &self.policy, Self::now())?;
        let first = self.snapshot.sequence + 1;
        let entries: Vec<LogEntry> = (first..)
            .zip(actions.iter().filter_map(Action::record))
            .map(|(sequence, record)| LogEntry {
                sequence,
                id: sequence.to_string(),
                entry: Entry::Record(record),
            })
            .collect();
        self.snapshot.extend(&entries);
        self.proposals.done(token);
        Ok(actions)
    }
}
