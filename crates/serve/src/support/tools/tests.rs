#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};
use shop::{Id, Kind, Record, Timestamp};
use store::{Entry, LogEntry, Snapshot};

use super::super::policy::Policy;
use super::super::proposal::{Proposal, Proposals};
use super::{Action, Refusal, Refused, Session, Tool};

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

const NOW: Timestamp = Timestamp::from_seconds(1_001_000_000);

fn snapshot(rows: Vec<(Kind, Value)>) -> Snapshot {
    let entries: Vec<LogEntry> = (1..)
        .zip(rows)
        .map(|(sequence, (kind, row))| {
            let Value::Object(row) = row else {
                panic!("a row is an object")
            };
            LogEntry {
                sequence,
                id: sequence.to_string(),
                entry: Entry::Record(Record::from_json(kind, row, NOW).unwrap()),
            }
        })
        .collect();
    Snapshot::default().apply(&entries)
}

fn usd(amount: i64) -> Value {
    json!({"amount": amount, "currency": "USD"})
}

const ELM: &str = "1 Elm Street";

fn address(street: &str) -> Value {
    json!({
        "address1": street, "address2": "", "city": "Denver", "state": "CO",
        "country": "USA", "zip": "80279",
    })
}

/// Two customers with the same things: an order of each state, a card, a gift
/// card; a kettle in three options, one of them sold out, and a lamp.
fn shop() -> Snapshot {
    let mut rows = Vec::new();
    for (item, group, color, price, stock) in [
        ("k-red", "kettle", "red", 5_000, "in_stock"),
        ("k-blue", "kettle", "blue", 6_000, "in_stock"),
        ("k-gold", "kettle", "gold", 9_000, "out_of_stock"),
        ("l-white", "lamp", "white", 3_000, "in_stock"),
    ] {
        rows.push((
            Kind::Products,
            json!({
                "id": item, "title": group, "group_id": group, "price": usd(price),
                "availability": stock, "attributes": {"color": color},
            }),
        ));
    }
    for name in ["ann", "bob"] {
        rows.push((
            Kind::Customers,
            json!({
                "id": name, "name": format!("{name} lee"), "email": format!("{name}@example.com"),
                "address": address(ELM),
                "payment_methods": [
                    {"id": format!("card-{name}"), "source": "credit_card", "brand": "visa"},
                    {"id": format!("gift-{name}"), "source": "gift_card", "balance": usd(500)},
                ],
            }),
        ));
        for (state, status) in [("p", "pending"), ("d", "delivered"), ("c", "cancelled")] {
            rows.push((
                Kind::Orders,
                json!({
                    "id": format!("#{state}100-{name}"), "customer_id": name,
                    "time": "2001-09-09T00:00:00Z", "status": status,
                    "address": address(ELM), "total": usd(13_000),
                    "lines": [
                        {"product_id": "k-red", "quantity": 2, "price": usd(5_000)},
                        {"product_id": "l-white", "quantity": 1, "price": usd(3_000)},
                    ],
                    "payment_history": [{
                        "transaction_type": "payment", "amount": usd(13_000),
                        "payment_method_id": format!("card-{name}"),
                    }],
                }),
            ));
        }
    }
    snapshot(rows)
}

fn session<'a>(customer: Option<&'a Id>, policy: &'a Policy, key: &'a Id) -> Session<'a> {
    Session {
        customer,
        policy,
        now: NOW,
        key,
    }
}

fn plan(tool: Tool, customer: Option<&str>, arguments: &Value) -> Result<Vec<Action>, Refusal> {
    plan_by(&Policy::default(), tool, customer, arguments)
}

fn plan_by(
    policy: &Policy,
    tool: Tool,
    customer: Option<&str>,
    arguments: &Value,
) -> Result<Vec<Action>, Refusal> {
    let (customer, key) = (customer.map(id), id("key"));
    tool.plan(&shop(), session(customer.as_ref(), policy, &key), arguments)
}

fn order_after(actions: &[Action]) -> Value {
    let found = actions.iter().find_map(|action| match action {
        Action::PutOrder { order } => Some(serde_json::to_value(order).unwrap()),
        _ => None,
    });
    found.unwrap()
}

fn balance_after(actions: &[Action]) -> Option<i64> {
    actions.iter().find_map(|action| match action {
        Action::PutCustomer { customer } => {
            let methods = customer.payment_methods().unwrap();
            methods
                .iter()
                .find_map(|method| method.balance)
                .map(|money| money.amount)
        }
        _ => None,
    })
}

#[test]
fn each_write_does_what_it_says() {
    let swap = |order: &str, payment: &str| {
        json!({
            "order": order, "items": ["k-red"], "new_items": ["k-blue"], "payment_method": payment,
        })
    };
    let cancelled = plan(
        Tool::CancelOrder,
        Some("ann"),
        &json!({"order": "p100-ANN", "reason": "ordered by mistake"}),
    )
    .unwrap();
    let order = order_after(&cancelled);
    assert_eq!(order["status"], "cancelled");
    assert_eq!(
        order["properties"]["payment_history"][1]["transaction_type"],
        "refund"
    );
    let changed = plan(
        Tool::ChangeOrderItems,
        Some("ann"),
        &swap("#p100-ann", "card-ann"),
    );
    let order = order_after(&changed.unwrap());
    assert_eq!(
        order["lines"].as_array().unwrap().len(),
        3,
        "one of the two kettles"
    );
    assert_eq!(order["total"], usd(14_000));
    let poor = plan(
        Tool::ChangeOrderItems,
        Some("ann"),
        &swap("#p100-ann", "gift-ann"),
    );
    assert_eq!(poor.unwrap_err().reason, Refused::Payment);
    let paid = json!({"order": "#p100-ann", "payment_method": "gift-ann"});
    let refused = plan(Tool::ChangeOrderPayment, Some("ann"), &paid).unwrap_err();
    assert_eq!(refused.reason, Refused::Payment);
    let back = json!({"order": "#d100-ann", "items": ["l-white"], "payment_method": "gift-ann"});
    let order = order_after(&plan(Tool::ReturnItems, Some("ann"), &back).unwrap());
    assert_eq!(order["status"], "return requested");
    let order = order_after(
        &plan(
            Tool::ExchangeItems,
            Some("ann"),
            &swap("#d100-ann", "card-ann"),
        )
        .unwrap(),
    );
    assert_eq!(order["properties"]["exchange_price_difference"], usd(1_000));
    assert_eq!(
        order["lines"].as_array().unwrap().len(),
        2,
        "nothing moves before it is back"
    );
}

#[test]
fn money_comes_back_to_a_gift_card_at_once() {
    let mut rows = vec![(
        Kind::Customers,
        json!({
            "id": "ann",
            "payment_methods": [{"id": "gift", "source": "gift_card", "balance": usd(500)}],
        }),
    )];
    rows.push((
        Kind::Orders,
        json!({
            "id": "O1000", "customer_id": "ann", "time": "2001-09-09T00:00:00Z",
            "status": "pending", "lines": [],
            "payment_history": [
                {"transaction_type": "payment", "amount": usd(700), "payment_method_id": "gift"},
            ],
        }),
    ));
    let (policy, customer, key) = (Policy::default(), id("ann"), id("key"));
    let actions = Tool::CancelOrder
        .plan(
            &snapshot(rows),
            session(Some(&customer), &policy, &key),
            &json!({"order": "O1000", "reason": "no longer needed"}),
        )
        .unwrap();
    assert_eq!(balance_after(&actions), Some(1_200));
}

#[test]
fn what_is_refused_says_why() {
    let swap = |items: Value, new_items: Value| {
        json!({
            "order": "#d100-ann", "items": items, "new_items": new_items,
            "payment_method": "card-ann",
        })
    };
    for (tool, customer, arguments, reason) in [
        (
            Tool::OrderDetails,
            None,
            json!({"order": "#p100-ann"}),
            Refused::SignIn,
        ),
        (
            Tool::OrderDetails,
            Some("bob"),
            json!({"order": "#p100-ann"}),
            Refused::NotYours,
        ),
        (
            Tool::OrderDetails,
            Some("bob"),
            json!({"order": "#x"}),
            Refused::NotYours,
        ),
        (
            Tool::CustomerDetails,
            Some("bob"),
            json!({"customer": "ann"}),
            Refused::NotYours,
        ),
        (
            Tool::FindCustomer,
            Some("bob"),
            json!({"email": "ann@example.com"}),
            Refused::NotYours,
        ),
        (
            Tool::CancelOrder,
            Some("ann"),
            json!({"order": "#p100-ann", "reason": "bored"}),
            Refused::Policy,
        ),
        (
            Tool::CancelOrder,
            Some("ann"),
            json!({"order": "#d100-ann", "reason": "no longer needed"}),
            Refused::State,
        ),
        (
            Tool::ChangeCustomerAddress,
            Some("ann"),
            json!({"address": address(ELM)}),
            Refused::NothingToChange,
        ),
        (
            Tool::ChangeCustomerAddress,
            Some("bob"),
            json!({"customer": "ann", "address": address("2 Oak")}),
            Refused::NotYours,
        ),
        (
            Tool::ReturnItems,
            Some("ann"),
            json!({"order": "#d100-ann", "items": ["k-red", "k-red", "k-red"], "payment_method": "card-ann"}),
            Refused::Arguments,
        ),
        (
            Tool::ReturnItems,
            Some("ann"),
            json!({"order": "#d100-ann", "items": ["k-red"], "payment_method": "card-bob"}),
            Refused::Payment,
        ),
        (
            Tool::ExchangeItems,
            Some("ann"),
            swap(json!(["k-red"]), json!(["l-white"])),
            Refused::Policy,
        ),
        (
            Tool::ExchangeItems,
            Some("ann"),
            swap(json!(["k-red"]), json!(["k-gold"])),
            Refused::State,
        ),
        (
            Tool::ExchangeItems,
            Some("ann"),
            swap(json!(["k-red"]), json!([])),
            Refused::Arguments,
        ),
        (
            Tool::Calculate,
            None,
            json!({"expression": "rm -rf"}),
            Refused::Arguments,
        ),
        (
            Tool::Search,
            None,
            json!({"query": "x", "customer": "ann"}),
            Refused::Arguments,
        ),
    ] {
        let refused = plan(tool, customer, &arguments).unwrap_err();
        assert_eq!(refused.reason, reason, "{tool:?} {arguments}: {refused}");
    }
}

#[test]
fn the_policy_decides() {
    let back = json!({"order": "#d100-ann", "items": ["l-white"], "payment_method": "card-ann"});
    for (rule, reason) in [
        ("", Some(Refused::Policy)),
        ("[return_items]\nstatuses = [\"delivered\"]", None),
        ("[return_items]\nwindow_days = 5", Some(Refused::Policy)),
        ("[return_items]\nwindow_days = 30", None),
        (
            "[return_items]\napproved_by = \"person\"",
            Some(Refused::NeedsPerson),
        ),
        (
            "[return_items]\nperson_above = { amount = 2999, currency = \"USD\" }",
            Some(Refused::NeedsPerson),
        ),
        (
            "[return_items]\nrefund_to = [\"gift_card\"]",
            Some(Refused::Payment),
        ),
    ] {
        let policy = Policy::parse(rule).unwrap();
        let refused = plan_by(&policy, Tool::ReturnItems, Some("ann"), &back).err();
        assert_eq!(refused.map(|refusal| refusal.reason), reason, "{rule}");
    }
}

#[test]
fn a_proposal_is_confirmed_once_in_time_by_its_customer_and_while_it_holds() {
    let (policy, ann, bob, key) = (Policy::default(), id("ann"), id("bob"), id("key"));
    let shop = shop();
    let wish = json!({"order": "#p100-ann", "reason": "no longer needed"});
    let asking = session(Some(&ann), &policy, &key);
    let proposal = Proposal::make(Tool::CancelOrder, wish, &shop, asking).unwrap();
    assert!(
        proposal
            .changes
            .iter()
            .any(|change| change.field == "status")
    );
    let mut waiting = Proposals::default();
    waiting.keep("t".to_owned(), proposal.clone());
    let reason = |result: Result<&Proposal, Refusal>| result.map(|_| ()).unwrap_err().reason;
    assert_eq!(reason(waiting.of("t", Some(&bob))), Refused::NotConfirmed);
    assert_eq!(reason(waiting.of("t", None)), Refused::NotConfirmed);
    assert_eq!(reason(waiting.of("u", Some(&ann))), Refused::NotConfirmed);
    let actions = waiting
        .of("t", Some(&ann))
        .unwrap()
        .confirmed(&shop, &policy, NOW)
        .unwrap();
    waiting.done("t");
    assert_eq!(reason(waiting.of("t", Some(&ann))), Refused::AlreadyDone);
    let late = proposal.confirmed(&shop, &policy, NOW.plus_seconds(3_600));
    assert_eq!(late.unwrap_err().reason, Refused::NotConfirmed);
    let entries: Vec<LogEntry> = (shop.sequence + 1..)
        .zip(actions.iter().filter_map(Action::record))
        .map(|(sequence, record)| LogEntry {
            sequence,
            id: sequence.to_string(),
            entry: Entry::Record(record),
        })
        .collect();
    let after = shop.apply(&entries);
    let again = proposal.confirmed(&after, &policy, NOW);
    assert_eq!(again.unwrap_err().reason, Refused::State);
    let look = Proposal::make(Tool::Search, json!({"query": "kettle"}), &shop, asking);
    assert_eq!(look.unwrap_err().reason, Refused::Arguments);
}

/// Any of the names in the shop, or noise.
fn word() -> impl Strategy<Value = Value> {
    let known = [
        "#p100-ann",
        "#d100-ann",
        "#c100-ann",
        "#p100-bob",
        "#d100-bob",
        "p100ann",
        "ann",
        "bob",
        "k-red",
        "k-blue",
        "k-gold",
        "l-white",
        "kettle",
        "card-ann",
        "gift-ann",
        "card-bob",
        "gift-bob",
        "no longer needed",
        "ordered by mistake",
        "ann@example.com",
        "lee",
        "80279",
        "1+1",
        "",
        "SAVE10",
    ];
    prop_oneof![
        8 => proptest::sample::select(known.to_vec()).prop_map(|text| json!(text)),
        1 => ".{0,12}".prop_map(|text| json!(text)),
        1 => any::<i64>().prop_map(|number| json!(number)),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => word(),
        3 => proptest::collection::vec(word(), 0..3).prop_map(|list| json!(list)),
        1 => Just(address(ELM)),
        1 => Just(address("9 New Road")),
    ]
}

fn arguments() -> impl Strategy<Value = Value> {
    let fields = [
        "order",
        "items",
        "new_items",
        "payment_method",
        "reason",
        "customer",
        "address",
        "email",
        "first_name",
        "last_name",
        "zip",
        "query",
        "product",
        "item",
        "code",
        "points",
        "expression",
        "summary",
        "limit",
    ];
    let pair = (proptest::sample::select(fields.to_vec()), value());
    proptest::collection::vec(pair, 0..5).prop_map(|pairs| {
        let fields = pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        Value::Object(fields.collect())
    })
}

/// Arguments of the right shape: they get past the first check more often.
fn shaped() -> impl Strategy<Value = Value> {
    (
        word(),
        proptest::collection::vec(word(), 1..3),
        word(),
        word(),
        any::<bool>(),
    )
        .prop_map(|(order, items, wish, payment, swap)| {
            let mut arguments = json!({"order": order, "items": items, "payment_method": payment});
            if swap {
                arguments["new_items"] = json!(vec![wish; items.len()]);
            }
            arguments
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Whatever is asked for, what is touched or told belongs to whoever is
    /// signed in, and nothing is touched for nobody.
    #[test]
    fn rows_touched_belong_to_the_customer(
        tool in proptest::sample::select(&Tool::ALL[..]),
        arguments in prop_oneof![arguments(), shaped()],
        who in proptest::sample::select(&[None, Some("ann"), Some("bob")][..]),
    ) {
        let Ok(actions) = plan(tool, who, &arguments) else {
            return Ok(());
        };
        for action in &actions {
            prop_assert!(tool.writes() || !action.writes());
            if action.writes() {
                let who = who.map(id);
                prop_assert!(who.is_some());
                prop_assert_eq!(action.customer(), who.as_ref());
            }
            let told = serde_json::to_string(action).unwrap();
            let other = match who { Some("ann") => "bob", Some(_) => "ann", None => "@example" };
            // A hand-over's summary repeats what the caller wrote.
            if !matches!(action, Action::HandOver { .. }) {
                let leaks = told.contains(&format!("card-{other}"))
                    || told.contains(&format!("{other}@example.com"));
                prop_assert!(!leaks, "{}", told);
            }
            if let Action::PutOrder { order } = action {
                let before = &shop().orders[&order.id];
                prop_assert_eq!(&before.customer_id, &order.customer_id);
                prop_assert_eq!(before.time, order.time);
            }
        }
    }
}
