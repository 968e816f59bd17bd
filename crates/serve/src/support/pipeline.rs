use std::ops::ControlFlow;
use std::sync::Arc;

use serde_json::json;
use shop::{ModelVersion, Order, Role, Service};
use store::Snapshot;

use super::chat_model::Chat;
use super::clauses::Clause;
use super::cues::{self, Cue, follows_up};
use super::dialogue_act::DialogueAct;
use super::grounding::{Evidence, Statement};
use super::order_numbers::order_numbers;
use super::response_assembly::ResponseWriter;
use super::response_templates::ResponseTemplate;
use super::tools::{find_orders, hand_over, order_facts, order_status};
use super::{
    Knowledge, Model, Proposal, ReadIntent, Reply, Stream, SupportEvent, SupportRequest, ToolRun,
};
use crate::{Context, Decision, ServeError, Stages, recommend, search};

/// The longest message that is read, in characters; the rest is cut off.
pub(super) const LONGEST_MESSAGE: usize = 2_000;
/// How many of a customer's orders are told about when no number is given.
const ORDERS_TOLD: usize = 3;
/// What is not sure is guessed from this probability on, where no text answers.
pub(super) const LIKELY: f32 = 0.4;

/// Answers a message. `emit` hears the answer while it is made; when it
/// breaks, the rest is not sent, and the decision is still returned.
pub fn answer(
    context: &Context<'_>,
    knowledge: &Knowledge,
    model: Option<&Model>,
    request: &SupportRequest,
    emit: &mut dyn FnMut(SupportEvent) -> ControlFlow<()>,
) -> Result<Decision<Reply>, ServeError> {
    answer_with(
        context,
        knowledge,
        model,
        Dependencies::default(),
        request,
        emit,
    )
}

/// What support may ask beside its own sources.
#[derive(Clone, Copy, Default)]
pub struct Dependencies<'a> {
    /// A language model that works the tools and answers from what they find.
    pub chat: Option<Chat<'a>>,
    /// The shop's search, with its ranker where it is trained.
    pub search: Option<(&'a search::Index, Option<&'a search::Model>)>,
    /// The shop's recommendations, where they are trained.
    pub recommend: Option<&'a recommend::Model>,
}

/// As [`answer`], with what else there is to ask.
pub fn answer_with(
    context: &Context<'_>,
    knowledge: &Knowledge,
    model: Option<&Model>,
    beside: Dependencies<'_>,
    request: &SupportRequest,
    emit: &mut dyn FnMut(SupportEvent) -> ControlFlow<()>,
) -> Result<Decision<Reply>, ServeError> {
    let message: String = request.message.chars().take(LONGEST_MESSAGE).collect();
    let mut turn = Turn {
        snapshot: context.snapshot,
        context,
        knowledge,
        model,
        beside,
        request,
        language: language_of(request, &message, context.snapshot),
        message,
        stages: Stages::default(),
        used_model: false,
        intent: None,
        acts: Vec::new(),
        chat_model: None,
    };
    turn.read_intent();
    let snapshot = context.snapshot;
    let clauses = turn.understand();
    let mut stream = Stream::new(emit);
    let mut writer = ResponseWriter::new(&mut stream, &turn);
    let draft = match turn.conversed(&clauses, &mut writer) {
        Some(draft) => draft,
        None => turn.draft(&clauses),
    };
    let reply = turn.assemble(draft, writer);
    let version = snapshot.serving.get(&Service::Support);
    let models = match (turn.used_model, version) {
        (true, Some(version)) => vec![ModelVersion {
            service: Service::Support,
            version: version.clone(),
        }],
        _ => Vec::new(),
    };
    Ok(Decision {
        decision_id: context.decision_id.clone(),
        content: reply,
        models,
        stages: turn.stages.into_vec(),
        propensity: None,
    })
}

/// The language to answer in: as asked for, else that of the message, of
/// what the customer said before, of their profile, of their browser, else
/// English.
fn language_of(request: &SupportRequest, message: &str, snapshot: &Snapshot) -> String {
    let before = || {
        let turns = request.conversation.iter().rev();
        turns
            .filter(|(role, _)| *role == Role::Customer)
            .find_map(|(_, text)| corpus::detect_language(text))
    };
    let profile = || {
        let customer = snapshot.customers.get(request.customer.as_ref()?)?;
        customer.language.clone()
    };
    request
        .language
        .clone()
        .or_else(|| corpus::detect_language(message).map(str::to_owned))
        .or_else(|| before().map(str::to_owned))
        .or_else(profile)
        .or_else(|| request.accepted_language.clone())
        .unwrap_or_else(|| "en".to_owned())
}

/// An answer before the checker has seen it.
#[derive(Default)]
pub(super) struct CandidateResponse {
    pub statements: Vec<Statement>,
    pub actions: Vec<ToolRun>,
    pub proposals: Vec<Proposal>,
    pub handoff: Option<super::HandOver>,
    pub abstained: bool,
    pub confidence: f64,
    pub route: &'static str,
}

impl CandidateResponse {
    pub(super) fn template(route: &'static str, phrase: ResponseTemplate, language: &str) -> Self {
        Self {
            statements: vec![Statement::template(phrase, language)],
            confidence: 1.0,
            route,
            ..Self::default()
        }
    }
}

impl CandidateResponse {
    /// The answers to several things in one. Where anything is answered, what
    /// is not is left out.
    fn joined(mut drafts: Vec<Self>) -> Self {
        if drafts.iter().any(|draft| !draft.abstained) {
            drafts.retain(|draft| !draft.abstained);
        }
        let mut drafts = drafts.into_iter();
        let mut whole = drafts.next().unwrap_or_default();
        for draft in drafts {
            for statement in draft.statements {
                if !whole.statements.contains(&statement) {
                    whole.statements.push(statement);
                }
            }
            whole.actions.extend(draft.actions);
            whole.proposals.extend(draft.proposals);
            whole.handoff = whole.handoff.or(draft.handoff);
            whole.confidence = whole.confidence.min(draft.confidence);
        }
        whole
    }
}

pub(super) struct Turn<'a> {
    pub snapshot: &'a Snapshot,
    pub context: &'a Context<'a>,
    pub knowledge: &'a Knowledge,
    pub model: Option<&'a Model>,
    pub beside: Dependencies<'a>,
    pub request: &'a SupportRequest,
    pub language: String,
    pub message: String,
    pub stages: Stages,
    pub used_model: bool,
    /// What the customer wants, by the shop's own names for it.
    pub intent: Option<ReadIntent>,
    /// What the clauses ask for.
    pub acts: Vec<ReadIntent>,
    /// The language model that took part.
    pub chat_model: Option<String>,
}

impl Turn<'_> {
    /// What the customer wants, where training has learnt the shop's names.
    fn read_intent(&mut self) {
        let intents = self.model.and_then(|model| model.intents.as_ref());
        let Some(intents) = intents else {
            self.stages.skip("intent");
            return;
        };
        let read = self.stages.run("intent", || intents.read(&self.message));
        self.intent = Some(ReadIntent {
            name: read.name.to_owned(),
            probability: read.probability,
            sure: read.is_sure,
        });
    }

    /// Whether the customer surely wants what one of these names stands for.
    fn surely_wants(&self, names: &[String]) -> bool {
        let sure = self.intent.as_ref().filter(|intent| intent.sure);
        sure.is_some_and(|intent| names.contains(&intent.name))
    }

    /// What the message asks for. An answer to a question of ours belongs to
    /// what that was about.
    fn understand(&mut self) -> Vec<Clause> {
        let mut stages = std::mem::take(&mut self.stages);
        let clauses = stages.run("understand", || self.clauses_with_what_was_asked());
        self.stages = stages;
        let read = clauses.iter().map(|clause| ReadIntent {
            name: clause.heard.act.name(),
            probability: clause.heard.probability,
            sure: clause.heard.is_sure,
        });
        self.acts = read.collect();
        clauses
    }

    fn clauses_with_what_was_asked(&self) -> Vec<Clause> {
        let now = self.clauses_of(&self.message);
        let goes_on = |clause: &Clause| {
            let act = clause.heard.act;
            !clause.heard.is_sure || act.is_write() || act == DialogueAct::Browse
        };
        let Some(before) = self.asked_back_about().filter(|_| now.iter().all(goes_on)) else {
            return self.as_before(now);
        };
        let mut clauses = self.clauses_of(before);
        clauses.retain(|clause| clause.heard.act.is_write());
        match clauses.last_mut() {
            Some(last) => last.said = format!("{}. {}", last.said, self.message),
            None => return now,
        }
        clauses
    }

    /// "And the blue one?" asks for what the message before it did, unless it
    /// surely asks for something of its own.
    fn as_before(&self, mut now: Vec<Clause>) -> Vec<Clause> {
        let ([clause], true) = (now.as_mut_slice(), follows_up(&self.message)) else {
            return now;
        };
        let act = clause.heard.act;
        let is_vague = match act {
            DialogueAct::Inform | DialogueAct::Question | DialogueAct::Browse => true,
            DialogueAct::Return | DialogueAct::Exchange => self.request.customer.is_none(),
            _ => false,
        };
        if clause.heard.is_sure && !is_vague {
            return now;
        }
        let before = self.asked_before();
        let last = self.heard(&before).into_iter().next();
        if let Some(last) = last.filter(|last| last.is_sure && !last.act.is_write()) {
            clause.heard = last;
        }
        now
    }

    /// What the language model leaves to be said; `None` where there is none,
    /// it failed, or nothing needs to be understood.
    fn conversed(
        &mut self,
        clauses: &[Clause],
        writer: &mut ResponseWriter<'_, '_>,
    ) -> Option<CandidateResponse> {
        let chat = self.beside.chat?;
        let is_simple = |clause: &Clause| {
            // A person is never kept from anybody by a model.
            let simple = [
                DialogueAct::HandOver,
                DialogueAct::Greeting,
                DialogueAct::Thanks,
            ];
            clause.heard.is_sure && simple.contains(&clause.heard.act)
        };
        if self.is_empty() || clauses.iter().any(is_simple) {
            return None;
        }
        let draft = self.converse(chat, writer).ok()?;
        self.chat_model = Some(chat.model.name().to_owned());
        Some(draft)
    }

    fn is_empty(&self) -> bool {
        !self.message.chars().any(char::is_alphanumeric)
    }

    fn draft(&mut self, clauses: &[Clause]) -> CandidateResponse {
        if self.is_empty() {
            let more = ResponseTemplate::SayMore;
            return CandidateResponse::template("empty", more, &self.language);
        }
        let surely = |act: DialogueAct| {
            let mut clauses = clauses.iter();
            clauses.any(|clause| clause.heard.is_sure && clause.heard.act == act)
        };
        if surely(DialogueAct::HandOver) {
            return self.handed_over("asked");
        }
        // A likely wish does no harm: nothing is done before it is confirmed.
        let is_write = |clause: &&Clause| {
            let heard = clause.heard;
            heard.act.is_write() && (heard.is_sure || self.can_be_done(clause))
        };
        let (writes, others): (Vec<&Clause>, Vec<&Clause>) = clauses.iter().partition(is_write);
        let writes: Vec<Clause> = writes.into_iter().cloned().collect();
        let mut drafts = Vec::new();
        if !writes.is_empty() {
            drafts.push(self.done_or_told(&writes));
        }
        for clause in others {
            drafts.push(self.about(&clause.said, |turn| turn.answered(clause)));
        }
        CandidateResponse::joined(drafts)
    }

    /// Whether a clause that is likely a wish is one that could be proposed.
    fn can_be_done(&self, clause: &Clause) -> bool {
        let is_likely = clause.heard.probability >= LIKELY;
        is_likely
            && self
                .wanted(std::slice::from_ref(clause))
                .is_some_and(|wanted| !wanted.wishes.is_empty())
    }

    /// The proposals, or for who is not known what the documents say of such.
    fn done_or_told(&mut self, writes: &[Clause]) -> CandidateResponse {
        if let Some(draft) = self.action_requests(writes) {
            return draft;
        }
        let told = self.question();
        match told.abstained {
            true => self.signing_in("deed", told),
            false => told,
        }
    }

    /// Who is not signed in is asked to be, and told what the shop's texts say of
    /// it or the titles of those that may.
    fn signing_in(&self, route: &'static str, told: CandidateResponse) -> CandidateResponse {
        let mut draft =
            CandidateResponse::template(route, ResponseTemplate::SignIn, &self.language);
        let is_text =
            |said: &Statement| matches!(said.evidence, Evidence::Quote(_) | Evidence::Title(_));
        draft
            .statements
            .extend(told.statements.into_iter().filter(is_text));
        draft
    }

    /// Answers a part of the message as if it were all.
    fn about<T>(&mut self, said: &str, answer: impl FnOnce(&mut Self) -> T) -> T {
        let whole = std::mem::replace(&mut self.message, said.trim().to_owned());
        let answered = answer(self);
        self.message = whole;
        answered
    }

    /// What a clause that asks for no change is answered.
    fn answered(&mut self, clause: &Clause) -> CandidateResponse {
        let template =
            |one| CandidateResponse::template(clause.heard.act.route(), one, &self.language);
        let looks = [
            DialogueAct::Question,
            DialogueAct::Browse,
            DialogueAct::Inform,
        ];
        if (!clause.heard.is_sure || looks.contains(&clause.heard.act))
            && let Some(draft) = self.of_shown()
        {
            return draft;
        }
        match clause.heard.act {
            _ if !clause.heard.is_sure => self.guessed(clause),
            DialogueAct::Greeting => template(ResponseTemplate::Greeting),
            DialogueAct::Thanks => template(ResponseTemplate::Welcome),
            DialogueAct::Orders => self.orders(),
            DialogueAct::Points => self.points(),
            DialogueAct::Browse => self.browse(),
            DialogueAct::Cart => self.put_into_cart(),
            _ => self.answered_or_handed_over(),
        }
    }

    /// What is likeliest meant, where the shop's texts do not answer.
    fn guessed(&mut self, clause: &Clause) -> CandidateResponse {
        let draft = self.answered_or_handed_over();
        if !draft.abstained || draft.handoff.is_some() {
            return draft;
        }
        let act = clause.heard.act;
        let likely = clause.heard.probability >= LIKELY;
        let guess = match act {
            _ if !likely => None,
            DialogueAct::Orders => Some(self.orders()),
            DialogueAct::Browse => self.find_products(),
            _ => None,
        };
        guess.unwrap_or(draft)
    }

    /// A question, with the shop's own names for what is wanted.
    fn answered_or_handed_over(&mut self) -> CandidateResponse {
        let policy = self.request.policy.clone();
        if self.surely_wants(&policy.intents.person) {
            return self.handed_over("intent");
        }
        let draft = self.question();
        if draft.abstained && self.surely_wants(&policy.intents.orders) {
            return self.orders();
        }
        if draft.route == "question" && draft.confidence < policy.limits.hand_over_below {
            return self.handed_over("unsure");
        }
        draft
    }

    /// The points of whoever is signed in, as the ledger told.
    pub(super) fn points_told(&self) -> Option<Statement> {
        let points = self.request.points?;
        Some(Statement::points(points, &self.language))
    }

    fn points(&mut self) -> CandidateResponse {
        let Some(statement) = self.points_told() else {
            return match self.request.customer {
                Some(_) => self.question(),
                None => {
                    CandidateResponse::template("points", ResponseTemplate::SignIn, &self.language)
                }
            };
        };
        CandidateResponse {
            statements: vec![statement],
            confidence: 1.0,
            route: "points",
            ..CandidateResponse::default()
        }
    }

    fn handed_over(&self, reason: &'static str) -> CandidateResponse {
        let mut draft =
            CandidateResponse::template("person", ResponseTemplate::HandedOver, &self.language);
        draft.handoff = Some(hand_over(self.request, reason));
        draft
    }

    /// How the customer's orders stand: of those with these numbers, of a month,
    /// or the last ones.
    pub(super) fn orders(&mut self) -> CandidateResponse {
        let language = self.language.clone();
        let Some(customer) = &self.request.customer else {
            let told = self.question();
            return self.signing_in("orders", told);
        };
        let snapshot = self.snapshot;
        let lower = self.message.to_lowercase();
        let mut numbers = order_numbers(&self.message, true);
        numbers.retain(|number| !is_year(number));
        let (month, is_last) = (cues::month(&lower), Cue::Last.is_in(&lower));
        let mut draft = CandidateResponse {
            confidence: 1.0,
            route: "orders",
            ..CandidateResponse::default()
        };
        let (tool, orders) = self.stages.run("order_tool", || {
            let named = numbers.iter();
            let named = named.filter_map(|number| order_status(snapshot, customer, number));
            let named: Vec<_> = named.take(ORDERS_TOLD).collect();
            // A number that nobody's order has is not taken for all of them.
            if !numbers.is_empty() {
                return ("order_status", named);
            }
            let of_month = |order: &&Arc<Order>| {
                month
                    .is_none_or(|month| order.time.date().get(5..7) == Some(&format!("{month:02}")))
            };
            let most = if is_last { 1 } else { ORDERS_TOLD };
            let all = find_orders(snapshot, customer, usize::MAX).into_iter();
            ("find_orders", all.filter(of_month).take(most).collect())
        });
        draft.actions.push(ToolRun {
            tool: tool.to_owned(),
            arguments: json!({ "numbers": numbers, "month": month }),
            result: json!({ "orders": orders.iter().map(|order| &order.id).collect::<Vec<_>>() }),
        });
        if orders.is_empty() {
            let phrase = if numbers.is_empty() && month.is_none() {
                ResponseTemplate::NoOrders
            } else {
                ResponseTemplate::OrderNotFound
            };
            draft
                .statements
                .push(Statement::template(phrase, &language));
            return draft;
        }
        // Of one order everything is told, of several of a month what was in
        // them, else only how they stand.
        let each = match (orders.len(), month) {
            (1, _) | (_, Some(_)) => usize::MAX,
            _ => 2,
        };
        for order in orders {
            let facts = order_facts(order, snapshot, &language);
            draft.statements.extend(facts.into_iter().take(each));
        }
        draft
    }
}

/// "What did I order in 2025?" names no order.
fn is_year(number: &str) -> bool {
    number.len() == 4 && (number.starts_with("19") || number.starts_with("20"))
}
