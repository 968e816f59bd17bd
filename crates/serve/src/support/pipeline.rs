use std::ops::ControlFlow;

use serde_json::json;
use shop::{ModelVersion, Role, Service};
use store::Snapshot;

use super::chat_model::Chat;
use super::grounding::Statement;
use super::requests::{self, AskedFor};
use super::response_assembly::ResponseWriter;
use super::response_templates::ResponseTemplate;
use super::route::{Route, route};
use super::tools::{find_orders, hand_over, order_facts, order_status};
use super::{
    Knowledge, Model, Proposal, ReadIntent, Reply, Stream, SupportEvent, SupportRequest, ToolRun,
};
use crate::{Context, Decision, ServeError, Stages, recommend, search};

/// The longest message that is read, in characters; the rest is cut off.
pub(super) const LONGEST_MESSAGE: usize = 2_000;
/// How many of a customer's orders are told about when no number is given.
const ORDERS_TOLD: usize = 3;

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
        chat_model: None,
    };
    turn.read_intent();
    let snapshot = context.snapshot;
    let way = turn.stages.run("route", || {
        route(&turn.message, !snapshot.orders.is_empty())
    });
    let asked = match way {
        Route::Question | Route::Orders(_) => {
            let message = &turn.message;
            turn.stages.run("request", || requests::read(message))
        }
        Route::Empty | Route::Greeting | Route::Thanks | Route::Person(_) => None,
    };
    let mut stream = Stream::new(emit);
    let mut writer = ResponseWriter::new(&mut stream, &turn);
    let draft = match turn.conversed(&way, asked, &mut writer) {
        Some(draft) => draft,
        None => turn.draft(&way, asked),
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

    /// What the language model leaves to be said; `None` where there is none,
    /// it failed, or nothing needs to be understood.
    fn conversed(
        &mut self,
        way: &Route,
        asked: Option<AskedFor>,
        writer: &mut ResponseWriter<'_, '_>,
    ) -> Option<CandidateResponse> {
        let chat = self.beside.chat?;
        match way {
            // A person is never kept from anybody by a model.
            _ if asked == Some(AskedFor::Person) => None,
            Route::Empty | Route::Greeting | Route::Thanks | Route::Person(_) => None,
            Route::Orders(_) | Route::Question => {
                let draft = self.converse(chat, writer).ok()?;
                self.chat_model = Some(chat.model.name().to_owned());
                Some(draft)
            }
        }
    }

    fn draft(&mut self, way: &Route, asked: Option<AskedFor>) -> CandidateResponse {
        let policy = self.request.policy.clone();
        let template = |one| CandidateResponse::template(way.name(), one, &self.language);
        let draft = match way {
            _ if asked == Some(AskedFor::Person) => self.handed_over("asked"),
            Route::Empty => template(ResponseTemplate::SayMore),
            Route::Greeting => template(ResponseTemplate::Greeting),
            Route::Thanks => template(ResponseTemplate::Welcome),
            Route::Person(reason) => self.handed_over(reason),
            Route::Orders(numbers) => match self.action_requests(true) {
                Some(draft) => draft,
                None => self.orders(numbers),
            },
            Route::Question => match self.action_requests(false) {
                Some(draft) => draft,
                None if self.surely_wants(&policy.intents.person) => self.handed_over("intent"),
                None if asked == Some(AskedFor::Points) => self.points(),
                None => self.question(),
            },
        };
        if draft.abstained && self.surely_wants(&policy.intents.orders) {
            return self.orders(&[]);
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

    pub(super) fn orders(&mut self, numbers: &[String]) -> CandidateResponse {
        let language = self.language.clone();
        let Some(customer) = &self.request.customer else {
            return CandidateResponse::template("orders", ResponseTemplate::SignIn, &language);
        };
        let snapshot = self.snapshot;
        let mut draft = CandidateResponse {
            confidence: 1.0,
            route: "orders",
            ..CandidateResponse::default()
        };
        let (tool, orders) = self.stages.run("order_tool", || match numbers {
            [] => ("find_orders", find_orders(snapshot, customer, ORDERS_TOLD)),
            numbers => {
                let found = numbers
                    .iter()
                    .filter_map(|number| order_status(snapshot, customer, number));
                ("order_status", found.take(ORDERS_TOLD).collect())
            }
        });
        draft.actions.push(ToolRun {
            tool: tool.to_owned(),
            arguments: json!({ "numbers": numbers }),
            result: json!({ "orders": orders.iter().map(|order| &order.id).collect::<Vec<_>>() }),
        });
        if orders.is_empty() {
            let phrase = if numbers.is_empty() {
                ResponseTemplate::NoOrders
            } else {
                ResponseTemplate::OrderNotFound
            };
            draft
                .statements
                .push(Statement::template(phrase, &language));
            return draft;
        }
        // Of one order everything is told, of several only how they stand.
        let each = if orders.len() == 1 { usize::MAX } else { 2 };
        for order in orders {
            draft.statements.extend(
                order_facts(order, snapshot, &language)
                    .into_iter()
                    .take(each),
            );
        }
        draft
    }
}
