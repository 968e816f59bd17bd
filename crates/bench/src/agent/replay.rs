//! The expected calls of each task through our tools, and what must not be
//! possible with them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use serve::support::tools::{Refusal, Tool};
use shop::Id;
use store::Snapshot;

use super::desk::Desk;
use super::{Call, Task, database, reference};
use crate::watched::watched;

/// What came of it.
#[derive(Debug, Default)]
pub struct Replayed {
    /// Tasks whose end state is the expected one.
    pub passed: usize,
    /// Tasks.
    pub total: usize,
    /// Why others did not pass, by task.
    pub failed: Vec<String>,
    /// Attempts refused, with nothing changed.
    pub refused: usize,
    /// Attempts.
    pub attempts: usize,
    /// Attempts that went through, by kind.
    pub slipped: BTreeMap<&'static str, Vec<String>>,
    /// Reasons of refusals, by kind of attempt.
    pub reasons: BTreeMap<&'static str, BTreeMap<String, usize>>,
}

/// One of our tools with its arguments, for a call by tau2's name.
pub fn translated(call: &Call) -> Option<(Tool, Value)> {
    let given = &call.arguments;
    let address = || {
        let mut address = json!({});
        for part in ["address1", "address2", "city", "state", "country", "zip"] {
            address[part] = given[part].clone();
        }
        address
    };
    let swap = || {
        json!({
            "order": given["order_id"], "items": given["item_ids"],
            "new_items": given["new_item_ids"], "payment_method": given["payment_method_id"],
        })
    };
    Some(match call.name.as_str() {
        "find_user_id_by_email" | "find_user_id_by_name_zip" => (Tool::FindCustomer, given.clone()),
        "get_user_details" => (Tool::CustomerDetails, json!({"customer": given["user_id"]})),
        "get_order_details" => (Tool::OrderDetails, json!({"order": given["order_id"]})),
        "get_product_details" => (
            Tool::ProductDetails,
            json!({"product": given["product_id"]}),
        ),
        "get_item_details" => (Tool::ItemDetails, json!({"item": given["item_id"]})),
        "list_all_product_types" => (Tool::ListProductTypes, json!({})),
        "calculate" => (Tool::Calculate, given.clone()),
        "transfer_to_human_agents" => (Tool::HandOver, given.clone()),
        "cancel_pending_order" => (
            Tool::CancelOrder,
            json!({"order": given["order_id"], "reason": given["reason"]}),
        ),
        "modify_pending_order_address" => (
            Tool::ChangeOrderAddress,
            json!({"order": given["order_id"], "address": address()}),
        ),
        "modify_pending_order_items" => (Tool::ChangeOrderItems, swap()),
        "modify_pending_order_payment" => (
            Tool::ChangeOrderPayment,
            json!({"order": given["order_id"], "payment_method": given["payment_method_id"]}),
        ),
        "modify_user_address" => (
            Tool::ChangeCustomerAddress,
            json!({"customer": given["user_id"], "address": address()}),
        ),
        "return_delivered_order_items" => (
            Tool::ReturnItems,
            json!({
                "order": given["order_id"], "items": given["item_ids"],
                "payment_method": given["payment_method_id"],
            }),
        ),
        "exchange_delivered_order_items" => (Tool::ExchangeItems, swap()),
        _ => return None,
    })
}

/// Replays every task, each on a database of its own.
pub fn run(whole: &Value, tasks: &[Task]) -> anyhow::Result<Replayed> {
    let shop = database::snapshot(whole)?;
    let mut found = Replayed::default();
    for task in watched("replay the tasks", tasks.iter()) {
        found.total += 1;
        match replay(whole, &shop, task, &mut found)? {
            None => found.passed += 1,
            Some(why) => found.failed.push(format!("{}: {why}", task.id)),
        }
    }
    Ok(found)
}

/// Why the task did not end as expected; `None` when it did.
fn replay(
    whole: &Value,
    shop: &Snapshot,
    task: &Task,
    found: &mut Replayed,
) -> anyhow::Result<Option<String>> {
    let mut expected = whole.clone();
    let mut desk = Desk::new(shop.clone());
    let customer = task.customer.as_ref();
    let mut refusals = Vec::new();
    for call in &task.calls {
        let Some((tool, arguments)) = translated(call) else {
            return Ok(Some(format!("there is no tool for {}", call.name)));
        };
        let wanted = reference::call(&mut expected, &call.name, &call.arguments);
        if !tool.writes() {
            try_reading(&mut desk, task, tool, &arguments, found);
            if let Err(refusal) = desk.look(tool, customer, &arguments) {
                refusals.push(format!("{}: {refusal}", call.name));
            }
            continue;
        }
        if wanted.is_ok() {
            try_everything_else(&mut desk, task, tool, &arguments, found);
        }
        let done = desk.propose(tool, customer, &arguments).and_then(|token| {
            desk.confirm(&token, customer)?;
            let attempt = desk.confirm(&token, customer);
            Ok((token, attempt.err()))
        });
        match done {
            Ok((token, again)) => {
                let name = format!("{} {token}", task.id);
                found.note("the same token twice", &name, again);
                let before = desk.snapshot.clone();
                let again = desk.propose(tool, customer, &arguments).err();
                found.check("the same call twice", &name, again, &before, &desk.snapshot);
            }
            Err(refusal) => refusals.push(format!("{}: {refusal}", call.name)),
        }
    }
    let expected = database::snapshot(&expected)?;
    if same(&expected, &desk.snapshot) {
        return Ok(None);
    }
    Ok(Some(if refusals.is_empty() {
        "the end state differs".to_owned()
    } else {
        refusals.join("; ")
    }))
}

/// Whether two shops hold the same orders, customers and products.
pub fn same(one: &Snapshot, other: &Snapshot) -> bool {
    one.orders == other.orders
        && one.customers == other.customers
        && one.catalogue.iter().eq(other.catalogue.iter())
}

impl Replayed {
    fn note(&mut self, kind: &'static str, name: &str, refusal: Option<Refusal>) {
        self.attempts += 1;
        match refusal {
            Some(refusal) => {
                self.refused += 1;
                let reason = json!(refusal.reason)
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                *self
                    .reasons
                    .entry(kind)
                    .or_default()
                    .entry(reason)
                    .or_default() += 1;
            }
            None => self.slipped.entry(kind).or_default().push(name.to_owned()),
        }
    }

    fn check(
        &mut self,
        kind: &'static str,
        name: &str,
        refusal: Option<Refusal>,
        before: &Snapshot,
        after: &Snapshot,
    ) {
        let kept = refusal.filter(|_| same(before, after));
        self.note(kind, name, kept);
    }
}

/// Somebody else of the shop.
fn stranger(desk: &Desk, customer: Option<&Id>) -> Option<Id> {
    let mut ids: Vec<&Id> = desk.snapshot.customers.keys().collect();
    ids.sort_unstable();
    ids.into_iter().find(|id| Some(*id) != customer).cloned()
}

/// What belongs to a customer is shown to nobody else.
fn try_reading(desk: &mut Desk, task: &Task, tool: Tool, arguments: &Value, found: &mut Replayed) {
    let own = matches!(
        tool,
        Tool::FindCustomer | Tool::CustomerDetails | Tool::OrderDetails
    );
    if !own || task.customer.is_none() {
        return;
    }
    let name = format!("{} {}", task.id, tool.name());
    let other = stranger(desk, task.customer.as_ref());
    let refusal = desk.look(tool, other.as_ref(), arguments).err();
    found.note("read by another customer", &name, refusal);
    let refusal = desk.look(tool, None, arguments).err();
    found.note("read without signing in", &name, refusal);
}

fn try_everything_else(
    desk: &mut Desk,
    task: &Task,
    tool: Tool,
    arguments: &Value,
    found: &mut Replayed,
) {
    let name = format!("{} {}", task.id, tool.name());
    let (customer, before) = (task.customer.as_ref(), desk.snapshot.clone());
    let other = stranger(desk, customer);
    let refusal = desk.propose(tool, other.as_ref(), arguments).err();
    found.check(
        "written by another customer",
        &name,
        refusal,
        &before,
        &desk.snapshot,
    );
    let refusal = desk.propose(tool, None, arguments).err();
    found.check(
        "written without signing in",
        &name,
        refusal,
        &before,
        &desk.snapshot,
    );
    if let Ok(token) = desk.propose(tool, customer, arguments) {
        // Proposed and left: nothing may have happened.
        let left = same(&before, &desk.snapshot).then(|| {
            Refusal::new(
                serve::support::tools::Refused::NotConfirmed,
                "left unconfirmed",
            )
        });
        found.note("without confirmation", &name, left);
        let refusal = desk.confirm("a made-up token", customer).err();
        found.check(
            "with a made-up token",
            &name,
            refusal,
            &before,
            &desk.snapshot,
        );
        let refusal = desk.confirm(&token, other.as_ref()).err();
        found.check(
            "confirmed by another customer",
            &name,
            refusal,
            &before,
            &desk.snapshot,
        );
    }
    for wrong in against_policy(desk, task, tool, arguments) {
        let refusal = desk.propose(tool, customer, &wrong).err();
        found.check(
            "against the policy",
            &name,
            refusal,
            &before,
            &desk.snapshot,
        );
    }
}

/// The same call, wrong in one point each.
fn against_policy(desk: &Desk, task: &Task, tool: Tool, arguments: &Value) -> Vec<Value> {
    let mut wrong = Vec::new();
    let mut put = |field: &str, value: Value| {
        let mut changed = arguments.clone();
        changed[field] = value;
        wrong.push(changed);
    };
    let rule = desk.policy.rule(tool);
    // An order of the same customer in a state that the rule does not name.
    let orders = desk.snapshot.orders.values();
    let mut own: Vec<_> = orders
        .filter(|order| Some(&order.customer_id) == task.customer.as_ref())
        .collect();
    own.sort_by(|one, other| one.id.cmp(&other.id));
    let closed = own.iter().find(|order| {
        let status = order.status.clone().unwrap_or_default();
        rule.is_some_and(|rule| !rule.statuses.is_empty() && !rule.statuses.contains(&status))
    });
    if let (Some(order), false) = (closed, arguments["order"].is_null()) {
        put("order", json!(order.id));
    }
    if !arguments["order"].is_null() {
        put("order", json!("#W0000000000"));
    }
    match tool {
        Tool::CancelOrder => put("reason", json!("found it cheaper")),
        Tool::ReturnItems | Tool::ExchangeItems | Tool::ChangeOrderItems => {
            put("items", json!(["0"]));
            put("items", json!([]));
            put("payment_method", json!("credit_card_0"));
        }
        Tool::ChangeOrderAddress | Tool::ChangeCustomerAddress => {
            put("address", json!({"address1": "", "city": "X", "zip": "1"}));
        }
        Tool::ChangeOrderPayment => put("payment_method", json!("credit_card_0")),
        _ => {}
    }
    if let Some(items) = arguments["new_items"].as_array() {
        let place = |id: &Value| Id::new(id.as_str()?).ok();
        let group = items
            .first()
            .and_then(place)
            .and_then(|id| desk.snapshot.catalogue.by_id(&id)?.group_id.clone());
        let all = || desk.snapshot.catalogue.iter().map(|(_, product)| product);
        let foreign = all().find(|product| product.group_id != group);
        let gone = all()
            .find(|product| product.group_id == group && !product.availability.can_be_ordered());
        for product in [foreign, gone].into_iter().flatten() {
            let mut swapped = items.clone();
            swapped[0] = json!(product.id);
            put("new_items", json!(swapped));
        }
        put("new_items", arguments["items"].clone());
    }
    wrong
}
