#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use shop::{Id, Kind, Record, Timestamp};
use store::{Entry, LogEntry, Snapshot};

use super::super::policy::Policy;
use super::{Missing, Setting, Wanted};
use crate::support::clauses::{self, Clause};
use crate::support::dialogue_act::{DialogueAct, Heard};

fn usd(amount: i64) -> Value {
    json!({"amount": amount, "currency": "USD"})
}

fn address(street: &str, city: &str) -> Value {
    json!({
        "address1": street, "address2": "", "city": city, "state": "IL", "country": "USA",
        "zip": "60621",
    })
}

/// Ann's pending order of a kettle and a shirt, and her delivered one of a
/// desk lamp and two tablets.
fn shop() -> Snapshot {
    let mut rows = Vec::new();
    for (item, title, options, price) in [
        (
            "k-red",
            "Electric Kettle",
            json!({"color": "red", "capacity": "1L"}),
            5_000,
        ),
        (
            "k-blue",
            "Electric Kettle",
            json!({"color": "blue", "capacity": "1L"}),
            6_000,
        ),
        (
            "k-blue2",
            "Electric Kettle",
            json!({"color": "blue", "capacity": "2L"}),
            4_000,
        ),
        (
            "s-s",
            "T-Shirt",
            json!({"color": "black", "size": "S"}),
            2_000,
        ),
        (
            "s-l",
            "T-Shirt",
            json!({"color": "black", "size": "L"}),
            2_000,
        ),
        ("l-usb", "Desk Lamp", json!({"power source": "USB"}), 3_000),
        (
            "l-ac",
            "Desk Lamp",
            json!({"power source": "AC adapter"}),
            3_500,
        ),
        ("t-1", "Tablet", json!({"storage": "32GB"}), 30_000),
        ("t-2", "Tablet", json!({"storage": "64GB"}), 40_000),
    ] {
        rows.push((
            Kind::Products,
            json!({
                "id": item, "title": title, "group_id": title, "price": usd(price),
                "attributes": options,
            }),
        ));
    }
    rows.push((
        Kind::Customers,
        json!({
            "id": "ann", "address": address("1 Elm Street", "Denver"),
            "payment_methods": [
                {"id": "card", "source": "credit_card", "brand": "visa"},
                {"id": "pal", "source": "paypal"},
            ],
        }),
    ));
    for (order, status, city, items) in [
        ("#W1000001", "pending", "Chicago", vec!["k-red", "s-s"]),
        (
            "#W1000002",
            "delivered",
            "Denver",
            vec!["l-usb", "t-1", "t-2"],
        ),
    ] {
        let lines: Vec<Value> = items
            .into_iter()
            .map(|item| {
                let price = if item == "t-2" { 40_000 } else { 30_000 };
                json!({"product_id": item, "quantity": 1, "price": usd(price)})
            })
            .collect();
        rows.push((
            Kind::Orders,
            json!({
                "id": order, "customer_id": "ann", "time": "2024-05-01T00:00:00Z",
                "status": status, "address": address("9 Lake Road", city), "lines": lines,
                "payment_history": [{
                    "transaction_type": "payment", "amount": usd(7_000), "payment_method_id": "card",
                }],
            }),
        ));
    }
    let now = Timestamp::from_seconds(1_715_731_200);
    let entries: Vec<LogEntry> = (1..)
        .zip(rows)
        .map(|(sequence, (kind, row))| {
            let Value::Object(row) = row else {
                unreachable!()
            };
            LogEntry {
                sequence,
                id: sequence.to_string(),
                entry: Entry::Record(Record::from_json(kind, row, now).unwrap()),
            }
        })
        .collect();
    Snapshot::default().apply(&entries)
}

/// What is read from a message whose clauses, or all of it, ask for `act`.
fn read(message: &str, act: Option<DialogueAct>) -> Wanted {
    let mut clauses = clauses::read(message, clauses::heard_by_words);
    clauses.retain(|clause| clause.heard.is_sure);
    if let Some(act) = act {
        let heard = Heard {
            act,
            probability: 1.0,
            is_sure: true,
        };
        let parts = message.split_inclusive(". ");
        let part = |said: &str| Clause {
            heard,
            said: said.to_owned(),
        };
        // The last sentence may only tell what is liked better.
        let last = parts.clone().count() - 1;
        clauses = parts.map(part).collect();
        if last > 0 {
            clauses[last].heard.act = DialogueAct::Inform;
        }
        if act == DialogueAct::Return && last > 0 {
            clauses[0].heard.act = DialogueAct::Inform;
            clauses[last].heard.act = act;
        }
    }
    let (snapshot, policy) = (shop(), Policy::default());
    let setting = Setting {
        snapshot: &snapshot,
        customer: &Id::new("ann").unwrap(),
        policy: &policy,
        message,
        answered: "",
    };
    super::read(&clauses, setting)
}

/// Tool and first arguments of each wish.
fn wished(message: &str, act: Option<DialogueAct>) -> Vec<(String, Value)> {
    let wishes = read(message, act).wishes.into_iter();
    wishes
        .map(|wish| (wish.tool.name().to_owned(), wish.candidates[0].clone()))
        .collect()
}

fn act_of(tool: &str) -> DialogueAct {
    match tool {
        "cancel_order" => DialogueAct::Cancel,
        "return_items" => DialogueAct::Return,
        "exchange_items" | "change_order_items" => DialogueAct::Exchange,
        "change_order_address" => DialogueAct::OrderAddress,
        _ => DialogueAct::AccountAddress,
    }
}

#[test]
fn wishes_are_read_from_the_customer_s_words_and_orders() {
    let lamp = |payment: &str| {
        json!({
            "order": "#W1000002", "items": ["l-usb"], "new_items": ["l-ac"],
            "payment_method": payment,
        })
    };
    for (message, tool, arguments) in [
        (
            "Please cancel order #W1000001, I no longer need it.",
            "cancel_order",
            json!({"order": "#W1000001", "reason": "no longer needed"}),
        ),
        (
            "I want to cancel W1000001, it was ordered by mistake",
            "cancel_order",
            json!({"order": "#W1000001", "reason": "ordered by mistake"}),
        ),
        (
            "I want to return the desk lamp and get the money on my PayPal.",
            "return_items",
            json!({"order": "#W1000002", "items": ["l-usb"], "payment_method": "pal"}),
        ),
        (
            "I want to return everything except the tablets.",
            "return_items",
            json!({"order": "#W1000002", "items": ["l-usb"], "payment_method": "card"}),
        ),
        (
            "I received two tablets. I want to return the more expensive one.",
            "return_items",
            json!({"order": "#W1000002", "items": ["t-2"], "payment_method": "card"}),
        ),
        (
            "I want to exchange the lamp for one with an AC adapter instead of USB, paid with my visa",
            "exchange_items",
            lamp("card"),
        ),
        (
            "I would like to change my kettle to blue, please",
            "change_order_items",
            json!({
                "order": "#W1000001", "items": ["k-red"], "new_items": ["k-blue"],
                "payment_method": "card",
            }),
        ),
        (
            "I want to modify the kettle to the cheapest one",
            "change_order_items",
            json!({
                "order": "#W1000001", "items": ["k-red"], "new_items": ["k-blue2"],
                "payment_method": "card",
            }),
        ),
        (
            "I want to change the t-shirt to size L.",
            "change_order_items",
            json!({
                "order": "#W1000001", "items": ["s-s"], "new_items": ["s-l"],
                "payment_method": "card",
            }),
        ),
        (
            "I want to change the address of my order #W1000001 to my default address",
            "change_order_address",
            json!({"order": "#W1000001", "address": address("1 Elm Street", "Denver")}),
        ),
        (
            "I want to change my default address to 12 Oak Avenue, Springfield, IL, 62701",
            "change_customer_address",
            json!({"address": {
                "address1": "12 Oak Avenue", "address2": "", "city": "Springfield", "state": "IL",
                "country": "USA", "zip": "62701",
            }}),
        ),
    ] {
        let wishes = wished(message, Some(act_of(tool)));
        assert_eq!(wishes, [(tool.to_owned(), arguments)], "{message}");
    }
}

#[test]
fn comparisons_descriptions_and_likings_choose() {
    let kettle = |item: &str| {
        json!({
            "order": "#W1000001", "items": ["k-red"], "new_items": [item],
            "payment_method": "card",
        })
    };
    let tablet =
        |item: &str| json!({"order": "#W1000002", "items": [item], "payment_method": "card"});
    let home = json!({"order": "#W1000001", "address": address("1 Elm Street", "Denver")});
    for (message, tool, arguments) in [
        // Nothing red holds more.
        (
            "I want to change the kettle to a bigger one.",
            "change_order_items",
            kettle("k-blue2"),
        ),
        (
            "I want to change the kettle to blue. I prefer a capacity of 2L.",
            "change_order_items",
            kettle("k-blue2"),
        ),
        (
            "I want to return the tablet with 64GB.",
            "return_items",
            tablet("t-2"),
        ),
        (
            "I want to return a tablet. The tablet I mean has 32GB.",
            "return_items",
            tablet("t-1"),
        ),
        (
            "I want to return the lamp, with no other refund method than my paypal.",
            "return_items",
            json!({"order": "#W1000002", "items": ["l-usb"], "payment_method": "pal"}),
        ),
        (
            "I want to change the address of my Chicago order to my default one.",
            "change_order_address",
            home,
        ),
    ] {
        let wishes = wished(message, Some(act_of(tool)));
        assert_eq!(wishes, [(tool.to_owned(), arguments)], "{message}");
    }
}

#[test]
fn what_is_not_asked_for_is_not_wished() {
    for message in [
        "How do I cancel my order?",
        "What is the return policy?",
        "Could I still return a lamp after 40 days?",
        "Where is my order #W1000001?",
        "The return label has not arrived.",
        "Hello!",
    ] {
        assert!(
            wished(message, None).is_empty(),
            "{message}: {:?}",
            wished(message, None)
        );
    }
}

#[test]
fn what_is_left_open_is_asked_back() {
    for (message, act, missing) in [
        (
            "I want to return something",
            DialogueAct::Return,
            Missing::Item,
        ),
        (
            "I want to exchange the lamp",
            DialogueAct::Exchange,
            Missing::Option,
        ),
        // There is nothing smaller.
        (
            "I want to change the t-shirt to a smaller one",
            DialogueAct::Exchange,
            Missing::Option,
        ),
        (
            "Please send my order to another address",
            DialogueAct::OrderAddress,
            Missing::Address,
        ),
        (
            "I want to cancel the kettle",
            DialogueAct::Cancel,
            Missing::WholeOrder,
        ),
    ] {
        let wanted = read(message, Some(act));
        assert!(wanted.wishes.is_empty(), "{message}");
        assert_eq!(wanted.missing, [missing], "{message}");
    }
}
