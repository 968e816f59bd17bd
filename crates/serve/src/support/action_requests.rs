//! What a customer asks to have done becomes proposals; code plans each, and
//! the customer confirms it outside the model.

use serde_json::{Value, json};
use shop::{Id, Role};

use super::grounding::{Reference, Statement};
use super::pipeline::{CandidateResponse, Turn};
use super::response_templates::{FactTemplate, ResponseTemplate};
use super::tools::{Refusal, Refused, Session, Tool, hand_over};
use super::wishes::{self, Missing, Wish};
use super::{Proposal, ToolRun};

/// Questions of ours after which the next message belongs to the one before.
const ASKED: [ResponseTemplate; 4] = [
    ResponseTemplate::WhichItem,
    ResponseTemplate::WhichOption,
    ResponseTemplate::WhichAddress,
    ResponseTemplate::WholeOrder,
];

impl Turn<'_> {
    /// The proposals that the message asks for; `None` when it asks for none.
    /// A message that only asks about an order (`about_orders`) needs no
    /// question back.
    pub(super) fn action_requests(&mut self, about_orders: bool) -> Option<CandidateResponse> {
        let customer = self.request.customer.clone()?;
        let message = self.with_what_was_asked();
        if !wishes::asks_for_deeds(&message) {
            return None;
        }
        let (snapshot, policy) = (self.snapshot, self.request.policy.clone());
        let wanted = self.stages.run("wishes", || {
            wishes::read(&message, snapshot, &customer, &policy)
        });
        if wanted.is_empty() {
            return None;
        }
        if wanted.wishes.is_empty() {
            if about_orders {
                return None;
            }
            // What the documents answer needs no question back.
            let answered = self.question();
            return Some(if answered.abstained {
                CandidateResponse::template("deed", asked_back(&wanted.missing), &self.language)
            } else {
                answered
            });
        }
        Some(self.proposed(&customer, &wanted.wishes, &wanted.missing))
    }

    /// The message together with the one that our question was about.
    fn with_what_was_asked(&self) -> String {
        let mut turns = self.request.conversation.iter().rev();
        let asked = turns.next().is_some_and(|(role, text)| {
            *role == Role::Agent
                && ASKED
                    .iter()
                    .any(|phrase| text.contains(phrase.text(&self.language)))
        });
        let earlier = || {
            let mut turns = self.request.conversation.iter().rev();
            let said = turns.find(|(role, _)| *role == Role::Customer);
            said.map(|(_, text)| format!("{text}. {}", self.message))
        };
        let joined = if asked { earlier() } else { None };
        joined.unwrap_or_else(|| self.message.clone())
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
