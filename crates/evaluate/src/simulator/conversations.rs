use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use shop::{Conversation, Id, Message, Order, Role, Timestamp};

use super::Simulation;
use super::catalogue::Catalogue;
use super::chance::{chance, generator, misspell, pick, place, weighted};
use super::customers::Customers;
use super::policies::Policies;
use super::tables::{Block, blocks};

struct Desk<'a> {
    random: ChaCha8Rng,
    intents: Vec<Block>,
    named: BTreeMap<&'static str, Block>,
    catalogue: &'a Catalogue,
    places: BTreeMap<&'a Id, usize>,
    policies: &'a Policies,
}

/// One talk on its way.
struct Talk<'a> {
    chinese: bool,
    order: &'a Order,
    clock: Timestamp,
    messages: Vec<Message>,
}

impl Talk<'_> {
    fn say(&mut self, random: &mut ChaCha8Rng, role: Role, text: String) {
        self.clock = self.clock.plus_seconds(random.random_range(2..90));
        self.messages.push(Message {
            role,
            text,
            time: Some(self.clock),
            properties: Default::default(),
        });
    }
}

/// Customers write to the shop about their orders and its rules.
pub(super) fn make(
    catalogue: &Catalogue,
    customers: &Customers,
    orders: &[Order],
    policies: &Policies,
    simulation: &Simulation,
) -> Vec<Conversation> {
    let (intents, named) = blocks(include_str!("intents.txt"));
    let mut desk = Desk {
        random: generator(simulation.seed, 5),
        intents,
        named,
        catalogue,
        places: (0..)
            .zip(&catalogue.products)
            .map(|(at, product)| (&product.id, at))
            .collect(),
        policies,
    };
    let people: BTreeMap<&Id, usize> = (0..)
        .zip(&customers.records)
        .map(|(at, customer)| (&customer.id, at))
        .collect();
    let mut conversations = Vec::with_capacity(simulation.conversations);
    if orders.is_empty() {
        return conversations;
    }
    while conversations.len() < simulation.conversations {
        let order = &orders[place(&mut desk.random, orders.len())];
        let chinese = people
            .get(&order.customer_id)
            .is_some_and(|&at| customers.people[at].chinese);
        let after = order
            .time
            .plus_seconds(desk.random.random_range(3_600..6 * 86_400));
        let clock = after.min(simulation.end.plus_seconds(-3_600));
        let talk = Talk {
            chinese,
            order,
            clock,
            messages: Vec::new(),
        };
        conversations.push(desk.talk(talk));
    }
    conversations.sort_by_key(|conversation| conversation.messages.first().and_then(|m| m.time));
    for (number, conversation) in (1..).zip(&mut conversations) {
        conversation.id = super::id(&format!("t{number:05}"));
    }
    conversations
}

impl Desk<'_> {
    fn talk(&mut self, mut talk: Talk<'_>) -> Conversation {
        let weights: Vec<f64> = self
            .intents
            .iter()
            .map(|intent| {
                intent
                    .fields
                    .get(2)
                    .and_then(|text| text.parse().ok())
                    .unwrap_or(1.0)
            })
            .collect();
        let at = weighted(&mut self.random, &weights).unwrap_or_default();
        let fields = &self.intents[at].fields;
        let (intent, by) = (fields[0], fields.get(1).copied().unwrap_or("person"));
        let code = if talk.chinese { "zh?" } else { "en?" };
        let template = pick(&mut self.random, self.intents[at].texts(code));
        let question = self.fill(template, &talk);
        let text = self.dressed(&question, talk.chinese);
        talk.say(&mut self.random, Role::Customer, text);
        let resolved = match by {
            "person" => {
                self.hand_over(&mut talk);
                false
            }
            "order" => {
                self.about_order(&mut talk, intent);
                self.closing(&mut talk)
            }
            topic => {
                self.answer_from_policy(&mut talk, topic, template);
                self.closing(&mut talk)
            }
        };
        let rated = chance(&mut self.random, 0.55);
        let stars = if resolved {
            4 + place(&mut self.random, 2)
        } else {
            1 + place(&mut self.random, 3)
        };
        Conversation {
            // Numbered once all are known.
            id: talk.order.customer_id.clone(),
            messages: talk.messages,
            customer_id: Some(talk.order.customer_id.clone()),
            intent: Some(intent.to_owned()),
            resolved: Some(resolved),
            rating: rated.then_some(stars as f32),
            language: Some(super::language(talk.chinese).to_owned()),
            properties: Default::default(),
        }
    }

    fn named(&mut self, name: &str, chinese: bool) -> &'static str {
        match self.named.get(name) {
            Some(block) => pick(&mut self.random, block.texts(super::language(chinese))),
            None => "",
        }
    }

    /// A phrasing with its gaps filled.
    fn fill(&mut self, template: &str, talk: &Talk<'_>) -> String {
        let line = &talk.order.lines[place(&mut self.random, talk.order.lines.len())];
        let item = self.item(&line.product_id, talk.chinese);
        let city = talk
            .order
            .address
            .as_ref()
            .and_then(|address| address["city"].as_str());
        let number = self.random.random_range(1_000..9_999);
        let code = pick(
            &mut self.random,
            &["WELCOME10", "SUMMER5", "TEA15", "VIP20", "SPRING8"],
        );
        let phone = if talk.chinese {
            format!("1390013{number}")
        } else {
            format!("+44 20 7946 {number}")
        };
        template
            .replace("{item}", &item)
            .replace("{order}", talk.order.id.as_str())
            .replace("{city}", city.unwrap_or("Oslo"))
            .replace("{code}", code)
            .replace("{phone}", &phone)
            .replace("{mail}", &format!("person{number}@example.com"))
    }

    /// What a customer calls a product: its noun, sometimes with the brand.
    fn item(&mut self, product: &Id, chinese: bool) -> String {
        let Some(&at) = self.places.get(product) else {
            return product.to_string();
        };
        let record = &self.catalogue.products[at];
        let noun = record.leaf_category().unwrap_or("item").to_lowercase();
        let same = record.language.as_deref() == Some(super::language(chinese));
        match (same, chinese, place(&mut self.random, 3)) {
            (true, true, _) => noun,
            (true, false, 0) => format!("the {} {noun}", record.brand.as_deref().unwrap_or("")),
            (true, false, _) => format!("the {noun}"),
            (false, true, _) => "这件商品".to_owned(),
            (false, false, _) => "my item".to_owned(),
        }
    }

    /// Greetings, thanks and slips of the finger around a question.
    fn dressed(&mut self, question: &str, chinese: bool) -> String {
        let mut text = String::new();
        let gap = if chinese { "" } else { " " };
        if chance(&mut self.random, 0.4) {
            text.push_str(self.named("greetings", chinese));
            text.push_str(gap);
        }
        text.push_str(question);
        if chance(&mut self.random, 0.45) {
            text.push_str(if chinese { "？" } else { "?" });
        }
        if chance(&mut self.random, 0.3) {
            text.push_str(if chinese { "，" } else { " " });
            text.push_str(self.named("thanks", chinese));
        }
        if !chinese && chance(&mut self.random, 0.12) {
            text = misspell(&mut self.random, &text);
        }
        text.trim().to_owned()
    }

    fn framed(&mut self, body: &str, chinese: bool) -> String {
        let gap = if chinese { "" } else { " " };
        let lead = if chance(&mut self.random, 0.5) {
            self.named("leads", chinese)
        } else {
            ""
        };
        let close = if chance(&mut self.random, 0.4) {
            self.named("closes", chinese)
        } else {
            ""
        };
        [lead, body, close]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(gap)
    }

    fn answer_from_policy(&mut self, talk: &mut Talk<'_>, topic: &str, template: &str) {
        let question = template.replace("{item}", "").replace("{code}", "");
        let policies = self.policies;
        let body = policies
            .paragraph(topic, talk.chinese, &question)
            .unwrap_or_default();
        let text = self.framed(body, talk.chinese);
        talk.say(&mut self.random, Role::Agent, text);
    }

    fn hand_over(&mut self, talk: &mut Talk<'_>) {
        let text = self.named("handover", talk.chinese).to_owned();
        talk.say(&mut self.random, Role::Agent, text);
    }

    /// The agent looks the order up and says what it finds.
    fn about_order(&mut self, talk: &mut Talk<'_>, intent: &str) {
        let order = talk.order;
        let tool = match intent {
            "cancel_order" => "cancel_order",
            "change_address" => "change_address",
            _ => "get_order",
        };
        let age = talk.clock.as_seconds() - order.time.as_seconds();
        let status = match order.status.as_deref() {
            Some("cancelled") => "cancelled",
            _ if age < 86_400 => "pending",
            Some("delivered") if age > 5 * 86_400 => "delivered",
            _ => "processed",
        };
        let open = status == "pending";
        let items: Vec<&str> = order
            .lines
            .iter()
            .filter_map(|line| self.places.get(&line.product_id))
            .map(|&at| self.catalogue.products[at].title.as_str())
            .collect();
        let call = json!({
            "tool": tool,
            "arguments": {"order_id": order.id},
            "result": {
                "order_id": order.id,
                "status": status,
                "ordered_on": order.time.date(),
                "items": items,
                "total": order.total,
                "tracking": if open { None } else { order.tracking.as_ref().map(|t| &t["number"]) },
                "done": tool == "get_order" || open,
            },
        });
        talk.say(&mut self.random, Role::Tool, call.to_string());
        let body = self.order_answer(talk, intent, status);
        let text = self.framed(&body, talk.chinese);
        talk.say(&mut self.random, Role::Agent, text);
    }

    fn order_answer(&mut self, talk: &Talk<'_>, intent: &str, status: &str) -> String {
        let id = &talk.order.id;
        let tracking = talk.order.tracking.as_ref();
        let number = tracking
            .and_then(|tracking| tracking["number"].as_str())
            .unwrap_or("-");
        let carrier = tracking
            .and_then(|t: &Value| t["carrier"].as_str())
            .unwrap_or("-");
        let variant = place(&mut self.random, 2);
        match (intent, status, talk.chinese, variant) {
            (_, "cancelled", false, _) => {
                format!("Order {id} is cancelled; the money is on its way back.")
            }
            (_, "cancelled", true, _) => format!("订单{id}已取消，款项正在原路退回。"),
            ("cancel_order", "pending", false, 0) => {
                format!("Done: order {id} is cancelled and nothing is charged.")
            }
            ("cancel_order", "pending", false, _) => format!("I have cancelled {id} for you."),
            ("cancel_order", "pending", true, _) => format!("订单{id}已为您取消，不会扣款。"),
            ("cancel_order", _, false, _) => format!(
                "Order {id} has already left our warehouse, so I cannot cancel it. You can send it back within 30 days of delivery."
            ),
            ("cancel_order", _, true, _) => {
                format!("订单{id}已经出库，无法取消。签收后30天内可以退货。")
            }
            ("change_address", "pending", false, _) => {
                format!("The new address is noted for order {id}.")
            }
            ("change_address", "pending", true, _) => format!("订单{id}的地址已更新。"),
            ("change_address", _, false, _) => format!(
                "Order {id} is with {carrier} already; please change the delivery place with them, the number is {number}."
            ),
            ("change_address", _, true, _) => {
                format!("订单{id}已交给{carrier}，请用单号{number}联系承运商改址。")
            }
            (_, "pending", false, 0) => format!(
                "Order {id} is being packed and leaves our warehouse within one working day."
            ),
            (_, "pending", false, _) => format!(
                "Your order {id} is pending; you get a mail with the tracking number as soon as it ships."
            ),
            (_, "pending", true, _) => format!("订单{id}正在打包，一个工作日内发出。"),
            (_, "processed", false, 0) => {
                format!("Order {id} is on its way with {carrier}, tracking number {number}.")
            }
            (_, "processed", false, _) => {
                format!("It has shipped: {carrier} carries {id} under {number}.")
            }
            (_, "processed", true, _) => format!("订单{id}已由{carrier}发出，单号{number}。"),
            (_, _, false, _) => format!(
                "{carrier} delivered order {id}, tracking number {number}. Please look with your neighbours as well."
            ),
            (_, _, true, _) => {
                format!("订单{id}已由{carrier}送达，单号{number}，请看看是否由他人代收。")
            }
        }
    }

    /// How the customer takes it; true when it helped.
    fn closing(&mut self, talk: &mut Talk<'_>) -> bool {
        let helped = chance(&mut self.random, 0.88);
        if helped && chance(&mut self.random, 0.55) {
            let text = self.named("happy", talk.chinese).to_owned();
            talk.say(&mut self.random, Role::Customer, text);
        } else if !helped {
            let text = self.named("unhappy", talk.chinese).to_owned();
            talk.say(&mut self.random, Role::Customer, text);
            self.hand_over(talk);
        }
        helped
    }
}
