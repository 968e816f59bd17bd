//! What a customer asks to have done becomes proposals; code plans each, and
//! the customer confirms it outside the model.

use serde_json::{Value, json};
use shop::{Id, Role};

use super::clauses::Clause;
use super::grounding::{Reference, Statement};
use super::pipeline::{CandidateResponse, Turn};
use super::response_templates::{FactTemplate, ResponseTemplate};
use super::tools::{Refusal, Refused, Session, Tool, hand_over};
use super::wishes::{self, Missing, Setting, Wanted, Wish};
use super::{Proposal, ToolRun};

/// Questions of ours after which the next message belongs to the one before.
const ASKED: [ResponseTemplate; 4] = [
    ResponseTemplate::WhichItem,
    ResponseTemplate::WhichOption,
    ResponseTemplate::WhichAddress,
    ResponseTemplate::WholeOrder,
];

impl Turn<'_> {
    /// What the clauses want done; `None` where nobody is signed in.
    pub(super) fn wanted(&self, clauses: &[Clause]) -> Option<Wanted> {
        let customer = self.request.customer.as_ref()?;
        let mut said = self.request.conversation.iter().rev();
        let answered = said.find(|(role, _)| *role == Role::Agent);
        let setting = Setting {
            snapshot: self.snapshot,
            customer,
            policy: &self.request.policy,
            message: &self.message,
            answered: answered.map_or("", |(_, text)| text),
        };
        Some(wishes::read(clauses, setting))
    }

    /// The proposals that the clauses ask for, or what is asked back; `None`
    /// where nobody is signed in.
    pub(super) fn action_requests(&mut self, clauses: &[Clause]) -> Option<CandidateResponse> {
        let customer = self.request.customer.clone()?;
        let mut stages = std::mem::take(&mut self.stages);
        let wanted = stages.run("wishes", || self.wanted(clauses));
        self.stages = stages;
        let wanted = wanted?;
        if wanted.wishes.is_empty() {
            let back = asked_back(&wanted.missing);
            return Some(CandidateResponse::template("deed", back, &self.language));
        }
        Some(self.proposed(&customer, &wanted.wishes, &wanted.missing))
    }

    /// The customer's message before this one, where we asked back what it meant.
    pub(super) fn asked_back_about(&self) -> Option<&str> {
        let mut turns = self.request.conversation.iter().rev();
        let (role, text) = turns.next()?;
        let asked = |phrase: &ResponseTemplate| text.contains(phrase.text(&self.language));
        if *role != Role::Agent || !ASKED.iter().any(asked) {
            return None;
        }
        let said = turns.find(|(role, _)| *role == Role::Customer);
        said.map(|(_, text)| text.as_str())
    }

    fn proposed(
        &mut self,
        customer: &Id,
        wishes: &[Wish],
        missing: &[Missing],
    ) -> CandidateResponse {
        let mut draft = CandidateResponse {
            confidence: 1.0,
            route: "deed",
            ..CandidateResponse::default()
        };
        let mut refusals: Vec<(Tool, Refusal)> = Vec::new();
        for (number, wish) in wishes.iter().enumerate() {
            match self.first_possible(customer, wish, number) {
                Ok(proposal) => draft.proposals.push(proposal),
                Err(refusal) => refusals.push((wish.tool, refusal)),
            }
        }
        for proposal in &draft.proposals {
            let said = self.said_of(proposal);
            draft.statements.extend(said);
        }
        if !draft.proposals.is_empty() {
            draft.statements.push(Statement::template(
                ResponseTemplate::PleaseConfirm,
                &self.language,
            ));
        }
        for (tool, refusal) in &refusals {
            let said =
                Statement::template(ResponseTemplate::Refused(refusal.reason), &self.language);
            if !draft.statements.contains(&said) {
                draft.statements.push(said);
            }
            draft.actions.push(ToolRun {
                tool: tool.name().to_owned(),
                arguments: Value::Null,
                result: json!({"refused": refusal.reason, "message": refusal.message}),
            });
        }
        if let Some(first) = missing.first() {
            draft
                .statements
                .push(Statement::template(asked_back(&[*first]), &self.language));
        }
        if refusals
            .iter()
            .any(|(_, refusal)| refusal.reason == Refused::NeedsPerson)
        {
            draft.handoff = Some(hand_over(self.request, "policy"));
            draft.statements.push(Statement::template(
                ResponseTemplate::HandedOver,
                &self.language,
            ));
        }
        draft
    }

    /// Of all ways in which the wish could be done the first that the rules
    /// let through.
    fn first_possible(
        &mut self,
        customer: &Id,
        wish: &Wish,
        number: usize,
    ) -> Result<Proposal, Refusal> {
        let key = Id::new(&format!("{}-{number}", self.context.decision_id))
            .map_err(|error| Refusal::new(Refused::Records, error.to_string()))?;
        let session = Session {
            customer: Some(customer),
            policy: &self.request.policy,
            now: self.context.now,
            key: &key,
        };
        let mut first: Option<Refusal> = None;
        for arguments in &wish.candidates {
            match Proposal::make(wish.tool, arguments.clone(), self.snapshot, session) {
                Ok(proposal) => return Ok(proposal),
                Err(refusal) => first = first.or(Some(refusal)),
            }
        }
        Err(first.unwrap_or_else(|| {
            Refusal::new(
                Refused::Payment,
                "no payment method is known for this order",
            )
        }))
    }

    pub(super) fn said_of(&self, proposal: &Proposal) -> Option<Statement> {
        let order = proposal.arguments["order"].as_str();
        let reference = match order.and_then(|order| Id::new(order).ok()) {
            Some(order) => Reference::OrderNumber(order),
            None => Reference::CustomerAccount(proposal.customer.clone()),
        };
        Statement::facts(
            FactTemplate::Proposed(proposal.tool),
            vec![reference],
            self.snapshot,
            &self.language,
        )
    }
}

fn asked_back(missing: &[Missing]) -> ResponseTemplate {
    match missing.first() {
        Some(Missing::Option) => ResponseTemplate::WhichOption,
        Some(Missing::Address) => ResponseTemplate::WhichAddress,
        Some(Missing::WholeOrder) => ResponseTemplate::WholeOrder,
        Some(Missing::Item) | None => ResponseTemplate::WhichItem,
    }
}
