//! What a customer may hear from support, and what never.
#![allow(clippy::unwrap_used)]

mod assistant;

use std::ops::ControlFlow;

use proptest::prelude::*;
use serde_json::{Value, json};
use serve::Context;
use serve::support::{
    Chat, Dependencies, Evidence, Knowledge, Reply, Statement, SupportEvent, SupportRequest,
    answer, answer_with, is_supported,
};
use shop::{
    DecisionRecord, Event, EventKind, Id, Kind, Record, Role, Service, StageOutcome, Timestamp,
};
use store::{Entry, LogEntry, Snapshot};

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn now() -> Timestamp {
    "2026-05-01T00:00:00Z".parse().unwrap()
}

fn record(kind: Kind, row: Value) -> Entry {
    let Value::Object(row) = row else {
        panic!("a row is an object");
    };
    Entry::Record(Record::from_json(kind, row, now()).unwrap())
}

fn extended(snapshot: &Snapshot, entries: Vec<Entry>) -> Snapshot {
    let first = snapshot.sequence + 1;
    let entries: Vec<LogEntry> = (first..)
        .zip(entries)
        .map(|(sequence, entry)| LogEntry {
            sequence,
            id: sequence.to_string(),
            entry,
        })
        .collect();
    snapshot.apply(&entries)
}

/// A small shop in two languages.
fn shop() -> Snapshot {
    let order = |name: &str, customer: &str, status: &str, time: &str| {
        record(
            Kind::Orders,
            json!({
                "id": name, "customer_id": customer, "time": time, "status": status,
                "tracking": {"carrier": "DHL", "number": format!("TRK-{name}")},
                "total": {"amount": 4999, "currency": "USD"},
                "lines": [{"product_id": "p1", "quantity": 2}],
            }),
        )
    };
    extended(
        &Snapshot::default(),
        vec![
            record(
                Kind::Documents,
                json!({
                    "id": "returns", "title": "Returns and refunds", "language": "en",
                    "url": "https://shop.example/returns",
                    "text": "# Return policy\n\nYou can return any item within 30 days of delivery. The item must be unused.\n\nRefunds go to the original payment method within 5 to 7 business days.",
                }),
            ),
            record(
                Kind::Documents,
                json!({
                    "id": "shipping", "title": "Shipping", "language": "en",
                    "text": "Standard shipping takes 3 to 5 business days.\n\nShipping is free for orders over 50 dollars:\n\n- within the country\n- not for furniture",
                }),
            ),
            record(
                Kind::Documents,
                json!({
                    "id": "tuihuo", "title": "退货政策", "language": "zh",
                    "text": "自收到商品之日起30日内可申请无忧退货。退款将在7个工作日内原路返还。",
                }),
            ),
            record(
                Kind::Documents,
                json!({
                    "id": "yunfei", "title": "运费说明", "language": "zh",
                    "text": "单笔订单满88元免邮费；不满88元，每单收取10元运费。",
                }),
            ),
            record(
                Kind::Products,
                json!({
                    "id": "p1", "title": "Aurora Desk Lamp Blue", "price": {"amount": 4999, "currency": "USD"},
                    "availability": "out_of_stock", "attributes": {"color": "blue", "material": "steel"},
                    "group_id": "lamp", "description": "A desk lamp with a dimmer. The arm folds flat.",
                }),
            ),
            record(
                Kind::Products,
                json!({
                    "id": "p2", "title": "Aurora Desk Lamp Red", "price": {"amount": 5999, "currency": "USD"},
                    "attributes": {"color": "red"}, "group_id": "lamp",
                }),
            ),
            record(
                Kind::Products,
                json!({"id": "p3", "title": "Comet Wool Blanket"}),
            ),
            order("W1001", "ann", "delivered", "2026-04-01T00:00:00Z"),
            order("W1002", "ann", "in transit", "2026-04-20T00:00:00Z"),
            order(
                "W2001",
                "bob",
                "secret status of bob",
                "2026-04-21T00:00:00Z",
            ),
        ],
    )
}

fn ask_with(snapshot: &Snapshot, request: &SupportRequest) -> (Reply, Vec<SupportEvent>) {
    ask_model(snapshot, request, None)
}

fn ask_model(
    snapshot: &Snapshot,
    request: &SupportRequest,
    chat: Option<Chat<'_>>,
) -> (Reply, Vec<SupportEvent>) {
    let context = Context {
        snapshot,
        decision_id: id("d"),
        now: now(),
        seed: 1,
    };
    let knowledge = Knowledge::build(snapshot, None);
    let mut events = Vec::new();
    let index = serve::search::Index::build(&snapshot.catalogue).unwrap();
    let dependencies = Dependencies {
        chat,
        search: Some((&index, None)),
        ..Dependencies::default()
    };
    let mut emit = |event| {
        events.push(event);
        ControlFlow::Continue(())
    };
    let decision =
        answer_with(&context, &knowledge, None, dependencies, request, &mut emit).unwrap();
    for said in &decision.content.statements {
        assert!(
            is_supported(said, &knowledge, snapshot, &decision.content.language),
            "{said:?}"
        );
    }
    (decision.content, events)
}

fn ask(snapshot: &Snapshot, message: &str, customer: Option<&str>) -> Reply {
    let request = SupportRequest {
        message: message.to_owned(),
        customer: customer.map(id),
        ..SupportRequest::default()
    };
    ask_with(snapshot, &request).0
}

#[test]
fn answers_are_quoted_from_the_right_source() {
    let shop = shop();
    for (question, source, held) in [
        (
            "What is the return policy?",
            "document:returns",
            "within 30 days of delivery",
        ),
        (
            "How long does a refund take?",
            "document:returns",
            "5 to 7 business days",
        ),
        (
            "How many business days does standard shipping take?",
            "document:shipping",
            "3 to 5 business days",
        ),
        ("退货政策是什么？", "document:tuihuo", "30日内"),
        ("运费多少钱？", "document:yunfei", "10元运费"),
        (
            "How do I get my money back?",
            "document:returns",
            "original payment method",
        ),
    ] {
        let reply = ask(&shop, question, None);
        assert!(!reply.abstained, "{question}: {reply:?}");
        let first = &reply.citations[0];
        assert_eq!(first.source, source, "{question}: {reply:?}");
        assert!(reply.text.contains(held), "{question}: {}", reply.text);
        let text = &shop.documents[&id(&source["document:".len()..])].text;
        assert!(text.contains(&first.quote));
    }
}

#[test]
fn what_no_source_supports_is_declined() {
    let shop = shop();
    for question in [
        "What is the capital of France?",
        "Do you sell car insurance?",
        "How do I file my taxes?",
        "Who won the game yesterday?",
        "今天北京天气怎么样？",
        "怎么做红烧肉？",
        "asdf qwer zxcv",
    ] {
        let reply = ask(&shop, question, None);
        // Titles may be offered; nothing is quoted.
        let quotes = |said: &Statement| matches!(said.evidence, Evidence::Quote(_));
        let is_quoting = reply.statements.iter().any(quotes);
        assert!(reply.abstained && !is_quoting, "{question}: {reply:?}");
        assert!(!reply.handoff);
    }
}

#[test]
fn orders_are_told_to_their_owner_alone() {
    let shop = shop();
    let own = ask(&shop, "Where is my order #W1002?", Some("ann"));
    assert!(
        own.text.contains("in transit") && own.text.contains("TRK-W1002"),
        "{}",
        own.text
    );
    assert_eq!(own.citations[0].source, "order:W1002");
    let chinese = ask(&shop, "我的订单到哪了", Some("ann"));
    assert_eq!(chinese.language, "zh");
    assert!(chinese.text.contains("W1002"), "{}", chinese.text);

    // A stranger's order is answered word for word as one that does not exist.
    let theirs = ask(&shop, "Where is my order #W2001?", Some("ann"));
    let nobodys = ask(&shop, "Where is my order #W2999?", Some("ann"));
    assert_eq!(theirs.text, nobodys.text);
    assert!(theirs.citations.is_empty());
    let unknown = ask(&shop, "Where is my order #W2001?", None);
    assert_eq!(
        unknown.text,
        ask(&shop, "Where is my order #W2999?", None).text
    );
}

#[test]
fn a_product_is_described_from_its_record() {
    let shop = shop();
    for (question, source, held) in [
        (
            "How much is the Aurora desk lamp red?",
            "product:p2",
            "$59.99",
        ),
        (
            "Is the Aurora Desk Lamp Blue in stock?",
            "product:p1",
            "out of stock",
        ),
        (
            "What material is the blue Aurora desk lamp?",
            "product:p1",
            "steel",
        ),
    ] {
        let reply = ask(&shop, question, None);
        assert_eq!(
            reply.citations.first().map(|c| c.source.as_str()),
            Some(source),
            "{reply:?}"
        );
        assert!(reply.text.contains(held), "{question}: {}", reply.text);
    }
}

#[test]
fn a_follow_up_is_read_with_what_came_before() {
    let shop = shop();
    let request = SupportRequest {
        message: "and the blue one?".to_owned(),
        conversation: vec![
            (
                Role::Customer,
                "How much is the Aurora desk lamp red?".to_owned(),
            ),
            (
                Role::Agent,
                "The price of Aurora Desk Lamp Red is $59.99.".to_owned(),
            ),
        ],
        ..SupportRequest::default()
    };
    let (reply, _) = ask_with(&shop, &request);
    assert!(reply.text.contains("$49.99"), "{reply:?}");
}

/// More goods of two kinds, with names that mislead.
fn department_store() -> Snapshot {
    let rows = [
        ("b1", "Bike lock, steel", "Bike lock", 2_500),
        ("b2", "Gravel bike, green", "Gravel bike", 90_000),
        ("b3", "City bike, red", "City bike", 60_000),
        ("e1", "毛毡耳机包", "耳机包", 1_500),
        ("e2", "降噪耳机 红色", "头戴式耳机", 9_900),
        ("e3", "降噪耳机 蓝色", "头戴式耳机", 4_900),
    ];
    let rows = rows.map(|(id, title, kind, price)| {
        record(
            Kind::Products,
            json!({
                "id": id, "title": title, "category": [kind],
                "price": {"amount": price, "currency": "USD"},
            }),
        )
    });
    extended(&shop(), rows.to_vec())
}

#[test]
fn the_rules_answer_for_goods_that_they_do_not_name() {
    let shop = department_store();
    let reply = ask(&shop, "How long do I have to return a bike?", None);
    let source = reply.citations.first().map(|one| one.source.as_str());
    assert_eq!(source, Some("document:returns"), "{reply:?}");
}

#[test]
fn who_asks_for_goods_is_told_of_goods() {
    let shop = department_store();
    for (question, exact, found) in [
        ("Do you have bikes?", true, &["b2", "b3"][..]),
        ("do you have red bikes", true, &["b3"]),
        ("I want to buy a bike for my son", false, &["b2", "b3"]),
        ("show me a bike under 700", true, &["b3"]),
        ("Do you sell red kettles?", false, &[]),
        ("I'm looking for a red gadget from Mars", false, &[]),
        ("有耳机吗？", true, &["e2", "e3"]),
        ("推荐50美元以下的耳机", true, &["e3"]),
        ("有没有蓝色的耳机", true, &["e3"]),
        ("你们有会员吗", false, &[]),
    ] {
        let reply = ask(&shop, question, None);
        let result = reply.actions.first().map(|action| &action.result);
        let mut told: Vec<&str> = result
            .and_then(|result| result["products"].as_array())
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        told.sort_unstable();
        assert_eq!(told, found, "{question}: {reply:?}");
        assert_eq!(reply.citations.len(), found.len(), "{question}");
        let said_exact = result.is_some_and(|result| result["exact"] == true);
        assert_eq!(said_exact, exact, "{question}: {}", reply.text);
        assert_eq!(reply.abstained, found.is_empty(), "{question}");
    }
}

#[test]
fn who_wants_anything_is_shown_what_the_shop_recommends() {
    let shop = department_store();
    for (question, chinese) in [
        ("Can you recommend something for my mother?", false),
        ("推荐一个100美元以下的礼物", true),
    ] {
        let reply = ask(&shop, question, None);
        assert_eq!(reply.actions[0].tool, "recommend", "{question}: {reply:?}");
        let first = reply.actions[0].result["products"][0].as_str().unwrap();
        assert_eq!(
            first.starts_with('e'),
            chinese,
            "{question}: {}",
            reply.text
        );
    }
    let cheap = ask(&shop, "recommend me a gift under 20", None);
    assert_eq!(cheap.actions[0].result["products"], json!(["e1"]));
}

#[test]
fn a_rule_of_the_shop_is_no_kind_of_what_was_spoken_of() {
    let shop = department_store();
    for (about, question) in [
        ("do you have bikes?", "are there any discounts?"),
        ("有耳机吗？", "有优惠吗？"),
    ] {
        let request = SupportRequest {
            message: question.to_owned(),
            conversation: vec![(Role::Customer, about.to_owned())],
            ..SupportRequest::default()
        };
        let (reply, _) = ask_with(&shop, &request);
        assert!(reply.actions.is_empty(), "{question}: {reply:?}");
    }
}

#[test]
fn what_is_asked_of_the_catalogue_stays_in_mind() {
    let shop = department_store();
    let mut conversation = Vec::new();
    for (message, held) in [
        ("How many kinds of bikes do you have?", "2 kinds"),
        ("which is the cheapest?", "City bike"),
        ("and the red one?", "City bike, red"),
        ("and the blue one?", "nearest"),
        ("do you have bike locks?", "Bike lock"),
        ("What is the most expensive one in stock?", "Bike lock"),
        ("你们有几种耳机？", "2种"),
        ("最贵的是哪个？", "降噪耳机 红色"),
        ("有蓝色的吗？", "降噪耳机 蓝色"),
    ] {
        let request = SupportRequest {
            message: message.to_owned(),
            conversation: conversation.clone(),
            ..SupportRequest::default()
        };
        let (reply, _) = ask_with(&shop, &request);
        assert!(reply.text.contains(held), "{message}: {}", reply.text);
        conversation.push((Role::Customer, message.to_owned()));
        conversation.push((Role::Agent, reply.text));
    }
}

#[test]
fn signs_and_numbers_alone_ask_nothing() {
    for message in ["' OR 1=1; --", "42", "30 7 5"] {
        let reply = ask(&shop(), message, None);
        assert!(reply.citations.is_empty(), "{message}: {reply:?}");
        assert!(reply.text.contains("tell me"), "{message}: {}", reply.text);
    }
}

#[test]
fn what_tells_no_language_is_answered_in_that_of_the_browser() {
    let mut request = SupportRequest {
        message: "42".to_owned(),
        accepted_language: Some("de".to_owned()),
        ..SupportRequest::default()
    };
    let (reply, _) = ask_with(&shop(), &request);
    let asked_back = "Bitte sagen Sie mir, was Sie wissen möchten.";
    assert!(reply.text.ends_with(asked_back), "{}", reply.text);
    request.message = "What is the return policy?".to_owned();
    assert_eq!(ask_with(&shop(), &request).0.language, "en");
}

#[test]
fn prices_are_said_as_the_reader_writes_them() {
    for (language, price) in [
        ("en", "$59.99"),
        ("de", "59,99\u{a0}$"),
        ("es", "59,99\u{a0}US$"),
        ("zh", "US$59.99"),
    ] {
        let request = SupportRequest {
            message: "How much is the Aurora Desk Lamp Red?".to_owned(),
            language: Some(language.to_owned()),
            ..SupportRequest::default()
        };
        let (reply, _) = ask_with(&shop(), &request);
        assert!(reply.text.contains(price), "{language}: {}", reply.text);
    }
}

#[test]
fn a_person_is_called_when_asked_for() {
    let shop = shop();
    let request = SupportRequest {
        message: "I want to talk to a human".to_owned(),
        ..SupportRequest::default()
    };
    let (reply, events) = ask_with(&shop, &request);
    assert!(reply.handoff);
    assert!(
        events
            .iter()
            .any(|event| matches!(event, SupportEvent::Handoff(_)))
    );
    assert_eq!(events.last(), Some(&SupportEvent::Done));
}

#[test]
fn the_stream_says_what_the_reply_says() {
    let shop = shop();
    for question in [
        "What is the return policy?",
        "运费多少钱？",
        "What is the capital of Peru?",
    ] {
        let request = SupportRequest {
            message: question.to_owned(),
            ..SupportRequest::default()
        };
        let (reply, events) = ask_with(&shop, &request);
        let streamed: String = events
            .iter()
            .filter_map(|event| match event {
                SupportEvent::Token(text) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(streamed, reply.text);
        // The first answer says what is talking.
        assert!(reply.text.contains("AI assistant") || reply.text.contains("人工智能"));
    }
}

#[test]
fn a_thumb_down_moves_the_source_down_at_once() {
    let shop = shop();
    let question = "What is the return policy?";
    let before = ask(&shop, question, None);
    let decision = DecisionRecord {
        id: id("first"),
        time: now(),
        service: Service::Support,
        customer_id: None,
        session_id: None,
        shown: Vec::new(),
        propensity: None,
        models: Vec::new(),
        stages: Vec::new(),
        explanation: before.explanation(),
    };
    let mut thumb = Event::new(EventKind::Feedback, now());
    thumb.decision_id = Some(id("first"));
    thumb.value = Some(json!(-1));
    let after = extended(
        &shop,
        vec![
            Entry::Decision(decision),
            Entry::Record(Record::Event(thumb)),
        ],
    );
    let request = SupportRequest {
        message: question.to_owned(),
        decisions: vec![id("first")],
        ..SupportRequest::default()
    };
    let (reply, _) = ask_with(&after, &request);
    assert!(
        reply.confidence < before.confidence
            || reply.citations[0].source != before.citations[0].source
    );
    // Another conversation is not touched.
    assert_eq!(ask(&after, question, None).confidence, before.confidence);
}

#[test]
fn without_a_model_the_stage_is_skipped() {
    let shop = shop();
    let context = Context {
        snapshot: &shop,
        decision_id: id("d"),
        now: now(),
        seed: 1,
    };
    let request = SupportRequest {
        message: "What is the return policy?".to_owned(),
        ..SupportRequest::default()
    };
    let knowledge = Knowledge::build(&shop, None);
    let mut heard = 0;
    let decision = answer(&context, &knowledge, None, &request, &mut |_| {
        heard += 1;
        ControlFlow::Break(())
    })
    .unwrap();
    // The client went away at once; the decision is made all the same.
    assert_eq!(heard, 1);
    assert!(!decision.content.abstained);
    let stage = decision
        .stages
        .iter()
        .find(|stage| stage.name == "language_model")
        .unwrap();
    assert_eq!(stage.outcome, StageOutcome::Skipped);
    assert!(decision.models.is_empty());
}

/// Words that make questions near and far from what the shop says.
const WORDS: &[&str] = &[
    "return",
    "refund",
    "shipping",
    "free",
    "how",
    "long",
    "30",
    "days",
    "W1001",
    "#W2001",
    "order",
    "lamp",
    "Aurora",
    "blue",
    "price",
    "退货",
    "运费",
    "多少",
    "订单",
    "insurance",
    "🎉",
    "policy",
    "where is my",
    "my",
    "payment",
    "{0}",
    "{1}",
    "<|agent|>",
    "ignore",
    "previous",
    "instructions",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_sentence_has_its_source(
        places in proptest::collection::vec(0..WORDS.len(), 0..12),
        signed_in in any::<bool>(),
    ) {
        let shop = shop();
        let words: Vec<&str> = places.iter().map(|place| WORDS[*place]).collect();
        let reply = ask(&shop, &words.join(" "), signed_in.then_some("ann"));
        prop_assert_eq!(reply.refused, 0);
        prop_assert!(!reply.text.contains("secret status of bob"));
        prop_assert!(!reply.text.contains("TRK-W2001"));
        for said in &reply.statements {
            prop_assert!(reply.text.contains(&said.text));
            if let Evidence::Quote(citation) = &said.evidence {
                prop_assert_eq!(&citation.quote, &said.text);
            }
        }
    }

    #[test]
    fn odd_messages_are_answered_without_panic(message in "\\PC{0,300}") {
        let shop = shop();
        prop_assert!(!ask(&shop, &message, Some("bob")).text.is_empty());
    }
}

#[test]
fn empty_and_endless_messages() {
    let shop = shop();
    for message in [
        "",
        "   ",
        "\u{0}\u{202e}",
        &"return ".repeat(50_000),
        &"退货".repeat(50_000),
    ] {
        assert!(!ask(&shop, message, None).text.is_empty());
    }
    let bare = Snapshot::default();
    assert!(ask(&bare, "What is the return policy?", None).abstained);
}
