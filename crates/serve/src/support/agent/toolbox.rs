//! The tools of the loop: two searches of the loop's own, and those of the
//! shop whose plans decide.

use corpus::support::Question;
use serde_json::{Value, json};
use shop::{Id, Order, Product};
use store::Snapshot;

use super::super::chat_model::ToolSpec;
use super::super::grounding::Statement;
use super::super::response_templates::ResponseTemplate;
use super::super::score::Verdict;
use super::super::tools::{
    Action, Refusal, Refused, Session, Tool, find_orders, hand_over, order_facts,
};
use super::super::{Citation, Proposal, ToolRun};
use super::{Agent, EvidenceItem, Outcome};

/// The searches that are no [`Tool`]: they need the indexes.
const DOCUMENTS: &str = "search_documents";
const PRODUCTS: &str = "search_products";
const ORDERS: &str = "orders";

/// So many passages are read for a question.
const MOST_PASSAGES: usize = 5;
/// So many of a customer's orders are told of.
const MOST_ORDERS: usize = 12;
/// The longest description that the model reads, in characters.
const LONGEST_DESCRIPTION: usize = 600;

/// Those of the shop's tools that a model may call. Who asks is known, so that
/// nobody is looked up.
const OFFERED: [Tool; 14] = [
    Tool::ProductDetails,
    Tool::Recommend,
    Tool::CustomerDetails,
    Tool::Points,
    Tool::HandOver,
    Tool::CancelOrder,
    Tool::ReturnItems,
    Tool::ExchangeItems,
    Tool::ChangeOrderItems,
    Tool::ChangeOrderAddress,
    Tool::ChangeOrderPayment,
    Tool::ChangeCustomerAddress,
    Tool::RedeemCoupon,
    Tool::SpendPoints,
];

impl Agent<'_, '_> {
    /// What the model may call for this customer.
    pub(super) fn specs(&self) -> Vec<ToolSpec> {
        let spec = |name: &str, description: &str, parameters: Value| ToolSpec {
            name: name.to_owned(),
            description: description.to_owned(),
            parameters,
        };
        let mut specs = vec![
            spec(
                DOCUMENTS,
                "The customer wants to know something about the shop's rules, delivery, payment, guarantee or service, or how something works.",
                json!({
                    "type": "object", "additionalProperties": false, "required": ["query"],
                    "properties": {"query": {"type": "string", "description": "The question, complete in itself, in the customer's language."}},
                }),
            ),
            spec(
                PRODUCTS,
                "The customer wants to find goods that the shop sells, or to know their price, stock or colours.",
                json!({
                    "type": "object", "additionalProperties": false, "required": ["query"],
                    "properties": {
                        "query": {"type": "string", "description": "What kind of thing."},
                        "max_price": {"type": "number"}, "min_price": {"type": "number"},
                        "sort": {"type": "string", "enum": ["relevance", "price_asc", "price_desc"]},
                    },
                }),
            ),
            spec(
                ORDERS,
                "The customer wants to know about their own orders or parcels: where they are, what was in them, what they cost.",
                json!({"type": "object", "additionalProperties": false, "properties": {}}),
            ),
        ];
        let (snapshot, request) = (self.turn.snapshot, self.turn.request);
        let is_signed_in = request.customer.is_some();
        for tool in OFFERED {
            let is_allowed = !tool.writes() || request.policy.rule(tool).is_some();
            let is_possible = is_signed_in || !tool.belongs_to_customer();
            if is_allowed && is_possible {
                let customer = request.customer.as_ref();
                let parameters = tool.parameters_for(snapshot, customer, &request.policy);
                specs.push(spec(tool.name(), tool.description(), parameters));
            }
        }
        specs
    }

    /// Carries a call out; what the model reads of it.
    pub(super) fn call(&mut self, name: &str, arguments: Value) -> Value {
        let text = |field: &str| {
            arguments[field]
                .as_str()
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        let outcome = match name {
            DOCUMENTS => self.documents(&text("query")),
            PRODUCTS => self.products(&text("query"), &arguments),
            ORDERS => self.orders(),
            other => match Tool::from_name(other) {
                Some(Tool::HandOver) => {
                    self.hand_over = Some(hand_over(self.turn.request, "asked"));
                    return json!({"handed_over": true});
                }
                // What was not offered may tell more than a model is to read.
                Some(tool) if !OFFERED.contains(&tool) => return unknown(other),
                Some(tool) if tool.writes() => return self.propose(tool, arguments),
                Some(tool) => self.look_up(tool, &arguments),
                None => return unknown(other),
            },
        };
        let found = json!({"found": outcome.content["evidence"].as_array().map_or(0, Vec::len)});
        self.actions.push(ToolRun {
            tool: name.to_owned(),
            arguments,
            result: found,
        });
        let content = outcome.content.clone();
        self.outcomes.push(outcome);
        content
    }

    /// What the shop's texts say.
    fn documents(&mut self, query: &str) -> Outcome {
        let mut question = Question::new(query, None);
        question.language = Some(self.turn.language.clone());
        let similarities = self.turn.similarities(&question);
        let index = self.turn.knowledge.index.clone();
        let scored = self.turn.documents_first(&question, similarities.as_ref());
        let declined = self.turn.declined(&index, &scored);
        let draft = match super::super::score::said(&scored) {
            Some(best) => self.turn.quotes(&index, best, &scored),
            None => self.turn.declined(&index, &scored),
        };
        let likely = scored.iter().filter(|one| one.verdict != Verdict::Dropped);
        let items: Vec<EvidenceItem> = likely
            .take(MOST_PASSAGES)
            .map(|one| self.turn.passage(&index, one))
            .collect();
        Outcome {
            content: self.take_up(items),
            statements: draft.statements,
            declined: declined.statements,
            abstained: draft.abstained,
            confidence: draft.confidence,
            route: draft.route,
        }
    }

    fn products(&mut self, query: &str, arguments: &Value) -> Outcome {
        let bounds = (
            arguments["min_price"].as_f64(),
            arguments["max_price"].as_f64(),
        );
        let sort = arguments["sort"].as_str().unwrap_or_default();
        let found = self.turn.search_products(query, bounds, sort);
        self.listed(&found)
    }

    /// Products as evidence and as lines.
    fn listed(&mut self, found: &[Id]) -> Outcome {
        let turn = &*self.turn;
        let items = found.iter().filter_map(|id| {
            let product = turn.snapshot.catalogue.by_id(id)?;
            Some(EvidenceItem {
                text: described(product, &turn.language),
                citation: Citation {
                    title: Some(product.title.clone()),
                    ..Citation::of_record(format!("product:{id}"), &product.title)
                },
                statements: turn.told(id).into_iter().collect(),
            })
        });
        let items: Vec<EvidenceItem> = items.collect();
        let mut statements: Vec<Statement> = items
            .iter()
            .flat_map(|item| item.statements.clone())
            .collect();
        if !statements.is_empty() {
            let found = Statement::template(ResponseTemplate::Found, &turn.language);
            statements.insert(0, found);
        }
        Outcome {
            content: self.take_up(items),
            abstained: statements.is_empty(),
            statements,
            confidence: 1.0,
            route: "products",
            ..Outcome::default()
        }
    }

    /// The customer's own orders, the newest first.
    pub(super) fn own_orders(&self) -> Vec<Value> {
        let (snapshot, language) = (self.turn.snapshot, &self.turn.language);
        let Some(customer) = &self.turn.request.customer else {
            return Vec::new();
        };
        find_orders(snapshot, customer, MOST_ORDERS)
            .into_iter()
            .map(|order| ordered(order, snapshot, language))
            .collect()
    }

    fn orders(&mut self) -> Outcome {
        let told = self.turn.orders();
        let snapshot = self.turn.snapshot;
        let customer = self.turn.request.customer.clone();
        let orders = customer.map(|customer| find_orders(snapshot, &customer, MOST_ORDERS));
        let turn = &*self.turn;
        let items = orders.into_iter().flatten().map(|order| EvidenceItem {
            text: ordered(order, snapshot, &turn.language).to_string(),
            citation: Citation::of_record(format!("order:{}", order.id), order.id.as_str()),
            statements: order_facts(order, snapshot, &turn.language),
        });
        let items: Vec<EvidenceItem> = items.collect();
        let content = match (&self.turn.request.customer, items.is_empty()) {
            (None, _) => json!({"refused": "nobody is signed in"}),
            (Some(_), true) => json!({"orders": "none"}),
            (Some(_), false) => self.take_up(items),
        };
        Outcome {
            content,
            statements: told.statements,
            confidence: 1.0,
            route: "orders",
            ..Outcome::default()
        }
    }

    /// A look-up by one of the shop's tools.
    fn look_up(&mut self, tool: Tool, arguments: &Value) -> Outcome {
        match self.planned(tool, arguments) {
            Err(refusal) => Outcome {
                content: json!({"refused": refusal.reason, "message": refusal.message}),
                statements: vec![Statement::template(
                    ResponseTemplate::Refused(refusal.reason),
                    &self.turn.language,
                )],
                confidence: 1.0,
                route: "orders",
                ..Outcome::default()
            },
            Ok(actions) => {
                let tell = actions.into_iter().find_map(|action| match action {
                    Action::Tell { found } => Some(found),
                    _ => None,
                });
                match (tool, tell) {
                    (Tool::Points, _) => self.points(),
                    (Tool::ProductDetails, Some(found)) => self.listed(&ids(&found["variants"])),
                    (Tool::Recommend, _) => {
                        let found = self.turn.search_products("", (None, None), "");
                        self.listed(&found)
                    }
                    (Tool::CustomerDetails, Some(found)) => Outcome {
                        content: json!({"payment_methods": ways_to_pay(&found)}),
                        confidence: 1.0,
                        route: "orders",
                        ..Outcome::default()
                    },
                    _ => Outcome::default(),
                }
            }
        }
    }

    fn points(&mut self) -> Outcome {
        let statement = self.turn.points_told();
        let items = statement.iter().map(|statement| EvidenceItem {
            text: statement.text.clone(),
            citation: Citation::of_record("points".to_owned(), &statement.text),
            statements: vec![statement.clone()],
        });
        let items = items.collect();
        Outcome {
            content: self.take_up(items),
            statements: statement.into_iter().collect(),
            confidence: 1.0,
            route: "points",
            ..Outcome::default()
        }
    }

    fn planned(&self, tool: Tool, arguments: &Value) -> Result<Vec<Action>, Refusal> {
        let key = self.key()?;
        tool.plan(self.turn.snapshot, self.session(&key), arguments)
    }

    fn session<'k>(&'k self, key: &'k Id) -> Session<'k> {
        let request = self.turn.request;
        Session {
            customer: request.customer.as_ref(),
            policy: &request.policy,
            now: self.turn.context.now,
            key,
        }
    }

    /// Names the next proposal in the ledger.
    fn key(&self) -> Result<Id, Refusal> {
        let number = self.proposals.len();
        Id::new(&format!("{}-{number}", self.turn.context.decision_id))
            .map_err(|error| Refusal::new(Refused::Records, error.to_string()))
    }

    /// A write that the customer is to confirm, where their own words ask for
    /// it and the rules let it through.
    fn propose(&mut self, tool: Tool, arguments: Value) -> Value {
        let arguments = self.turn.with_address(arguments);
        let proposed = self.key().and_then(|key| {
            let (snapshot, session) = (self.turn.snapshot, self.session(&key));
            Proposal::make(tool, arguments.clone(), snapshot, session)
        });
        let refusal = match proposed {
            Ok(_) if !self.is_asked_for(tool.name(), &arguments) => {
                return json!({"refused": "the customer has not asked for this: ask them first"});
            }
            Ok(proposal) => {
                // What was refused before has been put right.
                self.refusals.remove(&tool);
                self.proposals.push(proposal);
                return json!({"prepared": true, "note": "The customer sees it with a button and has not confirmed it yet."});
            }
            Err(refusal) => refusal,
        };
        self.actions.push(ToolRun {
            tool: tool.name().to_owned(),
            arguments: Value::Null,
            result: json!({"refused": refusal.reason, "message": refusal.message}),
        });
        let content = json!({"refused": refusal.reason, "message": refusal.message});
        self.refusals.insert(tool, refusal);
        content
    }
}

fn unknown(tool: &str) -> Value {
    json!({"error": format!("there is no tool {tool:?}")})
}

/// The payment methods of an account, without what tells whose they are.
fn ways_to_pay(account: &Value) -> Vec<Value> {
    let methods = account["payment_methods"].as_array().into_iter().flatten();
    methods
        .map(|method| json!({"id": method["id"], "source": method["source"], "balance": method["balance"]}))
        .collect()
}

fn ids(list: &Value) -> Vec<Id> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|one| Id::new(one["id"].as_str()?).ok())
        .collect()
}

/// A product as the model reads it.
fn described(product: &Product, language: &str) -> String {
    let locale = locale::Locale::or_english(language);
    let description: String = (product.description.iter())
        .flat_map(|text| text.chars().take(LONGEST_DESCRIPTION))
        .collect();
    json!({
        "id": product.id,
        "title": product.title,
        "price": product.price.map(|price| locale.money(price)),
        "availability": product.availability,
        "options": product.attributes,
        "brand": product.brand,
        "rating": product.rating,
        "description": description,
    })
    .to_string()
}

/// An order as the model reads it: fields that the shop's programs fill, and
/// nothing that anybody wrote into it.
fn ordered(order: &Order, snapshot: &Snapshot, language: &str) -> Value {
    let locale = locale::Locale::or_english(language);
    let items = order.lines.iter().map(|line| {
        let product = snapshot.catalogue.kept_by_id(&line.product_id);
        let options = product.map(|product| json!(product.attributes));
        json!({
            "item": line.product_id,
            "product": product.and_then(|product| product.group_id.clone()),
            "title": product.map_or(line.product_id.as_str(), |product| &product.title),
            "options": options.or_else(|| line.properties.get("options").cloned()),
            "quantity": line.quantity,
            "price": line.price.map(|price| locale.money(price)),
        })
    });
    let items: Vec<Value> = items.collect();
    let paid = order.payments().unwrap_or_default();
    let paid: Vec<&Id> = paid.iter().map(|one| &one.payment_method_id).collect();
    json!({
        "order": order.id,
        "status": order.status,
        "placed": order.time,
        "items": items,
        "total": order.total.map(|total| locale.money(total)),
        "tracking": order.tracking,
        "paid_with": paid,
    })
}

impl Tool {
    /// For what it is called, as the wish that it answers.
    fn description(self) -> &'static str {
        match self {
            Self::FindCustomer => "The customer wants to say who they are.",
            Self::CustomerDetails => {
                "The customer wants to know about their account or their payment methods."
            }
            Self::OrderDetails => "The customer wants to know about one of their orders.",
            Self::ProductDetails => {
                "The customer wants to know the variants of a product, with options, prices and stock."
            }
            Self::ItemDetails => "The customer wants to know about one variant of a product.",
            Self::ListProductTypes => "The customer wants to know what kinds of goods there are.",
            Self::Search => "The customer wants to search the catalogue by words.",
            Self::Recommend => "The customer wants something recommended to them.",
            Self::Points => "The customer wants to know how many points they have.",
            Self::Calculate => "The customer wants something calculated.",
            Self::HandOver => {
                "The customer wants to speak with a person or somebody in charge, or is angry."
            }
            Self::CancelOrder => {
                "The customer wants to cancel a whole order that has not been sent."
            }
            Self::ReturnItems => {
                "The customer wants to return something that they received, for the money."
            }
            Self::ExchangeItems => {
                "The customer wants to exchange something that they received for another size, colour or variant of it."
            }
            Self::ChangeOrderItems => {
                "The customer wants another size, colour or variant in an order that has not been sent."
            }
            Self::ChangeOrderAddress => {
                "The customer wants an order that has not been sent to go to another address."
            }
            Self::ChangeOrderPayment => "The customer wants to pay an order in another way.",
            Self::ChangeCustomerAddress => {
                "The customer wants to change the address of their account."
            }
            Self::RedeemCoupon => "The customer wants to redeem a coupon code on an order.",
            Self::SpendPoints => "The customer wants to spend points.",
        }
    }

    /// Whether it needs to know who asks.
    fn belongs_to_customer(self) -> bool {
        self.writes() || matches!(self, Self::CustomerDetails | Self::Points)
    }
}
